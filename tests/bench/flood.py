"""What a flood from one member costs the others: `python -m tests.bench.flood`, ten minutes.

Four honest nodes in processes of their own decide tasks one after another, while a fifth member
sends all that they take from it. A flood is sent to all four at once, and the next of it as soon
as the last was handled, so each always has something of it to do and nothing is lost to a queue.
Blocks with and without the flood alternate, so that whatever else the machine does is in both.

The four share one core, flooded or not, and the flooder has another: what making the flood takes is
not theirs, and what they do of it is taken from deciding. A member with a core of its own has four
times as much.
"""

import asyncio
import os
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
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
    """Calls that are opened and taken back at once, on a new connection."""
    await anew(scene, key, TAKEN_BACK)


async def taken_back_on_one(scene: Scene, key: bytes) -> None:
    """The same on one connection, as long as it lasts."""
    await lasting(scene, key, _taken_back)


async def health_calls(scene: Scene, key: bytes) -> None:
    """Calls that are answered, as many at once as a connection may, on a new one."""
    await anew(scene, key, HEALTH_CALLS)


async def one_stream(scene: Scene, key: bytes) -> None:
    """Calls of which each asks ten thousand things, all of them answered."""
    await lasting(scene, key, _asks_much)


async def kept_open(scene: Scene, key: bytes) -> None:
    """Calls that never end, as many as a connection may have, on ever more connections."""
    with suppress(OSError, asyncio.IncompleteReadError):  # the member had enough
        reader, writer = await scene.rogue.bare(key)
        _KEPT.append(writer)
        await _heard(reader, writer, http2.begun() + HEALTH_WATCHES)


async def handshakes(scene: Scene, key: bytes) -> None:
    """New connections on which nothing is asked."""
    await anew(scene, key, b"")


async def pings(scene: Scene, key: bytes) -> None:
    """HTTP/2's own pings, five thousand at a time: nothing of them reaches Python."""
    await lasting(scene, key, lambda _: PINGS)


async def unknown_frames(scene: Scene, key: bytes) -> None:
    """Frames of a kind that HTTP/2 does not have, and has to pass over (RFC 9113, 4.1)."""
    await lasting(scene, key, lambda _: UNKNOWN_FRAMES)


async def anew(scene: Scene, key: bytes, said: bytes) -> None:
    """Say it on a new connection, until the member has read it."""
    with suppress(OSError, asyncio.IncompleteReadError):  # the member had enough
        reader, writer = await scene.rogue.bare(key)
        try:
            await _heard(reader, writer, http2.begun() + said)
        finally:
            writer.transport.abort()


async def lasting(scene: Scene, key: bytes, said: Callable[[int], bytes]) -> None:
    """Say it, from a stream on, on the connection that there is, or a new one."""
    try:
        if key not in _LASTING:
            reader, writer = await scene.rogue.bare(key)
            writer.write(http2.begun(http2.WINDOW_MOST))
            _LASTING[key] = (reader, writer, 1)
        reader, writer, at = _LASTING[key]
        _LASTING[key] = (reader, writer, at + 2 * AT_A_TIME)
        await _heard(reader, writer, said(at))
    except (OSError, asyncio.IncompleteReadError):
        if key in _LASTING:
            _LASTING.pop(key)[1].transport.abort()


async def _heard(reader: StreamReader, writer: StreamWriter, said: bytes) -> None:
    mark = os.urandom(8)
    writer.write(said + http2.ping(mark))
    await writer.drain()
    heard = b""
    while mark not in heard:
        more = await reader.read(1 << 20)
        if not more:
            raise asyncio.IncompleteReadError(heard, None)
        heard = heard[-len(mark) :] + more


def hang_up() -> None:
    """End the connections that last."""
    for writer in (*_KEPT, *(writer for _, writer, _ in _LASTING.values())):
        writer.transport.abort()
    _LASTING.clear()
    _KEPT.clear()


@cache
def _taken_back(at: int) -> bytes:
    return http2.taken_back(f"/{SERVICE}/Fetch", range(at, at + 2 * AT_A_TIME, 2))


def _asks_much(at: int) -> bytes:
    return http2.headers(REFLECTION, at) + b"".join(
        http2.frame(http2.DATA, part, flags=flags, stream=at)
        for part, flags in ((ASKED, 0), (ASKED, 0), (ASKED, http2.END_STREAM))
    )


