"""What a flood from one member costs the others: `python -m tests.bench.flood`, four minutes.

Four honest nodes in processes of their own decide tasks one after another, while a fifth member
sends all that they take from it. A flood is sent to all four at once, and the next of it as soon
as the last was handled, so each always has something of it to do and nothing is lost to a queue.
Blocks with and without the flood alternate, so that whatever else the machine does is in both.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from consensus.bodies import Report, Seal, Vote
from consensus.committee import Committee
from consensus.envelope import Envelope, Kind, MessageId, Stage
from consensus.policy import Policy
from node import config
from node.clock import SystemClock
from node.wire.client import SERVICE, PeerError
from node.wire.control import ControlClient
from node.wire.frames import Digest, FetchRequest, Frame, Want
from tests.harness import http2
from tests.harness.real_nodes import RealNode, RealSwarm
from tests.harness.rogue import Rogue

from .tables import Table, percentile

HONEST: Final = ("alice", "bob", "carol", "dave")
BLOCKS: Final = 5
TASKS: Final = 8
"""Tasks of one block."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a flood is made of: mallory, whom it floods, and a running task of its own."""

    rogue: Rogue
    keys: tuple[bytes, ...]
    committee: Committee
    opened: Envelope

    def junk(self, number: int, *, signed: bool) -> Envelope:
        """A vote of a later view in mallory's own task, or the same with a broken signature."""
        at = self.rogue.at(self.committee, self.opened.id)
        value = os.urandom(32)
        vote = self.rogue.sign(Kind.PREVOTE, at, Vote(view=number, value=value))
        return vote if signed else replace(vote, signature=os.urandom(64))


Flood = Callable[[Scene, bytes], Awaitable[None]]
"""One helping of a flood for one member; it returns when the member has handled it."""


async def valid_tasks(scene: Scene, key: bytes) -> None:
    """Tasks of the whole committee, well-formed, until its quota and past it."""
    opened = [scene.rogue.opening(scene.committee) for _ in range(20)]
    await scene.rogue.flood(key, opened)


async def garbage(scene: Scene, key: bytes) -> None:
    """Envelopes of a known task whose signatures do not hold."""
    scene.rogue.say(key, *GARBAGE(scene))
    await scene.rogue.through(key)


async def strangers(scene: Scene, key: bytes) -> None:
    """Votes of tasks that nobody knows."""
    vote = GARBAGE(scene)[0]
    some = [replace(vote, ctx=vote.ctx[:64] + os.urandom(32) + vote.ctx[96:]) for _ in range(500)]
    await scene.rogue.flood(key, some)


async def signed_junk(scene: Scene, key: bytes) -> None:
    """Votes of many views, seals, and REPORTs that name what exists nowhere, all signed."""
    at = [
        scene.rogue.at(scene.committee, scene.opened.id, 1, stage)
        for stage in (Stage.SLATE, Stage.FREEZE)
    ]
    ghosts = Report(ids=tuple(sorted(MessageId(os.urandom(32)) for _ in range(8))))
    said = [
        *(scene.junk(number, signed=True) for number in range(100)),
        *(scene.rogue.sign(Kind.SEAL, at[1], Seal(hash=os.urandom(32))) for _ in range(50)),
        scene.rogue.sign(Kind.REPORT, at[0], ghosts),
    ]
    await scene.rogue.flood(key, said)


async def large_frames(scene: Scene, key: bytes) -> None:
    """Frames of nearly a megabyte: the largest digests of tasks of its own, and offers."""
    held = os.urandom(8 * 8_000)
    digests = tuple(Digest(task=scene.opened.id, round=1, held=held) for _ in range(15))
    scene.rogue.send(key, Frame(digests=digests))
    await scene.rogue.through(key)


async def digests_and_wants(scene: Scene, key: bytes) -> None:
    """Digests that lack everything, and wants of everything, of a task that it is in."""
    task = scene.opened.id
    digests = tuple(Digest(task=task, round=number % 3) for number in range(500))
    wants = tuple(Want(task=task, ids=(task,)) for _ in range(100))
    scene.rogue.send(key, Frame(digests=digests, wants=wants))
    await scene.rogue.through(key)


async def ledger_calls(scene: Scene, key: bytes) -> None:
    """Summaries of the ledger, as many at once as it answers and some more."""
    async with scene.rogue.client(key) as client:
        for _ in range(10):
            with suppress(PeerError):
                await asyncio.gather(*(client.summarise(b"") for _ in range(4)))


async def fetches(scene: Scene, key: bytes) -> None:
    """Fetches of the most ids that there may be, four at a time."""
    request = FetchRequest(task=scene.opened.id, round=0, ids=(scene.opened.id,) * 4_096)
    with suppress(PeerError):
        await asyncio.gather(*(scene.rogue.fetch(key, request) for _ in range(2)))


async def taken_back(scene: Scene, key: bytes) -> None:
    """Calls that are opened and taken back at once, until the member has read them all."""
    reader, writer = await scene.rogue.bare(key)
    mark = os.urandom(8)
    writer.write(http2.begun() + TAKEN_BACK + http2.ping(mark))
    try:
        await writer.drain()
        await reader.readuntil(mark)
    except (OSError, asyncio.IncompleteReadError):
        pass  # the member had enough
    finally:
        writer.transport.abort()


TAKEN_BACK: Final = http2.taken_back(f"/{SERVICE}/Fetch", range(1, 10_001, 2))

_MADE: dict[bytes, list[Envelope]] = {}


