"""Nodes of a simulated swarm: the real `Task`, its effects carried out in memory."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from consensus.agreement.effects import Convict, Persist, Send, SetTimer, Want
from consensus.bodies import AnswerSpec, Budget, Content, Proposal, TaskOpen
from consensus.committee import Committee, FaultMode
from consensus.deliberation.effects import (
    Behind,
    Draft,
    Drafted,
    Effect,
    Event,
    Expire,
    Finish,
    Judge,
    Judged,
    Links,
    Progress,
    Receive,
    Release,
    Reply,
)
from consensus.deliberation.requests import DraftRequest, JudgeRequest, Judgment
from consensus.deliberation.scribe import Kept, Scribe, slot_of
from consensus.deliberation.task import Phase, Task
from consensus.envelope import ZERO, Ctx, Kind, MessageId, Stage, tagged_hash
from consensus.policy import Policy
from consensus.ports import Message

from .network import Clock, Network, Weather
from .ring import KeyRing

SYNC_MS = 500
"""Time between two digests to a peer while a task is undecided (T2)."""


class SafetyError(AssertionError):
    """A node was about to break a promise: a second envelope in one slot."""


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
    """What survives a crash: the task's secret and the stored slots."""

    secret: bytes
    kept: dict[object, Kept] = field(default_factory=dict)

    def store(self, effect: Persist) -> None:
        """Fill a slot for ever."""
        key = slot_of(effect.message)
        there = self.kept.setdefault(key, Kept(message=effect.message, secret=effect.secret))
        if there.message.id != effect.message.id:
            raise SafetyError(f"a second envelope for slot {key}")


