"""What a Byzantine member makes of its own messages: other ones for the same slot.

All of it is signed with its own key and well-formed, as the gate demands; what it says is not
what the member did.
"""

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.bodies import (
    Acceptance,
    Batch,
    Bundle,
    Commit,
    Opening,
    Packet,
    Propose,
    Report,
    Seal,
    Vote,
)
from consensus.envelope import VOTES, ZERO, Kind, MessageId
from consensus.ports import Message

from . import forgery
from .member import Mind, SimNode

if TYPE_CHECKING:
    from .swarm import Swarm

MEMORY = 300
"""Messages kept for replaying."""


class Shaper(SimNode):
    """A member with `habits`, its whims drawn from `rng`, who remembers what it saw and made."""

    honest = False

    def __init__(
        self,
        swarm: "Swarm",
        position: int,
        mind: Mind,
        *,
        habits: frozenset[str],
        rng: random.Random,
    ) -> None:
        super().__init__(swarm, position, mind)
        self.rng = rng
        self.habits = habits
        self._seen: list[Message] = []
        self._made: list[Message] = []

    def feels(self, habit: str) -> bool:
        """Whether to follow `habit` now."""
        restless = "restless" in self.habits and self.rng.random() < 0.25
        if habit not in self.habits and not restless:
            return False
        return self.swarm.choices.take(f"{habit} of {self.position},")

    def sign(self, like: Message, body: object) -> Message:
        """A message of the same slot as `like` with another body."""
        assert self.task is not None
        made = self.task.scribe.sign(like.ctx.round, like.ctx.stage, like.kind, body)  # type: ignore[arg-type]
        return replace(made, parts=like.parts if like.kind is Kind.BATCH else ())

    def variants(self, message: Message) -> list[Message]:
        """Two or three different messages for one slot."""
        task, rng, body = self.task, self.rng, message.body
        assert task is not None
        forms: list[Message] = [message]
        match body:
            case Acceptance():
                forms.append(self.sign(message, Acceptance(refusal="" if body.refusal else "no")))
            case Commit():
                forms.append(self.sign(message, Commit(commitment=rng.randbytes(32))))
                if not body.abstain:
                    forms.append(self.sign(message, Commit(commitment=bytes(32), abstain="tired")))
            case Batch():
                other = forgery.proposal(task, self.swarm.ring, rng)
                made = self.sign(message, Batch(entries=(other.envelope,)))
                forms += [replace(made, parts=(other,)), self.sign(message, Batch(entries=()))]
                forms[-1] = replace(forms[-1], parts=())
            case Seal():
                forms += [self.sign(message, Seal(hash=rng.randbytes(32))) for _ in range(2)]
            case Opening():
                forms += [self.odd_opening(message), self.odd_opening(message)]
            case Report():
                forms += [self.odd_report(message), self.odd_report(message)]
            case Vote():
                forms.append(self.sign(message, replace(body, value=self.any_value())))
                forms.append(self.sign(message, replace(body, value=ZERO)))
            case Propose():
                value = forgery.other_value(task, message.ctx.stage, rng)
                if value is not None:
                    forms.append(self.sign(message, replace(body, value=value)))
                forms.append(self.odd_propose(message))
            case _:
                pass
        distinct = {form.id: form for form in forms}
        forms = list(distinct.values())
        return forms[: rng.choice((2, 3))]

    def odd_notes(self, message: Message) -> Message:
        """A commit with notes of nobody's, or with none."""
        body = message.body
        assert isinstance(body, Commit)
        return self.sign(
            message, replace(body, notes=self.swarm.forged_notes(body.notes, self.rng))
        )

    def odd_report(self, message: Message) -> Message:
        """A REPORT that leaves ids out, or names what it should not."""
        body = message.body
        assert isinstance(body, Report)
        task, rng = self.task, self.rng
        assert task is not None
        known = [item.id for item in self._seen + self._made]
        extra: tuple[MessageId, ...] = ()
        match rng.randrange(6):
            case 0:
                kept = body.ids[1:]
            case 1:
                kept = ()
            case 2:
                kept, extra = body.ids, (MessageId(rng.randbytes(32)),)
            case 3:  # of another kind, stage or round
                content = [
                    item.id for item in self._seen if item.kind not in (*VOTES, Kind.PROPOSE)
                ]
                known = rng.choice((known, content)) or [MessageId(ZERO)]
                kept, extra = (
                    body.ids,
                    tuple(rng.sample(known, k=min(rng.randint(1, 3), len(known)))),
                )
            case 4:  # of its own slot, as often as it was filled
                own = [
                    item.id
                    for item in self._made
                    if item.ctx == message.ctx and item.kind is not Kind.REPORT
                ]
                kept, extra = body.ids, tuple(own)
            case _:
                kept, extra = (), tuple(MessageId(rng.randbytes(32)) for _ in range(128))
        ids = tuple(sorted({*kept, *extra}))[:128]
        tokens = rng.choice((0, 500, 2**53))
        claims = {"deadline": rng.random() < 0.5, "ms": rng.randrange(2**53), "tokens": tokens}
        return self.sign(message, Report(ids=ids, **claims))  # type: ignore[arg-type]

    def odd_opening(self, message: Message) -> Message:
        """An opening that does not open what was committed, in one way or another."""
        body = message.body
        assert isinstance(body, Opening)
        rng = self.rng
        other = rng.choice([*[item.id for item in self._seen], MessageId(rng.randbytes(32))])
        changed = rng.choice(
            (
                Opening(),
                replace(body, nonce=rng.randbytes(32)) if body.nonce else Opening(),
                replace(body, proposal=other) if body.nonce else Opening(),
                replace(body, alias_signature=rng.randbytes(64)) if body.nonce else Opening(),
                replace(body, salt=rng.randbytes(32)) if body.salt else Opening(),
                replace(body, salt=b"", ballot=None, ballot_bytes=b""),
            )
        )
        return self.sign(message, changed)

    def odd_propose(self, message: Message) -> Message:
        """A PROPOSE of a value that cannot be valid, or with a false valid view."""
        body = message.body
        assert isinstance(body, Propose)
        assert self.task is not None
        if body.view and self.rng.random() < 0.3:
            return self.sign(message, replace(body, valid_view=self.rng.randrange(body.view)))
        known = [item.id for item in self._seen]
        value = forgery.bad_value(self.task, message.ctx.stage, body.value, known, self.rng)
        return self.sign(message, replace(body, value=value))

    def odd_batch(self, message: Message) -> Message:
        """A BATCH that lacks proposals, or holds what nobody committed to."""
        task, rng = self.task, self.rng
        assert task is not None
        parts = [part for part in message.parts if rng.random() < 0.5]
        if rng.random() < 0.5 and len(parts) < task.quorum.n:
            parts.append(forgery.proposal(task, self.swarm.ring, rng))
        parts.sort(key=lambda part: part.id)
        made = self.sign(message, Batch(entries=tuple(part.envelope for part in parts)))
        return replace(made, parts=tuple(parts))

    def odd_passing(self, message: Message) -> Message | None:
        """What goes into the mix in place of a packet or bundle; None for nothing."""
        body, rng = message.body, self.rng
        if isinstance(body, Packet) and self.feels("odd_packets"):
            made = replace(body, box=rng.randbytes(len(body.box)))
            return self.sign(message, made) if rng.random() < 0.7 else None
        if isinstance(body, Bundle) and body.boxes and self.feels("odd_bundles"):
            boxes = [box for box in body.boxes if rng.random() < 0.6]
            if rng.random() < 0.5:
                boxes.append(rng.choice((body.boxes[0], rng.randbytes(len(body.boxes[0])))))
            made_bundle = Bundle(boxes=tuple(boxes[: len(self.swarm.nodes)]))
            return self.sign(message, made_bundle) if rng.random() < 0.7 else None
        return message

    def any_value(self) -> bytes:
        """The id of some value that was seen, nil, or of none."""
        votes = [item.body.value for item in self._seen if isinstance(item.body, Vote)]
        return self.rng.choice([*votes[-20:], ZERO, self.rng.randbytes(32)])

    def _remember(self, memory: list[Message], message: Message) -> None:
        memory.append(message)
        if len(memory) > MEMORY:
            del memory[: MEMORY // 3]
