"""How sure a difference of two rules on the same questions is: the paired bootstrap.

Questions are drawn with replacement, and both rules are looked at on the same draw (Efron and
Tibshirani 1993, chapter 13: the percentile interval; Koehn 2004 for the paired comparison of
systems). The questions are the only thing that is drawn: what other models or judges would have
said is not in these intervals.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES: Final = 10_000
SEED: Final = 2_026
LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A mean difference in percentage points, its interval, and how often each side is ahead.

    `better` and `worse` are numbers of questions on which the share of right differs.
    """

    points: float
    low: float
    high: float
    better: int
    worse: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Differences of many rules from one, all on the same draws.

    `critical` is how many standard errors all of them together stay within at `LEVEL` (the
    "max t" of Westfall and Young 1993): a rule that was picked for being the best of so many
    is above the base by more than luck only if it is so by this many.
    """

    differences: tuple[Difference, ...]
    errors: tuple[float, ...]
    critical: float

    def simultaneous(self, at: int) -> tuple[float, float]:
        """The interval of one of them that holds for all of them at once, in points."""
        middle, half = self.differences[at].points, self.critical * self.errors[at]
        return middle - half, middle + half


def draws(questions: int, *, resamples: int = RESAMPLES, seed: int = SEED) -> NDArray[np.float64]:
    """How often each question is in each resample, shape (resamples, questions)."""
    generator = np.random.default_rng(seed)
    even = np.full(questions, 1 / questions)
    return generator.multinomial(questions, even, size=resamples).astype(np.float64)


def interval(differences: NDArray[np.float64]) -> tuple[float, float, float]:
    """The mean of one series of paired differences, with the ends of its interval, in points."""
    found = paired(np.zeros_like(differences), [differences], draws(len(differences)))
    one = found.differences[0]
    return one.points, one.low, one.high


def paired(base: ArrayLike, others: ArrayLike, drawn: NDArray[np.float64]) -> Paired:
    """Compare each of `others` with `base`: shares of right answers in [0, 1], by question."""
    gained = np.asarray(others, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    means = 100 * gained.mean(axis=1)
    found = 100 * (drawn @ gained.T) / gained.shape[1]
    tail = 50 * (1 - LEVEL)
    lows, highs = np.percentile(found, [tail, 100 - tail], axis=0)
    errors = found.std(axis=0)
    moving = errors > 0
    critical = 0.0
    if moving.any():
        strayed = np.abs(found[:, moving] - means[moving]) / errors[moving]
        critical = float(np.quantile(strayed.max(axis=1), LEVEL))
    return Paired(
        differences=tuple(
            Difference(
                points=float(means[at]),
                low=float(lows[at]),
                high=float(highs[at]),
                better=int((gained[at] > 0).sum()),
                worse=int((gained[at] < 0).sum()),
            )
            for at in range(len(gained))
        ),
        errors=tuple(map(float, errors)),
        critical=critical,
    )
