"""Free texts become classes by what judges call the same (O1)."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.bodies import MAX_ANSWER, MAX_LABEL
from consensus.policy import ONE, RULES, Policy
from consensus.tally import Candidate, CountedBallot, Status, classes, normalise
from consensus.tally.result import EXCERPT
from consensus.tally.same import components, links
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    CHOICE,
    DAVE,
    FIRST,
    MALLORY,
    NUMBER,
    SAME,
    SEED,
    TEXT,
    TIE,
    Round,
    Word,
    ballot,
    candidate,
    quorum,
    rounds,
)

NAMES = ("alice", "bob", "carol", "dave", "mallory", "oscar", "peggy")


def said(authors: int) -> tuple[Candidate, ...]:
    """A text of its own from each of that many authors."""
    return tuple(candidate(at, f"What {NAMES[at]} says.") for at in range(authors))


def groups(of: Round) -> set[tuple[int, ...]]:
    """The authors of each class."""
    return {item.authors for item in of.count().classes.items}


def judged(n: int, *words: tuple[int, Iterable[Word]]) -> Round:
    """A round of `n` different texts with these voters' pairs."""
    table = said(n)
    ballots = tuple(ballot(voter, table, pairs) for voter, pairs in words)
    return Round(spec=TEXT, n=n, candidates=table, ballots=ballots)


AB: tuple[Word, ...] = ((ALICE, BOB, SAME, ONE),)
NOT_AB: tuple[Word, ...] = ((ALICE, BOB, FIRST, 1),)


@pytest.mark.parametrize(
    ("n", "words", "joined"),
    [
        # One of one where t is 1, two of two or of three where t is 2, three of five where it is 3.
        (3, [(CAROL, AB)], True),
        (3, [(CAROL, NOT_AB)], False),
        (4, [(CAROL, AB)], False),
        (4, [(CAROL, AB), (DAVE, AB)], True),
        (4, [(CAROL, AB), (DAVE, NOT_AB)], False),
        (5, [(CAROL, AB), (DAVE, AB), (MALLORY, NOT_AB)], True),
        (5, [(CAROL, AB), (DAVE, NOT_AB), (MALLORY, NOT_AB)], False),
        (7, [(CAROL, AB), (DAVE, AB)], False),
        (7, [(CAROL, AB), (DAVE, AB), (MALLORY, AB), (5, NOT_AB), (6, NOT_AB)], True),
        (7, [(CAROL, AB), (DAVE, AB), (5, NOT_AB), (6, NOT_AB)], False),
        # Half is not more than half, and silence is no judgment.
        (6, [(2, AB), (3, AB), (4, NOT_AB), (5, NOT_AB)], False),
        (6, [(2, AB), (3, AB), (4, AB), (5, NOT_AB)], True),
        (6, [(2, AB), (3, AB), (4, NOT_AB)], True),
        (7, [(2, AB), (3, AB), (4, AB), (5, ()), (6, ())], True),
        (4, [], False),
    ],
)
def test_two_texts_are_one_class_by_t_ballots_and_more_than_half_of_those_that_judged(
    n: int, words: list[tuple[int, Iterable[Word]]], joined: bool
) -> None:
    assert ((ALICE, BOB) in groups(judged(n, *words))) == joined


def test_both_orders_of_one_voter_are_one_voice() -> None:
    both = (*AB, (BOB, ALICE, SAME, ONE))
    assert (ALICE, BOB) not in groups(judged(4, (CAROL, both)))


def test_a_voter_that_contradicts_itself_does_not_call_them_the_same_but_has_judged() -> None:
    torn = (*AB, (BOB, ALICE, TIE, 0))
    assert (ALICE, BOB) not in groups(judged(4, (CAROL, AB), (DAVE, torn)))
    assert (ALICE, BOB) in groups(judged(5, (CAROL, AB), (DAVE, AB), (MALLORY, torn)))


def test_how_sure_a_voter_is_that_two_are_the_same_does_not_matter() -> None:
    unsure = ((ALICE, BOB, SAME, 0),)
    assert (ALICE, BOB) in groups(judged(4, (CAROL, unsure), (DAVE, unsure)))


def test_a_bridge_makes_one_class_of_what_nobody_calls_the_same() -> None:
    """Single linkage, as the rule has it; robustness is where it shows."""
    chain = ((ALICE, BOB, SAME, ONE), (BOB, CAROL, SAME, ONE), (ALICE, CAROL, FIRST, ONE))
    of = judged(5, (DAVE, chain), (MALLORY, chain))
    assert (ALICE, BOB, CAROL) in groups(of)
    gone = tuple(item for item in of.candidates if item.author != BOB)
    assert (ALICE, CAROL) not in groups(replace(of, candidates=gone))


def test_identical_texts_are_one_class_without_any_verdict() -> None:
    table = (
        candidate(ALICE, "It is\n7."),
        candidate(BOB, "  It  is 7. "),
        candidate(CAROL, "it is 7."),
    )
    assert groups(Round(spec=TEXT, n=4, candidates=table, ballots=())) == {(0, 1), (2,)}


