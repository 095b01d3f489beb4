"""The contract of a store, and how a store fails. `tests/node/test_store.py` holds both to it."""

from collections.abc import Sequence
from typing import Protocol

from consensus.envelope import TaskId

from .records import (
    Batch,
    FactRow,
    NoteRow,
    Pruned,
    PruneRule,
    Slot,
    TaskBrief,
    TaskRow,
    Toll,
    VerdictEntry,
    VerdictRow,
)


class StoreError(Exception):
    """The store cannot keep its promise; whoever signs on the strength of it stops (A13)."""


class StoreInUse(StoreError):  # noqa: N818  named for what happened
    """Another process has this store open."""


class StoreTooNew(StoreError):  # noqa: N818  named for what happened
    """The store was written by a newer program than this one."""


class StoreConflict(StoreError):  # noqa: N818  named for what happened
    """A batch contradicts what is stored; nothing of it was stored."""


class SlotConflict(StoreConflict):
    """A slot holds another envelope: sending the new one would be equivocation (S4)."""

    @classmethod
    def of(cls, slot: Slot) -> "SlotConflict":
        """The conflict that writing `slot` is."""
        return cls(
            f"the slot of {slot.describe()} holds another envelope or secret: refusing to "
            "sign twice for it"
        )


class TaskConflict(StoreConflict):
    """A batch names a task that is unknown, forgotten, or stored with another secret."""


class VerdictConflict(StoreConflict):
    """A task has another verdict already: agreement itself was violated."""


class FactConflict(StoreConflict):
    """A fact does not follow on the last one, or is in the ledger already."""


class BadReference(LookupError):  # noqa: N818  named for what happened
    """A verdict was asked for by something that is no id, or by one that fits several."""


MIN_PREFIX = 4
"""Fewest hex characters that refer to a verdict: shorter ones fit several by chance."""


def checked_prefix(prefix: str) -> str:
    """`prefix` in lower case. Raises `BadReference` unless it is 4 to 64 hex characters."""
    lowered = prefix.strip().lower()
    if not lowered or set(lowered) - set("0123456789abcdef"):
        raise BadReference(f"{prefix!r} is not a verdict or task id: it has to be hexadecimal")
    if not MIN_PREFIX <= len(lowered) <= 64:
        raise BadReference(
            f"{prefix!r} has {len(lowered)} characters; an id is given by its first "
            f"{MIN_PREFIX} to 64"
        )
    return lowered


def ambiguous(prefix: str, matches: Sequence[bytes]) -> BadReference:
    """The error for a prefix that fits several verdicts, naming them."""
    names = ", ".join(match.hex()[:16] for match in matches[:5])
    more = ", and more" if len(matches) > 5 else ""
    return BadReference(f"{prefix!r} fits several verdicts ({names}{more}): give more characters")


def no_longer(task: TaskId) -> BadReference:
    """The error for a place in the list of verdicts that is none."""
    return BadReference(f"the list has no verdict of task {task.hex()[:16]} (any more)")


class Store(Protocol):
    """A node's memory across restarts (rule A13).

    Every method may raise `StoreError`. Lists are snapshots: nothing of an unfinished commit
    is ever seen.
    """

    @property
    def database_id(self) -> bytes:
        """Sixteen bytes drawn when the database was made; the identity names them (A13)."""

    @property
    def created_at_ms(self) -> int:
        """When the database was made."""

    @property
    def since_ms(self) -> int:
        """When this database became the identity's after another one had been, or 0.

        What was signed for tasks opened before is not all here (A13).
        """

    @property
    def signings(self) -> int:
        """Commits that held a slot: an older copy of the same database has fewer.

        Facts alone add nothing: this node signs none of them, and a copy that lacks some is
        given them by the others.
        """

    async def adopt(self, *, fresh_id: bytes, since_ms: int) -> None:
        """Make this another database, whose memory begins at `since_ms` (A13)."""

    async def commit(self, batch: Batch) -> None:
        """Store a batch durably in one transaction, or raise and store nothing of it.

        The same records again change nothing, but for facts, which follow on the last one.
        Raises `SlotConflict`, `TaskConflict`, `VerdictConflict` or `FactConflict` where the batch
        contradicts the store. After any other failure the
        state on disk is unknown and every later commit is refused.
        """

    async def tasks(self, *, undecided: bool = False) -> list[TaskRow]:
        """Tasks in the order of their arrival; with `undecided`, those to take up again."""

    async def task(self, task: TaskId) -> TaskRow | None:
        """One task, also a finished one: a task seen before is not taken again (S7)."""

    async def slots(self, task: TaskId) -> list[Slot]:
        """This node's own envelopes of a task, in the order they were written."""

    async def notes(self, task: TaskId) -> list[NoteRow]:
        """People's notes for a task (R1c), by id."""

    async def verdict(self, task: TaskId) -> VerdictRow | None:
        """The verdict of a task."""

    async def find_verdict(self, prefix: str) -> VerdictRow | None:
        """The verdict whose id, or whose task's id, begins with these hex characters.

        Raises `BadReference` if they are not 4 to 64 hex characters or fit several.
        """

    async def verdicts(self, limit: int, *, after: TaskId | None = None) -> list[VerdictEntry]:
        """At most `limit` verdicts, the newest first; with `after`, those that follow that task's.

        Raises `BadReference` if there is no verdict of `after` (any more).
        """

    async def recent(self, limit: int) -> list[TaskBrief]:
        """At most `limit` tasks, the last to arrive first, for catch-up by digests.

        Pruned ones are among them, without a verdict: nobody can be caught up from here.
        """

    async def facts(self) -> list[FactRow]:
        """The ledger in its order (rule L1)."""

    async def fact(self, fact: bytes) -> FactRow | None:
        """One row of the ledger by its fact's id."""

    async def unlearnt(self) -> list[TaskId]:
        """Tasks whose verdicts the ledger has no fact of, the oldest verdict first."""

    async def forget(self, *, before_ms: int) -> int:
        """Drop what finished tasks no longer need; how many tasks that were.

        Slots, notes and secrets go once the task is not undecided and its not-after lies before
        `before_ms`; until then they keep a replayed task from being signed twice. Refused and
        expired tasks go with their slots, decided ones stay with their verdicts. One call
        drops a bounded amount: call again until it returns 0.
        """

    async def toll(self, rule: PruneRule) -> Toll:
        """What `prune` would take out by this rule in all; nothing is changed."""

    async def prune(self, rule: PruneRule, *, now_ms: int) -> Toll:
        """Take out verdicts and their tasks by `rule`; a tombstone stays of each.

        Only tasks whose slots `forget` has dropped. A bounded number a call: call again until
        it takes none.
        """

    async def find_pruned(self, prefix: str) -> Pruned | None:
        """The tombstone whose task's or verdict's id begins with these hex characters.

        Raises `BadReference` like `find_verdict`.
        """

    async def shrink(self) -> bool:
        """Give a bounded amount of unused space back to the file system; whether more is left."""

    async def close(self) -> None:
        """Finish what is under way and release the store. A second call does nothing."""
