"""Keeping house in running daemons: pruning, the disk quota, old copies put back (A13, S7)."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from consensus.bodies import Acceptance
from consensus.envelope import Kind
from node import backup
from node.clock import SystemClock
from node.config import LimitsConfig
from node.entrance import RefusedTask
from node.entropy import SystemEntropy
from node.quota import MIB
from node.wire import codec
from node.wire.control import NotFound
from node.wire.watch import WatchRequest
from tests.harness.daemons import Grove, Node, Turned

FOUR = ("alice", "bob", "carol", "dave")
DAY_MS = 86_400_000


def fill(node: Node, used: int) -> None:
    """Lay so much evidence down that the store of `node` takes `used` bytes."""
    shelf = node.config.store.parent / "evidence"
    shelf.mkdir(exist_ok=True)
    (shelf / "weight.json").write_bytes(bytes(used - node._store.used))


async def test_over_the_quota_new_tasks_are_refused_with_a_signed_reason_and_old_ones_finish(
    tmp_path: Path,
) -> None:
    limits = LimitsConfig(stop_s=1, disk_mib=2)
    models = {name: {"delay_ms": 300} for name in FOUR}
    async with Grove(tmp_path, *FOUR, models=models, limits=limits) as grove:
        await grove.start(*FOUR)
        await grove.linked()
        alice = grove.nodes["alice"]
        under_way = grove.open("bob", grove.ask(*FOUR, draft_ms=5_000, judge_ms=5_000))
        await alice.until(lambda: under_way.id in alice.runner.live)
        fill(alice, 2 * MIB + 40_000)
        await alice.house.round()
        assert alice.status()["disk"]["limit"] == 2 * MIB < alice.status()["disk"]["used"]
        with pytest.raises(RefusedTask, match=r"over the disk quota of 2\.0 MiB: 2\.\d MiB are"):
            grove.open("alice", grove.ask(*FOUR))
        refused = grove.open("bob", grove.ask(*FOUR))
        await alice.until(lambda: refused.id in alice.runner.live)
        await alice.settled()
        (slot,) = await alice._store.slots(refused.id)  # type: ignore[arg-type]
        body = codec.decode(Kind.ACCEPTANCE, slot.envelope.payload)
        assert isinstance(body, Acceptance)
        assert body.refusal.startswith("over the disk quota of 2.0 MiB")
        assert (await grove.last("alice", under_way)).kind == "verdict"
        kinds = {slot.envelope.kind for slot in await alice._store.slots(under_way.id)}  # type: ignore[arg-type]
        assert {Kind.COMMIT, Kind.SEAL, Kind.OPENING, Kind.PRECOMMIT} <= kinds
        assert (await grove.last("bob", refused)).kind == "verdict"  # three are a quorum
        (line,) = grove.logged(
            "the disk quota is nearly used up: prune (`quorate prune`, keep.days), or allow "
            "more (limits.disk_mib)"
        )
        assert line["limit"] == "2.0 MiB"
        fill(alice, 4 * MIB)
        await alice.house.round()
        ignored = grove.open("bob", grove.ask(*FOUR))
        assert (await grove.last("bob", ignored)).kind == "verdict"
        await alice.settled()
        assert ignored.id not in alice.runner.live
        assert await alice._store.task(ignored.id) is None  # type: ignore[arg-type]
        (alice.config.store.parent / "evidence" / "weight.json").unlink()
        await alice.house.round()
        assert (await grove.last("alice", ignored)).kind == "verdict"  # it reads up on it


async def test_a_pruned_task_stays_known_and_who_asks_for_it_is_told_so(tmp_path: Path) -> None:
    clock = Turned()
    async with Grove(tmp_path, *FOUR) as grove:
        await grove.start(*FOUR, clock=clock)
        await grove.linked()
        opened = await grove.decide(*FOUR)
        alice, bob = grove.nodes["alice"], grove.nodes["bob"]
        verdict = (await alice.verdicts(1))[0]["verdict"]
        swept = await alice.house.sweep(0, 0)
        assert (swept.verdicts, swept.held_back) == (0, 1)  # its not-after has not passed
        assert len(await alice._store.slots(opened.id)) > 0  # type: ignore[arg-type]
        clock.ahead_ms = DAY_MS
        assert (await alice.house.sweep(2 * DAY_MS, 0)).verdicts == 0
        assert (await alice.house.sweep(0, 0, dry_run=True)).verdicts == 1
        assert (await alice.house.sweep(0, 0)).verdicts == 1
        for _ in range(2):
            [told] = [event async for event in alice.watch(WatchRequest(task=opened.id))]
            assert told.kind == "unknown"
            assert f"the verdict {verdict[:16]} of task" in told.detail["reason"]
            assert "was pruned here" in told.detail["reason"]
            with pytest.raises(NotFound, match="was pruned here"):
                await alice.verdict(verdict[:10])
            assert alice.runner.archive.verdict(opened.id) == b""
            assert alice.runner.archive.recent(0, bob._me.public) == []
            alice.runner.entrance.offered(alice.runner.gate.admit(opened), bob._me.public)  # type: ignore[arg-type]
            alice.runner.archive.forget(2**62)
            alice.runner.archive._drop(opened.id)  # as if long ago
            alice.runner.entrance.offered(alice.runner.gate.admit(opened), bob._me.public)  # type: ignore[arg-type]
            await looked_up(alice)
            assert alice.runner.live == {}
            assert await alice._store.tasks() == []
            await grove.stop("alice")
            await grove.start("alice", clock=clock)
            await grove.linked()
            alice = grove.nodes["alice"]
        assert (await grove.last("bob", opened)).kind == "verdict"


async def test_a_node_prunes_itself_by_its_configuration(tmp_path: Path) -> None:
    clock = Turned()
    async with Grove(tmp_path, "alice") as grove:
        path = tmp_path / "alice" / "quorate.toml"
        path.write_text(path.read_text().replace("\ndays = 0\n", "\ndays = 7\n"))
        await grove.start("alice", clock=clock)
        alice = grove.nodes["alice"]
        await grove.decide("alice")
        clock.ahead_ms = 7 * DAY_MS - 3_600_000
        await alice.house.round()
        assert len(await alice.verdicts(9)) == 1
        clock.ahead_ms = 7 * DAY_MS + 3_600_000
        await alice.house.round()
        assert await alice.verdicts(9) == []
        assert [line["verdicts"] for line in grove.logged("pruned")] == [1]


def copied(node: Node, to: Path) -> None:
    """What an operator's own copy of the database file is."""
    with (
        closing(sqlite3.connect(node.config.store)) as source,
        closing(sqlite3.connect(to)) as made,
    ):
        source.backup(made)


