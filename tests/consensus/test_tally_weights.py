"""From views to weights: lower medians of others, capped so that f never reach half (R2b, L3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.committee import FaultMode
from consensus.policy import ONE
from consensus.tally import NEUTRAL, Weights, weigh
from consensus.tally.weights import LEAST
from tests.harness.tallies import quorum

views_of_all = st.integers(1, 12).flatmap(
    lambda n: st.lists(
        st.none() | st.lists(st.integers(0, ONE), min_size=n, max_size=n), min_size=n, max_size=n
    )
)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 64])
def test_the_cold_start_is_neutral_for_all(n: int) -> None:
    neutral = Weights(scores=(NEUTRAL,) * n, weights=(ONE,) * n)
    assert weigh([None] * n, quorum(n)) == neutral == Weights.neutral(n)
    assert weigh([[NEUTRAL] * n] * n, quorum(n)) == neutral


def test_a_score_is_the_lower_median_of_what_the_others_say() -> None:
    views = [[0, 8_000, 100, 5_000], [9_000] * 4, [7_000, 6_000, 1, 5_000], [6_000] * 4]
    # Of alice: 9,000 7,000 6,000; of bob: 8,000 6,000 6,000; of carol: 100 9,000 6,000.
    assert weigh(views, quorum(4)).scores == (7_000, 6_000, 6_000, 5_000)


def test_of_an_even_number_of_views_the_lower_middle_counts() -> None:
    views: list[list[int] | None] = [[0] * 5, [2_000] * 5, [4_000] * 5, [6_000] * 5, [8_000] * 5]
    assert weigh(views, quorum(5)).scores[0] == 4_000


def test_nobody_raises_itself() -> None:
    modest = [[NEUTRAL] * 4 for _ in range(4)]
    proud = [list(view) for view in modest]
    proud[2][2] = ONE
    assert weigh(proud, quorum(4)) == weigh(modest, quorum(4))


@pytest.mark.parametrize("void", [None, [], [ONE] * 3, [ONE] * 5])
def test_a_missing_or_misshapen_view_counts_as_neutral(void: list[int] | None) -> None:
    others = [[8_000] * 4] * 3
    assert weigh([void, *others], quorum(4)) == weigh([[NEUTRAL] * 4, *others], quorum(4))


def test_views_of_another_committee_are_refused() -> None:
    with pytest.raises(ValueError, match="3 views for a committee of 4"):
        weigh([None] * 3, quorum(4))


@given(views_of_all, st.sampled_from(FaultMode))
def test_no_f_members_together_reach_half(views: list[list[int] | None], mode: FaultMode) -> None:
    size = quorum(len(views), mode)
    found = weigh(views, size)
    heaviest = sorted(found.weights, reverse=True)[: size.f]
    assert 2 * sum(heaviest) < sum(found.weights)
    assert all(weight > 0 for weight in found.weights)


@given(views_of_all, st.sampled_from(FaultMode))
def test_the_cap_is_the_highest_that_holds(views: list[list[int] | None], mode: FaultMode) -> None:
    size = quorum(len(views), mode)
    found = weigh(views, size)
    raw = [max(LEAST, score) for score in found.scores]
    fitting = []
    for level in sorted({*raw, *range(min(raw), max(raw) + 1, 97)}):
        cut = [min(level, weight) for weight in raw]
        scaled = tuple(weight * size.n * ONE // sum(cut) for weight in cut)
        if 2 * sum(sorted(scaled, reverse=True)[: size.f]) < sum(scaled):
            fitting.append(scaled)
    # Never more even than the highest level that the coarse search found to fit.
    assert max(found.weights) >= max(fitting[-1]) - 1


@given(views_of_all)
def test_weights_average_one_and_follow_scores(views: list[list[int] | None]) -> None:
    found = weigh(views, quorum(len(views)))
    n = len(views)
    assert n * ONE - n < sum(found.weights) <= n * ONE
    pairs = sorted(zip(found.scores, found.weights, strict=True))
    assert [weight for _, weight in pairs] == sorted(weight for _, weight in pairs)


@given(
    st.integers(1, 3).flatmap(
        lambda f: st.tuples(
            st.just(f),
            st.lists(st.integers(0, ONE), min_size=2 * f + 1, max_size=2 * f + 1),
            st.lists(st.integers(0, ONE), min_size=f, max_size=f),
        )
    )
)
def test_f_liars_move_no_score_beyond_what_honest_members_say(
    of: tuple[int, list[int], list[int]],
) -> None:
    f, honest, liars = of
    n = 3 * f + 1
    views: list[list[int]] = [[said] * n for said in [*honest, *liars]]
    for target in range(n):
        others = [said for viewer, said in enumerate(honest) if viewer != target]
        if len(others) > f:
            score = weigh(views, quorum(n)).scores[target]
            assert min(others) <= score <= max(others)
