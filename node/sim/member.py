"""A simulated member: the real `Task`, its effects carried out in memory.

It does what the daemon's runner, archive and sync do, in the same order and with the same
bounds on what is read, so that a schedule that breaks here would break there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from consensus.agreement.effects import Convict, Persist, Send, SetTimer, TimerKey, Want
from consensus.bodies import Note, Proposal, Views
from consensus.deliberation.effects import (
    Behind,
    Draft,
    Drafted,
    Effect,
    Event,
    Expire,
    Finish,
    GiveUp,
    Judge,
    Judged,
    Noted,
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
from consensus.deliberation.requests import DraftRequest, JudgeRequest, Judgment
from consensus.deliberation.scribe import Kept, slot_of
from consensus.deliberation.task import Task
from consensus.envelope import Kind, MessageId, tagged_hash
from consensus.ports import Message

if TYPE_CHECKING:
    from .swarm import Swarm

SYNC_MS = 500
"""Time between two digests to a peer while a task is undecided (T2)."""
SEEK_MS = 30
"""How long a named id may still be on its way by itself before it is asked for."""
PREFIX = 8
"""Bytes of a message id in a digest."""
UPTIME_MS = 1_000_000
"""What a monotonic clock may read when a process starts, at most: it starts anywhere."""


class SafetyError(AssertionError):
    """A promise was broken: two envelopes in one slot, two decisions, an honest convict."""


class LivenessError(AssertionError):
    """The network behaves, and an honest member does not decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mind:
    """A simulated model: pure functions of the request, and how long it thinks (ms).

    A function may return None for a model that fails, a delay of None for one that hangs.
    """

    draft: Callable[[DraftRequest], Proposal | None]
    judge: Callable[[JudgeRequest], Judgment | None]
    delay: int | None = 5


@dataclass(kw_only=True)
class Disk:
    """What survives a crash: the task's secret, the stored slots and notes, the verdict."""

    secret: bytes
    kept: dict[object, Kept] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    finish: Finish | None = None

    def store(self, effect: Persist) -> None:
        """Fill a slot for ever."""
        key = slot_of(effect.message)
        there = self.kept.setdefault(key, Kept(message=effect.message, secret=effect.secret))
        if there.message.id != effect.message.id:
            raise SafetyError(f"a second envelope for slot {key}")


