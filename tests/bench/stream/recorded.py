"""The recorded sets as streams, shuffled, with a client's word on some of the verdicts.

A node's judges endorse and those that were recorded were not asked to, so the streams are played
with endorsements made up from each judge's order, and for comparison without any.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from random import Random
from statistics import fmean, stdev
from typing import Final

from consensus.policy import EXPERTS
from tests.bench.rules.accuracy import measured
from tests.bench.rules.sets import RecordedSet, recorded_sets
from tests.bench.rules.variants import Variant

from .play import Case, play

SHUFFLES: Final = 50
TOLD: Final = (0.0, 0.05, 0.1, 0.25, 1.0)
"""On what share of the tasks a client speaks."""
BARE: Final = (0.0, 1.0)
"""The same where nobody endorses."""

WAYS: Final = (*EXPERTS, "adaptive", "adaptive_capped", "the draw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One shuffle of one pool's questions with ballots: right answers by way of counting, the
    members' scores before each question, how many outcomes teach without a client's word and how
    many of those were right."""

    pool: str
    told: float
    right: Mapping[str, float]
    scores: tuple[tuple[int, ...], ...]
    taught: int
    true: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A mean over shuffles, in percent, and its standard deviation from one shuffle to another."""

    mean: float
    spread: float

    @classmethod
    def of(cls, found: Sequence[float]) -> "Spread":
        """From one figure a shuffle."""
        return cls(mean=fmean(found), spread=stdev(found) if len(found) > 1 else 0.0)


def cases(of: RecordedSet, *, marks: bool = False) -> tuple[Case, ...]:
    """The questions with ballots, as rounds, with made-up endorsements where `marks`."""
    return tuple(
        Case(id=item.id, round=item.round(marks=marks), gold=item.gold) for item in of.judged
    )


@cache
def pools() -> dict[str, RecordedSet]:
    """Each pool's set, the contested one where there are two."""
    found: dict[str, RecordedSet] = {}
    for of in recorded_sets():
        found.setdefault(of.pool, of)
    return found


@cache
def _cases(pool: str, marks: bool) -> tuple[Case, ...]:
    return cases(pools()[pool], marks=marks)


def _run(pool: str, told: float, shuffle: int, marks: bool) -> Run:
    rng = Random(f"{pool} {shuffle}")  # the same order and words with endorsements and without
    order = list(_cases(pool, marks))
    rng.shuffle(order)
    right = dict.fromkeys(WAYS, 0.0)
    steps = list(play(order, told=told, rng=rng))
    for step in steps:
        for way in WAYS:
            right[way] += step.right[way]
    teaching = [step.right["adaptive"] for step in steps if step.teaches]
    return Run(
        pool=pool,
        told=told,
        right=right,
        scores=tuple(step.scores for step in steps),
        taught=len(teaching),
        true=sum(teaching),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The streams on one kind of ballots, and every single rule with equal weights on the same
    ones: percent right of each of `sets`."""

    sets: tuple[RecordedSet, ...]
    told: tuple[float, ...]
    runs: list[Run]
    alone: Mapping[str, list[float]]

    def cell(self, of: RecordedSet, way: str, told: float) -> Spread:
        """Percent right of one set."""
        return percent(of, self.runs, way, told)

    def mean(self, way: str, told: float) -> Spread:
        """Percent right over all sets, each counting once. The spread is that of the mean, from
        one shuffle of every pool to another."""
        found = [percents(of, self.runs, way, told) for of in self.sets]
        return Spread.of([fmean(one) for one in zip(*found, strict=True)])


def played(
    executor: Executor, sets: tuple[RecordedSet, ...], shuffles: int, *, marks: bool
) -> Played:
    """Every pool, share and shuffle; with made-up endorsements where `marks`."""
    shares = TOLD if marks else BARE
    jobs = [
        executor.submit(_run, pool, told, shuffle, marks)
        for pool in pools()
        for told in shares
        for shuffle in range(shuffles)
    ]
    return Played(
        sets=sets,
        told=shares,
        runs=[job.result() for job in jobs],
        alone=dict(alone(sets, marks=marks)),
    )


def percent(of: RecordedSet, found: Sequence[Run], way: str, told: float) -> Spread:
    """How much of a set is right: of its questions without ballots what every rule has."""
    return Spread.of(percents(of, found, way, told))


def percents(of: RecordedSet, found: Sequence[Run], way: str, told: float) -> list[float]:
    """One figure a shuffle, in their order."""
    others = float(sum(of.others, Fraction()))
    return [
        100 * (run.right[way] + others) / of.size
        for run in found
        if run.pool == of.pool and run.told == told
    ]


def alone(sets: Sequence[RecordedSet], *, marks: bool = False) -> Iterator[tuple[str, list[float]]]:
    """Every single rule with all members weighing the same: percent right of each set."""
    for row in measured(sets, [Variant(rule=rule, marks=marks) for rule in EXPERTS[:-1]]):
        yield row.variant.rule, [of.percent(row.right(of)) for of in sets]
