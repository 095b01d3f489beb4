"""How proposals reach the others between slate and judgment (rule R3).

`Direct` is the exchange of this version: every slate author signs one BATCH that holds its
own alias-signed proposal. It hides an author from the others' models but not from the wire,
and the verdict says `unmasked`. A mix replaces this class: it has other senders, packets
before batches, and no warning.
"""

from dataclasses import replace

from ..bodies import Batch
from ..envelope import Kind
from ..ports import Message, Reader

UNMASKED = "proposals travelled directly: the wire shows who wrote what"


class Direct:
    """One BATCH of one entry from each slate author."""

    entries = 1
    """Most proposals in one BATCH: one author's own."""
    warning = UNMASKED
    """What a verdict says first about this way of masking (E3)."""

    def senders(self, authors: frozenset[bytes]) -> frozenset[bytes]:
        """Members whose BATCH the exchange waits for, given the slate's authors."""
        return authors

    def batch(self, own: Message | None) -> Batch | None:
        """The BATCH this member owes, or None."""
        return None if own is None else Batch(entries=(own.envelope,))


def whole(message: Message, reader: Reader) -> Message:
    """A stored BATCH with its proposals, read again: they were checked when it was signed."""
    if not isinstance(message.body, Batch):
        return message
    parts = tuple(
        Message(
            envelope=entry,
            kind=Kind.PROPOSAL,
            ctx=message.ctx,
            body=reader.decode(Kind.PROPOSAL, entry.payload),
        )
        for entry in message.body.entries
    )
    return replace(message, parts=parts)
