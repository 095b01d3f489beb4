"""Bradley-Terry that finds out how well each judge tells classes apart (O2).

After Xu, Tan, Wu and Zhou (2026, arXiv 2601.21817): before judge v the log-odds of two classes are
a_v (theta_i - theta_j), with one discrimination a_v > 0 a judge, fitted jointly with the
log-strengths theta. A judge at odds with the others ends up near zero and weighs
little; one that agrees ends up above one. Ties and the first place as in `davidson`.

The paper sets the scale by a sum of strengths and a mean of discriminations, and assumes enough
comparisons. Here a prior sets both, so that every set of ballots has a finite result: the ghost
(`likelihood.ghosts`), before whom nobody judges, and for each a_v a Gamma density of shape
`STEADY` + 1 and rate `STEADY`, which is highest at one.

The posterior is concave in all else for fixed a, and in each a_v for fixed else, but not jointly.
A step is Newton's, with the discriminations eliminated first (each is coupled to the rest
alone); where the information is not positive definite, strengths and discriminations each
take their own step, which climbs too. A step is halved until it climbs. Ballots
that contradict each other in mirror image can leave it on a saddle, between two maxima that
are equally good: that is reported as not converged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

from ..elementary import exp, ln
from .contests import Contest
from .likelihood import UNJUDGED, Sums, bends, ghosts
from .linear import Matrix, diagonal, solve_if_definite

STEADY = 4.0
"""How firmly a discrimination is held at one: its density has a relative spread of 1/sqrt(4). A
judge's own comparisons say about 0.2 each (p q d^2 at a difference of one nat), so about
twenty of them weigh as much as the prior."""

STEPS = 100
"""Newton steps, a fixed count. Six to twelve are needed as a rule. With a prior of a thousandth
and ballots that all but determine an order, the maximum can be a hundred nats away, and 100 do
not get there."""

STILL = 1e-11
"""A step of at most this many nats, or this part of a discrimination, is taken as none."""

HALVINGS = 40
"""How often a step is halved before it is taken as none."""

SLACK = 1e-13
"""A fall of the log-posterior by this part of it is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscerningFit:
    """Strengths relative to the ghost's 1, each judge's discrimination, and whether the steps
    came to rest at a maximum.

    `discrimination` is by judge, of those that compared anything. `tie` and `place` are as in
    `DavidsonFit`. `information` is the observed one in log-strengths, ln nu and ln gamma, as
    far as they were fitted, with the discriminations eliminated (their uncertainty is in it).
    Where the steps did not come to rest at a maximum it is its diagonal, all else as if known.
    """

    strengths: tuple[float, ...]
    discrimination: Mapping[int, float]
    tie: float
    place: float
    information: Matrix
    converged: bool


