"""Backups, stores and files for `verify`: whatever the bytes, the answer is in words (T3, E2)."""

import shutil
import tracemalloc
from pathlib import Path
from random import Random

import pytest

from node import backup
from node.backup import BackupError
from node.cli.verify import State, examine
from node.clock import SystemClock
from node.config import ConfigError
from node.entropy import SystemEntropy
from node.identity import IdentityError
from node.store import Batch
from node.store.contract import StoreError
from node.store.sqlite import SqliteStore
from tests.harness.mangling import mangled
from tests.harness.real_nodes import RealSwarm
from tests.harness.real_ring import real_verdict
from tests.harness.records import NOW_MS, task, verdict, vote
from tests.harness.scale import scaled

from .readers import samples

MIB = 1 << 20


# -- verify -----------------------------------------------------------------------------------


@pytest.mark.adversary
@pytest.mark.parametrize("name", ["verdict", "evidence"])
def test_verify_finds_every_malformed_file_invalid_or_no_such_file(
    name: str, tmp_path: Path
) -> None:
    real, path = samples(name, tmp_path), tmp_path / "a file"
    for number in range(scaled(quick=60, commit=1_000, night=20_000)):
        path.write_bytes(mangled(Random(number), real, text=number % 4 > 0))
        found = examine(path, None)
        assert found.state in (State.INVALID, State.UNUSABLE), number
        assert found.line
        assert found.state is State.UNUSABLE or found.facts["rule"]


BEGUN = b'{"format":"quorate-verdict/1","opened":'
EVIDENCE = b'{"envelopes":'
DENSE = (
    b"[],",
    b'{"a":1},',
    b'"ab",',
    b"1234,",
    b"0,",
    b"[[[],",
    b'"\\u1234",',
    b'"\xf0\x9f\x90\x9d",',
)
"""What takes many times its size once it is read, or once one letter of it is wide."""


@pytest.mark.parametrize("begun", [BEGUN, EVIDENCE], ids=["verdict", "evidence"])
@pytest.mark.parametrize("part", DENSE, ids=repr)
def test_verify_takes_no_more_memory_than_a_few_times_the_file(
    begun: bytes, part: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "dense.json"
    data = begun + b"[" + part * (2 * MIB // len(part)) + b"0]}"
    path.write_bytes(data)
    examine(path, None)
    tracemalloc.start()
    try:
        found = examine(path, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.state is not State.VALID
    assert peak < 4 * len(data)


def test_verify_takes_few_times_the_memory_of_a_true_verdict(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    path.write_bytes(real_verdict().bundle.encode())
    examine(path, None)
    tracemalloc.start()
    try:
        assert examine(path, None).state is State.UNPINNED
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * path.stat().st_size


# -- backups and stores -----------------------------------------------------------------------


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """Alice's directory, with a verdict and votes in her store."""
    alice = RealSwarm(tmp_path / "orchard", {"alice": {}})["alice"]
    async with await SqliteStore.open(
        alice.config.store, now_ms=NOW_MS, fresh_id=b"the first's own!"
    ) as made:
        first = task(1)
        votes = tuple(vote(first, view) for view in range(3))
        await made.commit(Batch(tasks=(first,), slots=votes, verdicts=(verdict(first),)))
    return alice.home


@pytest.mark.adversary
async def test_malformed_backup_is_refused_and_leaves_nothing_behind(
    home: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.tar"
    backup.make(
        backup.node_config.load(home),
        whole,
        with_identity=True,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )
    data, bent, to = whole.read_bytes(), tmp_path / "bent.tar", tmp_path / "again"
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
    for number in range(scaled(quick=40, commit=400, night=4_000)):
        rng = Random(number)
        if number % 2:  # in the headers and the manifest, where it is parsed
            made = list(blocks)
            at = rng.randrange(min(8, len(made)))
            made[at] = mangled(rng, [made[at]])
            bent.write_bytes(b"".join(made))
        else:
            bent.write_bytes(mangled(rng, [data]))
        assert restored(bent, to) or not left(to), number


def restored(source: Path, to: Path) -> bool:
    """Whether it is a backup after all: what was bent is padding, or says nothing."""
    try:
        backup.restore(source, to)
    except (BackupError, ConfigError, IdentityError):
        return False
    shutil.rmtree(to)
    return True


def left(to: Path) -> list[Path]:
    """What a restore that failed left behind."""
    return [*to.parent.glob(to.name), *to.parent.glob(f".{to.name}*")]


@pytest.mark.adversary
async def test_malformed_store_fails_in_words_when_it_is_opened_or_read(
    home: Path, tmp_path: Path
) -> None:
    data = (home / "store" / "quorate.db").read_bytes()
    bent, refused = tmp_path / "bent.db", 0
    for number in range(scaled(quick=40, commit=300, night=3_000)):
        rng = Random(number)
        made = bytearray(data)
        for _ in range(rng.choice((1, 8, 64))):
            at = rng.choice((rng.randrange(len(made)), rng.randrange(100), rng.randrange(4_096)))
            made[at] = rng.randrange(256)
        _put(bent, bytes(made) if number % 5 else mangled(rng, [data]))
        try:
            await _read_all(bent, writing=number % 2 > 0)
        except StoreError:
            refused += 1
        except BaseException as error:
            error.add_note(f"number {number}")
            raise
    assert refused


def _put(path: Path, data: bytes) -> None:
    for left_ in path.parent.glob(f"{path.name}*"):
        left_.unlink()
    path.write_bytes(data)


async def _read_all(path: Path, *, writing: bool) -> None:
    opened = (
        SqliteStore.open(path, now_ms=NOW_MS, fresh_id=b"another's own id")
        if writing
        else SqliteStore.read(path)
    )
    async with await opened as store:
        first = task(1)
        await store.recent(100)
        await store.tasks()
        await store.slots(first.task)
        await store.verdict(first.task)
        await store.verdicts(100)
        await store.facts()
        await store.unlearnt()