REFLECTION: Final = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
ASKED: Final = http2.message(b"") * (http2.FRAME // len(http2.message(b"")))
AT_A_TIME: Final = 5_000
TAKEN_BACK: Final = _taken_back(1)
PINGS: Final = http2.ping(bytes(8)) * AT_A_TIME
UNKNOWN_FRAMES: Final = http2.frame(77) * AT_A_TIME
HEALTH_CALLS: Final = b"".join(
    http2.call("/grpc.health.v1.Health/Check", b"", stream=at) for at in range(1, 161, 2)
)
HEALTH_WATCHES: Final = b"".join(
    http2.call("/grpc.health.v1.Health/Watch", b"", stream=at) for at in range(1, 161, 2)
)

_KEPT: list[StreamWriter] = []
_LASTING: dict[bytes, tuple[StreamReader, StreamWriter, int]] = {}

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
    "the same, one connection": taken_back_on_one,
    "health calls": health_calls,
    "one stream's messages": one_stream,
    "calls kept open": kept_open,
    "handshakes": handshakes,
    "pings of HTTP/2": pings,
    "unknown frames": unknown_frames,
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
        hang_up()
        rogue.heard.frames.clear()
    return sorted(quiet), sorted(flooded), before, await counters(nodes[0])


async def row(name: str, blocks: int, own: set[int], theirs: set[int]) -> tuple[str, ...]:
    """One flood at nodes that have met none: who is shut out is so for a minute, whatever for."""
    models = {one: {"line": {"answer": "a"}} for one in (*HONEST, "mallory")}
    with TemporaryDirectory() as home, RealSwarm(Path(home), models) as swarm:
        os.sched_setaffinity(0, theirs)  # which a process hands on to those that it starts
        for one in HONEST:
            swarm[one].start()
        os.sched_setaffinity(0, own)
        for one in HONEST:
            swarm[one].ready()
            swarm[one].linked(set(HONEST) - {one})
        me = swarm["mallory"].me
        rogue = Rogue(me, swarm.federation, SystemClock(), name="mallory")
        await rogue.start()
        await rogue.linked(*(swarm[one].me.public for one in HONEST))
        await decide([swarm[one] for one in HONEST], TASKS)  # what is slow once
        quiet, flooded, was, now = await measure(swarm, rogue, FLOODS[name], blocks, TASKS)
        await rogue.stop()
    return (
        name,
        f"{median(quiet):.0f}",
        f"{percentile(quiet, 95):.0f}",
        f"{median(flooded):.0f}",
        f"{percentile(flooded, 95):.0f}",
        f"{median(flooded) / median(quiet):.2f}",
        *_counted(was, now),
    )


async def table(names: tuple[str, ...] = tuple(FLOODS), blocks: int = BLOCKS) -> Table:
    """Every flood, one after another."""
    own, theirs = cores()
    rows = []
    for name in names:
        rows.append(await row(name, blocks, own, theirs))
        sys.stderr.write(f"{rows[-1]}\n")
    return Table(
        title="What a flood from one member costs the others",
        how=f"Four nodes in processes of their own decide {blocks} blocks of {TASKS} tasks without "
        "and with a fifth member flooding all four, in turn: ms from asking to the verdict, median "
        "and 95th percentile, and the ratio of the medians. The last columns are what one of them "
        "counted of the flooder: messages, MB, refusals, and how often it was shut out. The four "
        f"share {len(theirs)} core and the flooder has {len(own)}"
        f"{', the same' if own & theirs else ''}.",
        columns=("", "quiet", "p95", "flooded", "p95", "ratio", "messages", "MB", "refused", "out"),
        rows=rows,
    )


def _counted(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    more = {key: now["traffic"][key] - was["traffic"][key] for key in ("envelopes_in", "bytes_in")}
    refused = _refused(now) - _refused(was)
    out = now["shut_out"] - was["shut_out"]
    return f"{more['envelopes_in']}", f"{more['bytes_in'] / 1e6:.1f}", f"{refused}", f"{out}"


def cores() -> tuple[set[int], set[int]]:
    """The flooder's, and the four's, of those that this process may use."""
    mine = sorted(os.sched_getaffinity(0))
    return {mine[-1]}, {mine[0]}


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
