"""The scenes that are told: a committee of four, each with its own trouble.

Every message takes ten milliseconds and none is lost but where a scene says so: what somebody
does at a time follows from what was sent ten milliseconds before. Each scene looks for a seed
under which those who matter to it stand where it needs them (first to propose, an entry).
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final

from consensus.agreement.effects import Persist
from consensus.agreement.instance import point_seed, proposer_order
from consensus.bodies import AnswerKind, AnswerSpec, Bundle, Commit, Seal, Vote
from consensus.deliberation.effects import Progress
from consensus.envelope import ZERO, Kind, MessageId, Stage
from consensus.policy import Policy
from consensus.ports import Message
from node.sim.member import Mind, SimNode
from node.sim.minds import opinionated
from node.sim.network import Weather
from node.sim.sentences import turns
from node.sim.telling import Scene, Telling
from node.sim.transcript import names
from tests.harness.swarms import QUICK, Bend, Puppet, honestly

SPEC = AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b", "c"))
OPINIONS = ("abc", "bac", "acb", "cab")
"""What the four think, best answer first."""
THINK_MS = (300, 500, 200, 400)
"""How long their models take."""
EVEN = Weather(delay=(10, 10), calm_delay=(10, 10))
LIMIT_MS = 120_000


class Honest(Telling, SimNode):
    """One that keeps to the protocol."""


class Bent(Telling, Puppet):
    """Mallory, who sends what `bend` makes of its words."""


class Silent(Honest):
    """Mallory, whose link is up and who never says a word."""

    honest = False

    def boot(self) -> None:
        self.up = True
        self.say("starts, and stays silent")
        self.swarm.links_changed()


class Cast(Scene):
    """Four members; `last` makes the fourth."""

    def __init__(
        self,
        *,
        seed: int,
        last: Callable[["Cast", int, Mind], SimNode] = Honest,
        policy: Policy = QUICK,
        honest: bool = True,
    ) -> None:
        self._last = last
        super().__init__(
            minds=tuple(
                opinionated(order, delay=delay)
                for order, delay in zip(OPINIONS, THINK_MS, strict=True)
            ),
            answer=SPEC,
            seed=seed,
            policy=policy,
            weather=EVEN,
        )
        self.names = names([False, False, False, not honest])
        self.listen(lambda _: None)

    def make_node(self, position: int, mind: Mind) -> SimNode:
        make = self._last if position == len(OPINIONS) - 1 else Honest
        return make(self, position, mind)

    def first(self) -> str:
        """Who proposes the slate of round 1 first."""
        order = proposer_order(self.committee, point_seed(self.opened.id, 1, Stage.SLATE, ZERO))
        return self.node(order[0]).name

    def play(self) -> list[str]:
        """All lines, to the end."""
        lines: list[str] = []
        self.listen(lines.append)
        assert self.run(limit=LIMIT_MS), "\n".join(lines)
        return lines


def bent(bend: Bend, make: type[Bent], cast: "Cast", position: int, mind: Mind) -> Bent:
    """Mallory, bent."""
    puppet = make(cast, position, mind)
    puppet.bend = bend
    return puppet


def found(make: Callable[[int], Cast], fits: Callable[[Cast], bool]) -> Cast:
    """The scene under the first seed that fits."""
    return next(cast for seed in count(1) if fits(cast := make(seed)))


# -- the scenes -----------------------------------------------------------------------


def fault_free() -> Cast:
    """Four honest members decide in one round.

    They disagree, their models take different times, and nothing goes wrong.
    """
    return Cast(seed=1)


def silent_member() -> Cast:
    """Mallory's link is up, and mallory says nothing.

    It is the first to propose the slate and stands on a path, so the others wait for it as long
    as ever: to the deadline of each stage, and for its turn to propose.
    """
    return found(
        lambda seed: Cast(seed=seed, last=Silent, honest=False),
        lambda cast: cast.first() == "mallory",
    )


def equivocator() -> Cast:
    """Mallory says two things in one slot.

    It sends one commit to alice and bob and another to carol, which nobody can know when the
    slate is put together; it sends both of two seals and of two votes on the slate to everybody.
    """
    second: dict[Kind, Message] = {}

    def bend(puppet: Puppet, message: Message, goal: SimNode) -> Sequence[Message]:
        body = message.body
        match body:
            case Commit():
                other = replace(body, commitment=bytes(31) + b"x")
            case Seal():
                other = Seal(hash=bytes(31) + b"x")
            case Vote() if message.ctx.stage is Stage.SLATE:
                other = Vote(view=body.view, value=ZERO)
            case _:
                return (message,)
        made = second.setdefault(message.kind, puppet.resign(message, other))
        if message.kind is Kind.COMMIT:
            return (made if goal.name == "carol" else message,)
        return (message, made)

    return found(
        lambda seed: Cast(seed=seed, last=partial(bent, bend, Bent), honest=False),
        lambda cast: cast.first() == "alice",
    )


class Closed(Bent):
    """Mallory, who signs an opening, reports that it holds it, and shows it to nobody."""

    def asked(self, origin: SimNode, ids: Iterable[MessageId]) -> None:
        hidden = {item.message.id for item in self.disk.kept.values() if _is_opening(item.message)}
        super().asked(origin, [item for item in ids if item not in hidden])


def _is_opening(message: Message) -> bool:
    return message.kind is Kind.OPENING


def unopened_proposal() -> Cast:
    """Mallory commits, is judged, and does not open.

    It reports its own opening all the same and shows it to nobody, so its REPORT waits in
    everybody's pen, and it is the first to propose.
    """

    def bend(puppet: Puppet, message: Message, goal: SimNode) -> Sequence[Message]:
        return () if _is_opening(message) else (message,)

    return Cast(seed=1, last=partial(bent, bend, Closed), honest=False)


class Thief(Bent):
    """Mallory, who as an entry passes on noise in place of the boxes that it was handed."""

    def deliver(self, goal: SimNode, message: Message) -> None:
        body = message.body
        if isinstance(body, Bundle) and message.signer == self.member:
            noise = tuple(bytes([at]) * 32 for at in range(len(body.boxes)))
            message = self.resign(message, Bundle(boxes=noise))
            self.say("keeps the boxes that it was handed, and puts noise in their place")
        super().deliver(goal, message)


def faulty_entry() -> Cast:
    """Mallory is the entry of a path, and passes on noise in place of what it was handed.

    The other path brings every proposal, so nothing is lost.
    """

    def make(seed: int) -> Cast:
        return Cast(seed=seed, last=partial(bent, honestly, Thief), honest=False)

    def is_entry(cast: Cast) -> bool:
        cast.boot()
        task = cast.nodes[0].task
        assert task is not None
        cast.clock.run(lambda: bool(task.rounds) and Stage.SLATE in task.round.points, LIMIT_MS)
        return task.exchange.paths(task.round)[0].entry == cast.nodes[-1].member

    return make(next(seed for seed in count(1) if is_entry(make(seed))))


class Locked(Cast):
    """At the outcome two views go by, and what one member is locked on is decided in the third.

    In the order in which they propose, the members are `first`, `second`, `locked` and `deaf`.
    Nobody else hears what `locked` prevotes in view 0, and `deaf` hears no PROPOSE, until
    the third view has come.
    """

    healed = False

    def lost(self, origin: SimNode, goal: SimNode, message: Message) -> bool:
        task = origin.task
        if self.healed or message.ctx.stage is not Stage.OUTCOME or task is None:
            return False
        if not task.rounds or Stage.FREEZE not in task.round.points:
            return False
        _, _, locked, deaf = turns(task, 1, Stage.OUTCOME)
        if message.kind is Kind.PREVOTE and message.signer == locked:
            return getattr(message.body, "view", 0) == 0
        return message.kind is Kind.PROPOSE and goal.member == deaf

    def progressed(self, node: SimNode, effect: Progress) -> None:
        super().progressed(node, effect)
        if effect.what == "view" and effect.detail == {"point": "outcome", "view": 2}:
            self.healed = True


def view_change_with_a_lock() -> Cast:
    """Two views of the outcome go by, and what one member is locked on is decided in the third.

    In view 0 the network loses what carol prevotes, so carol alone sees a quorum and is locked.
    Alice hears no PROPOSE in either view. Bob, who knows of no lock, puts another value forward in
    view 1. Then the network heals.
    """
    return Locked(seed=1)


class Late(Honest):
    """Dave, who comes while the others are in their second round."""

    STARTS_MS = 2_000

    def boot(self) -> None:
        if self.swarm.clock.now < self.STARTS_MS:
            self.swarm.clock.after(self.STARTS_MS, super().boot)
        else:
            super().boot()


def late_joiner() -> Cast:
    """Dave comes when the others are in their second round.

    They have struck him for his absence. Certificates lead him through the first round.
    """
    return Cast(seed=1, last=Late, policy=replace(QUICK, rounds=2))


class Mortal(Cast):
    """Bob dies between storing his prevote of the freeze and sending it, and comes back."""

    died = False

    def persisted(self, node: SimNode, effect: Persist) -> None:
        message = effect.message
        due = message.kind is Kind.PREVOTE and message.ctx.stage is Stage.FREEZE
        if node.name == "bob" and due and not self.died:
            self.died = True
            node.crash()
            self.clock.after(300, node.boot)


def restart_in_the_freeze() -> Cast:
    """Bob dies between storing his prevote of the freeze and sending it, and comes back.

    Mallory is silent, so the other two cannot decide without him.
    """
    return Mortal(seed=1, last=Silent, honest=False)


SCENES: Final[tuple[Callable[[], Cast], ...]] = (
    fault_free,
    silent_member,
    equivocator,
    unopened_proposal,
    faulty_entry,
    view_change_with_a_lock,
    late_joiner,
    restart_in_the_freeze,
)


def transcript(scene: Callable[[], Cast]) -> str:
    """What is told of a scene, under what it is about."""
    about = inspect.getdoc(scene)
    assert about is not None
    lines = (*about.splitlines(), "", *scene().play())
    return "".join(f"{line}\n" for line in lines)
