"""Correlated errors, agreement, and how many members a committee counts for (L2)."""

from collections import Counter
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation import Book, Fact, FeedbackFact
from reputation.reliability import LEAST, Reliability, phi, reliability, share
from tests.harness.ledgers import CLIENTS, MEMBERS, fact_sets, task_id, verdict, word

FIVE = list(MEMBERS)


def told(number: int, drafts: str, truth: str = "a") -> list[Fact]:
    """A task whose right answer a client named."""
    right = drafts.count("a") > 0
    fact = verdict(number, drafts, winner=drafts[0])
    return [fact, word(number, right=drafts[0] == truth, answer=truth if right else "z")]


def measured(*facts: Fact, members: list[bytes] = FIVE) -> Reliability:
    return reliability(members, Book(facts).outcomes("law"))


def stream(kind: str, tasks: int = 60) -> list[Fact]:
    rng = Random(kind)
    found: list[Fact] = []
    for number in range(tasks):
        shared = rng.random() < 0.5
        drafts = "".join(
            "a" if (shared if kind == "as one" else rng.random() < 0.5) else "b" for _ in FIVE
        )
        found += told(number, drafts)
    return found


def test_members_who_err_as_one_count_for_one() -> None:
    found = measured(*stream("as one"))
    assert found.correlation is not None
    assert found.effective is not None
    assert found.correlation.value == pytest.approx(1.0)
    assert found.effective.value == pytest.approx(1.0)
    assert all(pair.agreed == pair.drafted == 60 for pair in found.pairs)


def test_members_who_err_independently_count_for_about_all() -> None:
    found = measured(*stream("by themselves", 200))
    assert found.correlation is not None
    assert found.effective is not None
    assert found.correlation.low <= 0.0 <= found.correlation.high
    assert found.effective.high == len(FIVE)
    assert found.effective.value > 4


def test_two_of_one_kind_are_the_pair_that_stands_out() -> None:
    rng, facts = Random(3), []
    for number in range(120):
        first, *others = (rng.random() < 0.5 for _ in range(4))
        drafts = "".join("a" if good else "b" for good in (first, first, *others))
        facts += told(number, drafts)
    found = measured(*facts)
    known = {(pair.one, pair.other): pair.errors for pair in found.pairs if pair.errors}
    assert len(known) == 10
    top = max(known, key=lambda pair: known[pair].value)
    assert top == (FIVE[0], FIVE[1])
    others = [estimate.high for pair, estimate in known.items() if pair != top]
    assert max(others) < known[top].low


def test_without_words_errors_are_unknown_and_agreement_is_known() -> None:
    found = measured(*(verdict(number, "aaabb") for number in range(LEAST)))
    assert found.correlation is None
    assert found.effective is None
    assert {pair.told for pair in found.pairs} == {0}
    assert [pair.agreed for pair in found.pairs][:2] == [LEAST, LEAST]


@pytest.mark.parametrize("tasks", [LEAST - 1, LEAST])
def test_a_correlation_takes_so_many_tasks(tasks: int) -> None:
    facts = [item for at in range(tasks) for item in told(at, "aabba" if at % 2 else "bbaab")]
    assert (measured(*facts).correlation is not None) == (tasks >= LEAST)


def test_who_is_always_right_has_no_correlation() -> None:
    facts = [item for at in range(LEAST) for item in told(at, "aabab" if at % 2 else "ababa")]
    found = measured(*facts)
    assert {pair.errors for pair in found.pairs if FIVE[0] in (pair.one, pair.other)} == {None}
    assert found.correlation is not None


def test_the_same_wrong_answer_is_told_from_another() -> None:
    found = measured(*told(0, "abbca"))
    pairs = {(pair.one, pair.other): pair for pair in found.pairs}
    same, other = pairs[FIVE[1], FIVE[2]], pairs[FIVE[1], FIVE[3]]
    assert (same.both, same.same) == (1, 1)
    assert (other.both, other.same) == (1, 0)


def test_clients_that_differ_and_words_on_oneself_tell_nothing() -> None:
    both = [word(0, right=True), word(0, right=False, answer="b", client=CLIENTS[1])]
    assert {one.told for one in measured(verdict(), *both).members} == {0}
    own = FeedbackFact(task=task_id(0), client=FIVE[0], right=True, answer="", at_ms=0)
    assert [one.told for one in measured(verdict(), own).members] == [0, 1, 1, 1, 1]


def test_a_wrong_verdict_tells_of_those_who_gave_it_alone() -> None:
    found = measured(verdict(drafts="aaabb"), word(right=False))
    assert [(one.told, one.wrong) for one in found.members] == [(1, 1)] * 3 + [(0, 0)] * 2


@given(fact_sets(), st.randoms(use_true_random=False))
def test_the_report_is_one_in_any_order_of_arrival(facts: list[Fact], rng: object) -> None:
    other = list(facts)
    rng.shuffle(other)  # type: ignore[attr-defined]
    assert measured(*facts) == measured(*other)


@given(fact_sets(most=12))
def test_counts_add_up_and_intervals_hold_their_figure(facts: list[Fact]) -> None:
    found = measured(*facts)
    assert [(pair.one, pair.other) for pair in found.pairs] == list(combinations(FIVE, 2))
    for pair in found.pairs:
        assert pair.same <= pair.both <= pair.told <= pair.drafted
        assert pair.agreed <= pair.drafted
        estimate = share(pair.agreed, pair.drafted)
        assert 0 <= estimate.low <= estimate.value + 1e-12
        assert estimate.value <= estimate.high + 1e-12 <= 1 + 1e-9


@given(st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_phi_is_pearsons_correlation(counts: list[int]) -> None:
    cells = Counter(
        dict(zip([(True, True), (True, False), (False, True), (False, False)], counts, strict=True))
    )
    points = [(int(a), int(b)) for (a, b), n in cells.items() for _ in range(n)]
    found = phi(cells)
    if len({a for a, _ in points}) < 2 or len({b for _, b in points}) < 2:
        assert found is None
        return
    n = len(points)
    ma, mb = (sum(point[at] for point in points) / n for at in (0, 1))
    cov = sum((a - ma) * (b - mb) for a, b in points)
    va, vb = sum((a - ma) ** 2 for a, _ in points), sum((b - mb) ** 2 for _, b in points)
    assert found == pytest.approx(cov / (va * vb) ** 0.5)


@pytest.mark.parametrize(
    ("right", "asked", "low", "high"),
    [
        # Newcombe (1998), table I, method 3: score intervals without continuity correction.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_equal_published_ones(
    right: int, asked: int, low: float, high: float
) -> None:
    found = share(right, asked)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.floats(0, n), st.just(n))))
def test_a_wilson_interval_holds_the_share_and_stays_within_0_and_1(
    counts: tuple[float, int],
) -> None:
    right, asked = counts
    found = share(right, asked)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


def test_no_question_says_nothing_and_more_right_than_asked_is_refused() -> None:
    nothing = share(0, 0)
    assert (nothing.low, nothing.high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="no share"):
        share(3, 2)
