"""Scores as a pure function of the set of facts: order, decay, caps, strikes, words (L1, L2)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.committee import FaultMode
from consensus.tally import weigh
from reputation import (
    CHANGE_MOST,
    NEUTRAL,
    PER_OPENER,
    AcceptanceFact,
    ApprovalFact,
    Book,
    EvidenceFact,
    Fact,
    FeedbackFact,
    Score,
    VerdictFact,
    observe,
)
from reputation.book import WINDOW_MS
from reputation.decay import DAY_MS, FORGOTTEN, HALF_LIFE_MS, STEP_MS, UNIT, factor
from reputation.facts import ONE, STRIKES
from reputation.observations import AGREEMENT, GOLD, OPENER, STRUCK, Observation
from reputation.scoring import MARGIN, PRIOR, RECENT
from tests.harness.ledgers import (
    CLIENTS,
    DOMAINS,
    MEMBERS,
    START_MS,
    fact_sets,
    task_id,
    verdict,
    verdicts,
    word,
)
from tests.harness.tallies import quorum

ALICE, BOB, CAROL, DAVE, ERIN = MEMBERS
LATER = START_MS + 500 * DAY_MS


def scores(book: Book, at_ms: int = LATER) -> dict[tuple[str, bytes], Score]:
    return {
        (domain, member): book.score(member, domain, at_ms)
        for domain in DOMAINS
        for member in MEMBERS
    }


def in_order(facts: list[Fact]) -> list[Fact]:
    """Verdicts first, as whoever takes facts in has them."""
    return sorted(facts, key=lambda fact: not isinstance(fact, VerdictFact))


# -- the set ----------------------------------------------------------------------------------


@given(fact_sets(), st.randoms(use_true_random=False))
def test_same_facts_same_scores_same_digest_in_any_order(facts: list[Fact], rng: object) -> None:
    other = list(facts)
    rng.shuffle(other)  # type: ignore[attr-defined]
    one, two = Book(), Book()
    for fact in in_order(facts):
        one.add(fact)
    for fact in [*in_order(other), *other]:
        two.add(fact)
    assert one.digest == two.digest
    assert scores(one) == scores(two)
    assert {fact.id for fact in one} == {fact.id for fact in two}
    for member in MEMBERS:
        assert one.shared(member).digest == two.shared(member).digest


APPROVALS = st.lists(
    st.builds(
        ApprovalFact,
        task=st.just(task_id(0)),
        verdict=st.sampled_from([verdict(0, "ab").verdict, bytes(32)]),
        approver=st.sampled_from(CLIENTS[:2]),
        approve=st.booleans(),
        note=st.sampled_from(["", "So."]),
        at_ms=st.integers(0, 2),
    ),
    max_size=12,
)


@given(APPROVALS, st.randoms(use_true_random=False))
def test_of_an_approvers_words_its_earliest_no_and_its_earliest_yes_are_held_in_any_order(
    words: list[ApprovalFact], rng: object
) -> None:
    decided, other = verdict(0, "ab"), list(words)
    rng.shuffle(other)  # type: ignore[attr-defined]
    one, two = Book([decided]), Book([decided])
    for word_ in words:
        one.add(word_)
    for word_ in [*other, *other]:
        two.add(word_)
    assert one.digest == two.digest
    assert scores(one) == scores(Book([decided]))
    held = one.approvals(decided.task)
    said = [word_ for word_ in words if word_.verdict == decided.verdict]
    kinds = {(word_.approver, word_.approve) for word_ in said}
    assert [(word_.approver, word_.approve) for word_ in held] == sorted(kinds)
    for standing in held:
        of_kind = [
            w for w in said if (w.approver, w.approve) == (standing.approver, standing.approve)
        ]
        assert standing.at_ms == min(word_.at_ms for word_ in of_kind)


@given(fact_sets(), st.data())
def test_another_set_has_another_digest(facts: list[Fact], data: st.DataObject) -> None:
    book = Book(facts)
    if not len(book):
        assert book.digest == Book().digest
        return
    gone = data.draw(st.sampled_from(sorted(fact.id for fact in book)))
    rest = [fact for fact in book if fact.id != gone]
    assert Book(rest).digest != book.digest


@given(fact_sets(), st.integers(0, 900))
def test_scores_are_those_of_the_naive_book(facts: list[Fact], day: int) -> None:
    book, at_ms = Book(facts), START_MS + day * DAY_MS
    for (domain, member), score in scores(book, at_ms).items():
        assert score == naive(list(book), member, domain, at_ms)


@given(fact_sets(), st.integers(0, 8))
def test_counts_and_the_latest_entries_are_those_that_explain_lists(
    facts: list[Fact], most: int
) -> None:
    book = Book(in_order(facts))
    counts = book.counts()
    for member in MEMBERS:
        whole = []
        for domain in DOMAINS:
            entries = book.explain(member, domain, LATER)
            whole += entries
            tasks, strikes = counts.get((domain, member), (0, {}))
            assert tasks == len(entries)
            shown = [(one.accepted, one.fact.of(member)) for one in entries]
            told = [name for ok, one in shown if ok and one is not None for name in one.strikes]
            assert dict(strikes) == {name: told.count(name) for name in told}
        whole.sort(key=lambda one: (one.fact.opened_at_ms, one.fact.task), reverse=True)
        assert book.latest(member, LATER, most) == (whole[:most], len(whole))
        evidence = book.evidence(member)
        assert (evidence is not None) == book.excluded(member)


def naive(facts: list[Fact], member: bytes, domain: str, at_ms: int) -> Score:
    """The deliberately dumb version: everything again for every question, in fractions."""
    if any(isinstance(fact, EvidenceFact) and fact.member == member for fact in facts):
        return Score(author=0, judge=0, excluded=True)
    tasks = sorted(
        (fact for fact in facts if isinstance(fact, VerdictFact)),
        key=lambda fact: (fact.opened_at_ms, fact.task),
    )
    taken: dict[tuple[bytes, int], int] = {}
    seen: list[tuple[Fraction, Observation]] = []
    for task in tasks:
        window = (task.opener, task.opened_at_ms // WINDOW_MS)
        taken[window] = taken.get(window, 0) + 1
        if taken[window] > PER_OPENER or task.domain != domain:
            continue
        said: dict[bytes, FeedbackFact] = {}
        for fact in facts:
            if isinstance(fact, FeedbackFact) and fact.task == task.task:
                said[fact.client] = max(said.get(fact.client, fact), fact, key=lambda one: one.rank)
        accepted = {
            fact.member
            for fact in facts
            if isinstance(fact, AcceptanceFact) and fact.task == task.task
        }
        age = at_ms // STEP_MS - task.opened_at_ms // STEP_MS
        told = observe(task, member, statements=list(said.values()), accepted=accepted)
        seen.append((Fraction(factor(age), UNIT), told))
    return Score(
        author=naive_mean([(left, one.author) for left, one in seen]),
        judge=naive_mean([(left, one.judge) for left, one in seen]),
    )


def naive_mean(seen: list[tuple[Fraction, tuple[int, int]]]) -> int:
    """The lower of the mean over everything and the mean of late with its margin, in fractions."""

    def mean(good: Fraction, bad: Fraction) -> int:
        return int(((PRIOR + good) / (2 * PRIOR + good + bad) * ONE * 2 + 1) // 2)

    every = [(left * good / ONE, left * bad / ONE) for left, (good, bad) in seen]
    late_good, late_bad = Fraction(0), Fraction(0)
    for good, bad in reversed(every):
        room = RECENT - late_good - late_bad
        part = min(Fraction(1), room / (good + bad)) if good + bad else Fraction(0)
        late_good, late_bad = late_good + part * good, late_bad + part * bad
    found = mean(Fraction(sum(one for one, _ in every)), Fraction(sum(one for _, one in every)))
    full = late_good + late_bad == RECENT
    return min(found, mean(late_good, late_bad) + MARGIN) if full else found


# -- cold start, bounds, caps -----------------------------------------------------------------


def test_the_cold_start_is_neutral_for_all() -> None:
    assert set(scores(Book()).values()) == {Score(author=NEUTRAL, judge=NEUTRAL)}
    book = Book([verdict(domain="law")])
    assert book.score(ALICE, "digits", LATER) == Score(author=NEUTRAL, judge=NEUTRAL)


@given(fact_sets(most=4), verdicts(99), st.lists(st.booleans(), max_size=3))
def test_one_task_moves_no_score_by_more_than_its_bound(
    facts: list[Fact], last: VerdictFact, words: list[bool]
) -> None:
    book = Book(facts)
    at_ms = max(book.latest_ms(), last.opened_at_ms)
    before = scores(book, at_ms)
    book.add(last)
    for client, right in zip(CLIENTS, words, strict=False):
        book.add(word(99, right=right, client=client))
    for member in MEMBERS:
        book.add(AcceptanceFact(task=last.task, member=member))
    for key, score in scores(book, at_ms).items():
        assert abs(score.author - before[key].author) <= CHANGE_MOST
        assert abs(score.judge - before[key].judge) <= CHANGE_MOST


@pytest.mark.parametrize("extra", [0, 1, 40])
def test_an_opener_is_heard_so_often_a_day_and_no_more(extra: int) -> None:
    farmed = [verdict(number, "aabbb") for number in range(PER_OPENER + extra)]
    fair = sorted(farmed, key=lambda fact: fact.task)[:PER_OPENER]
    assert scores(Book(farmed)) == scores(Book(fair))
    tomorrow = verdict(999, "aabbb", day=1)
    more = Book([*farmed, tomorrow]).score(ALICE, "law", START_MS + DAY_MS)
    assert more.author > Book(farmed).score(ALICE, "law", START_MS + DAY_MS).author
    other = verdict(999, "aabbb", opener=BOB)
    assert Book([*farmed, other]).score(ALICE, "law", START_MS).author > NEUTRAL


@given(fact_sets(), st.sampled_from(FaultMode), st.integers(1, 5))
def test_with_real_scores_no_f_members_reach_half(
    facts: list[Fact], mode: FaultMode, n: int
) -> None:
    book, size = Book(facts), quorum(n, mode)
    said = [book.score(member, "law", LATER).author for member in MEMBERS[:n]]
    found = weigh([said] * n, size).weights
    assert 2 * sum(sorted(found, reverse=True)[: size.f]) < sum(found)


# -- decay ------------------------------------------------------------------------------------


def test_half_is_left_after_a_half_life_and_all_at_once() -> None:
    assert factor(0) == UNIT
    assert factor(HALF_LIFE_MS // STEP_MS) == UNIT // 2
    assert factor(2 * (HALF_LIFE_MS // STEP_MS)) == UNIT // 4
    assert factor(-1) == UNIT
    assert factor(-2) == 0
    assert factor(FORGOTTEN - 1) > 0 == factor(FORGOTTEN)


def test_a_task_that_is_dated_ahead_counts_from_that_day_on_alone() -> None:
    book = Book([verdict(day=400)])
    assert book.score(ALICE, "law", START_MS).author == NEUTRAL
    assert book.score(ALICE, "law", START_MS + 400 * DAY_MS).author > NEUTRAL


@given(st.integers(0, FORGOTTEN))
def test_decay_is_monotone(steps: int) -> None:
    assert factor(steps) >= factor(steps + 1)
    assert factor(steps) / UNIT == pytest.approx(2 ** (-steps / 64), abs=1e-12) or (
        steps == FORGOTTEN
    )


@given(verdicts(0), st.integers(400, 2_000), st.integers(0, 2_000))
def test_a_lone_score_comes_back_to_neutral_as_time_goes(
    fact: VerdictFact, day: int, more: int
) -> None:
    book = Book([fact])
    for member in MEMBERS:
        soon = book.score(member, fact.domain, START_MS + day * DAY_MS)
        late = book.score(member, fact.domain, START_MS + (day + more) * DAY_MS)
        assert abs(late.author - NEUTRAL) <= abs(soon.author - NEUTRAL)
        assert abs(late.judge - NEUTRAL) <= abs(soon.judge - NEUTRAL)


# -- exclusion and strikes --------------------------------------------------------------------


@given(fact_sets())
def test_an_excluded_member_stays_excluded(facts: list[Fact]) -> None:
    book = Book([EvidenceFact(member=BOB)])
    for fact in in_order(facts):
        book.add(fact)
        assert book.score(BOB, "law", LATER) == Score(author=0, judge=0, excluded=True)


def test_one_pair_convicts_whichever_it_is() -> None:
    book = Book([EvidenceFact(member=BOB)])
    assert not book.add(EvidenceFact(member=BOB))
    assert len(book) == 1


@pytest.mark.parametrize("strike", STRIKES)
def test_a_strike_needs_the_members_own_acceptance(strike: str) -> None:
    fact = verdict(drafts="aaabb", winner="", strikes={3: (strike,)}, silent=(3,))
    book = Book([fact])
    assert book.score(DAVE, "law", START_MS) == Score(author=NEUTRAL, judge=NEUTRAL)
    assert book.add(AcceptanceFact(task=fact.task, member=DAVE))
    score = book.score(DAVE, "law", START_MS)
    skills = (score.author, score.judge)
    assert [skill < NEUTRAL for skill in skills] == [at in STRUCK[strike] for at in (0, 1)]
    shown = Book([verdict(drafts="aaabb", winner="", strikes={3: (strike,)})])
    assert shown.score(DAVE, "law", START_MS) == score


# -- what a task teaches ----------------------------------------------------------------------


def test_without_a_word_the_winners_authors_gain_a_little() -> None:
    fact = verdict(drafts="aaabb", belief=8_000)
    gain = AGREEMENT * 8_000 // ONE
    assert observe(fact, ALICE).author == (gain, 0)
    assert observe(fact, DAVE).author == (0, gain)


@pytest.mark.parametrize(
    "fact",
    [
        verdict(drafts="aaabb", fragile=True),
        verdict(drafts="aaaaa"),
        verdict(drafts="aaa--"),
        verdict(drafts="aaabb", winner=""),
    ],
    ids=["fragile", "all agree", "all that drafted agree", "no winner"],
)
def test_what_might_be_anybodys_doing_or_everybodys_knowledge_teaches_nothing(
    fact: VerdictFact,
) -> None:
    assert not any(observe(fact, member) for member in MEMBERS)


def test_a_clients_word_outweighs_agreement_and_may_turn_it() -> None:
    fact = verdict(drafts="aaabb")
    right = observe(fact, ALICE, statements=[word(right=True)])
    assert right.author == (GOLD, 0)
    assert observe(fact, DAVE, statements=[word(right=True)]).author == (0, GOLD)
    known = [word(right=False, answer="b")]
    assert observe(fact, ALICE, statements=known).author == (0, GOLD)
    assert observe(fact, DAVE, statements=known).author == (GOLD, 0)
    unknown = [word(right=False)]
    assert observe(fact, ALICE, statements=unknown).author == (0, GOLD)
    assert observe(fact, DAVE, statements=unknown) == Observation()
    nobody = [word(right=False, answer="c")]
    assert observe(fact, DAVE, statements=nobody).author == (0, GOLD)


def test_judges_are_held_against_the_truth_where_it_is_known() -> None:
    ballot = ((2_000, ONE), (8_000, 5_000))  # against a, and half an observation for b
    fact = verdict(drafts="aaabb", judged={0: ballot})
    assert observe(fact, ALICE).judge == (500, 2_000)
    assert observe(fact, ALICE, statements=[word(right=True)]).judge == (2_000, 8_000)
    told = [word(right=False, answer="b")]
    assert observe(fact, ALICE, statements=told).judge == (4_000, 1_000)
    wrong = [word(right=False)]
    assert observe(fact, ALICE, statements=wrong).judge == (8_000, 2_000)
    assert observe(fact, BOB).judge == (0, 0)


def test_clients_that_disagree_are_averaged() -> None:
    fact = verdict(drafts="aaabb")
    both = [word(right=True), word(right=False, client=CLIENTS[1])]
    assert observe(fact, ALICE, statements=both).author == (GOLD // 2, GOLD // 2)


def test_the_openers_word_counts_half_and_nobodys_on_itself() -> None:
    fact = verdict(drafts="aaabb", opener=ALICE)
    own = [word(right=True, client=ALICE)]
    assert observe(fact, BOB, statements=own).author == (OPENER, 0)
    assert observe(fact, ALICE, statements=own) == observe(fact, ALICE)


def test_a_clients_last_word_takes_the_place_of_its_earlier_ones() -> None:
    fact, early, late = verdict(), word(right=True, at_ms=1), word(right=False, at_ms=2)
    forward, backward = Book([fact, early, late]), Book([fact, late, early])
    assert forward.digest == backward.digest == Book([fact, late]).digest
    assert not forward.add(early)
    assert early.id not in forward
    assert early.id not in forward.shared(ALICE)


def test_what_is_said_of_an_unknown_task_is_not_taken() -> None:
    book = Book()
    assert not book.add(word())
    assert not book.add(AcceptanceFact(task=task_id(0), member=ALICE))
    assert not len(book)


def test_a_second_verdict_on_a_task_is_not_taken() -> None:
    book = Book([verdict(drafts="aaabb")])
    assert not book.add(verdict(drafts="bbbaa"))


def test_facts_are_shared_with_the_committee_and_evidence_with_all() -> None:
    stranger = bytes(32)
    book = Book([verdict(), word()])
    assert len(book.shared(ALICE)) == 2
    assert len(book.shared(stranger)) == 0
    book.add(EvidenceFact(member=ERIN))
    assert len(book.shared(ALICE)) == 3
    assert len(book.shared(stranger)) == len(book.shared(bytes(31) + b"x")) == 1


def test_an_explanation_has_every_task_with_what_it_weighs() -> None:
    farmed = [verdict(number, "aabbb") for number in range(PER_OPENER + 1)]
    book = Book([*farmed, word(0), verdict(999, domain="digits", opener=BOB)])
    found = book.explain(ALICE, "law", START_MS + HALF_LIFE_MS)
    assert [entry.counted for entry in found] == [True] * PER_OPENER + [False]
    assert {entry.left for entry in found} == {ONE // 2}
    assert sum(bool(entry.statements) for entry in found) == 1
    assert book.explain(b"x" * 32, "law", LATER) == []


def test_views_depend_on_the_time_of_the_task_and_on_no_clock() -> None:
    book = Book([verdict(drafts="aaabb")])
    earlier = book.score(ALICE, "law", START_MS - STEP_MS)  # clocks differ
    assert earlier == book.score(ALICE, "law", START_MS)
    assert book.score(ALICE, "law", START_MS + HALF_LIFE_MS).author < earlier.author
