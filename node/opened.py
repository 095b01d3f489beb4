"""Decided rounds, decoded: what was agreed on, what members opened, who had nothing to give.

All is read off a verdict that was verified before, or off a task that was decided here; nothing is
checked again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from consensus.bodies import Commit, Opening, Proposal
from consensus.deliberation.points import PointValue
from consensus.envelope import Kind, Stage
from consensus.ports import Message
from consensus.verdict.bundle import RoundBundle

from .wire import codec


def named(part: RoundBundle, *kinds: Kind) -> list[Message]:
    """The envelopes of these kinds that a round's values name, in the verdict's order.

    Raises `BodyError` or another `ValueError` if one of them is malformed.
    """
    reader = codec.reader()
    return [reader.checked(envelope) for envelope in part.named if envelope.kind in kinds]


def abstentions(messages: Iterable[Message]) -> Iterator[tuple[bytes, str, str]]:
    """Who drafted or judged nothing (R0): member, "draft" or "judge", and the reason it gave."""
    for message in messages:
        body = message.body
        if isinstance(body, Commit) and body.abstain:
            yield message.signer, "draft", body.abstain
        elif isinstance(body, Opening) and body.ballot is not None and body.ballot.abstain:
            yield message.signer, "judge", body.ballot.abstain


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRound:
    """A round with its outcome: `figures` as they were agreed on, `openings` that the outcome
    names by their member's key, and all `proposals` by id."""

    number: int
    figures: Mapping[str, Any]
    openings: Mapping[bytes, Opening]
    proposals: Mapping[bytes, Proposal]

    @classmethod
    def of(cls, number: int, value: PointValue, messages: Iterable[Message]) -> Self:
        """A round (from 1) from its decided outcome and the `messages` that its values name."""
        assert value.figures is not None
        counted, openings, proposals = frozenset(value.ids), {}, {}
        for message in messages:
            if isinstance(message.body, Opening) and message.id in counted:
                openings[bytes(message.signer)] = message.body
            elif isinstance(message.body, Proposal):
                proposals[bytes(message.id)] = message.body
        return cls(number=number, figures=value.figures, openings=openings, proposals=proposals)

    @classmethod
    def signed(cls, number: int, part: RoundBundle) -> Self:
        """A round of a verdict. Raises `BodyError`."""
        value = part.value(Stage.OUTCOME, number)
        return cls.of(number, value, named(part, Kind.OPENING, Kind.PROPOSAL))
