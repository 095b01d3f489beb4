"""Plays a schedule against real instances of agreement, as they are or with a fault in them."""

from collections.abc import Iterable, Iterator
from typing import Any

from consensus.agreement import instance as core
from consensus.agreement.effects import AgreementEffect, Decided, Persist, Send, SetTimer, TimerKey
from consensus.agreement.timing import Timing
from consensus.agreement.validity import Invalid, Valid
from consensus.bodies import Propose, Vote
from consensus.envelope import ZERO, Envelope, Kind, Stage, unpack_all
from consensus.ports import Message
from tests.harness.tables import Table

SEED = b"seed"
KINDS = {"propose": Kind.PROPOSE, "prevote": Kind.PREVOTE, "precommit": Kind.PRECOMMIT}
VALUES = {"red": b"red", "blue": b"blue", "junk": b"junk"}
CALM_PASSES = 60
"""Passes of relay and expiry in which a committee that is left alone has to decide."""


class Replay:
    """Three honest members and a Byzantine one that says what the schedule has it say."""

    def __init__(self, bad: int) -> None:
        self.table = Table(4)
        self._known: dict[Envelope, Message] = {}
        self.missed = 0
        self.decided: set[bytes] = set()
        committee = self.table.committee
        order = core.proposer_order(committee, SEED)
        places = [committee.members.index(member) for member in order]
        self._bad = places.pop(bad)
        self._places = places
        self._sent: dict[tuple[int, Kind, int], Message] = {}
        self._stored: list[list[Persist]] = [[], [], []]
        self._timers: list[dict[tuple[str, int], TimerKey]] = [{}, {}, {}]
        self._builds: dict[tuple[int, int], bytes] = {}
        self._calm = False
        self.members: list[core.Instance] = []
        for who in range(3):
            self.members.append(self._made(who))
            self._take(who, self.members[who].start(SEED))

    @property
    def all_decided(self) -> bool:
        """Whether every honest member has decided."""
        return all(member.decided is not None for member in self.members)

    def play(self, steps: Iterable[list[Any]]) -> None:
        """Carry the steps out. What a member never said is not delivered, and is counted."""
        for step in steps:
            match step:
                case ["build", who, view, value]:
                    self._builds[who, view] = VALUES[value]
                    self._take(who, self.members[who].recheck())
                case ["deliver", to, "byzantine", kind, view, value, *valid]:
                    self._deliver(to, self._lie(KINDS[kind], view, value, *valid))
                case ["deliver", to, who, kind, view, value]:
                    said = self._sent.get((who, KINDS[kind], view))
                    if said is None or _named(said) != _name(value):
                        self.missed += 1
                    else:
                        self._deliver(to, said)
                case ["expire", who, name, view]:
                    key = self._timers[who].get((name, view))
                    if key is None:
                        self.missed += 1
                    else:
                        self._take(who, self.members[who].expire(key))
                case ["restart", who]:
                    self._timers[who].clear()
                    self.members[who] = self._made(who)
                    self._take(who, self.members[who].start(SEED))
                case ["calm"]:
                    self.calm()
                case _:
                    raise ValueError(f"no step of a schedule: {step}")

    def calm(self) -> None:
        """The Byzantine member is silent; all that is held is relayed (T2), and timers run out
        when nothing else is left to happen."""
        self._calm = True
        for who, member in enumerate(self.members):
            self._take(who, member.recheck())
        for _ in range(CALM_PASSES):
            for member in self.members:
                for message in member.messages():
                    for to in range(3):
                        self._deliver(to, message)
            if self.all_decided:
                return
            for who, timers in enumerate(self._timers):
                keys = list(timers.values())
                timers.clear()
                for key in keys:
                    self._take(who, self.members[who].expire(key))

    def _made(self, who: int) -> core.Instance:
        committee = self.table.committee
        return core.Instance(
            committee=committee,
            round_=1,
            stage=Stage.SLATE,
            me=committee.members[self._places[who]],
            sign=lambda kind, body: self._sign(self._places[who], kind, body),
            check=lambda value: Invalid(rule="V", text="no") if value == b"junk" else Valid(),
            build=lambda: self._build(who),
            timing=Timing(policy=committee.policy),
            restored=tuple(stored.message for stored in self._stored[who]),
            proven=tuple(self._proof(who)),
        )

    def _proof(self, who: int) -> Iterator[Message]:
        """What the stored messages of a member stood on, as its store gives it back (A13)."""
        for stored in self._stored[who]:
            if stored.secret:
                for envelope in unpack_all(stored.secret):
                    yield self._known[envelope]

    def _build(self, who: int) -> bytes | None:
        if self._calm:  # no two members hold the same
            return f"of member {who}".encode()
        return self._builds.get((who, self.members[who].view)) if len(self.members) > who else None

    def _deliver(self, to: int, message: Message) -> None:
        self._take(to, self.members[to].receive(message))

    def _take(self, who: int, effects: Iterable[AgreementEffect]) -> None:
        for effect in effects:
            match effect:
                case Persist():
                    self._stored[who].append(effect)
                case Send():
                    body = effect.message.body
                    assert isinstance(body, (Propose, Vote))
                    self._sent[who, effect.message.kind, body.view] = effect.message
                case SetTimer():
                    self._timers[who][effect.key.name, effect.key.view] = effect.key
                case Decided():
                    self.decided.add(effect.value)
                case _:
                    pass

    def _lie(self, kind: Kind, view: int, value: str, valid: int = -1) -> Message:
        if kind is Kind.PROPOSE:
            body: Propose | Vote = Propose(view=view, valid_view=valid, value=VALUES[value])
        else:
            body = Vote(view=view, value=_name(value))
        return self._sign(self._bad, kind, body)

    def _sign(self, place: int, kind: Kind, body: Propose | Vote) -> Message:
        message = self.table.sign(place, 1, Stage.SLATE, kind, body)
        self._known[message.envelope] = message
        return message


def _name(value: str) -> bytes:
    return ZERO if value == "nil" else core.value_id(VALUES[value])


def _named(message: Message) -> bytes:
    body = message.body
    if isinstance(body, Propose):
        return core.value_id(body.value)
    assert isinstance(body, Vote)
    return body.value