@pytest.mark.parametrize("how", ["copied by hand", "backed up and restored"])
async def test_an_old_database_put_back_signs_nothing_for_what_was_undecided_then(
    tmp_path: Path, how: str
) -> None:
    """The classic: the node went on and voted after the copy was taken."""
    models = {name: {"delay_ms": 2_000, "line": {"answer": "a"}} for name in FOUR}
    models["alice"]["delay_ms"] = 0
    limits = LimitsConfig(stop_s=0)
    async with Grove(tmp_path, *FOUR, models=models, limits=limits) as grove:
        await grove.start(*FOUR)
        await grove.linked()
        before = await grove.decide(*FOUR, draft_ms=8_000, judge_ms=8_000)
        alice = grove.nodes["alice"]
        undecided = grove.open("bob", grove.ask(*FOUR, draft_ms=9_000, judge_ms=9_000))
        await alice.until(lambda: undecided.id in alice.runner.live)
        copy = tmp_path / "copy"
        if how == "copied by hand":
            await asyncio.to_thread(copied, alice, copy)
        else:
            await asyncio.to_thread(
                lambda: backup.make(
                    alice.config,
                    copy,
                    with_identity=False,
                    clock=SystemClock(),
                    entropy=SystemEntropy(),
                )
            )
        taken = alice._store.signings
        await alice.until(lambda: alice._store.signings > taken)
        await grove.stop("alice")
        store = alice.config.store
        store.rename(store.with_name("newer.db"))
        if how == "copied by hand":
            copy.rename(store)
        else:
            backup.restore(copy, tmp_path / "alice")
        with closing(sqlite3.connect(store)) as old:
            known = {bytes(row[0]) for row in old.execute("SELECT payload FROM slots")}
        await grove.start("alice")
        await grove.linked()
        alice = grove.nodes["alice"]
        assert alice.status()["database_matches"] is False
        warned = "is an older copy" if how == "copied by hand" else "is not the one this identity"
        assert any(warned in line["event"] for line in grove.lines)
        ends = [await grove.last(name, undecided) for name in FOUR]
        assert [event.kind for event in ends] == ["verdict"] * 4
        assert len({event.detail["verdict"] for event in ends}) == 1
        assert (await grove.last("alice", before)).kind == "verdict"
        for task in (before.id, undecided.id):
            slots = await alice._store.slots(task)  # type: ignore[arg-type]
            assert {slot.envelope.payload for slot in slots} <= known  # and nothing anew
        assert not any(node.evidence() for node in grove.nodes.values())
        assert not grove.logged("equivocation")
        # Back in the same place, the newer one is the foreign one: no way to two votes.
        await grove.stop("alice")
        store.unlink()
        store.with_name("newer.db").rename(store)
        await grove.start("alice")
        assert grove.nodes["alice"]._store.since_ms > 0


async def looked_up(node: Node) -> None:
    """Wait until the looks into the store that members caused are over."""
    running = [task for tasks in node.runner.sync.lookups._running.values() for task in tasks]
    await asyncio.gather(*running)
