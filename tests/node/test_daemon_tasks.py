"""Tasks that a member gone bad opens, replays or floods others with (rules S7, A13, T3)."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import cast as cast_to

import pytest

from consensus.envelope import Envelope, Kind
from node import archive
from node.config import LimitsConfig
from node.intake import FOLLOWED
from node.runner import Runner
from node.sync import DECLINED, DECLINED_MS, Sync
from node.wire.admission import Code
from node.wire.frames import Digest, Frame
from tests.harness import cast
from tests.harness.daemons import Grove, Turned
from tests.harness.rogue import Rogue, wall_ms

HONEST = ("alice", "bob", "carol")


def answers(rogue: Rogue, task: bytes) -> set[bytes]:
    """The ids of all that mallory heard in answer to a task."""
    return {
        one.id
        for _, frame in rogue.heard.frames
        for one in frame.envelopes
        if one.kind == Kind.ACCEPTANCE and one.ctx[64:96] == task
    }


async def played(rogue: Rogue, grove: Grove, *replayed: Envelope) -> dict[str, int]:
    """Play envelopes to alice three times over; how much she holds then."""
    for _ in range(3):
        await rogue.flood(grove.key("alice"), replayed)
    await grove.hear_out(rogue, "alice")
    return grove.nodes["alice"].sizes()


async def test_a_task_seen_before_is_not_taken_again_whatever_became_of_it(
    tmp_path: Path,
) -> None:
    clock = Turned()
    async with Grove(tmp_path, *HONEST, rogues=("mallory",)) as grove:
        await grove.start(*HONEST, clock=clock)
        await grove.linked()
        rogue = await grove.rogue()
        alice = grove.key("alice")
        pair = rogue.committee(alice)
        decided = await grove.decide(*HONEST)
        ours = await grove.decide(*HONEST, "mallory")
        everything = [one for _, frame in rogue.heard.frames for one in frame.envelopes]
        expired = rogue.opening(pair, not_after_ms=wall_ms() + 1_000)
        rogue.say(alice, expired)
        await grove.hear_out(rogue, "alice")
        clock.ahead_ms = 20_000  # past its not-after, and past the time a late verdict is given
        assert (await grove.last("alice", expired)).kind == "expired"
        undecided = rogue.opening(pair, not_after_ms=clock.wall_ms() + 600_000)
        refused = rogue.opening(
            rogue.committee(alice, grove.key("bob"), families=("x", "y", "z")),
            not_after_ms=clock.wall_ms() + 600_000,
        )
        rogue.say(alice, undecided, refused)
        await grove.hear_out(rogue, "alice")
        tasks = (decided, ours, expired, undecided, refused)
        said = {one.id: answers(rogue, one.id) for one in tasks}
        assert [len(said[one.id]) for one in tasks[2:]] == [1, 1, 1]
        before = grove.nodes["alice"].sizes()
        assert before["live"] == 1
        after = await played(rogue, grove, *tasks, *everything)
        assert {key: after[key] for key in ("live", "known")} == {
            key: before[key] for key in ("live", "known")
        }
        assert {one.id: answers(rogue, one.id) for one in tasks} == said
        rows = await grove.nodes["alice"]._store.tasks()
        await grove.stop("alice")
        await grove.start("alice", clock=clock)
        await rogue.linked(alice)
        await grove.linked()
        await played(rogue, grove, *tasks, *everything)
        assert set(grove.nodes["alice"].runner.live) == {undecided.id}
        assert {one.id: answers(rogue, one.id) for one in tasks} == said
        assert await grove.nodes["alice"]._store.tasks() == rows
        await grove.decide(*HONEST)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_forgotten_task_that_comes_again_is_signed_for_no_more(
    tmp_path: Path, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "TOLD", 1)  # the last ones are remembered in any case
    clock = Turned()
    async with Grove(tmp_path, "alice", rogues=("mallory",)) as grove:
        await grove.start("alice", clock=clock)
        rogue = await grove.rogue(clock=clock)
        alice = grove.key("alice")
        opened, last = (
            rogue.opening(rogue.committee(alice), not_after_ms=wall_ms() + 1_000) for _ in range(2)
        )
        rogue.say(alice, opened, last)
        await grove.hear_out(rogue, "alice")
        said = answers(rogue, opened.id)
        assert len(said) == 1
        clock.ahead_ms = 20_000
        assert (await grove.last("alice", last)).kind == "expired"
        clock.ahead_ms = 3_600_000
        node = grove.nodes["alice"]
        node.runner.archive.forget(node.house.forgotten_ms())
        assert not node.runner.archive.knows(opened.id)
        assert await node._store.forget(before_ms=node.house.forgotten_ms()) == 2
        assert await node._store.tasks() == []
        if restarted:
            await grove.stop("alice")
            await grove.start("alice", clock=clock)
            await rogue.linked(alice)
        await rogue.flood(alice, [opened] * 3)
        await grove.hear_out(rogue, "alice")
        assert answers(rogue, opened.id) == said
        assert await grove.nodes["alice"]._store.tasks() == []


async def test_what_got_no_answer_is_not_asked_for_again_for_a_while(tmp_path: Path) -> None:
    """Else whoever takes part in it would be asked whenever it names it, and would pay for that."""
    clock = Turned()
    limits = LimitsConfig(opener_tasks_per_minute=1, stop_s=1)
    async with Grove(tmp_path, "alice", rogues=("mallory",), limits=limits) as grove:
        await grove.start("alice", clock=clock)
        rogue = await grove.rogue()
        alice, node = grove.key("alice"), grove.nodes["alice"]
        pair = rogue.committee(alice)
        taken, refused, ignored = (rogue.opening(pair) for _ in range(3))
        await rogue.flood(alice, (taken, refused, ignored))
        assert set(node.runner.live) == {taken.id, refused.id}
        assert node.runner.gate.refusals[Code.OVER_QUOTA] == 1

        async def asked(*digests: Digest) -> int:
            """How often alice asks for the ignored one when told this."""
            rogue.heard.frames.clear()
            rogue.send(alice, Frame(digests=digests))
            await grove.hear_out(rogue, "alice")
            wants = [want for _, frame in rogue.heard.frames for want in frame.wants]
            return sum(want.task == ignored.id for want in wants)

        running = Digest(task=ignored.id, round=1)
        assert await asked(*[running] * 20) == 0
        await rogue.flood(alice, [ignored] * 3)
        assert node.runner.gate.refusals[Code.OVER_QUOTA] == 4
        clock.ahead_ms += DECLINED_MS
        assert await asked(*[running] * 20) == 1
        await rogue.flood(alice, [ignored])
        assert await asked(running) == 0
        assert await asked(Digest(task=ignored.id, round=0, verdict=b"v" * 32)) == 1


def test_as_many_declined_tasks_are_remembered_as_there_is_room_for() -> None:
    sync = Sync(cast_to(Runner, SimpleNamespace(now=0, knows=lambda _: False)))
    tasks = [number.to_bytes(32) for number in range(DECLINED + 1)]
    for task in tasks[:-1]:
        sync.decline(task)
    assert all(sync.declined(task, b"bob") for task in tasks[:-1])
    sync.decline(tasks[1])  # anew: the oldest is still the first
    sync.decline(tasks[-1])
    assert [task for task in tasks if not sync.declined(task, b"bob")] == tasks[:1]


def test_a_claim_to_a_verdict_has_its_claimant_heard_alone() -> None:
    """Else one member's claims would have honest ones asked for its flood again."""
    sync = Sync(cast_to(Runner, SimpleNamespace(now=0, knows=lambda _: False)))
    sync.decline(bytes(32))
    sync.missed.heard(bytes(32), b"mallory")
    assert sync.declined(bytes(32), b"bob")
    assert not sync.declined(bytes(32), b"mallory")


