"""The mesh: a link with every other member, and the port on which they find this one (T1, T2).

Of a pair the member with the smaller key dials. `Mesh` keeps the links up, hands frames over,
and offers and makes the calls beside them. It knows nothing of tasks.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from copy import deepcopy
from functools import partial
from typing import Any, Final

from consensus.envelope import Envelope
from reputation.digests import Summary

from ..certificates import Leaf
from ..clock import Clock
from ..federation import Federation, FederationMember
from ..identity import Identity
from ..log import get_logger
from . import tls
from .client import PeerClient, connect, open_channel
from .dial import DialledStream
from .doorkeeper import Doorkeeper
from .frames import (
    WIRE_VERSIONS,
    FetchRequest,
    Frame,
    Hello,
    LinkCode,
    LinkRefusal,
)
from .handler import Handler, PeerStatus
from .ledger import ProvenFact
from .limits import Limits
from .link import (
    Link,
    LinkEnd,
    LinkEndedError,
    Stream,
    Traffic,
    answer,
    common_version,
    greet,
    part,
)
from .server import Server
from .service import PeerService

SOFTWARE: Final = "quorate/0.1"
"""What a Hello calls this program."""


GOODBYE: Final = LinkRefusal(code=LinkCode.STOPPING, text="this node is shutting down")

FIRST_BACKOFF_MS: Final = 100
"""Milliseconds before the second attempt to dial; each later one waits twice as long."""


def make_hello(federation: Federation, clock: Clock, limits: Limits) -> Hello:
    """What this program says of itself as a link opens (rule T2a)."""
    return Hello(
        versions=WIRE_VERSIONS,
        network=federation.network,
        epoch=federation.epoch,
        federation=federation.hash,
        wall_ms=clock.wall_ms(),
        max_frame=limits.frame_bytes,
        max_envelope=limits.envelope_bytes,
        software=SOFTWARE,
    )


class _Peer:
    """What the mesh keeps of one member."""

    __slots__ = (
        "claimed",
        "client",
        "hello",
        "last_end",
        "leaf",
        "link",
        "member",
        "rtt_ms",
        "traffic",
    )

    def __init__(self, member: FederationMember) -> None:
        self.member = member
        self.claimed = False  # a link is up or being agreed on
        self.link: Link | None = None
        self.hello: Hello | None = None
        self.rtt_ms: int | None = None
        self.last_end: LinkRefusal | None = None
        self.traffic = Traffic()
        self.client: PeerClient | None = None
        self.leaf: Leaf | None = None


class Mesh:
    """A node's place among the members. `start` it, then `send`; `stop` it once."""

    def __init__(
        self,
        *,
        identity: Identity,
        federation: Federation,
        listen: str,
        clock: Clock,
        handler: Handler,
        limits: Limits | None = None,
    ) -> None:
        self.port = 0
        """The port listened on, once started."""
        self._identity = identity
        self._federation = federation
        self._listen = listen
        self._clock = clock
        self._handler = handler
        self._limits = limits or Limits()
        self._leaves = tls.Leaves(identity, clock)
        self._own = Traffic()
        self._peers: dict[bytes, _Peer] = {
            member.key: _Peer(member)
            for member in federation.members
            if member.key != identity.public
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepted: set[asyncio.Task[Any]] = set()  # grpc's own, which run Link calls
        self._stopping = asyncio.Event()
        self._log = get_logger("wire")
        self._server: Server | None = None

    @property
    def up(self) -> frozenset[bytes]:
        """The members whose link is up."""
        return frozenset(key for key, peer in self._peers.items() if peer.link is not None)

    def status(self) -> list[PeerStatus]:
        """How the links stand, in the order of the federation file."""
        return [
            PeerStatus(
                member=peer.member,
                up=peer.link is not None,
                hello=peer.hello,
                federation_differs=self._differs(peer.hello),
                rtt_ms=peer.rtt_ms,
                last_end=peer.last_end,
                traffic=deepcopy(peer.traffic),
                queued=0 if peer.link is None else peer.link.queued,
            )
            for peer in self._peers.values()
        ]

    def _traffic(self, member: bytes) -> Traffic:
        """What is counted of a caller; a node's own operator may call it too."""
        peer = self._peers.get(member)
        return self._own if peer is None else peer.traffic

    async def start(self) -> None:
        """Listen, and begin to dial. Raises `ListenError`."""
        door = Doorkeeper(
            federation=self._federation,
            clock=self._clock,
            limits=self._limits,
            traffic=self._traffic,
        )
        service = PeerService(
            door=door,
            clock=self._clock,
            limits=self._limits,
            link=self._accept,
            fetch=self._handler.serve_fetch,
            watch=self._handler.serve_watch,
            summary=self._handler.serve_summary,
            facts=self._handler.serve_facts,
            refused=self._refused,
            traffic=self._traffic,
        )
        self._server = await Server.open(
            self._listen,
            service,
            door,
            leaves=self._leaves,
            federation=self._federation,
            limits=self._limits,
        )
        self.port = self._server.port
        for peer in self._peers.values():
            if self._identity.public < peer.member.key:
                self._spawn(self._dial(peer))

    async def stop(self, grace_s: float) -> None:
        """Say goodbye on every link, then end what is under way, after at most `grace_s`."""
        if self._server is not None:
            await self._server.drain()
        for peer in self._peers.values():
            if peer.link is not None:
                peer.link.close(GOODBYE)
        self._stopping.set()
        if links := self._tasks | self._accepted:
            await asyncio.wait(links, timeout=grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self._peers.values():
            if peer.client is not None:
                await peer.client.close()
        if self._server is not None:
            await self._server.stop(grace_s)

    def send(self, member: bytes, frame: Frame) -> None:
        """Queue `frame` for `member`; what is sent within a tick shares one frame on the wire.

        Without a link nothing is sent: digests bring the peer up to date once it is there.
        Raises `KeyError` for a stranger, `ValueError` on what no peer takes (`Outbox.put`).
        """
        link = self._peers[member].link
        if link is not None:
            link.send(frame)

    def fetch(self, member: bytes, request: FetchRequest) -> AsyncIterator[Envelope]:
        """Envelopes that `member` holds, over a connection beside the link. Raises `PeerError`
        while it is read, `KeyError` for a stranger."""
        return self._client(self._peers[member]).fetch(request)

    async def summarise(self, member: bytes, prefix: bytes) -> Summary:
        """What `member` holds below a prefix of what both may hold (L1). Raises `PeerError`."""
        return await self._client(self._peers[member]).summarise(prefix)

    def facts(self, member: bytes, ids: tuple[bytes, ...]) -> AsyncIterator[ProvenFact]:
        """Facts of `member` by id, not yet checked. Raises `PeerError` while it is read."""
        return self._client(self._peers[member]).facts(ids)

    async def _dial(self, peer: _Peer) -> None:
        """Keep a link with `peer` up, whoever drops it."""
        delay = FIRST_BACKOFF_MS
        while not self._stopping.is_set():
            links = peer.traffic.links
            await self._attempt(peer)
            if peer.traffic.links > links:
                delay = FIRST_BACKOFF_MS
            with suppress(TimeoutError):
                async with asyncio.timeout(delay / 1000):
                    await self._stopping.wait()
            delay = min(2 * delay, self._limits.backoff_ms)

    async def _attempt(self, peer: _Peer) -> None:
        channel = open_channel(
            self._leaves.current(),
            peer.member,
            self._limits,
            receive=2 * self._limits.frame_bytes,
        )
        stream = DialledStream(channel, peer.member)
        try:
            hello = await greet(stream, self._hello(), self._limits)
            await self._carry(peer, stream, hello)
        except LinkEndedError as error:
            self._note(peer, error.end)
            await part(stream, error, self._limits)
        finally:
            await stream.drop()

    async def _accept(self, member: bytes, stream: Stream) -> None:
        """A Link call of an identified member, from greeting to end."""
        peer = self._peers.get(member)
        mine = False
        task = asyncio.current_task()
        assert task is not None
        self._accepted.add(task)

        def objection() -> LinkRefusal | None:
            nonlocal mine
            if peer is None:
                return LinkRefusal(
                    code=LinkCode.DUPLICATE_LINK,
                    text="your identity is this very node's; does a second daemon run on it?",
                )
            if peer.claimed or peer.link is not None:
                return LinkRefusal(
                    code=LinkCode.DUPLICATE_LINK,
                    text="you have a link with this node already; does a second daemon run on "
                    "your identity?",
                )
            if self._identity.public < member:
                return LinkRefusal(
                    code=LinkCode.WRONG_DIALLER,
                    text="of a pair the member with the smaller key dials; wait for our call",
                )
            peer.claimed = mine = True
            return None

        try:
            hello = await answer(stream, self._hello, self._limits, objection)
            assert peer is not None
            await self._carry(peer, stream, hello)
        except LinkEndedError as error:
            if peer is not None and error.end.reason.code == LinkCode.DUPLICATE_LINK:
                self._second(peer, error.end.reason)
            elif peer is not None:
                self._note(peer, error.end)
            else:
                self._refused("this node's own identity", error.end.reason)
            await part(stream, error, self._limits)
        finally:
            self._accepted.discard(task)
            if mine and peer is not None:
                peer.claimed = False

    async def _carry(self, peer: _Peer, stream: Stream, hello: Hello) -> None:
        """Run a link that both sides agreed to."""
        key = peer.member.key
        link = Link(
            stream=stream,
            hello=hello,
            clock=self._clock,
            limits=self._limits,
            traffic=peer.traffic,
            on_frame=partial(self._handler.frame, key),
            on_rtt=partial(self._measured, peer),
        )
        peer.link, peer.hello, peer.last_end = link, hello, None
        peer.traffic.links += 1
        self._log.info(
            "link_up",
            peer=peer.member.name,
            software=hello.software,
            version=common_version(self._hello(), hello),
        )
        if self._differs(hello):
            self._log.warning(
                "federation_differs",
                peer=peer.member.name,
                our_epoch=self._federation.epoch,
                their_epoch=hello.epoch,
            )
        self._handler.link_up(key, hello)
        if self._stopping.is_set():
            link.close(GOODBYE)
        try:
            await link.run()
        finally:  # grpc cancels the serving side of a call that the other side dropped
            peer.link = None
            self._note(peer, link.end)
            self._handler.link_down(key, link.end.reason)

    def _measured(self, peer: _Peer, ms: int) -> None:
        peer.rtt_ms = ms
        self._handler.rtt(peer.member.key, ms)

    def _note(self, peer: _Peer, end: LinkEnd) -> None:
        """Count and keep why a link ended or did not begin; log it when it is news.

        A member that is away is dialled every two seconds, and the text may hold the time.
        """
        known = peer.last_end is not None and peer.last_end.code == end.reason.code
        peer.last_end = end.reason
        code = str(end.reason.code)
        peer.traffic.ends[code] = peer.traffic.ends.get(code, 0) + 1
        if not known:
            self._log.warning(
                "link_down", peer=peer.member.name, by=end.by.value, code=code, text=end.reason.text
            )

    def _second(self, peer: _Peer, reason: LinkRefusal) -> None:
        """Somebody calls as a member whose link is up, which stays as it is: log the first."""
        peer.traffic.second_calls += 1
        if peer.traffic.second_calls == 1:
            self._refused(peer.member.name, reason)

    def _refused(self, who: str, reason: LinkRefusal) -> None:
        self._log.warning("caller_refused", caller=who, code=str(reason.code), text=reason.text)

    def _differs(self, hello: Hello | None) -> bool:
        return hello is not None and hello.federation != self._federation.hash

    def _hello(self) -> Hello:
        return make_hello(self._federation, self._clock, self._limits)

    def _client(self, peer: _Peer) -> PeerClient:
        """The client of `peer`, made anew when our leaf was: an old one would expire."""
        leaf = self._leaves.current()
        if peer.client is None or peer.leaf is not leaf:
            if peer.client is not None:
                self._spawn(peer.client.close(self._limits.fetch_ms / 1000))
            peer.client, peer.leaf = connect(leaf, peer.member, self._limits), leaf
        return peer.client

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a task of the mesh failed", "exception": error, "task": task}
            )
