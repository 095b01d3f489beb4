"""One likelihood for every model of two classes that meet: win, tie or loss (Davidson 1970).

ln L = won z/2 - lost z/2 + tied eta - (won + tied + lost) ln(e^(z/2) + e^(-z/2) + e^eta)

z is the log-odds of the class shown first over the second, eta the logarithm of the tie parameter
nu. Without the tie's term it is Bradley and Terry's. The models differ in what z is made of.
"""

from math import fsum
from typing import Final, NamedTuple

from .contests import Contest

UNJUDGED: Final = -1
"""The judge of a contest that no judge has judged: the ghosts'."""


class Bends(NamedTuple):
    """First derivatives of one contest's ln L, and second ones with their sign turned.

    `slope` and `bend` are in z, `tie_slope` and `tie_bend` in eta, `mixed` in both.
    """

    slope: float
    bend: float
    tie_slope: float = 0.0
    tie_bend: float = 0.0
    mixed: float = 0.0


def bends(first: float, second: float, tie: float, of: Contest) -> Bends:
    """The derivatives where the outcomes' chances are as `first` to `second` to `tie`.

    `first` = c e^(z/2), `second` = c e^(-z/2), `tie` = c nu with any c above zero, which is the
    caller's to choose so that nothing overflows; `tie` is zero where ties are no outcome.
    """
    either = first + second
    whole = either + tie
    rounds = of.won + of.tied + of.lost
    lean = first - second
    return Bends(
        slope=(of.won * (tie + 2.0 * second) - of.lost * (tie + 2.0 * first) - of.tied * lean)
        / (2.0 * whole),
        bend=rounds * (4.0 * first * second + tie * either) / (4.0 * whole * whole),
        tie_slope=(of.tied * either - (of.won + of.lost) * tie) / whole,
        tie_bend=rounds * tie * either / (whole * whole),
        mixed=-0.5 * rounds * tie * lean / (whole * whole),
    )


class Sums:
    """Gradient and observed information of many contests in `size` parameters.

    Parts are collected and added by `fsum` at the end, so their order cannot show.
    """

    def __init__(self, size: int) -> None:
        self._slopes: list[list[float]] = [[] for _ in range(size)]
        self._bends: list[list[list[float]]] = [[[] for _ in range(size)] for _ in range(size)]

    def meet(
        self,
        first: int | None,
        second: int | None,
        sharp: float,
        place: int | None,
        tie: int | None,
        of: Bends,
    ) -> None:
        """One contest whose z is `sharp` times the difference of two logs, plus that at `place`;
        `tie` is eta's place. None where there is no such parameter; `tie` stands before
        `place`."""
        slopes, bends = self._slopes, self._bends
        slope, bend, tie_slope, tie_bend, mixed = of
        lean, cross = sharp * slope, sharp * bend
        own, tied = sharp * sharp * bend, sharp * mixed
        if first is not None:
            slopes[first].append(lean)
            row = bends[first]
            row[first].append(own)
            if place is not None:
                row[place].append(cross)
            if tie is not None:
                row[tie].append(tied)
        if second is not None:
            slopes[second].append(-lean)
            row = bends[second]
            row[second].append(own)
            if place is not None:
                row[place].append(-cross)
            if tie is not None:
                row[tie].append(-tied)
            if first is not None:
                (bends[first][second] if first < second else row[first]).append(-own)
        if place is not None:
            slopes[place].append(slope)
            bends[place][place].append(bend)
        if tie is not None:
            slopes[tie].append(tie_slope)
            bends[tie][tie].append(tie_bend)
            if place is not None:
                bends[tie][place].append(mixed)

    @property
    def gradient(self) -> list[float]:
        """The gradient of ln L."""
        return [fsum(parts) for parts in self._slopes]

    @property
    def information(self) -> list[list[float]]:
        """The negative Hessian of ln L, a symmetric matrix."""
        found = [[fsum(parts) for parts in row] for row in self._bends]
        for at, row in enumerate(found):
            for other in range(at):
                row[other] = found[other][at]
        return found


def ghosts(count: int, prior: float, *, ties: bool, position: bool) -> tuple[Contest, ...]:
    """The prior as contests that every model adds to those it is given.

    Every class meets the ghost, place `count`, of strength 1, `prior` times, half of them won
    (O2), never in a tie, in no order and before no judge. The ghost meets itself as often, all
    outcomes equally likely, if there is a tie or a place to learn about: the last contest.
    """
    half = 0.5 * prior
    met = [
        Contest(judge=UNJUDGED, first=at, second=count, won=half, tied=0.0, lost=half)
        for at in range(count)
    ]
    if ties or position:
        part = prior / 3.0 if ties else half
        own = part if ties else 0.0
        met.append(
            Contest(judge=UNJUDGED, first=count, second=count, won=part, tied=own, lost=part)
        )
    return tuple(met)
