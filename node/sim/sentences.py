"""The sentences of a scene: what a message, a value, a timer or an outcome comes to in words.

Each rule that is named is the one by which a member that keeps to the protocol does so.
"""

from typing import Any

from consensus.agreement.instance import Instance, point_seed, proposer_order, value_id
from consensus.agreement.validity import Invalid
from consensus.bodies import (
    Acceptance,
    Batch,
    Bundle,
    Commit,
    Opening,
    Packet,
    Propose,
    Report,
    Seal,
    Vote,
)
from consensus.deliberation.effects import Expire
from consensus.deliberation.points import POINT_NAME, PointValue
from consensus.deliberation.task import Task
from consensus.envelope import POINTS, ZERO, Kind, Stage
from consensus.ports import Message

from .names import WORDS, Names, listed
from .swarm import Swarm

DEADLINES = {
    Stage.SLATE: "the draft",
    Stage.EXCHANGE: "the exchange",
    Stage.FREEZE: "judging",
    Stage.OUTCOME: "opening",
}
"""What a stage's own deadline is of."""


def turns(task: Task, round_: int, stage: Stage) -> tuple[bytes, ...]:
    """The members in the order in which they propose at a point that has begun (A1)."""
    state = task.rounds[round_ - 1]
    earlier = [point for point in POINTS if point < stage]
    previous = value_id(state.points[earlier[-1]].value) if earlier else ZERO
    if not earlier and round_ > 1:
        previous = value_id(task.rounds[round_ - 2].points[Stage.OUTCOME].value)
    return proposer_order(task.committee, point_seed(task.id, round_, stage, previous))


def said(message: Message, names: Names) -> tuple[str, str]:
    """What an own message says, and the rule that has it said; for votes see `voted`."""
    body, stage = message.body, message.ctx.stage
    match body:
        case Acceptance(refusal=""):
            return "its ACCEPT", "S7"
        case Acceptance(refusal=refusal):
            return f"its refusal: {refusal}", "S7"
        case Commit(abstain=""):
            return f"its {_nth(names, message)}, which hides what is committed to", "R2"
        case Commit(abstain=abstain):
            return f"that it abstains from drafting: {abstain}", "R0"
        case Packet(path=path):
            return f"its proposal, sealed, as the entry of path {path + 1}", "R3"
        case Bundle(boxes=boxes):
            return f"one shuffled bundle of {len(boxes)} sealed boxes", "R3"
        case Batch():
            if not message.parts:
                return "an empty batch", "R3"
            return f"a batch of {names.of(part.id for part in message.parts)}", "R3"
        case Seal():
            return f"its {_nth(names, message)}, which hides a ballot", "R6"
        case Opening():
            return opened(body, names), "R8"
        case Report(ids=ids):
            return f"its REPORT: at the {POINT_NAME[stage]} it holds {names.of(ids)}", "V1"
        case Propose():
            named = names.value(message.ctx.round, stage, value_id(body.value))
            first = body.valid_view < 0
            since = "" if first else f", valid since view {body.valid_view}"
            return f"its PROPOSE of {named} in view {body.view}{since}", "A2"
        case _:
            return WORDS[message.kind][0], "T2"


def cast(message: Message, names: Names) -> str:
    """What a vote is for, without why."""
    vote, stage = message.body, message.ctx.stage
    assert isinstance(vote, Vote)
    named = names.value(message.ctx.round, stage, vote.value)
    return f"its {message.kind.name} for {named} in view {vote.view}"


