"""The queue that feeds the core and carries its effects out.

One tick drains what has come in through the core, makes every `Persist` of it durable in one
commit, and only then sends (rule A13). A commit that fails stops the node: it must not sign
what it could not store.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from consensus.agreement.effects import Convict, Persist, Send, SetTimer, TimerKey, Want
from consensus.bodies import TaskOpen
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
from consensus.envelope import Envelope, Kind, Stage, TaskId
from consensus.ports import Reader, Writer
from consensus.verdict import Bundle
from reputation import Scoring
from reputation.digests import Summary

from .archive import Archive
from .clock import Clock, monotonic_ms
from .complaints import Complaints
from .consult import Consultant
from .entrance import Entrance
from .entropy import Entropy
from .evidence import EvidenceShelf
from .intake import Intake
from .ledger import Ledger
from .live import Live, Traffic
from .log import get_logger
from .models.base import Model
from .sharing import Sharing
from .store.contract import Store, StoreError
from .store.records import (
    Batch,
    Closed,
    FactRow,
    Slot,
    TaskRow,
    TaskState,
    VerdictRow,
    listed,
)
from .sync import Sync
from .twin import TwinWatch
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
    acts: list[Callable[[], None]] = field(default_factory=list)

    def batch(self) -> Batch:
        """What is to be stored, as one commit."""
        return Batch(
            tasks=tuple(self.tasks),
            slots=tuple(self.slots),
            verdicts=tuple(self.verdicts),
            closed=tuple(self.closed),
            facts=tuple(self.facts),
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
        self.gate = Gate(network=self.federation.network, task=self._committee, reader=reader)
        self.sync = Sync(self)
        self.ledger = Ledger(me=self.me, federation=self.federation, scoring=scoring)
        self.sharing = Sharing(self, self.ledger, store)
        self.consultant = Consultant(model, model_calls, self.step)
        self.entrance = Entrance(
            self, reader=reader, writer=writer, store=store, clock=clock, entropy=entropy
        )
        self.useless: defaultdict[bytes, float] = defaultdict(float)
        self.peers: Peers | None = None
        self.failure: StoreError | None = None
        self.decided = 0
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._shelf = shelf
        self._queue: deque[tuple[bytes, Callable[[Live], list[Effect]]]] = deque()
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
        while self._queue:
            task_id, step = self._queue.popleft()
            live = self.live.get(task_id)
            if live is not None:
                self._advance(live, step)
        tick, self.tick = self.tick, Tick()
        batch = tick.batch()
        if batch:
            await self._store.commit(batch)
        for act in tick.acts:
            act()
        self._flush()

    def _advance(self, live: Live, step: Callable[[Live], list[Effect]]) -> None:
        try:
            self._collect(live, step(live))
            self.sync.stepped(live)
        except Exception:
            # A fault of ours in one task must not stop the others, and this one signs no more.
            log.exception("internal error; the task is dropped", task=live.task.id.hex()[:8])
            self.entrance.drop(live)

    def begin(self, task_id: bytes) -> None:
        """Queue the first step of a task."""
        self._queue.append((task_id, lambda live: live.task.begin(self.now)))
        self._wake.set()

    def step(self, task_id: bytes, event: CoreEvent) -> None:
        """Queue one event for a task."""
        self._queue.append((task_id, lambda live: live.task.step(event, self.now)))
        self._wake.set()

    @property
    def now(self) -> int:
        """The monotonic clock in milliseconds."""
        return monotonic_ms(self._clock)

    # -- effects ----------------------------------------------------------------------

    def _collect(self, live: Live, effects: Iterable[Effect]) -> None:
        """Sort a task's effects into what is stored first and what is done after, in order."""
        for effect in effects:
            match effect:
                case Persist():
                    slot = Slot.of(effect.message.envelope, effect.secret)
                    self.tick.slots.append(slot)
                case Finish():
                    self._finish(live, effect)
                case _:
                    self.tick.acts.append(partial(self._do, live, effect))

    def _do(self, live: Live, effect: Effect) -> None:
        """Carry out an effect that stores nothing."""
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
        log.warning(
            "equivocation",
            task=live.task.id.hex()[:8],
            round=effect.first.ctx.round,
            member=self.federation.label(effect.first.signer),
            what=effect.first.kind.name.lower(),
            evidence=path,
        )

    def _keep(
        self,
        bundle: Bundle,
        spec: TaskOpen,
        figures: Mapping[str, Any],
        acceptances: Iterable[Envelope] = (),
        **cost: Any,
    ) -> dict[str, Any]:
        """Have a verdict stored, with its facts in the same commit (L1); its summary."""
        decision = figures["decision"]
        summary = {
            "answer": listed(decision["answer"]),
            "domain": spec.domain,
            "probability": decision["probability"],
            "reason": decision["reason"],
            "rounds": len(bundle.rounds),
            "status": decision["status"],
            "warnings": decision["warnings"],
            **cost,
        }
        row = VerdictRow(
            task=TaskId(bundle.task),
            verdict=bundle.id,
            bundle=bundle.encode(),
            decided_at_ms=self._clock.wall_ms(),
            summary=summary,
        )
        self.tick.verdicts.append(row)
        self.sharing.append(self.ledger.decided(bundle, acceptances))
        return summary

    def adopt(self, bundle: Bundle, spec: TaskOpen, figures: Mapping[str, Any]) -> None:
        """Keep a verdict that another member gave, verified, of a task that is not live here."""
        self._keep(bundle, spec, figures, ms=0, traffic=Traffic().to_dict())
        self.archive.keep(bundle, spec)
        self.sync.missed.found(bundle.task)

    def _finish(self, live: Live, finish: Finish) -> None:
        """Store the verdict with whatever else this turn stores, then tell."""
        bundle = Bundle.of(finish)
        figures = live.task.round.values[Stage.OUTCOME].figures
        assert figures is not None
        elapsed = self.now - live.began_ms
        if not live.stored:
            self.tick.tasks.append(live.row)
        summary = self._keep(
            bundle,
            live.task.spec,
            figures,
            [message.envelope for message in live.task.acceptances()],
            ms=elapsed,
            traffic=live.traffic.to_dict(),
        )

        def settle() -> None:
            self.archive.keep(bundle, live.task.spec)
            self.decided += 1
            live.cancel()
            self.live.pop(live.task.id, None)
            self.sync.read_up()
            detail = {"verdict": bundle.id.hex(), **summary, "figures": figures}
            live.watchers.tell(
                Event(task=live.task.id, round=len(finish.rounds), kind="verdict", detail=detail)
            )
            log.info(
                "decided",
                task=live.task.id.hex()[:8],
                verdict=bundle.id.hex()[:8],
                answer=summary["answer"],
                status=summary["status"],
                rounds=summary["rounds"],
                ms=elapsed,
            )

        self.tick.acts.append(settle)

    # -- what comes in ----------------------------------------------------------------

    def receive(self, envelope: Envelope, source: bytes) -> None:
        """An envelope from a peer: through the gate, then to its task."""
        task_id = envelope.ctx[64:96]
        live = self.live.get(task_id)
        if live is not None and live.task.committee.position(source) is None:
            self.gate.refusals[Code.NOT_A_MEMBER] += 1
            self.complain(source, Code.NOT_A_MEMBER, "it sends messages of others' task")
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
            self.twin.received(live.task, admitted)
            live.heard[source] += 1
            if live.heard[source] > FREE * live.task.quorum.n * live.task.policy.rounds:
                self.useless[source] += toll.REFUSED
            self.step(task_id, Receive(message=admitted, source=source))
        else:  # A14: the task is over, and its sender may not know
            self.sync.stranger(task_id, source)

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
