"""Meshes of the cast on loopback, with real TLS, and a handler that remembers what it was told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from consensus.envelope import Envelope
from node.clock import SystemClock
from node.federation import Federation
from node.identity import Identity
from node.wire.frames import FetchRequest, Frame, Hello, LinkRefusal
from node.wire.ledger import ProvenFact
from node.wire.limits import Limits
from node.wire.mesh import Mesh
from node.wire.watch import Event, WatchRequest
from reputation import IdSet, Summary

from .federations import entry, federation, free_address, person

PATIENCE_S = 120.0
"""How long a test waits for what must happen before it fails; nothing is asserted of time.

A test of a few seconds has been seen to take forty on cores that it had an eighth of."""

QUICK = Limits(backoff_ms=100)
"""The limits of tests that wait for a link to come back."""


class ShiftedClock(SystemClock):
    """The host's clocks, the wall clock set wrong by `shift_ms`.

    A mesh reads the wall clock whenever it begins or answers a link, so whoever waits for an
    attempt to be over can look again at each reading (`until`).
    """

    def __init__(self, shift_ms: int = 0) -> None:
        self.shift_ms = shift_ms
        self._read = asyncio.Event()

    def wall_ms(self) -> int:
        """Milliseconds since 1970, shifted."""
        self._read.set()
        return super().wall_ms() + self.shift_ms

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds, looking whenever the clock was read."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._read.clear()
                await self._read.wait()


class Listener:
    """A mesh's handler: remembers everything, serves what stands in `held` and `events`."""

    def __init__(self) -> None:
        self.ups: list[tuple[bytes, Hello]] = []
        self.downs: list[tuple[bytes, LinkRefusal]] = []
        self.frames: list[tuple[bytes, Frame]] = []
        self.rtts: list[tuple[bytes, int]] = []
        self.fetches: list[tuple[bytes, FetchRequest]] = []
        self.watches: list[tuple[bytes, WatchRequest]] = []
        self.held: list[Envelope] = []
        self.ids = IdSet()
        self.facts: dict[bytes, ProvenFact] = {}
        self.lacking: list[bytes] = []
        """Ids of facts that were asked for."""
        self.events: list[Event] = []
        self.gate = asyncio.Event()
        """Fetches and watches end only when this is set."""
        self.gate.set()
        self.closed = 0
        """How many fetches and watches are over."""
        self._news = asyncio.Event()

    def link_up(self, member: bytes, hello: Hello) -> None:
        self.ups.append((member, hello))
        self._news.set()

    def link_down(self, member: bytes, reason: LinkRefusal) -> None:
        self.downs.append((member, reason))
        self._news.set()

    def frame(self, member: bytes, frame: Frame) -> None:
        self.frames.append((member, frame))
        self._news.set()

    def rtt(self, member: bytes, ms: int) -> None:
        self.rtts.append((member, ms))
        self._news.set()

    async def serve_fetch(self, member: bytes, request: FetchRequest) -> AsyncIterator[Envelope]:
        self.fetches.append((member, request))
        self._news.set()
        try:
            for envelope in self.held:
                yield envelope
            await self.gate.wait()
        finally:
            self.closed += 1
            self._news.set()

    async def serve_summary(self, member: bytes, prefix: bytes) -> AsyncIterator[Summary]:
        yield self.ids.summary(prefix)

    async def serve_facts(self, member: bytes, ids: tuple[bytes, ...]) -> AsyncIterator[ProvenFact]:
        self.lacking += ids
        self._news.set()
        for one in ids:
            if one in self.facts:
                yield self.facts[one]
        await self.gate.wait()

    async def serve_watch(self, member: bytes, request: WatchRequest) -> AsyncIterator[Event]:
        self.watches.append((member, request))
        self._news.set()
        try:
            for event in self.events:
                yield event
            await self.gate.wait()
        finally:
            self.closed += 1
            self._news.set()

    def envelopes(self, member: bytes) -> list[Envelope]:
        """What came from `member`, in order."""
        return [one for sender, frame in self.frames if sender == member for one in frame.envelopes]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds, looking whenever something was heard."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()


class Orchard:
    """A federation of the cast whose nodes a test starts and stops. Use `async with`."""

    def __init__(self, home: Path, *names: str) -> None:
        self.people: dict[str, Identity] = {name: person(home, name) for name in names}
        self.federation: Federation = federation(
            *(entry(one, address=free_address()) for one in self.people.values())
        )
        self.meshes: dict[str, Mesh] = {}
        self.heard: dict[str, Listener] = {}
        self.clocks: dict[str, ShiftedClock] = {}

    async def __aenter__(self) -> "Orchard":
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(mesh.stop(1.0) for mesh in self.meshes.values()))

    def key(self, name: str) -> bytes:
        """The public key of a member of the cast."""
        return self.people[name].public

    def address(self, name: str) -> str:
        """Where the federation file says that a member listens."""
        return self.federation.find(name).address

    def by_key(self, first: str, second: str) -> tuple[str, str]:
        """Two names, the one that dials (the smaller key) first."""
        return (first, second) if self.key(first) < self.key(second) else (second, first)

    def without(self, name: str) -> Federation:
        """The federation file as it would read without a member."""
        kept = tuple(one for one in self.federation.members if one.name != name)
        return replace(self.federation, members=kept)

    def mesh(
        self,
        name: str,
        *,
        federation: Federation | None = None,
        clock: ShiftedClock | None = None,
        limits: Limits = QUICK,
        listen: str = "",
        identity: Identity | None = None,
        listener: Listener | None = None,
    ) -> Mesh:
        """The node of a member of the cast, not started; what is not said is as it should be."""
        self.heard[name] = listener or Listener()
        self.clocks[name] = clock or ShiftedClock()
        return Mesh(
            identity=identity or self.people[name],
            federation=federation or self.federation,
            listen=listen or self.address(name),
            clock=self.clocks[name],
            handler=self.heard[name],
            limits=limits,
        )

    async def start(self, *names: str, **changes: object) -> None:
        """Start the nodes of these members, all of them by default."""
        for name in names or self.people:
            mesh = self.mesh(name, **changes)  # type: ignore[arg-type]
            await mesh.start()
            self.meshes[name] = mesh

    async def stop(self, name: str) -> None:
        """Stop a node in good order."""
        await self.meshes.pop(name).stop(1.0)

    async def linked(self, *names: str) -> None:
        """Wait until these nodes, all running ones by default, have links with each other."""
        chosen = names or tuple(self.meshes)
        for name in chosen:
            others = {self.key(other) for other in chosen if other != name}
            await self.heard[name].until(lambda: others <= self.meshes[name].up)  # noqa: B023


class Relay:
    """A wire that a test can cut or freeze: connections to `address` go on to `target`."""

    def __init__(self, target: str) -> None:
        self.address = free_address()
        self._target = target
        self._flow = asyncio.Event()
        self._flow.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Relay":
        host, _, port = self.address.partition(":")
        self._server = await asyncio.start_server(self._connected, host, int(port))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Drop every connection, as if a host had died."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Let nothing through any more, and close nothing: a cable is out."""
        self._flow.clear()

    def thaw(self) -> None:
        """Let the bytes flow again."""
        self._flow.set()

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        host, _, port = self._target.partition(":")
        self._writers.add(back)
        try:
            far, forth = await asyncio.open_connection(host, int(port))
        except OSError:
            back.transport.abort()
            return
        self._writers.add(forth)
        loop = asyncio.get_running_loop()
        for reader, writer in ((near, forth), (far, back)):
            task = loop.create_task(self._pump(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._flow.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
