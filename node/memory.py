"""Whether a database holds all that its identity signed, and what to do if not (rule A13).

The identity names its database by id. That catches another database, and not an older copy of
the same one, so the database also counts its commits that hold a signature, and `Mark` notes
the last count beside the key: after the commit, before anything of it is sent. A database that
counts less than the mark is an old copy.

Either way the database in hand becomes the identity's own under a fresh id, with a memory that
begins now: of older tasks none is signed. The one that was named before, put back, is then the
foreign one and gets the same treatment, so that no exchange of files brings two votes about.
"""

import os
import re
from pathlib import Path
from typing import Final

from . import files, identity
from .entropy import Entropy
from .identity import Identity, IdentityError
from .log import get_logger
from .store.contract import Store

log = get_logger("memory")

MARK_FILE: Final = "identity.mark"

LINE_MAX: Final = 64
"""Most bytes of the file: one line has 54."""

_LINE = re.compile(rb"([0-9a-f]{32}) (\d{20})\n")


class Mark:
    """The last count of signings that was reached, and of which database: one line in a file.

    It is written in place, without waiting for the disk: it survives the end of the process,
    however it ends. A power cut may take the last seconds of it, which makes it say too little
    and never too much.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / MARK_FILE
        self._database = ""
        self._handle: int | None = None

    def read(self) -> tuple[str, int] | None:
        """Database and count of the last run, None if there was none.

        A damaged line names no database, so whichever is there is not the one. Raises
        `IdentityError` if the file cannot be read.
        """
        try:
            data = files.read_bounded(self._path, LINE_MAX)
        except FileNotFoundError:
            return None
        except ValueError:
            data = b""
        except OSError as error:
            raise IdentityError(f"cannot read {self._path}: {error.strerror}") from None
        match = _LINE.fullmatch(data)
        if match is None:
            return "", 0
        return match[1].decode("ascii"), int(match[2])

    def begin(self, database: str, signings: int) -> None:
        """Note for `database` from now on. Raises `IdentityError`."""
        self._database = database
        try:
            files.write_atomic(self._path, self._line(signings), 0o600)
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise IdentityError(f"cannot write {self._path}: {error.strerror}") from None

    def note(self, signings: int) -> None:
        """Note a count that is on the disk. Raises `OSError`."""
        assert self._handle is not None
        os.pwrite(self._handle, self._line(signings), 0)

    def sync(self) -> None:
        """Have the disk take what was noted. Raises `OSError`."""
        if self._handle is not None:
            os.fsync(self._handle)

    def close(self) -> None:
        """Sync and let go of the file. A second call does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _line(self, signings: int) -> bytes:
        return f"{self._database} {signings:020d}\n".encode("ascii")


async def lost(me: Identity, store: Store, noted: tuple[str, int] | None) -> str:
    """Why `store` does not hold all that `me` has signed, or "" if it does."""
    database = store.database_id.hex()
    if not me.database:
        # Of a key that never had a database nothing is lost; one that a key without a record
        # finds in its place may come from anywhere.
        return "this identity names no database, and this one holds tasks" * bool(
            await store.recent(1)
        )
    if me.database != database:
        return (
            "the database is not the one this identity names: older tasks are only followed, "
            "since their votes are not here"
        )
    if noted is not None and noted[0] != database:
        return (
            f"{MARK_FILE} is damaged or of another database, so this one may be an older copy: "
            "older tasks are only followed"
        )
    if noted is not None and noted[1] > store.signings:
        return (
            "the database is an older copy: this identity has signed since, and those votes are "
            "not here; older tasks are only followed"
        )
    return ""


async def settle(
    me: Identity, store: Store, mark: Mark, *, now_ms: int, entropy: Entropy
) -> Identity:
    """Make `store` the database of `me`, as a foreign one if it lacks votes (A13).

    The order matters: until the identity names the new id, a crash leaves a mismatch, which
    begins all this again. Raises `StoreError`, `IdentityError`.
    """
    problem = await lost(me, store, mark.read())
    if problem:
        log.warning(
            problem,
            database=store.database_id.hex()[:8],
            named=me.database[:8],
        )
        since_ms = max(now_ms, store.created_at_ms, store.since_ms)
        await store.adopt(fresh_id=entropy.draw(16), since_ms=since_ms)
    if me.database != store.database_id.hex():
        me = identity.bind_database(me, store.database_id.hex())
    mark.begin(me.database, store.signings)
    return me
