"""Bradley-Terry solvers side by side: `python -m tests.bench.solvers`, about two minutes.

Ours by NumPy, choix and evalica, from the same comparisons in the form that each takes soonest,
without a prior; then batches, and the exact solvers that committees sign by.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from itertools import combinations
from random import Random
from statistics import median

import choix
import evalica
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from consensus.tally.analysis import Matrix, solve, solve_batch, wins
from consensus.tally.bradley_terry import fit, standard_errors
from consensus.tally.contests import Contest, merged
from consensus.tally.davidson import fit_davidson
from consensus.tally.discerning import fit_discerning
from consensus.tally.linear import errors

from .tables import Table

SIZES = ((8, 280), (64, 20_000), (256, 300_000), (1_024, 1_000_000), (5_000, 5_000_000))
"""Items and comparisons."""

LEAST_RUNS, MOST_RUNS, ENOUGH_S = 3, 25, 4.0
"""A case is run this often, until it has taken this long."""

PATIENCE_S = 60.0
"""A solver that would take longer, by its last size and the cube of the items, is left out."""

SURE = 1e-8
"""Our tolerance here: choix's own."""

BATCH = (10_000, 8)
"""Problems and items."""

JUDGES, CANDIDATES = 10, 8


def timed(case: Callable[[], object]) -> list[float]:
    """Seconds of each run, ascending, after one that is not counted; a run of a case that takes
    microseconds is as many calls as fill five milliseconds."""
    begin = time.perf_counter()
    case()
    calls = max(1, int(5e-3 / (time.perf_counter() - begin)))
    found: list[float] = []
    while len(found) < LEAST_RUNS or (len(found) < MOST_RUNS and sum(found) * calls < ENOUGH_S):
        begin = time.perf_counter()
        for _ in range(calls):
            case()
        found.append((time.perf_counter() - begin) / calls)
    return sorted(found)


def said(times: list[float]) -> str:
    """Median, and fastest to slowest, in milliseconds."""
    middle, low, high = (f"{value * 1e3:,.3g}" for value in (median(times), times[0], times[-1]))
    return f"{middle} ({low}-{high})"


def league(items: int, games: int) -> tuple[np.ndarray, np.ndarray]:
    """Winners and losers of games between random items of normal log-strengths; each item has
    also beaten the next, so that there is a maximum without a prior."""
    rng = np.random.default_rng(items)
    truth = rng.normal(0.0, 1.0, items)
    one = rng.integers(0, items, games - items)
    other = (one + rng.integers(1, items, games - items)) % items
    ahead = rng.random(games - items) < 1.0 / (1.0 + np.exp(truth[other] - truth[one]))
    ring = np.arange(items)
    return (
        np.r_[np.where(ahead, one, other), ring],
        np.r_[np.where(ahead, other, one), (ring + 1) % items],
    )


