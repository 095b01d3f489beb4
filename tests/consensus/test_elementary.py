"""exp and ln of doubles without libm: right to 1e-15, and the same bits everywhere (V5)."""

from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.elementary import LEAST, MOST, TINIEST, exp, ln

powers = st.one_of(st.floats(LEAST, MOST), st.floats(-2.0, 2.0), st.floats(-1e-6, 1e-6))
numbers = st.one_of(
    st.floats(TINIEST, 1.7e308), st.floats(0.25, 4.0), st.floats(1 - 1e-9, 1 + 1e-9)
)


def off(found: float, value: float, twin: Callable[[Decimal], Decimal]) -> Decimal:
    """The relative error of `found` beside fifty digits."""
    with localcontext(prec=50):
        exact = twin(Decimal(value))
        return abs(Decimal(found) / exact - 1) if exact else abs(Decimal(found))


@given(powers)
def test_exp_is_right_to_fifteen_digits(x: float) -> None:
    assert off(exp(x), x, Decimal.exp) < Decimal("1e-15")


@given(numbers)
def test_ln_is_right_to_fifteen_digits(x: float) -> None:
    assert off(ln(x), x, Decimal.ln) < Decimal("1e-15")


@pytest.mark.parametrize(
    "x", [MOST, LEAST, 0.0, -0.0, 1.0, 0.34657359027997264, -0.3465735902799727]
)
def test_exp_holds_at_its_bounds_and_where_the_reduction_turns(x: float) -> None:
    assert off(exp(x), x, Decimal.exp) < Decimal("1e-15")


@pytest.mark.parametrize("x", [TINIEST, 1.7976931348623157e308, 1.0, 2.0, 0.7071067811865475, 1.5])
def test_ln_holds_at_its_bounds_and_where_the_reduction_turns(x: float) -> None:
    assert off(ln(x), x, Decimal.ln) < Decimal("1e-15")


def test_exp_under_its_least_is_zero() -> None:
    assert exp(-708.0000000000001) == 0.0
    assert exp(float("-inf")) == 0.0


@pytest.mark.parametrize("x", [709.0000000000001, float("inf"), float("nan")])
def test_exp_of_more_than_a_double_holds_is_refused(x: float) -> None:
    with pytest.raises(ValueError, match="more than a double holds"):
        exp(x)


@pytest.mark.parametrize("x", [0.0, -1.0, TINIEST / 2, float("inf"), float("nan")])
def test_ln_of_what_has_none_is_refused(x: float) -> None:
    with pytest.raises(ValueError, match="not a number that is given here"):
        ln(x)


def test_the_bits_are_these() -> None:
    assert [exp(x).hex() for x in (1.0, -1.0, 0.1, 10.5, -300.25)] == EXP_BITS
    assert [ln(x).hex() for x in (2.0, 0.1, 10.0, 1.0000001, 1e300)] == LN_BITS


EXP_BITS = [
    "0x1.5bf0a8b14576ap+1",
    "0x1.78b56362cef38p-2",
    "0x1.1aec7b35a00d4p+0",
    "0x1.1bb7015e84d3bp+15",
    "0x1.c758233102acep-434",
]
LN_BITS = [
    "0x1.62e42fefa39efp-1",
    "-0x1.26bb1bbb55515p+1",
    "0x1.26bb1bbb55516p+1",
    "0x1.ad7f2847b6492p-24",
    "0x1.5963447f87fb5p+9",
]
