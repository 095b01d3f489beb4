"""One member's part in one task: events in, ordered effects out (rules S7, R, P3).

`PHASES` is the table of a round: how each phase is entered and what closes it. A phase
closes by its own rule, or because a later point is decided (R0). Whoever drives a `Task`
carries its effects out in order, a `Persist` durably before whatever follows it (A13), and
brings time along: `now_ms` is a monotonic clock.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import assert_never

from ..agreement.effects import (
    AgreementEffect,
    Convict,
    Decided,
    Persist,
    Send,
    SetTimer,
    TimerKey,
    Want,
)
from ..agreement.instance import Instance, point_seed, value_id
from ..agreement.timing import Timing
from ..agreement.validity import Invalid, Pending, Validity
from ..bodies import Acceptance, Batch, Body, Commit, Propose, Report, TaskOpen, Vote
from ..envelope import POINTS, VOTES, ZERO, Kind, MessageId, Stage
from ..ports import Message, Reader, Writer
from .desk import Desk
from .effects import (
    Behind,
    Drafted,
    Effect,
    Event,
    Expire,
    Finish,
    Judged,
    Links,
    PointRecord,
    Progress,
    Receive,
    Release,
    Reply,
    RoundRecord,
)
from .exchange import Direct
from .outcome import build_outcome, check_outcome
from .points import CONTENT, POINT_NAME, PointValue, build_set, check_set
from .round import PREFIX, RoundState, lacking
from .scribe import Kept, Scribe

SETTLE_MS = 250
"""A point decided this long ago answers stragglers with its certificate (A14): earlier, late
votes of the same quorum are still on the way and need no answer."""
CERTIFICATE_EVERY_MS = 500
"""Least time between two certificates for one point to one peer (A14)."""
ABSTAIN_SHARE = 80
"""Percent of a stage's deadline after which a member whose model has not answered abstains,
so that its abstention arrives before the others' deadlines (R0)."""
NEUTRAL = 5_000
"""Reputation view of a member nothing is known about, in bp (L3)."""


class Phase(IntEnum):
    """Where a task stands; within a round the order of R."""

    OPENING = 0
    DRAFT = 1
    SLATE = 2
    EXCHANGE = 3
    JUDGE = 4
    FREEZE = 5
    REVEAL = 6
    OUTCOME = 7
    DONE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSpec:
    """A row of the phase table: what to do on entry, and whether the phase has closed."""

    enter: Callable[["Task"], None]
    closed: Callable[["Task"], bool]


