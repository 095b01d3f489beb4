"""Instances of agreement against each other under any schedule, apart from all else (A1 to A12).

Each honest member checks values by what it was told is valid; one Byzantine member of four
says anything to anybody. Nothing is lost, but everything may come late and in any order.
"""

import random

from hypothesis import given
from hypothesis import strategies as st

from consensus.agreement.effects import Convict, Decided, Persist, Send, SetTimer, TimerKey
from consensus.agreement.instance import Instance, value_id
from consensus.agreement.timing import Timing
from consensus.agreement.validity import Invalid, Valid
from consensus.bodies import Propose, Vote
from consensus.envelope import VOTES, ZERO, Kind, Stage
from consensus.ports import Message
from tests.harness.tables import Table

SEED = b"seed"
VALUES = (b"red", b"blue", b"green")


class Arena:
    """Three honest instances and a source of Byzantine messages; one event at a time."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.table = Table(4)
        committee = self.table.committee
        self.bad = self.rng.randrange(4)
        self.good = [at for at in range(4) if at != self.bad]
        self.mail: list[tuple[int, Message]] = []
        self.timers: list[tuple[int, TimerKey]] = []
        self.sent: list[Message] = []
        self.slots: dict[tuple[int, Kind, int], bytes] = {}
        self.instances = {
            at: Instance(
                committee=committee,
                round_=1,
                stage=Stage.SLATE,
                me=committee.members[at],
                sign=lambda kind, body, at=at: self.sign(at, kind, body),  # type: ignore[misc]
                check=lambda value: Valid() if value in VALUES else Invalid(rule="V", text="no"),
                build=lambda at=at: VALUES[at % 3],  # type: ignore[misc]
                timing=Timing(policy=committee.policy),
            )
            for at in self.good
        }
        for at in self.good:
            self.take(at, self.instances[at].start(SEED))

    def sign(self, who: int, kind: Kind, body: Propose | Vote) -> Message:
        return self.table.sign(who, 1, Stage.SLATE, kind, body)

    def take(self, at: int, effects: list[object]) -> None:
        for effect in effects:
            match effect:
                case Persist():
                    view = effect.message.body.view  # type: ignore[union-attr]
                    key = (at, effect.message.kind, view)
                    assert self.slots.setdefault(key, effect.message.id) == effect.message.id
                case Send():
                    self.sent.append(effect.message)
                    self.mail += [(goal, effect.message) for goal in self.good if goal != at]
                case SetTimer():
                    self.timers.append((at, effect.key))
                case Convict():
                    assert effect.first.signer == self.table.committee.members[self.bad]
                case Decided():
                    values = {one.decided.value for one in self.instances.values() if one.decided}
                    assert len(values) == 1, values
                case _:
                    pass

    def lie(self) -> None:
        """One Byzantine message to one member."""
        view = self.rng.choice((0, 0, 1, 1, 2, 3, 9, 30))
        value = self.rng.choice((*VALUES, b"junk"))
        if self.rng.random() < 0.3:
            body: Propose | Vote = Propose(
                view=view, valid_view=self.rng.randint(-1, view - 1), value=value
            )
            made = self.sign(self.bad, Kind.PROPOSE, body)
        else:
            named = self.rng.choice((value_id(value), ZERO))
            made = self.sign(self.bad, self.rng.choice(VOTES), Vote(view=view, value=named))
        self.sent.append(made)
        self.mail.append((self.rng.choice(self.good), made))

    def step(self) -> None:
        """Deliver something, run a timer out, relay or lie."""
        roll = self.rng.random()
        if self.mail and roll < 0.75:
            at, message = self.mail.pop(self.rng.randrange(len(self.mail)))
            self.take(at, list(self.instances[at].receive(message)))
        elif self.timers and roll < 0.85:
            at, key = self.timers.pop(self.rng.randrange(len(self.timers)))
            self.take(at, list(self.instances[at].expire(key)))
        elif roll < 0.93:
            self.lie()
        elif self.sent:
            self.mail.append((self.rng.choice(self.good), self.rng.choice(self.sent)))

    def calm(self) -> bool:
        """Deliver all there is, timers only when nothing else is left, until all decide."""
        for _ in range(60):
            for message in list(self.sent):
                for at in self.good:
                    self.take(at, list(self.instances[at].receive(message)))
            if all(one.decided for one in self.instances.values()):
                return True
            timers, self.timers = self.timers, []
            for at, key in timers:
                self.take(at, list(self.instances[at].expire(key)))
        return False


@given(st.integers(0, 2**32))
def test_no_schedule_makes_two_instances_decide_differently_and_calm_makes_all_decide(
    seed: int,
) -> None:
    arena = Arena(seed)
    for _ in range(arena.rng.choice((0, 30, 120, 300))):
        arena.step()
    assert arena.calm()
    assert len({one.decided.value for one in arena.instances.values() if one.decided}) == 1
