"""Instances of agreement against each other under any schedule, apart from all else (A1 to A12).

The instances are the real ones. Between them anything happens that the rules allow: messages
come late, twice, in any order, or are lost; links are cut by direction, by kind and by view;
timers run out at any moment; bytes of a value are missing for a while; a member dies, also in
the middle of a write, and comes back with what it had stored. Of `members`, f are Byzantine and
say anything under their own keys to whom they like. Then the network calms down: members relay
what they hold, and everybody has to decide within a few views.

Signatures are left out: an instance is handed verified messages, and nobody here writes another's.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

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
from consensus.agreement.validity import Invalid, Pending, Valid, Validity
from consensus.bodies import Propose, Vote
from consensus.committee import Committee, FaultMode
from consensus.envelope import (
    VOTES,
    ZERO,
    Ctx,
    Envelope,
    Kind,
    Member,
    MessageId,
    Stage,
    unpack_all,
)
from consensus.envelope import tagged_hash as hashed
from consensus.policy import Policy
from consensus.ports import Message

from .choices import Choices
from .member import LivenessError, SafetyError

VALUES = (b"red", b"blue", b"green")
"""The valid values; which of them a member builds goes by its position."""
LENGTHS = (0, 30, 60, 120, 240)
"""Events before the network calms down, by four members; more members have more."""
TORN, SPOILED = 0.3, 0.85
"""Share of the restarts that lose the write in progress; where among events the lies end."""


class _TornError(Exception):
    """The member dies before its write is durable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What does not get through for a while: these links (origin, goal), kinds and views."""

    links: frozenset[tuple[int, int]]
    kinds: frozenset[Kind]
    views: frozenset[int]

    def stops(self, origin: int, goal: int, message: Message) -> bool:
        """Whether it holds up `message` on its way."""
        body = message.body
        assert isinstance(body, (Propose, Vote))
        return (origin, goal) in self.links or message.kind in self.kinds or body.view in self.views


OPEN = Cut(links=frozenset(), kinds=frozenset(), views=frozenset())


class Arena:
    """One schedule of agreement, played by `play`. All of it follows from `seed` and `members`.

    `only` names the faults that may happen; without it all do that the seed draws. Raises
    `SafetyError` or `LivenessError`; `choices.taken` are the faults that happened.
    """

    _committees: ClassVar[dict[int, Committee]] = {}

    def __init__(
        self,
        seed: int,
        members: int = 4,
        *,
        only: frozenset[str] | None = None,
        write: Callable[[str], None] | None = None,
    ) -> None:
        self.rng = random.Random(f"agreement {members} {seed}")
        self.choices = Choices(only)
        self.committee = committee = self._of(members)
        self.quorum = committee.quorum
        self.seed = hashed("arena", seed.to_bytes(8, "big"))
        order = proposer_order(committee, self.seed)
        self.order = [committee.members.index(member) for member in order]
        self.bad = self.rng.sample(range(members), k=self.quorum.f)
        self.good = [at for at in range(members) if at not in self.bad]
        self.cut = OPEN
        self.mail: list[tuple[int, int, Message]] = []
        self.timers: list[tuple[int, int, TimerKey]] = []  # member, which of its lives, timer
        self.lives = dict.fromkeys(self.good, 0)
        self.sent: list[Message] = []
        self.decided: set[bytes] = set()
        self.slots: dict[tuple[int, Kind, int], bytes] = {}
        self.stored: dict[int, list[Persist]] = {at: [] for at in self.good}
        self.missing = {
            (at, value) for at in self.good for value in VALUES if self.rng.random() < 0.05
        }
        self.highest = 0
        self._ticking = False
        self._torn = False
        self._write = write
        self._ctx = Ctx(
            network=committee.network,
            committee=committee.hash,
            task=self.seed,
            round=1,
            stage=Stage.SLATE,
        )
        self._packed = self._ctx.pack()
        self._made: dict[tuple[int, Kind, Propose | Vote], Message] = {}
        self.instances: dict[int, Instance] = {}
        for at in self.good:
            self.boot(at)

    def play(self) -> bytes:
        """The whole schedule. Returns the decided value."""
        length = self.rng.choice(LENGTHS) * len(self.committee.members) // 4
        for _ in range(length):
            self.event()
        self.calm()
        return next(iter(self.decided))

    # -- members ----------------------------------------------------------------------

    def boot(self, at: int) -> None:
        """Start a member, or start it again from what it stored: no timer outlives a process."""
        self.lives[at] += 1
        self.instances[at] = Instance(
            committee=self.committee,
            round_=1,
            stage=Stage.SLATE,
            me=self.committee.members[at],
            sign=lambda kind, body: self.sign(at, kind, body),
            check=lambda value: self.check(at, value),
            build=lambda: VALUES[at % len(VALUES)],
            timing=Timing(policy=self.committee.policy),
            restored=tuple(write.message for write in self.stored[at]),
            proven=tuple(one for write in self.stored[at] for one in self._proof(write)),
        )
        self.take(at, self.instances[at].start(self.seed))

    def check(self, at: int, value: bytes) -> Validity:
        """The same to everybody, once its bytes are in hand (V, A11)."""
        if value not in VALUES:
            return Invalid(rule="V2", text="no")
        if (at, value) in self.missing:
            return Pending(ids=(MessageId(value_id(value)),))
        return Valid()

    def sign(self, at: int, kind: Kind, body: Propose | Vote) -> Message:
        """A message of any member."""
        made = self._made.get((at, kind, body))
        if made is None:
            envelope = Envelope(
                kind=kind,
                ctx=self._packed,
                payload=body.pack(),
                signer=self.committee.members[at],
                signature=b"",
            )
            made = Message(envelope=envelope, kind=kind, ctx=self._ctx, body=body)
            self._made[at, kind, body] = made
        return made

    def _proof(self, write: Persist) -> Iterator[Message]:
        """What was stored beside a precommit that locks, read again."""
        for envelope in unpack_all(write.secret):
            kind, payload = Kind(envelope.kind), envelope.payload
            body = Vote.unpack(payload) if kind in VOTES else Propose.unpack(payload)
            yield Message(envelope=envelope, kind=kind, ctx=self._ctx, body=body)

    def take(self, at: int, effects: Iterable[AgreementEffect]) -> None:
        """Carry out what an instance asks for, and hold it to its promises."""
        try:
            for effect in effects:
                self._take(at, effect)
        except _TornError:
            self._torn = False
            self.boot(at)
            return
        view = self.instances[at].view
        if view > self.highest + self._ticking:
            raise SafetyError(f"{at} is in view {view}, and no timer of anybody honest led there")
        self.highest = max(self.highest, view)

    def _take(self, at: int, effect: AgreementEffect) -> None:
        match effect:
            case Persist(message=message):
                if self._torn:
                    raise _TornError
                assert isinstance(message.body, (Propose, Vote))
                key = (at, message.kind, message.body.view)
                if self.slots.setdefault(key, message.id) != message.id:
                    raise SafetyError(f"{at} fills {key[1:]} twice")
                self.stored[at].append(effect)
            case Send(message=message):
                self._say(at, message, self.good)
                self._echo(message)
            case SetTimer():
                self.timers.append((at, self.lives[at], effect.key))
            case Convict():
                if effect.first.signer not in {self.committee.members[bad] for bad in self.bad}:
                    raise SafetyError(f"{at} convicts somebody honest")
            case Decided():
                self._tell(f"{at} decides {effect.value!r} in view {effect.view}")
                self.decided.add(effect.value)  # what was decided before a restart, too
                if len(self.decided) > 1:
                    raise SafetyError(f"two values are decided: {sorted(self.decided)}")
                if effect.value not in VALUES:
                    raise SafetyError(f"{effect.value!r} is decided, which is not valid")
            case _:
                pass

    # -- what goes wrong --------------------------------------------------------------

    def event(self) -> None:
        """Deliver something, run a timer out, relay, lie; or something else goes wrong."""
        roll = self.rng.random()
        if roll < 0.03:
            self._upset()
        elif roll < 0.05:
            self._restart(self.rng.choice(self.good))
        elif roll < 0.57:
            self._deliver()
        elif roll < 0.67:
            self._expire()
        elif roll < SPOILED:
            self._lie()
        else:
            self._relay()

    def _say(self, origin: int, message: Message, goals: Iterable[int]) -> None:
        self.sent.append(message)
        self.mail += [(origin, goal, message) for goal in goals if goal != origin]

    def _upset(self) -> None:
        """Some links, kinds or views get nothing through for a while."""
        rng, size = self.rng, len(self.committee.members)
        lone = rng.sample(self.good, k=rng.randint(0, len(self.good) - 1))
        links = {(origin, goal) for origin in range(size) for goal in lone}
        if rng.random() < 0.5:
            links = {(goal, origin) for origin, goal in links}
        cut = Cut(
            links=frozenset(links),
            kinds=frozenset(rng.sample((*VOTES, Kind.PROPOSE), k=1) if rng.random() < 0.3 else ()),
            views=frozenset({rng.randint(0, 2)} if rng.random() < 0.3 else ()),
        )
        self.cut = OPEN
        if (links or cut.kinds or cut.views) and self.choices.take("cut"):
            self._tell(f"cut: {cut}")
            self.cut = cut
        for one in sorted(self.missing):
            if rng.random() < 0.3:
                self._arrive(one)

    def _restart(self, at: int) -> None:
        """A member dies and comes back; perhaps in the middle of its next write."""
        torn = self.rng.random() < TORN
        if torn and self.choices.take(f"torn write of {at},"):
            self._torn = True  # the next to write dies of it, whoever it is
        elif not torn and self.choices.take(f"restart of {at},"):
            self._tell(f"{at} dies and comes back")
            self.boot(at)

    def _deliver(self) -> None:
        if not self.mail:
            return
        at = self.rng.randrange(len(self.mail))
        origin, goal, message = self.mail[at]
        if self.cut.stops(origin, goal, message):
            return
        fate = self.rng.random()
        if fate < 0.05 and self.choices.take("loss"):
            self.mail[at] = self.mail[-1]
            self.mail.pop()
            return
        if not (fate > 0.95 and self.choices.take("twice")):
            self.mail[at] = self.mail[-1]
            self.mail.pop()
        self._hand(goal, message, origin)

    def _hand(self, goal: int, message: Message, origin: int) -> None:
        self._tell(f"{origin} to {goal}: {self._words(message)}")
        self.take(goal, self.instances[goal].receive(message))

    def _expire(self) -> None:
        if self.timers:
            self._run_out(*self.timers.pop(self.rng.randrange(len(self.timers))))

    def _run_out(self, at: int, life: int, key: TimerKey) -> None:
        if life != self.lives[at]:
            return
        self._ticking = True
        self._tell(f"the {key.name} timer of {at} in view {key.view} runs out")
        self.take(at, self.instances[at].expire(key))
        self._ticking = False

    def _relay(self) -> None:
        """One honest member tells another something that it holds (T2)."""
        origin, goal = self.rng.sample(self.good, k=2)
        held = self.instances[origin].messages()
        if held:
            message = self.rng.choice(held)
            if not self.instances[goal].holds(message.id):
                self.mail.append((origin, goal, message))

    def _echo(self, message: Message) -> None:
        """Each Byzantine member may say to some what an honest one said: its side gains a voice,
        there alone."""
        body = message.body
        for bad in self.bad:
            goals = [goal for goal in self.good if self.rng.random() < 0.6]
            if not isinstance(body, Vote) or body.value == ZERO or self.rng.random() > 0.6:
                continue
            if goals and self.choices.take(f"echo of {bad},"):
                self._say(bad, self.sign(bad, message.kind, body), goals)

    def _lie(self) -> None:
        """One Byzantine message to one member, mostly one that helps to divide the others."""
        bad, goal = self.rng.choice(self.bad), self.rng.choice(self.good)
        at = self.instances[goal].view
        proposals = [one.body for one in self.sent if isinstance(one.body, Propose)]
        roll = self.rng.randrange(8)
        if roll == 0:
            made = self._vote(bad, self.rng.choice((0, 1, at + 1, at + 9, 30, 10**6)), ZERO)
        elif roll < 4 and self.order[at % len(self.order)] == bad:
            made = self._propose(bad, at, self.rng.choice((*VALUES, b"junk")))
        elif proposals:  # back whatever anybody put forward, in its view or in this
            body = self.rng.choice(proposals)
            view = self.rng.choice((body.view, body.view, at))
            made = self._vote(bad, view, value_id(body.value))
        else:
            made = self._vote(bad, at, ZERO)
        if self.choices.take(f"lie of {bad},"):
            self._tell(f"{bad} means to tell {goal}: {self._words(made)}")
            self._say(bad, made, (goal,))

    def _vote(self, bad: int, view: int, value: bytes) -> Message:
        return self.sign(bad, self.rng.choice(VOTES), Vote(view=view, value=value))

    def _propose(self, bad: int, view: int, value: bytes) -> Message:
        """A Byzantine proposal, with a valid view that may be a lie."""
        valid = self.rng.choice((-1, view - 1, self.rng.randint(-1, view - 1)))
        return self.sign(bad, Kind.PROPOSE, Propose(view=view, valid_view=valid, value=value))

    # -- calm -------------------------------------------------------------------------

    def calm(self) -> None:
        """The network delivers, members relay what they hold, and timers run out only when
        nothing else is left to do: everybody decides, and within N views or two more."""
        self._tell("the network calms down")
        self.cut, self._torn = OPEN, False
        for one in sorted(self.missing):
            self._arrive(one)
        for origin, goal, message in self.mail:
            if origin in self.good:
                self._hand(goal, message, origin)
        self.mail.clear()
        first = self.highest
        # A lock from before the calm may be known to its holder alone: others take up a valid value
        # only in its own view (A5). It is their turn to propose within N views at the latest.
        while self.highest <= first + self.quorum.n + 2:
            self._spread()
            if all(one.decided for one in self.instances.values()):
                return
            timers, self.timers = self.timers, []
            if not timers:
                break
            for at, life, key in timers:
                self._run_out(at, life, key)
        undecided = [at for at, one in self.instances.items() if not one.decided]
        raise LivenessError(
            f"{undecided} are undecided after {self.highest - first} views of a calm network"
        )

    def _spread(self) -> None:
        """Everybody hears all that any honest member holds."""
        busy = True
        while busy:
            busy = False
            for origin, goal, message in self._lacking():
                before = self.instances[goal].holds(message.id)
                self._hand(goal, message, origin)
                busy = busy or (not before and self.instances[goal].holds(message.id))
            self.mail.clear()

    def _lacking(self) -> Iterator[tuple[int, int, Message]]:
        for origin in self.good:
            for message in self.instances[origin].messages():
                name = message.id
                for goal in self.good:
                    if not self.instances[goal].holds(name):
                        yield origin, goal, message

    def _arrive(self, what: tuple[int, bytes]) -> None:
        """Bytes that a value needs come in hand (A11)."""
        self.missing.discard(what)
        at, _ = what
        self.take(at, self.instances[at].recheck())

    # -- words ------------------------------------------------------------------------

    def describe(self) -> str:
        """One line for people."""
        return f"{len(self.committee.members)} members, Byzantine {sorted(self.bad)}"

    def _tell(self, line: str) -> None:
        if self._write is not None:
            self._write(line)

    def _words(self, message: Message) -> str:
        if self._write is None:
            return ""
        body, who = message.body, self.committee.members.index(Member(message.signer))
        if isinstance(body, Propose):
            return f"PROPOSE {body.value!r} of {who} in view {body.view}, valid {body.valid_view}"
        assert isinstance(body, Vote)
        known = {value_id(value): repr(value) for value in VALUES} | {ZERO: "nil"}
        said = known.get(body.value, "something else")
        return f"{message.kind.name} for {said} of {who} in view {body.view}"

    @classmethod
    def _of(cls, members: int) -> Committee:
        """The one committee of a size."""
        if members not in cls._committees:
            keys = sorted(hashed("arena-member", bytes([at])) for at in range(members))
            cls._committees[members] = Committee(
                network=hashed("arena"),
                members=tuple(Member(key) for key in keys),
                families=("family",) * members,
                mode=FaultMode.BYZANTINE,
                policy=Policy(),
            )
        return cls._committees[members]
