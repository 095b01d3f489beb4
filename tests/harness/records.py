"""Store records of the cast: tasks that alice opened, slots she signed, verdicts."""

from consensus.bodies import AnswerKind, AnswerSpec, Budget, Content, TaskOpen, Vote
from consensus.envelope import Kind, Stage
from node.store import Batch, Role, Slot, TaskRow, VerdictRow

from . import cast

NOW_MS = 1_750_000_000_000
NOT_AFTER_MS = NOW_MS + 60_000
TEAM = cast.committee()


def task(number: int) -> TaskRow:
    """The number-th task that alice opened; each has an id and a secret of its own."""
    opening = TaskOpen(
        committee=TEAM,
        messages=(Content(text=f"case {number}"),),
        answer=AnswerSpec(kind=AnswerKind.CHOICE, options=("yes", "no")),
        domain="",
        opened_at_ms=NOW_MS,
        not_after_ms=NOT_AFTER_MS,
        budget=Budget(),
        nonce=number.to_bytes(16, "big"),
    )
    return TaskRow(
        opening=cast.signed(cast.ALICE, Kind.TASK_OPEN, cast.ctx(TEAM), opening),
        secret=bytes([number % 255 + 1]) * 32,
        role=Role.OPENER,
        opened_at_ms=NOW_MS,
        not_after_ms=NOT_AFTER_MS,
    )


def vote(of: TaskRow, view: int, value: str = "nil", kind: Kind = Kind.PREVOTE) -> Slot:
    """Alice's vote of that view for a value by name, in round 1's slate."""
    chosen = bytes(32) if value == "nil" else value.encode().ljust(32, b"\0")
    at = cast.ctx(TEAM, task=of.task, round=1, stage=Stage.SLATE)
    return Slot.of(cast.signed(cast.ALICE, kind, at, Vote(view=view, value=chosen)))


def hidden(of: TaskRow, round: int, secret: bytes = b"salt") -> Slot:
    """Alice's seal of a round, with the secret that opens it."""
    at = cast.ctx(TEAM, task=of.task, round=round, stage=Stage.FREEZE)
    return Slot.of(cast.signed(cast.ALICE, Kind.SEAL, at, bytes(32)), secret)


def verdict(of: TaskRow, number: int = 1, at_ms: int = NOW_MS) -> VerdictRow:
    """A verdict of the task whose id begins with `number`, in 32 bits."""
    return VerdictRow(
        task=of.task,
        verdict=number.to_bytes(4, "big") + bytes(28),
        bundle=b"bundle %d" % number,
        decided_at_ms=at_ms,
        summary={
            "answer": "yes",
            "probability": 8_123,
            "reason": "rounds",
            "rounds": 1,
            "status": "decided",
            "warnings": [],
            "ms": 41,
        },
    )


def opened(*tasks: TaskRow) -> Batch:
    """A batch that adds tasks alone."""
    return Batch(tasks=tasks)
