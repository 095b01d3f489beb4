"""Asking for a decision and following it to its end, whichever member goes away.

A task is opened by the node beside the command line and followed over its control socket. If
that node dies, its operator goes on with another member of the committee, by the task's id,
over TLS and as that node's own identity. The TaskOpen goes along, for a member that has not
heard of the task (S7). No member is special to a task, and the opener is none either.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from . import federation_file, identity
from .clock import Clock, monotonic_ms
from .config import Config
from .federation import Federation
from .identity import Identity
from .watchers import LAST
from .wire.client import PeerError, open_client
from .wire.control import Ask, ControlClient, ControlUnreachable
from .wire.limits import Limits
from .wire.watch import Event, WatchRequest

MOVED: Final = "moved"
"""Kind of the event that says who is followed from here on (`member`, a name) and why
(`reason`). That member's events come from the task's first one on, so some come again."""

UNKNOWN: Final = "unknown"
"""Kind of the event of a member that cannot follow a task."""

GRACE_S: Final = 10
"""Seconds past a task's not-after in which a verdict may still come, as members allow."""

AGAIN_S: Final = 0.5
"""Seconds before a second turn through the members, when none of them could be followed."""

AGAIN_MOST_S: Final = 4.0
"""Seconds between two such turns in the end. As many as may follow a task with one member then
call sixteen times a second, which is less than it shuts anybody out for (T3)."""


class FollowError(Exception):
    """A task could not be followed to its end. The text says why."""


async def ask(
    config: Config, socket: Path, asked: Ask, *, clock: Clock, limits: Limits
) -> AsyncIterator[Event]:
    """Open a task with the node of `config`, whose control socket is `socket`; its events.

    The last one is of a kind in `watchers.LAST`. Raises `ControlError` if the node refuses
    the task, `ControlUnreachable` if it went away before it had opened one, `FollowError`
    if it went away later and no other member can be followed either.
    """
    until_ms = monotonic_ms(clock) + (asked.not_after_s + GRACE_S) * 1_000
    told = _told(socket, lambda client: client.ask(asked))
    async for event in _onwards(config, told, None, until_ms, clock, limits):
        yield event


async def join(
    config: Config, socket: Path, request: WatchRequest, *, for_s: int, clock: Clock, limits: Limits
) -> AsyncIterator[Event]:
    """Follow a task that is open already, from its first event on; as `ask` otherwise.

    Other members are asked too if this node is gone or does not know the task. Raises
    `FollowError` if nobody could be followed for `for_s` seconds.
    """
    until_ms = monotonic_ms(clock) + for_s * 1_000
    told = _told(socket, lambda client: client.watch(request))
    async for event in _onwards(config, told, request, until_ms, clock, limits):
        yield event


async def _told(
    socket: Path, call: Callable[[ControlClient], AsyncIterator[Event]]
) -> AsyncIterator[Event]:
    """What this node tells over its local socket."""
    async with ControlClient(socket) as client:
        async for event in call(client):
            yield event


async def _onwards(
    config: Config,
    events: AsyncIterator[Event],
    request: WatchRequest | None,
    until_ms: int,
    clock: Clock,
    limits: Limits,
) -> AsyncIterator[Event]:
    """`events` of this node, then those of other members if it cannot tell them to the end.

    `request` is what others are asked if this node told nothing; None if they could not know.
    """
    reason = f"{config.name} ended the watch"
    committee: list[bytes] | None = None
    try:
        async for event in events:
            if event.kind == UNKNOWN:
                reason = f"{config.name}: {event.detail.get('reason')}"
                break
            if committee is None and event.open is not None:
                committee = [bytes.fromhex(key) for key in event.detail["members"]]
                request = WatchRequest(task=event.task, open=event.open)
            yield event
            if event.kind in LAST:
                return
    except ControlUnreachable as error:
        if request is None:
            raise
        reason = str(error)
    if request is None:
        raise FollowError(reason)
    me, federation = identity.load(config.identity), federation_file.load(config.federation)
    known = committee or [member.key for member in federation.members]
    others = [key for key in known if key != me.public]
    async for event in elsewhere(
        me,
        federation,
        request,
        others,
        reason=reason,
        until_ms=until_ms,
        clock=clock,
        limits=limits,
    ):
        yield event


def pauses() -> Iterator[float]:
    """Seconds before each further turn through the members, each twice as long to a bound."""
    pause = AGAIN_S
    while True:
        yield pause
        pause = min(2 * pause, AGAIN_MOST_S)


async def elsewhere(
    me: Identity,
    federation: Federation,
    request: WatchRequest,
    members: Iterable[bytes],
    *,
    reason: str,
    until_ms: int,
    clock: Clock,
    limits: Limits,
) -> AsyncIterator[Event]:
    """Follow a task with one of `members` (keys) after the other, as `me`, to its last event.

    A member that goes away, or that does not know the task, is followed by the next; before
    each comes an event of the kind `MOVED`, the first with `reason`. Raises `FollowError`
    once the monotonic clock reads `until_ms` and nobody could be followed.
    """
    turn, pause = list(members), pauses()
    while turn:
        for key in turn:
            async with open_client(me, federation, key, clock, limits) as client:
                detail = {"member": client.member.name, "reason": reason}
                yield Event(task=request.task, round=0, kind=MOVED, detail=detail)
                reason = f"{client.member.name} ended the watch"
                try:
                    async for event in client.watch(request):
                        if event.kind == UNKNOWN:
                            reason = f"{client.member.name}: {event.detail.get('reason')}"
                            break
                        yield event
                        if event.kind in LAST:
                            return
                except PeerError as error:
                    reason = str(error)
        if monotonic_ms(clock) >= until_ms:
            break
        await asyncio.sleep(next(pause))
    raise FollowError(f"no other member can be followed; the last one said: {reason}")
