"""Arithmetic whose every bit is fixed (rule V5): what signed figures are computed with.

Three kinds of number are used and no other. Integers and ratios of integers; IEEE doubles by
+ - x / sqrt and `math.fsum`, whose results the standard fixes to the last bit; and natural
logarithms of integers from `decimal` in one context, which `decimal` rounds correctly. What
is signed is an integer, rounded half to even by the functions below. `math.log`, `**` on
doubles and `sum` of doubles are never used: libraries and Python versions differ on them.
"""

from collections.abc import Iterable, Sequence
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from functools import lru_cache

ONE_BP = 10_000
"""One, in basis points."""

GRID = 1_000_000_000
"""Doubles are brought to this many parts of one before they are compared or shared out: far
above their rounding noise, so figures that are equal by symmetry stay equal."""

LN_UNIT = 10**30
"""`ln` gives its result in this many parts of one."""

_CONTEXT = Context(
    prec=50,
    rounding=ROUND_HALF_EVEN,
    Emin=-999,
    Emax=999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
_LN_UNIT = Decimal(LN_UNIT)


def round_ratio(numerator: int, denominator: int) -> int:
    """The integer nearest to numerator/denominator, half to even; denominator above zero."""
    if denominator <= 0:
        raise ValueError("a ratio is rounded over a denominator above zero")
    whole, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1):
        return whole + 1
    return whole


def scaled(value: float, unit: int) -> int:
    """The integer nearest to the finite double `value` times `unit`, half to even.

    The product is taken exactly, in integers; only its result is rounded.
    """
    numerator, denominator = value.as_integer_ratio()
    return round_ratio(numerator * unit, denominator)


def apportion(shares: Sequence[int], total: int, order: Sequence[int]) -> tuple[int, ...]:
    """Integers proportional to `shares` that sum to `total` (largest remainders, Hamilton).

    `shares` are not negative; if all are zero they count as equal. Units left over go to the
    largest remainders, equal remainders by `order`, a ranking of the positions (first served
    first). Empty shares give an empty result.
    """
    if any(share < 0 for share in shares):
        raise ValueError("a share is below zero")
    if not shares:
        return ()
    weights = list(shares) if any(shares) else [1] * len(shares)
    whole = sum(weights)
    floors = [weight * total // whole for weight in weights]
    rank = {position: place for place, position in enumerate(order)}
    by_remainder = sorted(
        range(len(weights)), key=lambda at: (-(weights[at] * total % whole), rank[at])
    )
    for position in by_remainder[: total - sum(floors)]:
        floors[position] += 1
    return tuple(floors)


@lru_cache(maxsize=65_536)
def ln(value: int) -> int:
    """ln(value) for an integer of at least 1, in `LN_UNIT` parts, rounded half to even.

    Computed at 50 digits and correctly rounded there, so values up to 10**19 are exact to
    the unit but for one case in 10**18, and the same on every machine in every case.
    """
    if value < 1:
        raise ValueError("ln of an integer below 1")
    product = _CONTEXT.multiply(_CONTEXT.ln(Decimal(value)), _LN_UNIT)
    return int(_CONTEXT.to_integral_value(product))


def log_sum(values: Sequence[int]) -> int:
    """ln of the sum of e**v over `values`, at least one, all in `LN_UNIT` parts.

    Each e**v is `decimal`'s, correctly rounded at 50 digits relative to the largest, and they
    are added in the order given. What is more than 100 nats under the largest adds less than
    the unit and is left out.
    """
    top = max(values)
    total = Decimal(0)
    for value in values:
        if value - top > -100 * LN_UNIT:
            power = _CONTEXT.exp(_CONTEXT.divide(Decimal(value - top), _LN_UNIT))
            total = _CONTEXT.add(total, power)
    rest = _CONTEXT.multiply(_CONTEXT.ln(total), _LN_UNIT)
    return top + int(_CONTEXT.to_integral_value(rest))


def entropy(shares: Sequence[int]) -> tuple[int, int]:
    """Shannon entropy in nats of the distribution with these integer shares.

    A ratio of integers (numerator in `LN_UNIT` parts, denominator): with S the sum of the
    shares, H = (S ln S - sum of s ln s) / S. No shares, or all zero, give 0 / 1.
    """
    whole = sum(shares)
    if whole == 0:
        return 0, 1
    mixed = sum(share * ln(share) for share in shares if share)
    return max(0, whole * ln(whole) - mixed), whole


def lower_median(values: Iterable[int]) -> int:
    """The middle value, of two the lower. Raises `ValueError` if there are none."""
    ascending = sorted(values)
    if not ascending:
        raise ValueError("no values have no median")
    return ascending[(len(ascending) - 1) // 2]


def lower_medians(views: Sequence[Sequence[int]], otherwise: Sequence[int]) -> tuple[int, ...]:
    """The lower median of all views, figure by figure (R2b); one of another length than
    `otherwise` counts as that. Raises `ValueError` if there are none."""
    read = [view if len(view) == len(otherwise) else otherwise for view in views]
    return tuple(lower_median(view[at] for view in read) for at in range(len(otherwise)))
