"""One member's part in one task: events in, ordered effects out (rules S7, R, P3).

`PHASES` is the table of a round: how each phase is entered and what closes it. A phase
closes by its own rule, or because a later point is decided (R0). Whoever drives a `Task`
carries its effects out in order, a `Persist` durably before whatever follows it (A13), and
brings time along: `now_ms` is a monotonic clock.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from ..agreement.effects import (
    Convict,
    Persist,
    Send,
    SetTimer,
    TimerKey,
)
from ..agreement.timing import Timing
from ..bodies import Acceptance, Batch, Body, Commit, Note, TaskOpen, Views
from ..envelope import POINTS, VOTES, Kind, MessageId, Stage
from ..ports import Message, Reader, Writer
from .deciding import Deciding
from .desk import Desk
from .effects import (
    Behind,
    Drafted,
    Effect,
    Event,
    Expire,
    Finish,
    GiveUp,
    Judged,
    Links,
    Noted,
    Peeled,
    Progress,
    Receive,
    Release,
    Reply,
    RoundRecord,
    Unwrapped,
    Wrapped,
)
from .exchange import Exchange, whole
from .phases import AFTER, PHASES, Phase
from .round import PREFIX, RoundState, lacking
from .scribe import Kept, Scribe

SETTLE_MS = 250
"""A point decided this long ago answers stragglers with its certificate (A14): earlier, late
votes of the same quorum are still on the way and need no answer."""
CERTIFICATE_EVERY_MS = 500
"""Least time between two certificates for one point to one peer (A14)."""
NEUTRAL = 5_000
"""Reputation view of a member nothing is known about, in bp (L3)."""


PRIVATE = (Kind.PACKET, Kind.BUNDLE)
"""Kinds that go from one member to one other and are relayed to nobody (R3)."""


class Task:
    """The state machine of one member in one task.

    `opened` is the verified TaskOpen; `refusal` a reason not to take part (S7), empty to
    accept. `active` is False for a member that may not sign here (A13): it follows and learns
    the verdict. `secret` are 32 bytes known to this member alone, `kept` its own stored
    messages, `views` what its ledger says of the members, `notes` people's notes that it stored.
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
        views: Views | None = None,
        notes: tuple[Note, ...] = (),
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
        self.exchange: Exchange = Exchange(self)
        self.reader = reader
        self.refusal = refusal
        self.member = self.committee.position(self.me) is not None
        self.active = active and self.member and not refusal
        self.mute = not active or not self.member
        neutral = (NEUTRAL,) * self.quorum.n
        self.views = views or Views(authors=neutral, judges=neutral)
        self.notes = {note.id(self.id): note for note in notes}
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
        self.desk: Desk = Desk(self)
        self.deciding: Deciding = Deciding(self)
        self.began: int | None = None
        self.up: frozenset[bytes] = frozenset()
        self.timing = Timing(policy=self.policy)
        self._acceptances: dict[bytes, Message] = {}
        self._two_faced: set[bytes] = set()
        self._answered: dict[tuple[bytes, int, Stage], int] = {}
        self._ahead: set[bytes] = set()
        self._later: set[bytes] = set()

    # -- events -----------------------------------------------------------------------

    def begin(self, now_ms: int) -> list[Effect]:
        """Enter the task: answer the TaskOpen. To be called once, before any `step`."""
        self.now = self.began = now_ms
        PHASES[Phase.OPENING].enter(self)
        return self._flush()

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Handle one event and say what is to be done, in order."""
        self.now = now_ms
        if not self.over:
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
                case Wrapped():
                    self.exchange.wrapped(event)
                case Peeled():
                    self.exchange.peeled(event)
                case Unwrapped():
                    self.exchange.unwrapped(event)
                case Noted():
                    self.notes[event.note.id(self.id)] = event.note
                case _:
                    assert_never(event)
        return self._flush()

    # -- what the surroundings may ask ------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether the task has ended here, with a verdict (`finished`) or without."""
        return self.phase is Phase.DONE

    @property
    def round(self) -> RoundState:
        """The current round."""
        return self.rounds[-1]

    def held(self, member: bytes) -> tuple[int, bytes]:
        """For a digest to `member`: the round this member is in (0 while opening) and the 8-byte
        prefixes of the ids it holds there, concatenated (T2)."""
        if not self.rounds:
            return 0, b"".join(message.id[:PREFIX] for message in self._acceptances.values())
        held = self.round.relayed() + self.round.waiting() + self.round.passed_by(member)
        return self.round.number, b"".join(m.id[:PREFIX] for m in held)

    def lacking(self, round_: int, prefixes: frozenset[bytes], member: bytes) -> list[Message]:
        """What `member` that is in `round_` and holds `prefixes` lacks of that round."""
        if round_ == 0:
            return lacking(self._acceptances.values(), prefixes)
        known = [state for state in self.rounds if state.number == round_]
        if not known:
            return []
        return lacking(known[0].relayed() + self._addressed(round_, member), prefixes)

    def _addressed(self, round_: int, member: bytes) -> list[Message]:
        """Own packets and bundles for `member`: they go to nobody else (R3)."""
        own = self.scribe.content(round_)
        return [
            message
            for message in own
            if message.kind in PRIVATE and self.exchange.goal(message) == member
        ]

    def find(self, item: MessageId, member: bytes) -> Message | None:
        """A held message or proposal of any round, as `member` may have it."""
        for state in reversed(self.rounds):
            found = state.lookup(item)
            if found is not None:
                return found
            for message in self._addressed(state.number, member):
                if message.id == item:
                    return message
        return None

    def holds(self, item: MessageId) -> bool:
        """Whether a message is kept already, so that another copy need not be looked at."""
        if self.rounds and self.round.holds(item):
            return True
        return any(message.id == item for message in self._acceptances.values())

    def acceptances(self) -> tuple[Message, ...]:
        """The answers to the TaskOpen that are held, refusals among them (S7)."""
        return tuple(self._acceptances.values())

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
            self.deciding.absorb(state.instances[stage].receive(message))
            return
        if message.kind in PRIVATE:
            if self.exchange.awaits(message):  # T3
                state.pass_on(message)
            return
        if message.kind is Kind.PROPOSAL:
            state.keep_part(message)
        elif isinstance(message.body, Batch) and len(message.parts) > self.exchange.most():
            return  # T3: more than this exchange allows one sender
        else:
            new, earlier = state.keep(message)
            if earlier is not None and message.kind is not Kind.REPORT:  # S4, V1b
                self._convict(earlier, message)
            if new and message.kind is Kind.REPORT:
                self.deciding.seek(state, state.absent_of(message))
            elif new:
                self._announce(message)
        state.unpen()
        # What passes in the exchange is named by outcomes, everything else by its own point.
        point = Stage.OUTCOME if stage is Stage.EXCHANGE else stage
        self.deciding.absorb(state.instances[point].recheck())

    def _accepted(self, message: Message) -> None:
        body = message.body
        assert isinstance(body, Acceptance)
        earlier = self._acceptances.setdefault(message.signer, message)
        if earlier.id != message.id:
            if message.signer not in self._two_faced:  # others relay it again and again
                self._two_faced.add(message.signer)
                self._convict(earlier, message)
        elif earlier is message:
            what = "refused" if body.refusal else "accepted"
            self.report(what, member=message.signer.hex(), reason=body.refusal)
            if self._answers(refusing=True) > self.quorum.n - self.quorum.q:
                self.give_up("more members refused than a quorum can miss")

    def _expire(self, key: TimerKey) -> None:
        if not self.rounds:
            if self.phase is Phase.OPENING:
                missing = [m.hex() for m in self.committee.members if m not in self._acceptances]
                self.report("waiting", members=missing)
            return
        if key.round != self.round.number:
            return
        if key.name in ("close", "abstain", "entry", "exit"):
            self.round.expired.add((key.stage, key.name))
            if key.name == "abstain":
                self.desk.overdue(key.stage)
        else:
            self.deciding.absorb(self.round.instances[key.stage].expire(key))

    def _links(self, event: Links) -> None:
        self.up = event.up & frozenset(self.committee.members)
        self.timing = Timing(policy=self.policy, rtt_ms=event.rtt_ms)
        if self.rounds:
            for instance in self.round.instances.values():
                instance.timing = self.timing
                self.deciding.absorb(instance.links(self.up))

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
        while not self.over:
            if self.phase is Phase.EXCHANGE:
                self.exchange.advance()
            target = self._skip() if self.rounds else None
            if self.over:  # given up
                break
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
            if stage not in state.settled and not self.deciding.settle(stage):
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

    def give_up(self, reason: str) -> None:
        """End without a verdict."""
        self.phase = Phase.DONE
        self.out += [Release(), GiveUp(reason=reason)]

    def enter_round(self, number: int) -> None:
        """Begin round `number` with its three instances, restored where there were votes."""
        if self.rounds:
            self.round.let_pass(lambda _: False)  # T3: of no use once its round is over
        state = RoundState(number)
        self.rounds.append(state)
        for stage in POINTS:
            state.instances[stage] = self.deciding.instance(state, stage)
        for message in map(self.reader.checked, self.scribe.grounds(number)):
            state.need((message.id,))
            if message.kind is Kind.PROPOSAL:
                state.keep_part(message)
            else:
                state.keep(message)
        for message in self.scribe.content(number):
            if message.kind not in PRIVATE:
                state.keep(whole(message, self.reader))
        state.unpen()
        for report in state.penned():
            self.deciding.seek(state, state.absent_of(report))
        self.out += [Behind(member=member) for member in sorted(self._ahead)]
        self._ahead.clear()
        self.phase = Phase.DRAFT
        PHASES[Phase.DRAFT].enter(self)

    # -- closing rules ----------------------------------------------------------------

    def everyone(self, stage: Stage, done: Iterable[bytes]) -> bool:
        """R0: a message from every member whose link is up and from q, or deadline and q.

        A13: a stage that had closed in an earlier life, as its REPORT shows, is not waited for
        again. The others wait for this member's votes by then.
        """
        if self.scribe.kept(self.round.number, stage, Kind.REPORT) is not None:
            return True
        there = set(done)
        awaited = (self.up | {self.me}) - self._refusing()
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
        return self._answers(refusing=False) >= self.quorum.q

    def _answers(self, *, refusing: bool) -> int:
        bodies = [message.body for message in self._acceptances.values()]
        found = [body for body in bodies if isinstance(body, Acceptance)]
        return sum(bool(body.refusal) == refusing for body in found)

    # -- own messages -----------------------------------------------------------------

    def submit(
        self,
        stage: Stage,
        kind: Kind,
        body: Body,
        secret: bytes = b"",
        parts: tuple[Message, ...] = (),
        to: bytes | None = None,
    ) -> None:
        """Fill a slot, durably before it is sent (A13), or repeat what fills it already."""
        number = self.round.number if self.rounds else 0
        kept = self.scribe.kept(number, stage, kind, getattr(body, "view", 0))
        if kept is None:
            kept = self.scribe.fill(number, stage, kind, body, secret)
            self.out.append(Persist(message=kept.message, secret=secret))
        message = replace(kept.message, parts=parts)
        if to is None:
            self.out.append(Send(message=message))
        elif to != self.me:
            self.out.append(Reply(member=to, messages=(message,)))
        if to in (None, self.me):
            self.admit(message)

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
