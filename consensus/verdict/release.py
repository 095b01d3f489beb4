"""A person's word before an outcome is released: signed, beside the verdict (rule E4).

A policy may ask for `approvals`. The committee decides, signs and stores its outcome as ever, and
waits on nobody: the words of approvers come after and are no part of what was agreed. They ride in
the verdict's file, where anyone checks them: each is one signed statement on one verdict.
The verdict's id is the same with them and without.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .. import canonical
from ..bodies import COUNT_CAP, TaskOpen
from ..envelope import DOMAIN, length_prefixed, split_prefixed

MAX_NOTE = 1_000
"""Most characters of an approver's note: a paragraph, which every member keeps."""

MAX_STATEMENT = 8_192
"""Most bytes of a signed statement: a note of letters that JSON spells in six."""


class ReleaseError(ValueError):
    """Bytes are no approver's statement. The text says why."""


class State(StrEnum):
    """Where the release of an outcome stands."""

    FREE = "free"
    """The policy asks nobody."""
    AWAITING = "awaiting approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    UNAPPROVED = "unapproved"
    """The time to approve is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One approver's word on one verdict: `approve` or not, and why; `at_ms` by its own clock."""

    task: bytes
    verdict: bytes
    approver: bytes
    approve: bool
    note: str
    at_ms: int

    def __post_init__(self) -> None:
        for name in ("task", "verdict", "approver"):
            if len(getattr(self, name)) != 32:
                raise ReleaseError(f"{name} is not 32 bytes")
        if not isinstance(self.note, str) or len(self.note) > MAX_NOTE:
            raise ReleaseError(f"a note has at most {MAX_NOTE} characters")
        if type(self.at_ms) is not int or not 0 <= self.at_ms <= COUNT_CAP:
            raise ReleaseError("at_ms is no time")

    @property
    def body(self) -> bytes:
        """Its one form of bytes. Raises `ReleaseError` if the note is no text."""
        try:
            return canonical.encode(
                {
                    "approve": int(self.approve),
                    "approver": self.approver.hex(),
                    "at_ms": self.at_ms,
                    "note": self.note,
                    "task": self.task.hex(),
                    "verdict": self.verdict.hex(),
                }
            )
        except canonical.CanonicalError as error:
            raise ReleaseError(str(error)) from None

    @property
    def preimage(self) -> bytes:
        """The bytes under the approver's signature; no envelope's are like them (S1)."""
        return length_prefixed(DOMAIN, b"approval", self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An `Approval` with its approver's Ed25519 signature, not yet verified."""

    approval: Approval
    signature: bytes

    def encode(self) -> bytes:
        """Body and signature, each behind its length."""
        return length_prefixed(self.approval.body, self.signature)

    @classmethod
    def decode(cls, data: bytes) -> "Statement":
        """The statement behind its bytes. Raises `ReleaseError`."""
        if len(data) > MAX_STATEMENT:
            raise ReleaseError(f"a statement of {len(data)} bytes, over {MAX_STATEMENT}")
        try:
            body, signature = split_prefixed(data, 2)
            plain = canonical.decode(body)
            approval = Approval(
                task=bytes.fromhex(plain["task"]),
                verdict=bytes.fromhex(plain["verdict"]),
                approver=bytes.fromhex(plain["approver"]),
                approve=bool(plain["approve"]),
                note=plain["note"],
                at_ms=plain["at_ms"],
            )
        except ReleaseError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise ReleaseError(f"this is no approver's statement: {error}") from None
        if approval.body != body or len(signature) != 64:
            raise ReleaseError("an approver's statement that is not in its one form")
        return cls(approval=approval, signature=signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Where a release stands: `needed` approvals, who said yes and no, until when (wall clock)."""

    state: State
    needed: int
    until_ms: int
    approved: tuple[Approval, ...] = ()
    refused: tuple[Approval, ...] = ()

    @property
    def open(self) -> bool:
        """Whether clients may have the outcome."""
        return self.state in (State.FREE, State.APPROVED)

    def plain(self) -> dict[str, Any]:
        """Plain data, keys in hex."""
        return {
            "state": str(self.state),
            "needed": self.needed,
            "until_ms": self.until_ms,
            "approved": [_word(item) for item in self.approved],
            "refused": [_word(item) for item in self.refused],
        }


def until(spec: TaskOpen) -> int:
    """The wall-clock millisecond up to which approvals count: from the TaskOpen's own time, so
    that it is the same for all."""
    return spec.opened_at_ms + spec.committee.policy.approval_ms


def release(spec: TaskOpen, words: Iterable[Approval], now_ms: int) -> Release:
    """Where the release stands at `now_ms`, from approvers' verified words on this verdict.

    One refusal rejects, whatever others say and whenever it comes: a person who has seen a reason
    against outweighs those who have not. A word that is dated past the time does not count.
    """
    needed, last = spec.committee.policy.approvals, until(spec)
    if not needed:
        return Release(state=State.FREE, needed=0, until_ms=0)
    counted = sorted(
        (word for word in words if word.at_ms <= last), key=lambda word: (word.approver, word.body)
    )
    refused = tuple(word for word in counted if not word.approve)
    against = {word.approver for word in refused}
    approved = tuple(word for word in counted if word.approve and word.approver not in against)
    if refused:
        state = State.REJECTED
    elif len({word.approver for word in approved}) >= needed:
        state = State.APPROVED
    else:
        state = State.UNAPPROVED if now_ms > last else State.AWAITING
    return Release(state=state, needed=needed, until_ms=last, approved=approved, refused=refused)


def _word(item: Approval) -> dict[str, Any]:
    return {"approver": item.approver.hex(), "note": item.note, "at_ms": item.at_ms}
