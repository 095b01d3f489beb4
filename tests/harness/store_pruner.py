"""A process that prunes a store step by step and says so after each one.

    python -m tests.harness.store_pruner STORE

It waits for SIGKILL: whatever step it died in, the store has to be whole.
"""

import asyncio
import sys
from pathlib import Path

from node.store import PruneRule, pruning
from node.store.sqlite import SqliteStore
from tests.harness.records import NOT_AFTER_MS, NOW_MS

RULE = PruneRule(decided_before_ms=NOW_MS + 1, not_after_before_ms=NOT_AFTER_MS + 1)


async def main(path: Path) -> None:
    """Prune one verdict a step, then give the space back page by page."""
    pruning.PRUNE_VERDICTS, pruning.VACUUM_PAGES = 1, 5
    async with await SqliteStore.open(path, now_ms=NOW_MS, fresh_id=bytes(16)) as store:
        while (await store.prune(RULE, now_ms=NOW_MS)).verdicts or await store.shrink():
            sys.stdout.write("step\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
