"""What a node offers the federation's clients over TLS: `Control` without what is its operator's.

The service and its messages are those of the local socket (`proto/control.proto`). A client asks,
watches, reads a verdict whose whole id it knows, and hands in feedback; it prunes and lists
nothing, and of the node's status sees what a stranger would. Who calls is settled before a
request is read: a pass in the call's metadata names a client of the federation file.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import grpc
import msgspec
from google.protobuf.message import DecodeError

from consensus.bodies import BodyError

from .. import certificates, keys
from ..clock import Clock, monotonic_ms
from ..federation import Federation, FederationMember
from ..identity import Identity
from ..pb import control_pb2, watch_pb2
from ..sliding import MINUTE_MS, Window
from . import passes, tls
from .bounds import MIB, TASK_OPEN_MAX
from .control import (
    CALLS,
    MESSAGE_MAX,
    UNREADABLE,
    Console,
    ControlClient,
    ControlError,
    NotFound,
    ask_from_proto,
)
from .limits import Limits
from .passes import PassError
from .server import listen_error
from .service import written
from .watch import WatchError, WatchRequest, event_to_proto, watch_from_proto

SERVICE: Final = "quorate.v1.Control"

_ID_DIGITS: Final = 64


class OverQuotaError(ControlError):
    """A client asked for more than its share. The text says when to come again."""


class GuestServer:
    """The port for clients, once started."""

    def __init__(self, server: Any, port: int) -> None:
        self._server = server
        self.port = port

    @classmethod
    async def open(
        cls,
        listen: str,
        console: Console,
        *,
        me: Identity,
        federation: Federation,
        asks_per_minute: int,
        clock: Clock,
        limits: Limits,
    ) -> "GuestServer":
        """Serve `console` to clients at `listen` (`host:port`). Raises `ListenError`."""
        options = dict(tls.server_options(limits)) | {
            "grpc.max_receive_message_length": TASK_OPEN_MAX + MIB,
            "grpc.max_send_message_length": MESSAGE_MAX,
            "grpc.max_concurrent_streams": CALLS,
        }
        server = grpc.aio.server(options=list(options.items()))
        guests = _Guests(
            console,
            federation=federation,
            member=me.public,
            asks_per_minute=asks_per_minute,
            clock=clock,
            skew_ms=limits.skew_ms,
        )
        server.add_generic_rpc_handlers([guests])
        try:
            port = server.add_secure_port(listen, tls.guest_credentials(tls.Leaves(me, clock)))
        except RuntimeError:
            await server.stop(None)
            raise listen_error(listen) from None
        await server.start()
        return cls(server, port)

    async def stop(self, grace_s: float) -> None:
        """Close the port; calls under way get `grace_s` seconds."""
        await self._server.stop(grace_s)


class _Guests:
    """A generic handler of grpc's: `service` finds what serves a call."""

    def __init__(
        self,
        console: Console,
        *,
        federation: Federation,
        member: bytes,
        asks_per_minute: int,
        clock: Clock,
        skew_ms: int,
    ) -> None:
        self._console = console
        self._federation = federation
        self._member = member
        self._asks_per_minute = asks_per_minute
        self._clock = clock
        self._skew_ms = skew_ms
        self._busy: Counter[bytes] = Counter()
        self._asked: dict[bytes, Window] = {}
        self._methods: dict[str, Callable[[bytes, bytes], AsyncIterator[Any]]] = {
            "Ask": self._ask,
            "Watch": self._watch,
            "Status": self._status,
            "GetVerdict": self._verdict,
            "Feedback": self._feedback,
        }

    def service(self, call: Any) -> Any:
        """The handler of a call, or None for a method that is not offered here.

        Runs before the request is read, so a stranger's never is.
        """
        service, _, name = call.method.lstrip("/").partition("/")
        method = self._methods.get(name) if service == SERVICE else None
        if method is None:
            return None
        try:
            client = self._caller(call.invocation_metadata)
        except PassError as error:
            return grpc.stream_stream_rpc_method_handler(partial(_refuse, str(error)))
        # One answer or many are the same on the wire.
        return grpc.unary_stream_rpc_method_handler(partial(self._serve, client, method))

    def _caller(self, metadata: Any) -> bytes:
        shown = [value for name, value in metadata or () if name == passes.METADATA]
        if len(shown) != 1:
            raise PassError(f"a client shows one pass in the metadata {passes.METADATA}")
        return passes.check(
            shown[0],
            federation=self._federation,
            member=self._member,
            wall_ms=self._clock.wall_ms(),
            skew_ms=self._skew_ms,
        )

    async def _serve(
        self,
        client: bytes,
        method: Callable[[bytes, bytes], AsyncIterator[Any]],
        data: bytes,
        context: Any,
    ) -> None:
        if self._busy[client] >= CALLS:
            text = f"{CALLS} calls of yours are under way here; wait for one to end"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        self._busy[client] += 1
        try:
            async with aclosing(method(client, data)) as answers:  # type: ignore[type-var]
                async for answer in answers:
                    if not await written(context, answer.SerializeToString()):
                        return
        except NotFound as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except OverQuotaError as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, UNREADABLE)
        except (BodyError, ControlError, WatchError, ValueError) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            self._busy[client] -= 1

    async def _ask(self, client: bytes, data: bytes) -> AsyncIterator[Any]:
        ask = ask_from_proto(control_pb2.AskRequest.FromString(data))
        self._count(client)
        async for event in self._console.ask(ask):
            yield event_to_proto(event)

    def _count(self, client: bytes) -> None:
        """Count a task on a client's account. Raises `OverQuotaError`."""
        most = self._asks_per_minute
        window = self._asked.setdefault(client, Window(MINUTE_MS))
        if wait_ms := window.wait_ms(most, monotonic_ms(self._clock)):
            wait_s = -(-wait_ms // 1_000)
            raise OverQuotaError(
                f"{most} tasks of yours in the last minute; ask again in {wait_s} s"
            )

    async def _watch(self, _: bytes, data: bytes) -> AsyncIterator[Any]:
        # Without its TaskOpen: a client makes no node take up a task but by asking.
        task = watch_from_proto(watch_pb2.WatchRequest.FromString(data)).task
        async for event in self._console.watch(WatchRequest(task=task)):
            yield event_to_proto(event)

    async def _status(self, _: bytes, data: bytes) -> AsyncIterator[Any]:
        control_pb2.StatusRequest.FromString(data)
        found = self._console.status()
        shown = {
            "name": found["name"],
            "key": found["key"],
            "federation": found["federation"],
            "model": {"family": found["model"]["family"]},
            "undecided": len(found["undecided"]),
            "members_up": sum(peer["up"] for peer in found["peers"]),
        }
        yield control_pb2.StatusReply(json=msgspec.json.encode(shown))

    async def _verdict(self, client: bytes, data: bytes) -> AsyncIterator[Any]:
        wanted = control_pb2.GetVerdictRequest.FromString(data).prefix.lower()
        if len(wanted) != _ID_DIGITS:  # a few digits would lay open what others asked
            raise ControlError(f"give the whole id of the verdict or task: {_ID_DIGITS} digits")
        if not self._federation.is_approver(client):  # E4: who releases it reads it first
            if why := await self._console.withheld(wanted):
                raise ControlError(f"the verdict is not released: {why}")
        yield control_pb2.GetVerdictReply(bundle=await self._console.verdict(wanted))

    async def _feedback(self, _: bytes, data: bytes) -> AsyncIterator[Any]:
        statement = control_pb2.FeedbackRequest.FromString(data).statement
        found = await self._console.feedback(statement)
        yield control_pb2.FeedbackReply(json=msgspec.json.encode(found))


class GuestClient(ControlClient):
    """A client's side of the port for clients at `address`. Use as `async with`.

    `ask`, `watch`, `status`, `verdict` (by whole id) and `feedback` are those of the local
    socket; the rest is refused.
    """

    def __init__(
        self,
        key: keys.SigningKey,
        network: bytes,
        member: FederationMember,
        address: str,
        *,
        clock: Clock,
        limits: Limits,
    ) -> None:
        super().__init__(f"{member.name}'s port for clients, {address}")
        self._key = key
        self._network = network
        self._member = member
        self._address = address
        self._clock = clock
        self._limits = limits

    def _show(self, _: Any, callback: Any) -> None:
        """Put a fresh pass into a call's metadata; grpc calls this, on a thread of its own."""
        shown = passes.sign(
            self._key,
            network=self._network,
            member=self._member.key,
            wall_ms=self._clock.wall_ms(),
        )
        callback(((passes.METADATA, shown),), None)

    def _open(self) -> Any:
        roots = certificates.pem(self._member.certificate)
        return grpc.aio.secure_channel(
            self._address,
            grpc.composite_channel_credentials(
                grpc.ssl_channel_credentials(root_certificates=roots),
                grpc.metadata_call_credentials(self._show, name="quorate-pass"),
            ),
            options=tls.channel_options(self._member, self._limits, receive=MESSAGE_MAX),
        )


async def _refuse(text: str, _: Any, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, text)
