"""The local control service: what the command line says to the daemon beside it.

It listens on a unix socket in a directory that only the node's user can enter; whoever can
open the socket already owns the node's key.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import grpc
import msgspec
from google.protobuf.message import DecodeError

from consensus.bodies import MAX_SPEAKERS, AnswerSpec, BodyError, Budget, Content
from consensus.verdict.bundle import MAX_FILE

from ..damage import Damaged
from ..pb import control_pb2, control_pb2_grpc, watch_pb2
from .bounds import MIB, TASK_OPEN_MAX
from .limits import waiting
from .pairs import (
    answer_spec_from_proto,
    answer_spec_to_proto,
    budget_from_proto,
    budget_to_proto,
    content_from_proto,
    content_to_proto,
)
from .watch import (
    EVENT_MAX,
    Event,
    WatchError,
    WatchRequest,
    event_from_proto,
    event_to_proto,
    watch_from_proto,
    watch_to_proto,
)

MESSAGE_MAX = MAX_FILE + MIB
"""Largest answer on the socket: the largest verdict."""
VERDICTS_MAX = 10_000
"""Most verdicts in one list."""
ASK_LIFE_S = 86_400
"""Longest life of a task that the socket asks for, in seconds."""
CALLS = 64
"""Calls that one caller may have under way: as many tasks as it may follow at once. Without a bound
one connection makes more calls wait than a door lets (`limits.waiting`): those that were taken
back wait as well."""


ALIVE_MS = 5_000
"""Milliseconds between two signs of life that a waiting command asks of a silent node, and for
the answer to one: a node that hangs is left for another member (`follow`)."""


UNREADABLE = "the request cannot be read as the message of this method"
"""What a caller is told whose bytes are no such message."""


class ControlError(Exception):
    """A request could not be carried out; the text is for the person who made it."""


class NotFound(ControlError):  # noqa: N818  named for what happened
    """What was asked for is not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A task to open. No `members` means all; `policy` overrides fields of the default.

    `speakers` are the names of clients that may put notes into it (R1c).
    """

    messages: tuple[Content, ...]
    answer: AnswerSpec
    domain: str
    members: tuple[bytes, ...]
    policy: dict[str, Any]
    mode: str
    not_after_s: int
    budget: Budget
    speakers: tuple[str, ...] = ()


class Console(Protocol):
    """What the daemon offers its operator. Methods may raise `ControlError`."""

    def ask(self, ask: Ask) -> AsyncIterator[Event]:
        """Open a task and follow it."""
        ...

    def watch(self, request: WatchRequest) -> AsyncIterator[Event]:
        """Follow a task."""
        ...

    def status(self) -> dict[str, Any]:
        """How the node is doing, as plain data."""
        ...

    async def verdicts(self, limit: int) -> list[dict[str, Any]]:
        """The newest verdicts, as plain data."""
        ...

    async def verdict(self, prefix: str) -> bytes:
        """The verdict file of a verdict or task id's prefix."""
        ...

    async def withheld(self, prefix: str) -> str:
        """Why clients may not have the verdict of such an id, `""` if they may (E4)."""
        ...

    async def feedback(self, statement: bytes) -> dict[str, Any]:
        """Take a client's signed statement; what became of it."""
        ...

    async def prune(self, older_ms: int, keep: int, *, dry_run: bool) -> dict[str, Any]:
        """Prune verdicts; what that came to, as plain data."""
        ...


class ControlServer:
    """The socket, once started."""

    def __init__(self, server: Any, path: Path) -> None:
        self._server = server
        self._path = path

    @classmethod
    async def open(cls, path: Path, console: Console) -> "ControlServer":
        """Serve `console` at `path`. Raises `OSError` if the socket cannot be made."""
        server = grpc.aio.server(
            interceptors=[_Reading()],
            options=[
                ("grpc.max_receive_message_length", TASK_OPEN_MAX + MIB),
                ("grpc.max_send_message_length", MESSAGE_MAX),
                ("grpc.max_concurrent_streams", CALLS),
                *waiting(),
                ("grpc.http2.max_ping_strikes", 0),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", ALIVE_MS // 2),
            ],
        )
        control_pb2_grpc.add_ControlServicer_to_server(  # type: ignore[no-untyped-call]
            _Servicer(console), server
        )
        try:  # the daemon's umask makes the socket 0600, its directory keeps others out
            server.add_insecure_port(f"unix:{path}")
        except RuntimeError as error:
            await server.stop(None)
            raise OSError(f"cannot make the control socket {path}: {error}") from None
        await server.start()
        return cls(server, path)

    async def stop(self, grace_s: float) -> None:
        """Close the socket; calls under way get `grace_s` seconds."""
        await self._server.stop(grace_s)
        self._path.unlink(missing_ok=True)


