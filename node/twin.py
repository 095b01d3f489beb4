"""Noticing that another process signs with this node's key.

An identity that was copied and runs twice says two things in one slot. The committee bears it
(A15), and all ledgers exclude the member for it (L2), so its operator has to hear of it at once.
What is on the wire is in this node's own slots first (A13), so that a message of its own that
it did not write can only be another's: a second daemon, or whoever stole the key. A task that is
followed without signing proves nothing, for there the words of an earlier life come back.
"""

from collections.abc import Callable
from typing import Final

from consensus.deliberation.scribe import slot_of
from consensus.deliberation.task import Task
from consensus.envelope import VOTES, Kind
from consensus.ports import Message

from .log import get_logger

log = get_logger("twin")

QUIET_MS: Final = 60_000
"""Milliseconds between two log lines: a twin says as much as this node does."""

EVENT: Final = "another process signs with this key"
"""What the log line is called."""

WAY_OUT: Final = (
    "stop the other process, and never put an old copy of a node's directory back; if it was "
    "neither, the key is stolen: have the federation take this member off, and make a new identity"
)


class TwinWatch:
    """Counts the messages that show a twin of this node."""

    def __init__(self, me: bytes, now: Callable[[], int]) -> None:
        """`me` is this node's public key, `now` the monotonic clock in milliseconds."""
        self.seen = 0
        """Messages that this node did not write and whose signature by its key holds."""
        self._me = me
        self._now = now
        self._said: int | None = None

    def received(self, task: Task, message: Message) -> None:
        """A verified message of a running task came in, and is not held yet.

        Votes and PROPOSEs are not looked at: a second one convicts (`convicted`).
        """
        content = message.kind not in (*VOTES, Kind.PROPOSE)
        if message.signer == self._me and content and task.active:
            own = task.scribe.kept(*slot_of(message))
            if own is None or own.message.id != message.id:
                self._note(message)

    def opened(self, message: Message) -> None:
        """A TaskOpen came in that this node would sign in and does not know."""
        if message.signer == self._me:
            self._note(message)

    def convicted(self, task: Task, second: Message) -> None:
        """Two messages of one slot: of this node's own, one at most was its."""
        if second.signer == self._me and task.active:
            self._note(second)

    def _note(self, message: Message) -> None:
        self.seen += 1
        now = self._now()
        if self._said is None or now - self._said >= QUIET_MS:
            self._said = now
            task = message.id if message.kind is Kind.TASK_OPEN else message.ctx.task
            log.error(
                EVENT,
                what=message.kind.name.lower(),
                task=task.hex()[:8],
                seen=self.seen,
                todo=WAY_OUT,
            )
