"""Calls to another member beside the link: fetch, watch, and any standard service (T1, T2).

The daemon fetches through it; the command line follows a task on another node with it.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from consensus.envelope import Envelope
from reputation.digests import Summary

from ..certificates import Leaf
from ..clock import Clock
from ..federation import Federation, FederationError, FederationMember
from ..identity import Identity
from ..pb import quorate_pb2, watch_pb2
from . import tls
from .frames import FetchRequest, FrameError, LinkCode, LinkRefusal, fetch_to_proto
from .ledger import (
    ProvenFact,
    fact_from_bytes,
    facts_request_to_bytes,
    summary_from_bytes,
    summary_request_to_bytes,
)
from .limits import Limits
from .pairs import envelope_from_proto
from .watch import EVENT_MAX, Event, WatchError, WatchRequest, event_from_proto, watch_to_proto

SERVICE: Final = "quorate.v1.Peer"
"""Full name of the service that members offer each other."""


class PeerError(Exception):
    """A call to a member failed, or its answer broke a bound. `reason` says which."""

    def __init__(self, member: FederationMember, reason: LinkRefusal) -> None:
        super().__init__(f"{member.name}: {reason}")
        self.member = member
        self.reason = reason


class PeerClient:
    """Calls to one member over a connection of their own. `close` it, or use `async with`."""

    def __init__(self, channel: grpc.aio.Channel, member: FederationMember, limits: Limits) -> None:
        self.channel = channel
        self.member = member
        self._limits = limits

    async def __aenter__(self) -> "PeerClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace_s: float | None = None) -> None:
        """Drop the connection; calls under way get `grace_s` seconds, or none."""
        await self.channel.close(grace_s)

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Envelope]:
        """The envelopes asked for, as far as the member holds them; none is verified yet.

        An answer may be cut at the member's bound: what is still missing is asked for again.
        Raises `PeerError`.
        """
        limits = self._limits
        data = fetch_to_proto(request).SerializeToString()
        room = limits.fetch_bytes + limits.envelope_bytes  # a member may end with a large one
        async for answer in self._stream("Fetch", data, seconds=limits.fetch_ms / 1000):
            room -= len(answer)
            if len(answer) > limits.envelope_bytes or room < 0:
                raise self._broken(LinkCode.FRAME_TOO_LARGE, "its answer to a fetch is too large")
            try:
                message = quorate_pb2.Envelope.FromString(answer)
            except DecodeError:
                raise self._broken(LinkCode.MALFORMED_FRAME, "its answer is no envelope") from None
            yield envelope_from_proto(message)

    async def summarise(self, prefix: bytes) -> Summary:
        """What the member's ledger holds below a prefix (L1). Raises `PeerError`."""
        data, seconds = summary_request_to_bytes(prefix), self._limits.fetch_ms / 1000
        try:
            async for answer in self._stream("Summarise", data, seconds=seconds):
                return summary_from_bytes(answer)
        except FrameError as error:
            raise PeerError(self.member, error.refusal) from None
        raise self._broken(LinkCode.MALFORMED_FRAME, "its answer holds no summary")

    async def facts(self, ids: tuple[bytes, ...]) -> AsyncIterator[ProvenFact]:
        """Facts by id, as far as the member gives them; none is checked yet. Raises `PeerError`."""
        limits, room = self._limits, self._limits.fetch_bytes + self._limits.envelope_bytes
        data, seconds = facts_request_to_bytes(ids), limits.fetch_ms / 1000
        async for answer in self._stream("FetchFacts", data, seconds=seconds):
            room -= len(answer)
            if room < 0:
                raise self._broken(LinkCode.FRAME_TOO_LARGE, "its answer of facts is too large")
            try:
                yield fact_from_bytes(answer, limits.envelope_bytes)
            except FrameError as error:
                raise PeerError(self.member, error.refusal) from None

    async def watch(self, request: WatchRequest) -> AsyncIterator[Event]:
        """The events of a task, from its first, as the member sees them. Raises `PeerError`."""
        data = watch_to_proto(request).SerializeToString()
        async for answer in self._stream("Watch", data, seconds=None):
            try:
                yield event_from_proto(watch_pb2.Event.FromString(answer))
            except (DecodeError, WatchError) as error:
                raise self._broken(
                    LinkCode.MALFORMED_FRAME, f"its answer is no event: {error}"
                ) from None

    async def _stream(
        self, method: str, data: bytes, *, seconds: float | None
    ) -> AsyncIterator[bytes]:
        call = self.channel.unary_stream(f"/{SERVICE}/{method}")(data, timeout=seconds)
        try:
            while (answer := await call.read()) is not grpc.aio.EOF:
                yield answer
        except grpc.RpcError as error:
            raise PeerError(self.member, tls.explain(error, self.member)) from None
        finally:
            call.cancel()  # does nothing to a call that is over

    def _broken(self, code: LinkCode, text: str) -> PeerError:
        return PeerError(self.member, LinkRefusal(code=code, text=text))


def connect(leaf: Leaf, member: FederationMember, limits: Limits) -> PeerClient:
    """A client of `member` that shows `leaf`; it connects with its first call."""
    receive = max(limits.envelope_bytes, EVENT_MAX)
    return PeerClient(open_channel(leaf, member, limits, receive=receive), member, limits)


def open_client(
    identity: Identity, federation: Federation, member: bytes, clock: Clock, limits: Limits
) -> PeerClient:
    """A client of the member with the key `member`, as `identity`, for a command line.

    Raises `FederationError` if the federation has no such member.
    """
    found = federation.member(member)
    if found is None:
        raise FederationError(f"{member.hex()[:16]} is not a member of {federation.name}")
    return connect(identity.leaf(tls.wall(clock)), found, limits)


def open_channel(leaf: Leaf, member: FederationMember, limits: Limits, *, receive: int) -> Any:
    """A `grpc.aio.Channel` to `member` that takes messages of up to `receive` bytes."""
    return grpc.aio.secure_channel(
        member.address,
        tls.channel_credentials(leaf, member),
        options=tls.channel_options(member, limits, receive=receive),
    )
