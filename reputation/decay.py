"""How much an observation still counts after a while: a half-life, exactly (L2).

Time goes in steps of a 64th of the half-life. The factor of each step is a root of two, computed
by integer square roots and multiplied up in integers, so that every node has the same bits;
`2.0 ** -x` would be a matter of its C library (V5).
"""

from functools import cache
from math import isqrt
from typing import Final

DAY_MS: Final = 86_400_000

HALF_LIFE_MS: Final = 60 * DAY_MS
"""Milliseconds in which an observation loses half of its say. Hosted models are replaced every
few months without their name changing: after one such time a model's record should not outvote
what it does now, and within a week it should hardly have faded."""

STEPS: Final = 64
"""Steps of a half-life: each takes off 1.1 %, and within one the order of facts is all one."""

STEP_MS: Final = HALF_LIFE_MS // STEPS

UNIT: Final = 1 << 60
"""What a factor of one is."""

FORGOTTEN: Final = 20 * STEPS
"""Steps after which nothing is left: a millionth of an observation moves no score."""


def step(at_ms: int) -> int:
    """The step in which a time lies."""
    return at_ms // STEP_MS


def factor(steps: int) -> int:
    """What is left of one after so many steps, in parts of `UNIT`.

    What was opened up to a step later than the task counts in full, since clocks differ. What was
    opened later still counts for nothing yet: members of a committee that are a quorum by
    themselves can date a task as they like, and it would fade for nobody until that day (L2).
    """
    if steps < -1:
        return 0
    if steps <= 0:
        return UNIT
    if steps >= FORGOTTEN:
        return 0
    halvings, rest = divmod(steps, STEPS)
    return _roots()[rest] >> halvings


@cache
def _roots() -> tuple[int, ...]:
    """2 ** (-k / 64) for k from 0 to 63, in parts of `UNIT`, rounded down."""
    root = UNIT >> 1
    for _ in range(6):  # the square root, six times: the 64th root of a half
        root = isqrt(root * UNIT)
    found = [UNIT]
    for _ in range(STEPS - 1):
        found.append(found[-1] * root // UNIT)
    return tuple(found)
