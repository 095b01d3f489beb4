"""Progress of a task as it travels to whoever follows it (`Peer.Watch`, and the local control).

Nothing here is signed or counted: it is what one member saw, for people.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError

from consensus.envelope import Envelope

from ..pb import watch_pb2 as pb
from .bounds import ENVELOPE_CAP, MIB
from .pairs import envelope_from_proto, envelope_to_proto

DETAIL_MAX: Final = MIB
"""Most bytes of an event's detail: a round's whole vote table takes a tenth of it."""

WATCH_MAX: Final = ENVELOPE_CAP + 1_024
"""Most bytes of a request to watch: a TaskOpen and its id."""

EVENT_MAX: Final = ENVELOPE_CAP + DETAIL_MAX + 1_024
"""Most bytes of an event."""


class WatchError(ValueError):
    """A request or an event is malformed. The text names field and bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """Follow `task` (32 bytes) from its first event; `open` tells a member what it is."""

    task: bytes
    open: Envelope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of a task. `round` is 0 while it is being accepted; `detail` is JSON data."""

    task: bytes
    round: int
    kind: str
    detail: dict[str, Any]
    open: Envelope | None = None


def watch_to_proto(request: WatchRequest) -> pb.WatchRequest:
    """The wire form of a request."""
    return pb.WatchRequest(
        task=request.task, open=envelope_to_proto(request.open) if request.open else None
    )


def watch_from_proto(message: pb.WatchRequest) -> WatchRequest:
    """The inverse of `watch_to_proto`. Raises `WatchError`."""
    return WatchRequest(
        task=_task(message.task),
        open=envelope_from_proto(message.open) if message.HasField("open") else None,
    )


def watch_from_bytes(data: bytes) -> WatchRequest:
    """The request behind a peer's bytes. Raises `WatchError`."""
    if len(data) > WATCH_MAX:
        raise WatchError(f"the request is {len(data)} bytes, over {WATCH_MAX}")
    try:
        return watch_from_proto(pb.WatchRequest.FromString(data))
    except DecodeError:
        raise WatchError("not readable as a request to watch") from None


def event_to_proto(event: Event) -> pb.Event:
    """The wire form of an event. Raises `WatchError` if its detail is over the bound."""
    detail = msgspec.json.encode(event.detail)
    if len(detail) > DETAIL_MAX:
        raise WatchError(f"event.detail is {len(detail)} bytes, over {DETAIL_MAX}")
    return pb.Event(
        task=event.task,
        round=event.round,
        kind=event.kind,
        detail=detail,
        open=envelope_to_proto(event.open) if event.open else None,
    )


def event_from_proto(message: pb.Event) -> Event:
    """The inverse of `event_to_proto`. Raises `WatchError`."""
    if len(message.detail) > DETAIL_MAX:
        raise WatchError(f"event.detail is {len(message.detail)} bytes, over {DETAIL_MAX}")
    try:
        detail = msgspec.json.decode(message.detail, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WatchError(f"event.detail is not a JSON object: {error}") from None
    return Event(
        task=_task(message.task),
        round=message.round,
        kind=message.kind,
        detail=detail,
        open=envelope_from_proto(message.open) if message.HasField("open") else None,
    )


def _task(value: bytes) -> bytes:
    if len(value) != 32:
        raise WatchError(f"task is {len(value)} bytes, not 32")
    return value
