"""Small simulated swarms for tests: honest members, and one that does as a test says."""

import random
from collections.abc import Callable, Sequence

from consensus.bodies import AnswerKind, AnswerSpec, Body
from consensus.committee import FaultMode
from consensus.envelope import Kind, Stage
from consensus.policy import Policy
from consensus.ports import Message
from consensus.verdict import Bundle, Checked, verify
from node.sim.mallory import Mallory
from node.sim.member import Mind, SimNode
from node.sim.minds import opinionated
from node.sim.network import Weather
from node.sim.swarm import Swarm

SPEC = AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b", "c"))
ORDERS = ("abc", "acb", "bac", "cab", "bca", "cba", "abc")
"""What the members' models think, best first: they disagree."""

QUICK = Policy(
    rounds=1, accept_ms=1_000, draft_ms=2_000, exchange_ms=1_500, judge_ms=2_000, open_ms=1_500
)
"""One round, with deadlines of seconds."""

Bend = Callable[["Puppet", Message, SimNode], Sequence[Message]]
"""What a puppet sends to a member in place of one of its own messages."""


class Puppet(SimNode):
    """A Byzantine member: `bend` says what each of the others gets for each of its messages."""

    honest = False
    bend: Bend

    def lacking(self, round_: int, prefixes: frozenset[bytes], member: bytes) -> list[Message]:
        """It relays what others said; its own word goes by `bend` alone."""
        held = super().lacking(round_, prefixes, member)
        return [message for message in held if message.signer != self.member]

    def send(self, message: Message) -> None:
        for goal in self.others():
            for made in self.bend(self, message, goal):
                self.deliver(goal, made)

    def sign(self, round_: int, stage: Stage, kind: Kind, body: Body) -> Message:
        """A message of this member's own that its task knows nothing of."""
        assert self.task is not None
        return self.task.scribe.sign(round_, stage, kind, body)

    def resign(self, like: Message, body: Body) -> Message:
        """Another message for the slot of `like`."""
        return self.sign(like.ctx.round, like.ctx.stage, like.kind, body)


class SmallSwarm(Swarm):
    """`count` members; the last is a puppet if `bend` is given, mallory if `habits` are."""

    def __init__(
        self,
        count: int = 4,
        *,
        bend: Bend | None = None,
        habits: frozenset[str] = frozenset(),
        minds: Sequence[Mind] = (),
        seed: int = 1,
        mode: FaultMode = FaultMode.BYZANTINE,
        policy: Policy = QUICK,
        weather: Weather | None = None,
        families: tuple[str, ...] = (),
        spec: AnswerSpec = SPEC,
    ) -> None:
        self._bend = bend
        self._habits = habits
        self._count = count
        super().__init__(
            minds=tuple(minds) or tuple(opinionated(ORDERS[at % 7]) for at in range(count)),
            answer=spec,
            seed=seed,
            mode=mode,
            policy=policy,
            weather=weather,
            families=families,
        )

    def make_node(self, position: int, mind: Mind) -> SimNode:
        if position == self._count - 1 and self._habits:
            rng = random.Random(self._count)
            return Mallory(self, position, mind, habits=self._habits, rng=rng)
        if self._bend is None or position != self._count - 1:
            return super().make_node(position, mind)
        puppet = Puppet(self, position, mind)
        puppet.bend = self._bend
        return puppet


def honestly(puppet: Puppet, message: Message, goal: SimNode) -> Sequence[Message]:
    """What everybody else would send."""
    return (message,)


def decided(swarm: Swarm, *, limit: int = 120_000) -> Checked:
    """Run to the end: every honest member decides in time, all the same, and it verifies."""
    assert swarm.run(limit=limit), {node.name: stands(node) for node in swarm.nodes}
    checked = [verdict(swarm, node) for node in swarm.honest()]
    assert len({one.id for one in checked}) == 1
    return checked[0]


def verdict(swarm: Swarm, node: SimNode) -> Checked:
    """The verdict of one member, exported and verified."""
    assert node.finish is not None
    data = Bundle.of(node.finish).encode()
    return verify(Bundle.decode(data), swarm.ring.reader(), None)


def stands(node: SimNode) -> str:
    """Where a member stands, for a failing test."""
    if node.task is None:
        return "down"
    rounds = [len(state.points) for state in node.task.rounds]
    return f"{node.task.phase.name}, points a round: {rounds}"
