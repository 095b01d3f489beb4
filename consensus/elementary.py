"""exp and ln of doubles whose every bit is fixed (rule V5): + - x / and comparisons alone.

The argument is reduced by powers of two, which is exact, and what is left goes into a series
of a fixed length. A C library's `exp` and `log` differ by a unit in the last place from one
machine to another; these do not. Their relative error is under 1e-15 (held against `decimal`).
"""

from typing import Final

MOST: Final = 709.0
"""`exp` of more than this is near the largest double, and refused."""

LEAST: Final = -708.0
"""`exp` of less than this would lose digits to underflow, and is given as zero."""

TINIEST: Final = 1.0 / float(1 << 1022)
"""The smallest double with all its digits: below it `ln` is refused."""

# ln 2 as the sum of two doubles. The first has its last 32 bits zero, so that a multiple of it
# up to 2,048 is exact (Cody and Waite 1980).
_LN2_HIGH: Final = 0.6931471803691238
_LN2_LOW: Final = 1.9082149292705877e-10
_PER_LN2: Final = 1.4426950408889634
_ROOT_HALF: Final = 0.7071067811865476

_EXP_SERIES: Final = tuple(1.0 / factor for factor in range(14, 1, -1))
"""1/n of Taylor's series in nested form: |r| <= ln 2 / 2 leaves less than 1e-19 to the next."""

_LN_SERIES: Final = tuple(2.0 / power for power in range(23, 1, -2))
"""2/(2k+1) of 2 artanh(s) after its first term: s^2 <= 0.0295 leaves less than 1e-18."""


def exp(x: float) -> float:
    """e to the power `x`; zero below `LEAST`. Raises `ValueError` above `MOST` and on NaN."""
    if not x <= MOST:
        raise ValueError(f"exp of {x} is more than a double holds")
    if x < LEAST:
        return 0.0
    nearest = x * _PER_LN2
    twos = int(nearest + 0.5) if nearest >= 0.0 else -int(0.5 - nearest)
    high, low = x - twos * _LN2_HIGH, twos * _LN2_LOW
    rest = high - low
    lost = (high - rest) - low
    value = 1.0
    for part in _EXP_SERIES:
        value = 1.0 + rest * part * value
    # 1 + r v, with what the subtraction above rounded away put back
    value = 1.0 + (rest * value + lost)
    return value * float(1 << twos) if twos >= 0 else value / float(1 << -twos)


def ln(x: float) -> float:
    """The natural logarithm of `x`, from `TINIEST` up. Raises `ValueError` below it and on NaN."""
    if not TINIEST <= x < float("inf"):
        raise ValueError(f"ln of {x} is not a number that is given here")
    above, below = x.as_integer_ratio()
    twos = above.bit_length() - below.bit_length()
    mantissa = x / float(1 << twos) if twos >= 0 else x * float(1 << -twos)
    if mantissa < _ROOT_HALF:
        mantissa, twos = mantissa * 2.0, twos - 1
    elif mantissa > 2.0 * _ROOT_HALF:
        mantissa, twos = mantissa * 0.5, twos + 1
    # ln(1 + f) = f - (f^2/2 - s (f^2/2 + R)), s = f / (2 + f): near one nothing is lost
    over = mantissa - 1.0
    ratio = over / (2.0 + over)
    square = ratio * ratio
    series = 0.0
    for part in _LN_SERIES:
        series = (series + part) * square
    half = 0.5 * over * over
    low = twos * _LN2_LOW
    return twos * _LN2_HIGH - ((half - (ratio * (half + series) + low)) - over)
