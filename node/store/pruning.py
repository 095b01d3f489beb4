"""Taking old verdicts out of the database file, and giving their space back.

Each function is one bounded step over a connection, so that commits come between two of them.
"""

import aiosqlite

from consensus.envelope import TaskId

from .records import Pruned, PruneRule, Toll

PRUNE_VERDICTS = 50
"""Most verdicts that one step takes out: some megabytes, and no commit waits long behind it."""

VACUUM_PAGES = 500
"""Most pages, of 4 KiB, that one step gives back to the file system."""

TOMBSTONES = 100_000
"""Most pruned tasks that are remembered, the last ones: 15 MB. An older one that is played
again is still past its not-after, so nothing is signed for it; it could be read up on anew."""

COLUMNS = "SELECT task, verdict, opener, not_after_ms, decided_at_ms, pruned_at_ms, seq FROM pruned"

# A task with its slots is one that could be played again: it has a secret until `forget`.
_OLD = (
    "FROM verdicts JOIN tasks ON tasks.id = verdicts.task WHERE verdicts.decided_at_ms < ?1 "
    "AND verdicts.seq NOT IN "
    "(SELECT seq FROM verdicts ORDER BY decided_at_ms DESC, seq DESC LIMIT ?2)"
)
_FREE = " AND length(tasks.secret) = 0 AND tasks.not_after_ms < ?3"
_SIZE = "verdicts.size + length(tasks.payload)"


async def toll(connection: aiosqlite.Connection, rule: PruneRule) -> Toll:
    """What `rule` would take out in all, and how many old verdicts it has to leave."""
    old, keep, over = rule.decided_before_ms, rule.keep, rule.not_after_before_ms
    [(total,)] = await connection.execute_fetchall(f"SELECT count(*) {_OLD}", (old, keep))
    [(verdicts, size)] = await connection.execute_fetchall(
        # Slots that are not forgotten yet go before their verdict does.
        f"SELECT count(*), coalesce(sum({_SIZE}), 0) {_OLD} AND tasks.not_after_ms < ?3",
        (old, keep, over),
    )
    return Toll(tasks=(), verdicts=verdicts, size=size, held_back=total - verdicts)


async def prune(connection: aiosqlite.Connection, rule: PruneRule, now_ms: int) -> Toll:
    """Take out at most `PRUNE_VERDICTS` verdicts, the oldest first, inside a transaction.

    Nothing else may point at a verdict by then: whoever adds a table that does, sees here to
    it that what has to outlive the verdict does so. Facts do outlive it: their table refers to
    no other, and whoever prunes has made them all before (`Ledger.open`).
    """
    found = [
        (bytes(task), int(size))
        for task, size in await connection.execute_fetchall(
            f"SELECT tasks.id, {_SIZE} {_OLD}{_FREE} ORDER BY verdicts.decided_at_ms LIMIT ?4",
            (rule.decided_before_ms, rule.keep, rule.not_after_before_ms, PRUNE_VERDICTS),
        )
    ]
    ids = [(task,) for task, _ in found]
    await connection.executemany(
        "INSERT INTO pruned (task, seq, verdict, opener, not_after_ms, decided_at_ms, "
        "pruned_at_ms) SELECT tasks.id, tasks.seq, verdicts.id, tasks.signer, "
        "tasks.not_after_ms, verdicts.decided_at_ms, ? FROM verdicts "
        "JOIN tasks ON tasks.id = verdicts.task WHERE tasks.id = ?",
        [(now_ms, task) for task, _ in found],
    )
    await connection.executemany("DELETE FROM verdicts WHERE task = ?", ids)
    await connection.executemany("DELETE FROM tasks WHERE id = ?", ids)
    await connection.execute(
        "DELETE FROM pruned WHERE task IN "
        "(SELECT task FROM pruned ORDER BY seq DESC LIMIT -1 OFFSET ?)",
        (TOMBSTONES,),
    )
    return Toll(
        tasks=tuple(TaskId(task) for task, _ in found),
        verdicts=len(found),
        size=sum(size for _, size in found),
        held_back=0,
    )


async def shrink(connection: aiosqlite.Connection) -> bool:
    """Give at most `VACUUM_PAGES` free pages back; whether some are left.

    With the last ones the log is written into the file and cut, and only then is the file
    shorter. A reader, such as a backup under way, puts that off to a later call.
    """
    # As a script: a single statement would be stepped once, which frees a single page.
    await connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
    [(left,)] = await connection.execute_fetchall("PRAGMA freelist_count")
    if not left:
        await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
    return bool(left)


def to_pruned(row: tuple[bytes, bytes, bytes, int, int, int, int]) -> Pruned:
    """The tombstone in a row of `COLUMNS`."""
    return Pruned(
        task=TaskId(row[0]),
        verdict=row[1],
        opener=row[2],
        not_after_ms=row[3],
        decided_at_ms=row[4],
        pruned_at_ms=row[5],
    )