def test_clones_of_a_text_add_no_voice_to_a_voter() -> None:
    table = (*said(2), candidate(CAROL, "What bob says."))
    pairs = ((ALICE, BOB, SAME, ONE), (ALICE, CAROL, SAME, ONE))
    of = Round(spec=TEXT, n=4, candidates=table, ballots=(ballot(DAVE, table, pairs),))
    assert groups(of) == {(ALICE,), (BOB, CAROL)}


def test_typed_answers_are_no_class_by_verdicts() -> None:
    table = (candidate(ALICE, "red"), candidate(BOB, "green"))
    words = [ballot(voter, table, AB) for voter in (CAROL, DAVE)]
    of = Round(spec=CHOICE, n=4, candidates=table, ballots=tuple(words))
    assert groups(of) == {(ALICE,), (BOB,)}


# -- who speaks for a class ---------------------------------------------------------------


def same_but_for(voters: Iterable[int], *words: Word, **marks: int) -> Round:
    """Alice's and bob's are the same and beat carol's, all say; with `words` besides."""
    table = said(5)
    base = ((ALICE, BOB, SAME, ONE), *words)
    given = {NAMES.index(name): mark for name, mark in marks.items()}
    return Round(
        spec=TEXT,
        n=5,
        candidates=table,
        ballots=tuple(ballot(voter, table, base, given) for voter in voters),
    )


@pytest.mark.parametrize("best", [ALICE, BOB])
def test_the_text_that_wins_most_comparisons_speaks_for_its_class(best: int) -> None:
    other = ALICE + BOB - best
    words: tuple[Word, ...] = ((best, CAROL, FIRST, ONE), (other, CAROL, FIRST, 2_000))
    found = same_but_for((DAVE, MALLORY), *words).count()
    (item,) = [item for item in found.classes.items if len(item.authors) == 2]
    assert item.text == f"What {NAMES[best]} says."


@pytest.mark.parametrize("best", ["alice", "bob"])
def test_of_equal_strengths_the_better_endorsed_speaks(best: str) -> None:
    found = same_but_for((DAVE, MALLORY), **{best: 60}).count()
    (item,) = [item for item in found.classes.items if len(item.authors) == 2]
    assert item.text == f"What {best} says."


def test_of_equals_the_slates_hash_chooses_and_ids_have_no_part_in_it() -> None:
    spoke = {
        item.text
        for seed in (bytes([at] * 32) for at in range(20))
        for item in same_but_for((DAVE, MALLORY)).count(seed=seed).classes.items
        if len(item.authors) == 2
    }
    assert spoke == {"What alice says.", "What bob says."}


# -- what a tally makes of it ---------------------------------------------------------------


def test_a_whole_committee_that_means_the_same_is_one_class_and_wins_with_all_votes() -> None:
    table = said(4)
    words = tuple(
        ballot(
            voter,
            table,
            [(a, b, SAME, ONE) for a, b in combinations(range(4), 2) if voter not in (a, b)],
        )
        for voter in range(4)
    )
    found = Round(spec=TEXT, n=4, candidates=table, ballots=words).tally()
    assert (found.status, found.belief, found.runner_up) == (Status.DECIDED, ONE, None)
    assert found.classes[0].votes == 4
    assert len(found.groups[0].spellings) == 4


def test_two_members_whose_texts_differ_are_undecided_and_alone_one_is_unjudged() -> None:
    table = said(2)
    empty = tuple(ballot(voter, table) for voter in (ALICE, BOB))
    two = Round(spec=TEXT, n=2, candidates=table, ballots=empty).tally()
    assert (two.status, two.winner) == (Status.UNDECIDED, None)
    one = Round(spec=TEXT, n=1, candidates=table[:1], ballots=()).tally()
    assert one.status is Status.UNJUDGED
    group = one.group(one.winner)
    assert group is not None
    assert group.text == "What alice says."


def test_figures_name_a_text_by_its_hash_and_show_how_it_begins() -> None:
    long = "word " * 799
    table = (candidate(ALICE, long), candidate(BOB, "short"))
    found = Round(
        spec=TEXT, n=4, candidates=table, ballots=tuple(ballot(at, table) for at in range(4))
    ).tally()
    shown = {item["excerpt"]: item["answer"] for item in found.to_dict()["classes"]}
    assert set(shown) == {long[:EXCERPT], "short"}
    assert all(len(name) == 64 and bytes.fromhex(name) for name in shown.values())


# -- what is one text -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" a \t\n b\u00a0\u2028\u3000c ", "a b c"),
        ("e\u0301t\u00e9", "\u00e9t\u00e9"),
        ("Lisbon.", "Lisbon."),
        ("LISBON", "LISBON"),
        ("a\x1b[2Jb", "a\x1b[2Jb"),
        # U+1DF5 came with Unicode 7: tables that do not know it compose nothing across it.
        ("e\u1df5\u0301", "e\u1df5\u0301"),
        ("\U0001fae0 e\u0301", "\U0001fae0 \u00e9"),
        ("\u0344", "\u0308\u0301"),
    ],
)
def test_a_text_has_one_spelling(text: str, canonical: str) -> None:
    assert normalise(TEXT, text) == (canonical, "")


