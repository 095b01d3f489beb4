"""One instance of agreement, driven by hand; the cast takes turns to propose in its order."""

from collections.abc import Callable

from consensus.agreement.effects import (
    AgreementEffect,
    Convict,
    Decided,
    Persist,
    Send,
    SetTimer,
    TimerKey,
    Want,
)
from consensus.agreement.instance import Instance, proposer_order, value_id
from consensus.agreement.timing import Timing
from consensus.agreement.validity import Invalid, Valid, Validity
from consensus.bodies import Propose, Vote
from consensus.committee import FaultMode
from consensus.envelope import ZERO, Kind, Stage
from consensus.policy import Policy
from consensus.ports import Message
from tests.harness.tables import Table

SEED = b"a seed of proposers"
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
"""By proposer order: alice proposes in view 0, bob in view 1, and so on."""


class Chamber:
    """`me`'s instance in a committee of `count`. Values are short byte strings; nil is None."""

    def __init__(
        self,
        count: int = 4,
        *,
        me: str = "dave",
        mode: FaultMode = FaultMode.BYZANTINE,
        check: Callable[[bytes], Validity] | None = None,
        build: bytes | None = b"mine",
        observer: bool = False,
        restored: tuple[Message, ...] = (),
        started: bool = True,
        policy: Policy | None = None,
    ) -> None:
        self.table = Table(count, mode=mode, policy=policy)
        committee = self.table.committee
        order = proposer_order(committee, SEED)
        self.places = dict(zip(NAMES, (committee.members.index(m) for m in order), strict=False))
        self.keys = {name: committee.members[place] for name, place in self.places.items()}
        self.me = me
        self.build = build
        self.instance = Instance(
            committee=committee,
            round_=1,
            stage=Stage.SLATE,
            me=self.keys[me],
            sign=None if observer else lambda kind, body: self._sign(me, kind, body),
            check=check or (lambda _: Valid()),
            build=lambda: self.build,
            timing=Timing(policy=committee.policy),
            restored=restored,
        )
        self.effects: list[AgreementEffect] = []
        if started:
            self.start()

    # -- events -----------------------------------------------------------------------

    def start(self) -> list[AgreementEffect]:
        """Begin."""
        self.effects = self.instance.start(SEED)
        return self.effects

    def take(self, *messages: Message) -> list[AgreementEffect]:
        """Receive messages; the effects of all of them."""
        self.effects = [item for one in messages for item in self.instance.receive(one)]
        return self.effects

    def propose(self, value: bytes, *, view: int = 0, valid: int = -1, by: str = "") -> None:
        """The proposer of the view, or somebody else, proposes."""
        self.take(self.proposal(value, view=view, valid=valid, by=by))

    def prevotes(self, value: bytes | None, *who: str, view: int = 0) -> None:
        """Members prevote."""
        self.take(*(self.vote(Kind.PREVOTE, value, one, view=view) for one in who))

    def precommits(self, value: bytes | None, *who: str, view: int = 0) -> None:
        """Members precommit."""
        self.take(*(self.vote(Kind.PRECOMMIT, value, one, view=view) for one in who))

    def expire(self, name: str, view: int = 0) -> list[AgreementEffect]:
        """A timer runs out."""
        key = TimerKey(round=1, stage=Stage.SLATE, name=name, view=view)
        self.effects = self.instance.expire(key)
        return self.effects

    # -- messages ---------------------------------------------------------------------

    def proposal(self, value: bytes, *, view: int = 0, valid: int = -1, by: str = "") -> Message:
        """A PROPOSE of the proposer of the view, or of somebody else."""
        by = by or NAMES[view % len(self.keys)]
        return self._sign(by, Kind.PROPOSE, Propose(view=view, valid_view=valid, value=value))

    def vote(self, kind: Kind, value: bytes | None, who: str, *, view: int = 0) -> Message:
        """A vote for a value, or nil."""
        named = ZERO if value is None else value_id(value)
        return self._sign(who, kind, Vote(view=view, value=named))

    # -- what came of it --------------------------------------------------------------

    def said(self) -> list[str]:
        """The messages sent by the last event, in words, like `prevote 0 blue`."""
        return [self.words(item.message) for item in self.effects if isinstance(item, Send)]

    def words(self, message: Message) -> str:
        """A message in words; values by their bytes."""
        body = message.body
        if isinstance(body, Propose):
            return f"propose {body.view} {body.value.decode()} valid {body.valid_view}"
        assert isinstance(body, Vote)
        known = {value_id(value): value.decode() for value in VALUES} | {ZERO: "nil"}
        return f"{message.kind.name.lower()} {body.view} {known.get(body.value, '?')}"

    def timers(self) -> dict[tuple[str, int], int]:
        """Timers set by the last event: (name, view) to milliseconds."""
        found = [item for item in self.effects if isinstance(item, SetTimer)]
        return {(item.key.name, item.key.view): item.delay_ms for item in found}

    def persisted(self) -> list[Message]:
        """Messages made durable by the last event."""
        return [item.message for item in self.effects if isinstance(item, Persist)]

    def wanted(self) -> tuple[bytes, ...]:
        """Ids asked for by the last event."""
        return tuple(name for item in self.effects if isinstance(item, Want) for name in item.ids)

    def convicts(self) -> list[tuple[str, str]]:
        """Evidence found by the last event, in words."""
        return [
            (self.words(item.first), self.words(item.second))
            for item in self.effects
            if isinstance(item, Convict)
        ]

    @property
    def decided(self) -> bytes | None:
        """The decided value, once there is one."""
        return None if self.instance.decided is None else self.instance.decided.value

    def decisions(self) -> list[Decided]:
        """Decisions among the last event's effects."""
        return [item for item in self.effects if isinstance(item, Decided)]

    def _sign(self, who: str, kind: Kind, body: Propose | Vote) -> Message:
        return self.table.sign(self.places[who], 1, Stage.SLATE, kind, body)


VALUES = (b"mine", b"blue", b"red", b"green", b"pink", b"gold", b"grey")


def bad(*values: bytes) -> Callable[[bytes], Validity]:
    """A validity function to which all values but these are valid."""
    return lambda value: Invalid(rule="V2", text="no") if value in values else Valid()
