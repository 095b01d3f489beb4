"""The recorded sets as streams, shuffled, with a client's word on some of the verdicts."""

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

WAYS: Final = (*EXPERTS, "adaptive", "adaptive_capped", "the draw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One shuffle of one pool's questions with ballots: right answers by way of counting, and the
    members' scores before each question."""

    pool: str
    told: float
    right: Mapping[str, float]
    scores: tuple[tuple[int, ...], ...]
    correct: tuple[float, ...]


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
def _cases(pool: str) -> tuple[Case, ...]:
    return cases(pools()[pool])


def _run(pool: str, told: float, shuffle: int) -> Run:
    rng = Random(f"{pool} {shuffle}")
    order = list(_cases(pool))
    rng.shuffle(order)
    right = dict.fromkeys(WAYS, 0.0)
    scores, correct = [], []
    for step in play(order, told=told, rng=rng):
        scores.append(step.scores)
        correct.append(step.right["adaptive"])
        for way in WAYS:
            right[way] += step.right[way]
    return Run(pool=pool, told=told, right=right, scores=tuple(scores), correct=tuple(correct))


def runs(executor: Executor, shuffles: int) -> list[Run]:
    """Every pool, share and shuffle."""
    jobs = [
        executor.submit(_run, pool, told, shuffle)
        for pool in pools()
        for told in TOLD
        for shuffle in range(shuffles)
    ]
    return [job.result() for job in jobs]


def percent(of: RecordedSet, found: Sequence[Run], way: str, told: float) -> Spread:
    """How much of a set is right: of its questions without ballots what every rule has."""
    others = float(sum(of.others, Fraction()))
    return Spread.of(
        [
            100 * (run.right[way] + others) / of.size
            for run in found
            if run.pool == of.pool and run.told == told
        ]
    )


def alone(sets: Sequence[RecordedSet]) -> Iterator[tuple[str, list[float]]]:
    """Every single rule with all members weighing the same: percent right of each set."""
    for row in measured(sets, [Variant(rule=rule) for rule in EXPERTS[:-1]]):
        yield row.variant.rule, [of.percent(row.right(of)) for of in sets]
