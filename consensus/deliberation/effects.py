"""What a task asks its surroundings to do beyond agreement's effects, and what it is told.

A failed effect comes back as an event (`Drafted` and `Judged` carry reasons) or stops the
node (a `Persist` that could not be made durable: rule A13).
"""

from dataclasses import dataclass, field
from typing import Any

from ..agreement.effects import Convict, Persist, Send, SetTimer, TimerKey, Want
from ..bodies import Note, Proposal
from ..envelope import Envelope, Stage
from ..masking import Path
from ..ports import Message
from .requests import DraftRequest, JudgeRequest, Judgment

# -- events ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive:
    """A verified message, from the member at the other end of a link (None: from oneself)."""

    message: Message
    source: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """A timer set earlier ran out."""

    key: TimerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """The model's draft for a round, or the named reason why there is none."""

    round: int
    proposal: Proposal | None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The model's judgment for a round, or the named reason why there is none."""

    round: int
    judgment: Judgment | None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The members that can be reached now, this one not among them, and the q-th smallest
    round trip in milliseconds if it is known (A10)."""

    up: frozenset[bytes]
    rtt_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """One sealed box for each path of a round (R3)."""

    round: int
    boxes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peeled:
    """The inner boxes of the packets that opened (R3)."""

    round: int
    boxes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrapped:
    """The envelopes of the boxes that opened, by valid keys; nothing else is checked (R3)."""

    round: int
    envelopes: tuple[Envelope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A person's note for this task has come in: verified, and stored (R1c)."""

    note: Note


Event = Receive | Expire | Drafted | Judged | Links | Wrapped | Peeled | Unwrapped | Noted

# -- effects --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Ask the model for a draft; answer with `Drafted`."""

    request: DraftRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Ask the model for a judgment; answer with `Judged`."""

    request: JudgeRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrap:
    """Seal `proposal` for each path, the same way every time for one `secret` (32 bytes that
    never leave the node); answer with `Wrapped` (R3)."""

    round: int
    proposal: Envelope
    paths: tuple[Path, ...]
    secret: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Peel:
    """Open the outer seal of these boxes; answer with `Peeled` (R3)."""

    round: int
    boxes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrap:
    """Open the inner seal of these boxes; answer with `Unwrapped` (R3)."""

    round: int
    boxes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """No answer of the model is waited for any more: a pending call may be cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Send `messages` to one member (certificates, A14)."""

    member: bytes
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """`member` is in a later round: tell it where this one stands, to be caught up (S2)."""

    member: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Something a person watching the task wants to see. `detail` is plain data."""

    round: int
    what: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRecord:
    """A decided point: its value, and the PROPOSE and precommits that show it (A8, E1)."""

    stage: Stage
    value: bytes
    carrier: Message
    precommits: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord:
    """A finished round: three decided points and every envelope they name (E1)."""

    round: int
    points: tuple[PointRecord, PointRecord, PointRecord]
    named: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The task is decided: everything its verdict is built from."""

    opened: Message
    rounds: tuple[RoundRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """No verdict can come of the task here: so many refused that q ACCEPTs cannot come
    together any more (S7), or a quorum signed what is not valid: more than f are faulty."""

    reason: str


Effect = (
    Persist
    | Send
    | SetTimer
    | Convict
    | Want
    | Draft
    | Judge
    | Wrap
    | Peel
    | Unwrap
    | Release
    | Reply
    | Behind
    | Progress
    | Finish
    | GiveUp
)
