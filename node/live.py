"""A task that is running here: the core's `Task` and what surrounds it in this process."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from consensus.agreement.effects import TimerKey
from consensus.bodies import Note
from consensus.deliberation.phases import Phase
from consensus.deliberation.task import Task

from .store.records import TaskRow
from .watchers import Watchers


@dataclass(kw_only=True)
class Traffic:
    """What a task cost on the wire here: envelopes and their bytes, by direction."""

    sent: int = 0
    sent_bytes: int = 0
    received: int = 0
    received_bytes: int = 0

    def to_dict(self) -> dict[str, int]:
        """Plain data for events and summaries."""
        return {
            "received": self.received,
            "received_bytes": self.received_bytes,
            "sent": self.sent,
            "sent_bytes": self.sent_bytes,
        }


@dataclass(kw_only=True)
class Live:
    """One running task. Times are monotonic milliseconds of this process."""

    task: Task
    row: TaskRow
    stored: bool
    """Whether the task has its row in the store: one that is only followed gets it at its end."""
    account: bytes
    """The member on whose account this task takes a place here (`Intake`)."""
    began_ms: int
    news_ms: int
    at: tuple[int, Phase | None] = (0, None)
    """The rounds begun and the phase that whoever watches was last told of."""
    watchers: Watchers = field(default_factory=Watchers)
    heard: Counter[bytes] = field(default_factory=Counter)
    """Messages that the gate let through, by the member that brought them."""
    traffic: Traffic = field(default_factory=Traffic)
    timers: dict[TimerKey, asyncio.TimerHandle] = field(default_factory=dict)
    calls: set[asyncio.Task[None]] = field(default_factory=set)
    notes: dict[bytes, Note] = field(default_factory=dict)
    """People's notes for it that are stored here, or about to be, by id (R1c)."""
    withdrawn: bool = False
    """Whether nobody here wants the answer any more: this node's model is asked nothing further."""
    ended: bool = False
    """Whether it is over here: what is still to be done for it asks no model."""
    seeking: asyncio.TimerHandle | None = None
    """The next time that this node asks for what is named and missing."""
    synced_ms: int = 0
    asked: int = 0
    over: list[bytes] = field(default_factory=list)
    """Members that say they hold the verdict: this node is behind, and reads up from them."""
    reader: bytes | None = None
    """The member from which a task that was missed is read up on, and whose share it takes."""
    pulled: int = -1
    """The round for which one of them was last asked."""
    pulls: int = 0

    def cancel(self) -> None:
        """Stop timers and pending model calls, and ask for nothing more."""
        self.ended = True
        if self.seeking is not None:
            self.seeking.cancel()
        for handle in self.timers.values():
            handle.cancel()
        self.timers.clear()
        for call in self.calls:
            call.cancel()