async def test_a_flood_of_tasks_takes_no_place_of_others(tmp_path: Path) -> None:
    limits = LimitsConfig(tasks=8, opener_tasks_per_minute=500, stop_s=1)
    async with Grove(tmp_path, *HONEST, rogues=("mallory",), limits=limits) as grove:
        await grove.start(*HONEST)
        await grove.linked()
        rogue = await grove.rogue()
        alice, node = grove.key("alice"), grove.nodes["alice"]
        pair, now = rogue.committee(alice), wall_ms()
        far = {"not_after_ms": 2**53}
        trent, *others = (cast.key(name) for name in ("trent", "trudy", "tony"))
        with_strangers = rogue.committee(alice, trent.public, *(key.public for key in others))
        foreign = cast.committee(cast.ALICE, trent)
        floods = {
            "for ever": [rogue.opening(pair, **far) for _ in range(100)],
            "strangers": [rogue.opening(with_strangers, **far) for _ in range(100)],
            "a stranger's": [rogue.opening(foreign, by=trent) for _ in range(100)],
            "expired": [
                rogue.opening(pair, opened_at_ms=now - 9_000, not_after_ms=now - 1)
                for _ in range(400)
            ],
            "plain": [rogue.opening(pair) for _ in range(100)],
        }
        for name, flood in floods.items():
            await rogue.flood(alice, flood)
            await grove.hear_out(rogue, "alice")
            sizes = node.sizes()
            assert sizes["live"] <= FOLLOWED + 4, name
            assert sizes["errands"] <= 257, name
        standing = Counter(live.task.active for live in node.runner.live.values())
        assert standing == {False: FOLLOWED, True: 4}  # half of the places is left for others
        assert node.runner.gate.refusals[Code.OVER_QUOTA] >= 136
        (line,) = [line for line in grove.logged("refusal") if line["code"] == "over_quota"]
        assert (line["member"], line["log_level"]) == ("mallory", "info")
        refused = [line["reason"] for line in grove.logged("refusal")]
        assert "the task lives" in refused[0]
        await grove.decide(*HONEST)
        await grove.decide(*HONEST, by="bob")
