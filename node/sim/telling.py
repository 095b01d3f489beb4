"""Telling a scene: what each member does, a sentence a line, with the rule that has it done so.

A line says when, who, what and to whom. Things that a member hears and that change nothing are
left out, and so are its digests, timers that are set, and boxes that are opened: what follows
from them is told. Whatever is sent as one's own is durable before (A13).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from consensus.agreement.effects import Convict, Persist, Send, SetTimer, TimerKey, Want
from consensus.agreement.instance import value_id
from consensus.bodies import Propose
from consensus.deliberation.effects import (
    Behind,
    Draft,
    Effect,
    Event,
    Expire,
    Finish,
    GiveUp,
    Judge,
    Progress,
    Reply,
    Wrap,
)
from consensus.deliberation.points import POINT_NAME
from consensus.deliberation.task import Task
from consensus.envelope import VOTES, Kind, MessageId, Stage
from consensus.ports import Message

from .member import SimNode
from .names import Names, listed
from .sentences import cast, expired, outcome, put_forward, said, turns, voted
from .swarm import Swarm


class Scene(Swarm):
    """A swarm whose members tell what they do. `listen` before it runs."""

    def listen(self, write: Callable[[str], None]) -> None:
        """Have `write` called with each line."""
        self.write = write
        self.known = Names({node.member: node.name for node in self.nodes})
        self.under_way: set[tuple[int, MessageId]] = set()
        """What was sent to whom and will arrive: nobody is told that it is sent once more."""
        self.read: set[int] = set()
        """Rounds whose outcome was told: it is the same for all."""

    def lost(self, origin: SimNode, goal: SimNode, message: Message) -> bool:  # noqa: ARG002
        """Whether the network swallows `message` now; a scene may have it so."""
        return False

    def say(self, node: SimNode, sentence: str) -> None:
        """Add a line."""
        self.write(f"{self.clock.now:>6} ms  {node.name:<7}  {sentence}")

    def tell(self, node: SimNode, what: str) -> None:
        """A member starts or dies."""
        words = {"starts": "starts", "crashes": "is dead, and has lost all but its disk"}
        self.say(node, words[what])
        if self.clock.now > 0:
            self.under_way = {(at, item) for at, item in self.under_way if at != node.position}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message on its way to one member, or lost on it."""

    goal: SimNode
    message: Message
    lost: bool