def fit_discerning(
    given: Sequence[Contest], count: int, prior: float, *, ties: bool, position: bool
) -> DiscerningFit:
    """The posterior mode over `count` classes for weighted contests; `prior` is above zero.

    Without `ties` no contest may be tied in part; without `position` the order of a contest has
    no meaning. The order in which contests are given does not show.
    """
    model = _Model.of(given, count, prior, ties=ties, position=position)
    at = model.seen(
        _Point(
            logs=(0.0,) * (count + ties + position), discrimination=dict.fromkeys(model.judges, 1.0)
        )
    )
    for _ in range(STEPS):
        slopes = model.slopes(at)
        step = slopes.step()
        if step.length(at.at) <= STILL:
            return model.fitted(at.at, slopes, at_rest=True)
        part = step.cut(at.at)
        for _ in range(HALVINGS):
            tried = model.seen(at.at.moved(step, part))
            if tried.height >= at.height - SLACK * (1.0 + abs(at.height)):
                break
            part *= 0.5
        else:
            return model.fitted(at.at, slopes, at_rest=False)
        at = tried
    return model.fitted(at.at, model.slopes(at), at_rest=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A direction: of the log-parameters, and of the discriminations."""

    logs: tuple[float, ...]
    discrimination: Mapping[int, float]

    def length(self, at: "_Point") -> float:
        parts = [abs(move) for move in self.logs]
        parts += [
            abs(move) / at.discrimination[judge] for judge, move in self.discrimination.items()
        ]
        return max(parts, default=0.0)

    def cut(self, at: "_Point") -> float:
        """The part of the step that moves no logarithm by over one and halves or doubles no
        discrimination."""
        parts = [abs(move) for move in self.logs]
        for judge, move in self.discrimination.items():
            parts.append(abs(move) / at.discrimination[judge] * (2.0 if move < 0.0 else 1.0))
        longest = max(parts, default=0.0)
        return 1.0 if longest <= 1.0 else 1.0 / longest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """Logarithms of strengths, then of nu, then of gamma; discriminations by judge."""

    logs: tuple[float, ...]
    discrimination: Mapping[int, float]

    def moved(self, step: _Step, part: float) -> "_Point":
        return _Point(
            logs=tuple(
                value + part * move for value, move in zip(self.logs, step.logs, strict=True)
            ),
            discrimination={
                judge: value + part * step.discrimination[judge]
                for judge, value in self.discrimination.items()
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slopes:
    """Derivatives at a point, the discriminations' apart from the others'.

    `coupling` holds, by judge, the information between its discrimination and each log.
    """

    gradient: Sequence[float]
    information: Matrix
    own_gradient: Mapping[int, float]
    own_information: Mapping[int, float]
    coupling: Mapping[int, Sequence[float]]

    def eliminated(self) -> tuple[list[list[float]], list[float]]:
        """Information and gradient in the logs, the discriminations eliminated (Schur)."""
        size = len(self.gradient)
        per = {judge: 1.0 / own for judge, own in self.own_information.items()}
        rows = [(row, per[judge]) for judge, row in self.coupling.items()]
        matrix = [[0.0] * size for _ in range(size)]
        for i in range(size):
            scaled = [(-row[i], row, own) for row, own in rows]
            for j in range(i, size):  # symmetric, to the bit
                parts = [left * row[j] * own for left, row, own in scaled]
                parts.append(self.information[i][j])
                matrix[i][j] = matrix[j][i] = fsum(parts)
        right = [
            fsum(
                [self.gradient[i]]
                + [
                    -row[i] * self.own_gradient[judge] * per[judge]
                    for judge, row in self.coupling.items()
                ]
            )
            for i in range(size)
        ]
        return matrix, right

    def step(self) -> _Step:
        """Newton's step, or one for the logs and one for the discriminations by themselves."""
        logs, definite = solve_if_definite(*self.eliminated())
        if not definite:
            logs, apart = solve_if_definite(self.information, self.gradient)
            if not apart:  # by rounding alone, where strengths are far from the ghost's
                logs = [
                    slope / (2.0 * row[at])  # of strengths alone it is at most twice that
                    for at, (slope, row) in enumerate(
                        zip(self.gradient, self.information, strict=True)
                    )
                ]
        return _Step(
            logs=tuple(logs),
            discrimination={
                judge: fsum(
                    [slope]
                    + (
                        [-c * x for c, x in zip(self.coupling[judge], logs, strict=True)]
                        if definite
                        else []
                    )
                )
                / self.own_information[judge]
                for judge, slope in self.own_gradient.items()
            },
        )


class _Met(NamedTuple):
    """A contest with what of it stays the same at every point. `lead` is half of what was won
    less what was lost, `rounds` all that was said, `ghostly` a class against the ghost: in no
    order, and with no tie."""

    item: Contest
    first: int
    second: int
    lead: float
    tied: float
    rounds: float
    ghostly: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """All contests from one point, judge by judge in the order of the model: by contest the
    difference of strengths, the log-odds z, and e^(-|z|/2); and the log-posterior but for a
    constant. What the height takes the slopes take too, and it is most of the work."""

    at: _Point
    nu: float
    views: Sequence[Sequence[tuple[float, float, float]]]
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """`met` are the contests of each of `judges`, those before no judge last."""

    met: tuple[tuple[_Met, ...], ...]
    judges: tuple[int, ...]
    count: int
    ties: bool
    position: bool

    @classmethod
    def of(
        cls, given: Sequence[Contest], count: int, prior: float, *, ties: bool, position: bool
    ) -> "_Model":
        judges = tuple(sorted({item.judge for item in given}))
        by: dict[int, list[_Met]] = {judge: [] for judge in (*judges, UNJUDGED)}
        for item in (*given, *ghosts(count, prior, ties=ties, position=position)):
            by[item.judge].append(
                _Met(
                    item=item,
                    first=item.first,
                    second=item.second,
                    lead=0.5 * (item.won - item.lost),
                    tied=item.tied,
                    rounds=item.won + item.tied + item.lost,
                    ghostly=item.first < count <= item.second,
                )
            )
        return cls(
            met=tuple(map(tuple, by.values())),
            judges=judges,
            count=count,
            ties=ties,
            position=position,
        )

    def seen(self, at: _Point) -> _Seen:
        """The contests as they look from a point, and its height."""
        logs = (*at.logs[: self.count], 0.0)  # the ghost's is zero
        place = at.logs[-1] if self.position else 0.0
        eta = at.logs[self.count] if self.ties else 0.0
        nu = exp(eta) if self.ties else 0.0
        sharpness = at.discrimination
        parts = [STEADY * (ln(value) - value) for value in sharpness.values()]
        views = []
        for judge, met in zip((*self.judges, UNJUDGED), self.met, strict=True):
            sharp = sharpness.get(judge, 1.0)
            of_judge = []
            for _, first, second, lead, tied, rounds, ghostly in met:
                apart = logs[first] - logs[second]
                odds = apart * sharp
                tie = 0.0
                if not ghostly:
                    odds += place
                    tie = nu
                half = 0.5 * abs(odds)
                root = exp(-half)
                of_judge.append((apart, odds, root))
                parts.append(lead * odds)
                parts.append(tied * eta)
                parts.append(-rounds * (half + ln(1.0 + root * root + tie * root)))
            views.append(of_judge)
        return _Seen(at=at, nu=nu, views=views, height=fsum(parts))

    def slopes(self, seen: _Seen) -> _Slopes:
        """All derivatives at a point."""
        size, count, values = len(seen.at.logs), self.count, seen.at.discrimination
        sums = Sums(size)
        own_gradient, own_information, coupling = {}, {}, {}
        for judge, met, views in zip((*self.judges, UNJUDGED), self.met, seen.views, strict=True):
            sharp = values.get(judge, 1.0)
            slopes: list[float] = []
            bent: list[float] = []
            coupled: list[list[float]] = [[] for _ in range(size)]
            for (item, first, second, *_, ghostly), (apart, odds, root) in zip(
                met, views, strict=True
            ):
                square = root * root
                with_tie = self.ties and not ghostly
                tie = seen.nu * root if with_tie else 0.0
                of = bends(1.0, square, tie, item) if odds >= 0.0 else bends(square, 1.0, tie, item)
                sums.meet(
                    first if first < count else None,
                    second if second < count else None,
                    sharp,
                    size - 1 if self.position and not ghostly else None,
                    count if with_tie else None,
                    of,
                )
                if judge != UNJUDGED:
                    slope, bend, _, _, mixed = of
                    slopes.append(slope * apart)
                    bent.append(bend * apart * apart)
                    # -d2 ln L / (da_v d.): z is a product of both, so its own slope comes in
                    both = sharp * apart * bend - slope
                    coupled[first].append(both)
                    coupled[second].append(-both)
                    if with_tie:
                        coupled[count].append(apart * mixed)
                    if self.position:
                        coupled[-1].append(apart * bend)
            if judge != UNJUDGED:
                own_gradient[judge] = fsum([*slopes, STEADY * (1.0 / sharp - 1.0)])
                own_information[judge] = fsum([*bent, STEADY / (sharp * sharp)])
                coupling[judge] = [fsum(parts) for parts in coupled]
        return _Slopes(
            gradient=sums.gradient,
            information=sums.information,
            own_gradient=own_gradient,
            own_information=own_information,
            coupling=coupling,
        )

    def fitted(self, at: _Point, slopes: _Slopes, *, at_rest: bool) -> DiscerningFit:
        information, right = slopes.eliminated()
        _, definite = solve_if_definite(information, right)
        at_maximum = at_rest and definite
        return DiscerningFit(
            strengths=tuple(exp(value) for value in at.logs[: self.count]),
            discrimination=dict(at.discrimination),
            tie=exp(at.logs[self.count]) if self.ties else 0.0,
            place=exp(at.logs[-1]) if self.position else 1.0,
            information=information if at_maximum else diagonal(slopes.information),
            converged=at_maximum,
        )
