"""A simulated committee deciding one task, all of it determined by a seed."""

import random

from consensus.agreement.effects import Convict, Persist
from consensus.bodies import AnswerSpec, Budget, Content, Note, Speaker, TaskOpen
from consensus.committee import Committee, FaultMode
from consensus.deliberation.effects import Finish, Links, Progress
from consensus.deliberation.points import POINT_NAME
from consensus.deliberation.requests import DraftRequest, JudgeRequest
from consensus.deliberation.scribe import Scribe
from consensus.envelope import ZERO, Ctx, Envelope, Kind, Stage, tagged_hash
from consensus.policy import Policy
from consensus.ports import Message

from ..wire.admission import Gate, Refusal
from .choices import Choices
from .member import Mind, SafetyError, SimNode
from .network import Clock, Network, Weather
from .ring import KeyRing

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")
"""What transcripts call members, by position."""


class Swarm:
    """A committee deciding one task, all of it determined by `seed`.

    Whatever two honest members decide is compared as it happens, at every point of every
    round, and nobody honest may be convicted; either raises `SafetyError`. If `gated`, all that a
    member is handed passes the daemon's gate first; boxes then have the sizes that it demands.
    """

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
        budget: Budget | None = None,
        choices: Choices | None = None,
        gated: bool = False,
    ) -> None:
        policy = policy or Policy()
        self.choices = choices or Choices()
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.network = Network(self.clock, weather or Weather(), self.rng, self.choices)
        self.ring = self.make_ring(policy, gated)
        self.names = tuple(
            NAMES[at] if at < len(NAMES) else f"member-{at}" for at in range(len(minds))
        )
        members = sorted(self.ring.identity(f"member {index}") for index in range(len(minds)))
        self.committee = Committee(
            network=tagged_hash("sim-network"),
            members=tuple(members),
            families=families or tuple(f"family {index}" for index in range(len(minds))),
            mode=mode,
            policy=policy,
        )
        self.decided: dict[tuple[int, Stage], bytes] = {}
        self.opened = self._open(answer, seed, budget or Budget())
        self.gate = self._gate() if gated else None
        self._admitted: dict[tuple[Envelope, bool], Message | None] = {}
        self.nodes = [self.make_node(index, mind) for index, mind in enumerate(minds)]
        self._by_member: dict[bytes, SimNode] = {node.member: node for node in self.nodes}

    def make_ring(self, policy: Policy, gated: bool) -> KeyRing:
        """The keys; a scenario may sign and seal as nodes do."""
        return KeyRing(policy.proposal_bytes) if gated else KeyRing()

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
        return [node for node in self.nodes if node.honest]

    def node(self, member: bytes) -> SimNode:
        """The node of a member."""
        return self._by_member[member]

    def outcomes(self) -> set[bytes]:
        """The distinct last decided values among honest nodes that have one."""
        return {node.finish.rounds[-1].points[-1].value for node in self.honest() if node.finish}

    def links_changed(self) -> None:
        """Tell every node who can be reached."""
        up = frozenset(node.member for node in self.nodes if node.up)
        for node in self.nodes:
            if node.up:
                node.step(Links(up=up - {node.member}, rtt_ms=20))

    def admit(self, message: Message, *, asked: bool) -> Message | None:
        """What the gate makes of an envelope, or None if it refuses it; the same for everybody,
        and therefore looked at once."""
        if self.gate is None:
            return message
        key = (message.envelope, asked)
        if key not in self._admitted:
            found = self.gate.admit(message.envelope, asked=asked)
            self._admitted[key] = None if isinstance(found, Refusal) else found
        return self._admitted[key]

    # -- what a scenario watches ------------------------------------------------------

    def tears(self, node: SimNode, writes: tuple[Persist | Finish, ...]) -> bool:  # noqa: ARG002
        """Hook: whether `node` dies before this commit is durable; the scenario crashes it."""
        return False

    def persisted(self, node: SimNode, effect: Persist) -> None:
        """Hook: `node` made a slot durable."""

    def finished(self, node: SimNode) -> None:
        """Hook: `node` has its verdict."""

    def tell(self, node: SimNode, what: str) -> None:
        """Hook: a line for whoever reads along."""

    def asked(self, node: SimNode, request: DraftRequest | JudgeRequest) -> None:
        """Hook: `node` asks its model."""

    def forged_notes(self, held: tuple[Note, ...], rng: random.Random) -> tuple[Note, ...]:  # noqa: ARG002
        """Hook: what a Byzantine member carries in place of the notes that it holds."""
        return held

    def sent(self, node: SimNode, goal: SimNode, message: Message) -> None:
        """Hook: a Byzantine `node` sends an own message to `goal`."""

    def progressed(self, node: SimNode, effect: Progress) -> None:
        """`node` has something to tell; a decision is compared with everybody else's."""
        if effect.what != "decided" or not node.honest or node.task is None:
            return
        point = effect.detail["point"]
        stage = next(stage for stage, name in POINT_NAME.items() if name == point)
        value = node.task.rounds[effect.round - 1].points[stage].value
        if self.decided.setdefault((effect.round, stage), value) != value:
            raise SafetyError(f"{node.name} decided the {point} of round {effect.round} otherwise")

    def convicted(self, node: SimNode, effect: Convict) -> None:
        """`node` holds evidence; it may not be about an honest member."""
        culprit = self.node(effect.first.signer)
        if culprit.honest:
            kind = effect.first.kind.name
            raise SafetyError(f"{node.name} convicts honest {culprit.name} of two {kind}s")

    def _gate(self) -> Gate:
        task, committee = self.opened.id, self.committee
        return Gate(
            network=committee.network,
            task=lambda known: committee if bytes(known) == bytes(task) else None,
            reader=self.ring.reader(),
            speakers=lambda _: self.speakers(),
        )

    def speakers(self) -> tuple[Speaker, ...]:
        """Who may put notes into the task (R1c); a scenario may name some."""
        return ()

    def _open(self, answer: AnswerSpec, seed: int, budget: Budget) -> Message:
        body = TaskOpen(
            committee=self.committee,
            messages=(Content(text="which one?"),),
            answer=answer,
            domain="simulation",
            opened_at_ms=0,
            not_after_ms=86_400_000,
            budget=budget,
            nonce=tagged_hash("sim-nonce", seed.to_bytes(8, "big"))[:16],
            speakers=self.speakers(),
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
