"""Backups: whole or absent, told apart from what is none, and never put over anything (A13)."""

import io
import os
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from node import backup, config, identity
from node.backup import BackupError, Manifest
from node.clock import SystemClock
from node.entropy import SystemEntropy
from node.store import Batch, schema
from node.store.contract import StoreError, StoreTooNew
from node.store.sqlite import SqliteStore
from tests.harness.real_nodes import RealSwarm
from tests.harness.records import NOW_MS, task, verdict, vote

FIRST = task(1)


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """Alice's directory, with a verdict, a vote and a piece of evidence in her store."""
    alice = RealSwarm(tmp_path / "orchard", {"alice": {}})["alice"]
    store = alice.config.store
    async with await SqliteStore.open(store, now_ms=NOW_MS, fresh_id=b"the first's own!") as made:
        await made.commit(
            Batch(tasks=(FIRST,), slots=(vote(FIRST, 0),), verdicts=(verdict(FIRST),))
        )
    (store.parent / "evidence").mkdir()
    (store.parent / "evidence" / "pair.json").write_text("{}")
    identity.bind_database(alice.me, b"the first's own!".hex())
    return alice.home


def made(home: Path, to: Path, *, with_identity: bool = False) -> Manifest:
    return backup.make(
        config.load(home),
        to,
        with_identity=with_identity,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    ).manifest


async def test_a_whole_node_comes_back_private_and_under_another_database_id(
    home: Path, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        manifest = made(home, tmp_path / "a.tar", with_identity=True)
        again = tmp_path / "again"
        restored, database = backup.restore(tmp_path / "a.tar", again)
    finally:
        os.umask(before)
    assert restored == manifest
    assert stat.S_IMODE((tmp_path / "a.tar").stat().st_mode) == 0o600
    modes = {
        str(path.relative_to(again)): stat.S_IMODE(path.stat().st_mode) for path in again.rglob("*")
    }
    assert modes == {
        "quorate.toml": 0o600,
        "federation.toml": 0o644,
        "identity": 0o700,
        "identity/identity.key": 0o600,
        "identity/identity.crt": 0o644,
        "identity/identity.json": 0o644,
        "store": 0o700,
        "store/quorate.db": 0o600,
        "store/evidence": 0o700,
        "store/evidence/pair.json": 0o600,
    }
    assert stat.S_IMODE(again.stat().st_mode) == 0o700
    found = config.load(again)
    assert (found.store, found.identity) == (database, again / "identity")
    me = identity.load(found.identity)
    async with await SqliteStore.read(database) as store:
        assert store.database_id.hex() == manifest.database != me.database
        assert await store.verdict(FIRST.task) == verdict(FIRST)
        assert await store.slots(FIRST.task) == [vote(FIRST, 0)]
    assert names(tmp_path) == ["a.tar", "again", "orchard"]


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


async def test_a_node_that_lost_its_store_gets_it_back_alone(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "a.tar")
    key = (home / "identity" / "identity.key").read_bytes()
    store = config.load(home).store
    store.unlink()
    log = store.with_name("quorate.db-wal")
    log.write_bytes(b"what would be read into the copy")
    with pytest.raises(BackupError, match=r"quorate\.db-wal exists already: move it away"):
        backup.restore(tmp_path / "a.tar", home)
    log.unlink()
    _, database = backup.restore(tmp_path / "a.tar", home)
    assert database == store
    assert (home / "identity" / "identity.key").read_bytes() == key
    async with await SqliteStore.read(store) as found:
        assert await found.verdict(FIRST.task) == verdict(FIRST)


def test_without_its_identity_a_backup_holds_no_key(home: Path, tmp_path: Path) -> None:
    manifest = made(home, tmp_path / "a.tar")
    assert [item.name for item in manifest.files] == ["quorate.db", "evidence/pair.json"]
    secret = (home / "identity" / "identity.key").read_bytes().splitlines()[1]
    assert secret not in (tmp_path / "a.tar").read_bytes()


def test_no_backup_and_no_node_is_overwritten(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "a.tar")
    with pytest.raises(BackupError, match=r"a\.tar exists already, and no backup is overwritten"):
        made(home, tmp_path / "a.tar")
    with pytest.raises(BackupError, match=r"quorate\.db exists already: move it away first"):
        backup.restore(tmp_path / "a.tar", home)
    with pytest.raises(BackupError, match="neither a new directory nor a node's"):
        backup.restore(tmp_path / "a.tar", tmp_path)


def test_the_store_of_another_member_is_not_put_beside_a_key(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "a.tar")
    bob = RealSwarm(tmp_path / "other", {"bob": {}})["bob"]
    with pytest.raises(BackupError, match="these do not belong together"):
        backup.restore(tmp_path / "a.tar", bob.home)
    assert not bob.config.store.exists()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    at = data.index(b"SQLite format 3") + 4_200
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def forged(data: bytes) -> bytes:
    return data.replace(b'"name": "alice"', b'"name": "bobby"', 1)


def nothing(data: bytes) -> bytes:
    return b""


def words(data: bytes) -> bytes:
    return b"no backup at all" * 100


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (cut, "cut short|is damaged"),
        (flipped, "is damaged: quorate.db is not what was backed up"),
        (forged, "is damaged: its manifest is not what was written"),
        (nothing, "is no backup of `quorate backup`"),
        (words, "is no backup of `quorate backup`"),
    ],
)
def test_a_backup_that_is_not_whole_is_refused_by_name_and_leaves_nothing(
    home: Path, tmp_path: Path, harm: Callable[[bytes], bytes], said: str
) -> None:
    made(home, tmp_path / "a.tar")
    (tmp_path / "b.tar").write_bytes(harm((tmp_path / "a.tar").read_bytes()))
    with pytest.raises(BackupError, match=said) as caught:
        backup.restore(tmp_path / "b.tar", tmp_path / "again")
    assert str(tmp_path / "b.tar") in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "b.tar", "orchard"]


