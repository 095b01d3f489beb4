"""A member of the committee says one thing to some and another to others, in every slot."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from consensus.bodies import (
    Acceptance,
    Batch,
    Body,
    Commit,
    Opening,
    Proposal,
    Propose,
    Report,
    Seal,
    Vote,
)
from consensus.deliberation.points import PointValue
from consensus.envelope import POINTS, Envelope, Kind, Stage
from consensus.verdict import Bundle
from node import evidence
from node.cli import exits
from node.twin import EVENT
from node.wire import codec
from tests.harness.cast import key, signed
from tests.harness.command import Command
from tests.harness.daemons import Grove

NAMES = ("alice", "bob", "carol", "mallory")
HONEST = NAMES[:3]
KINDS = (
    Kind.ACCEPTANCE,
    Kind.COMMIT,
    Kind.BATCH,
    Kind.SEAL,
    Kind.OPENING,
    Kind.REPORT,
    Kind.PROPOSE,
    Kind.PREVOTE,
    Kind.PRECOMMIT,
)
VOID = {Kind.COMMIT: Stage.SLATE, Kind.SEAL: Stage.FREEZE}
"""What is voided where all hold both before the point begins, and at which."""
SLOW = 1_500
"""Milliseconds that honest models take: mallory has said both before the stage closes."""

MOST_DRAWS = 20
"""Further tasks until mallory has been drawn as an exit, which each makes of every second member
(nobody else says a BATCH), or until both its words came in time."""


def other(envelope: Envelope) -> Envelope:
    """Another message of mallory's for the slot of `envelope`, always the same one."""
    drawn = hashlib.sha256(envelope.id).digest()
    body = codec.decode(Kind(envelope.kind), envelope.payload)
    changed: Body
    match body:
        case Acceptance():
            changed = Acceptance(refusal="not for you")
        case Commit():
            changed = Commit(commitment=drawn, views=body.views)
        case Batch():
            said = Proposal(answer="c", rationale="and now this")
            alias = key("an alias of nobody's")
            changed = Batch(entries=(signed(alias, Kind.PROPOSAL, envelope.ctx, said),))
        case Seal():
            changed = Seal(hash=drawn)
        case Opening():
            changed = Opening()
        case Report():
            changed = Report(ids=body.ids[:-1])
        case Propose():
            changed = Propose(view=body.view, valid_view=body.valid_view, value=drawn)
        case Vote():
            changed = Vote(view=body.view, value=drawn)
        case _:
            raise AssertionError(body)
    return signed(key("mallory"), Kind(envelope.kind), envelope.ctx, changed)


class TwoFaced:
    """Mallory's word to each member: in some tasks carol is told another thing than the others,
    in some everybody is told both; by task, the kind of message that is bent."""

    def __init__(self, grove: Grove) -> None:
        self.me = grove.key("mallory")
        self.deceived = grove.key("carol")
        self.split: dict[bytes, Kind] = {}
        self.doubled: dict[bytes, Kind] = {}

    def __call__(self, member: bytes, envelope: Envelope) -> Iterable[Envelope]:
        task, kind = envelope.ctx[64:96], envelope.kind
        if envelope.signer != self.me:
            return (envelope,)
        if self.split.get(task) == kind:
            return (other(envelope) if member == self.deceived else envelope,)
        bent = self.doubled.get(task)
        if bent == kind:
            return (envelope, other(envelope))
        if bent in VOID and kind == Kind.PROPOSE:
            return ()  # a value with a slot of everybody's is valid without its evidence (V1)
        return (envelope,)


def voided(bundle: Bundle, stage: Stage) -> bool:
    """Whether the value of a point carries the evidence that voids a slot (V3)."""
    point = bundle.rounds[0].points[POINTS.index(stage)]
    return bool(PointValue.decode(point.value, stage=stage, round_=1).evidence)


def caught_in(grove: Grove) -> set[tuple[object, object]]:
    """What was said twice and by whom, as logged so far."""
    return {(line["what"], line["member"]) for line in grove.logged("equivocation")}


async def test_equivocation_in_any_slot_is_caught_voided_and_stalls_nobody(
    tmp_path: Path, quorate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "OF_ONE", 1_000)
    models = {
        name: {"line": {"answer": answer}, "delay_ms": 0 if name == "mallory" else SLOW}
        for name, answer in zip(NAMES, "abca", strict=True)
    }
    async with Grove(tmp_path, *NAMES, models=models) as grove:
        grove.expected.add(EVENT)  # mallory's daemon hears what it never wrote
        await grove.start(*NAMES)
        await grove.linked()
        grove.nodes["mallory"].bend = bend = TwoFaced(grove)
        asked, opened = grove.ask(*NAMES), []
        for tasks in (bend.split, bend.doubled):
            for kind in KINDS:
                first = "mallory" if kind is Kind.PROPOSE else ""
                opened.append(grove.open("alice", asked, first=first))
                tasks[opened[-1].id] = kind
        for task in opened:
            ends = [await grove.last(name, task) for name in HONEST]
            assert [event.kind for event in ends] == ["verdict"] * 3
            assert len({event.detail["verdict"] for event in ends}) == 1

        async def void(kind: Kind) -> bool:
            """Whether the last task in which mallory doubled that kind has it voided."""
            last = [task for task, bent in bend.doubled.items() if bent is kind][-1]
            bundle = Bundle.decode(await grove.nodes["alice"].verdict(last.hex()))
            return voided(bundle, VOID[kind])

        for kind in VOID:
            for _ in range(MOST_DRAWS):
                if await void(kind):
                    break  # else a busy machine closed the stage before both words were there
                task = grove.open("alice", asked)
                bend.doubled[task.id] = kind
                assert [(await grove.last(name, task)).kind for name in HONEST] == ["verdict"] * 3
            assert await void(kind), kind
        for _ in range(MOST_DRAWS):
            if (Kind.BATCH.name.lower(), "mallory") in caught_in(grove):
                break
            task = grove.open("alice", asked)
            bend.doubled[task.id] = Kind.BATCH
            assert [(await grove.last(name, task)).kind for name in HONEST] == ["verdict"] * 3
        caught = caught_in(grove)
        expected = {kind.name.lower() for kind in KINDS} - {"report"}  # V1b
        assert caught == {(what, "mallory") for what in expected}
        logged = len(grove.logged("equivocation"))
        counted = [grove.nodes[name].runner.figures.equivocations for name in HONEST]
        assert {member for counts in counted for member in counts} == {"mallory"}
        assert sum(counts["mallory"] for counts in counted) <= logged  # mallory's daemon logs too
        files = {path.name: path for name in HONEST for path in grove.nodes[name].evidence()}
        assert {name.split("-")[1] for name in files} == expected
        for name, path in files.items():
            checked = quorate("verify", path, "--federation", grove.federation_path)
            assert checked.code == exits.OK, (name, checked.err)
