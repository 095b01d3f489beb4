"""Databases that do not hold all that their identity signed are noticed (A13)."""

from pathlib import Path

import pytest

from node import identity
from node.entropy import SystemEntropy
from node.identity import Identity, IdentityError
from node.memory import MARK_FILE, Mark, lost, settle
from node.store import Batch, MemoryStore
from tests.harness.records import NOW_MS, opened, task, vote

LATER = NOW_MS + 1_000


@pytest.fixture
def alice(tmp_path: Path) -> Identity:
    return identity.create(tmp_path / "alice", SystemEntropy())


def store(number: int = 1) -> MemoryStore:
    return MemoryStore(now_ms=NOW_MS, fresh_id=bytes([number]) * 16)


async def settled(me: Identity, held: MemoryStore) -> Identity:
    """One start and one end of a node."""
    mark = Mark(me.directory)
    me = await settle(me, held, mark, now_ms=LATER, entropy=SystemEntropy())
    mark.note(held.signings)
    mark.close()
    mark.close()
    return identity.load(me.directory)


async def test_a_first_start_binds_the_new_database_with_a_whole_memory(alice: Identity) -> None:
    held = store()
    me = await settled(alice, held)
    assert (me.database, held.since_ms) == (held.database_id.hex(), 0)
    assert await lost(me, held, Mark(me.directory).read()) == ""


async def test_another_database_becomes_its_own_and_its_memory_begins_now(alice: Identity) -> None:
    me = await settled(alice, store(1))
    other = store(2)
    again = await settled(me, other)
    assert other.since_ms == LATER
    assert other.database_id != bytes([2]) * 16
    assert again.database == other.database_id.hex()


async def test_the_database_that_was_named_before_is_foreign_when_it_is_put_back(
    alice: Identity,
) -> None:
    first, second = store(1), store(2)
    me = await settled(await settled(alice, first), second)
    assert first.since_ms == 0
    await settled(me, first)
    assert first.since_ms == LATER


async def test_an_older_copy_is_noticed_by_its_count_and_an_equal_one_is_no_copy(
    alice: Identity,
) -> None:
    current, copy = store(), store()
    for held in (current, copy):
        await held.commit(opened(task(1)))
        await held.commit(Batch(slots=(vote(task(1), 0),)))
    # The identity was bound before either had a task.
    me = identity.bind_database(alice, current.database_id.hex())
    me = await settled(me, current)
    assert await lost(me, copy, Mark(me.directory).read()) == ""
    await current.commit(Batch(slots=(vote(task(1), 1),)))
    me = await settled(me, current)
    assert current.since_ms == 0
    assert "older copy" in await lost(me, copy, Mark(me.directory).read())
    await settled(me, copy)
    assert copy.since_ms == LATER
    assert copy.database_id != current.database_id


async def test_a_database_with_tasks_is_not_taken_over_by_an_identity_without_a_record(
    alice: Identity,
) -> None:
    held = store()
    await held.commit(opened(task(1)))
    await settled(alice, held)
    assert held.since_ms == LATER


async def test_memory_never_begins_earlier_than_it_did(alice: Identity) -> None:
    held = store()
    await held.adopt(fresh_id=b"z" * 16, since_ms=LATER + 5)
    await settled(identity.bind_database(alice, "ff" * 16), held)
    assert held.since_ms == LATER + 5  # the clock was set back


@pytest.mark.parametrize("text", ["", "rubbish", "0" * 54, "a" * 999])
async def test_a_damaged_mark_counts_as_an_older_copy(alice: Identity, text: str) -> None:
    held = store()
    me = await settled(alice, held)
    (me.directory / MARK_FILE).write_text(text)
    await settled(me, held)
    assert held.since_ms == LATER


async def test_without_a_mark_as_earlier_versions_left_it_the_id_decides(alice: Identity) -> None:
    held = store()
    me = await settled(alice, held)
    (me.directory / MARK_FILE).unlink()
    await settled(me, held)
    assert held.since_ms == 0


def test_a_mark_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    (tmp_path / MARK_FILE).mkdir()
    with pytest.raises(IdentityError, match=f"cannot read .*{MARK_FILE}"):
        Mark(tmp_path).read()
    with pytest.raises(IdentityError, match=f"cannot write .*{MARK_FILE}"):
        Mark(tmp_path / "nowhere").begin("0" * 32, 0)
