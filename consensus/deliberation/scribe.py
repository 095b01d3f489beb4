"""A member's own messages: made once a slot, and from then on only repeated (rule A13).

What a message hides is stored with it: behind a commit the proposal's payload, behind a seal
the payload of the opening. So is what of others' it stands on, for nobody else may hold that:
behind a seal the proposals on its ballot, behind a REPORT what it names, behind a precommit all
that its value names. Keys, nonces and salts grow again from the task's one secret.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..bodies import Ballot, Body, Commit, Note, Opening, Proposal, Seal, Views
from ..envelope import VOTES, Ctx, Envelope, Kind, Stage, preimage, split_prefixed, unpack_all
from ..masking import RoundSecrets, alias_claim, commitment, seal
from ..ports import AliasKey, Message, Writer

SlotKey = tuple[int, Stage, Kind, int]
"""Round, stage, kind and view (0 for content): one envelope each, for ever."""

_OF_AGREEMENT = (*VOTES, Kind.PROPOSE)
"""Kinds that an instance of agreement stores; all others are a round's content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A stored message of one's own with the secret that opens it (empty if none does)."""

    message: Message
    secret: bytes = b""


def slot_of(message: Message) -> SlotKey:
    """The slot that `message` fills."""
    view = getattr(message.body, "view", 0)
    return (message.ctx.round, message.ctx.stage, message.kind, view)


class Scribe:
    """Signs this member's messages of one task.

    `base` is any ctx of the task, `secret` the task's 32 secret bytes, `kept` what was
    stored before a restart.
    """

    def __init__(
        self, *, writer: Writer, base: Ctx, secret: bytes, kept: tuple[Kept, ...] = ()
    ) -> None:
        self._writer = writer
        self._base = base
        self._secret = secret
        self._kept = {slot_of(item.message): item for item in kept}

    @property
    def public(self) -> bytes:
        """This member's identity."""
        return self._writer.public

    def ctx(self, round_: int, stage: Stage) -> Ctx:
        """The ctx of an instance of this task."""
        return replace(self._base, round=round_, stage=stage)

    def kept(self, round_: int, stage: Stage, kind: Kind, view: int = 0) -> Kept | None:
        """What stands in a content slot already; `view` is a packet's path."""
        return self._kept.get((round_, stage, kind, view))

    def votes(self, round_: int, stage: Stage) -> tuple[Message, ...]:
        """Stored votes and value proposals of an instance, to restore it from."""
        return tuple(item.message for item in self._voted(round_, stage))

    def proofs(self, round_: int, stage: Stage) -> tuple[Envelope, ...]:
        """The votes and value proposals that those stored of an instance stood on, beside each."""
        return tuple(
            envelope
            for item in self._voted(round_, stage)
            for envelope in unpack_all(item.secret)
            if envelope.kind in _OF_AGREEMENT
        )

    def grounds(self, round_: int) -> tuple[Envelope, ...]:
        """What of others' content this member's words of a round stand on, stored beside each."""
        found: list[Envelope] = []
        for key, item in sorted(self._kept.items()):
            if key[0] != round_:
                continue
            if key[2] is Kind.SEAL:
                found += unpack_all(split_prefixed(item.secret, 2)[1])
            elif key[2] is Kind.REPORT or key[2] in _OF_AGREEMENT:
                found += unpack_all(item.secret)
        return tuple(one for one in found if one.kind not in _OF_AGREEMENT)

    def _voted(self, round_: int, stage: Stage) -> Iterator[Kept]:
        """What is stored of an instance's votes and value proposals, in slot order."""
        for key, item in sorted(self._kept.items()):
            if key[:2] == (round_, stage) and key[2] in _OF_AGREEMENT:
                yield item

    def content(self, round_: int) -> tuple[Message, ...]:
        """Stored messages of a round that are not votes."""
        return tuple(
            item.message
            for key, item in sorted(self._kept.items())
            if key[0] == round_ and key[2] not in _OF_AGREEMENT
        )

    def sign(self, round_: int, stage: Stage, kind: Kind, body: Body) -> Message:
        """A message signed by the identity."""
        return self._signed(self.ctx(round_, stage), kind, body, self._writer)

    def _signed(self, ctx: Ctx, kind: Kind, body: Body, key: Writer | AliasKey) -> Message:
        packed, payload = ctx.pack(), self._writer.encode(body)
        to_sign = preimage(kind=kind, ctx=packed, signer=key.public, payload=payload)
        envelope = Envelope(
            kind=kind,
            ctx=packed,
            payload=payload,
            signer=key.public,
            signature=key.sign(to_sign),
        )
        return Message(envelope=envelope, kind=kind, ctx=ctx, body=body)

    def fill(self, round_: int, stage: Stage, kind: Kind, body: Body, secret: bytes) -> Kept:
        """Sign `body` into an empty slot."""
        item = Kept(message=self.sign(round_, stage, kind, body), secret=secret)
        self._kept[slot_of(item.message)] = item
        return item

    def shuffle_key(self, round_: int) -> bytes:
        """The secret key of this voter's orders and letters in a round (R5)."""
        return RoundSecrets.of(self._secret, round_).shuffle

    def mix_key(self, round_: int) -> bytes:
        """The secret key of this member's seals and of its bundle's order in a round (R3)."""
        return RoundSecrets.of(self._secret, round_).mix

    def proposal(self, round_: int, proposal: Proposal) -> Message:
        """`proposal` signed by the round's alias key (R2)."""
        alias = self._writer.alias(RoundSecrets.of(self._secret, round_).alias_seed)
        return self._signed(self.ctx(round_, Stage.EXCHANGE), Kind.PROPOSAL, proposal, alias)

    def commit(
        self, round_: int, proposal: Message, views: Views, notes: tuple[Note, ...] = ()
    ) -> Commit:
        """The commitment to an alias-signed proposal (R2), with what a commit carries beside it."""
        secrets = RoundSecrets.of(self._secret, round_)
        return Commit(
            commitment=commitment(
                self.ctx(round_, Stage.SLATE).pack(),
                self.public,
                proposal.signer,
                proposal.id,
                secrets.nonce,
            ),
            views=views,
            notes=notes,
        )

    def seal(self, round_: int, proposal: Message | None, ballot: Ballot) -> tuple[Seal, bytes]:
        """The seal over a ballot (R6), and the payload of the opening that will open it."""
        data = self._writer.encode(ballot)
        salt = RoundSecrets.of(self._secret, round_).salt
        ctx = self.ctx(round_, Stage.FREEZE).pack()
        claim = self.unsealed(round_, proposal)
        opening = replace(claim, ballot=ballot, ballot_bytes=data, salt=salt)
        return Seal(hash=seal(ctx, self.public, data, salt)), self._writer.encode(opening)

    def unsealed(self, round_: int, proposal: Message | None) -> Opening:
        """The alias part of an opening alone (R8): the alias key signs who its author is."""
        if proposal is None:
            return Opening()
        secrets = RoundSecrets.of(self._secret, round_)
        alias = self._writer.alias(secrets.alias_seed)
        ctx = self.ctx(round_, Stage.OUTCOME).pack()
        return Opening(
            alias=alias.public,
            alias_signature=alias.sign(alias_claim(ctx, self.public)),
            proposal=proposal.id,
            nonce=secrets.nonce,
        )