@pytest.mark.parametrize("text", ["", " ", "\u3000\n\x1f\x85"])
def test_a_text_of_nothing_but_space_is_void(text: str) -> None:
    assert normalise(TEXT, text) == (None, "is empty")


@given(st.text(max_size=60))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once, _ = normalise(TEXT, text)
    if once is not None:
        assert normalise(TEXT, once) == (once, "")
        assert once == " ".join(once.split(" ")).strip(" ")


@pytest.mark.parametrize("spec", [CHOICE, NUMBER])
def test_only_free_text_may_be_longer_than_a_label(spec: object) -> None:
    assert normalise(NUMBER, "7".zfill(MAX_LABEL)) == ("7", "")
    answer, why = normalise(spec, "7" * MAX_ANSWER)  # type: ignore[arg-type]
    assert (answer, why) == (None, f"has {MAX_ANSWER} characters, over {MAX_LABEL}")
    assert normalise(TEXT, "7" * MAX_ANSWER) == ("7" * MAX_ANSWER, "")


# -- properties -----------------------------------------------------------------------------

FREE = rounds(specs=(TEXT,), least=2)


@given(FREE)
def test_classes_agree_with_the_naive_twin(of: Round) -> None:
    texts = classes(TEXT, of.candidates, SEED)
    t = quorum(of.n).t
    size = len(texts.items)
    near = [[at == other for other in range(size)] for at in range(size)]
    for one, other in combinations(range(size), 2):
        mine, theirs = texts.items[one].candidates, texts.items[other].candidates
        yes = no = 0
        for counted in of.ballots:
            held = counted.ballot.held
            words = [
                pair.preference
                for pair in counted.ballot.pairs
                if {held[pair.first], held[pair.second]} & set(mine)
                and {held[pair.first], held[pair.second]} & set(theirs)
            ]
            if words:
                alike = set(words) == {SAME}
                yes, no = yes + alike, no + (not alike)
        near[one][other] = near[other][one] = yes >= t and yes > no
    for via, one, other in product(range(size), repeat=3):  # Warshall's closure
        near[one][other] = near[one][other] or (near[one][via] and near[via][other])
    closed = {tuple(at for at in range(size) if near[one][at]) for one in range(size)}
    assert set(components(size, links(texts, of.ballots, t))) == closed


@given(FREE, st.data())
def test_f_members_link_no_texts_that_no_other_member_calls_the_same(
    of: Round, data: st.DataObject
) -> None:
    f = quorum(of.n).f
    bad = data.draw(st.sets(st.integers(0, of.n - 1), max_size=f))
    texts = classes(TEXT, of.candidates, SEED)

    def honest(counted: CountedBallot) -> CountedBallot:
        pairs = tuple(
            replace(pair, preference=TIE if pair.preference is SAME else pair.preference)
            for pair in counted.ballot.pairs
        )
        return replace(counted, ballot=replace(counted.ballot, pairs=pairs))

    ballots = [item if item.voter in bad else honest(item) for item in of.ballots]
    assert links(texts, ballots, quorum(of.n).t) == frozenset()


@given(FREE, st.data())
def test_f_members_part_only_what_honest_judges_link_by_f_or_less(
    of: Round, data: st.DataObject
) -> None:
    """Whatever they say, a link stands that t others make, and more by f than deny it."""
    q = quorum(of.n)
    bad = data.draw(st.sets(st.integers(0, of.n - 1), max_size=q.f))
    texts = classes(TEXT, of.candidates, SEED)
    good = [item for item in of.ballots if item.voter not in bad]
    voices: dict[tuple[int, int], list[bool]] = {}
    for item in good:
        for link in {
            tuple(
                sorted((texts.of[item.ballot.held[p.first]], texts.of[item.ballot.held[p.second]]))
            )
            for p in item.ballot.pairs
        }:
            if link[0] != link[1]:
                alone = links(texts, [item], 1)
                voices.setdefault((link[0], link[1]), []).append(link in alone)
    safe = {
        link
        for link, said_ in voices.items()
        if sum(said_) >= q.t and sum(said_) > said_.count(False) + len(bad)
    }
    assert safe <= links(texts, of.ballots, q.t)


@settings(max_examples=60)
@given(FREE, st.sampled_from(RULES))
def test_a_class_gains_nothing_but_its_members_by_being_said_in_several_ways(
    of: Round, rule: str
) -> None:
    """Every figure is one of the class: shares sum to one over classes, not over texts."""
    found = of.tally(policy=Policy(rule=rule))
    if found.classes:
        assert sum(item.belief for item in found.classes) == ONE
        assert sum(item.votes for item in found.classes) == len(of.candidates)
    assert {id_ for item in found.groups for id_ in item.candidates} == {
        item.id for item in of.candidates
    }
    assert all(item.answer in item.spellings for item in found.groups)
