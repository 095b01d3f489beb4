"""The queue that feeds the core and carries its effects out.

One tick drains what has come in through the core, makes every `Persist` of it durable in one
commit, and only then sends (rule A13). A commit that fails stops the node: it must not sign
what it could not store.

The queue is one of accounts (`fair`), a task's being its opener's, and a tick takes so long and
no longer: what somebody's hundred tasks ask for waits while others' one is served (T3).
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from consensus.agreement.effects import Convict, Persist, Send, SetTimer, TimerKey, Want
from consensus.bodies import Speaker
from consensus.committee import Committee
from consensus.deliberation.effects import (
    Behind,
    Draft,
    Effect,
    Expire,
    Finish,
    GiveUp,
    Judge,
    Links,
    Peel,
    Peeled,
    Progress,
    Receive,
    Release,
    Reply,
    Unwrap,
    Unwrapped,
    Wrap,
    Wrapped,
)
from consensus.deliberation.effects import (
    Event as CoreEvent,
)
from consensus.envelope import Envelope, Kind, TaskId
from consensus.ports import Reader, Writer
from reputation import Scoring
from reputation.digests import Summary

from .archive import Archive
from .clock import Clock, monotonic_ms
from .complaints import Complaints
from .consult import Consultant
from .entrance import Entrance
from .entropy import Entropy
from .evidence import EvidenceShelf
from .fair import FairQueue
from .intake import Intake
from .ledger import Ledger
from .live import Live
from .log import get_logger
from .models.base import Model
from .notes import Notes
from .observe.observers import Observers
from .release import Releases
from .sharing import Sharing
from .store.contract import Store, StoreError
from .store.records import (
    Batch,
    Closed,
    FactRow,
    NoteRow,
    Slot,
    TaskRow,
    TaskState,
    VerdictRow,
)
from .sync import Sync
from .twin import TwinWatch
from .verdicts import Verdicts
from .wire import toll
from .wire.admission import Code, Gate, Refusal
from .wire.frames import FetchRequest, Frame, envelope_size
from .wire.ledger import ProvenFact
from .wire.mix import Sealer
from .wire.watch import Event

log = get_logger("runner")

FREE = 32
"""Messages of a task for each member and round that one member may bring and relay for nothing:
twice what a round of two views has. Past it each is handled still, and counted against it (T3)."""


TURN_MS = 20
"""How long the core is stepped before what came of it is stored and sent, and the links are read:
a few times what a commit takes, so that a full queue is not slower for it."""
BACKLOG = 4 << 20
"""Bytes of messages that may wait for a next turn. Past it the turn goes on, and no link is read
meanwhile, so that a queue holds this and what one reading of each link brings (T3)."""
EVENT = 256
"""Bytes that a queued event is counted as, beside those of a message in it."""

Step = Callable[[Live], list[Effect]]


class Peers(Protocol):
    """What the runner needs of the mesh."""

    @property
    def up(self) -> Iterable[bytes]:
        """Members whose link is up."""
        ...

    def send(self, member: bytes, frame: Frame) -> None:
        """Queue a frame for a member; never blocks."""
        ...

    def fetch(self, member: bytes, request: FetchRequest) -> AsyncIterator[Envelope]:
        """Envelopes from a member, apart from the link."""
        ...

    async def summarise(self, member: bytes, prefix: bytes) -> Summary:
        """What a member's ledger holds below a prefix."""
        ...

    def facts(self, member: bytes, ids: tuple[bytes, ...]) -> AsyncIterator[ProvenFact]:
        """Facts from a member, not yet checked."""
        ...


@dataclass(kw_only=True)
class Tick:
    """What one turn of the queue came to: what to store, then what to do."""

    tasks: list[TaskRow] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    verdicts: list[VerdictRow] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    facts: list[FactRow] = field(default_factory=list)
    notes: list[NoteRow] = field(default_factory=list)
    acts: list[Callable[[], None]] = field(default_factory=list)

    def batch(self) -> Batch:
        """What is to be stored, as one commit."""
        return Batch(
            tasks=tuple(self.tasks),
            slots=tuple(self.slots),
            verdicts=tuple(self.verdicts),
            closed=tuple(self.closed),
            facts=tuple(self.facts),
            notes=tuple(self.notes),
        )