class SimNode:
    """One honest member."""

    def __init__(self, swarm: "Swarm", position: int, mind: Mind) -> None:
        self.swarm = swarm
        self.position = position
        self.member = swarm.committee.members[position]
        self.mind = mind
        self.disk = Disk(secret=tagged_hash("sim-secret", self.member, swarm.opened.id))
        self.up = False
        self.task: Task | None = None
        self.finish: Finish | None = None
        self.progress: list[Progress] = []
        self.convictions: list[Convict] = []
        self._life = 0

    def boot(self) -> None:
        """Start, or start again from what the disk holds."""
        self.up = True
        self._life += 1
        self.task = Task(
            opened=self.swarm.opened,
            reader=self.swarm.ring.reader(),
            writer=self.swarm.ring.writer(self.member),
            secret=self.disk.secret,
            kept=tuple(self.disk.kept.values()),
        )
        self.perform(self.task.begin(self.swarm.clock.now))
        self.swarm.links_changed()
        self._sync(self._life)

    def crash(self) -> None:
        """Lose everything but the disk."""
        self.up = False
        self.task = None
        self._life += 1
        self.swarm.links_changed()

    def step(self, event: Event) -> None:
        """Hand an event to the task and do what it asks."""
        if self.up and self.task is not None:
            self.perform(self.task.step(event, self.swarm.clock.now))

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry effects out in order."""
        for effect in effects:
            match effect:
                case Persist():
                    self.disk.store(effect)
                    self.swarm.persisted(self, effect)
                    if not self.up:  # a crash between the write and what follows it
                        return
                case Send():
                    for goal in self.swarm.nodes:
                        if goal is not self:
                            self.deliver(goal, effect.message)
                case Reply():
                    for message in effect.messages:
                        self.deliver(self.swarm.node(effect.member), message)
                case SetTimer():
                    self._later(effect.delay_ms, Expire(key=effect.key))
                case Draft():
                    answer = self.mind.draft(effect.request)
                    drafted = Drafted(
                        round=effect.request.round,
                        proposal=answer,
                        failure="" if answer else "the simulated model failed",
                    )
                    self._think(drafted)
                case Judge():
                    judgment = self.mind.judge(effect.request)
                    judged = Judged(
                        round=effect.request.round,
                        judgment=judgment,
                        failure="" if judgment else "the simulated model failed",
                    )
                    self._think(judged)
                case Want():
                    for goal in self.swarm.nodes:
                        if goal is not self:
                            self._carry(goal, lambda g=goal, i=effect.ids: g.asked(self, i))
                case Behind():
                    self.digest_to(self.swarm.node(effect.member))
                case Finish():
                    self.finish = effect
                    self.swarm.finished(self)
                case Progress():
                    self.progress.append(effect)
                    self.swarm.progressed(self, effect)
                case Convict():
                    self.convictions.append(effect)
                case Release():
                    pass
            if not self.up:
                return

    def deliver(self, goal: "SimNode", message: Message) -> None:
        """Send one message over the network."""
        self._carry(goal, lambda: goal.step(Receive(message=message, source=self.member)))

    # -- catching up (T2) -------------------------------------------------------------

    def digest_to(self, goal: "SimNode") -> None:
        """Tell `goal` what this node holds."""
        if self.task is not None:
            round_, held = self.task.held()
            self._carry(goal, lambda: goal.digested(self, round_, held))

    def digested(self, origin: "SimNode", round_: int, held: bytes) -> None:
        """Push what the sender of a digest lacks, conflicting votes included."""
        if not self.up or self.task is None:
            return
        prefixes = frozenset(held[at : at + 8] for at in range(0, len(held), 8))
        for message in self.task.lacking(round_, prefixes):
            self.deliver(origin, message)

    def asked(self, origin: "SimNode", ids: Iterable[MessageId]) -> None:
        """Answer a Want."""
        if self.up and self.task is not None:
            for item in ids:
                message = self.task.find(item)
                if message is not None:
                    self.deliver(origin, message)

    # -- internals --------------------------------------------------------------------

    def _sync(self, life: int) -> None:
        if life != self._life or not self.up:
            return
        if self.task is not None and self.task.phase is not Phase.DONE:
            for goal in self.swarm.nodes:
                if goal is not self:
                    self.digest_to(goal)
        self.swarm.clock.after(SYNC_MS, lambda: self._sync(life))

    def _think(self, event: Drafted | Judged) -> None:
        if self.mind.delay is not None:
            self._later(self.mind.delay, event)

    def _later(self, delay: int, event: Event) -> None:
        life = self._life

        def act() -> None:
            if life == self._life:
                self.step(event)

        self.swarm.clock.after(delay, act)

    def _carry(self, goal: "SimNode", act: Callable[[], None]) -> None:
        self.swarm.network.carry(self.position, goal.position, act)


class Swarm:
    """A committee deciding one task, all of it determined by `seed`."""

    def __init__(
        self,
        *,
        minds: tuple[Mind, ...],
        answer: AnswerSpec,
        seed: int = 0,
        mode: FaultMode = FaultMode.BYZANTINE,
        policy: Policy | None = None,
        weather: Weather | None = None,
        families: tuple[str, ...] = (),
    ) -> None:
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.network = Network(self.clock, weather or Weather(), self.rng)
        self.ring = KeyRing()
        members = sorted(self.ring.identity(f"member {index}") for index in range(len(minds)))
        self.committee = Committee(
            network=tagged_hash("sim-network"),
            members=tuple(members),
            families=families or tuple(f"family {index}" for index in range(len(minds))),
            mode=mode,
            policy=policy or Policy(),
        )
        self.opened = self._open(answer, seed)
        self.nodes = [self.make_node(index, mind) for index, mind in enumerate(minds)]

    def make_node(self, position: int, mind: Mind) -> SimNode:
        """The node at `position`; a scenario may put another kind there."""
        return SimNode(self, position, mind)

    def boot(self) -> None:
        """Start every node."""
        for node in self.nodes:
            node.boot()

    def run(self, *, limit: int = 3_600_000) -> bool:
        """Boot and let time pass until every honest node that is up has finished."""
        self.boot()
        return self.clock.run(self.settled, limit)

    def settled(self) -> bool:
        """Whether every node that counts has its verdict."""
        return all(node.finish is not None for node in self.honest() if node.up)

    def honest(self) -> list[SimNode]:
        """Nodes whose agreement is promised."""
        return self.nodes

    def node(self, member: bytes) -> SimNode:
        """The node of a member."""
        return next(node for node in self.nodes if node.member == member)

    def outcomes(self) -> set[bytes]:
        """The distinct last decided values among honest nodes that have one."""
        return {
            node.finish.rounds[-1].points[-1].value for node in self.honest() if node.finish
        }

    def links_changed(self) -> None:
        """Tell every node who can be reached."""
        up = frozenset(node.member for node in self.nodes if node.up)
        for node in self.nodes:
            if node.up:
                node.step(Links(up=up - {node.member}, rtt_ms=20))

    def persisted(self, node: SimNode, effect: Persist) -> None:
        """Hook: `node` made a slot durable."""

    def progressed(self, node: SimNode, effect: Progress) -> None:
        """Hook: `node` has something to tell."""

    def finished(self, node: SimNode) -> None:
        """Hook: `node` has its verdict."""

    def _open(self, answer: AnswerSpec, seed: int) -> Message:
        body = TaskOpen(
            committee=self.committee,
            messages=(Content(text="which one?"),),
            answer=answer,
            domain="simulation",
            opened_at_ms=0,
            not_after_ms=86_400_000,
            budget=Budget(),
            nonce=tagged_hash("sim-nonce", seed.to_bytes(8, "big"))[:16],
        )
        base = Ctx(
            network=self.committee.network,
            committee=self.committee.hash,
            task=ZERO,
            round=0,
            stage=Stage.OPEN,
        )
        scribe = Scribe(
            writer=self.ring.writer(self.committee.members[0]), base=base, secret=bytes(32)
        )
        return scribe.sign(0, Stage.OPEN, Kind.TASK_OPEN, body)
