"""A whole copy of a database, also of one that a node is writing to."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from . import schema
from .contract import StoreError
from .database import DAMAGE, broken, existing


def snapshot(path: Path, to: Path, *, fresh_id: bytes) -> int:
    """Copy the database at `path` to the new file `to` as it is at one moment; its version.

    It is read through a connection of its own: the node beside it goes on, only its log is not
    cut before this ends. The copy gets `fresh_id`, so that no identity takes it for the
    database that holds its votes (A13). Raises `StoreError`, also if the copy is not sound.
    """
    path = existing(path)
    handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.close(handle)
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source:
            source.isolation_level = None
            source.execute("VACUUM INTO ?", (str(to),))
    except DAMAGE as error:
        raise broken(path, error) from error
    try:
        with closing(sqlite3.connect(to)) as copy:
            [(application,)] = copy.execute("PRAGMA application_id")
            [(version,)] = copy.execute("PRAGMA user_version")
            schema.check(version, path, schema.known())
            if application != schema.APPLICATION_ID or not version:
                raise StoreError(f"{path} is not a quorate store")
            found = [row[0] for row in copy.execute("PRAGMA quick_check(1)")]
            if found != ["ok"]:
                raise StoreError(f"the store {path} is damaged: {found[0]}")
            copy.execute("UPDATE database SET id = ?", (fresh_id,))
            copy.commit()
    except DAMAGE as error:
        raise broken(path, error) from error
    return int(version)
