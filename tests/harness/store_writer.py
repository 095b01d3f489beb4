"""A process that commits votes to a store for ever and says so after each commit.

    python -m tests.harness.store_writer STORE FIRST

It waits for SIGKILL: what it said has to be on the disk then, and nothing torn.
"""

import asyncio
import sys
from pathlib import Path

from consensus.envelope import Kind
from node.store import Batch
from node.store.sqlite import SqliteStore
from tests.harness.records import NOW_MS, task, verdict, vote


def batch(number: int) -> Batch:
    """The number-th commit: a task, a prevote, a precommit and a verdict of its own."""
    row = task(number)
    slots = (vote(row, number), vote(row, number, "yes", Kind.PRECOMMIT))
    return Batch(tasks=(row,), slots=slots, verdicts=(verdict(row, number),))


async def main(path: Path, first: int) -> None:
    """Commit batch after batch, writing each one's number when it is durable."""
    async with await SqliteStore.open(path, now_ms=NOW_MS, fresh_id=bytes(16)) as store:
        number = first
        while True:
            await store.commit(batch(number))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            number += 1


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
