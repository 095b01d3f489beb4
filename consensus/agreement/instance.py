"""One instance of agreement: Tendermint's rules as a state machine without I/O (rules A).

After Buchman, Kwon and Milosevic, "The latest gossip on BFT consensus" (2018), algorithm 1.
Each branch names the protocol's rule and the paper's line. The instance hears of the world
through `start`, `receive`, `expire`, `recheck` and `links`, and answers with an ordered list
of effects; signing, building and checking values come in as callables.
"""

from collections.abc import Callable, Iterable
from enum import IntEnum

from ..bodies import VIEW_CAP, Propose, Vote
from ..committee import Committee
from ..envelope import VOTES, ZERO, Kind, Stage, pack_all, tagged_hash
from ..ports import Message
from .effects import AgreementEffect, Convict, Decided, Persist, Send, SetTimer, TimerKey, Want
from .timing import Timing
from .validity import Invalid, Pending, Valid, Validity
from .votes import VIEW_WINDOW, VoteBook

EARLY_PROPOSALS = 2
"""Proposals a signer may have waiting before the instance starts: its first views."""


class Step(IntEnum):
    """Where in its view an instance stands."""

    PROPOSE = 0
    PREVOTE = 1
    PRECOMMIT = 2


def value_id(value: bytes) -> bytes:
    """The 32-byte id that votes name."""
    return tagged_hash("value", value)


def proposer_order(committee: Committee, seed: bytes) -> tuple[bytes, ...]:
    """Members in proposer order: sorted by SHA-256(seed, public key) (A1)."""
    return tuple(
        sorted(committee.members, key=lambda member: tagged_hash("proposer", seed, member))
    )


def point_seed(task: bytes, round_: int, stage: Stage, previous: bytes) -> bytes:
    """Seed of the proposer order: H(task, round, point, previous decided value) (A1)."""
    return tagged_hash("seed", task, round_.to_bytes(4, "big"), bytes([stage]), previous)