class Task:
    """The state machine of one member in one task.

    `opened` is the verified TaskOpen; `refusal` a reason not to take part (S7), empty to
    accept. `active` is False for a member that may not sign here (A13): it follows and learns
    the verdict. `secret` are 32 bytes known to this member alone, `kept` its own stored
    messages, `views` its reputation views in committee order.
    """

    def __init__(
        self,
        *,
        opened: Message,
        reader: Reader,
        writer: Writer,
        secret: bytes,
        refusal: str = "",
        active: bool = True,
        kept: tuple[Kept, ...] = (),
        views: tuple[int, ...] = (),
    ) -> None:
        assert isinstance(opened.body, TaskOpen)
        self.opened = opened
        self.spec: TaskOpen = opened.body
        self.committee = self.spec.committee
        self.quorum = self.committee.quorum
        self.policy = self.spec.committee.policy
        self.id = opened.id
        self.me = writer.public
        self.phase = Phase.OPENING
        self.exchange = Direct()
        self.reader = reader
        self.refusal = refusal
        self.member = self.committee.position(self.me) is not None
        self.active = active and self.member and not refusal
        self.mute = not active or not self.member
        self.views = views or (NEUTRAL,) * self.quorum.n
        self.now = 0
        self.out: list[Effect] = []
        self.rounds: list[RoundState] = []
        self.finished: Finish | None = None
        self.scribe = Scribe(
            writer=writer,
            base=replace(opened.ctx, task=opened.id),
            secret=secret,
            kept=kept,
        )
        self.desk = Desk(self)
        self._began: int | None = None
        self._up: frozenset[bytes] = frozenset()
        self._timing = Timing(policy=self.policy)
        self._acceptances: dict[bytes, Message] = {}
        self._answered: dict[tuple[bytes, int, Stage], int] = {}
        self._ahead: set[bytes] = set()
        self._later: set[bytes] = set()

    # -- events -----------------------------------------------------------------------

    def begin(self, now_ms: int) -> list[Effect]:
        """Enter the task: answer the TaskOpen. To be called once, before any `step`."""
        self.now = self._began = now_ms
        PHASES[Phase.OPENING].enter(self)
        return self._flush()

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Handle one event and say what is to be done, in order."""
        self.now = now_ms
        if self.phase is not Phase.DONE:
            match event:
                case Receive():
                    self._receive(event.message, event.source)
                case Expire():
                    self._expire(event.key)
                case Drafted():
                    self.desk.drafted(event)
                case Judged():
                    self.desk.judged(event)
                case Links():
                    self._links(event)
                case _:
                    assert_never(event)
        return self._flush()

    # -- what the surroundings may ask ------------------------------------------------

    @property
    def round(self) -> RoundState:
        """The current round."""
        return self.rounds[-1]

    def held(self) -> tuple[int, bytes]:
        """For a digest: the round this member is in (0 while opening) and the 8-byte
        prefixes of the ids it holds there, concatenated (T2)."""
        if not self.rounds:
            return 0, b"".join(message.id[:PREFIX] for message in self._acceptances.values())
        return self.round.number, b"".join(m.id[:PREFIX] for m in self.round.relayed())

    def lacking(self, round_: int, prefixes: frozenset[bytes]) -> list[Message]:
        """What a member that is in `round_` and holds `prefixes` lacks of that round."""
        if round_ == 0:
            return lacking(self._acceptances.values(), prefixes)
        known = [state for state in self.rounds if state.number == round_]
        return lacking(known[0].relayed(), prefixes) if known else []

    def find(self, item: MessageId) -> Message | None:
        """A held message or proposal of any round."""
        for state in reversed(self.rounds):
            found = state.lookup(item)
            if found is not None:
                return found
        return None

    def holds(self, item: MessageId) -> bool:
        """Whether a message is kept already, so that another copy need not be looked at."""
        if any(message.id == item for message in self._acceptances.values()):
            return True
        return bool(self.rounds) and self.round.holds(item)

    def wanted(self) -> tuple[MessageId, ...]:
        """Ids that are named here and not held: to be asked for again until they come."""
        return self.round.wanted() if self.rounds else ()

    # -- intake -----------------------------------------------------------------------

    def _receive(self, message: Message, source: bytes | None) -> None:
        if message.kind is Kind.ACCEPTANCE:
            self._accepted(message)
            return
        number = message.ctx.round
        here = self.round.number if self.rounds else 0
        if number > here:  # S2: not buffered; who sends it is asked for what leads there
            if source is not None and source not in self._ahead:
                self._ahead.add(source)
                self.out.append(Behind(member=source))
            self._later.add(message.signer)
            if here == 0 and len(self._later) >= self.quorum.t:
                # At least one honest member has gone on, which took q ACCEPTs (S7).
                self.enter_round(1)
            return
        if number < here:
            self._certify(self.rounds[number - 1], message, source)
            return
        self._certify(self.round, message, source)
        self.admit(message)

    def admit(self, message: Message) -> None:
        """Take in a message of the current round, an own one included."""
        if message.kind is Kind.ACCEPTANCE:
            self._accepted(message)
            return
        state, stage = self.round, message.ctx.stage
        if message.kind in VOTES or message.kind is Kind.PROPOSE:
            self._absorb(state.instances[stage].receive(message))
            return
        if message.kind is Kind.PROPOSAL:
            state.keep_part(message)
        elif isinstance(message.body, Batch) and len(message.parts) > self.exchange.entries:
            return  # T3: more than this exchange allows one sender
        else:
            new, earlier = state.keep(message)
            if earlier is not None and message.kind is not Kind.REPORT:  # S4, V1b
                self._convict(earlier, message)
            if new and message.kind is Kind.REPORT:
                self._seek(state, state.absent_of(message))
            elif new:
                self._announce(message)
        state.unpen()
        for point in POINTS:
            self._absorb(state.instances[point].recheck())

    def _accepted(self, message: Message) -> None:
        body = message.body
        assert isinstance(body, Acceptance)
        earlier = self._acceptances.setdefault(message.signer, message)
        if earlier.id != message.id:
            self._convict(earlier, message)
        elif earlier is message:
            what = "refused" if body.refusal else "accepted"
            self.report(what, member=message.signer.hex(), reason=body.refusal)

    def _expire(self, key: TimerKey) -> None:
        if not self.rounds:
            if self.phase is Phase.OPENING:
                missing = [m.hex() for m in self.committee.members if m not in self._acceptances]
                self.report("waiting", members=missing)
            return
        if key.round != self.round.number:
            return
        if key.name in ("close", "abstain"):
            self.round.expired.add((key.stage, key.name))
            if key.name == "abstain":
                self.desk.overdue(key.stage)
        else:
            self._absorb(self.round.instances[key.stage].expire(key))

    def _links(self, event: Links) -> None:
        self._up = event.up & frozenset(self.committee.members)
        self._timing = Timing(policy=self.policy, rtt_ms=event.rtt_ms)
        if self.rounds:
            for instance in self.round.instances.values():
                instance.timing = self._timing
                self._absorb(instance.links(self._up))

    def _certify(self, state: RoundState, message: Message, source: bytes | None) -> None:
        """A14: a decided instance answers a straggler's vote with its certificate."""
        stage = message.ctx.stage
        if source is None or source == self.me or stage not in state.decided_at:
            return
        if message.kind not in VOTES and message.kind is not Kind.PROPOSE:
            return
        key = (source, state.number, stage)
        last = self._answered.get(key, state.decided_at[stage] + SETTLE_MS - CERTIFICATE_EVERY_MS)
        if self.now >= last + CERTIFICATE_EVERY_MS:
            self._answered[key] = self.now
            certificate = state.instances[stage].certificate()
            self.out.append(Reply(member=source, messages=certificate))

    # -- progress through the table ---------------------------------------------------

    def _flush(self) -> list[Effect]:
        """Go through every phase that has closed, and hand over the effects."""
        while self.phase is not Phase.DONE:
            target = self._skip() if self.rounds else None
            if target is None and PHASES[self.phase].closed(self):
                target = Phase(self.phase + 1)
            if target is None:
                break
            if target is Phase.DONE:
                self._conclude()
            else:
                self.phase = target
                PHASES[target].enter(self)
        out, self.out = self.out, []
        return out

    def _skip(self) -> Phase | None:
        """R0: a decided point closes every earlier stage, once all it names is in hand."""
        state, target = self.round, None
        for stage, phase in AFTER.items():
            if stage not in state.values or state.absent(stage):
                break
            if self.phase < phase:
                target = phase
        return target

    def _conclude(self) -> None:
        """R10: continue with another round, or finish with a verdict."""
        figures = self.round.values[Stage.OUTCOME].figures
        assert figures is not None
        self.out.append(Release())
        if figures["decision"]["kind"] == "continue":
            self.enter_round(self.round.number + 1)
            return
        self.phase = Phase.DONE
        self.finished = Finish(
            opened=self.opened, rounds=tuple(_record(state) for state in self.rounds)
        )
        self.out.append(self.finished)

    def enter_round(self, number: int) -> None:
        """Begin round `number` with its three instances, restored where there were votes."""
        state = RoundState(number)
        self.rounds.append(state)
        for stage in POINTS:
            state.instances[stage] = self._instance(state, stage)
        for message in self.scribe.content(number):
            state.keep(message)
        self.out += [Behind(member=member) for member in sorted(self._ahead)]
        self._ahead.clear()
        self.phase = Phase.DRAFT
        PHASES[Phase.DRAFT].enter(self)

    def _instance(self, state: RoundState, stage: Stage) -> Instance:
        def sign(kind: Kind, body: Propose | Vote) -> Message:
            return self.scribe.sign(state.number, stage, kind, body)

        return Instance(
            committee=self.committee,
            round_=state.number,
            stage=stage,
            me=self.me,
            sign=sign if self.active else None,
            check=lambda value: self._check(state, stage, value),
            build=lambda: self._build(state, stage),
            timing=self._timing,
            restored=self.scribe.votes(state.number, stage),
        )

    def start(self, stage: Stage) -> None:
        """Open a point: say what is held where that is needed (V1), and take part."""
        state = self.round
        content = state.content(CONTENT[stage], stage)
        if stage is Stage.OUTCOME or len(content) < self.quorum.n:
            self.write_report(stage)
        earlier = [point for point in POINTS if point < stage]
        previous = value_id(state.points[earlier[-1]].value) if earlier else ZERO
        if not earlier and state.number > 1:
            previous = value_id(self.rounds[-2].points[Stage.OUTCOME].value)
        seed = point_seed(self.id, state.number, stage, previous)
        self._absorb(state.instances[stage].links(self._up))
        self._absorb(state.instances[stage].start(seed))

    def _check(self, state: RoundState, stage: Stage, data: bytes) -> Validity:
        """The validity function of a point (V)."""
        try:
            value = PointValue.decode(data, stage=stage, round_=state.number)
        except ValueError as error:
            return Invalid(rule="V5", text=str(error))
        ctx = self.scribe.ctx(state.number, stage)
        validity = check_set(value, committee=self.committee, ctx=ctx, lookup=state.lookup)
        if isinstance(validity, Pending | Invalid) or stage is not Stage.OUTCOME:
            return validity
        return check_outcome(value, self.desk.facts(state))

    def _build(self, state: RoundState, stage: Stage) -> bytes | None:
        """A valid value from what is held (A2), or None."""
        value = build_set(
            stage=stage,
            round_=state.number,
            committee=self.committee,
            content=state.content(CONTENT[stage], stage),
            reports=state.reports(stage),
            lookup=state.lookup,
        )
        if value is None or stage is not Stage.OUTCOME:
            return None if value is None else value.encode()
        built = build_outcome(value, self.desk.facts(state))
        if isinstance(built, Pending):
            self._seek(state, built.ids)
            return None
        return built.encode()

    def _absorb(self, effects: Iterable[AgreementEffect]) -> None:
        """Take over an instance's effects; a decision is recorded here."""
        for effect in effects:
            match effect:
                case Decided():
                    self._decided(effect)
                case Want():
                    self._seek(self.round, effect.ids)
                case SetTimer(key=key) if key.name == "propose" and key.view > 0:
                    self.out.append(effect)
                    self._view_changed(key)
                case _:
                    self.out.append(effect)

    def _view_changed(self, key: TimerKey) -> None:
        """A view was lost: its proposer may lack what only a REPORT can tell it (V1)."""
        self.report("view", point=POINT_NAME[key.stage], view=key.view)
        self.write_report(key.stage)

    def _decided(self, decided: Decided) -> None:
        state, stage = self.round, decided.stage
        carrier, *_ = state.instances[stage].certificate()
        state.points[stage] = PointRecord(
            stage=stage, value=decided.value, carrier=carrier, precommits=decided.precommits
        )
        value = PointValue.decode(decided.value, stage=stage, round_=state.number)
        state.values[stage] = value
        state.decided_at[stage] = self.now
        self.report("decided", point=POINT_NAME[stage], view=decided.view, count=len(value.ids))
        if value.figures is not None:
            self.report("outcome", figures=value.figures)
        absent = state.absent(stage)
        if absent:
            self._seek(state, absent)

    def _seek(self, state: RoundState, ids: tuple[MessageId, ...]) -> None:
        fresh = state.need(ids)
        if fresh:
            self.out.append(Want(ids=fresh))

    # -- closing rules ----------------------------------------------------------------

    def everyone(self, stage: Stage, done: Iterable[bytes]) -> bool:
        """R0: a message from every member whose link is up and from q, or deadline and q."""
        there = set(done)
        awaited = (self._up | {self.me}) - self._refusing()
        enough = len(there) >= self.quorum.q
        return enough and (awaited <= there or (stage, "close") in self.round.expired)

    def _refusing(self) -> set[bytes]:
        silent = {
            signer
            for signer, message in self._acceptances.items()
            if isinstance(message.body, Acceptance) and message.body.refusal
        }
        return silent if self.active else silent | {self.me}

    def accepted(self) -> bool:
        """S7: models are called after q ACCEPTs."""
        return len(self._acceptances) - len(self._refusing() - {self.me}) >= self.quorum.q

    # -- own messages -----------------------------------------------------------------

    def submit(
        self,
        stage: Stage,
        kind: Kind,
        body: Body,
        secret: bytes = b"",
        parts: tuple[Message, ...] = (),
    ) -> None:
        """Fill a slot, durably before it is sent (A13), or repeat what fills it already."""
        number = self.round.number if self.rounds else 0
        kept = self.scribe.kept(number, stage, kind)
        if kept is None:
            kept = self.scribe.fill(number, stage, kind, body, secret)
            self.out.append(Persist(message=kept.message, secret=secret))
        message = replace(kept.message, parts=parts)
        self.out.append(Send(message=message))
        self.admit(message)

    def write_report(self, stage: Stage) -> None:
        """Say what this member held when the stage closed (V1), once."""
        if not self.active:
            return
        state = self.round
        ids = {
            message.id
            for messages in state.content(CONTENT[stage], stage).values()
            for message in messages[:2]  # V1a: at most two ids a slot
        }
        body = Report(ids=tuple(sorted(ids)))
        if stage is Stage.OUTCOME:  # P2a
            assert self._began is not None
            age = self.now - self._began
            spent = self.desk.spent
            body = replace(
                body,
                deadline=age >= self.policy.deadline_ms,
                tokens=spent.tokens_in + spent.tokens_out,
                micros=spent.micros,
                ms=max(0, age),
            )
        self.submit(stage, Kind.REPORT, body)

    def set_timer(self, stage: Stage, name: str, delay_ms: int) -> None:
        """Set one of this round's stage timers."""
        key = TimerKey(round=self.round.number, stage=stage, name=name)
        self.out.append(SetTimer(key=key, delay_ms=delay_ms))

    def report(self, what: str, **detail: object) -> None:
        """Tell whoever watches the task."""
        number = self.round.number if self.rounds else 0
        self.out.append(Progress(round=number, what=what, detail=detail))

    def _announce(self, message: Message) -> None:
        words = {Kind.COMMIT: "committed", Kind.BATCH: "proposed", Kind.SEAL: "judged"}
        what = words.get(message.kind, "opened" if message.kind is Kind.OPENING else "")
        if what:
            abstain = message.body.abstain if isinstance(message.body, Commit) else ""
            self.report(what, member=message.signer.hex(), abstain=abstain)

    def _convict(self, first: Message, second: Message) -> None:
        self.out.append(Convict(first=first, second=second))


