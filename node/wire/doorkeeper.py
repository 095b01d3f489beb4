"""Who may still call at the members' port: each call costs, and who has spent all is shut out (T3).

A call that reaches Python takes a tenth of a millisecond of the event loop whatever becomes of it,
and grpc bounds them by connection only, of which there may always be new ones. So each member has
an account of calls. Past it, its connections are cut, and for a minute its certificate leads to no
connection: TLS fails in grpc's own threads, which yield to ours (`priority`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from .. import certificates
from ..clock import Clock
from ..federation import Federation
from ..log import get_logger
from . import tls
from .connections import cut
from .frames import LinkCode, LinkRefusal
from .limits import Limits
from .link import Traffic
from .visits import CALL, SHUT_NS, VAIN

ABANDONED: Final = "abandoned"
"""A call that was over before its request was read, in the counts of what was refused: taken back,
without a request, with one that is too large for grpc, or past its deadline."""
UNREADABLE: Final = "unreadable"
"""A request to another service of the port that is no message of its kind."""
UNKNOWN: Final = "unknown_method"
"""A call of what is not offered."""

CUT_EVERY_S: Final = 1.0
"""Seconds between two searches for connections to cut."""

CUT_NS: Final = 2_000_000_000
"""Nanoseconds for which calls on a connection that is to be cut are none, whosever they are: long
enough for the next search, and short, for the port that it came from may soon be another's."""

CALL_OVER = (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError)
"""What grpc raises, here and there, on a call that the other side has dropped."""

log = get_logger("wire")