class Instance:
    """Agreement on one value at one point of one round.

    `sign` makes this member's signed message for (kind, body), or is None for an observer,
    who follows without a vote. `check` says whether a value is valid; `build` gives a value
    from what is held, or None. `restored` are this member's own messages from before a
    restart: they are sent again, never replaced; `proven` are the others' that they stood on, and
    `grounds` gives what a valid value stands on besides, to be stored with a lock on it (A13).
    """

    def __init__(
        self,
        *,
        committee: Committee,
        round_: int,
        stage: Stage,
        me: bytes,
        sign: Callable[[Kind, Propose | Vote], Message] | None,
        check: Callable[[bytes], Validity],
        build: Callable[[], bytes | None],
        timing: Timing,
        grounds: Callable[[bytes], Iterable[Message]] = lambda _: (),
        restored: tuple[Message, ...] = (),
        proven: tuple[Message, ...] = (),
    ) -> None:
        self.stage = stage
        self.view = 0
        self.step = Step.PROPOSE
        self.locked: tuple[int, bytes] | None = None
        self.valid: tuple[int, bytes] | None = None
        self.decided: Decided | None = None
        self.timing = timing
        self._committee = committee
        self._size = committee.quorum
        self._round = round_
        self._me = me
        self._sign = sign
        self._check = check
        self._build = build
        self._grounds = grounds
        self._order: tuple[bytes, ...] | None = None
        self._up: frozenset[bytes] = frozenset(committee.members)
        self._votes = VoteBook()
        self._proposals: dict[int, list[Message]] = {}
        self._early: dict[bytes, list[Message]] = {}
        self._kept_proposals: set[bytes] = set()
        self._values: dict[bytes, Message] = {}
        self._validity: dict[bytes, Valid | Invalid] = {}
        self._slots: dict[tuple[Kind, int], Message] = {}
        self._timers: set[tuple[str, int]] = set()
        self._left: tuple[Message, ...] = ()
        self._out: list[AgreementEffect] = []
        self._restore(restored)
        self._recall(proven)

    # -- events -----------------------------------------------------------------------

    def start(self, seed: bytes) -> list[AgreementEffect]:
        """The stage before this point has closed here: take part from now on."""
        if self._order is None:
            self._order = proposer_order(self._committee, seed)
            early, self._early = self._early, {}
            self._kept_proposals.clear()
            for messages in early.values():
                for message in messages:
                    self._keep_proposal(message)
            self._enter(self.view, self.step)
        return self._run()

    def receive(self, message: Message) -> list[AgreementEffect]:
        """A verified PROPOSE, PREVOTE or PRECOMMIT of this instance."""
        if message.kind in VOTES:
            self._keep_vote(message)
        else:
            self._keep_proposal(message)
        return self._run()

    def expire(self, key: TimerKey) -> list[AgreementEffect]:
        """A timer ran out. Timers of left views and steps mean nothing (A7)."""
        if self.decided is None and self._order is not None and key.view == self.view:
            match key.name:
                case "propose" if self.step is Step.PROPOSE:  # A7; line 57
                    self._cast(Kind.PREVOTE, ZERO)
                case "prevote" if self.step is Step.PREVOTE:  # A7; line 61
                    self._cast(Kind.PRECOMMIT, ZERO)
                case "precommit" if self.view < VIEW_CAP:  # A7; line 65
                    self._left = self._votes.cast(self.view, Kind.PRECOMMIT)[: self._size.q]
                    self._enter(self.view + 1, Step.PROPOSE)
                case _:
                    pass
        return self._run()

    def recheck(self) -> list[AgreementEffect]:
        """New bytes are in hand: a pending value may be valid now, or one may be built."""
        return self._run()

    def links(self, up: frozenset[bytes]) -> list[AgreementEffect]:
        """Which members can be reached; shortens the wait for a lost proposer (A10)."""
        lost = self._up - up
        self._up = up
        waiting = self.decided is None and self._order is not None and self.step is Step.PROPOSE
        if waiting and self._proposer(self.view) in lost and self.view not in self._proposals:
            self._set_timer("propose", self.view, again=True)
        return self._run()

    # -- what others may ask ----------------------------------------------------------

    def messages(self) -> list[Message]:
        """Everything held, conflicting votes included, for relay (T2)."""
        proposals = [message for kept in self._proposals.values() for message in kept]
        return proposals + self._votes.messages()

    def waiting(self) -> list[Message]:
        """PROPOSEs held for the start, which may be nobody's turn: named in digests, so that
        they are not sent again and again, and relayed once they are known to be due (T2)."""
        return [message for kept in self._early.values() for message in kept]

    def holds(self, item: bytes) -> bool:
        """Whether the PROPOSE or vote with this message id is kept."""
        return self._votes.holds(item) or item in self._kept_proposals

    def validity(self, value: bytes) -> Validity:
        """Whether `value` is valid: a yes or no is remembered, for it never changes."""
        known = self._validity.get(value_id(value))
        if known is not None:
            return known
        answer = self._check(value)
        if not isinstance(answer, Pending):
            self._validity[value_id(value)] = answer
        return answer

    def certificate(self) -> tuple[Message, ...]:
        """The decided value's PROPOSE and its q precommits (A14); empty if undecided."""
        if self.decided is None:
            return ()
        return (self._values[value_id(self.decided.value)], *self.decided.precommits)

    # -- intake -----------------------------------------------------------------------

    def _restore(self, messages: tuple[Message, ...]) -> None:
        """Take up where the stored votes left off: highest view, its step, its lock (A13)."""
        for message in messages:
            body = message.body
            assert isinstance(body, (Propose, Vote))
            self._slots[message.kind, body.view] = message
            if isinstance(body, Propose):
                self._await_start(message, body)
            else:
                self._votes.add(message, body.view)
                if message.kind is Kind.PRECOMMIT and body.value != ZERO:
                    # Rule A5 locks exactly when it precommits, so precommits hold the lock.
                    if self.locked is None or self.locked[0] < body.view:
                        self.locked = self.valid = (body.view, body.value)
            self.view = max(self.view, body.view)
        if (Kind.PRECOMMIT, self.view) in self._slots:
            self.step = Step.PRECOMMIT
        elif (Kind.PREVOTE, self.view) in self._slots:
            self.step = Step.PREVOTE

    def _recall(self, messages: tuple[Message, ...]) -> None:
        """Hold again what the own messages stood on (A13).

        Without the q prevotes of a lock nobody else can come to the locked value (A4), without its
        bytes this member cannot offer it (A2), and without the q precommits that ended a view
        nobody can follow into the next (A7). A Byzantine member's may be among them, which
        nobody else was sent and which it will not send again.
        """
        for message in messages:
            body = message.body
            if isinstance(body, Vote):
                self._votes.add(message, self.view)
            elif isinstance(body, Propose) and message.signer != self._me:
                self._await_start(message, body)

    def _keep_vote(self, message: Message) -> None:
        new, earlier = self._votes.add(message, self.view)
        if new and earlier is not None:  # S4; it still counts for what it names (A12)
            self._out.append(Convict(first=earlier, second=message))
        if new:
            self._follow()

    def _keep_proposal(self, message: Message) -> None:
        body = message.body
        assert isinstance(body, Propose)
        if self._order is None:
            waiting = self._early.get(message.signer, ())
            known = any(other.id == message.id for other in waiting)
            if not known and (len(waiting) < EARLY_PROPOSALS or message.signer == self._me):
                self._await_start(message, body)
            return
        if message.signer != self._proposer(body.view):
            return
        self._votes.note_view(message.signer, body.view)
        if body.view > self.view + VIEW_WINDOW:  # A9: its view is noted, its bytes come again
            self._follow()
            return
        kept = self._proposals.setdefault(body.view, [])
        if any(other.id == message.id for other in kept):
            return
        if len(kept) > 1 and not self._supported(value_id(body.value)):
            return  # one evidence pair is enough, and a third value is not kept
        if kept:  # S4
            self._out.append(Convict(first=kept[0], second=message))
        kept.append(message)
        self._kept_proposals.add(message.id)
        self._values.setdefault(value_id(body.value), message)
        self._follow()

    def _await_start(self, message: Message, body: Propose) -> None:
        """Keep a PROPOSE for the start, when it is known whose turn it was; its bytes at once."""
        self._early.setdefault(message.signer, []).append(message)
        self._kept_proposals.add(message.id)
        self._values.setdefault(value_id(body.value), message)

    def _supported(self, value: bytes) -> bool:
        """Whether t members voted for `value` in some view: such bytes are never dropped."""
        return self._votes.support(value) >= self._size.t

    def _follow(self) -> None:
        """A9, line 55: t distinct members are in later views, so at least one honest is."""
        reached = self._votes.reached(self._size.t)
        if self.decided is None and self._order is not None and reached > self.view:
            self._enter(reached, Step.PROPOSE)

    # -- rules ------------------------------------------------------------------------

    def _run(self) -> list[AgreementEffect]:
        """Apply the rules until none applies, and hand over the effects."""
        while self.decided is None and self._apply():
            pass
        out, self._out = self._out, []
        return out

    def _apply(self) -> bool:
        """One pass over the rules; True if one of them changed something."""
        if self._decide():
            return True
        if self._order is None:
            return False
        before = (self.view, self.step, self.locked, self.valid)
        self._offer()
        self._prevote()
        self._precommit()
        self._start_vote_timers()
        return before != (self.view, self.step, self.locked, self.valid)

    def _decide(self) -> bool:
        """A8, line 49: q precommits of one view, any view, with the value in hand."""
        for view in self._votes.precommit_views():
            for value in self._votes.values(view, Kind.PRECOMMIT):
                if value == ZERO:
                    continue
                supporters = self._votes.supporters(view, Kind.PRECOMMIT, value)
                if len(supporters) < self._size.q or value not in self._values:
                    continue
                chosen = sorted(supporters)[: self._size.q]
                carrier = self._values[value].body
                assert isinstance(carrier, Propose)
                self.decided = Decided(
                    stage=self.stage,
                    view=view,
                    value=carrier.value,
                    precommits=tuple(supporters[signer] for signer in chosen),
                )
                self._out.append(self.decided)
                return True
        return False

    def _offer(self) -> None:
        """A2, lines 14 to 19: the proposer of the view puts a value forward, once."""
        mine = self._proposer(self.view) == self._me and self._sign is not None
        if not mine or self.step is not Step.PROPOSE or self.view in self._proposals:
            return
        stored = self._slots.get((Kind.PROPOSE, self.view))
        if stored is not None:
            self._keep_proposal(stored)
            return
        if self.valid is not None and self.valid[1] in self._values:
            carrier = self._values[self.valid[1]].body
            assert isinstance(carrier, Propose)
            valid_view, value = self.valid[0], carrier.value
        elif self.valid is not None:
            return  # its bytes are still on their way (A11)
        else:
            built = self._build()
            if built is None:  # A1: silent while no valid value can be built
                return
            valid_view, value = -1, built
        body = Propose(view=self.view, valid_view=valid_view, value=value)
        self._keep_proposal(self._sign_once(Kind.PROPOSE, body))

    def _prevote(self) -> None:
        """A3 and A4, lines 22 to 33."""
        if self.step is not Step.PROPOSE:
            return
        for message in self._proposals.get(self.view, []):
            body = message.body
            assert isinstance(body, Propose)
            value = value_id(body.value)
            if body.valid_view >= 0:  # A4: a quorum prevoted it before, at the valid view
                earlier = self._votes.supporters(body.valid_view, Kind.PREVOTE, value)
                if len(earlier) < self._size.q:
                    continue
                free = self.locked is None or self.locked[0] <= body.valid_view
            else:
                free = self.locked is None
            validity = self._validity_of(body.value)
            if validity is None:  # A11: bytes are missing; the timer decides
                continue
            agrees = free or (self.locked is not None and self.locked[1] == value)
            good = isinstance(validity, Valid) and agrees
            self._cast(Kind.PREVOTE, value if good else ZERO)
            return

    def _precommit(self) -> None:
        """A5 and A6, lines 36 to 46."""
        if self.step is Step.PROPOSE:
            return
        for value in self._votes.values(self.view, Kind.PREVOTE):
            support = len(self._votes.supporters(self.view, Kind.PREVOTE, value))
            if support < self._size.q:
                continue
            if value == ZERO:
                if self.step is Step.PREVOTE:  # A6
                    self._cast(Kind.PRECOMMIT, ZERO)
                continue
            carrier = self._values.get(value)
            if carrier is None or not any(
                value_id(message.body.value) == value
                for message in self._proposals.get(self.view, [])
                if isinstance(message.body, Propose)
            ):
                continue
            assert isinstance(carrier.body, Propose)
            if isinstance(self._validity_of(carrier.body.value), Valid):  # A5
                self.valid = (self.view, value)
                if self.step is Step.PREVOTE:
                    self.locked = (self.view, value)
                    prevotes = self._votes.supporters(self.view, Kind.PREVOTE, value)
                    quorum = (prevotes[one] for one in sorted(prevotes)[: self._size.q])
                    proof = [carrier, *quorum, *self._grounds(carrier.body.value)]
                    self._cast(Kind.PRECOMMIT, value, proof)

    def _start_vote_timers(self) -> None:
        """A7, lines 34 and 47: a quorum has voted for something; wait for the rest once."""
        if (
            self.step is Step.PREVOTE
            and self._votes.voters(self.view, Kind.PREVOTE) >= self._size.q
        ):
            self._set_timer("prevote", self.view)
        if self._votes.voters(self.view, Kind.PRECOMMIT) >= self._size.q:
            self._set_timer("precommit", self.view)

    # -- acts -------------------------------------------------------------------------

    def _enter(self, view: int, step: Step) -> None:
        """Line 11: begin `view`. A restart comes in at the step its stored votes reached."""
        self.view, self.step = view, step
        if step is Step.PROPOSE:
            self._set_timer("propose", view)
        for message in self._votes.settle(view):
            self._keep_vote(message)

    def _cast(self, kind: Kind, value: bytes, proof: Iterable[Message] = ()) -> None:
        self.step = Step.PREVOTE if kind is Kind.PREVOTE else Step.PRECOMMIT
        if self._sign is not None:
            message = self._sign_once(kind, Vote(view=self.view, value=value), proof)
            self._votes.add(message, self.view)

    def _sign_once(
        self, kind: Kind, body: Propose | Vote, proof: Iterable[Message] = ()
    ) -> Message:
        """A13: what stands in the slot already is sent again; anything new is stored first."""
        assert self._sign is not None
        stored = self._slots.get((kind, body.view))
        if stored is not None:
            self._out.append(Send(message=stored))
            return stored
        message = self._sign(kind, body)
        self._slots[kind, body.view] = message
        secret = pack_all(one.envelope for one in (*self._left, *proof))
        self._left = ()
        self._out += [Persist(message=message, secret=secret), Send(message=message)]
        return message

    def _validity_of(self, value: bytes) -> Valid | Invalid | None:
        """The remembered answer of `check`; None while bytes are missing (A11)."""
        answer = self.validity(value)
        if isinstance(answer, Pending):
            self._out.append(Want(ids=answer.ids))
            return None
        return answer

    def _proposer(self, view: int) -> bytes:
        assert self._order is not None
        return self._order[view % len(self._order)]

    def _set_timer(self, name: str, view: int, *, again: bool = False) -> None:
        if (name, view) in self._timers and not again:
            return
        self._timers.add((name, view))
        if name == "propose":
            up = self._proposer(view) in self._up or self._proposer(view) == self._me
            delay = self.timing.propose(view, proposer_up=up)
        else:
            delay = self.timing.vote(view)
        key = TimerKey(round=self._round, stage=self.stage, name=name, view=view)
        self._out.append(SetTimer(key=key, delay_ms=delay))