def GARBAGE(scene: Scene) -> list[Envelope]:  # noqa: N802  made once
    """Five hundred of them, made once: sending is to cost less than reading."""
    if scene.opened.id not in _MADE:
        _MADE.clear()
        _MADE[scene.opened.id] = [scene.junk(number, signed=False) for number in range(500)]
    return _MADE[scene.opened.id]


FLOODS: Final[Mapping[str, Flood]] = {
    "valid tasks": valid_tasks,
    "broken signatures": garbage,
    "unknown tasks": strangers,
    "signed junk": signed_junk,
    "large frames": large_frames,
    "digests and wants": digests_and_wants,
    "ledger calls": ledger_calls,
    "fetches": fetches,
    "calls taken back": taken_back,
}


async def decide(nodes: list[RealNode], count: int) -> list[float]:
    """Milliseconds from asking to the verdict, of so many tasks one after another."""
    took = []
    for number in range(count):
        begin = time.perf_counter()
        opened = await nodes[0].ask(f"which one, {number}?", nodes)
        await nodes[0].decided(opened)
        took.append((time.perf_counter() - begin) * 1e3)
    return took


async def counters(node: RealNode) -> dict[str, Any]:
    """What a node counts of mallory."""
    async with ControlClient(config.control_socket(node.config)) as client:
        found = await client.status()
    return next(peer for peer in found["peers"] if peer["name"] == "mallory")


async def scene_of(rogue: Rogue, swarm: RealSwarm) -> Scene:
    """A fresh task of mallory's with everybody, which waits long for its silent opener."""
    keys = tuple(swarm[name].me.public for name in HONEST)
    patient = Policy(rounds=1, draft_ms=600_000, exchange_ms=600_000)
    committee = rogue.committee(*keys, policy=patient)
    opened = rogue.opening(committee)
    for key in keys:
        rogue.say(key, opened)
        await rogue.through(key)
    return Scene(rogue=rogue, keys=keys, committee=committee, opened=opened)


async def flooding(scene: Scene, flood: Flood, key: bytes) -> None:
    """Flood one member until cancelled; a link that it closes is waited for."""
    while True:
        await scene.rogue.linked(key)
        try:
            await flood(scene, key)
        except AssertionError:  # the link went down meanwhile
            await asyncio.sleep(0.01)


async def measure(swarm: RealSwarm, rogue: Rogue, flood: Flood, blocks: int, tasks: int) -> Any:
    """Times without and with the flood, and what alice counted of it."""
    nodes = [swarm[name] for name in HONEST]
    quiet, flooded = [], []
    before = await counters(nodes[0])
    for _ in range(blocks):
        quiet += await decide(nodes, tasks)
        scene = await scene_of(rogue, swarm)
        floods = [asyncio.create_task(flooding(scene, flood, key)) for key in scene.keys]
        await asyncio.sleep(0.2)
        try:
            flooded += await decide(nodes, tasks)
        finally:
            for one in floods:
                one.cancel()
            await asyncio.gather(*floods, return_exceptions=True)
        rogue.heard.frames.clear()
    return sorted(quiet), sorted(flooded), before, await counters(nodes[0])


async def table(names: tuple[str, ...] = tuple(FLOODS), blocks: int = BLOCKS) -> Table:
    """Every flood, one after another."""
    rows = []
    with TemporaryDirectory() as home:
        models = {name: {"line": {"answer": "a"}} for name in (*HONEST, "mallory")}
        with RealSwarm(Path(home), models) as swarm:
            for name in HONEST:
                swarm[name].start()
            for name in HONEST:
                swarm[name].ready()
                swarm[name].linked(set(HONEST) - {name})
            me = swarm["mallory"].me
            rogue = Rogue(me, swarm.federation, SystemClock(), name="mallory")
            await rogue.start()
            await rogue.linked(*(swarm[name].me.public for name in HONEST))
            await decide([swarm[name] for name in HONEST], TASKS)  # what is slow once
            for name in names:
                quiet, flooded, was, now = await measure(swarm, rogue, FLOODS[name], blocks, TASKS)
                rows.append(
                    (
                        name,
                        f"{median(quiet):.0f}",
                        f"{percentile(quiet, 95):.0f}",
                        f"{median(flooded):.0f}",
                        f"{percentile(flooded, 95):.0f}",
                        f"{median(flooded) / median(quiet):.2f}",
                        *_counted(was, now),
                    )
                )
                sys.stderr.write(f"{rows[-1]}\n")
            await rogue.stop()
    return Table(
        title="What a flood from one member costs the others",
        how=f"Four nodes in processes of their own decide {blocks} blocks of {TASKS} tasks without "
        "and with a fifth member flooding all four, in turn: ms from asking to the verdict, median "
        "and 95th percentile, and the ratio of the medians. The last columns are what one of them "
        "counted of the flooder: messages, MB and refusals. All processes share this machine, so "
        "making the flood takes from the same cores.",
        columns=("", "quiet", "p95", "flooded", "p95", "ratio", "messages", "MB", "refused"),
        rows=rows,
    )


def _counted(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str, str]:
    more = {key: now["traffic"][key] - was["traffic"][key] for key in ("envelopes_in", "bytes_in")}
    refused = _refused(now) - _refused(was)
    return f"{more['envelopes_in']}", f"{more['bytes_in'] / 1e6:.1f}", f"{refused}"


def _refused(counts: Mapping[str, Any]) -> int:
    """Messages and calls."""
    calls: Mapping[str, int] = counts["traffic"]["calls_refused"]
    return int(sum(counts["refused"].values())) + sum(calls.values())


async def main() -> None:
    """Prints the table; arguments name some of the floods."""
    found = await table(tuple(sys.argv[1:]) or tuple(FLOODS))
    sys.stdout.write("\n".join(found.lines()) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
