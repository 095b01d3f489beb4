"""How fast a score rises and falls, by either method, whatever came before (L2, L3)."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.committee import FaultMode
from consensus.tally import weigh
from reputation import CAUGHT, CHANGE_MOST, NEUTRAL, Book, Fact, Method, Scoring, VerdictFact
from reputation.decay import STEP_MS, STEPS
from reputation.facts import ONE
from reputation.scoring import GAMMA, GAMMA_LEAST, GAMMA_MOST, PRIOR, RECENT, Record, Seen
from tests.harness.ledgers import MEMBERS, START_MS, fact_sets
from tests.harness.tallies import quorum

EMA = Scoring(method=Method.EMA)
BETA = Scoring()
NOW = 500
methods = st.sampled_from([BETA, EMA]) | st.integers(GAMMA_LEAST, GAMMA_MOST).map(
    lambda gamma: Scoring(method=Method.EMA, gamma=gamma)
)


def score(seen: list[Seen], now: int, scoring: Scoring) -> int:
    """The score of a record to which these came in no order."""
    record, order = Record(), list(enumerate(seen))
    Random(len(seen)).shuffle(order)
    for number, item in order:
        record.add((item.step * STEP_MS, number.to_bytes(4, "big")), item.good, item.bad)
    return record.score(now, scoring)


def observation(rng: Random, step: int) -> Seen:
    mass = rng.choice([ONE, ONE, ONE // 4, rng.randint(0, ONE)])
    good = rng.choice([0, mass, rng.randint(0, mass)])
    return Seen(step, good, mass - good)


@st.composite
def histories(draw: st.DrawFn, most: int = 80) -> list[Seen]:
    """Observations in order, up to now: drawn by a seed, to try long ones at little cost."""
    rng = Random(draw(st.integers(0, 2**32)))
    steps = sorted(rng.randint(NOW - 2 * STEPS, NOW) for _ in range(rng.randint(0, most)))
    return [observation(rng, step) for step in steps]


def sure(good: bool, count: int) -> list[Seen]:
    return [Seen(NOW, ONE * good, ONE * (not good))] * count


@given(methods)
def test_who_is_unknown_is_neutral(scoring: Scoring) -> None:
    assert score([], NOW, scoring) == NEUTRAL
    assert score([Seen(NOW + 2, ONE, 0)], NOW, scoring) == NEUTRAL  # dated ahead


@given(histories(), st.integers(0, 79), methods)
def test_what_is_taken_back_was_never_there(seen: list[Seen], at: int, scoring: Scoring) -> None:
    record, less = Record(), Record()
    for number, item in enumerate(seen):
        place = (item.step * STEP_MS, number.to_bytes(4, "big"))
        record.add(place, item.good, item.bad)
        if number != at:
            less.add(place, item.good, item.bad)
    if at < len(seen):
        record.discard((seen[at].step * STEP_MS, at.to_bytes(4, "big")))
    assert record.score(NOW, scoring) == less.score(NOW, scoring)


@given(histories(), methods)
def test_a_score_is_a_share(seen: list[Seen], scoring: Scoring) -> None:
    assert 0 <= score(seen, NOW, scoring) <= ONE


@given(histories(), st.data(), methods)
def test_no_task_moves_a_score_by_more_than_its_bound(
    seen: list[Seen], data: st.DataObject, scoring: Scoring
) -> None:
    """Wherever in the order it belongs: facts arrive late."""
    at = data.draw(st.integers(0, len(seen)))
    step = seen[at].step if at < len(seen) else NOW
    more = observation(Random(data.draw(st.integers(0, 2**32))), step)
    moved = abs(score([*seen[:at], more, *seen[at:]], NOW, scoring) - score(seen, NOW, scoring))
    most = CHANGE_MOST if scoring.method is Method.BETA else scoring.gamma + 1
    assert moved <= most


@given(histories(most=400))
def test_whoever_turns_is_not_over_neutral_after_so_many_sure_failures(seen: list[Seen]) -> None:
    assert score([*seen, *sure(False, CAUGHT)], NOW, BETA) <= NEUTRAL
    assert score([*seen, *sure(False, 8)], NOW, EMA) <= NEUTRAL


def test_that_many_are_needed_against_a_long_record() -> None:
    record = sure(True, 2_000)
    assert score(record, NOW, BETA) == 9_577  # (5 + 16) / 26 and the margin: the highest there is
    assert score([*record, *sure(False, CAUGHT - 1)], NOW, BETA) > NEUTRAL
    assert score([*record, *sure(False, 7)], NOW, EMA) > NEUTRAL


def test_a_record_that_was_lost_is_earned_again_within_the_last_observations() -> None:
    turned = [*sure(True, 2_000), *sure(False, RECENT)]
    assert score([*turned, *sure(True, RECENT)], NOW, BETA) > 9_500


@given(histories(), st.integers(0, ONE // 4))
def test_a_task_in_favour_never_lowers_a_score_nor_one_against_raises_it(
    seen: list[Seen], mass: int
) -> None:
    for scoring in (BETA, EMA):
        before = score(seen, NOW, scoring)
        assert score([*seen, Seen(NOW, mass, 0)], NOW, scoring) >= before - 1
        assert score([*seen, Seen(NOW, 0, mass)], NOW, scoring) <= before + 1


@given(histories(), st.integers(0, 40 * STEPS), methods)
def test_with_time_a_score_comes_back_to_neutral(
    seen: list[Seen], steps: int, scoring: Scoring
) -> None:
    assert score(seen, NOW + 22 * STEPS + steps, scoring) == NEUTRAL


@given(histories(most=25))
def test_the_average_is_the_textbooks(seen: list[Seen]) -> None:
    value, before = 0.5, NOW
    for item in seen:
        value = 0.5 + (value - 0.5) * 2 ** -(max(0, item.step - before) / STEPS)
        mass = (item.good + item.bad) / ONE
        share = item.good / (item.good + item.bad) if mass else 0.0
        value += GAMMA / ONE * mass * (share - value)
        before = item.step
    value = 0.5 + (value - 0.5) * 2 ** -((NOW - before) / STEPS)
    assert score(seen, NOW, EMA) == pytest.approx(value * ONE, abs=1)


def test_before_there_is_a_lately_the_mean_over_everything_counts() -> None:
    bad = sure(False, 5)
    assert score(bad, NOW, BETA) == round(ONE * PRIOR / (2 * PRIOR + 5))


@pytest.mark.parametrize("gamma", [GAMMA_LEAST - 1, GAMMA_MOST + 1])
def test_a_gamma_out_of_bounds_is_refused(gamma: int) -> None:
    with pytest.raises(ValueError, match="gamma is"):
        Scoring(method=Method.EMA, gamma=gamma)


@given(fact_sets(), st.randoms(use_true_random=False), methods)
def test_facts_in_any_order_give_one_score_by_either_method(
    facts: list[Fact], rng: object, scoring: Scoring
) -> None:
    other = list(facts)
    rng.shuffle(other)  # type: ignore[attr-defined]
    one, two = Book(), Book()
    for book, came in ((one, facts), (two, other)):
        for fact in sorted(came, key=lambda item: not isinstance(item, VerdictFact)):
            book.add(fact)
    at_ms = START_MS + 900 * STEP_MS
    for member in MEMBERS:
        for domain in one.domains():
            assert one.score(member, domain, at_ms, scoring) == two.score(
                member, domain, at_ms, scoring
            )


@given(st.lists(methods, min_size=4, max_size=4), fact_sets(), st.sampled_from(FaultMode))
def test_members_may_score_by_different_methods_and_no_f_reach_half(
    mixed: list[Scoring], facts: list[Fact], mode: FaultMode
) -> None:
    book, size, at_ms = Book(facts), quorum(4, mode), START_MS + 900 * STEP_MS
    views = [
        [book.score(member, "law", at_ms, scoring).author for member in MEMBERS[:4]]
        for scoring in mixed
    ]
    found = weigh(views, size)
    assert 2 * sum(sorted(found.weights, reverse=True)[: size.f]) < sum(found.weights)
    for at, said in enumerate(found.scores):
        others = [view[at] for viewer, view in enumerate(views) if viewer != at]
        assert min(others) <= said <= max(others)
