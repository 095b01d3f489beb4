"""What a node remembers of tasks that are over, and of whose (rules S7, A14, T3)."""

from dataclasses import replace

import pytest

from consensus.bodies import TaskOpen
from consensus.envelope import Kind, TaskId
from node import archive as room
from node.archive import TOLD, Archive
from node.store.memory import MemoryStore
from node.store.records import Batch, Role, TaskRow, VerdictRow
from node.wire import codec
from tests.harness.cast import ALICE, BOB, CAROL, MALLORY
from tests.harness.verdicts import Verdict, plain_verdict

NOW = 1_000_000
OWN, BOBS, BAD = ALICE.public, BOB.public, MALLORY.public


def task(number: int) -> bytes:
    return number.to_bytes(32)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(now_ms=NOW, fresh_id=b"d" * 16)


@pytest.fixture
def archive(store: MemoryStore) -> Archive:
    return Archive(store, known=8)


def spec(of: Verdict) -> TaskOpen:
    """What a verdict is about."""
    body = codec.decode(Kind.TASK_OPEN, of.bundle.opened.payload)
    assert isinstance(body, TaskOpen)
    return body


async def stored(store: MemoryStore, of: Verdict) -> None:
    """Have the store hold a verdict, as after a restart."""
    row = TaskRow(
        opening=of.bundle.opened,
        secret=bytes(32),
        role=Role.MEMBER,
        opened_at_ms=0,
        not_after_ms=spec(of).not_after_ms,
    )
    held = VerdictRow(
        task=TaskId(of.bundle.task),
        verdict=of.bundle.id,
        bundle=of.bundle.encode(),
        decided_at_ms=NOW,
    )
    await store.commit(Batch(tasks=(row,), verdicts=(held,)))


def test_one_member_fills_half_of_the_memory_and_the_rest_is_others(archive: Archive) -> None:
    for number in range(4):
        assert archive.room(BAD)
        archive.note(task(number), NOW, BAD)
    assert not archive.room(BAD)
    assert archive.room(OWN)
    for number in range(4, 6):
        archive.note(task(number), NOW, OWN)
    assert not archive.room(OWN)
    assert archive.room(BOBS)
    archive.note(task(6), NOW, BOBS)
    archive.note(task(7), NOW, CAROL.public)
    assert not any(map(archive.room, (BAD, OWN, BOBS)))


def test_what_is_forgotten_makes_room_again(store: MemoryStore) -> None:
    archive = Archive(store, known=2 * TOLD + 8)
    for number in range(TOLD + 4):
        archive.note(task(number), NOW, BAD)
    assert not archive.room(BAD)
    archive.forget(NOW)
    assert not archive.room(BAD)
    archive.forget(NOW + 1)
    assert archive.room(BAD)
    assert archive.knows(task(TOLD + 3))
    assert not archive.knows(task(3))


def test_a_task_that_is_noted_twice_counts_once(archive: Archive) -> None:
    for _ in range(9):
        archive.note(task(1), NOW, BAD)
    assert archive.room(BAD)


async def test_after_a_restart_tasks_are_on_their_openers_account(store: MemoryStore) -> None:
    found = plain_verdict()
    await stored(store, found)
    archive = Archive(store, known=2)
    await archive.open(0)
    assert archive.verdict(found.bundle.task) == found.bundle.id
    assert not archive.room(found.bundle.opened.signer)
    assert archive.room(OWN)


async def test_looking_an_old_verdict_up_is_not_finishing_it(
    store: MemoryStore, archive: Archive
) -> None:
    found = plain_verdict()
    await stored(store, found)
    past = await archive.load(found.bundle.task)
    assert past is not None
    assert archive.finished == 0
    assert not archive.knows(found.bundle.task)
    assert archive.past(found.bundle.task) == past


def test_envelopes_of_a_verdict_are_found_by_id_once_each(archive: Archive) -> None:
    found = plain_verdict()
    archive.keep(found.bundle, spec(found))
    past = archive.past(found.bundle.task)
    assert past is not None
    some = past.bundle.rounds[0].envelopes()[0]
    asked = [some.id, bytes(32), some.id, past.bundle.task]
    assert past.find(asked) == [some, past.bundle.opened]


def test_a_returning_member_is_told_of_its_own_tasks_alone(archive: Archive) -> None:
    found = plain_verdict()
    archive.keep(found.bundle, spec(found))
    member = found.committee.members[0]
    assert [digest.verdict for digest in archive.recent(0, member)] == [found.bundle.id]
    assert archive.recent(0, BAD) == []


def test_what_was_told_is_oldest_first_and_bounded(store: MemoryStore) -> None:
    archive, found = Archive(store), plain_verdict()
    for number in range(TOLD + 1):
        bundle = replace(found.bundle, opened=replace(found.bundle.opened, kind=number))
        archive.keep(bundle, spec(found))
    told = archive.recent(archive.finished, found.committee.members[0])
    assert len(told) == TOLD
    assert told[-1].task == bundle.task


@pytest.mark.parametrize(("finished", "told"), [(TOLD + 3, TOLD + 3), (TOLD + 4, TOLD + 3)])
def test_a_member_that_was_away_for_long_is_told_of_so_many_tasks_and_no_more(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, finished: int, told: int
) -> None:
    monkeypatch.setattr(room, "TOLD_MOST", TOLD + 3)
    archive, found = Archive(store), plain_verdict()
    for number in range(finished):
        bundle = replace(found.bundle, opened=replace(found.bundle.opened, kind=number))
        archive.keep(bundle, spec(found))
    digests = archive.recent(0, found.committee.members[0])
    assert len(digests) == told
    assert digests[-1].task == bundle.task
