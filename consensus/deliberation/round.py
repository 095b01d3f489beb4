"""What a member holds of one round, and who has said what in it (rules V1a, R0, T2).

Only verified messages of this round come in. Everything here is bounded: two envelopes a
slot (the second makes the evidence), and the instances bound their own votes (A9, A12).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from ..agreement.instance import Instance
from ..bodies import Report
from ..committee import MAX_MEMBERS
from ..envelope import POINTS, Kind, MessageId, Stage
from ..ports import Message
from .effects import PointRecord
from .points import CONTENT, PointValue, closure, overfull

SLOT_CAP = 2
"""Envelopes kept of one slot unasked: two different ids are evidence. A third is kept only
where a REPORT or a proposed value names it, else an equivocator could fill the slot here and
have others' honest REPORTs wait in the pen for ever. No value names a BATCH."""

PREFIX = 8
"""Bytes of a message id in a digest: 64 bits tell the few thousand ids of a round apart."""


class RoundState:
    """One round's messages, its three instances of agreement and its decided points."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.instances: dict[Stage, Instance] = {}
        self.points: dict[Stage, PointRecord] = {}
        self.values: dict[Stage, PointValue] = {}
        self.expired: set[tuple[Stage, str]] = set()
        self.decided_at: dict[Stage, int] = {}
        self.settled: set[Stage] = set()
        self.stored: set[MessageId] = set()
        """Others' content that this life stored with a lock (A13)."""
        self._slots: dict[tuple[Kind, Stage], dict[bytes, list[Message]]] = {}
        self._held: dict[MessageId, Message] = {}
        self._parts: dict[MessageId, Message] = {}
        self._pen: dict[MessageId, Message] = {}
        self._needed: set[MessageId] = set()
        self._passing: dict[tuple[Kind, int], dict[bytes, Message]] = {}

    def need(self, ids: Iterable[MessageId]) -> tuple[MessageId, ...]:
        """A proposed value names these ids: they are kept whatever else fills their slot.

        Returns those that were not known to be needed.
        """
        fresh = tuple(item for item in ids if item not in self._needed)
        self._needed.update(fresh)
        return fresh

    def keep(self, message: Message) -> tuple[bool, Message | None]:
        """Hold a content message or REPORT. Returns (is new, earlier one of its slot)."""
        slots = self._slots.setdefault((message.kind, message.ctx.stage), {})
        earlier = slots.setdefault(message.signer, [])
        if any(other.id == message.id for other in earlier):
            return False, None
        named = message.id in self._needed and message.kind is not Kind.BATCH
        if len(earlier) >= SLOT_CAP and not named:
            return False, None
        earlier.append(message)
        if message.kind is Kind.REPORT and self.waits(message):
            self._pen[message.id] = message  # V1a: waits until all it names is held
        else:
            self._held[message.id] = message
        for part in message.parts:
            self._parts.setdefault(part.id, part)
        return True, earlier[0] if len(earlier) > 1 else None

    def pass_on(self, message: Message) -> bool:
        """Hold a packet or bundle for this member alone (R3): the first of its slot counts."""
        slot = (message.kind, getattr(message.body, "view", 0))
        there = self._passing.setdefault(slot, {})
        return there.setdefault(message.signer, message) is message

    def let_pass(self, which: Callable[[Message], bool]) -> None:
        """Hold no packets and bundles but those that `which` is true of."""
        for there in self._passing.values():
            for signer in [signer for signer, held in there.items() if not which(held)]:
                del there[signer]

    def passing(self, kind: Kind, view: int) -> Mapping[bytes, Message]:
        """Signer to the packet or bundle held of it."""
        return self._passing.get((kind, view), {})

    def passed_by(self, member: bytes) -> list[Message]:
        """What `member` handed to this one alone."""
        return [held[member] for held in self._passing.values() if member in held]

    def keep_part(self, proposal: Message) -> bool:
        """Hold a proposal that came alone because something held names it (V4)."""
        if proposal.id in self._parts or proposal.id not in self._needed:
            return False
        self._parts[proposal.id] = proposal
        return True

    def unpen(self) -> bool:
        """Move REPORTs out of the pen whose every named envelope is held now (V1a)."""
        ready = [report for report in self._pen.values() if not self.waits(report)]
        for report in ready:
            del self._pen[report.id]
            self._held[report.id] = report
        return bool(ready)

    def penned(self) -> tuple[Message, ...]:
        """REPORTs that wait for what they name (V1a)."""
        return tuple(self._pen.values())

    def waits(self, report: Message) -> bool:
        """Whether a REPORT has its place in the pen: something that it names is not held, or it
        names three envelopes of one slot, and then it never leaves."""
        assert isinstance(report.body, Report)
        return bool(self.absent_of(report)) or overfull(report.body, self.lookup)

    def absent_of(self, report: Message) -> tuple[MessageId, ...]:
        """Ids that a REPORT names and that are not held as content of its point.

        A REPORT that names anything else stays in the pen for ever: with it, the value of an
        honest proposer would be invalid (V2).
        """
        assert isinstance(report.body, Report)
        kind = CONTENT[report.ctx.stage]
        held = ((item, self._held.get(item)) for item in report.body.ids)
        return tuple(item for item, there in held if there is None or there.kind is not kind)

    def wanted(self) -> tuple[MessageId, ...]:
        """Every id that something held names and that is not held (A11, V1a)."""
        missing = (item for item in self._needed if item not in self._pen)
        return tuple(sorted(item for item in missing if self.lookup(item) is None))

    def absent(self, stage: Stage) -> tuple[MessageId, ...]:
        """What a decided point names and is not held yet."""
        named = self.named(stage)
        return tuple(item for item in named if self.lookup(item) is None)

    def named(self, stage: Stage) -> tuple[MessageId, ...]:
        """Every id a decided point stands on (E1)."""
        return closure(self.values[stage], self.lookup)

    def lookup(self, item: MessageId) -> Message | None:
        """A held message or proposal by id; a REPORT in the pen is not held (V1a)."""
        return self._held.get(item) or self._parts.get(item)

    def holds(self, item: MessageId) -> bool:
        """Whether anything with this id is kept, in the pen and among the votes too."""
        known = item in self._held or item in self._parts or item in self._pen
        known = known or any(m.id == item for h in self._passing.values() for m in h.values())
        return known or any(instance.holds(item) for instance in self.instances.values())

    def content(self, kind: Kind, stage: Stage) -> Mapping[bytes, list[Message]]:
        """Member to the envelopes held in its slot, first arrival first."""
        return self._slots.get((kind, stage), {})

    def reports(self, stage: Stage) -> list[Message]:
        """REPORTs of a point that are out of the pen, by signer and arrival."""
        return [
            report
            for messages in self.content(Kind.REPORT, stage).values()
            for report in messages
            if report.id in self._held
        ]

    def proposals(self, senders: Iterable[bytes]) -> dict[MessageId, Message]:
        """The proposals on the table, by id: those in the first BATCH of each of `senders`.

        A second BATCH would give an equivocator's model two voices here, and what came alone
        was asked for to check a value (V4): whoever is named in a REPORT is not on the table.
        Of more than a ballot can list, which takes faulty exits that make proposals up, those in
        the most BATCHes: every good path brings each that was committed to.
        """
        batches = self.content(Kind.BATCH, Stage.EXCHANGE)
        found: dict[MessageId, Message] = {}
        count: Counter[MessageId] = Counter()
        for sender in senders:
            for batch in batches.get(sender, ())[:1]:
                found |= {part.id: part for part in batch.parts}
                count.update(part.id for part in batch.parts)
        if len(found) <= MAX_MEMBERS:
            return found
        ranked = sorted(found, key=lambda item: (-count[item], item))
        return {item: found[item] for item in ranked[:MAX_MEMBERS]}

    def waiting(self) -> list[Message]:
        """PROPOSEs of points that have not begun here: held, and not yet relayed."""
        return [message for point in self.instances.values() for message in point.waiting()]

    def relayed(self) -> list[Message]:
        """What may be pushed to others: all of it, conflicting votes included (T2)."""
        votes = [
            message
            for stage in POINTS
            if stage in self.instances
            for message in self.instances[stage].messages()
        ]
        return list(self._held.values()) + votes


def lacking(messages: Iterable[Message], prefixes: frozenset[bytes]) -> list[Message]:
    """The messages whose id no prefix covers."""
    return [message for message in messages if message.id[:PREFIX] not in prefixes]