def rewritten(source: Path, to: Path, change: Callable[[Manifest], Manifest]) -> None:
    """A backup whose manifest says something else, with the digest to match."""
    with tarfile.open(source) as old, tarfile.open(to, "w") as new:
        members = old.getmembers()
        inside = old.extractfile(members[0])
        assert inside is not None
        changed = change(msgspec.json.decode(inside.read(), type=Manifest))
        text = msgspec.json.encode(changed)
        header = tarfile.TarInfo(f"manifest-{backup.hashlib.sha256(text).hexdigest()}.json")
        header.size = len(text)
        new.addfile(header, io.BytesIO(text))
        for member in members[1:]:
            new.addfile(member, old.extractfile(member))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "has format 2, and this program reads format 1"),
        ({"schema": schema.known() + 1}, "run|restore it with the newer program"),
        ({"files": ()}, "lists files that no backup holds"),
    ],
)
def test_a_backup_of_a_newer_program_is_refused_with_both_versions(
    home: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    made(home, tmp_path / "a.tar")
    rewritten(
        tmp_path / "a.tar", tmp_path / "b.tar", lambda old: msgspec.structs.replace(old, **changes)
    )
    with pytest.raises(BackupError, match=said):
        backup.restore(tmp_path / "b.tar", tmp_path / "again")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "evidence/../../evil", "evidence/"])
def test_no_backup_writes_outside_of_its_directory(home: Path, tmp_path: Path, name: str) -> None:
    made(home, tmp_path / "a.tar")

    def change(old: Manifest) -> Manifest:
        strange = msgspec.structs.replace(old.files[1], name=name)
        return msgspec.structs.replace(old, files=(old.files[0], strange))

    rewritten(tmp_path / "a.tar", tmp_path / "b.tar", change)
    with pytest.raises(BackupError, match="lists files that no backup holds"):
        backup.restore(tmp_path / "b.tar", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_file_that_is_missing_at_the_end_is_named(home: Path, tmp_path: Path) -> None:
    made(home, tmp_path / "a.tar")

    def change(old: Manifest) -> Manifest:
        more = msgspec.structs.replace(old.files[1], name="evidence/more.json")
        return msgspec.structs.replace(old, files=(*old.files, more))

    rewritten(tmp_path / "a.tar", tmp_path / "b.tar", change)
    with pytest.raises(BackupError, match=r"cut short: evidence/more\.json is missing"):
        backup.restore(tmp_path / "b.tar", tmp_path / "again")


def test_there_is_nothing_to_restore_or_to_back_up(home: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"there is no backup at .*none\.tar"):
        backup.restore(tmp_path / "none.tar", tmp_path / "again")
    config.load(home).store.unlink()
    with pytest.raises(StoreError, match="there is no store at"):
        made(home, tmp_path / "a.tar")
    assert not (tmp_path / "a.tar").exists()


def test_a_store_of_a_newer_program_or_a_damaged_one_is_not_backed_up(
    home: Path, tmp_path: Path
) -> None:
    store = config.load(home).store
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew, match="has version 99"):
        made(home, tmp_path / "a.tar")
    store.write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="no SQLite file"):
        made(home, tmp_path / "a.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orchard"]


def test_what_a_killed_backup_left_behind_goes_with_the_next(home: Path, tmp_path: Path) -> None:
    left = tmp_path / ".a.tar.999999999.partial"
    left.mkdir()
    (left / "quorate.db").write_bytes(b"half")
    made(home, tmp_path / "a.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "orchard"]
