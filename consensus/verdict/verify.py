"""Checking a verdict with nothing but its bytes and, to be sure of whom, a pin (rule E2).

The steps are numbered here and in what `verify` tells of them:

1. The TaskOpen is signed by a member of the committee it describes (S1, S3, S7).
2. The committee is one that the pinned federation allows, if there is a pin (S3, S6).
3. Rounds are contiguous, and exactly the last says finish (E1).
4. Every envelope belongs to its round, is signed, well-formed, and named by a point (E1). People's
   notes in it are of speakers whom the TaskOpen names, and signed for this task (R1c).
5. Each value has q precommits of one view, by distinct members (A8).
6. Each set is what its REPORTs oblige (V1, V2, V3).
7. The outcome is recomputed: openings, masks, tally, plateau, decision (R8, R9, V4, V5).
8. Words on its release are signed, by distinct approvers of the pinned federation (E4).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..agreement.instance import value_id
from ..agreement.validity import Invalid, Pending, Validity
from ..bodies import BodyError, Commit, Note, Propose, TaskOpen, Vote
from ..committee import Committee
from ..deliberation.notes import Heard, heard, note_problem, slate_notes
from ..deliberation.opened import Facts
from ..deliberation.outcome import check_outcome, recount
from ..deliberation.points import POINT_NAME, PointValue, check_set, closure
from ..envelope import POINTS, STAGE_OF, ZERO, Ctx, Envelope, Kind, MessageId, Stage
from ..ports import Message, Reader
from ..tally.count import Count
from .bundle import Bundle, PointBundle, RoundBundle
from .release import Approval, until

Pin = Callable[[Committee], str | None]
"""Why a pinned federation does not allow a committee, or None if it does."""

Approver = Callable[[bytes], bool]
"""Whether a pinned federation names this key an approver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of `verify` that begins: its number above, and its round (0 where it is of none).

    Whoever is told knows that what was checked before holds. A step may begin twice in a round.
    """

    number: int
    round: int


Told = Callable[[Step], None]
"""Told each step as it begins."""

STEPS = {
    1: ("S7", "the task is signed by a member of the committee that it describes"),
    2: ("S3", "the federation that was given allows this committee"),
    3: ("E1", "rounds follow on each other, and the last alone says finish"),
    4: ("E1", "every envelope belongs here, is signed, and is named by a point"),
    5: ("A8", "each value has a quorum's precommits in one view"),
    6: ("V1", "each set is what its reports oblige"),
    7: ("V5", "masks, tally, plateau and decision are what recomputing gives"),
    8: ("E4", "words on its release are signed by approvers of that federation"),
}
"""The steps above in a line each, with the rule that says most of it."""


class VerdictError(Exception):
    """The verdict is not valid: `rule` is broken, by the envelope `message` if one is named."""

    def __init__(self, rule: str, text: str, message: bytes | None = None) -> None:
        named = f" (message {message.hex()[:16]})" if message is not None else ""
        super().__init__(f"{rule}: {text}{named}")
        self.rule = rule
        self.text = text
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRound:
    """One round of a checked verdict: its outcome, and the facts that it was checked on."""

    outcome: PointValue
    facts: Facts

    @property
    def figures(self) -> dict[str, Any]:
        """The outcome's figures, as they were signed."""
        assert self.outcome.figures is not None
        return self.outcome.figures

    def notes(self) -> tuple[Note, ...]:
        """People's notes in the commits that the slate counts, in no order (R1c)."""
        return slate_notes(self.facts.slate.ids, self.facts.lookup)

    def count(self) -> Count:
        """What the round's figures were rounded from, counted anew at every call."""
        found = recount(self.outcome, self.facts)
        assert isinstance(found, Count)  # it was checked: nothing is missing
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A verdict whose every figure was recomputed. `pinned` says whether by known members.

    `release` are the approvers' words that came with it: `release.release` says where they
    leave it.
    """

    id: bytes
    task: bytes
    spec: TaskOpen
    opener: bytes
    pinned: bool
    rounds: tuple[CheckedRound, ...]
    release: tuple[Approval, ...] = ()

    @property
    def outcomes(self) -> tuple[dict[str, Any], ...]:
        """The figures of each round; the last holds the decision."""
        return tuple(round_.figures for round_ in self.rounds)

    @property
    def notes(self) -> tuple[Heard, ...]:
        """What models were told of people's notes, computed anew from the slates (R1c)."""
        return heard([part.notes() for part in self.rounds], self.spec.speakers, self.task)

    @property
    def decision(self) -> dict[str, Any]:
        """The last round's decision."""
        decision: dict[str, Any] = self.rounds[-1].figures["decision"]
        return decision