class Runner:
    """All tasks of one node. Everything but `run` and the model calls is synchronous."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        intake: Intake,
        store: Store,
        sealer: Sealer,
        model: Model,
        model_calls: int,
        clock: Clock,
        entropy: Entropy,
        shelf: EvidenceShelf,
        scoring: Scoring,
    ) -> None:
        self.me = writer.public
        self.intake = intake
        self.federation = intake.federation
        self.live: dict[bytes, Live] = {}
        self.archive = Archive(store)
        self.gate = Gate(
            network=self.federation.network,
            task=self._committee,
            reader=reader,
            speakers=self._speakers,
        )
        self.sync = Sync(self)
        self.ledger = Ledger(me=self.me, federation=self.federation, scoring=scoring)
        self.releases = Releases(
            ledger=self.ledger,
            archive=self.archive,
            store=store,
            federation=self.federation,
            clock=clock,
        )
        self.notes = Notes(self)
        self.sharing = Sharing(self, self.ledger, store)
        self.observers = Observers(clock)
        self.figures = self.observers.figures
        self.verdicts = Verdicts(self, clock)
        self.consultant = Consultant(model, model_calls, self.step, clock, self.observers)
        self.entrance = Entrance(
            self, reader=reader, writer=writer, store=store, clock=clock, entropy=entropy
        )
        self.useless: defaultdict[bytes, float] = defaultdict(float)
        self.peers: Peers | None = None
        self.failure: StoreError | None = None
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._shelf = shelf
        self._queue: FairQueue[tuple[bytes, Step]] = FairQueue()
        self.tick = Tick()
        self._wake = asyncio.Event()
        self._out: dict[bytes, list[Envelope]] = {}
        self._rtt: dict[bytes, int] = {}
        self._complaints = Complaints(lambda: self.now)
        self.twin = TwinWatch(self.me, lambda: self.now)

    # -- the loop ---------------------------------------------------------------------

    async def run(self) -> None:
        """Turn the queue until cancelled. Raises `StoreError` when storing fails (A13)."""
        sync = asyncio.create_task(self.sync.run())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._turn()
        except StoreError as error:
            self.failure = error
            log.critical("storage failed; this node signs nothing more", reason=str(error))
            raise
        finally:
            sync.cancel()
            self.sync.lookups.cancel()
            self.sync.fetches.cancel()
            self.sharing.stop()
            for live in self.live.values():
                live.cancel()

    async def _turn(self) -> None:
        end = self._clock.monotonic_ns() + TURN_MS * 1_000_000
        while self._queue:
            account, (task_id, step) = self._queue.take()
            live = self.live.get(task_id)
            if live is not None:
                with self._on(account):
                    self._advance(live, step)
            if self._clock.monotonic_ns() >= end and self._queue.weight <= BACKLOG:
                break
        tick, self.tick = self.tick, Tick()
        batch = tick.batch()
        if batch:
            await self._store.commit(batch)
        for act in tick.acts:
            act()
        self._flush()
        if self._queue:
            self._wake.set()
            await asyncio.sleep(0)  # links and calls are heard meanwhile

    @contextmanager
    def _on(self, account: bytes) -> Iterator[None]:
        """Whatever is done inside is on this account."""
        began = self._clock.monotonic_ns()
        try:
            yield
        finally:
            self._queue.charge(account, self._clock.monotonic_ns() - began)

    def _advance(self, live: Live, step: Step) -> None:
        try:
            effects = step(live)
            self._look(live)
            self._collect(live, effects)
            self.sync.stepped(live)
        except Exception:
            # A fault of ours in one task must not stop the others, and this one signs no more.
            log.exception("internal error; the task is dropped", task=live.task.id.hex()[:8])
            self.entrance.drop(live)

    def _look(self, live: Live) -> None:
        """Tell whoever watches if a task is at another place than before."""
        at = len(live.task.rounds), live.task.phase
        if at != live.at and not live.task.over:
            live.at = at
            self.observers.entered(live.task.id, at[0], at[1].name.lower())

    def begin(self, task_id: bytes) -> None:
        """Queue the first step of a task."""
        self._put(task_id, lambda live: live.task.begin(self.now))

    def step(self, task_id: bytes, event: CoreEvent) -> None:
        """Queue one event for a task."""
        size = envelope_size(event.message.envelope) if isinstance(event, Receive) else 0
        self._put(task_id, lambda live: live.task.step(event, self.now), size)

    def _put(self, task_id: bytes, step: Step, size: int = 0) -> None:
        live = self.live.get(task_id)
        if live is not None:
            self._queue.put(live.account, (task_id, step), EVENT + size)
        self._wake.set()

    @property
    def now(self) -> int:
        """The monotonic clock in milliseconds."""
        return monotonic_ms(self._clock)

    @property
    def waiting(self) -> int:
        """Events that wait for the core."""
        return len(self._queue)

    # -- effects ----------------------------------------------------------------------

    def _collect(self, live: Live, effects: Iterable[Effect]) -> None:
        """Sort a task's effects into what is stored first and what is done after, in order."""
        for effect in effects:
            match effect:
                case Persist():
                    slot = Slot.of(effect.message.envelope, effect.secret)
                    self.tick.slots.append(slot)
                    self.figures.signed[effect.message.kind.name.lower()] += 1
                case Finish():
                    self.verdicts.finish(live, effect)
                case _:
                    self.tick.acts.append(partial(self._do, live, effect))

    def _do(self, live: Live, effect: Effect) -> None:
        """Carry out an effect that stores nothing."""
        with self._on(live.account):
            self._carry_out(live, effect)

    def _carry_out(self, live: Live, effect: Effect) -> None:
        match effect:
            case Send():
                self.send_all(live, effect.message.envelope)
            case Reply():
                for message in effect.messages:
                    self.send(effect.member, message.envelope, live)
            case SetTimer():
                self._set_timer(live, effect.key, effect.delay_ms)
            case Draft() | Judge():
                self.consultant.ask(live, effect)
            case Release():
                for call in live.calls:
                    call.cancel()
            case Wrap():
                size = live.task.policy.proposal_bytes
                boxes = self._sealer.wrap(effect.proposal, effect.paths, effect.secret, size)
                self.step(live.task.id, Wrapped(round=effect.round, boxes=boxes))
            case Peel():
                inner = self._sealer.peel(effect.boxes, live.task.policy.proposal_bytes)
                self.step(live.task.id, Peeled(round=effect.round, boxes=inner))
            case Unwrap():
                found = self._sealer.unwrap(effect.boxes, live.task.policy.proposal_bytes)
                self.step(live.task.id, Unwrapped(round=effect.round, envelopes=found))
            case Want():
                self.sync.seek(live, effect.ids)
            case Behind():
                self.sync.digest_to(live, effect.member)
            case Progress():
                self._progress(live, effect)
            case Convict():
                self._convict(live, effect)
            case GiveUp():
                self.entrance.close(live, TaskState.REFUSED, effect.reason)
            case Persist() | Finish():
                raise AssertionError("sorted out before")

    def send_all(self, live: Live, envelope: Envelope) -> None:
        """Send an envelope of a task to every other member of its committee."""
        up = self.up
        for member in live.task.committee.members:
            if member in up:
                self._post(member, envelope, live)

    def send(self, member: bytes, envelope: Envelope, live: Live | None = None) -> None:
        """Put an envelope into the frame that this turn sends to `member`, if it has a link."""
        if member in self.up:
            self._post(member, envelope, live)

    def _post(self, member: bytes, envelope: Envelope, live: Live | None) -> None:
        self._out.setdefault(member, []).append(envelope)
        if live is not None:
            live.traffic.sent += 1
            live.traffic.sent_bytes += envelope_size(envelope)
        self._wake.set()

    @property
    def up(self) -> frozenset[bytes]:
        """The members whose link is up; none other is ever sent anything."""
        return frozenset(self.peers.up if self.peers is not None else ())

    def _flush(self) -> None:
        out, self._out = self._out, {}
        if self.peers is not None:
            for member, envelopes in out.items():
                self.peers.send(member, self.sync.framed(envelopes))

    def _set_timer(self, live: Live, key: TimerKey, delay_ms: int) -> None:
        earlier = live.timers.pop(key, None)
        if earlier is not None:
            earlier.cancel()
        loop = asyncio.get_running_loop()

        def expire() -> None:
            live.timers.pop(key, None)
            self.step(live.task.id, Expire(key=key))

        live.timers[key] = loop.call_later(delay_ms / 1_000, expire)

    def _progress(self, live: Live, effect: Progress) -> None:
        event = Event(task=live.task.id, round=effect.round, kind=effect.what, detail=effect.detail)
        live.watchers.tell(event)
        if effect.what == "view":
            self.observers.view_lost(live.task.id, effect.detail["point"])
        log.debug(
            effect.what,
            task=live.task.id.hex()[:8],
            round=effect.round,
            **{
                key: value
                for key, value in effect.detail.items()
                if isinstance(value, str | int) and value != ""
            },
        )

    def _convict(self, live: Live, effect: Convict) -> None:
        self.twin.convicted(live.task, effect.second)
        pair = effect.first.envelope, effect.second.envelope
        path = self._shelf.keep(*pair)
        self.sharing.append(self.ledger.convict(*pair))
        known = self.federation.member(effect.first.signer)
        self.figures.equivocations["other" if known is None else known.name] += 1
        log.warning(
            "equivocation",
            task=live.task.id.hex()[:8],
            round=effect.first.ctx.round,
            member=self.federation.label(effect.first.signer),
            what=effect.first.kind.name.lower(),
            evidence=path,
        )

    # -- what comes in ----------------------------------------------------------------

    def receive(self, envelope: Envelope, source: bytes) -> None:
        """An envelope from a peer: through the gate, then to its task."""
        task_id = envelope.ctx[64:96]
        live = self.live.get(task_id)
        if live is not None and live.task.committee.position(source) is None:
            self.gate.refusals[Code.NOT_A_MEMBER] += 1
            self.complain(source, Code.NOT_A_MEMBER, "it sends messages of others' task")
            return
        if envelope.kind == Kind.TASK_OPEN and self.knows(envelope.id):
            return  # each member that takes part may tell it, and its id covers all that is signed
        if envelope.kind == Kind.TASK_OPEN and self.sync.declined(envelope.id, source):
            self.gate.refusals[Code.OVER_QUOTA] += 1
            self.complain(source, Code.OVER_QUOTA, "a task gets no answer: it got none just now")
            return
        if live is not None and envelope.kind <= max(Kind):
            if live.task.holds(envelope.id):
                return
            live.traffic.received += 1
            live.traffic.received_bytes += envelope_size(envelope)
        asked = (
            live is not None
            and envelope.kind == Kind.PROPOSAL
            and envelope.id in live.task.wanted()
        )
        with self._on(live.account) if live is not None else nullcontext():
            admitted = self.gate.admit(envelope, asked=asked)
        if isinstance(admitted, Refusal):
            if admitted.code is Code.UNKNOWN_TASK:
                self._complaints.count(self.federation.label(source), admitted.code)
                self.useless[source] += toll.UNKNOWN
                self.sync.stranger(task_id, source)
            else:
                self.complain(source, admitted.code, admitted.text)
        elif admitted.kind is Kind.TASK_OPEN:
            self.entrance.offered(admitted, source)
        elif live is not None:
            live.news_ms = self.now
            self.figures.received[admitted.kind.name.lower()] += 1
            self.twin.received(live.task, admitted)
            live.heard[source] += 1
            if live.heard[source] > FREE * live.task.quorum.n * live.task.policy.rounds:
                self.useless[source] += toll.REFUSED
            self.step(task_id, Receive(message=admitted, source=source))
        else:  # A14: the task is over, and its sender may not know
            self.sync.stranger(task_id, source)

    def knows(self, task: bytes) -> bool:
        """Whether a task was taken up here, or is over (S7)."""
        return task in self.live or self.archive.knows(task)

    def links_changed(self) -> None:
        """A link came up or went down, or round trips changed much: tell every task."""
        for live in self.live.values():
            self.step(live.task.id, self.links(live.task.committee))

    def rtt(self, member: bytes, ms: int) -> None:
        """A round trip was measured; timers are scaled anew when it changed by a quarter."""
        before = self._rtt.get(member)
        if before is None or abs(ms - before) * 4 > before:
            self._rtt[member] = ms
            self.links_changed()

    def links(self, committee: Committee) -> Links:
        """Who can be reached, and the q-th smallest round trip, one's own of 0 included (A10)."""
        up = self.up
        trips = sorted([0, *(self._rtt[member] for member in up if member in self._rtt)])
        q = committee.quorum.q
        return Links(up=up, rtt_ms=trips[q - 1] if len(trips) >= q else None)

    def _committee(self, task: TaskId) -> Committee | None:
        live = self.live.get(task)
        return live.task.committee if live is not None else self.archive.committee(task)

    def _speakers(self, task: TaskId) -> tuple[Speaker, ...] | None:
        live = self.live.get(task)
        return live.task.spec.speakers if live is not None else None

    def complain(self, member: bytes, code: str, reason: str) -> None:
        """Log what a member (never a stranger) did amiss, unless the log has just said so."""
        self._complaints.about(self.federation.label(member), str(code), reason)

    def refused(self, member: bytes) -> dict[str, int]:
        """How often something from `member` was refused since the start, by code."""
        return self._complaints.counted(self.federation.label(member))

    def vain(self, member: bytes) -> float:
        """What `member` made this node do in vain since the start, in units of `wire.toll`."""
        refused = self._complaints.total(self.federation.label(member))
        return toll.REFUSED * refused + self.useless[member]

    def wake(self) -> None:
        """There is something to send or to store."""
        self._wake.set()
