"""From what tasks taught about one skill of a member to its score (L2).

Two ways, by name. `beta` is the posterior's mean over everything that decay has left, held down by
what happened lately; `ema` is an exponential moving average, which remembers a number of tasks and
no more. Both are pure functions of the observations in their order, in exact integers.
"""

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .decay import UNIT, factor, step
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


Place = tuple[int, bytes]
"""Where a task stands: opened at, in milliseconds, and its id."""


@dataclass(frozen=True, slots=True)
class Seen:
    """For and against a member, in bp, and the step of decay in which its task was opened."""

    step: int
    good: int
    bad: int


class Record:
    """What tasks taught about one skill of a member, by (opened-at, id)."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._seen: list[Seen] = []
        self._sums: dict[int, list[int]] = {}

    def add(self, place: Place, good: int, bad: int) -> None:
        """Take in what the task at `place` taught, for and against in bp."""
        at = bisect_left(self._places, place)
        self._places.insert(at, place)
        self._seen.insert(at, Seen(step(place[0]), good, bad))
        self._sum(step(place[0]), good, bad)

    def discard(self, place: Place) -> None:
        """Take that back. It was taken in."""
        at = bisect_left(self._places, place)
        del self._places[at]
        seen = self._seen.pop(at)
        self._sum(seen.step, -seen.good, -seen.bad)

    def _sum(self, at: int, good: int, bad: int) -> None:
        sums = self._sums.setdefault(at, [0, 0])
        sums[0] += good
        sums[1] += bad

    def score(self, now: int, scoring: Scoring = DEFAULT) -> int:
        """The score in bp, rounded half up; `now` is a step. Tasks dated ahead do not count yet."""
        if scoring.method is Method.EMA:
            return self._average(now, scoring.gamma)
        return self._posterior(now)

    def _posterior(self, now: int) -> int:
        """min(mean over everything, mean over the last `RECENT` observations + `MARGIN`).

        Means are of Beta posteriors: (PRIOR + for) / (2 PRIOR + for + against). The last
        observations are those whose weight, decayed, comes to `RECENT`; the one that is over it
        counts in part.
        """
        good = bad = 0
        for when, (more, less) in self._sums.items():
            left = factor(now - when)
            good, bad = good + left * more, bad + left * less
        mean = _mean(good, bad)
        good = bad = 0
        room = RECENT * ONE * UNIT
        for item in reversed(self._seen):
            left = factor(now - item.step)
            if whole := left * (item.good + item.bad):
                part = min(room, whole)
                more = left * item.good * part // whole
                good, bad, room = good + more, bad + part - more, room - part
                if not room:
                    return min(mean, _mean(good, bad) + MARGIN)
        return mean

    def _average(self, now: int, gamma: int) -> int:
        """s <- (1 - gamma m) s + gamma m x, for observations of weight m whose share x is for.

        MACI (Chang and Chang 2025, 2510.04488) keeps its agents' reliability so. Between tasks,
        and from the last one to `now`, the distance from neutral decays by the half-life: nobody
        stays what it was by doing nothing.
        """
        neutral = UNIT // 2
        value, before = neutral, now
        for item in self._seen:
            if item.step > now + 1:
                break
            value = neutral + _faded(value - neutral, item.step - before)
            moved = gamma * (item.good * UNIT - (item.good + item.bad) * value)
            value += moved // (ONE * ONE)
            before = item.step
        value = neutral + _faded(value - neutral, now - before)
        return (2 * value * ONE + UNIT) // (2 * UNIT)


def _mean(good: int, bad: int) -> int:
    """The posterior's mean in bp, of sums in bp times `UNIT`."""
    prior = PRIOR * ONE * UNIT
    above, below = prior + good, 2 * prior + good + bad
    return (2 * above * ONE + below) // (2 * below)


def _faded(distance: int, steps: int) -> int:
    """A distance from neutral after so many steps, toward zero."""
    left = abs(distance) * factor(max(0, steps)) // UNIT
    return left if distance >= 0 else -left
