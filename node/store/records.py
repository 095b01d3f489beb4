"""What the store keeps, as values: tasks, own slots, verdicts.

Times are wall-clock milliseconds since 1970, ids are 32 bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from consensus.bodies import MAX_LABEL
from consensus.envelope import Ctx, Envelope, Kind, Stage, TaskId
from consensus.policy import ONE

SECRET_SIZE = 32
"""Bytes of a task's secret, from which its one-time keys, nonces and salts grow."""


VERDICT_FACT = 1
"""The kind of a fact that a verdict proves."""

SlotKey = tuple[bytes, int, int, int, int]
"""Task, round, stage, view and kind of a slot."""


class TaskState(StrEnum):
    """How a task stands here. Only `UNDECIDED` tasks are taken up again after a restart."""

    UNDECIDED = "undecided"
    DECIDED = "decided"
    REFUSED = "refused"
    EXPIRED = "expired"


class Role(StrEnum):
    """Why this node knows the task: it opened it, or another member did."""

    OPENER = "opener"
    MEMBER = "member"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task with what a restart needs to go on with it.

    `opening` is its TaskOpen and gives the task its id. `secret` is 32 bytes, and empty once
    `Store.forget` dropped the task's slots. `verdict` is the verdict id, empty before one.
    """

    opening: Envelope
    secret: bytes
    role: Role
    opened_at_ms: int
    not_after_ms: int
    state: TaskState = TaskState.UNDECIDED
    verdict: bytes = b""

    def __post_init__(self) -> None:
        if len(self.secret) not in (0, SECRET_SIZE):
            raise ValueError(f"a task secret has {SECRET_SIZE} bytes, not {len(self.secret)}")
        if len(self.verdict) not in (0, 32):
            raise ValueError(f"a verdict id has 32 bytes, not {len(self.verdict)}")

    @property
    def task(self) -> TaskId:
        """The task's id: the message id of its TaskOpen (rule S7)."""
        return TaskId(self.opening.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One of this node's own signed envelopes under its slot (rule A13).

    `secret` holds what opens it later, empty where nothing is hidden.
    """

    task: TaskId
    round: int
    stage: Stage
    view: int
    envelope: Envelope
    secret: bytes = b""

    @classmethod
    def of(cls, envelope: Envelope, secret: bytes = b"") -> "Slot":
        """The slot that `envelope` itself names: its ctx, its kind, and a vote's view.

        Raises `ValueError` if ctx or payload are cut short.
        """
        ctx = Ctx.unpack(envelope.ctx)
        view = 0
        if envelope.kind in (Kind.PROPOSE, Kind.PREVOTE, Kind.PRECOMMIT, Kind.PACKET):
            # Both fixed layouts begin with the view (`bodies.Vote`, `bodies.Propose`).
            if len(envelope.payload) < 4:
                raise ValueError("a vote's payload is cut short")
            view = int.from_bytes(envelope.payload[:4], "big")
        opening = envelope.kind == Kind.TASK_OPEN
        return cls(
            task=TaskId(envelope.id if opening else ctx.task),
            round=ctx.round,
            stage=ctx.stage,
            view=view,
            envelope=envelope,
            secret=secret,
        )

    @property
    def key(self) -> SlotKey:
        """What names the slot: at most one envelope ever stands under it."""
        return (self.task, self.round, int(self.stage), self.view, self.envelope.kind)

    def describe(self) -> str:
        """The slot in words, for an error."""
        kind = self.envelope.kind
        name = Kind(kind).name.lower() if kind in set(Kind) else f"kind {kind}"
        return (
            f"{name} of task {self.task.hex()[:8]}, round {self.round}, "
            f"{self.stage.name.lower()}, view {self.view}"
        )


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the summary of every verdict holds; it may hold more."""

    answer: str | None
    probability: Annotated[int, msgspec.Meta(ge=0, le=ONE)]
    reason: str
    rounds: int
    status: str
    warnings: list[tuple[str, str]]


def listed(answer: str | None) -> str | None:
    """An answer as summaries have it: a free text no longer than a typed answer can be, since
    one reply lists thousands of them."""
    if answer is None or len(answer) <= MAX_LABEL:
        return answer
    return answer[: MAX_LABEL - 3] + "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """A finished verdict: the bundle as it is exported, and a `Summary` (JSON) for lists, empty
    where what is stored is none."""

    task: TaskId
    verdict: bytes
    bundle: bytes
    decided_at_ms: int
    summary: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.verdict) != 32:
            raise ValueError(f"a verdict id has 32 bytes, not {len(self.verdict)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictEntry:
    """A verdict as it stands in a list: everything but its bundle, whose size is in bytes.

    `damage` says why its summary cannot be read, and is empty else: the others are listed all the
    same.
    """

    task: TaskId
    verdict: bytes
    size: int
    decided_at_ms: int
    summary: Mapping[str, Any]
    damage: str = ""

    def plain(self) -> dict[str, Any]:
        """As lists show it: ids in hex, the summary's entries beside them."""
        return {
            "task": self.task.hex(),
            "verdict": self.verdict.hex(),
            "size": self.size,
            "decided_at_ms": self.decided_at_ms,
            **(self.summary if not self.damage else _damaged(self.damage)),
        }


def _damaged(damage: str) -> dict[str, Any]:
    """What stands in a list where a summary cannot be read."""
    return {
        "status": "damaged",
        "answer": None,
        "probability": 0,
        "warnings": [["degraded", damage]],
        "damage": damage,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskBrief:
    """A task in short: `verdict` is empty while there is none, and once it is pruned.

    `damage` says why its state or its not-after cannot be read, and is empty else. It has no state
    then, and could be played again for as long as any.
    """

    task: TaskId
    opener: bytes
    state: TaskState | None
    not_after_ms: int
    verdict: bytes
    damage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRule:
    """Which verdicts to prune: decided before `decided_before_ms`, but for the newest `keep`.

    Of these only tasks whose not-after lies before `not_after_before_ms`: until then a task
    can be played again, and what was signed for it is kept (rule S7).
    """

    decided_before_ms: int
    not_after_before_ms: int
    keep: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """What pruning took, or would take: `tasks` are those of one step, `size` is in bytes.

    `held_back` are verdicts old enough whose tasks could still be played again.
    """

    tasks: tuple[TaskId, ...]
    verdicts: int
    size: int
    held_back: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What is remembered of a decided task whose verdict was pruned."""

    task: TaskId
    verdict: bytes
    opener: bytes
    not_after_ms: int
    decided_at_ms: int
    pruned_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An undecided task that ends without a verdict here: refused, or out of time."""

    task: TaskId
    state: TaskState

    def __post_init__(self) -> None:
        if self.state not in (TaskState.REFUSED, TaskState.EXPIRED):
            raise ValueError(f"a task is closed as refused or expired, not as {self.state}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRow:
    """One fact of the ledger in this node's own order (rule L1).

    `id` follows from `body`; `proof` is what its maker signed, empty for a verdict, which
    stands in the store by itself; `task` is empty for evidence. `head` chains it to the rows
    before.
    """

    seq: int
    id: bytes
    kind: int
    task: bytes
    body: bytes
    proof: bytes
    head: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRow:
    """A person's note for a task that this node took in (rule R1c); `body` as it travels."""

    task: TaskId
    id: bytes
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one commit stores, all of it or nothing, in this order.

    A task stands in the store, or in `tasks` of the same batch, before anything that belongs
    to it. `verdicts` mark their tasks decided; `closed` ends those still undecided.
    """

    tasks: tuple[TaskRow, ...] = ()
    slots: tuple[Slot, ...] = ()
    verdicts: tuple[VerdictRow, ...] = ()
    closed: tuple[Closed, ...] = ()
    facts: tuple[FactRow, ...] = ()
    notes: tuple[NoteRow, ...] = ()

    def __bool__(self) -> bool:
        rest = self.verdicts or self.closed or self.facts or self.notes
        return bool(self.tasks or self.slots or rest)
