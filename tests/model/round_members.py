"""Three honest members of a committee of four as real tasks, stepped by hand.

Nothing arrives that is not handed over, and no timer runs out by itself. What leaves a member is
noted: a text is known to the Byzantine member as soon as it has left its author.
"""

from collections.abc import Iterable

from consensus.agreement.effects import Persist, Send, SetTimer, TimerKey
from consensus.agreement.instance import point_seed, proposer_order
from consensus.deliberation.effects import (
    Draft,
    Effect,
    Event,
    Expire,
    Judge,
    Links,
    Peel,
    Peeled,
    Receive,
    Reply,
    Unwrap,
    Unwrapped,
    Wrap,
    Wrapped,
)
from consensus.deliberation.points import CONTENT
from consensus.deliberation.task import Task
from consensus.envelope import POINTS, ZERO, Kind, Stage, tagged_hash
from consensus.ports import Message
from tests.harness.tables import Table

LEAVING = (Kind.PACKET, Kind.BUNDLE, Kind.BATCH)


class Members:
    """The tasks, in the order in which they would propose a slate; the Byzantine member is the
    first to."""

    def __init__(self) -> None:
        self.table = Table(4)
        self.read = self.seen = False
        """Whether an honest proposal has left its author, and an honest ballot its voter."""
        self._contents: dict[tuple[Stage, int | str], Message] = {}
        self._reports: dict[Stage, dict[int, Message]] = {stage: {} for stage in POINTS}
        self._said: list[Message] = []
        self._private: list[tuple[bytes, Message]] = []
        self._asked: list[dict[type, Draft | Judge]] = [{}, {}, {}]
        self._timers: list[dict[TimerKey, None]] = [{}, {}, {}]
        members = self.table.committee.members
        order = proposer_order(
            self.table.committee, point_seed(self.table.opened.id, 1, Stage.SLATE, ZERO)
        )
        self._bad, *honest = (members.index(member) for member in order)
        self._scribe = self.table.scribes[self._bad]
        self.tasks = [self._task(place) for place in honest]
        for who, task in enumerate(self.tasks):
            self._take(who, task.begin(0))
            self._step(who, Links(up=frozenset(set(members) - {task.me})))
        for message in tuple(self._said):
            self._tell(message)

    def _task(self, place: int) -> Task:
        member = self.table.committee.members[place]
        return Task(
            opened=self.table.opened,
            reader=self.table.ring.reader(),
            writer=self.table.ring.writer(member),
            secret=tagged_hash("secret", member),
        )

    def _tell(self, message: Message) -> None:
        for who in range(3):
            self._receive(who, message)

    def _receive(self, who: int, message: Message) -> None:
        if message.signer != self.tasks[who].me:
            self._step(who, Receive(message=message, source=message.signer))

    def _expire(self, who: int, stage: Stage, name: str, view: int = 0) -> None:
        key = TimerKey(round=1, stage=stage, name=name, view=view)
        if key in self._timers[who]:
            del self._timers[who][key]
            self._step(who, Expire(key=key))

    def _expire_all(self, stage: Stage, name: str, view: int) -> None:
        for who in range(3):
            self._expire(who, stage, name, view)

    def _expire_at(self, member: bytes, stage: Stage, name: str) -> None:
        for who, task in enumerate(self.tasks):
            if task.me == member:
                self._expire(who, stage, name)

    def _step(self, who: int, event: Event) -> None:
        self._take(who, self.tasks[who].step(event, 0))

    def _take(self, who: int, effects: Iterable[Effect]) -> None:
        ring, me = self.table.ring, self.tasks[who].me
        for effect in effects:
            match effect:
                case Persist():
                    self._signed(who, effect.message)
                case Send():
                    self._said.append(effect.message)
                case Reply():
                    self._private += [(effect.member, message) for message in effect.messages]
                case SetTimer():
                    self._timers[who][effect.key] = None
                case Draft() | Judge():
                    self._asked[who][type(effect)] = effect
                case Wrap():
                    boxes = ring.wrap(effect.proposal, effect.paths, effect.secret)
                    self._step(who, Wrapped(round=effect.round, boxes=boxes))
                case Peel():
                    inner = ring.peel(me, effect.boxes)
                    self._step(who, Peeled(round=effect.round, boxes=inner))
                case Unwrap():
                    found = ring.unwrap(me, effect.boxes)
                    self._step(who, Unwrapped(round=effect.round, envelopes=found))
                case _:
                    pass

    def _signed(self, who: int, message: Message) -> None:
        """An honest member fills a slot: what leaves it with that?"""
        self.read = self.read or message.kind in LEAVING
        self.seen = self.seen or message.kind is Kind.OPENING
        stage = message.ctx.stage
        if message.kind is Kind.REPORT:
            self._reports[stage].setdefault(who, message)
        elif stage in CONTENT and message.kind is CONTENT[stage]:
            self._contents.setdefault((stage, who), message)
