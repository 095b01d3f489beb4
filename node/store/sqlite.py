"""The store in a SQLite file: what a daemon uses.

One connection, used by one caller at a time, so a read never sees half a commit. A commit is
on the disk when it returns: write-ahead log, `synchronous=FULL`.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite

from consensus.envelope import TaskId

from ..damage import Damaged
from . import database, pruning, rows, schema
from .contract import (
    FactConflict,
    SlotConflict,
    StoreConflict,
    StoreError,
    TaskConflict,
    VerdictConflict,
    ambiguous,
    checked_prefix,
    no_longer,
)
from .lock import StoreLock
from .records import (
    VERDICT_FACT,
    Batch,
    FactRow,
    NoteRow,
    Pruned,
    PruneRule,
    Slot,
    SlotKey,
    TaskBrief,
    TaskRow,
    Toll,
    VerdictEntry,
    VerdictRow,
)

FORGET_TASKS = 100
"""Most tasks whose slots one call of `forget` drops, so that no commit waits long behind it.

Each has some dozens.
"""

_SIGNED = "UPDATE database SET signings = signings + 1"

_T = TypeVar("_T")


class SqliteStore:
    """`Store` over a SQLite file, made by `open`, or by `read` for looking only.

    Close it before the event loop ends: its thread outlives the loop otherwise.
    """

    def __init__(
        self,
        path: Path,
        connection: aiosqlite.Connection,
        lock: StoreLock | None,
        which: database.Which,
    ) -> None:
        self._path = path
        self._connection = connection
        self._lock = lock
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._failure = "" if lock else f"the store {path} was opened for reading only"
        self.database_id = which.id
        self.created_at_ms = which.created_at_ms
        self.since_ms = which.since_ms
        self.signings = which.signings
        self.noted: Callable[[int], None] | None = None
        """Told `signings` after each commit that added to it, once that is on the disk. What it
        raises as `OSError` is a failure of the store (A13)."""

    @classmethod
    async def open(cls, path: Path, *, now_ms: int, fresh_id: bytes) -> Self:
        """Open the store at `path` for this process alone, making or upgrading it.

        `now_ms` and `fresh_id` (16 random bytes) become the time and the id of a database
        that is made anew. Raises `StoreInUse`, `StoreTooNew` or `StoreError`.
        """
        path = database.prepare(path)
        lock = StoreLock(path.with_name(path.name + ".lock"))
        try:
            database.make_private(path)
            async with database.connected(path, "rw") as connection:
                await database.settle(connection, path)
                await schema.migrate(connection, path, schema.migrations())
                await connection.execute(
                    "INSERT INTO database (only, id, created_at_ms) VALUES (1, ?, ?) "
                    "ON CONFLICT DO NOTHING",
                    (fresh_id, now_ms),
                )
                await database.make_shrinkable(connection)
                return cls(path, connection, lock, await database.which(connection, path))
        except BaseException:
            lock.release()
            raise

    @classmethod
    async def read(cls, path: Path) -> Self:
        """Open an existing store for reading, also while a daemon has it open.

        Raises `StoreTooNew`, or `StoreError` if there is none or it needs upgrading.
        """
        path = database.existing(path)
        async with database.connected(path, "ro") as connection:
            found, known = await schema.version(connection, path), len(schema.migrations())
            schema.check(found, path, known)
            if found < known:
                raise StoreError(
                    f"the store {path} has version {found} and this program needs {known}: "
                    "run `quorate serve` once to upgrade it"
                )
            return cls(path, connection, None, await database.which(connection, path))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """`Store.close`."""
        async with self._turn:
            if self._closed:
                return
            self._closed = True
            try:
                await self._connection.close()
            except sqlite3.Error as error:
                raise database.broken(self._path, error) from error
            finally:
                if self._lock is not None:
                    self._lock.release()

    async def commit(self, batch: Batch) -> None:
        """`Store.commit`. A caller's cancellation does not tear a commit in two."""
        if batch:
            await self._whole(self._commit(batch))

    async def forget(self, *, before_ms: int) -> int:
        """`Store.forget`. Likewise whole."""
        return await self._whole(self._forget(before_ms))

    async def _whole(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _commit(self, batch: Batch) -> None:
        async with self._turn:
            self._check_writable()
            statements = rows.statements(batch)
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                for sql, parameters in statements:
                    await self._connection.executemany(sql, parameters)
                if batch.slots:
                    await self._connection.execute(_SIGNED)
                await self._connection.execute("COMMIT")
            except (sqlite3.Error, UnicodeError) as error:
                conflict = await self._undo(batch, error)
                if conflict is not None:
                    raise conflict from error
                raise self._fail(error) from error
            if batch.slots:
                self.signings += 1
                self._note()

    def _note(self) -> None:
        try:
            if self.noted is not None:
                self.noted(self.signings)
        except OSError as error:
            self._failure = (
                f"cannot note beside the identity what the store {self._path} holds: "
                f"{error.strerror or error}"
            )
            raise StoreError(self._failure) from error

    def _check_writable(self) -> None:
        if self._closed:
            raise StoreError(f"the store {self._path} is closed")
        if self._failure:
            raise StoreError(self._failure)

    def _fail(self, error: Exception) -> StoreError:
        # After a failed write or fsync nobody knows what the disk holds: never write again.
        failure = database.broken(self._path, error)
        self._failure = f"{failure} (failed in an earlier commit)"
        return failure

    async def _undo(self, batch: Batch, error: Exception) -> StoreConflict | None:
        """Roll back; the conflict that `error` stands for, or None if the store failed."""
        try:
            if self._connection.in_transaction:
                await self._connection.execute("ROLLBACK")
            if not isinstance(error, sqlite3.IntegrityError):
                return None
            match str(error):
                case "slot conflict":
                    return await self._slot_conflict(batch)
                case "task conflict" | "task forgotten":
                    return TaskConflict(
                        "a batch names a task that is stored with another secret, or whose "
                        "slots are forgotten: signing for it is over"
                    )
                case "verdict conflict":
                    return VerdictConflict("a task in the batch has another verdict already")
                case "UNIQUE constraint failed: facts.seq" | "UNIQUE constraint failed: facts.id":
                    return FactConflict("a fact does not follow on the last one of the ledger")
                case "FOREIGN KEY constraint failed":
                    return TaskConflict("a batch names a task that the store does not know")
                case _:
                    return None
        except database.DAMAGE:
            return None

    async def _slot_conflict(self, batch: Batch) -> SlotConflict:
        held: dict[SlotKey, Slot] = {}
        for task in {slot.task for slot in batch.slots}:
            held.update((slot.key, slot) for slot in await self._slots(task))
        return SlotConflict.of(
            next(slot for slot in batch.slots if held.setdefault(slot.key, slot) != slot)
        )

    async def _forget(self, before_ms: int) -> int:
        async with self._writing() as connection:
            many = connection.executemany
            over = [
                (row[0],)
                for row in await connection.execute_fetchall(
                    "SELECT id FROM tasks WHERE length(secret) > 0 AND not_after_ms < ? "
                    "AND state <> 'undecided' ORDER BY not_after_ms LIMIT ?",
                    (before_ms, FORGET_TASKS),
                )
            ]
            await many("DELETE FROM slots WHERE task = ?", over)
            await many("DELETE FROM notes WHERE task = ?", over)
            await many("UPDATE tasks SET secret = x'' WHERE id = ?", over)
            await many("DELETE FROM tasks WHERE id = ? AND state <> 'decided'", over)
        return len(over)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[aiosqlite.Connection]:
        """One transaction of house keeping: after an error of it nothing is written any more."""
        async with self._turn:
            self._check_writable()
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                await self._connection.execute("COMMIT")
            except (sqlite3.Error, UnicodeError) as error:
                await self._undo(Batch(), error)
                raise self._fail(error) from error

    async def adopt(self, *, fresh_id: bytes, since_ms: int) -> None:
        """`Store.adopt`."""
        await self._whole(self._adopt(fresh_id, since_ms))

    async def _adopt(self, fresh_id: bytes, since_ms: int) -> None:
        async with self._writing() as connection:
            await connection.execute(
                "UPDATE database SET id = ?, since_ms = ?", (fresh_id, since_ms)
            )
        self.database_id, self.since_ms = fresh_id, since_ms

    async def toll(self, rule: PruneRule) -> Toll:
        """`Store.toll`."""
        async with self._reading():
            return await pruning.toll(self._connection, rule)

    async def prune(self, rule: PruneRule, *, now_ms: int) -> Toll:
        """`Store.prune`. Whole like a commit."""
        return await self._whole(self._prune(rule, now_ms))

    async def _prune(self, rule: PruneRule, now_ms: int) -> Toll:
        async with self._writing() as connection:
            return await pruning.prune(connection, rule, now_ms)

    async def find_pruned(self, prefix: str) -> Pruned | None:
        """`Store.find_pruned`."""
        low, high = _range(prefix)
        found = await self._select(
            f"{pruning.COLUMNS} WHERE task BETWEEN ?1 AND ?2 OR verdict BETWEEN ?1 AND ?2 "
            "ORDER BY verdict LIMIT 6",
            low,
            high,
        )
        if len(found) > 1:
            raise ambiguous(prefix, [row[1] for row in found])
        return pruning.to_pruned(found[0]) if found else None

    async def shrink(self) -> bool:
        """`Store.shrink`. Likewise whole."""
        return await self._whole(self._shrink())

    async def _shrink(self) -> bool:
        async with self._turn:
            self._check_writable()
            try:
                return await pruning.shrink(self._connection)
            except sqlite3.Error as error:
                raise self._fail(error) from error

    @property
    def problem(self) -> str:
        """Why nothing can be stored any more, or ""; nothing is tried out."""
        if self._closed:
            return f"the store {self._path} is closed"
        if not self._failure and not os.access(self._path, os.W_OK):
            return f"the store {self._path} cannot be written"
        return self._failure

    @property
    def used(self) -> int:
        """Bytes that the database takes on the disk, its log included."""
        return database.used(self._path)

    async def tasks(self, *, undecided: bool = False) -> list[TaskRow]:
        """`Store.tasks`."""
        where = " WHERE state = 'undecided'" if undecided else ""
        return await self._read(rows.to_task, rows.TASKS + where + " ORDER BY seq")

    async def task(self, task: TaskId) -> TaskRow | None:
        """`Store.task`."""
        read = partial(rows.to_known_task, task)
        found = await self._read(read, rows.TASKS + " WHERE id = ?", task)
        return found[0] if found else None

    async def slots(self, task: TaskId) -> list[Slot]:
        """`Store.slots`."""
        async with self._reading():
            return await self._slots(task)

    async def _slots(self, task: TaskId) -> list[Slot]:
        found = await self._connection.execute_fetchall(
            rows.SLOTS + " WHERE task = ? ORDER BY seq", (task,)
        )
        return [rows.to_slot(row) for row in found]

    async def notes(self, task: TaskId) -> list[NoteRow]:
        """`Store.notes`."""
        return await self._read(rows.to_note, rows.NOTES + " WHERE task = ? ORDER BY id", task)

    async def verdict(self, task: TaskId) -> VerdictRow | None:
        """`Store.verdict`."""
        found = await self._read(rows.to_verdict, rows.VERDICTS + " WHERE task = ?", task)
        return found[0] if found else None

    async def find_verdict(self, prefix: str) -> VerdictRow | None:
        """`Store.find_verdict`."""
        low, high = _range(prefix)
        found = await self._select(
            "SELECT task, id FROM verdicts WHERE id BETWEEN ?1 AND ?2 OR task BETWEEN ?1 AND ?2 "
            "ORDER BY id LIMIT 6",
            low,
            high,
        )
        if len(found) > 1:
            raise ambiguous(prefix, [row[1] for row in found])
        return await self.verdict(TaskId(found[0][0])) if found else None

    async def verdicts(self, limit: int, *, after: TaskId | None = None) -> list[VerdictEntry]:
        """`Store.verdicts`."""
        newest = " ORDER BY decided_at_ms DESC, seq DESC LIMIT ?"
        if after is None:
            return await self._read(rows.to_entry, rows.ENTRIES + newest, limit)
        place = await self._select("SELECT decided_at_ms, seq FROM verdicts WHERE task = ?", after)
        if not place:
            raise no_longer(after)
        earlier = rows.ENTRIES + " WHERE (decided_at_ms, seq) < (?, ?)"
        return await self._read(rows.to_entry, earlier + newest, *place[0], limit)

    async def recent(self, limit: int) -> list[TaskBrief]:
        """`Store.recent`."""
        return await self._read(
            rows.to_brief,
            "SELECT seq, id, signer, state, not_after_ms, verdict FROM tasks UNION ALL "
            "SELECT seq, task, opener, 'decided', not_after_ms, x'' FROM pruned "
            "ORDER BY seq DESC LIMIT ?",
            limit,
        )

    async def facts(self) -> list[FactRow]:
        """`Store.facts`."""
        return await self._read(rows.to_fact, rows.FACTS + " ORDER BY seq")

    async def fact(self, fact: bytes) -> FactRow | None:
        """`Store.fact`."""
        found = await self._read(rows.to_fact, rows.FACTS + " WHERE id = ?", fact)
        return found[0] if found else None

    async def unlearnt(self) -> list[TaskId]:
        """`Store.unlearnt`."""
        return [TaskId(row[0]) for row in await self._select(rows.UNLEARNT, VERDICT_FACT)]

    async def _select(self, sql: str, *parameters: Any) -> list[Any]:
        return await self._read(tuple, sql, *parameters)

    async def _read(self, make: Callable[[Any], _T], sql: str, *parameters: Any) -> list[_T]:
        """The rows, each as `make` reads it: what it cannot read is damage too."""
        async with self._reading():
            return list(map(make, await self._connection.execute_fetchall(sql, parameters)))

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        async with self._turn:
            if self._closed:
                raise StoreError(f"the store {self._path} is closed")
            try:
                yield
            except Damaged:  # one row, which it names
                raise
            except database.DAMAGE as error:
                raise database.broken(self._path, error) from error


def _range(prefix: str) -> tuple[bytes, bytes]:
    """The first and the last id that begin with these hex characters."""
    lowered = checked_prefix(prefix)
    return bytes.fromhex(lowered.ljust(64, "0")), bytes.fromhex(lowered.ljust(64, "f"))