async def table() -> Table:
    """The three solvers at every size."""
    rows = []
    slow, slow_items = 0.0, 1
    for items, games in SIZES:
        winners, losers = league(items, games)
        names, first = pd.Index(range(items)), [evalica.Winner.X] * games
        xs, ys = winners.tolist(), losers.tolist()
        ours = timed(
            lambda: solve(wins(winners, losers, items), prior=0.0, tolerance=SURE)  # noqa: B023
        )
        found = solve(wins(winners, losers, items), prior=0.0)
        assert found.converged
        logs = found.log_strengths
        theirs = timed(lambda: evalica.bradley_terry(xs, ys, first, index=names))  # noqa: B023
        scores = evalica.bradley_terry(xs, ys, first, index=names).scores.sort_index()
        off = [apart(logs, np.log(scores.to_numpy()))]
        ahead, third, given = [theirs[0] / ours[0]], "", ""
        if slow * (items / slow_items) ** 3 > PATIENCE_S:
            third = f"left out: over {PATIENCE_S:.0f} s"
        else:
            cells = np.bincount(winners * items + losers, minlength=items * items) * 1.0
            w = cells.reshape(items, items)
            last = timed(lambda: choix.ilsr_pairwise_dense(w))  # noqa: B023
            slow, slow_items = median(last), items
            mine = timed(lambda: solve(Matrix(w), prior=0.0, tolerance=SURE))  # noqa: B023
            ahead.append(last[0] / mine[0])
            off.append(apart(logs, choix.ilsr_pairwise_dense(w)))
            third, given = said(last), said(mine)
        rows.append(
            (
                f"{items:,} items, {games:,} comparisons",
                said(ours),
                said(theirs),
                given,
                third,
                f"{min(ahead):.1f}",
                f"{max(off):.0e}",
            )
        )
    return Table(
        title="Bradley-Terry strengths of one graph, in ms: ours, evalica, choix",
        how="Median (fastest-slowest) of 3 to 25 runs after one that is not counted, one after the "
        "other in one process. From comparisons: ours from arrays of positions, "
        "evalica.bradley_terry from lists of positions with its index given. From a matrix of "
        "wins: ours, choix.ilsr_pairwise_dense. Each to its own default tolerance (evalica 1e-6, "
        "choix 1e-8), ours to choix's. One BLAS thread. times: the smaller lead of the two, by the "
        "fastest runs, since what else the machine does is in the others. apart: the largest "
        "difference from ours to a step under 1e-12 nats.",
        columns=("", "ours", "evalica", "ours, matrix", "choix", "times", "apart"),
        rows=rows,
    )


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of two sets of log-strengths, their means taken off."""
    return float(np.abs((one - one.mean()) - (other - other.mean())).max())


async def batches() -> Table:
    """Ten thousand small problems: at once, and one after the other."""
    problems, items = BATCH
    rng = np.random.default_rng(1)
    truth = rng.normal(0.0, 1.0, (problems, items))
    chance = 1.0 / (1.0 + np.exp(truth[:, None, :] - truth[:, :, None]))
    above = np.triu(np.ones((items, items)), 1)
    won = rng.binomial(10, chance) * above
    w = won + ((10 - won) * above).transpose(0, 2, 1)
    plain = [problem.tolist() for problem in w[:200]]
    cases: dict[str, tuple[int, Callable[[], object]]] = {
        "at once, prior on": (problems, lambda: solve_batch(w)),
        "at once, prior off": (problems, lambda: solve_batch(w, prior=0.0)),
        "one by one, exact solver": (200, lambda: [fit(problem, 1.0) for problem in plain]),
        "one by one, choix, prior off": (
            200,
            lambda: [choix.ilsr_pairwise_dense(problem + 1e-3) for problem in w[:200]],
        ),
    }
    rows = []
    for name, (many, case) in cases.items():
        times = timed(case)
        rows.append((name, f"{many:,}", said(times), f"{median(times) / many * 1e6:,.1f}"))
    return Table(
        title=f"{problems:,} problems of {items} items, ten comparisons a pair, in ms",
        how="Median (fastest-slowest) as above. choix takes no graph that is not strongly "
        "connected, so a thousandth of a win is added to every cell for it.",
        columns=("", "problems", "ms", "us a problem"),
        rows=rows,
    )


async def exact() -> Table:
    """What a committee signs: every model, with its errors."""
    random = Random(8)
    given = []
    for judge in range(JUDGES):
        for first, second in combinations(range(CANDIDATES), 2):
            sure = random.random()
            won, lost = (sure, 0.0) if random.random() < 0.7 else (0.0, sure)
            given.append(
                Contest(
                    judge=judge, first=first, second=second, won=won, tied=1.0 - sure, lost=lost
                )
            )
    halves = [
        Contest(
            judge=item.judge,
            first=item.first,
            second=item.second,
            won=item.won + item.tied / 2,
            tied=0.0,
            lost=item.lost + item.tied / 2,
        )
        for item in given
    ]
    w = [[0.0] * CANDIDATES for _ in range(CANDIDATES)]
    for item in halves:
        w[item.first][item.second] += item.won
        w[item.second][item.first] += item.lost
    alone = [[at] for at in range(CANDIDATES)]

    def plain() -> object:
        found = fit(w, 1.0)
        return standard_errors(w, 1.0, found.strengths)

    def davidson(of: list[Contest], *, ties: bool, position: bool) -> object:
        found = fit_davidson(merged(of), CANDIDATES, 1.0, ties=ties, position=position)
        return errors(found.information, found.strengths, alone)

    def discerning(of: list[Contest], *, ties: bool, position: bool) -> object:
        found = fit_discerning(of, CANDIDATES, 1.0, ties=ties, position=position)
        return errors(found.information, found.strengths, alone)

    cases: dict[str, Callable[[], object]] = {
        "plain": plain,
        "position": lambda: davidson(halves, ties=False, position=True),
        "Davidson's ties": lambda: davidson(given, ties=True, position=False),
        "discerning": lambda: discerning(halves, ties=False, position=False),
        "all three": lambda: discerning(given, ties=True, position=True),
    }
    return Table(
        title=f"The exact solvers: {CANDIDATES} candidates, {JUDGES} judges of all pairs, in ms",
        how="Median (fastest-slowest) as above, standard errors included. Pure Python, one thread.",
        columns=("", "ms"),
        rows=[(name, said(timed(case))) for name, case in cases.items()],
    )


async def main() -> None:
    """Prints each table when it is measured."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    sys.stdout.write(f"{os.cpu_count()} cores, load at the beginning {load}\n")
    with threadpool_limits(limits=1):
        for section in (exact, batches, table):
            measured = await section()
            sys.stdout.write("\n" + "\n".join(measured.lines()) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
