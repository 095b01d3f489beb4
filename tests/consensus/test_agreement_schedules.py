"""Instances of agreement against each other under any schedule, apart from all else (A1 to A12).

Each honest member checks values by what it was told is valid; one Byzantine member of four
says anything to anybody. Nothing is lost, but everything may come late and in any order.
"""

import random
from collections.abc import Iterable

import pytest

from consensus.agreement.effects import (
    AgreementEffect,
    Convict,
    Decided,
    Persist,
    Send,
    SetTimer,
    TimerKey,
)
from consensus.agreement.instance import Instance, proposer_order, value_id
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
        order = proposer_order(committee, SEED)
        self.order = [committee.members.index(member) for member in order]
        self.cut: frozenset[int] = frozenset()
        self.mail: list[tuple[int, Message]] = []
        self.timers: list[tuple[int, TimerKey]] = []
        self.sent: list[Message] = []
        self.values: set[bytes] = set()
        self.slots: dict[tuple[int, Kind, int], bytes] = {}
        self.stored: dict[int, list[Message]] = {at: [] for at in self.good}
        self.instances: dict[int, Instance] = {}
        for at in self.good:
            self.boot(at)

    def boot(self, at: int) -> None:
        """Start a member, or start it again from what it stored."""
        committee = self.table.committee
        self.instances[at] = Instance(
            committee=committee,
            round_=1,
            stage=Stage.SLATE,
            me=committee.members[at],
            sign=lambda kind, body: self.sign(at, kind, body),
            check=lambda value: Valid() if value in VALUES else Invalid(rule="V", text="no"),
            build=lambda: VALUES[at % 3],
            timing=Timing(policy=committee.policy),
            restored=tuple(self.stored[at]),
        )
        self.take(at, self.instances[at].start(SEED))

    def sign(self, who: int, kind: Kind, body: Propose | Vote) -> Message:
        return self.table.sign(who, 1, Stage.SLATE, kind, body)

    def take(self, at: int, effects: Iterable[AgreementEffect]) -> None:
        for effect in effects:
            match effect:
                case Persist():
                    view = effect.message.body.view  # type: ignore[union-attr]
                    key = (at, effect.message.kind, view)
                    assert self.slots.setdefault(key, effect.message.id) == effect.message.id
                    self.stored[at].append(effect.message)
                case Send():
                    self.sent.append(effect.message)
                    self.mail += [(goal, effect.message) for goal in self.good if goal != at]
                    self.echo(effect.message)
                case SetTimer():
                    self.timers.append((at, effect.key))
                case Convict():
                    assert effect.first.signer == self.table.committee.members[self.bad]
                case Decided():
                    self.values.add(effect.value)  # what was decided before a restart, too
                    assert len(self.values) == 1, self.values
                    assert effect.value in VALUES
                case _:
                    pass

    def echo(self, message: Message) -> None:
        """Say to some what an honest member said: its side gains a voice, there alone."""
        body = message.body
        if isinstance(body, Vote) and body.value != ZERO and self.rng.random() < 0.6:
            made = self.sign(self.bad, message.kind, body)
            self.sent.append(made)
            self.mail += [(goal, made) for goal in self.good if self.rng.random() < 0.6]

    def lie(self) -> None:
        """One Byzantine message to one member, mostly one that helps to divide the others."""
        goal = self.rng.choice(self.good)
        at = self.instances[goal].view
        proposals = [one.body for one in self.sent if isinstance(one.body, Propose)]
        leads = self.order[at % 4] == self.bad
        match self.rng.randrange(8):
            case 0:
                made = self.vote(self.rng.choice((0, 1, at + 1, at + 9, 30)), ZERO)
            case 1 | 2 | 3 if leads:
                made = self.propose(at, self.rng.choice((*VALUES, b"junk")))
            case _ if proposals:  # back whatever anybody put forward, in its view or in this
                body = self.rng.choice(proposals)
                made = self.vote(self.rng.choice((body.view, body.view, at)), value_id(body.value))
            case _:
                made = self.vote(at, ZERO)
        self.sent.append(made)
        self.mail.append((goal, made))

    def vote(self, view: int, value: bytes) -> Message:
        """A Byzantine vote."""
        kind = self.rng.choice(VOTES)
        return self.sign(self.bad, kind, Vote(view=view, value=value))

    def propose(self, view: int, value: bytes) -> Message:
        """A Byzantine proposal, with a valid view that may be a lie."""
        valid = self.rng.choice((-1, self.rng.randint(-1, view - 1)))
        return self.sign(self.bad, Kind.PROPOSE, Propose(view=view, valid_view=valid, value=value))

    def step(self) -> None:
        """Deliver something, run a timer out, relay or lie; some members are cut off a while."""
        roll = self.rng.random()
        if roll < 0.04:
            self.cut = frozenset(self.rng.sample(self.good, k=self.rng.choice((0, 1, 1, 2))))
        if roll > 0.98:
            self.boot(self.rng.choice(self.good))
        open_mail = [at for at, (goal, _) in enumerate(self.mail) if goal not in self.cut]
        if open_mail and roll < 0.55:
            at, message = self.mail.pop(self.rng.choice(open_mail))
            self.take(at, self.instances[at].receive(message))
        elif self.timers and roll < 0.65:
            at, key = self.timers.pop(self.rng.randrange(len(self.timers)))
            self.take(at, self.instances[at].expire(key))
        elif roll < 0.85:
            self.lie()
        elif self.sent:
            self.mail.append((self.rng.choice(self.good), self.rng.choice(self.sent)))

    def calm(self) -> bool:
        """Deliver all there is, timers only when nothing else is left, until all decide."""
        for _ in range(60):
            for message in list(self.sent):
                for at in self.good:
                    self.take(at, self.instances[at].receive(message))
            if all(one.decided for one in self.instances.values()):
                return True
            timers, self.timers = self.timers, []
            for at, key in timers:
                self.take(at, self.instances[at].expire(key))
        return False


@pytest.mark.parametrize("first", range(0, 1_600, 400))
def test_no_schedule_makes_two_instances_decide_differently_and_calm_makes_all_decide(
    first: int,
) -> None:
    for seed in range(first, first + 400):
        arena = Arena(seed)
        for _ in range(arena.rng.choice((0, 40, 80, 160, 400))):
            arena.step()
        assert arena.calm(), seed
        assert len(arena.values) == 1, seed
