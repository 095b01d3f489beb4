"""The bandit over the dials: its regret on synthetic arms, its budget, and what it is worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random
from typing import Final

import numpy as np

from consensus.exact import ONE_BP, round_ratio
from consensus.plateau import Plateau
from consensus.plateau.scheduler import MOVES, Arm, choose
from consensus.policy import Policy
from tests.bench.rules.bootstrap import interval

from .traces import CAP, simulate

ARMS: Final = {
    "two, gap 0.1": (0.5, 0.4),
    "nine, gap 0.1": (0.6, *[0.5] * 8),
    "nine, spread": (0.6, 0.5, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1),
}
HORIZONS: Final = (100, 1_000, 10_000)
SEEDS: Final = 20
SHOWN: Final = np.unique(np.geomspace(10, HORIZONS[-1], 120).astype(int)) - 1
"""Rounds of which the picture has the regret, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regret:
    """Regret after each of some numbers of rounds: mean and standard deviation over seeds, and
    UCB1's bound (Auer, Cesa-Bianchi and Fischer 2002, theorem 1)."""

    name: str
    horizons: tuple[int, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    bound: tuple[float, ...]
    course: tuple[float, ...]


def bound(means: Sequence[float], horizon: int) -> float:
    """8 sum(ln T / gap) + (1 + pi^2/3) sum(gap)."""
    gaps = [max(means) - one for one in means if one < max(means)]
    return 8 * sum(math.log(horizon) / gap for gap in gaps) + (1 + math.pi**2 / 3) * sum(gaps)


def regret(name: str, means: Sequence[float]) -> Regret:
    """Bernoulli arms, played by `choose` as members play it.

    Means are of exact sums, rounded to bp for each choice, as ledgers give them for each task.
    """
    runs = []
    for seed in range(SEEDS):
        rng, arms = Random(seed), [Arm() for _ in means]
        won = [0] * len(means)
        lost = np.zeros(HORIZONS[-1])
        for at in range(HORIZONS[-1]):
            arm = choose(arms, None)
            assert arm is not None
            won[arm] += rng.random() < means[arm]
            count = arms[arm].count + 1
            arms[arm] = Arm(count=count, reward=round_ratio(ONE_BP * won[arm], count))
            lost[at] = max(means) - means[arm]
        runs.append(lost.cumsum())
    whole = np.array(runs)
    at = [horizon - 1 for horizon in HORIZONS]
    return Regret(
        name=name,
        horizons=HORIZONS,
        mean=tuple(float(one) for one in whole.mean(axis=0)[at]),
        deviation=tuple(float(one) for one in whole.std(axis=0, ddof=1)[at]),
        bound=tuple(bound(means, horizon) for horizon in HORIZONS),
        course=tuple(float(one) for one in whole.mean(axis=0)[SHOWN]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Overspending:
    """Tasks with a budget: in how many % more was spent, and by how much at most, in %."""

    tasks: int
    over: float
    most: float
    rounds: float


def overspending(tasks: int = 400, budget: int = 20_000) -> Overspending:
    """Nine arms whose rounds cost at random, known from tasks before; a task goes on while one
    fits. The last round may still cost more than any did before: how often, and how much."""
    rng, arms = Random(5), [Arm() for _ in MOVES]
    over, most, rounds = 0, 0.0, 0
    for _ in range(tasks):
        spent = int(rng.lognormvariate(8, 0.3))  # the first round, whose dials nobody chose
        while (arm := choose(arms, max(0, budget - spent))) is not None:
            cost = int(rng.lognormvariate(8 + 0.05 * arm, 0.3))
            arms[arm] = arms[arm].after(int(3_000 * rng.random()), cost)
            spent, rounds = spent + cost, rounds + 1
        over += spent > budget
        most = max(most, spent / budget - 1)
    return Overspending(
        tasks=tasks, over=100 * over / tasks, most=100 * most, rounds=rounds / tasks
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """One way to turn the dials on the same simulated tasks: mean rounds, % right, and the
    difference in points to `follow` with its 95 % interval."""

    name: str
    rounds: float
    right: float
    points: tuple[float, float, float]


def turned(tasks: int = 300, n: int = 5) -> list[Turned]:
    """All three, with the default stops; the bandit learns from task to task, as by R2b."""
    found: list[Turned] = []
    base: list[float] = []
    for dials in ("follow", "maci", "ucb"):
        policy = Policy(rounds=CAP, dials=dials)
        known: tuple[int, ...] = ()
        right, rounds = list[float](), list[int]()
        for number in range(tasks):
            trace, plateaus = simulate(
                Random(f"dials {number}"), n, policy, f"{number}", [known] * n
            )
            right.append(trace.right(len(plateaus)))
            rounds.append(len(plateaus))
            known = _learnt(plateaus[-1], known)
        base = base or right
        found.append(
            Turned(
                name=dials,
                rounds=sum(rounds) / tasks,
                right=100 * sum(right) / tasks,
                points=interval(np.array(right) - np.array(base)),
            )
        )
    return found


def _learnt(last: Plateau, known: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(chain.from_iterable(last.bandit.to_dict()["arms"])) or known
