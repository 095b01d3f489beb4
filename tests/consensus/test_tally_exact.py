"""Exact rounding, apportionment and logarithms beside their slow twins (V5)."""

import math
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.exact import LN_UNIT, apportion, entropy, ln, round_ratio, scaled

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**15))
def test_ratios_round_like_fractions(numerator: int, denominator: int) -> None:
    assert round_ratio(numerator, denominator) == round(Fraction(numerator, denominator))


@pytest.mark.parametrize(
    ("numerator", "rounded"), [(-3, -2), (-1, 0), (1, 0), (3, 2), (5, 2), (7, 4)]
)
def test_halves_round_to_even(numerator: int, rounded: int) -> None:
    assert round_ratio(numerator, 2) == rounded


@pytest.mark.parametrize("denominator", [0, -1])
def test_a_ratio_over_nothing_is_refused(denominator: int) -> None:
    with pytest.raises(ValueError, match="denominator above zero"):
        round_ratio(1, denominator)


@given(finite, st.sampled_from([1, 10_000, 10**9]))
def test_doubles_are_scaled_without_a_second_rounding(value: float, unit: int) -> None:
    assert scaled(value, unit) == round(Fraction(value) * unit)


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=12),
    st.integers(0, 10_000),
    st.randoms(use_true_random=False),
)
def test_shares_are_apportioned_like_the_naive_twin(
    shares: list[int], total: int, random: object
) -> None:
    order = list(range(len(shares)))
    random.shuffle(order)  # type: ignore[attr-defined]
    found = apportion(shares, total, order)
    assert sum(found) == total
    assert found == naive_apportion(shares, total, order)


def naive_apportion(shares: list[int], total: int, order: list[int]) -> tuple[int, ...]:
    """Hamilton's method a unit at a time."""
    whole = sum(shares)
    quotas = [
        Fraction(share * total, whole) if whole else Fraction(total, len(shares))
        for share in shares
    ]
    found = [math.floor(quota) for quota in quotas]
    served: set[int] = set()
    while sum(found) < total:
        left = [at for at in range(len(shares)) if at not in served]
        most = max(quotas[at] - math.floor(quotas[at]) for at in left)
        first = next(
            at for at in order if at in left and quotas[at] - math.floor(quotas[at]) == most
        )
        found[first] += 1
        served.add(first)
    return tuple(found)


def test_equal_shares_part_by_the_order_given() -> None:
    assert apportion([1, 1, 1], 10_000, [2, 0, 1]) == (3_333, 3_333, 3_334)
    assert apportion([0, 0], 3, [1, 0]) == (1, 2)
    assert apportion([], 10_000, []) == ()


def test_a_share_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="below zero"):
        apportion([1, -1], 10, [0, 1])


@given(st.integers(1, 10**19))
def test_logarithms_agree_with_eighty_digits(value: int) -> None:
    with localcontext(prec=80) as context:
        context.rounding = ROUND_HALF_EVEN
        twin = (Decimal(value).ln() * LN_UNIT).to_integral_value()
    assert ln(value) == int(twin)


def test_the_logarithm_of_two_is_the_known_one() -> None:
    assert ln(1) == 0
    assert ln(2) == 693147180559945309417232121458
    with pytest.raises(ValueError, match="below 1"):
        ln(0)


def test_logarithms_do_not_depend_on_the_ambient_context() -> None:
    with localcontext(prec=3) as context:
        context.rounding = "ROUND_UP"
        ln.cache_clear()
        assert ln(3) == 1098612288668109691395245236923


@given(st.lists(st.integers(0, 10_000), max_size=20))
def test_entropy_agrees_with_floating_point(shares: list[int]) -> None:
    numerator, denominator = entropy(shares)
    whole = sum(shares)
    twin = -sum(share / whole * math.log(share / whole) for share in shares if share)
    assert numerator / (denominator * LN_UNIT) == pytest.approx(twin, abs=1e-12)
    assert numerator >= 0
