"""What an instance asks its surroundings to do, in the order given.

`Persist` stands before the `Send` it protects (rule A13). A timer set again under the same
key replaces the earlier one.
"""

from dataclasses import dataclass

from ..envelope import MessageId, Stage
from ..ports import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Persist:
    """Store `message` under its slot, with the `secret` that opens it, durably (A13).

    Beside a vote, `secret` is what of others it stands on, as `pack_all` writes it: for a precommit
    that locks, the value's PROPOSE, q prevotes and what the value names; for the first message of a
    view that a timer led to, the q precommits that had started the timer.
    """

    message: Message
    secret: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send `message` to every other member of the committee."""

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerKey:
    """Names a timer: a round, a stage of it, which wait, and for votes the view."""

    round: int
    stage: Stage
    name: str
    view: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    """Let `key` come back as an event after `delay_ms` on the monotonic clock."""

    key: TimerKey
    delay_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Convict:
    """Two envelopes of one slot with different ids: evidence of equivocation (S4)."""

    first: Message
    second: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The instance decided `value` by `precommits` of one `view` (A8)."""

    stage: Stage
    view: int
    value: bytes
    precommits: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """Ask the others for these messages: something held names them (A11)."""

    ids: tuple[MessageId, ...]


AgreementEffect = Persist | Send | SetTimer | Convict | Decided | Want
