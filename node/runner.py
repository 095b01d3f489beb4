"""The queue that feeds the core and carries its effects out.

One tick drains what has come in through the core, makes every `Persist` of it durable in one
commit, and only then sends (rule A13). A commit that fails stops the node: it must not sign
what it could not store.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from consensus.agreement.effects import Convict, Persist, Send, SetTimer, TimerKey, Want
from consensus.bodies import Acceptance, TaskOpen
from consensus.committee import Committee
from consensus.deliberation.effects import (
    Behind,
    Draft,
    Drafted,
    Effect,
    Expire,
    Finish,
    GiveUp,
    Judge,
    Judged,
    Links,
    Progress,
    Receive,
    Release,
    Reply,
)
from consensus.deliberation.effects import (
    Event as CoreEvent,
)
from consensus.deliberation.scribe import Kept, Scribe
from consensus.deliberation.task import Task
from consensus.envelope import ZERO, Ctx, Envelope, Kind, MessageId, Stage, TaskId
from consensus.ports import Message, Reader, Writer
from consensus.verdict import Bundle

from .archive import Archive
from .clock import Clock, monotonic_ms
from .entropy import Entropy
from .evidence import EvidenceShelf
from .intake import Intake
from .live import Live
from .log import get_logger
from .models.base import Model, ModelError
from .store.contract import Store, StoreError
from .store.records import Batch, Closed, Role, Slot, TaskRow, TaskState, VerdictRow
from .sync import Sync
from .watchers import opening
from .wire.admission import Code, Gate, Refusal
from .wire.frames import FetchRequest, Frame, envelope_size
from .wire.watch import Event, WatchRequest

log = get_logger("runner")

GRACE_MS = 10_000
"""How long past its not-after an undecided task is still followed: a verdict may be near."""


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


class RefusedTask(Exception):  # noqa: N818  named for what happened
    """This node does not take the task; the text is the reason."""


@dataclass(kw_only=True)
class _Tick:
    """What one turn of the queue came to: what to store, then what to do."""

    tasks: list[TaskRow] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    verdicts: list[VerdictRow] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    acts: list[Callable[[], None]] = field(default_factory=list)

    def batch(self) -> Batch:
        return Batch(
            tasks=tuple(self.tasks),
            slots=tuple(self.slots),
            verdicts=tuple(self.verdicts),
            closed=tuple(self.closed),
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
        model: Model,
        model_calls: int,
        clock: Clock,
        entropy: Entropy,
        shelf: EvidenceShelf,
    ) -> None:
        self.me = writer.public
        self.intake = intake
        self.federation = intake.federation
        self.live: dict[bytes, Live] = {}
        self.archive = Archive(store)
        self.gate = Gate(network=self.federation.network, task=self._committee, reader=reader)
        self.sync = Sync(self)
        self.peers: Peers | None = None
        self.failure: StoreError | None = None
        self.decided = 0
        self._reader = reader
        self._writer = writer
        self._store = store
        self._model = model
        self._slots = asyncio.Semaphore(model_calls)
        self._clock = clock
        self._entropy = entropy
        self._shelf = shelf
        self._queue: deque[tuple[bytes, Callable[[Live], list[Effect]]]] = deque()
        self._tick = _Tick()
        self._wake = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._out: dict[bytes, list[Envelope]] = {}
        self._rtt: dict[bytes, int] = {}
        self._scribe = Scribe(
            writer=writer,
            base=Ctx(
                network=self.federation.network,
                committee=ZERO,
                task=ZERO,
                round=0,
                stage=Stage.OPEN,
            ),
            secret=bytes(32),
        )

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
            for live in self.live.values():
                live.cancel()

    async def _turn(self) -> None:
        while self._queue:
            task_id, step = self._queue.popleft()
            live = self.live.get(task_id)
            if live is not None:
                self._collect(live, step(live))
        tick, self._tick = self._tick, _Tick()
        batch = tick.batch()
        if batch:
            await self._store.commit(batch)
        for act in tick.acts:
            act()
        self._flush()

    def _step(self, task_id: bytes, event: CoreEvent) -> None:
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
                    self._tick.slots.append(slot)
                case Finish():
                    self._finish(live, effect)
                case _:
                    self._tick.acts.append(partial(self._do, live, effect))

    def _do(self, live: Live, effect: Effect) -> None:
        """Carry out an effect that stores nothing."""
        match effect:
            case Send():
                self._send_all(live, effect.message.envelope)
            case Reply():
                for message in effect.messages:
                    self.send(effect.member, message.envelope, live)
            case SetTimer():
                self._set_timer(live, effect.key, effect.delay_ms)
            case Draft():
                self._call(live, self._draft(live, effect))
            case Judge():
                self._call(live, self._judge(live, effect))
            case Release():
                for call in live.calls:
                    call.cancel()
            case Want():
                self.sync.seek(live, effect.ids)
            case Behind():
                self.sync.digest_to(live, effect.member)
            case Progress():
                self._progress(live, effect)
            case Convict():
                self._convict(live, effect)
            case GiveUp():
                self._close(live, TaskState.REFUSED, "abandoned")
            case Persist() | Finish():
                raise AssertionError("sorted out before")

    def _send_all(self, live: Live, envelope: Envelope) -> None:
        for member in live.task.committee.members:
            if member != self.me:
                self.send(member, envelope, live)

    def send(self, member: bytes, envelope: Envelope, live: Live | None = None) -> None:
        """Put an envelope into the frame that this turn sends to `member`."""
        self._out.setdefault(member, []).append(envelope)
        if live is not None:
            live.traffic.sent += 1
            live.traffic.sent_bytes += envelope_size(envelope)
        self._wake.set()

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
            self._step(live.task.id, Expire(key=key))

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
        path = self._shelf.keep(effect.first.envelope, effect.second.envelope)
        log.warning(
            "equivocation",
            task=live.task.id.hex()[:8],
            round=effect.first.ctx.round,
            member=self.federation.label(effect.first.signer),
            what=effect.first.kind.name.lower(),
            evidence=path,
        )

    def _finish(self, live: Live, finish: Finish) -> None:
        """Store the verdict with whatever else this turn stores, then tell."""
        bundle = Bundle.of(finish)
        figures = live.task.round.values[Stage.OUTCOME].figures
        assert figures is not None
        elapsed = self.now - live.began_ms
        summary = {
            "answer": figures["decision"]["answer"],
            "domain": live.task.spec.domain,
            "ms": elapsed,
            "probability": figures["decision"]["probability"],
            "reason": figures["decision"]["reason"],
            "rounds": len(finish.rounds),
            "status": figures["decision"]["status"],
            "traffic": live.traffic.to_dict(),
            "warnings": figures["decision"]["warnings"],
        }
        row = VerdictRow(
            task=TaskId(live.task.id),
            verdict=bundle.id,
            bundle=bundle.encode(),
            decided_at_ms=self._clock.wall_ms(),
            summary=summary,
        )
        self._tick.verdicts.append(row)

        def settle() -> None:
            self.archive.keep(bundle, live.task.spec)
            self.decided += 1
            live.cancel()
            self.live.pop(live.task.id, None)
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

        self._tick.acts.append(settle)

    # -- the model --------------------------------------------------------------------

    def _call_soon(self, work: Coroutine[None, None, None]) -> None:
        call = asyncio.get_running_loop().create_task(work)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    def _call(self, live: Live, work: Coroutine[None, None, None]) -> None:
        call = asyncio.get_running_loop().create_task(work)
        live.calls.add(call)
        call.add_done_callback(live.calls.discard)

    async def _draft(self, live: Live, effect: Draft) -> None:
        request = effect.request
        try:
            async with asyncio.timeout(request.deadline_ms / 1_000), self._slots:
                proposal = await self._model.draft(request)
        except Exception as error:  # noqa: BLE001  whatever a third party's model raises
            failure = self._failed(live, "draft", error)
            self._step(live.task.id, Drafted(round=request.round, proposal=None, failure=failure))
        else:
            self._step(live.task.id, Drafted(round=request.round, proposal=proposal))

    async def _judge(self, live: Live, effect: Judge) -> None:
        request = effect.request
        try:
            async with asyncio.timeout(request.deadline_ms / 1_000), self._slots:
                judgment = await self._model.judge(request)
        except Exception as error:  # noqa: BLE001  whatever a third party's model raises
            failure = self._failed(live, "judge", error)
            self._step(live.task.id, Judged(round=request.round, judgment=None, failure=failure))
        else:
            self._step(live.task.id, Judged(round=request.round, judgment=judgment))

    def _failed(self, live: Live, doing: str, error: Exception) -> str:
        """The reason an abstention carries; the full cause goes to this node's own log."""
        match error:
            case TimeoutError():
                reason = cause = "the model gave no answer in time"
            case ModelError():
                reason, cause = error.public, error.cause
            case _:
                reason, cause = "the model failed", f"{type(error).__name__}: {error}"
        log.warning(
            "model failed",
            task=live.task.id.hex()[:8],
            round=live.task.round.number,
            doing=doing,
            model=self._model.describe().name,
            cause=cause,
        )
        return reason

    # -- tasks ------------------------------------------------------------------------

    def ask(self, spec: TaskOpen) -> Live:
        """Open a task of this node's own (S7). Raises `RefusedTask` with the reason."""
        scribe = self._scribe
        ctx = replace(scribe.ctx(0, Stage.OPEN), committee=spec.committee.hash)
        opened = Scribe(writer=self._writer, base=ctx, secret=bytes(32)).sign(
            0, Stage.OPEN, Kind.TASK_OPEN, spec
        )
        admitted = self.gate.admit(opened.envelope)
        if isinstance(admitted, Refusal):
            raise RefusedTask(admitted.text)
        problem = self.intake.problem(opened, running=len(self.live), wall_ms=self._clock.wall_ms())
        if problem:
            raise RefusedTask(problem)
        live = self._enter(opened, role=Role.OPENER, refusal="")
        self._tick.acts.append(lambda: self._send_all(live, opened.envelope))
        return live

    def offered(self, opened: Message, source: bytes | None) -> None:
        """A TaskOpen came in: take part, refuse with a reason, or only follow (S7, A13)."""
        spec = opened.body
        assert isinstance(spec, TaskOpen)
        if opened.id in self.live or self.archive.knows(opened.id):
            return  # S7: a task seen before is not taken again
        if spec.committee.position(self.me) is None:
            log.info("not a member of the task's committee", task=opened.id.hex()[:8])
            return
        if self._clock.wall_ms() > spec.not_after_ms:
            self._call_soon(self._follow_late(opened, source))
            return
        if self.archive.full:
            log.error("no room to remember another task", task=opened.id.hex()[:8])
            return
        follow = not self.intake.may_sign(spec)
        problem = (
            ""
            if follow
            else self.intake.problem(opened, running=len(self.live), wall_ms=self._clock.wall_ms())
        )
        if problem:
            log.warning("task refused", task=opened.id.hex()[:8], reason=problem)
        live = self._enter(opened, role=Role.MEMBER, refusal=problem, active=not follow)
        if source is not None:
            self._tick.acts.append(lambda: self.sync.digest_to(live, source))

    async def _follow_late(self, opened: Message, source: bytes | None) -> None:
        """S7: nobody starts on an expired task, but a member may still learn its verdict."""
        if await self._store.task(TaskId(opened.id)) is None and opened.id not in self.live:
            live = self._enter(opened, role=Role.MEMBER, refusal="", active=False)
            if source is not None:
                self._tick.acts.append(lambda: self.sync.digest_to(live, source))

    def resume(self, row: TaskRow, opened: Message, kept: tuple[Kept, ...]) -> None:
        """Take up an undecided task after a restart (A13)."""
        spec = opened.body
        assert isinstance(spec, TaskOpen)
        self._enter(
            opened,
            role=row.role,
            refusal=_refused_before(kept),
            active=self.intake.may_sign(spec),
            row=row,
            kept=kept,
        )

    def _enter(
        self,
        opened: Message,
        *,
        role: Role,
        refusal: str,
        active: bool = True,
        row: TaskRow | None = None,
        kept: tuple[Kept, ...] = (),
    ) -> Live:
        spec = opened.body
        assert isinstance(spec, TaskOpen)
        if row is None:
            row = TaskRow(
                opening=opened.envelope,
                secret=self._entropy.draw(32),
                role=role,
                opened_at_ms=spec.opened_at_ms,
                not_after_ms=spec.not_after_ms,
            )
            self._tick.tasks.append(row)
        task = Task(
            opened=opened,
            reader=self._reader,
            writer=self._writer,
            secret=row.secret,
            refusal=refusal,
            active=active,
            kept=kept,
        )
        live = Live(task=task, row=row, began_ms=self.now, news_ms=self.now)
        self.live[opened.id] = live
        self.archive.note(opened.id, spec.not_after_ms)
        live.watchers.tell(opening(opened.envelope, spec))
        self._queue.append((opened.id, lambda live: live.task.begin(self.now)))
        self._step(opened.id, self._links(task.committee))
        return live

    def expire(self, live: Live) -> None:
        """Give up an undecided task whose not-after has passed for good."""
        self._close(live, TaskState.EXPIRED, "expired")

    def _close(self, live: Live, state: TaskState, word: str) -> None:
        """End a task that will have no verdict."""
        self._tick.closed.append(Closed(task=TaskId(live.task.id), state=state))
        live.cancel()
        self.live.pop(live.task.id, None)
        round_ = live.task.round.number if live.task.rounds else 0
        detail = {"phase": live.task.phase.name.lower()}
        self._tick.acts.append(
            lambda: live.watchers.tell(
                Event(task=live.task.id, round=round_, kind=word, detail=detail)
            )
        )
        log.warning(word, task=live.task.id.hex()[:8], **detail)
        self._wake.set()

    def overdue(self, live: Live) -> bool:
        """Whether an undecided task is past its not-after, and past the time that a member
        which has just come back gets to learn what became of it."""
        late = self._clock.wall_ms() > live.task.spec.not_after_ms + GRACE_MS
        return late and self.now > live.began_ms + GRACE_MS

    async def watch(self, request: WatchRequest) -> AsyncIterator[Event]:
        """Follow a task from its first event on; a TaskOpen that comes along is taken up.

        A task that cannot be followed gets one last event that says why.
        """
        if request.open is not None and request.task not in self.live:
            admitted = self.gate.admit(request.open)
            if isinstance(admitted, Refusal):
                yield _nothing(request.task, admitted.text)
                return
            if admitted.id != request.task:
                yield _nothing(request.task, "the TaskOpen that came along is of another task")
                return
            if await self.archive.load(request.task) is None:
                self.offered(admitted, None)
        live = self.live.get(request.task)
        if live is not None:
            async for event in live.watchers.follow():
                yield event
            return
        told = await self.archive.events(request.task)
        for event in told or [_nothing(request.task, "the task is not known here")]:
            yield event

    # -- what comes in ----------------------------------------------------------------

    def receive(self, envelope: Envelope, source: bytes) -> None:
        """An envelope from a peer: through the gate, then to its task."""
        task_id = envelope.ctx[64:96]
        live = self.live.get(task_id)
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
                self.sync.stranger(task_id, source)
            else:
                log.info(
                    "message refused",
                    member=self.federation.label(source),
                    code=str(admitted.code),
                    reason=admitted.text,
                )
        elif admitted.kind is Kind.TASK_OPEN:
            self.offered(admitted, source)
        elif live is not None:
            live.news_ms = self.now
            self._step(task_id, Receive(message=admitted, source=source))
        else:  # A14: the task is over, and its sender may not know
            self.sync.stranger(task_id, source)

    def links_changed(self) -> None:
        """A link came up or went down, or round trips changed much: tell every task."""
        for live in self.live.values():
            self._step(live.task.id, self._links(live.task.committee))

    def rtt(self, member: bytes, ms: int) -> None:
        """A round trip was measured; timers are scaled anew when it changed by a quarter."""
        before = self._rtt.get(member)
        if before is None or abs(ms - before) * 4 > before:
            self._rtt[member] = ms
            self.links_changed()

    def _links(self, committee: Committee) -> Links:
        up = frozenset(self.peers.up if self.peers is not None else ())
        trips = sorted([0, *(self._rtt[member] for member in up if member in self._rtt)])
        q = committee.quorum.q
        return Links(up=up, rtt_ms=trips[q - 1] if len(trips) >= q else None)

    def _committee(self, task: TaskId) -> Committee | None:
        live = self.live.get(task)
        return live.task.committee if live is not None else self.archive.committee(task)

    def wake(self) -> None:
        """There is something to send or to store."""
        self._wake.set()

    def find(self, task: bytes, item: MessageId) -> Message | None:
        """A message that a running task holds."""
        live = self.live.get(task)
        return live.task.find(item) if live is not None else None


def _nothing(task: bytes, reason: str) -> Event:
    """The only event of a task that cannot be followed here."""
    return Event(task=task, round=0, kind="unknown", detail={"reason": reason})


def _refused_before(kept: Iterable[Kept]) -> str:
    """The reason with which this node refused a task before a restart, or ""."""
    for item in kept:
        if isinstance(item.message.body, Acceptance):
            return item.message.body.refusal
    return ""
