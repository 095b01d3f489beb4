"""What durability costs: commits of a node's own slots to a store on a real disk (A13)."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from node.store import Batch
from node.store.sqlite import SqliteStore
from tests.harness.records import NOW_MS, opened, task, vote

from .tables import Table, percentile

BUILD = Path(__file__).parents[2] / "build"
"""Where the store lies: a temporary directory may be in memory, and then nothing is durable."""

SIZES = (1, 20, 200)
"""Slots of one commit: a lone vote, a busy tick of one task, a tick of many tasks."""

COMMITS = 150


async def table() -> Table:
    """Time of a commit, by how many slots it holds."""
    BUILD.mkdir(exist_ok=True)
    rows = []
    for size in SIZES:
        with TemporaryDirectory(dir=BUILD, prefix="bench-") as home:
            spent = sorted(await commits(Path(home) / "store.db", size))
        rows.append(
            (
                f"{size} {'slot' if size == 1 else 'slots'}",
                f"{percentile(spent, 50) * 1e3:.2f}",
                f"{percentile(spent, 95) * 1e3:.2f}",
                f"{len(spent) / sum(spent):,.0f}",
                f"{size * len(spent) / sum(spent):,.0f}",
            )
        )
    return Table(
        title="What a commit to the store costs",
        how=f"{COMMITS} commits one after the other, each of votes that were signed before, "
        "until the system says that each is on the disk (write-ahead log, synchronous=FULL). The "
        f"store is in build/, which is on {file_system(BUILD)}.",
        columns=("one commit", "p50 ms", "p95 ms", "commits/s", "slots/s"),
        rows=rows,
    )


async def commits(path: Path, size: int) -> list[float]:
    """Seconds that each commit of `size` slots took."""
    row = task(1)
    batches = [
        Batch(slots=tuple(vote(row, number * size + at) for at in range(size)))
        for number in range(COMMITS)
    ]
    spent = []
    async with await SqliteStore.open(path, now_ms=NOW_MS, fresh_id=bytes(16)) as store:
        await store.commit(opened(row))
        for batch in batches:
            begin = time.perf_counter()
            await store.commit(batch)
            spent.append(time.perf_counter() - begin)
    return spent


def file_system(path: Path) -> str:
    """The kind of file system that holds `path`, as Linux names it."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    places = {str(parent) for parent in (path.resolve(), *path.resolve().parents)}
    _, kind = max(
        ((place, kind) for place, kind in mounts if place in places), key=lambda item: len(item[0])
    )
    return kind