def voted(message: Message, names: Names, instance: Instance, *, late: bool) -> tuple[str, str]:
    """A fresh vote with why it is this one, as far as its member's `instance` shows it, and the
    rule. `late` says that a timer of the instance has just run out."""
    vote, stage = message.body, message.ctx.stage
    assert isinstance(vote, Vote)
    what = cast(message, names)
    held = instance.messages()
    if message.kind is Kind.PRECOMMIT:
        support = names.members(
            other.signer for other in held if other.kind is Kind.PREVOTE and other.body == vote
        )
        if vote.value != ZERO:
            return f"{what}, which {support} prevoted, and is locked on it", "A5"
        return (what, "A7") if late else (f"{what}, which {support} prevoted", "A6")
    offered = [
        other.body
        for other in held
        if isinstance(other.body, Propose) and other.body.view == vote.view
    ]
    if not offered:
        return what, "A7" if late else "A11"
    rule = "A3" if offered[0].valid_view < 0 else "A4"
    if vote.value != ZERO:
        return what, rule
    validity = instance.validity(offered[0].value)
    if isinstance(validity, Invalid):
        return f"{what}: {validity.text}", f"{rule}, {validity.rule}"
    if instance.locked is None:
        return what, "A7"
    on = names.value(message.ctx.round, stage, instance.locked[1])
    return f"{what}, being locked on {on} since view {instance.locked[0]}", rule


def put_forward(message: Message, names: Names) -> str:
    """What the value of a PROPOSE names."""
    body = message.body
    stage, round_ = message.ctx.stage, message.ctx.round
    assert isinstance(body, Propose)
    value = PointValue.decode(body.value, stage=stage, round_=round_)
    what = f"{names.value(round_, stage, value_id(body.value))} of {names.of(value.ids)}"
    pairs = [f"{names.of(pair[:1])} and {names.of(pair[1:])}" for pair in value.evidence]
    void = f", void by evidence {'; '.join(pairs)} (V3)" if pairs else ""
    because = "by " + names.of(value.reports) if value.reports else "a slot for every member"
    how = "puts together" if body.valid_view < 0 else "takes up again"
    return f"{how} {what}{void}; {because} (V1, V2)"


def _nth(names: Names, message: Message) -> str:
    return names.of([message.id]).split("'s ", 1)[1]


def expired(event: Expire) -> str:
    """A timer that ran out, and what of it."""
    key = event.key
    match key.name:
        case "propose":
            return f"has waited long enough for a PROPOSE of the {POINT_NAME[key.stage]} (A7)"
        case "prevote" | "precommit":
            return (
                f"has waited long enough for more {key.name}s of the {POINT_NAME[key.stage]} in "
                f"view {key.view} (A7)"
            )
        case "entry":
            return "waits no longer for packets, as an entry (R3)"
        case "exit":
            return "waits no longer for a bundle, as an exit (R3)"
        case "abstain":
            return f"waits no longer for its model: four fifths of {DEADLINES[key.stage]} (R0)"
        case _:
            return f"is at the deadline of {DEADLINES.get(key.stage, 'accepting')} (R0)"


def opened(body: Opening, names: Names) -> str:
    """What an opening shows."""
    whose = f"is the author of {names.of([body.proposal])}" if body.proposal else "wrote nothing"
    ballot = body.ballot
    if ballot is None:
        return f"its opening: it {whose}, and shows no ballot"
    if ballot.abstain:
        return f"its opening: it {whose}, and its ballot abstains: {ballot.abstain}"
    marks = (
        f"{mark.endorsement:+d} for {names.of([ballot.held[mark.candidate]])}"
        for mark in ballot.marks
    )
    return f"its opening: it {whose}, and its ballot says {listed(marks)}"


def outcome(figures: dict[str, Any], swarm: Swarm) -> str:
    """The decision of an outcome in a few words."""
    decision, tally = figures["decision"], figures["tally"]
    strikes = figures["strikes"]
    struck = listed(f"{swarm.names[at]} ({what})" for at, what in strikes) if strikes else "nobody"
    proposals = figures["proposals"]
    warnings = "".join(f", {kind}: {text}" for kind, text in decision["warnings"])
    for node in swarm.nodes:
        warnings = warnings.replace(node.member.hex()[:8], node.name)
    answer = f'answer "{decision["answer"]}"' if decision["answer"] else "no answer"
    ends = "finish" if decision["kind"] == "finish" else "another round"
    return (
        f"reads in it: {len(proposals)} proposals and {tally['ballots']} ballots count, {answer}, "
        f"{decision['status']}, {ends} ({decision['reason'] or 'no reason to stop'}), "
        f"struck: {struck}{warnings} (R9, R10)"
    )
