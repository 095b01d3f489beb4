"""The serving side of `quorate.v1.Peer`: who calls is settled first, bounds next (T1, T3).

Messages pass grpc as raw bytes and are measured and parsed here: a malformed or oversize one
gets a typed refusal instead of an exception in grpc's own log.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn, TypeVar

import grpc
from google.protobuf.message import DecodeError

from consensus.envelope import Envelope
from reputation.digests import Summary

from ..clock import Clock
from ..damage import UNREADABLE, Damaged
from ..log import get_logger
from ..pb import peer_pb2
from . import toll
from .client import SERVICE
from .doorkeeper import CALL_OVER, Doorkeeper
from .frames import (
    FetchRequest,
    FrameError,
    LinkCode,
    LinkRefusal,
    fetch_from_proto,
)
from .ledger import (
    ProvenFact,
    fact_to_bytes,
    facts_request_from_bytes,
    summary_request_from_bytes,
    summary_to_bytes,
)
from .limits import Limits
from .link import LinkEndedError, Stream, Traffic, part
from .pairs import envelope_to_proto
from .watch import Event, WatchError, WatchRequest, event_to_proto, watch_from_bytes

log = get_logger("peers")

_T = TypeVar("_T")

FETCH_MAX: Final = 1_048_576
"""Most bytes of a request to fetch; one with every id it may name takes a seventh of it."""


class AcceptedStream:
    """The accepting end of a Link call."""

    def __init__(self, context: Any) -> None:
        self._context = context

    async def read(self) -> bytes | None:
        """The next message; None at the end. grpc gives this side no reason for an end."""
        try:
            data = await self._context.read()
        except CALL_OVER:
            raise LinkEndedError.lost("the peer dropped the call") from None
        return None if data is grpc.aio.EOF else data

    async def write(self, data: bytes) -> None:
        """Send a message, waiting for room."""
        try:
            await self._context.write(data)
        except CALL_OVER:
            raise LinkEndedError.lost("the peer dropped the call") from None

    async def finish(self) -> None:
        """Nothing to say: only returning from the call ends this direction."""


class PeerService:
    """The calls. What they do is handed in; what they refuse is decided here.

    `link` runs a link with a member on a stream; `fetch`, `watch`, `summary` and `facts` answer
    a member.
    """

    def __init__(
        self,
        *,
        door: Doorkeeper,
        clock: Clock,
        limits: Limits,
        link: Callable[[bytes, Stream], Any],
        fetch: Callable[[bytes, FetchRequest], AsyncIterator[Envelope]],
        watch: Callable[[bytes, WatchRequest], AsyncIterator[Event]],
        summary: Callable[[bytes, bytes], AsyncIterator[Summary]],
        facts: Callable[[bytes, tuple[bytes, ...]], AsyncIterator[ProvenFact]],
        refused: Callable[[str, LinkRefusal], None],
        traffic: Callable[[bytes], Traffic],
    ) -> None:
        self._door = door
        self._clock = clock
        self._limits = limits
        self._link = link
        self._fetch = fetch
        self._watch = watch
        self._summary = summary
        self._facts = facts
        self._refused = refused
        self._traffic = traffic
        self._busy: Counter[tuple[str, bytes]] = Counter()

    def register(self, server: Any) -> None:
        """Offer the calls on a `grpc.aio` server."""
        handlers = {
            "Link": grpc.stream_stream_rpc_method_handler(self._serve_link),
            "Fetch": self._asked(self._serve_fetch),
            "Summarise": self._asked(self._serve_summary),
            "FetchFacts": self._asked(self._serve_facts),
            "Watch": self._asked(self._serve_watch),
        }
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])

    def _asked(self, serve: Callable[[bytes, bytes, Any], Awaitable[None]]) -> Any:
        async def call(data: bytes, context: Any) -> None:
            member = await self._identified(context)
            try:
                await serve(member, data, context)
            except Damaged as error:
                log.error(UNREADABLE, reason=str(error))
                await context.abort(grpc.StatusCode.DATA_LOSS, str(error))

        return grpc.unary_stream_rpc_method_handler(call)

    async def _serve_link(self, _: Any, context: Any) -> None:
        stream = AcceptedStream(context)
        member = self._door.caller(context)
        if isinstance(member, LinkRefusal):
            self._refused(context.peer(), member)
            await part(stream, LinkEndedError.refusing(member), self._limits)
        else:
            async with self._slot("links", member, self._limits.links, context):
                await self._link(member, stream)

    async def _serve_fetch(self, member: bytes, data: bytes, context: Any) -> None:
        try:
            if len(data) > FETCH_MAX:
                raise FrameError(
                    LinkCode.MALFORMED_FRAME, f"a fetch of {len(data)} bytes, over {FETCH_MAX}"
                )
            message = peer_pb2.FetchRequest.FromString(data)
            request = fetch_from_proto(message, self._limits)
        except FrameError as error:
            await self._reject(context, member, error.refusal)
        except DecodeError:
            refusal = LinkRefusal(code=LinkCode.MALFORMED_FRAME, text="not readable as a fetch")
            await self._reject(context, member, refusal)
        room = self._limits.fetch_bytes
        async with (
            self._slot("fetches", member, self._limits.fetches, context),
            _closing(self._fetch(member, request)) as envelopes,
        ):
            async for envelope in envelopes:
                answer = envelope_to_proto(envelope).SerializeToString()
                room -= len(answer)
                await self._pay(member, toll.ID + toll.KIB * len(answer) / 1_024)
                if not await written(context, answer) or room <= 0:
                    return  # the rest is asked for again

    async def _serve_summary(self, member: bytes, data: bytes, context: Any) -> None:
        try:
            prefix = summary_request_from_bytes(data)
        except FrameError as error:
            await self._reject(context, member, error.refusal)
        async with (
            self._slot("ledgers", member, self._limits.ledgers, context),
            _closing(self._summary(member, prefix)) as summaries,
        ):
            async for summary in summaries:
                await written(context, summary_to_bytes(summary))

    async def _serve_facts(self, member: bytes, data: bytes, context: Any) -> None:
        try:
            ids = facts_request_from_bytes(data)
        except FrameError as error:
            await self._reject(context, member, error.refusal)
        room = self._limits.fetch_bytes
        async with (
            self._slot("ledgers", member, self._limits.ledgers, context),
            _closing(self._facts(member, ids)) as facts,
        ):
            async for fact in facts:
                answer = fact_to_bytes(fact)
                if len(answer) > self._limits.envelope_bytes:
                    continue  # such a verdict is read up on round by round
                room -= len(answer)
                if not await written(context, answer) or room <= 0:
                    return  # the rest is asked for again

    async def _serve_watch(self, member: bytes, data: bytes, context: Any) -> None:
        try:
            request = watch_from_bytes(data)
        except WatchError as error:
            refusal = LinkRefusal(code=LinkCode.MALFORMED_FRAME, text=str(error))
            await self._reject(context, member, refusal)
        async with (
            self._slot("watches", member, self._limits.watches, context),
            _closing(self._watch(member, request)) as events,
        ):
            async for event in events:
                if not await written(context, event_to_proto(event).SerializeToString()):
                    return

    async def _identified(self, context: Any) -> bytes:
        member = self._door.caller(context)
        if isinstance(member, LinkRefusal):
            self._refused(context.peer(), member)
            await self._abort(context, grpc.StatusCode.UNAUTHENTICATED, member)
        return member

    @asynccontextmanager
    async def _slot(
        self, what: str, member: bytes, limit: int, context: Any
    ) -> AsyncIterator[None]:
        """One of `limit` places that `member` has here for `what`; aborts if all are taken.

        It is taken before it is paid for: whoever waits to be served is under way.
        """
        if self._busy[what, member] >= limit:
            text = f"{limit} {what} of yours are under way here; wait for one to end"
            refusal = LinkRefusal(code=LinkCode.BUSY, text=text)
            self._door.vain(member, refusal.code)
            await self._abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, refusal)
        calls = self._traffic(member).calls
        calls[what] = calls.get(what, 0) + 1
        self._busy[what, member] += 1
        try:
            if what != "links":
                await self._pay(member, toll.CALL)
            yield
        finally:
            self._busy[what, member] -= 1

    async def _pay(self, member: bytes, units: float) -> None:
        pause = self._traffic(member).toll.charge(units, self._clock.monotonic_ns())
        if pause:
            await asyncio.sleep(pause)

    async def _reject(self, context: Any, member: bytes, why: LinkRefusal) -> NoReturn:
        """Refuse a call whose request is past a bound."""
        self._door.vain(member, why.code)
        await self._abort(context, grpc.StatusCode.INVALID_ARGUMENT, why)

    async def _abort(self, context: Any, status: grpc.StatusCode, why: LinkRefusal) -> NoReturn:
        await context.abort(status, str(why))
        raise AssertionError("abort does not return")


async def written(context: Any, data: bytes) -> bool:
    """Send a message of an answer; False if nobody waits for it any more."""
    try:
        await context.write(data)
    except CALL_OVER:
        return False
    return True


@asynccontextmanager
async def _closing(source: AsyncIterator[_T]) -> AsyncIterator[AsyncIterator[_T]]:
    """Close a generator as soon as its reader is gone, not when memory is next tidied."""
    try:
        yield source
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()
