"""Storage that fails, databases that are not the one, and tasks that end without a verdict."""

import asyncio
from pathlib import Path

import pytest

from consensus.bodies import Acceptance
from consensus.envelope import Envelope, Kind, Stage
from node.config import LimitsConfig
from node.store.contract import StoreError
from node.store.records import TaskState
from node.wire import codec
from tests.harness.daemons import Grove, Turned
from tests.harness.rogue import Rogue

FOUR = ("alice", "bob", "carol", "dave")


def said_by(rogue: Rogue, member: bytes) -> list[Envelope]:
    """What mallory heard that `member` signed."""
    frames = [frame for _, frame in rogue.heard.frames]
    return [one for frame in frames for one in frame.envelopes if one.signer == member]


async def test_a_store_that_fails_in_the_middle_of_a_task_ends_the_node_unsigned(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, "alice", rogues=("mallory",)) as grove:
        await grove.start("alice")
        rogue, alice, node = await grove.rogue(), grove.key("alice"), grove.nodes["alice"]
        committee = rogue.committee(alice)
        opened = rogue.opening(committee)
        rogue.say(alice, opened)
        await grove.hear_out(rogue, "alice")
        before = said_by(rogue, alice)
        assert [one.kind for one in before] == [Kind.ACCEPTANCE]
        await node._store._connection.execute("PRAGMA query_only = ON")
        stored = await node._store.slots(opened.id)  # type: ignore[arg-type]
        at = rogue.at(committee, opened.id, 0, Stage.OPEN)
        rogue.say(alice, rogue.sign(Kind.ACCEPTANCE, at, Acceptance()))
        with pytest.raises(StoreError, match="attempt to write a readonly database"):
            await grove.ended("alice")
        await rogue.heard.until(lambda: rogue.heard.downs)
        assert said_by(rogue, alice) == before  # its commit was signed, and never sent
        assert len(stored) == 1
        (line,) = grove.logged("storage failed; this node signs nothing more")
        assert "readonly" in line["reason"]
        grove.expected.add(line["event"])

        await grove.start("alice")  # the disk is sound again: the task goes on where it was
        await rogue.linked(alice)
        rogue.say(alice, rogue.sign(Kind.ACCEPTANCE, at, Acceptance()))
        await rogue.heard.until(
            lambda: any(one.kind == Kind.COMMIT for one in said_by(rogue, alice))
        )
        again = [one for one in said_by(rogue, alice) if one.kind == Kind.ACCEPTANCE]
        assert {one.id for one in again} == {before[0].id}


async def test_with_another_database_older_tasks_are_followed_and_newer_ones_signed(
    tmp_path: Path,
) -> None:
    clock = Turned()
    models = {name: {"delay_ms": 300} for name in FOUR}
    async with Grove(tmp_path, *FOUR, models=models) as grove:
        await grove.start(*FOUR, clock=clock)
        await grove.linked()
        older = grove.open("bob", grove.ask(*FOUR, draft_ms=3_000, judge_ms=3_000))
        alice = grove.nodes["alice"]
        await alice.until(lambda: older.id in alice.runner.live)
        await grove.stop("alice")
        store = alice.config.store
        store.parent.rename(store.parent.with_name("elsewhere"))
        await grove.start("alice", clock=clock)
        await grove.linked()
        alice = grove.nodes["alice"]
        assert grove.logged(
            "the database is not the one this identity names: older tasks are only "
            "followed, since their votes are not here"
        )
        assert alice.status()["database_matches"] is False
        ends = [await grove.last(name, older) for name in FOUR]
        assert [event.kind for event in ends] == ["verdict"] * 4
        assert len({event.detail["verdict"] for event in ends}) == 1
        assert await alice._store.slots(older.id) == []  # type: ignore[arg-type]
        assert (await alice._store.tasks())[0].state is TaskState.DECIDED

        clock.ahead_ms = 61_000  # past what clocks may differ by
        newer = await grove.decide(*FOUR, by="bob")
        kinds = {Kind(slot.envelope.kind) for slot in await alice._store.slots(newer.id)}  # type: ignore[arg-type]
        assert {Kind.ACCEPTANCE, Kind.COMMIT, Kind.SEAL, Kind.OPENING} <= kinds


async def test_a_task_with_too_few_members_expires_and_the_asker_is_told(tmp_path: Path) -> None:
    clock = Turned()
    async with Grove(tmp_path, *FOUR) as grove:
        await grove.start("alice", "bob", clock=clock)
        await grove.linked()
        opened = grove.open("alice", grove.ask(*FOUR, not_after_s=5))
        watching = asyncio.create_task(grove.followed("alice", opened))
        bob = grove.nodes["bob"]
        await bob.until(lambda: opened.id in bob.runner.live)
        clock.ahead_ms = 30_000
        assert (await watching)[-1].kind == "expired"
        assert (await grove.last("bob", opened)).kind == "expired"
        for name in ("alice", "bob"):
            node = grove.nodes[name]
            assert node.runner.live == {}
            assert (await node._store.tasks())[0].state is TaskState.EXPIRED


async def test_a_task_that_too_many_refuse_is_given_up_at_once_with_the_reason(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, "alice", "bob", rogues=("mallory", "dave")) as grove:
        await grove.start("alice", "bob")
        await grove.linked()
        rogues = [await grove.rogue("mallory"), await grove.rogue("dave")]
        members = ("alice", "bob", "mallory", "dave")
        opened = grove.open("alice", grove.ask(*members, accept_ms=3_600_000))
        body = codec.decode(Kind.TASK_OPEN, opened.payload)
        for rogue in rogues:
            at = rogue.at(body.committee, opened.id, 0, Stage.OPEN)  # type: ignore[union-attr]
            refusal = rogue.sign(Kind.ACCEPTANCE, at, Acceptance(refusal="no place for it"))
            for name in ("alice", "bob"):
                rogue.say(grove.key(name), refusal)
        told = await grove.followed("alice", opened)
        assert told[-1].kind == "abandoned"
        assert told[-1].detail["reason"] == "more members refused than a quorum can miss"
        reasons = [event.detail["reason"] for event in told if event.kind == "refused"]
        assert reasons == ["no place for it"] * 2
        assert (await grove.nodes["alice"]._store.tasks())[0].state is TaskState.REFUSED


async def test_a_stopping_node_waits_for_no_task_longer_than_it_may(tmp_path: Path) -> None:
    limits = LimitsConfig(stop_s=1)
    async with Grove(tmp_path, *FOUR, limits=limits) as grove:
        await grove.start("alice")
        opened = grove.open("alice", grove.ask(*FOUR, not_after_s=600))
        await grove.nodes["alice"].settled()
        await grove.stop("alice")
        (line,) = grove.logged("stopping")
        assert line["undecided"] == 1
        assert grove.logged("stopped")
        await grove.start("alice")
        assert set(grove.nodes["alice"].runner.live) == {opened.id}
