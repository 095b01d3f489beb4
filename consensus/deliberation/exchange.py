"""How proposals reach the others between slate and judgment (rules R3, R3a).

With four members or more they pass a mix. Each slate author hands every entry a sealed packet;
an entry opens the outer seal and hands its exit one shuffled bundle; an exit opens the inner
seal, checks, and sends everybody one BATCH. With fewer there is nobody to hide among, and
each author's BATCH holds its own proposal.

A member does its duties in any order that the network gives, each once: what it signed is
stored and sent again after a restart (A13).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..agreement.instance import value_id
from ..bodies import Batch, BodyError, Bundle, Packet
from ..envelope import Envelope, Kind, MessageId, Stage
from ..masking import Path, path_count, paths, shuffled
from ..ports import Message, Reader
from .effects import Peel, Peeled, Unwrap, Unwrapped, Wrap, Wrapped
from .round import RoundState

if TYPE_CHECKING:
    from .task import Task

ENTRY_SHARE = 40
"""Percent of the exchange's deadline after which an entry passes on what it has (R0): late
enough for one digest to bring a lost packet, early enough for the exit's own deadline."""

EXIT_SHARE = 80
"""Percent of it after which an exit without a bundle sends an empty BATCH, if another path brought
something; else it waits to the end of the deadline."""


