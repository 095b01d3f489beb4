"""From what tasks taught about one skill of a member to its score (L2).

Two ways, by name. `beta` is the posterior's mean over everything that decay has left, held down by
what happened lately; `ema` is an exponential moving average, which remembers a number of tasks and
no more. Both are pure functions of the observations in their order, in exact integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .decay import UNIT, factor
from .facts import ONE

NEUTRAL: Final = 5_000
"""The score of a member of which nothing is known, in bp."""

PRIOR: Final = 5
"""Observations for, and as many against, that everybody begins with. Ten in all: one task moves
no score by more than 909 bp, and it takes some ten sure ones to be heard as reliable."""

CHANGE_MOST: Final = ONE // (2 * PRIOR + 1) + 1
"""Most bp by which one task can move a score."""

RECENT: Final = 16
"""Observations that count as what a member did lately."""

MARGIN: Final = 1_500
"""Bp by which a score may be over what a member did lately: one and a half standard errors of
that many observations beside the prior's ten. A member as good as ever is rarely that unlucky."""

CAUGHT: Final = 12
"""Sure observations against it, in a row, after which no member is over neutral, whatever it had
earned before: (PRIOR + RECENT - 12) / (2 PRIOR + RECENT) + MARGIN is under a half."""

GAMMA: Final = 900
"""The moving average's default weight of a sure observation, in bp: it moves no score by more than
one task moves the posterior, and remembers some ten tasks. After eight sure ones against it no
member is over neutral."""

GAMMA_LEAST: Final = 100
GAMMA_MOST: Final = 3_000


class Method(StrEnum):
    """How observations become a score."""

    BETA = "beta"
    EMA = "ema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """A method with its figure; `gamma` in bp, for `ema` alone. `ValueError` out of bounds."""

    method: Method = Method.BETA
    gamma: int = GAMMA

    def __post_init__(self) -> None:
        if not GAMMA_LEAST <= self.gamma <= GAMMA_MOST:
            raise ValueError(f"gamma is {self.gamma} bp, outside {GAMMA_LEAST}..{GAMMA_MOST}")


DEFAULT: Final = Scoring()


@dataclass(frozen=True, slots=True)
class Seen:
    """For and against a member, in bp, and the step of decay in which its task was opened."""

    step: int
    good: int
    bad: int


def score(seen: Sequence[Seen], now: int, scoring: Scoring = DEFAULT) -> int:
    """The score in bp, rounded half up, of observations by (opened-at, id); `now` is a step."""
    known = [item for item in seen if item.step <= now + 1]  # dated ahead: not yet (`factor`)
    if scoring.method is Method.EMA:
        return _average(known, now, scoring.gamma)
    return _posterior(known, now)


def _posterior(seen: Sequence[Seen], now: int) -> int:
    """min(mean over everything, mean over the last `RECENT` observations + `MARGIN`).

    Means are of Beta posteriors: (PRIOR + for) / (2 PRIOR + for + against). The last observations
    are those whose weight, decayed, comes to `RECENT`; the one that is over it counts in part.
    """
    good = bad = late_good = late_bad = 0
    room = RECENT * ONE * UNIT
    for item in reversed(seen):
        left = factor(now - item.step)
        more, less = left * item.good, left * item.bad
        good, bad = good + more, bad + less
        if room and (whole := more + less):
            part = min(room, whole)
            late_good += more * part // whole
            late_bad += part - more * part // whole
            room -= part
    mean = _mean(good, bad)
    return mean if room else min(mean, _mean(late_good, late_bad) + MARGIN)


def _mean(good: int, bad: int) -> int:
    """The posterior's mean in bp, of sums in bp times `UNIT`."""
    prior = PRIOR * ONE * UNIT
    above, below = prior + good, 2 * prior + good + bad
    return (2 * above * ONE + below) // (2 * below)


def _average(seen: Sequence[Seen], now: int, gamma: int) -> int:
    """s <- (1 - gamma m) s + gamma m x, for observations of weight m whose share x is for.

    MACI (Chang and Chang 2025, 2510.04488) keeps its agents' reliability so. Between tasks, and
    from the last one to `now`, the distance from neutral decays by the half-life: nobody stays
    what it was by doing nothing.
    """
    neutral = UNIT // 2
    value, before = neutral, seen[0].step if seen else now
    for item in seen:
        value = neutral + _faded(value - neutral, item.step - before)
        moved = gamma * (item.good * UNIT - (item.good + item.bad) * value)
        value += moved // (ONE * ONE)
        before = item.step
    value = neutral + _faded(value - neutral, now - before)
    return (2 * value * ONE + UNIT) // (2 * UNIT)


def _faded(distance: int, steps: int) -> int:
    """A distance from neutral after so many steps, toward zero."""
    left = abs(distance) * factor(max(0, steps)) // UNIT
    return left if distance >= 0 else -left
