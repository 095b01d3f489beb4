"""What only the store on disk can get wrong: durability, faults, locks, versions (A13)."""

import asyncio
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from node.store import (
    Batch,
    PruneRule,
    SlotConflict,
    StoreError,
    StoreInUse,
    StoreTooNew,
    pruning,
)
from node.store import schema as store_schema
from node.store.database import connected
from node.store.pruning import PRUNE_VERDICTS
from node.store.sqlite import FORGET_TASKS, SqliteStore
from tests.harness.records import NOT_AFTER_MS, NOW_MS, hidden, opened, task, verdict, vote
from tests.harness.store_writer import batch

FIRST = task(1)
FRESH = b"sixteen bytes id"
ROOT = Path(__file__).parents[2]


async def reopened(path: Path) -> SqliteStore:
    return await SqliteStore.open(path, now_ms=NOW_MS, fresh_id=FRESH)


@contextmanager
def changed(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection past the store, for bringing its file into a state of our choice."""
    connection = sqlite3.connect(path)
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()


async def test_a_restart_finds_everything_and_the_same_database(tmp_path: Path) -> None:
    path = tmp_path / "store" / "a.db"
    async with await reopened(path) as store:
        await store.commit(
            Batch(
                tasks=(FIRST,),
                slots=(hidden(FIRST, 1, b"salt"),),
                verdicts=(verdict(FIRST),),
            )
        )
    async with await SqliteStore.open(path, now_ms=NOW_MS + 9, fresh_id=bytes(16)) as store:
        assert (store.database_id, store.created_at_ms) == (FRESH, NOW_MS)
        assert await store.slots(FIRST.task) == [hidden(FIRST, 1, b"salt")]
        assert await store.verdict(FIRST.task) == verdict(FIRST)
        with pytest.raises(SlotConflict):
            await store.commit(Batch(slots=(hidden(FIRST, 1, b"other"),)))


async def test_every_file_of_the_store_is_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "store" / "a.db"
    before = os.umask(0)
    try:
        async with await reopened(path) as store:
            await store.commit(opened(FIRST))
            modes = {item.name: stat.S_IMODE(item.stat().st_mode) for item in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("a.db", "a.db-wal", "a.db-shm", "a.db.lock"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_store_open_to_others_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await (await reopened(path)).close()
    path.chmod(0o644)
    await (await reopened(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_settings_that_durability_rests_on_are_in_force(tmp_path: Path) -> None:
    async with await reopened(tmp_path / "a.db") as store:
        for pragma, expected in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert await store._select(f"PRAGMA {pragma}") == [(expected,)]


async def test_the_database_itself_refuses_to_change_a_slot(tmp_path: Path) -> None:
    async with await reopened(tmp_path / "a.db") as store:
        await store.commit(Batch(tasks=(FIRST,), slots=(vote(FIRST, 0),)))
    with changed(tmp_path / "a.db") as connection:
        for change in ("UPDATE slots SET payload = x'00'", "UPDATE slots SET view = 9"):
            with pytest.raises(sqlite3.IntegrityError, match="slot conflict"):
                connection.execute(change)


async def test_one_call_of_forget_drops_a_bounded_number_of_tasks(tmp_path: Path) -> None:
    many = tuple(task(number) for number in range(FORGET_TASKS + 1))
    async with await reopened(tmp_path / "a.db") as store:
        await store.commit(
            Batch(tasks=many, verdicts=tuple(verdict(row, n) for n, row in enumerate(many)))
        )
        assert await store.forget(before_ms=NOT_AFTER_MS + 1) == FORGET_TASKS
        assert await store.forget(before_ms=NOT_AFTER_MS + 1) == 1
        assert await store.forget(before_ms=NOT_AFTER_MS + 1) == 0


async def filled(store: SqliteStore, count: int, size: int = 50_000) -> None:
    """Decide tasks with verdicts of that many bytes, and forget their slots."""
    rows = tuple(task(number) for number in range(count))
    bundles = (replace(verdict(row, n), bundle=os.urandom(size)) for n, row in enumerate(rows))
    await store.commit(Batch(tasks=rows, verdicts=tuple(bundles)))
    while await store.forget(before_ms=NOT_AFTER_MS + 1):
        pass


RULE = PruneRule(decided_before_ms=NOW_MS + 1, not_after_before_ms=NOT_AFTER_MS + 1)


async def test_pruning_goes_in_bounded_steps_and_the_file_becomes_smaller(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await reopened(path) as store:
        await filled(store, PRUNE_VERDICTS + 1)
        before = store.used
        assert before > 50_000 * PRUNE_VERDICTS
        assert (await store.prune(RULE, now_ms=NOW_MS)).verdicts == PRUNE_VERDICTS
        assert (await store.prune(RULE, now_ms=NOW_MS)).verdicts == 1
        steps = 1
        while await store.shrink():
            steps += 1
        assert steps > 1
        assert path.stat().st_size < 200_000
        assert store.used < before - 50_000 * PRUNE_VERDICTS


async def test_a_database_that_could_not_shrink_is_rewritten_once_and_then_can(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    async with await reopened(path) as store:
        await filled(store, 20)
    with changed(path) as connection:
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("VACUUM")
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    async with await reopened(path) as store:
        assert await store._select("PRAGMA auto_vacuum") == [(2,)]
        await store.prune(RULE, now_ms=NOW_MS)
        while await store.shrink():
            pass
        assert path.stat().st_size < 200_000


async def test_a_database_of_the_first_version_is_upgraded_with_all_it_holds(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    await migrated(path, store_schema.migrations()[0])
    with changed(path) as connection:
        connection.execute("INSERT INTO database VALUES (1, ?, ?)", (FRESH, NOW_MS))
    async with await reopened(path) as store:
        assert (store.database_id, store.since_ms, store.signings) == (FRESH, 0, 0)
        await store.commit(batch(1))
        assert store.signings == 1


async def test_a_ledger_of_the_third_version_is_upgraded_row_by_row_and_stays_append_only(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    await migrated(path, *store_schema.migrations()[:3])
    row = (1, bytes(32), 4, bytes(32), b"body", b"proof", bytes(32))
    with changed(path) as connection:
        connection.execute("INSERT INTO database VALUES (1, ?, ?, 0, 0)", (FRESH, NOW_MS))
        connection.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    async with await reopened(path) as store:
        assert [(one.seq, one.kind, one.proof) for one in await store.facts()] == [(1, 4, b"proof")]
    with changed(path) as connection:
        for change in ("DELETE FROM facts", "UPDATE facts SET proof = x''"):
            with pytest.raises(sqlite3.IntegrityError, match="fact conflict"):
                connection.execute(change)


async def test_tombstones_are_bounded_and_the_last_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "TOMBSTONES", 3)
    async with await reopened(tmp_path / "a.db") as store:
        await filled(store, 4, size=10)
        await store.prune(RULE, now_ms=NOW_MS)
        found = [await store.find_pruned(task(number).task.hex()) for number in range(4)]
        assert [item is not None for item in found] == [False, True, True, True]


async def test_a_count_that_cannot_be_noted_stops_the_store(tmp_path: Path) -> None:
    def broken(_: int) -> None:
        raise OSError(28, "No space left on device")

    async with await reopened(tmp_path / "a.db") as store:
        store.noted = broken
        await store.commit(opened(FIRST))
        for _ in range(2):
            with pytest.raises(StoreError, match="cannot note beside the identity"):
                await store.commit(Batch(slots=(vote(FIRST, 0),)))


# Locks


async def test_a_second_opening_is_refused_naming_the_process(tmp_path: Path) -> None:
    async with await reopened(tmp_path / "a.db"):
        with pytest.raises(StoreInUse, match=rf"in use by process {os.getpid()}.*stop that one"):
            await reopened(tmp_path / "a.db")


async def test_a_second_daemon_is_refused_naming_the_first(tmp_path: Path) -> None:
    with writer(tmp_path / "a.db", 0) as (process, _):
        refused = pytest.raises(StoreInUse, match=f"process {process.pid}")
        with refused:
            await reopened(tmp_path / "a.db")


async def test_the_lock_file_of_a_killed_process_locks_nothing(tmp_path: Path) -> None:
    with writer(tmp_path / "a.db", 0):
        pass
    assert (tmp_path / "a.db.lock").exists()
    async with await reopened(tmp_path / "a.db") as store:
        assert await store.tasks() != []


async def test_a_failed_opening_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"no database, but long enough to be looked at" * 100)
    for _ in range(2):
        with pytest.raises(StoreError, match="not a database") as caught:
            await reopened(path)
        assert not isinstance(caught.value, StoreInUse)


# Readers


async def test_a_reader_looks_while_the_daemon_writes_but_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await reopened(path) as store, await SqliteStore.read(path) as reader:
        await store.commit(Batch(tasks=(FIRST,), verdicts=(verdict(FIRST),)))
        assert await reader.find_verdict(FIRST.task.hex()) == verdict(FIRST)
        assert reader.database_id == FRESH
        with pytest.raises(StoreError, match="for reading only"):
            await reader.commit(opened(task(2)))
        with pytest.raises(StoreError, match="for reading only"):
            await reader.forget(before_ms=0)
        await store.commit(opened(task(2)))


async def test_a_reader_looks_while_no_daemon_runs(tmp_path: Path) -> None:
    await (await reopened(tmp_path / "a.db")).close()
    async with await SqliteStore.read(tmp_path / "a.db") as reader:
        assert await reader.verdicts(5) == []


async def test_reading_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        await SqliteStore.read(tmp_path / "a.db")
    with pytest.raises(StoreError, match="there is no store at"):
        await SqliteStore.read(tmp_path / "a.db")


# Versions


async def test_a_store_of_a_newer_program_is_refused_with_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await (await reopened(path)).close()
    known = len(store_schema.migrations())
    with changed(path) as connection:
        connection.execute(f"PRAGMA user_version = {known + 6}")
    for attempt in (reopened(path), SqliteStore.read(path)):
        with pytest.raises(StoreTooNew, match=rf"version {known + 6}.* to {known}: run the newer"):
            await attempt


async def test_a_reader_sends_an_older_store_to_be_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await (await reopened(path)).close()
    with changed(path) as connection:
        connection.execute("PRAGMA user_version = 0")
    with pytest.raises(StoreError, match=r"has version 0 .* run `quorate serve` once"):
        await SqliteStore.read(path)


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with changed(path) as connection:
        connection.execute("CREATE TABLE theirs (words TEXT)")
    with pytest.raises(StoreError, match="another program's database"):
        await reopened(path)
    with changed(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


async def test_a_damaged_store_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await reopened(path) as store:
        await store.commit(Batch(tasks=tuple(task(number) for number in range(200))))
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        async with await reopened(path) as store:
            await store.tasks()


async def migrated(path: Path, *scripts: str) -> int:
    with changed(path):
        pass
    async with connected(path, "rw") as connection:
        try:
            return await store_schema.migrate(connection, path, scripts)
        finally:
            await connection.close()


async def test_migrations_run_in_order_and_only_those_still_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    one, two = "CREATE TABLE one (a);", "CREATE TABLE two (b); INSERT INTO one VALUES (2);"
    assert await migrated(path, one) == 0
    assert await migrated(path, one, two) == 1
    assert await migrated(path, one, two) == 2
    with changed(path) as connection:
        assert connection.execute("SELECT a FROM one").fetchall() == [(2,)]


async def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    one = "CREATE TABLE one (a);"
    with pytest.raises(StoreError, match="no such table: nowhere"):
        await migrated(path, one, "CREATE TABLE two (b); INSERT INTO nowhere VALUES (1);")
    with changed(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("one",)]


def test_migrations_are_numbered_without_a_gap() -> None:
    scripts = store_schema.migrations()
    files = sorted((ROOT / "node/store/migrations").glob("*.sql"))
    assert [int(item.name[:3]) for item in files] == list(range(1, len(scripts) + 1))


# Faults


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file of this process grows past `size` bytes: what a full disk does to a writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_stops_the_store_for_good_and_loses_nothing_acknowledged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    stored = 0

    async def fill() -> None:
        nonlocal stored
        while True:
            await store.commit(batch(stored))
            stored += 1

    async with await reopened(path) as store:
        with disk_of(240_000), pytest.raises(StoreError, match=r"a\.db failed: .*disk"):
            await fill()
        # The disk has room again, but nobody knows what became of the failed write.
        with pytest.raises(StoreError, match="in an earlier commit"):
            await store.commit(batch(stored))
        assert len(await store.tasks()) == stored
    assert stored > 0
    async with await reopened(path) as store:
        assert [row.task for row in await store.tasks()] == [
            task(number).task for number in range(stored)
        ]
        await store.commit(batch(stored))


async def test_a_database_that_turns_read_only_stops_the_store(tmp_path: Path) -> None:
    async with await reopened(tmp_path / "a.db") as store:
        await store._select("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match=r"readonly database.*writable for the user"):
            await store.commit(opened(FIRST))
        await store._select("PRAGMA query_only = OFF")
        with pytest.raises(StoreError, match="in an earlier commit"):
            await store.commit(opened(FIRST))


OPENING = """
import asyncio, os, sys
from pathlib import Path
from node.store import StoreError
from node.store.sqlite import SqliteStore
import encodings.idna
if sys.argv[2:] and os.geteuid() == 0:
    os.setuid(int(sys.argv[2]))
try:
    asyncio.run(SqliteStore.open(Path(sys.argv[1]), now_ms=0, fresh_id=bytes(16)))
except StoreError as error:
    print(error)
"""
NOBODY = "65534"


def opening(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """What a process of its own says that opens the store, and prints why it cannot."""
    return subprocess.run(
        [sys.executable, "-c", OPENING, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )


def test_an_unwritable_directory_is_named() -> None:
    with TemporaryDirectory() as place:
        home = Path(place)
        (home / "locked").mkdir(mode=0o555)
        home.chmod(0o755)
        for path in (home / "locked" / "a.db", home / "locked" / "deeper" / "a.db"):
            done = opening(path, NOBODY)
            assert "Permission denied" in done.stdout
            assert str(path.parent) in done.stdout


async def test_a_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with pytest.raises(StoreError, match=r"cannot write .*plain"):
        await reopened(tmp_path / "plain" / "a.db")


async def test_a_store_path_that_is_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    for attempt in (reopened(tmp_path / "a.db"), SqliteStore.read(tmp_path / "a.db")):
        with pytest.raises(StoreError, match=r"a\.db is no file: set `store` to another path"):
            await attempt


def test_a_refusal_is_all_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "directory.db").mkdir()
    (tmp_path / "garbage.db").write_bytes(b"no database, but long enough to be looked at" * 99)
    for name in ("directory.db", "garbage.db"):
        done = opening(tmp_path / name)
        assert str(tmp_path / name) in done.stdout
        assert done.stderr == ""  # no thread died with a traceback of its own


async def test_a_cancelled_commit_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    async with await reopened(tmp_path / "a.db") as store:
        for number in range(20):
            commit = asyncio.ensure_future(store.commit(batch(number)))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            commit.cancel()
            await asyncio.wait([commit])
        rows = await store.tasks()
        for row in rows:
            assert len(await store.slots(row.task)) == 2
            assert await store.verdict(row.task) is not None
        await store.commit(batch(99))


# Crashes


@contextmanager
def writer(path: Path, first: int) -> Iterator[tuple["subprocess.Popen[str]", list[int]]]:
    """A process that commits batch after batch, killed with SIGKILL when the block ends.

    The list gets the numbers of what it acknowledged: at least 5 when the block begins,
    and whatever else it said before it died when the block has ended.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.store_writer", str(path), str(first)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said: list[int] = []
    try:
        said.extend(int(process.stdout.readline()) for _ in range(5))
        yield process, said
    finally:
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines(keepends=True)
        said.extend(int(line) for line in rest if line.endswith("\n"))
        process.stdout.close()
        process.wait()


async def test_what_was_acknowledged_before_a_sigkill_is_there_and_nothing_is_torn(
    tmp_path: Path,
) -> None:
    path, acknowledged = tmp_path / "a.db", -1
    for _ in range(4):
        with writer(path, acknowledged + 1) as (_, said):
            pass
        acknowledged = said[-1]
        async with await reopened(path) as store:
            rows = await store.tasks()
            # One more may be on the disk than was said: it died between the two.
            assert acknowledged + 1 <= len(rows) <= acknowledged + 2
            for number, row in enumerate(rows):
                assert row.task == task(number).task
                assert tuple(await store.slots(row.task)) == batch(number).slots
                assert (await store.verdict(row.task),) == batch(number).verdicts


def pruned_until(path: Path, steps: int) -> None:
    """Have a process prune that store, and kill it with SIGKILL after so many steps."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.store_pruner", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(steps):
        assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait()


@pytest.mark.parametrize("steps", [1, 5, 12, 20])
async def test_a_store_is_whole_whichever_step_of_pruning_was_killed(
    tmp_path: Path, steps: int
) -> None:
    path, count = tmp_path / "a.db", 10
    async with await reopened(path) as store:
        await filled(store, count)
    pruned_until(path, steps)
    async with await reopened(path) as store:
        assert await store._select("PRAGMA integrity_check") == [("ok",)]
        assert await store._select("PRAGMA foreign_key_check") == []
        for number in range(count):
            of = task(number).task
            held, gone = await store.verdict(of), await store.find_pruned(of.hex())
            assert (held is None) == (gone is not None) == (await store.task(of) is None)
        while (await store.prune(RULE, now_ms=NOW_MS)).verdicts or await store.shrink():
            pass
        assert path.stat().st_size < 200_000