class Telling(SimNode):
    """A member that tells what it does. To be mixed into a `SimNode` of a `Scene`."""

    swarm: Scene
    _event: Event | None = None
    _sent: list[Sent] | None = None
    _stored: frozenset[MessageId] = frozenset()
    """Own messages that were stored in this life."""
    _said: frozenset[MessageId] = frozenset()
    """Own messages that were sent in any life."""

    def say(self, sentence: str) -> None:
        """Tell something."""
        self.swarm.say(self, sentence)

    # -- what happens to it -----------------------------------------------------------

    def boot(self) -> None:
        """Begin a life."""
        self._stored = frozenset()
        super().boot()

    def step(self, event: Event) -> None:
        """Remember what the effects are effects of."""
        outer, self._event = self._event, event
        super().step(event)
        self._event = outer

    def perform(self, effects: Iterable[Effect]) -> None:
        """Tell of a timer that ran out, if anything comes of it."""
        found = tuple(effects)
        event = self._event
        if isinstance(event, Expire) and any(not isinstance(one, SetTimer) for one in found):
            self.say(expired(event))
        super().perform(found)

    def _perform(self, effect: Effect) -> None:
        names = self.swarm.known
        match effect:
            case Persist():
                self._stored |= {effect.message.id}
                if isinstance(effect.message.body, Propose):
                    self.say(put_forward(effect.message, names))
                names.learn(effect.message)
                super()._perform(effect)
                if not self.up:
                    self.say(f"had stored {names.of([effect.message.id])}, and not sent it (A13)")
                return
            case Send():
                names.learn(effect.message)
                self._gather(lambda: super(Telling, self)._perform(effect), self._own)
                return
            case Reply():
                for message in effect.messages:
                    names.learn(message)
                tell = self._own if effect.messages[0].kind in _PRIVATE else self._certificate
                self._gather(lambda: super(Telling, self)._perform(effect), tell)
                return
            case Wrap():
                names.wrote(self.name, effect.proposal)
            case _:
                sentence = self._sentence(effect)
                if sentence:
                    self.say(sentence)
        super()._perform(effect)

    def _sentence(self, effect: Effect) -> str:
        """What is told of an effect that sends nothing, or ""."""
        names = self.swarm.known
        match effect:
            case SetTimer(key=key) if key.name == "propose" and key.view == 0:
                return f"begins on the {POINT_NAME[key.stage]}: {self._proposer(key)} (A1)"
            case Draft(request=request):
                record = len(request.record)
                read = f", which is shown {record} proposals of before" if record else ""
                return f"enters round {request.round} and asks its model for a draft{read} (R1)"
            case Judge(request=request):
                shown = listed(
                    f'{item.letter} "{item.proposal.answer}"' for item in request.candidates
                )
                return f"asks its model to judge, under letters of its own, {shown} (R5)"
            case Want(ids=ids):
                return f"lacks {names.of(ids)} (A11)"
            case Behind(member=member):
                return f"hears of a later round from {names.member(member)} (S2)"
            case Convict(first=first, second=second) if self.honest:
                names.learn(second)
                pair = f"{names.of([first.id])} and {names.of([second.id])}"
                return f"holds evidence against {names.member(first.signer)}: {pair} (S4)"
            case Finish():
                return "has its verdict (E1)"
            case GiveUp(reason=reason):
                return f"gives up: {reason}"
            case Progress():
                return self._progress(effect)
            case _:
                return ""

    def _progress(self, effect: Progress) -> str:
        task = self._here()
        detail = effect.detail
        match effect.what:
            case "decided":
                stage = _stage(detail["point"])
                point = task.rounds[effect.round - 1].points[stage]
                named = self.swarm.known.value(effect.round, stage, value_id(point.value))
                voters = self.swarm.known.members(vote.signer for vote in point.precommits)
                return (
                    f"decides {named} by the precommits of {voters} in view {detail['view']} (A8)"
                )
            case "outcome" if effect.round not in self.swarm.read:
                self.swarm.read.add(effect.round)
                return outcome(detail["figures"], self.swarm)
            case "view":
                stage = _stage(detail["point"])
                key = TimerKey(round=effect.round, stage=stage, name="propose", view=detail["view"])
                by = "A7" if isinstance(self._event, Expire) else "A9"
                whose = self._proposer(key)
                return f"goes to view {key.view} of the {detail['point']}: {whose} ({by})"
            case "model_failed":
                return f"has no {detail['stage']}: {detail['reason']} (R0)"
            case _:
                return ""

    # -- what it sends ----------------------------------------------------------------

    def deliver(self, goal: SimNode, message: Message) -> None:
        """Send one message, unless the scene has it lost."""
        self.swarm.known.learn(message)
        arrives = not self.swarm.lost(self, goal, message)
        if self._sent is not None:
            self._sent.append(Sent(goal=goal, message=message, lost=not arrives))
        if arrives:
            super().deliver(goal, message)

    def digested(self, origin: SimNode, round_: int, prefixes: frozenset[bytes]) -> None:
        """Push what a digest lacks, and tell what."""
        self._gather(
            lambda: super(Telling, self).digested(origin, round_, prefixes),
            lambda sent: self._pushed(origin, sent),
        )

    def asked(self, origin: SimNode, ids: Iterable[MessageId]) -> None:
        """Answer a want, and tell with what."""
        self._gather(
            lambda: super(Telling, self).asked(origin, ids),
            lambda sent: self._handed(origin, sent),
        )

    def ask(self) -> None:
        """Ask for what is missing, and tell whom."""
        task = self.running
        ids = task.wanted() if task is not None else ()
        if ids:
            others = self.others()
            goal = others[self._asked % len(others)]
            self.say(f"asks {goal.name} for {self.swarm.known.of(ids)} (A11)")
        super().ask()

    def _gather(self, act: Callable[[], None], tell: Callable[[Sequence[Sent]], None]) -> None:
        """Have `act` send, and tell all of it at once."""
        outer, self._sent = self._sent, []
        act()
        sent, self._sent = self._sent, outer
        if sent:
            tell(sent)
        under_way = self.swarm.under_way
        under_way |= {(one.goal.position, one.message.id) for one in sent if not one.lost}

    def _own(self, sent: Sequence[Sent]) -> None:
        """Tell of own messages, in the forms that it has for its goals."""
        forms: dict[MessageId, list[Sent]] = {}
        for one in sent:
            forms.setdefault(one.message.id, []).append(one)
        for same in forms.values():
            message = same[0].message
            everybody = len(same) == len(self.others())
            to = "all" if everybody else _people(one.goal for one in same)
            words, rule = self._sentence_of(message)
            how = f"repeats to {to}" if message.id in self._said else f"sends {to}"
            self._said |= {message.id}
            gone = [one.goal for one in same if one.lost]
            loss = f"; it does not reach {_people(gone)}" if gone else ""
            why = f" ({rule})" if rule else ""
            self.say(f"{how} {words}{loss}{why}")

    def _pushed(self, origin: SimNode, sent: Sequence[Sent]) -> None:
        """Tell of what is pushed and is not on its way anyhow."""
        new = [
            one.message.id
            for one in sent
            if not one.lost and (origin.position, one.message.id) not in self.swarm.under_way
        ]
        if new:
            lacks = self.swarm.known.summed(new)
            rule = "T2" if self.running is not None else "A14"
            self.say(f"pushes to {origin.name} what its digest lacks: {lacks} ({rule})")

    def _handed(self, origin: SimNode, sent: Sequence[Sent]) -> None:
        given = self.swarm.known.of(one.message.id for one in sent)
        self.say(f"hands {origin.name}, who asked, {given} (A11)")

    def _certificate(self, sent: Sequence[Sent]) -> None:
        goal, stage = sent[0].goal.name, sent[0].message.ctx.stage
        self.say(f"answers {goal} with the certificate of the {POINT_NAME[stage]} (A14)")

    def _sentence_of(self, message: Message) -> tuple[str, str]:
        """What an own message says, and the rule that has it said."""
        names, stage = self.swarm.known, message.ctx.stage
        if message.kind not in VOTES:
            return said(message, names)
        if not self.honest:
            return cast(message, names), "S4" if names.doubled(message) else ""
        if message.id not in self._stored:
            return cast(message, names), "A13"
        instance = self._here().rounds[message.ctx.round - 1].instances[stage]
        late = isinstance(self._event, Expire) and self._event.key.stage is stage
        return voted(message, names, instance, late=late)

    # -- small things -----------------------------------------------------------------

    def _here(self) -> Task:
        assert self.task is not None
        return self.task

    def _proposer(self, key: TimerKey) -> str:
        """Whose turn it is to propose while a timer waits for it."""
        order = turns(self._here(), key.round, key.stage)
        proposer = order[key.view % len(order)]
        who = "it" if proposer == self.member else self.swarm.known.member(proposer)
        return f"{who} is to propose"


_PRIVATE = (Kind.PACKET, Kind.BUNDLE)


def _stage(point: str) -> Stage:
    return next(stage for stage, name in POINT_NAME.items() if name == point)


def _people(nodes: Iterable[SimNode]) -> str:
    return listed(node.name for node in nodes)
