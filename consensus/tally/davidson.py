"""Bradley-Terry with ties as outcomes of their own, and with a term for the first place (O2).

Davidson (1970, J. Amer. Statist. Assoc. 65): of two classes the first wins, the second wins or
neither does, with chances as s_i to s_j to nu sqrt(s_i s_j). Davidson and Beaver (1977, Biometrics
33): being shown first multiplies a strength by gamma. Here it does so in equal parts, the
first's by sqrt(gamma) and the second's by its inverse, so that turning every order turns gamma
into its inverse and leaves strengths and nu as they are.

Every class meets a ghost of strength 1 as in `bradley_terry`. Nu and gamma have a prior too: the
ghost meets itself as often, all outcomes equally likely (`likelihood.ghosts`). So a tie
between equals has a chance of a third and the first place no advantage until ballots say
otherwise, and every parameter has a finite maximum.

The likelihood is concave in the logarithms of all of them, so Newton's method is used as there,
with + - x / sqrt alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from .bradley_terry import STEPS, STILL
from .contests import Contest
from .likelihood import Sums, bends, ghosts
from .linear import Matrix, diagonal, solve_if_definite


@dataclass(frozen=True, slots=True, kw_only=True)
class DavidsonFit:
    """Strengths relative to the ghost's 1, and whether the steps came to rest.

    `tie` is nu, zero if ties are no outcome; `place` is gamma, one without a position term.
    `information` is the observed one, in log-strengths, then ln nu, then ln gamma, as far as
    they were fitted; its diagonal alone where rounding left nothing else to invert.
    """

    strengths: tuple[float, ...]
    tie: float
    place: float
    information: Matrix
    converged: bool


def fit_davidson(
    given: Sequence[Contest], count: int, prior: float, *, ties: bool, position: bool
) -> DavidsonFit:
    """The posterior mode over `count` classes for weighted contests; `prior` is above zero.

    Without `ties` no contest may be tied in part; without `position` the order of a contest has
    no meaning. The order in which contests are given does not show.
    """
    every = (*given, *ghosts(count, prior, ties=ties, position=position))
    values = [1.0] * (count + ties + position)
    steps = 0
    while True:
        sums = _sums(every, count, values, ties=ties, position=position)
        information = sums.information
        step, definite = solve_if_definite(information, sums.gradient)
        largest = max((abs(part) for part in step), default=0.0)
        if not definite or largest <= STILL or steps == STEPS:
            return DavidsonFit(
                strengths=tuple(values[:count]),
                tie=values[count] if ties else 0.0,
                place=values[-1] if position else 1.0,
                information=information if definite else diagonal(information),
                converged=definite and largest <= STILL,
            )
        cut = 1.0 if largest <= 1.0 else 1.0 / largest
        values = [
            value * (1.0 + part * cut * 0.5) / (1.0 - part * cut * 0.5)
            for value, part in zip(values, step, strict=True)
        ]
        steps += 1


def _sums(
    every: Sequence[Contest], count: int, values: Sequence[float], *, ties: bool, position: bool
) -> Sums:
    """Derivatives in the logarithms of `values`: strengths, then nu, then gamma."""
    sums = Sums(len(values))
    nu = values[count] if ties else 0.0
    gamma = values[-1] if position else 1.0
    for item in every:
        first = values[item.first] if item.first < count else 1.0
        second = values[item.second] if item.second < count else 1.0
        # a class against the ghost: in no order, and with no tie
        ghostly = item.first < count <= item.second
        if position and not ghostly:
            first *= gamma
        tie = 0.0 if ghostly else nu * sqrt(first * second)
        sums.meet(
            item.first if item.first < count else None,
            item.second if item.second < count else None,
            1.0,
            len(values) - 1 if position and not ghostly else None,
            count if ties and not ghostly else None,
            bends(first, second, tie, item),
        )
    return sums