class SimNode:
    """One member that keeps to the protocol."""

    honest = True
    """Whether agreement is promised to this member."""

    def __init__(self, swarm: "Swarm", position: int, mind: Mind) -> None:
        self.swarm = swarm
        self.position = position
        self.member = swarm.committee.members[position]
        self.mind = mind
        self.disk = Disk(secret=tagged_hash("sim-secret", self.member, swarm.opened.id))
        self.views: Views | None = None
        """What its ledger says of the members; None for neutral views."""
        self.wall_offset_ms = 0
        """By how much its wall clock is off."""
        self.up = False
        self.gave_up = False
        self.task: Task | None = None
        self.progress: list[Progress] = []
        self.convictions: list[Convict] = []
        self._life = 0
        self._monotonic_from = 0
        self._timers: dict[TimerKey, int] = {}
        self._asked = 0
        self._seeking = False

    @property
    def name(self) -> str:
        """What a transcript calls this member."""
        return self.swarm.names[self.position]

    @property
    def life(self) -> int:
        """How often it has started."""
        return self._life

    @property
    def finish(self) -> Finish | None:
        """The decided task, once it is."""
        return self.disk.finish

    @property
    def running(self) -> Task | None:
        """The task while this member is up, has no verdict and has not given up."""
        over = self.disk.finish is not None or self.gave_up
        return self.task if self.up and not over else None

    @property
    def now(self) -> int:
        """Its monotonic clock, which every life starts anew, anywhere (ms)."""
        return self.swarm.clock.now - self._monotonic_from

    @property
    def wall_ms(self) -> int:
        """Its wall clock, which jumps."""
        return self.swarm.clock.now + self.wall_offset_ms

    def boot(self) -> None:
        """Start, or start again from what the disk holds."""
        self.up = True
        self._life += 1
        if self._life > 1:
            start = int.from_bytes(self.member[:4], "big") * self._life % UPTIME_MS
            self._monotonic_from = self.swarm.clock.now - start
        self._timers.clear()
        self._seeking = False
        self.swarm.tell(self, "starts")
        if self.disk.finish is None:
            self.task = self.make_task()
            self.perform(self.task.begin(self.now))
        self.swarm.links_changed()
        self._sync(self._life)

    def make_task(self) -> Task:
        """The task from what the disk holds."""
        return Task(
            opened=self.swarm.opened,
            reader=self.swarm.ring.reader(),
            writer=self.swarm.ring.writer(self.member),
            secret=self.disk.secret,
            kept=tuple(self.disk.kept.values()),
            views=self.views,
            notes=tuple(self.disk.notes),
        )

    def noted(self, note: Note) -> None:
        """A person hands in a note: it is stored, and the task hears of it (R1c)."""
        self.disk.notes.append(note)
        self.step(Noted(note=note))

    def crash(self) -> None:
        """Lose everything but the disk."""
        self.up = False
        self.task = None
        self._life += 1
        self.swarm.tell(self, "crashes")
        self.swarm.links_changed()

    def step(self, event: Event) -> None:
        """Hand an event to the task and do what it asks."""
        task = self.running
        if task is not None:
            self.perform(task.step(event, self.now))

    def receive(self, message: Message, source: "SimNode") -> None:
        """A message from a peer: read as the daemon's gate and runner read it."""
        if not self.up:
            return
        task = self.running
        if task is None:  # A14: the task is over, and its sender may not know
            self._carry(source, lambda: source.told(self))
            return
        if task.holds(message.id):
            return
        alone = message.kind is Kind.PROPOSAL
        if alone and message.id not in task.wanted():
            return  # unasked
        admitted = self.swarm.admit(message, asked=alone)
        if admitted is not None:
            self.step(Receive(message=admitted, source=source.member))

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out what one step asks for: all its writes in one commit, then the rest in order,
        as the daemon's queue does (A13)."""
        effects = tuple(effects)
        if not self._commit(tuple(one for one in effects if isinstance(one, Persist | Finish))):
            return
        for effect in effects:
            self._perform(effect)
            if not self.up:
                return

    def _commit(self, writes: tuple[Persist | Finish, ...]) -> bool:
        """One durable commit. False if this member dies of it: before, and nothing is written, or
        after, and nothing that follows is done."""
        if not writes:
            return True
        if self.swarm.tears(self, writes):
            return False
        for write in writes:
            if isinstance(write, Finish):
                self.disk.finish = write
            else:
                self.disk.store(write)
        for write in writes:
            if isinstance(write, Finish):
                self.swarm.finished(self)
            else:
                self.swarm.persisted(self, write)
        return self.up

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Persist() | Finish():
                pass  # in one commit, before all else
            case Send():
                self.send(effect.message)
            case Reply():
                for message in effect.messages:
                    self.deliver(self.swarm.node(effect.member), message)
            case SetTimer():
                self._set_timer(effect)
            case Draft():
                self._think(self.draft(effect.request))
            case Judge():
                self._think(self.judge(effect.request))
            case Wrap():
                boxes = self.swarm.ring.wrap(effect.proposal, effect.paths, effect.secret)
                self.step(Wrapped(round=effect.round, boxes=boxes))
            case Peel():
                opened = self.swarm.ring.peel(self.member, effect.boxes)
                self.step(Peeled(round=effect.round, boxes=opened))
            case Unwrap():
                found = self.swarm.ring.unwrap(self.member, effect.boxes)
                self.step(Unwrapped(round=effect.round, envelopes=found))
            case Want():
                self.seek(len(self.swarm.nodes) - 1)
            case Behind():
                self.digest_to(self.swarm.node(effect.member))
            case Progress():
                self.progress.append(effect)
                self.swarm.progressed(self, effect)
            case Convict():
                self.convictions.append(effect)
                self.swarm.convicted(self, effect)
            case GiveUp():
                self.gave_up = True
            case Release():
                pass

    # -- the model --------------------------------------------------------------------

    def draft(self, request: DraftRequest) -> Drafted:
        """What the model drafts."""
        self.swarm.asked(self, request)
        answer = self.mind.draft(request)
        failure = "" if answer else "the simulated model failed"
        return Drafted(round=request.round, proposal=answer, failure=failure)

    def judge(self, request: JudgeRequest) -> Judged:
        """What the model judges."""
        self.swarm.asked(self, request)
        judgment = self.mind.judge(request)
        failure = "" if judgment else "the simulated model failed"
        return Judged(round=request.round, judgment=judgment, failure=failure)

    # -- sending ----------------------------------------------------------------------

    def others(self) -> list["SimNode"]:
        """Every other member."""
        return [node for node in self.swarm.nodes if node.position != self.position]

    def send(self, message: Message) -> None:
        """Send an own message to everybody."""
        for goal in self.others():
            self.deliver(goal, message)

    def deliver(self, goal: "SimNode", message: Message) -> None:
        """Send one message over the network."""
        network, here = self.swarm.network, self.position
        network.carry(here, goal.position, lambda: goal.receive(message, self), message)

    # -- catching up (T2) -------------------------------------------------------------

    def digest_to(self, goal: "SimNode") -> None:
        """Tell `goal` what this node holds."""
        task = self.running
        if task is not None:
            round_, held = task.held(goal.member)
            prefixes = frozenset(held[at : at + PREFIX] for at in range(0, len(held), PREFIX))
            self._carry(goal, lambda: goal.digested(self, round_, prefixes))

    def told(self, origin: "SimNode") -> None:
        """`origin` has a verdict or is in a later round: say what is held here."""
        self.digest_to(origin)

    def digested(self, origin: "SimNode", round_: int, prefixes: frozenset[bytes]) -> None:
        """Push what the sender of a digest lacks, conflicting votes included."""
        if not self.up:
            return
        task = self.running
        if task is not None and round_ > (task.rounds[-1].number if task.rounds else 0):
            self.digest_to(origin)
        for message in self.lacking(round_, prefixes, origin.member):
            self.deliver(origin, message)

    def lacking(self, round_: int, prefixes: frozenset[bytes], member: bytes) -> list[Message]:
        """What a member that is in `round_` and holds `prefixes` lacks: while the task runs,
        of all that is held; afterwards, of what the verdict holds."""
        task, finish = self.running, self.finish
        if task is not None:
            return task.lacking(round_, prefixes, member)
        if finish is None or max(round_, 1) > len(finish.rounds):
            return []
        record = finish.rounds[max(round_, 1) - 1]
        votes = [vote for point in record.points for vote in (point.carrier, *point.precommits)]
        held = [*record.named, *votes]
        return [message for message in held if message.id[:PREFIX] not in prefixes]

    def seek(self, tries: int) -> None:
        """Something held names what is not held: soon ask, up to `tries` members in turn."""
        if not self._seeking and tries > 0:
            self._seeking = True

            def ask() -> None:
                self._seeking = False
                if self.running is not None and self.running.wanted():
                    self.ask()
                    self.seek(tries - 1)

            self._later(SEEK_MS, ask)

    def ask(self) -> None:
        """Ask the next member in turn for what is named here and not held."""
        task = self.running
        ids = task.wanted() if task is not None else ()
        others = self.others()
        if ids and others:
            goal = others[self._asked % len(others)]
            self._asked += 1
            self._carry(goal, lambda: goal.asked(self, ids))

    def asked(self, origin: "SimNode", ids: Iterable[MessageId]) -> None:
        """Answer a Want."""
        if not self.up:
            return
        for item in ids:
            message = self.find(item, origin.member)
            if message is not None:
                self.deliver(origin, message)

    def find(self, item: MessageId, member: bytes) -> Message | None:
        """A message by id, from the running task or from the verdict."""
        task, finish = self.running, self.finish
        if task is not None:
            return task.find(item, member)
        named = (message for record in finish.rounds for message in record.named) if finish else ()
        return next((message for message in named if message.id == item), None)

    # -- internals --------------------------------------------------------------------

    def _sync(self, life: int) -> None:
        if life != self._life or self.running is None:
            return
        for goal in self.others():
            self.digest_to(goal)
        self.ask()
        self.swarm.clock.after(SYNC_MS, lambda: self._sync(life))

    def _set_timer(self, effect: SetTimer) -> None:
        """Set again under the same key, a timer replaces the earlier one."""
        key = effect.key
        number = self._timers.get(key, 0) + 1
        self._timers[key] = number

        def expire() -> None:
            if self._timers.get(key) == number:
                self.step(Expire(key=key))

        self._later(effect.delay_ms, expire)

    def _think(self, event: Drafted | Judged) -> None:
        if self.mind.delay is not None:
            self._later(self.mind.delay, lambda: self.step(event))

    def _later(self, delay: int, act: Callable[[], None]) -> None:
        """Have `act` happen unless this node crashes first."""
        life = self._life
        self.swarm.clock.after(delay, lambda: act() if life == self._life else None)

    def _carry(self, goal: "SimNode", act: Callable[[], None]) -> None:
        self.swarm.network.carry(self.position, goal.position, act)