class Doorkeeper(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Attends every call at the port, those of health and reflection too."""

    def __init__(
        self,
        *,
        federation: Federation,
        clock: Clock,
        limits: Limits,
        traffic: Callable[[bytes], Traffic],
    ) -> None:
        self._federation = federation
        self._limits = limits
        self._members = [member.key for member in federation.members]
        self._clock = clock
        self._traffic = traffic
        self._inside: Counter[bytes] = Counter()
        self._cut: dict[str, int] = {}  # connections, and until when calls on them are none
        self._doomed: set[str] = set()
        self._cutting: asyncio.TimerHandle | None = None

    def caller(self, context: Any) -> bytes | LinkRefusal:
        """The member that calls, or why it is nobody (T1)."""
        return tls.identify(context.auth_context(), self._members, tls.wall(self._clock))

    def shut(self) -> frozenset[bytes]:
        """The members that are shut out now."""
        now = self._clock.monotonic_ns()
        return frozenset(key for key in self._members if self._traffic(key).visits.shut(now))

    def vain(self, member: bytes, why: str) -> None:
        """Count a call that helped nobody."""
        counts = self._traffic(member).calls_refused
        counts[why] = counts.get(why, 0) + 1
        self._charge(member, VAIN)

    def _charge(self, member: bytes, units: float) -> None:
        visits = self._traffic(member).visits
        if not visits.charge(units, self._clock.monotonic_ns()):
            return
        found = self._federation.member(member)
        name = member.hex() if found is None else found.name
        log.warning("shut out", member=name, seconds=SHUT_NS // 10**9, times=visits.shut_out)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: Any
    ) -> Any:
        """grpc's hook: what serves a call, behind this door.

        All calls become such that read their requests themselves, which is the same on the wire:
        those that are taken back before that are counted too.
        """
        found = await continuation(details)
        serializer = None if found is None else found.response_serializer
        return grpc.stream_stream_rpc_method_handler(self._attended(found), None, serializer)

    def _attended(self, handler: Any) -> Callable[[Any, Any], Awaitable[None]]:
        async def call(requests: Any, context: Any) -> None:
            member, accountable = self._enter(context)
            if handler is None:
                self._refused(member, UNKNOWN)
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such method here")
            if accountable is None:
                await self._serve(handler, requests, member, context)
                return
            if self._inside[accountable] >= self._limits.calls:
                text = f"{self._limits.calls} calls of yours are under way here"
                self.vain(accountable, LinkCode.BUSY)
                why = LinkRefusal(code=LinkCode.BUSY, text=text)
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(why))
            self._inside[accountable] += 1
            try:
                await self._serve(handler, requests, member, context)
            finally:
                self._inside[accountable] -= 1

        return call

    async def _serve(
        self, handler: Any, requests: Any, member: bytes | LinkRefusal, context: Any
    ) -> None:
        asked: Any
        if not handler.request_streaming:
            asked = await self._read(member, context)
            if handler.request_deserializer is not None:
                asked = await self._parsed(handler, asked, member, context)
        elif handler.request_deserializer is not None:
            asked = self._counted(handler, requests, member, context)
        else:
            asked = requests  # a link's: read by itself, at a toll of its own
        answer = _method(handler)(asked, context)
        if not hasattr(answer, "__aiter__"):
            if (one := await answer) is not None:
                await context.write(one)
            return
        async with aclosing(answer):
            async for one in answer:
                await context.write(one)

    async def _counted(
        self, handler: Any, requests: Any, member: bytes | LinkRefusal, context: Any
    ) -> AsyncIterator[Any]:
        """The requests of a stream, each charged as a call: any number may come in one."""
        idle = True
        try:
            async for data in requests:
                idle = False
                if isinstance(member, bytes):
                    self._charge(member, CALL)
                    self._turn_out(member, context.peer())
                yield await self._parsed(handler, data, member, context)
        finally:
            if idle:
                self._refused(member, ABANDONED)

    async def _parsed(
        self, handler: Any, data: bytes, member: bytes | LinkRefusal, context: Any
    ) -> Any:
        try:
            return handler.request_deserializer(data)
        except DecodeError:
            self._refused(member, UNREADABLE)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not readable")

    def _enter(self, context: Any) -> tuple[bytes | LinkRefusal, bytes | None]:
        """Who calls, and on whose account; who is shut out, or is from now on, gets no further."""
        peer, now = context.peer(), self._clock.monotonic_ns()
        if now < self._cut.get(peer, now):
            raise asyncio.CancelledError  # what grpc knows as a call that nobody waits for
        member = self.caller(context)
        accountable: bytes | None
        if isinstance(member, bytes):
            accountable = member
            self._charge(member, CALL)
        elif (accountable := self._signer(context)) is not None:
            self.vain(accountable, member.code)
        if accountable is not None:
            self._turn_out(accountable, peer)
        return member, accountable

    def _turn_out(self, member: bytes, peer: str) -> None:
        """End a call of a member that is shut out, and its connection.

        To find connections takes a while, and a member may have kept a thousand from before: those
        of a second are cut together, and nothing on them is looked at until then.
        """
        now = self._clock.monotonic_ns()
        if not self._traffic(member).visits.shut(now):
            return
        self._cut[peer] = now + CUT_NS
        self._doomed.add(peer)
        if self._cutting is None:
            self._cut_all()
        raise asyncio.CancelledError

    def _cut_all(self) -> None:
        self._cutting, now = None, self._clock.monotonic_ns()
        self._cut = {peer: until for peer, until in self._cut.items() if now < until}
        if self._doomed:
            cut(self._doomed)
            self._doomed.clear()
            self._cutting = asyncio.get_running_loop().call_later(CUT_EVERY_S, self._cut_all)

    def _signer(self, context: Any) -> bytes | None:
        """The member that let in who is nobody: TLS took its word."""
        leaf = b"".join(context.auth_context().get("x509_pem_cert", ()))
        return certificates.signed_by(leaf, self._members)

    async def _read(self, member: bytes | LinkRefusal, context: Any) -> bytes:
        data = grpc.aio.EOF
        with suppress(*CALL_OVER, asyncio.CancelledError):
            data = await context.read()
        if data is not grpc.aio.EOF:
            return bytes(data)
        self._refused(member, ABANDONED)  # taken back, or its sender is done and said nothing
        with suppress(*CALL_OVER, asyncio.CancelledError):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call asks nothing")
        raise asyncio.CancelledError

    def _refused(self, member: bytes | LinkRefusal, why: str) -> None:
        if isinstance(member, bytes):
            self.vain(member, why)


def _method(handler: Any) -> Any:
    """What a handler of grpc's runs; it has one of four."""
    kinds = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
    return next(found for kind in kinds if (found := getattr(handler, kind)) is not None)
