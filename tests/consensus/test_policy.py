"""What a policy may say: every figure within its bounds (rules S3, T3)."""

from dataclasses import fields, replace
from itertools import accumulate

import pytest

from consensus.agreement.timing import SCALE_FLOOR, Timing
from consensus.policy import STEP_MS, Policy

FIGURES = [item for item in fields(Policy) if "low" in item.metadata]
BLENDED = [item.name for item in FIGURES if item.name.startswith("blend_")]


@pytest.mark.parametrize("item", FIGURES, ids=lambda item: item.name)
def test_a_figure_may_be_at_its_bounds_and_not_one_past(item: object) -> None:
    name, low, high = item.name, item.metadata["low"], item.metadata["high"]  # type: ignore[attr-defined]
    for value in (low, high):
        rest = {}
        if name in BLENDED:  # the three of them sum to one
            first, second = (other for other in BLENDED if other != name)
            rest = {first: high - value, second: 0}
        assert getattr(replace(Policy(), **{name: value, **rest}), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(ValueError, match=f"policy.{name} is {value}; it must be {low} to"):
            replace(Policy(), **{name: value})


@pytest.mark.parametrize("value", [True, 1.5, "3", None])
def test_a_figure_is_a_whole_number(value: object) -> None:
    with pytest.raises(ValueError, match=r"policy\.rounds must be an integer"):
        replace(Policy(), rounds=value)  # type: ignore[arg-type]


def test_a_choice_names_what_it_can_be() -> None:
    with pytest.raises(
        ValueError, match=r"policy\.rule is 'coin'; it can be: blend, bradley_terry"
    ):
        Policy(rule="coin")


def test_the_three_shares_of_the_blend_sum_to_one() -> None:
    with pytest.raises(ValueError, match="must sum to 10000"):
        Policy(blend_support=2_999)


def test_plain_data_is_read_back_and_nothing_is_missing_or_unknown() -> None:
    data = Policy(rounds=2).to_dict()
    assert Policy.from_dict(data) == Policy(rounds=2)
    for wrong in (data | {"luck": 1}, {"rounds": 2}, [], None):
        with pytest.raises(ValueError, match="policy fields missing or unknown"):
            Policy.from_dict(wrong)


def test_in_a_day_no_policy_gets_through_more_views_than_memory_holds() -> None:
    fastest = Policy(vote_ms=10, propose_ms=10, vote_step_ms=STEP_MS, propose_step_ms=STEP_MS)
    timing = Timing(policy=fastest, rtt_ms=0)
    assert timing.vote(1) - timing.vote(0) == STEP_MS * SCALE_FLOOR // 100
    ends = accumulate(timing.vote(view) for view in range(10_000))
    views = next(view for view, end in enumerate(ends) if end > 86_400_000)
    assert views < 3_000
