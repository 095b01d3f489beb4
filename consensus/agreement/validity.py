"""The answer of a validity function: yes, no and why, or not yet (rules V, A11)."""

from dataclasses import dataclass

from ..envelope import MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Valid:
    """The value follows from what it carries, and every named byte is in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """The value breaks `rule`; `text` says how, `message` names the envelope if one does."""

    rule: str
    text: str
    message: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Bytes are missing: validity is not known yet (A11)."""

    ids: tuple[MessageId, ...]


Validity = Valid | Invalid | Pending