def _record(state: RoundState) -> RoundRecord:
    """A finished round as its verdict carries it (E1)."""
    slate, freeze, outcome = (state.points[stage] for stage in POINTS)
    ids = {item for stage in POINTS for item in state.named(stage)}
    named = [state.lookup(item) for item in sorted(ids)]
    return RoundRecord(
        round=state.number,
        points=(slate, freeze, outcome),
        named=tuple(message for message in named if message is not None),
    )


AFTER = {Stage.SLATE: Phase.EXCHANGE, Stage.FREEZE: Phase.REVEAL, Stage.OUTCOME: Phase.DONE}
"""The phase that a decided point leads to, whatever phase it finds a member in (R0)."""


# -- the phase table --------------------------------------------------------------------


def _enter_opening(task: Task) -> None:
    key = TimerKey(round=0, stage=Stage.OPEN, name="close")
    task.out.append(SetTimer(key=key, delay_ms=task.policy.accept_ms))
    if not task.mute:
        task.submit(Stage.OPEN, Kind.ACCEPTANCE, Acceptance(refusal=task.refusal))


def _enter_draft(task: Task) -> None:
    if not task.rounds:
        task.enter_round(1)
        return
    task.set_timer(Stage.SLATE, "close", task.policy.draft_ms)
    task.desk.ask_draft(task.policy.draft_ms * ABSTAIN_SHARE // 100)


def _enter_exchange(task: Task) -> None:
    task.set_timer(Stage.EXCHANGE, "close", task.policy.exchange_ms)
    task.desk.put_on_table()


def _enter_judge(task: Task) -> None:
    task.set_timer(Stage.FREEZE, "close", task.policy.judge_ms)
    task.desk.ask_judgment(task.policy.judge_ms * ABSTAIN_SHARE // 100)


def _enter_reveal(task: Task) -> None:
    task.set_timer(Stage.OUTCOME, "close", task.policy.open_ms)
    task.desk.open()


def _closed_exchange(task: Task) -> bool:
    batches = task.round.content(Kind.BATCH, Stage.EXCHANGE)
    owing = task.exchange.senders(task.desk.authors(task.round))
    done = set(batches) | (set(task.committee.members) - owing)
    return task.everyone(Stage.EXCHANGE, done)


def _closed_reveal(task: Task) -> bool:
    owing = task.desk.authors(task.round) | task.desk.voters(task.round)
    there = task.round.content(Kind.OPENING, Stage.OUTCOME)
    return task.everyone(Stage.OUTCOME, set(there) | (set(task.committee.members) - owing))


def _undecided(_: Task) -> bool:
    """A point closes by its decision alone (`_skip`)."""
    return False


PHASES: dict[Phase, PhaseSpec] = {
    Phase.OPENING: PhaseSpec(enter=_enter_opening, closed=Task.accepted),
    Phase.DRAFT: PhaseSpec(
        enter=_enter_draft,
        closed=lambda task: task.everyone(
            Stage.SLATE, task.round.content(Kind.COMMIT, Stage.SLATE)
        ),
    ),
    Phase.SLATE: PhaseSpec(enter=lambda task: task.start(Stage.SLATE), closed=_undecided),
    Phase.EXCHANGE: PhaseSpec(enter=_enter_exchange, closed=_closed_exchange),
    Phase.JUDGE: PhaseSpec(
        enter=_enter_judge,
        closed=lambda task: task.everyone(
            Stage.FREEZE, task.round.content(Kind.SEAL, Stage.FREEZE)
        ),
    ),
    Phase.FREEZE: PhaseSpec(enter=lambda task: task.start(Stage.FREEZE), closed=_undecided),
    Phase.REVEAL: PhaseSpec(enter=_enter_reveal, closed=_closed_reveal),
    Phase.OUTCOME: PhaseSpec(enter=lambda task: task.start(Stage.OUTCOME), closed=_undecided),
}