def verify(
    bundle: Bundle,
    reader: Reader,
    pin: Pin | None,
    told: Told = lambda _: None,
    *,
    approver: Approver | None = None,
) -> Checked:
    """Check a verdict. Raises `VerdictError` naming the rule that fails: of the last step told.

    With a pin, `approver` says whose word releases; without it nobody's does.
    """
    told(Step(number=1, round=0))
    spec, base = _check_open(bundle.opened, reader)
    if pin is not None:
        told(Step(number=2, round=0))
        problem = pin(spec.committee)
        if problem is not None:
            raise VerdictError("S3", f"the pinned federation does not allow this: {problem}")
    told(Step(number=3, round=0))
    if not bundle.rounds:
        raise VerdictError("E1", "the verdict has no rounds")
    previous: dict[str, Any] | None = None
    rounds: list[CheckedRound] = []
    for number, part in enumerate(bundle.rounds, start=1):
        rounds.append(_check_round(part, number, spec, base, previous, reader, told))
        previous = rounds[-1].figures
        told(Step(number=3, round=number))
        last = number == len(bundle.rounds)
        if (previous["decision"]["kind"] == "finish") != last:
            said = "says finish and is not the last" if not last else "does not say finish"
            raise VerdictError("E1", f"round {number} {said}")
    told(Step(number=8, round=0))
    return Checked(
        id=bundle.id,
        task=bundle.task,
        spec=spec,
        opener=bundle.opened.signer,
        pinned=pin is not None,
        rounds=tuple(rounds),
        release=_check_release(bundle, spec, reader, pin is not None, approver),
    )


def _check_release(
    bundle: Bundle, spec: TaskOpen, reader: Reader, pinned: bool, approver: Approver | None
) -> tuple[Approval, ...]:
    """Step 8: every word is on this verdict, in time, signed, and by an approver, one by each."""
    if bundle.release and not spec.committee.policy.approvals:
        raise VerdictError("E4", "it carries approvals that its policy does not ask for")
    said: list[bytes] = []
    for item in bundle.release:
        word, who = item.approval, item.approval.approver.hex()[:16]
        if (word.task, word.verdict) != (bundle.task, bundle.id):
            raise VerdictError("E4", f"the word of {who} is on another verdict")
        if not reader.verify(word.approver, word.preimage, item.signature):
            raise VerdictError("E4", f"the signature of approver {who} does not hold")
        if pinned and (approver is None or not approver(word.approver)):
            raise VerdictError("E4", f"{who} is no approver of the pinned federation")
        if word.at_ms > until(spec):
            raise VerdictError("E4", f"the word of {who} came after the time for it")
        said.append(word.approver)
    if said != sorted(set(said)):
        raise VerdictError("E4", "approvers are not distinct and ascending")
    return tuple(item.approval for item in bundle.release)


def _check_open(opened: Envelope, reader: Reader) -> tuple[TaskOpen, Ctx]:
    message = _read(opened, reader)
    place = (message.ctx.task, message.ctx.round, message.ctx.stage)
    if message.kind is not Kind.TASK_OPEN or place != (ZERO, 0, Stage.OPEN):
        raise VerdictError("S7", "the first envelope is not a TaskOpen", opened.id)
    assert isinstance(message.body, TaskOpen)
    committee = message.body.committee
    if message.ctx.committee != committee.hash or message.ctx.network != committee.network:
        raise VerdictError("S3", "the TaskOpen is bound to another committee", opened.id)
    if committee.position(opened.signer) is None:
        raise VerdictError("S7", "the opener is not a member of its committee", opened.id)
    return message.body, replace(message.ctx, task=opened.id)


def _check_round(
    part: RoundBundle,
    number: int,
    spec: TaskOpen,
    base: Ctx,
    previous: dict[str, Any] | None,
    reader: Reader,
    told: Told,
) -> CheckedRound:
    """Steps 4 to 7 for one round."""
    told(Step(number=4, round=number))
    if len(part.points) != len(POINTS):
        raise VerdictError("E1", f"round {number} has {len(part.points)} points, not three")
    held: dict[MessageId, Message] = {}
    for envelope in part.named:
        message = _read(envelope, reader)
        _check_place(message, number, spec, base)
        if isinstance(message.body, Commit):
            problem = note_problem(message.body.notes, spec.speakers, base.task, reader.verify)
            if problem:
                raise VerdictError("R1c", problem, message.id)
        if message.id in held:
            raise VerdictError("E1", "an envelope is carried twice", message.id)
        held[message.id] = message
    told(Step(number=5, round=number))
    values: dict[Stage, PointValue] = {}
    for stage, point in zip(POINTS, part.points, strict=True):
        values[stage] = _check_point(point, stage, number, spec, base, reader)
    told(Step(number=4, round=number))  # what is named is known only now
    named = {item for value in values.values() for item in closure(value, held.get)}
    for item in sorted(set(held) - named):
        raise VerdictError("E1", "an envelope is carried that no value names", item)
    told(Step(number=6, round=number))
    for stage, value in values.items():
        ctx = replace(base, round=number, stage=stage)
        _settle(check_set(value, committee=spec.committee, ctx=ctx, lookup=held.get), stage, number)
    told(Step(number=7, round=number))
    facts = Facts(
        spec=spec,
        task=base.task,
        round=number,
        slate=values[Stage.SLATE],
        slate_value=part.points[0].value,
        freeze=values[Stage.FREEZE],
        previous=previous,
        ctx=replace(base, round=number, stage=Stage.OUTCOME),
        lookup=held.get,
        verify=reader.verify,
    )
    outcome = values[Stage.OUTCOME]
    _settle(check_outcome(outcome, facts), Stage.OUTCOME, number)
    return CheckedRound(outcome=outcome, facts=facts)