class Exchange:
    """One member's duties in the exchange of one task."""

    def __init__(self, task: "Task") -> None:
        self._task = task
        self._asked: set[tuple[int, Kind]] = set()
        self._ways: dict[int, tuple[Path, ...]] = {}
        self.mixes = path_count(task.quorum) > 0
        """Whether this committee has a mix."""

    def most(self) -> int:
        """Most proposals in one BATCH (T3)."""
        return self._task.quorum.n if self.mixes else 1

    def paths(self, state: RoundState) -> tuple[Path, ...]:
        """The paths of a round, none before its slate is decided."""
        if state.number not in self._ways:
            point = state.points.get(Stage.SLATE)
            if point is None:
                return ()
            self._ways[state.number] = paths(self._task.committee, value_id(point.value))
        return self._ways[state.number]

    def senders(self, state: RoundState) -> frozenset[bytes]:
        """Members whose BATCH the exchange waits for and reads."""
        if not self.mixes:
            return self._task.desk.authors(state)
        return frozenset(path.exit for path in self.paths(state))

    def awaits(self, message: Message) -> bool:
        """T3: whether a packet or bundle is for this member; unknown while no path is drawn.

        Whatever else somebody hands it would only fill its memory.
        """
        ways, me = self.paths(self._task.round), self._task.me
        if isinstance(message.body, Packet):
            count = path_count(self._task.quorum)
            at = message.body.path
            return at < count and (not ways or ways[at].entry == me)
        given = (path.exit == me and path.entry == message.signer for path in ways)
        return not ways or any(given)

    # -- duties -----------------------------------------------------------------------

    def enter(self, own: Message | None, deadline_ms: int) -> None:
        """The slate holds this member's commit to `own`, or None: do what it owes (R2a)."""
        task = self._task
        if not self.mixes:
            if own is not None:
                task.submit(
                    Stage.EXCHANGE, Kind.BATCH, Batch(entries=(own.envelope,)), parts=(own,)
                )
            return
        task.round.let_pass(self.awaits)  # what came before the paths were drawn
        task.set_timer(Stage.EXCHANGE, "entry", deadline_ms * ENTRY_SHARE // 100)
        task.set_timer(Stage.EXCHANGE, "exit", deadline_ms * EXIT_SHARE // 100)
        number, ways = task.round.number, self.paths(task.round)
        for kind in (Kind.PACKET, Kind.BUNDLE, Kind.BATCH):  # A13: an earlier life's words
            for view in range(len(ways) if kind is Kind.PACKET else 1):
                kept = task.scribe.kept(number, Stage.EXCHANGE, kind, view)
                if kept is not None:
                    body = kept.message.body
                    parts = whole(kept.message, task.reader).parts
                    task.submit(Stage.EXCHANGE, kind, body, parts=parts, to=self.goal(kept.message))
        packed = all(
            task.scribe.kept(number, Stage.EXCHANGE, Kind.PACKET, view) for view in range(len(ways))
        )
        if own is not None and not packed:
            task.out.append(
                Wrap(round=number, proposal=own.envelope, paths=ways, secret=self._secret())
            )

    def wrapped(self, event: Wrapped) -> None:
        """Send each entry its packet."""
        task = self._task
        if not self._current(event.round):
            return
        for view, (path, box) in enumerate(zip(self.paths(task.round), event.boxes, strict=True)):
            task.submit(Stage.EXCHANGE, Kind.PACKET, Packet(path=view, box=box), to=path.entry)

    def advance(self) -> None:
        """See whether this member, as an entry or an exit, has what it waits for."""
        task, state = self._task, self._task.round
        if not self.mixes or not task.active:
            return
        for view, path in enumerate(self.paths(state)):
            if path.entry == task.me and self._owes(Kind.BUNDLE):
                there = state.passing(Kind.PACKET, view)
                authors = task.desk.authors(state)
                # Not only of those whose link is up: one that has just come back and has a
                # single link yet would pass on that member's packet and lose all others' (R3).
                if authors <= there.keys() or (Stage.EXCHANGE, "entry") in state.expired:
                    self._asked.add((state.number, Kind.BUNDLE))
                    boxes = _boxes(there, authors)
                    task.out.append(Peel(round=state.number, boxes=boxes))
            if path.exit == task.me and self._owes(Kind.BATCH):
                bundle = state.passing(Kind.BUNDLE, 0).get(path.entry)
                # One whose link is down may be on its way back: it gets as long as an entry, and
                # while nothing came by any path, all the time there is.
                last = "exit" if path.entry in task.up else "entry"
                if not state.proposals(self.senders(state)):
                    last = "close"
                if bundle is not None or (Stage.EXCHANGE, last) in state.expired:
                    self._asked.add((state.number, Kind.BATCH))
                    sealed = bundle.body.boxes if bundle and isinstance(bundle.body, Bundle) else ()
                    task.out.append(Unwrap(round=state.number, boxes=sealed[: task.quorum.n]))

    def closed(self) -> bool:
        """R0: a BATCH from every exit, or their deadline. While none brought anything there is
        nothing to judge, and a path can still come back to life."""
        task, state = self._task, self._task.round
        if self.mixes and not task.desk.authors(state):
            return True  # nobody has anything to hand over
        batches = state.content(Kind.BATCH, Stage.EXCHANGE)
        senders = self.senders(state)
        done = set(batches) | (set(task.committee.members) - senders)
        empty = not state.proposals(senders) and not senders <= set(batches)
        late = (Stage.EXCHANGE, "close") in state.expired
        return task.everyone(Stage.EXCHANGE, done) and (late or not (self.mixes and empty))

    def peeled(self, event: Peeled) -> None:
        """Send the exit one bundle, in an order that nobody else can know."""
        task = self._task
        if self._current(event.round):
            exit_ = next(path.exit for path in self.paths(task.round) if path.entry == task.me)
            boxes = shuffled(sorted(event.boxes), self._secret())
            task.submit(Stage.EXCHANGE, Kind.BUNDLE, Bundle(boxes=boxes), to=exit_)

    def unwrapped(self, event: Unwrapped) -> None:
        """Send everybody what came through, sorted by id."""
        task = self._task
        if self._current(event.round):
            found: dict[MessageId, Message] = {}
            for envelope in event.envelopes:
                message = self._checked(envelope)
                if message is not None:
                    found[message.id] = message
            parts = tuple(found[item] for item in sorted(found))
            body = Batch(entries=tuple(part.envelope for part in parts))
            task.submit(Stage.EXCHANGE, Kind.BATCH, body, parts=parts)

    def goal(self, message: Message) -> bytes | None:
        """The one member that may see a packet or bundle; None for what all may see."""
        state = next(s for s in self._task.rounds if s.number == message.ctx.round)
        ways = self.paths(state)
        if isinstance(message.body, Packet):
            return ways[message.body.path].entry if message.body.path < len(ways) else None
        if message.kind is Kind.BUNDLE:
            return next((path.exit for path in ways if path.entry == message.signer), None)
        return None

    # -- internals --------------------------------------------------------------------

    def _owes(self, kind: Kind) -> bool:
        number = self._task.round.number
        if (number, kind) in self._asked:
            return False
        return self._task.scribe.kept(number, Stage.EXCHANGE, kind) is None

    def _current(self, round_: int) -> bool:
        task = self._task
        return task.active and bool(task.rounds) and round_ == task.round.number

    def _secret(self) -> bytes:
        return self._task.scribe.mix_key(self._task.round.number)

    def _checked(self, envelope: Envelope) -> Message | None:
        """A proposal of this round by a key that is no member's, or None."""
        task = self._task
        ctx = task.scribe.ctx(task.round.number, Stage.EXCHANGE)
        fits = (
            envelope.kind == Kind.PROPOSAL
            and envelope.ctx == ctx.pack()
            and task.committee.position(envelope.signer) is None
            and len(envelope.payload) <= task.policy.proposal_bytes
        )
        verify = task.reader.verify
        if not fits or not verify(envelope.signer, envelope.preimage, envelope.signature):
            return None
        try:
            body = task.reader.decode(Kind.PROPOSAL, envelope.payload)
        except BodyError:
            return None
        return Message(envelope=envelope, kind=Kind.PROPOSAL, ctx=ctx, body=body)


def _boxes(packets: Mapping[bytes, Message], authors: frozenset[bytes]) -> tuple[bytes, ...]:
    """The box of each slate author's first packet."""
    bodies = [packets[author].body for author in sorted(authors & packets.keys())]
    return tuple(body.box for body in bodies if isinstance(body, Packet))


def whole(message: Message, reader: Reader) -> Message:
    """A stored BATCH with its proposals, read again: they were checked when it was signed."""
    if not isinstance(message.body, Batch):
        return message
    return replace(message, parts=tuple(map(reader.checked, message.body.entries)))