class _Reading(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Reads requests itself: grpc would call bytes that are no message a fault of the service."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = await continuation(details)
        if handler is None:
            return None

        async def unary(data: bytes, context: Any) -> Any:
            return await handler.unary_unary(await self._read(handler, data, context), context)

        async def stream(data: bytes, context: Any) -> AsyncIterator[Any]:
            request = await self._read(handler, data, context)
            async with aclosing(handler.unary_stream(request, context)) as answers:
                async for answer in answers:
                    yield answer

        write = handler.response_serializer
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, response_serializer=write)
        return grpc.unary_unary_rpc_method_handler(unary, response_serializer=write)

    @staticmethod
    async def _read(handler: Any, data: bytes, context: Any) -> Any:
        try:
            return handler.request_deserializer(data)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, UNREADABLE)


class _Servicer(control_pb2_grpc.ControlServicer):
    def __init__(self, console: Console) -> None:
        self._console = console

    async def Ask(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        try:
            ask = ask_from_proto(request)
            async for event in self._console.ask(ask):
                yield event_to_proto(event)
        except (BodyError, ControlError, ValueError) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        try:
            async for event in self._console.watch(watch_from_proto(request)):
                yield event_to_proto(event)
        except (WatchError, ControlError) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    async def Status(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return control_pb2.StatusReply(json=msgspec.json.encode(self._console.status()))

    async def ListVerdicts(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        found = await self._console.verdicts(min(request.limit or VERDICTS_MAX, VERDICTS_MAX))
        return control_pb2.ListVerdictsReply(json=msgspec.json.encode(found))

    async def GetVerdict(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            bundle = await self._console.verdict(request.prefix)
        except NotFound as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except (ControlError, Damaged) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return control_pb2.GetVerdictReply(bundle=bundle)

    async def Feedback(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            found = await self._console.feedback(request.statement)
        except ControlError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return control_pb2.FeedbackReply(json=msgspec.json.encode(found))

    async def Prune(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            swept = await self._console.prune(
                request.older_than_ms, request.keep, dry_run=request.dry_run
            )
        except ControlError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return control_pb2.PruneReply(json=msgspec.json.encode(swept))


class ControlClient:
    """The command line's side of the socket. Use as `async with`."""

    def __init__(self, where: Path | str) -> None:
        self._where = where
        self._channel: Any = None
        self._stub: Any = None

    def _open(self) -> Any:
        """The channel. Raises `ControlUnreachable`."""
        if not Path(self._where).exists():
            raise ControlUnreachable(f"no node is running here: {self._where} is missing")
        return grpc.aio.insecure_channel(
            f"unix:{self._where}",
            options=[
                ("grpc.max_receive_message_length", max(MESSAGE_MAX, EVENT_MAX)),
                ("grpc.keepalive_time_ms", ALIVE_MS),
                ("grpc.keepalive_timeout_ms", ALIVE_MS),
                ("grpc.http2.ping_timeout_ms", ALIVE_MS),
                ("grpc.http2.max_pings_without_data", 0),
                # A node that was down a moment ago is tried at once: channels of one process
                # share their connections otherwise, and with them the wait after a refusal.
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )

    async def __aenter__(self) -> Self:
        self._channel = self._open()
        self._stub = control_pb2_grpc.ControlStub(  # type: ignore[no-untyped-call]
            self._channel
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def ask(self, ask: Ask) -> AsyncIterator[Event]:
        """Open a task and follow it. Raises `ControlError`, `ControlUnreachable`."""
        async for event in self._events(self._stub.Ask(_ask_to_proto(ask))):
            yield event

    async def watch(self, request: WatchRequest) -> AsyncIterator[Event]:
        """Follow a task. Raises `ControlError`, `ControlUnreachable`."""
        async for event in self._events(self._stub.Watch(watch_to_proto(request))):
            yield event

    async def status(self) -> dict[str, Any]:
        """How the node is doing."""
        reply = await self._call(self._stub.Status(control_pb2.StatusRequest()))
        return msgspec.json.decode(reply.json, type=dict[str, Any])

    async def verdicts(self, limit: int) -> list[dict[str, Any]]:
        """The newest verdicts."""
        request = control_pb2.ListVerdictsRequest(limit=limit)
        reply = await self._call(self._stub.ListVerdicts(request))
        return msgspec.json.decode(reply.json, type=list[dict[str, Any]])

    async def verdict(self, prefix: str) -> bytes:
        """A verdict file, byte for byte."""
        request = control_pb2.GetVerdictRequest(prefix=prefix)
        reply = await self._call(self._stub.GetVerdict(request))
        return bytes(reply.bundle)

    async def feedback(self, statement: bytes) -> dict[str, Any]:
        """Hand in a client's signed statement. Raises `ControlError`."""
        request = control_pb2.FeedbackRequest(statement=statement)
        reply = await self._call(self._stub.Feedback(request))
        return msgspec.json.decode(reply.json, type=dict[str, Any])

    async def prune(self, older_ms: int, keep: int, *, dry_run: bool) -> dict[str, Any]:
        """Prune verdicts; what that came to. Raises `ControlError`, `ControlUnreachable`."""
        request = control_pb2.PruneRequest(older_than_ms=older_ms, keep=keep, dry_run=dry_run)
        reply = await self._call(self._stub.Prune(request))
        return msgspec.json.decode(reply.json, type=dict[str, Any])

    async def _events(self, call: Any) -> AsyncIterator[Event]:
        try:
            async for message in call:
                assert isinstance(message, watch_pb2.Event)
                yield event_from_proto(message)
        except grpc.RpcError as error:
            raise _explain(error, self._where) from None
        finally:
            call.cancel()

    async def _call(self, call: Any) -> Any:
        try:
            return await call
        except grpc.RpcError as error:
            raise _explain(error, self._where) from None


class ControlUnreachable(ControlError):  # noqa: N818  named for what happened
    """The daemon is not there, or went away."""


_SAID = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED)
"""Codes whose text is the node's own."""


def _explain(error: Any, where: Path | str) -> ControlError:
    if error.code() is grpc.StatusCode.NOT_FOUND:
        return NotFound(error.details())
    if error.code() in _SAID:
        return ControlError(error.details())
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        if "larger than max" not in (error.details() or ""):  # grpc's own words
            return ControlError(error.details())
        return ControlError(f"the case is too large: a task takes at most {TASK_OPEN_MAX} bytes")
    if error.code() is grpc.StatusCode.CANCELLED:  # not by us, who would not be here then
        return ControlUnreachable(
            f"the node at {where} let go of the call: it is stopping, or more calls wait there "
            "than it takes; try again"
        )
    return ControlUnreachable(f"no node answers at {where} ({error.code().name.lower()})")


def _ask_to_proto(ask: Ask) -> control_pb2.AskRequest:
    return control_pb2.AskRequest(
        messages=[content_to_proto(item) for item in ask.messages],
        answer=answer_spec_to_proto(ask.answer),
        domain=ask.domain,
        members=list(ask.members),
        policy=msgspec.json.encode(ask.policy) if ask.policy else b"",
        mode=ask.mode,
        not_after_s=ask.not_after_s,
        budget=budget_to_proto(ask.budget),
        speakers=ask.speakers,
    )


def ask_from_proto(message: control_pb2.AskRequest) -> Ask:
    """The task behind a request. Raises `ControlError`, `ValueError`."""
    try:
        policy = msgspec.json.decode(message.policy or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ControlError(f"the policy is not a JSON object: {error}") from None
    if not 1 <= message.not_after_s <= ASK_LIFE_S:
        raise ControlError(f"a task lives 1 to {ASK_LIFE_S} s, not {message.not_after_s}")
    return Ask(
        messages=tuple(content_from_proto(item) for item in message.messages),
        answer=answer_spec_from_proto(message.answer),
        domain=message.domain,
        members=tuple(message.members),
        policy=policy,
        mode=message.mode,
        not_after_s=message.not_after_s,
        budget=budget_from_proto(message.budget),
        speakers=tuple(message.speakers[: MAX_SPEAKERS + 1]),
    )