def _check_point(
    point: PointBundle, stage: Stage, number: int, spec: TaskOpen, base: Ctx, reader: Reader
) -> PointValue:
    """Step 5: the carrier is this point's, and q precommits of one view name its value."""
    where = f"the {POINT_NAME[stage]} of round {number}"
    ctx = replace(base, round=number, stage=stage)
    carrier = _read(point.carrier, reader)
    if carrier.kind is not Kind.PROPOSE or carrier.ctx != ctx:
        raise VerdictError("E1", f"{where} is carried by something else", carrier.id)
    if spec.committee.position(carrier.signer) is None:
        raise VerdictError("S2", f"{where} is carried by a stranger's message", carrier.id)
    assert isinstance(carrier.body, Propose)
    quorum = spec.committee.quorum
    wanted = value_id(carrier.body.value)
    signers: set[bytes] = set()
    views: set[int] = set()
    for envelope in point.precommits:
        vote = _read(envelope, reader)
        if vote.kind is not Kind.PRECOMMIT or vote.ctx != ctx:
            raise VerdictError("A8", f"{where} has a vote that is no precommit of it", vote.id)
        if spec.committee.position(vote.signer) is None:
            raise VerdictError("A8", f"{where} has a stranger's precommit", vote.id)
        assert isinstance(vote.body, Vote)
        if vote.body.value != wanted:
            raise VerdictError("A8", f"{where} has a precommit for another value", vote.id)
        if vote.signer in signers:
            raise VerdictError("A8", f"{where} has two precommits of one member", vote.id)
        signers.add(vote.signer)
        views.add(vote.body.view)
    if len(views) > 1:
        raise VerdictError("A8", f"{where} has precommits of mixed views: {sorted(views)}")
    if len(signers) != quorum.q:
        text = f"{where} has {len(signers)} precommits, and a quorum is {quorum.q}"
        raise VerdictError("A8", text)
    try:
        return PointValue.decode(carrier.body.value, stage=stage, round_=number)
    except ValueError as error:
        raise VerdictError("V5", f"{where}: {error}", carrier.id) from None


def _check_place(message: Message, number: int, spec: TaskOpen, base: Ctx) -> None:
    """A named envelope is of this task and round, and by a member unless it is a proposal."""
    ctx = message.ctx
    if ctx != replace(base, round=number, stage=ctx.stage):
        raise VerdictError("S2", f"an envelope in round {number} is of elsewhere", message.id)
    if ctx.stage not in STAGE_OF[message.kind]:
        text = f"{message.kind.name} does not belong in stage {ctx.stage.name}"
        raise VerdictError("S2", text, message.id)
    member = spec.committee.position(message.signer) is not None
    if member == (message.kind is Kind.PROPOSAL):
        text = "a proposal is signed by a member" if member else "a stranger signed"
        raise VerdictError("S2", text, message.id)


def _read(envelope: Envelope, reader: Reader) -> Message:
    """An envelope with its signature checked and its payload parsed once (S1)."""
    if not reader.verify(envelope.signer, envelope.preimage, envelope.signature):
        raise VerdictError("S1", "a signature does not hold", envelope.id)
    try:
        kind = Kind(envelope.kind)
        ctx = Ctx.unpack(envelope.ctx)
        body = reader.decode(kind, envelope.payload)
    except (ValueError, BodyError) as error:
        raise VerdictError("S1", f"an envelope is malformed: {error}", envelope.id) from None
    return Message(envelope=envelope, kind=kind, ctx=ctx, body=body)


def _settle(validity: Validity, stage: Stage, number: int) -> None:
    where = f"the {POINT_NAME[stage]} of round {number}"
    match validity:
        case Pending(ids=ids):
            raise VerdictError("E1", f"{where} names an envelope that is not there", ids[0])
        case Invalid(rule=rule, text=text, message=message):
            raise VerdictError(rule, f"{where}: {text}", message)
        case _:
            return
