"""What a task costs a whole committee: drafts to verdict, without models and without a network."""

import time
from statistics import median

from tests.harness.swarms import SmallSwarm

from .tables import Table

RUNS = 12
SIZES = (4, 5, 7)


async def table() -> Table:
    """A task of one round with members who disagree, in the simulator."""
    rows = []
    for size in SIZES:
        spent, carried, virtual = [], [], []
        for seed in range(RUNS):
            swarm = SmallSwarm(size, seed=seed)
            begin = time.perf_counter()
            if not swarm.run():
                raise RuntimeError(f"{size} members with seed {seed} do not decide")
            spent.append((time.perf_counter() - begin) * 1e3)
            carried.append(swarm.network.carried)
            virtual.append(swarm.clock.now)
        spent.sort()
        rows.append(
            (
                f"{size} members",
                f"{median(spent):.0f}",
                f"{spent[0]:.0f}",
                f"{spent[-1]:.0f}",
                f"{median(spent) / size:.0f}",
                f"{median(carried):.0f}",
                f"{median(virtual):.0f}",
            )
        )
    return Table(
        title="What a task of one round costs (simulated)",
        how=f"Real time until every member has its verdict, all members on one thread, {RUNS} "
        "seeds: median, fastest, slowest. Models answer at once; envelopes take 1 to 20 ms of "
        "virtual time and are signed with a keyed hash in place of Ed25519, whose price for "
        "each envelope is in the first table. The last column is the virtual time that passed.",
        columns=("", "median ms", "fastest", "slowest", "ms a member", "sends", "virtual ms"),
        rows=rows,
    )
