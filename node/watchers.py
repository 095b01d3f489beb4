"""Who follows a task: its events from the first on, to any number of listeners."""

import asyncio
from collections.abc import AsyncIterator

from consensus.bodies import TaskOpen
from consensus.envelope import Envelope

from .wire.watch import Event

HISTORY = 4_096
"""Most events kept of one task: sixteen rounds of the largest committee's steps."""

LAST = ("verdict", "withheld", "expired", "abandoned", "unknown")
"""Kinds of event after which nothing more comes."""


def opening(opened: Envelope, spec: TaskOpen) -> Event:
    """The first event of every task: who decides it, and the TaskOpen for other members."""
    committee = spec.committee
    return Event(
        task=opened.id,
        round=0,
        kind="open",
        detail={
            "members": [member.hex() for member in committee.members],
            "mode": str(committee.mode),
            "opener": opened.signer.hex(),
            "tolerates": committee.quorum.tolerates(),
        },
        open=opened,
    )


class Watchers:
    """The events of one task and those who listen."""

    def __init__(self) -> None:
        self._history: list[Event] = []
        self._changed = asyncio.Event()
        self.over = False

    @property
    def history(self) -> tuple[Event, ...]:
        """Every event so far."""
        return tuple(self._history)

    def tell(self, event: Event) -> None:
        """Add an event. Past the bound only a last one is kept: everyone waits for it."""
        if len(self._history) < HISTORY or event.kind in LAST:
            self._history.append(event)
        self.over = self.over or event.kind in LAST
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def follow(self) -> AsyncIterator[Event]:
        """Every event from the first to the last, as they come."""
        at = 0
        while True:
            changed = self._changed
            while at < len(self._history):
                event = self._history[at]
                at += 1
                yield event
                if event.kind in LAST:
                    return
            await changed.wait()

    async def ended(self) -> None:
        """Wait for the last event."""
        while not self.over:
            await self._changed.wait()
