"""A committee around one table: a real `Task` for one member, scribes for the others."""

from collections.abc import Iterable
from dataclasses import replace

from consensus.agreement.effects import Convict, Persist, Send, SetTimer, TimerKey, Want
from consensus.agreement.instance import value_id
from consensus.bodies import (
    Acceptance,
    AnswerKind,
    AnswerSpec,
    Ballot,
    Batch,
    Body,
    Budget,
    Bundle,
    Commit,
    Content,
    Packet,
    Proposal,
    Propose,
    TaskOpen,
    Views,
    Vote,
)
from consensus.committee import Committee, FaultMode
from consensus.deliberation.effects import (
    Draft,
    Drafted,
    Effect,
    Event,
    Expire,
    Judge,
    Judged,
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
from consensus.deliberation.points import PointValue
from consensus.deliberation.requests import Judgment
from consensus.deliberation.scribe import Kept, Scribe
from consensus.deliberation.task import Task
from consensus.envelope import ZERO, Ctx, Kind, Member, Stage, tagged_hash
from consensus.policy import Policy
from consensus.ports import Message
from node.sim.ring import KeyRing

SPEC = AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b", "c"))


class Table:
    """`count` members; `task` is that of the member at position 0, the others are written for."""

    def __init__(
        self,
        count: int = 4,
        *,
        policy: Policy | None = None,
        mode: FaultMode = FaultMode.BYZANTINE,
        spec: AnswerSpec = SPEC,
        families: tuple[str, ...] = (),
        budget: Budget | None = None,
    ) -> None:
        self.ring = KeyRing()
        members = sorted(self.ring.identity(f"member {at}") for at in range(count))
        self.committee = Committee(
            network=tagged_hash("table"),
            members=tuple(Member(member) for member in members),
            families=families or tuple(f"family {at}" for at in range(count)),
            mode=mode,
            policy=policy or Policy(),
        )
        base = Ctx(
            network=self.committee.network,
            committee=self.committee.hash,
            task=ZERO,
            round=0,
            stage=Stage.OPEN,
        )
        body = TaskOpen(
            committee=self.committee,
            messages=(Content(text="which?"),),
            answer=spec,
            domain="",
            opened_at_ms=0,
            not_after_ms=1_000_000,
            budget=budget or Budget(),
            nonce=bytes(16),
        )
        opener = Scribe(writer=self.ring.writer(members[0]), base=base, secret=bytes(32))
        self.opened = opener.sign(0, Stage.OPEN, Kind.TASK_OPEN, body)
        base = Ctx(
            network=base.network,
            committee=base.committee,
            task=self.opened.id,
            round=0,
            stage=Stage.OPEN,
        )
        self.scribes = [
            Scribe(
                writer=self.ring.writer(member),
                base=base,
                secret=tagged_hash("secret", member),
            )
            for member in members
        ]
        self._drafts: dict[tuple[int, int], Message] = {}
        self._seals: dict[tuple[int, int], bytes] = {}

    def make(self, *, kept: Iterable[Kept] = (), refusal: str = "", active: bool = True) -> "Seat":
        """The task of the member at position 0."""
        member = self.committee.members[0]
        return Seat(
            self,
            Task(
                opened=self.opened,
                reader=self.ring.reader(),
                writer=self.ring.writer(member),
                secret=tagged_hash("secret", member),
                kept=tuple(kept),
                refusal=refusal,
                active=active,
            ),
        )

    # -- what the others write --------------------------------------------------------

    def sign(self, who: int, round_: int, stage: Stage, kind: Kind, body: Body) -> Message:
        """Any message of a member."""
        return self.scribes[who].sign(round_, stage, kind, body)

    def accept(self, who: int, refusal: str = "") -> Message:
        """A member's answer to the task."""
        return self.sign(who, 0, Stage.OPEN, Kind.ACCEPTANCE, Acceptance(refusal=refusal))

    def proposal(self, who: int, answer: str, round_: int = 1) -> Message:
        """A member's alias-signed proposal."""
        return self.scribes[who].proposal(round_, Proposal(answer=answer))

    def commit(self, who: int, answer: str, round_: int = 1) -> Message:
        """A member's commit to that proposal."""
        draft = self.proposal(who, answer, round_)
        self._drafts[who, round_] = draft
        body = self.scribes[who].commit(round_, draft, Views())
        return self.sign(who, round_, Stage.SLATE, Kind.COMMIT, body)

    def abstain(self, who: int, reason: str = "tired", round_: int = 1) -> Message:
        """A member's commit to nothing."""
        body = Commit(commitment=bytes(32), abstain=reason)
        return self.sign(who, round_, Stage.SLATE, Kind.COMMIT, body)

    def draft(self, who: int, round_: int = 1) -> Message:
        """What the member committed to."""
        return self._drafts[who, round_]

    def batch(self, who: int, *drafts: Message) -> Message:
        """A member's batch of any proposals, in round 1."""
        parts = tuple(sorted(drafts, key=lambda draft: draft.id))
        body = Batch(entries=tuple(part.envelope for part in parts))
        return replace(self.sign(who, 1, Stage.EXCHANGE, Kind.BATCH, body), parts=parts)

    def passing(self, who: int, body: Packet | Bundle) -> Message:
        """What a member hands to one other in the exchange of round 1."""
        kind = Kind.PACKET if isinstance(body, Packet) else Kind.BUNDLE
        return self.sign(who, 1, Stage.EXCHANGE, kind, body)

    def seal(self, who: int, ballot: Ballot, round_: int = 1) -> Message:
        """A member's sealed ballot; `opening` opens it."""
        body, opening = self.scribes[who].seal(round_, self._drafts.get((who, round_)), ballot)
        self._seals[who, round_] = opening
        return self.sign(who, round_, Stage.FREEZE, Kind.SEAL, body)

    def opening(self, who: int, round_: int = 1) -> Message:
        """What opens a member's commit and seal."""
        body = self.ring.reader().decode(Kind.OPENING, self._seals[who, round_])
        return self.sign(who, round_, Stage.OUTCOME, Kind.OPENING, body)

    def vote(self, who: int, stage: Stage, kind: Kind, view: int, value: bytes) -> Message:
        """A member's vote in round 1."""
        return self.sign(who, 1, stage, kind, Vote(view=view, value=value))


class Seat:
    """One task, stepped by hand; `effects` are those of the last step."""

    def __init__(self, table: Table, task: Task) -> None:
        self.table = table
        self.task = task
        self.now = 0
        self.effects: list[Effect] = []
        self.kept: dict[bytes, Kept] = {}

    def begin(self, *, up: Iterable[int] = ()) -> "Seat":
        """Enter the task, with links to the members at `up` (all others by default)."""
        self._take(self.task.begin(self.now))
        members = self.table.committee.members
        reached = [members[at] for at in up] or members[1:]
        self.step(Links(up=frozenset(reached)))
        return self

    def step(self, event: Event) -> list[Effect]:
        """Hand over one event; what is to be sealed or opened is so at once."""
        found = self.task.step(event, self.now)
        self._take(found)
        for effect in found:
            answer = self._mixed(effect)
            if answer is not None:
                found = [*found, *self.step(answer)]
        self.effects = found
        return found

    def exchange(self, *authors: int) -> list[Effect]:
        """The others do their part in the mix (R3): those at `authors` hand in what they
        committed to, and everybody passes on what comes, this member's proposal too."""
        table, state = self.table, self.task.round
        members, ways = table.committee.members, self.task.exchange.paths(state)
        drafts = {members[who]: table.draft(who, state.number) for who in authors}
        own = self.task.desk._own_proposal(state)
        if own is not None and self.task.me in self.task.desk.authors(state):
            drafts[members[0]] = own
        sealed = {
            author: table.ring.wrap(draft.envelope, ways, tagged_hash("mix", author))
            for author, draft in drafts.items()
        }
        said = []
        for view, path in enumerate(ways):
            entry, exit_ = members.index(path.entry), members.index(path.exit)
            boxes = [sealed[author][view] for author in drafts]
            if entry == 0:
                said += [
                    table.passing(
                        members.index(author), Packet(path=view, box=sealed[author][view])
                    )
                    for author in drafts
                    if author != members[0]
                ]
            if exit_ == 0:
                inner = table.ring.peel(path.entry, boxes)
                said.append(table.passing(entry, Bundle(boxes=tuple(sorted(inner)))))
            else:
                said.append(table.batch(exit_, *drafts.values()))
        return self.receive(*said)

    def receive(self, *messages: Message) -> list[Effect]:
        """Hand over messages, each from its signer; the effects of all of them."""
        found: list[Effect] = []
        for message in messages:
            found += self.step(Receive(message=message, source=message.signer))
        self.effects = found
        return found

    def expire(self, stage: Stage, name: str, view: int = 0) -> list[Effect]:
        """Let a timer of the current round run out."""
        number = self.task.round.number if self.task.rounds else 0
        return self.step(Expire(key=TimerKey(round=number, stage=stage, name=name, view=view)))

    def draft(self, answer: str | None, failure: str = "") -> list[Effect]:
        """Let the model answer with a draft, or not."""
        proposal = None if answer is None else Proposal(answer=answer)
        number = self.task.round.number
        return self.step(Drafted(round=number, proposal=proposal, failure=failure))

    def judge(self, judgment: Judgment | None, failure: str = "") -> list[Effect]:
        """Let the model answer with a judgment, or not."""
        number = self.task.round.number
        return self.step(Judged(round=number, judgment=judgment, failure=failure))

    # -- what came of it --------------------------------------------------------------

    def sent(self, kind: Kind) -> list[Message]:
        """Messages of a kind that the last step sent."""
        sends = [effect for effect in self.effects if isinstance(effect, Send)]
        return [effect.message for effect in sends if effect.message.kind is kind]

    def handed(self, kind: Kind) -> list[tuple[bytes, Message]]:
        """Messages of a kind that the last step sent to one member, and to which."""
        replies = [effect for effect in self.effects if isinstance(effect, Reply)]
        return [
            (reply.member, message)
            for reply in replies
            for message in reply.messages
            if message.kind is kind
        ]

    def asked(self, of: type[Draft] | type[Judge]) -> list[Effect]:
        """Requests to the model in the last step."""
        return [effect for effect in self.effects if isinstance(effect, of)]

    def wanted(self) -> set[bytes]:
        """Ids that the last step asked for."""
        wants = [effect for effect in self.effects if isinstance(effect, Want)]
        return {item for want in wants for item in want.ids}

    def timers(self) -> dict[tuple[Stage, str, int], int]:
        """Timers that the last step set."""
        found = [effect for effect in self.effects if isinstance(effect, SetTimer)]
        return {(item.key.stage, item.key.name, item.key.view): item.delay_ms for item in found}

    def convicts(self) -> list[Convict]:
        """Evidence that the last step came upon."""
        return [effect for effect in self.effects if isinstance(effect, Convict)]

    def _mixed(self, effect: Effect) -> Event | None:
        """What comes back of an effect that seals or opens."""
        ring = self.table.ring
        match effect:
            case Wrap():
                boxes = ring.wrap(effect.proposal, effect.paths, effect.secret)
                return Wrapped(round=effect.round, boxes=boxes)
            case Peel():
                return Peeled(round=effect.round, boxes=ring.peel(self.task.me, effect.boxes))
            case Unwrap():
                found = ring.unwrap(self.task.me, effect.boxes)
                return Unwrapped(round=effect.round, envelopes=found)
        return None

    def _take(self, effects: list[Effect]) -> None:
        self.effects = effects
        for effect in effects:
            if isinstance(effect, Persist):
                kept = Kept(message=effect.message, secret=effect.secret)
                self.kept[effect.message.id] = kept


def decide(
    table: Table, stage: Stage, content: Iterable[Message], *, round_: int = 1, view: int = 0
) -> list[Message]:
    """What decides a slate or freeze on `content`, one message a member: a PROPOSE, precommits.

    The value carries no REPORTs, so everybody's content has to be there. To be handed over
    before the content is: then the point has not begun, and any member's PROPOSE is kept.
    """
    value = PointValue(
        stage=stage,
        round=round_,
        ids=tuple(sorted(message.id for message in content)),
        reports=(),
        evidence=(),
    ).encode()
    body = Propose(view=view, valid_view=-1, value=value)
    voters = range(1, table.committee.quorum.q + 1)
    return [
        table.sign(1, round_, stage, Kind.PROPOSE, body),
        *(
            table.sign(who, round_, stage, Kind.PRECOMMIT, Vote(view=view, value=value_id(value)))
            for who in voters
        ),
    ]
