"""One scripted Byzantine member against three honest ones: each attack once broke something."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from consensus.bodies import Mark, Opening, Proposal, Report
from consensus.deliberation.requests import DraftRequest
from consensus.envelope import Kind, Stage
from consensus.ports import Message
from node.sim.member import Mind, SimNode
from node.sim.minds import opinionated
from tests.harness.swarms import ORDERS, QUICK, Puppet, SmallSwarm, decided

POINT_OF = {Kind.COMMIT: Stage.SLATE, Kind.SEAL: Stage.FREEZE, Kind.OPENING: Stage.OUTCOME}


@pytest.mark.parametrize(
    ("stage", "named"),
    [
        (Stage.SLATE, Kind.REPORT),
        (Stage.FREEZE, Kind.COMMIT),
        (Stage.FREEZE, Kind.BATCH),
        (Stage.OUTCOME, Kind.SEAL),
        (Stage.OUTCOME, Kind.REPORT),
    ],
    ids=lambda value: value.name,
)
def test_report_of_what_is_not_its_points_content_stalls_nobody(stage: Stage, named: Kind) -> None:
    def bend(puppet: Puppet, message: Message, goal: SimNode) -> Sequence[Message]:
        if message.kind is Kind.PROPOSE or POINT_OF.get(message.kind) is stage:
            return ()
        if message.kind is not Kind.REPORT or message.ctx.stage is not stage:
            return (message,)
        assert puppet.task is not None and isinstance(message.body, Report)
        state = puppet.task.round
        held = [
            item.id
            for where in (Stage.SLATE, Stage.EXCHANGE, Stage.FREEZE, Stage.OUTCOME)
            for items in state.content(named, where).values()
            for item in items
            if item.signer != puppet.member
        ]
        return (puppet.resign(message, Report(ids=tuple(sorted({*message.body.ids, *held[:1]})))),)

    decided(SmallSwarm(bend=bend))


def test_report_naming_a_seal_in_place_of_an_unsent_opening_crashes_nobody() -> None:
    def bend(puppet: Puppet, message: Message, goal: SimNode) -> Sequence[Message]:
        if message.kind in (Kind.PROPOSE, Kind.OPENING):
            return ()
        if message.kind is Kind.REPORT and message.ctx.stage is Stage.OUTCOME:
            assert puppet.task is not None
            seals = puppet.task.round.content(Kind.SEAL, Stage.FREEZE)
            return (puppet.resign(message, Report(ids=(seals[puppet.member][0].id,))),)
        return (message,)

    decided(SmallSwarm(bend=bend))


def test_verdict_carries_a_proposal_that_answers_nothing() -> None:
    checked = decided(SmallSwarm(habits=frozenset({"no_answer"})))
    assert len(checked.outcomes[-1]["void"]) == 1
    assert [3, "void_answer"] in checked.outcomes[-1]["strikes"]


def test_words_of_a_ballot_that_was_not_sealed_reach_no_model() -> None:
    """An opening counts whole or not at all (R8), in the record of the next round too."""

    def bend(puppet: Puppet, message: Message, goal: SimNode) -> Sequence[Message]:
        body = message.body
        if not isinstance(body, Opening) or body.ballot is None or message.ctx.round > 1:
            return (message,)
        marks = (Mark(candidate=0, endorsement=100, critique="written after the others opened"),)
        ballot = replace(body.ballot, pairs=(), marks=marks)
        data = puppet.swarm.ring.writer(puppet.member).encode(ballot)
        return (puppet.resign(message, replace(body, ballot=ballot, ballot_bytes=data)),)

    shown: list[str] = []
    mind = opinionated("abc")

    def draft(request: DraftRequest) -> Proposal | None:
        shown.extend(word.text for entry in request.record for word in entry.critiques)
        return mind.draft(request)

    minds = [Mind(draft=draft, judge=mind.judge), *(opinionated(order) for order in ORDERS[1:4])]
    struck = set()
    for seed in range(5):
        swarm = SmallSwarm(bend=bend, minds=minds, policy=replace(QUICK, rounds=2), seed=seed)
        ((voter, reason),) = decided(swarm).outcomes[0]["strikes"]
        assert voter == 3
        struck.add(reason)
    assert struck <= {"mismatch", "unopened"}  # it may come after the outcome was proposed
    assert "mismatch" in struck
    assert "number 0 for me" in shown
    assert "written after the others opened" not in shown
