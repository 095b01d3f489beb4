"""The SQLite file itself: making it private, connecting, its settings, its errors in words."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from .contract import StoreError

BUSY_MS = 5_000
"""How long to wait for another program's lock, such as a backup's, before failing."""

INCREMENTAL = 2
"""SQLite's number for the mode in which a file gives free pages back when it is asked to."""

_WRITABLE = "make the file and its directory writable for the user who runs the node"
_WAYS_OUT = {
    sqlite3.SQLITE_FULL: "free space on its disk, then start the node again",
    sqlite3.SQLITE_IOERR: "see that its disk has space and is sound, then start the node again",
    sqlite3.SQLITE_READONLY: _WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _WRITABLE,
    sqlite3.SQLITE_PERM: _WRITABLE,
    sqlite3.SQLITE_BUSY: "another program holds it locked: end that one first",
    sqlite3.SQLITE_NOTADB: "it is no SQLite file: set `store` in the configuration to another path",
    sqlite3.SQLITE_CORRUPT: "it is damaged: move it away and start the node again (it then "
    "signs only for tasks opened later)",
}


DAMAGE = (sqlite3.Error, ValueError, TypeError, OverflowError)
"""What reading a damaged database raises: SQLite finds out, or what stands there is no text, or no
record of ours."""


def broken(path: Path, error: Exception) -> StoreError:
    """What `error` of the database at `path` means and what to do about it."""
    # The low byte of an extended result code is the primary one.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if not isinstance(error, sqlite3.Error):
        code = sqlite3.SQLITE_CORRUPT
    way_out = _WAYS_OUT.get(code)
    return StoreError(f"the store {path} failed: {error}" + (f"; {way_out}" if way_out else ""))


def prepare(path: Path) -> Path:
    """`path` made absolute, its directory made for this user only unless it is there."""
    path = path.absolute()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    return path


def existing(path: Path) -> Path:
    """`path` made absolute. Raises `StoreError` if there is no file."""
    path = path.absolute()
    if not path.exists():
        raise StoreError(f"there is no store at {path}: `quorate serve` makes it")
    _check_file(path, os.R_OK)
    return path


def make_private(path: Path) -> None:
    """Make an empty file with mode 0600, or take others' rights to the one there is.

    SQLite gives its log and shared memory the same mode.
    """
    try:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            path.chmod(0o600)
            _check_file(path, os.R_OK | os.W_OK)
            return
        os.close(handle)
        # The entry in the directory has to survive a power cut as well.
        directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise _unwritable(path, error) from None


def _check_file(path: Path, access: int) -> None:
    """Raise `StoreError` if SQLite could not open `path`.

    Asked before: aiosqlite's thread, when a connection fails, reports to an event loop that
    may have ended by then, and dies with a traceback.
    """
    if not path.is_file():
        raise StoreError(f"the store {path} is no file: set `store` to another path")
    if not os.access(path, access):
        raise StoreError(f"cannot open the store {path}: Permission denied; {_WRITABLE}")


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot write the store {path}: {error.strerror}; {_WRITABLE}")


@asynccontextmanager
async def connected(path: Path, mode: str) -> AsyncIterator[aiosqlite.Connection]:
    """A connection in `mode` (`rw` or `ro`) that stays open unless the block fails."""
    connection: aiosqlite.Connection | None = None
    try:
        # Transactions are begun by name: the module's own would begin behind our back.
        connection = await aiosqlite.connect(
            f"{path.as_uri()}?mode={mode}", uri=True, isolation_level=None
        )
        await connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        yield connection
    except BaseException as error:
        if connection is not None:
            await connection.close()
        if isinstance(error, DAMAGE):
            raise broken(path, error) from error
        raise


async def settle(connection: aiosqlite.Connection, path: Path) -> None:
    """The settings that durability rests on (rule A13). Raises `StoreError` if one fails."""
    # Before the first table: from then on only a whole rewrite of the file changes it.
    await connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    rows = list(await connection.execute_fetchall("PRAGMA journal_mode = WAL"))
    if rows[0][0] != "wal":
        raise StoreError(
            f"the store {path} cannot keep a write-ahead log on this file system: keep it on "
            "a local disk"
        )
    await connection.execute("PRAGMA synchronous = FULL")
    # Only macOS tells "handed to the drive" from "on the drive"; elsewhere this does nothing.
    await connection.execute("PRAGMA fullfsync = ON")
    await connection.execute("PRAGMA checkpoint_fullfsync = ON")
    await connection.execute("PRAGMA foreign_keys = ON")
    await connection.execute(f"PRAGMA journal_size_limit = {64 * 2**20}")


async def make_shrinkable(connection: aiosqlite.Connection) -> None:
    """Rewrite, once, a database of an earlier version that could not give space back.

    The free pages of one that could are untouched. It takes as much disk again for a moment.
    """
    [(mode,)] = await connection.execute_fetchall("PRAGMA auto_vacuum")
    if mode != INCREMENTAL:
        await connection.execute("VACUUM")  # with the mode that `settle` asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which database this is, and what its memory covers (A13): see `Store`."""

    id: bytes
    created_at_ms: int
    since_ms: int
    signings: int


async def which(connection: aiosqlite.Connection, path: Path) -> Which:
    """What the database says of itself. Raises `StoreError` if it says nothing."""
    rows = list(
        await connection.execute_fetchall(
            "SELECT id, created_at_ms, since_ms, signings FROM database"
        )
    )
    if len(rows) != 1:
        raise StoreError(f"the store {path} does not say which database it is: it is damaged")
    database, created_at_ms, since_ms, signings = rows[0]
    if not isinstance(database, bytes):
        raise StoreError(f"the store {path} has no id that is one: it is damaged")
    return Which(
        id=bytes(database), created_at_ms=created_at_ms, since_ms=since_ms, signings=signings
    )


def used(path: Path) -> int:
    """Bytes that the database at `path` takes on the disk, its log included."""
    total = 0
    for name in (path.name, f"{path.name}-wal"):
        try:
            total += path.with_name(name).stat().st_size
        except FileNotFoundError:
            continue
    return total
