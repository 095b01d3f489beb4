"""The store's schema, as numbered migrations (`migrations/NNN_name.sql`).

`user_version` counts the migrations a database has had, `application_id` says that it is a
quorate store at all. Each migration is one transaction: it happened or it did not.
"""

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import aiosqlite

from .contract import StoreError, StoreTooNew

APPLICATION_ID = 0x51524154
"""`QRAT`: what SQLite's application id says in a quorate store."""

_NAME = re.compile(r"(\d{3})_\w+\.sql")


def migrations() -> tuple[str, ...]:
    """The scripts in order; the n-th one (from 1) leads to version n."""
    found: dict[int, str] = {}
    for item in files(__package__).joinpath("migrations").iterdir():
        if match := _NAME.fullmatch(item.name):
            found[int(match[1])] = item.read_text("utf-8")
    if sorted(found) != list(range(1, len(found) + 1)):
        raise StoreError(f"migrations are not numbered 1 to {len(found)}: {sorted(found)}")
    return tuple(found[number] for number in sorted(found))


def known() -> int:
    """The version that this program brings a database to."""
    return len(migrations())


async def version(connection: aiosqlite.Connection, path: Path) -> int:
    """Version of the database behind `connection`, 0 for an empty one.

    Raises `StoreError` if it is some other program's database.
    """
    application = await _pragma(connection, "application_id")
    tables = await connection.execute_fetchall("SELECT count(*) FROM sqlite_master")
    empty = [tuple(row) for row in tables] == [(0,)]
    if application != APPLICATION_ID and not (empty and application == 0):
        raise StoreError(
            f"{path} is another program's database: give `store` in the configuration a path "
            "of its own"
        )
    return await _pragma(connection, "user_version")


def check(found: int, path: Path, known: int) -> None:
    """Refuse a database from the future. Raises `StoreTooNew` with both versions."""
    if found > known:
        raise StoreTooNew(
            f"the store {path} has version {found}, and this program knows versions up to "
            f"{known}: run the newer program that wrote it, or set `store` in the "
            "configuration to a new path (the node then signs only for tasks opened later)"
        )


async def migrate(connection: aiosqlite.Connection, path: Path, scripts: Sequence[str]) -> int:
    """Bring the database to the newest version; the version it had before.

    Raises `StoreTooNew` or `StoreError`, with the database left as it was before the
    migration that failed.
    """
    before = await version(connection, path)
    check(before, path, len(scripts))
    for number in range(before + 1, len(scripts) + 1):
        await connection.executescript(
            f"BEGIN EXCLUSIVE;\n{scripts[number - 1]}\n"
            f"PRAGMA application_id = {APPLICATION_ID};\n"
            f"PRAGMA user_version = {number};\nCOMMIT;"
        )
    return before


async def _pragma(connection: aiosqlite.Connection, name: str) -> int:
    rows = list(await connection.execute_fetchall(f"PRAGMA {name}"))
    return int(rows[0][0])
