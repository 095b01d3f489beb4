"""What the golden vectors are made of: one task of four members, one envelope of each kind."""

from dataclasses import replace

from consensus.bodies import (
    Acceptance,
    AnswerKind,
    AnswerSpec,
    Ballot,
    Batch,
    Budget,
    Bundle,
    Commit,
    Content,
    Mark,
    Note,
    Opening,
    Packet,
    Pair,
    Preference,
    Proposal,
    Propose,
    Report,
    Seal,
    Speaker,
    TaskOpen,
    Usage,
    Views,
    Vote,
)
from consensus.envelope import ZERO, Envelope, Kind, Stage, TaskId
from consensus.policy import Policy
from node import notes
from node.wire import codec
from tests.harness import cast
from tests.harness.cast import ALICE, BOB, CAROL, DAVE

COMMITTEE = cast.committee(policy=Policy(rounds=2, min_confidence=6_000))

OPEN = TaskOpen(
    committee=COMMITTEE,
    messages=(
        Content(role="system", text="Name the digit. Ünïcode, 手書き and a tab\t stay."),
        Content(vector=(0.0, 0.5, -1.25, 1e300, 5e-324)),
    ),
    answer=AnswerSpec(kind=AnswerKind.LABEL, options=("3", "8", "手")),
    domain="digits",
    opened_at_ms=1_767_225_600_000,
    not_after_ms=1_767_225_720_000,
    budget=Budget(tokens=100_000, micros=2_500_000),
    nonce=bytes(range(16)),
)

SPOKEN = replace(
    OPEN,
    speakers=(
        Speaker(name="ann", key=cast.key("ann").public),
        Speaker(name="ben-2", key=cast.key("ben").public),
    ),
)


def note(task: bytes) -> Note:
    """A note of ann's for `task`."""
    return notes.sign(
        cast.key("ann"),
        task,
        number=2,
        at_ms=1_767_225_601_000,
        text="Es ist eine 8.\n手書き: der untere Bogen ist zu.",
    )


VALUE = b'{"held":["c0ffee"],"round":1}'


def envelopes() -> dict[str, Envelope]:
    """Named envelopes; every kind is there, and every optional part of its body is filled."""
    opened = cast.signed(ALICE, Kind.TASK_OPEN, cast.ctx(COMMITTEE), OPEN)
    task = TaskId(opened.id)

    def at(stage: Stage, round_: int = 1) -> bytes:
        return cast.ctx(COMMITTEE, task=task, round=round_, stage=stage).pack()

    usage = Usage(tokens_in=812, tokens_out=96, micros=1_440, ms=2_210)
    first, second = (
        cast.signed(cast.key(f"alias {name}"), Kind.PROPOSAL, at(Stage.EXCHANGE), proposal)
        for name, proposal in (
            (
                "one",
                Proposal(
                    answer="3",
                    belief=(7_000, 2_500, 500),
                    rationale="Two open bowls, both to the left.",
                    evidence=("px:12", "px:20"),
                    unseen=(2,),
                    usage=usage,
                    prompt="draft/1",
                ),
            ),
            ("two", Proposal(answer="8", confidence=5_100)),
        )
    )
    spoken = cast.signed(ALICE, Kind.TASK_OPEN, cast.ctx(COMMITTEE), SPOKEN)
    spoken_at = cast.ctx(COMMITTEE, task=TaskId(spoken.id), round=2, stage=Stage.SLATE).pack()
    held = tuple(sorted((first.id, second.id)))
    ballot = Ballot(
        held=held,
        pairs=(Pair(first=0, second=1, preference=Preference.FIRST, confidence=4_400),),
        marks=(
            Mark(candidate=0, endorsement=60, evidence=70, argument=55, critique="Looks at both."),
            Mark(candidate=1, endorsement=-20),
        ),
        usage=usage,
        prompt="judge/1",
    )
    opening = Opening(
        alias=first.signer,
        alias_signature=cast.key("alias one").sign(b"a claim"),
        proposal=first.id,
        nonce=b"n" * 32,
        ballot=ballot,
        ballot_bytes=codec.encode(ballot),
        salt=b"s" * 32,
    )
    return {
        "task_open": opened,
        "acceptance": cast.signed(BOB, Kind.ACCEPTANCE, at(Stage.OPEN, 0), Acceptance()),
        "acceptance_refused": cast.signed(
            CAROL, Kind.ACCEPTANCE, at(Stage.OPEN, 0), Acceptance(refusal="over quota")
        ),
        "commit": cast.signed(
            ALICE,
            Kind.COMMIT,
            at(Stage.SLATE),
            Commit(
                commitment=b"c" * 32,
                views=Views(authors=(5_000, 6_100, 0, 10_000), judges=(5_000, 1, 9_999, 42)),
            ),
        ),
        "commit_abstained": cast.signed(
            DAVE, Kind.COMMIT, at(Stage.SLATE), Commit(commitment=ZERO, abstain="model timed out")
        ),
        "task_open_with_speakers": spoken,
        "commit_with_a_note": cast.signed(
            BOB,
            Kind.COMMIT,
            spoken_at,
            Commit(commitment=b"c" * 32, notes=(note(spoken.id),)),
        ),
        "proposal": first,
        "proposal_plain": second,
        "batch": cast.signed(
            BOB,
            Kind.BATCH,
            at(Stage.EXCHANGE),
            Batch(entries=tuple(sorted((first, second), key=lambda entry: entry.id))),
        ),
        "packet": cast.signed(
            ALICE, Kind.PACKET, at(Stage.EXCHANGE), Packet(path=1, box=bytes(range(64)))
        ),
        "bundle": cast.signed(
            DAVE, Kind.BUNDLE, at(Stage.EXCHANGE), Bundle(boxes=(b"x" * 48, b"y" * 48))
        ),
        "seal": cast.signed(CAROL, Kind.SEAL, at(Stage.FREEZE), Seal(hash=b"h" * 32)),
        "opening": cast.signed(ALICE, Kind.OPENING, at(Stage.OUTCOME), opening),
        "opening_empty": cast.signed(DAVE, Kind.OPENING, at(Stage.OUTCOME), Opening()),
        "report": cast.signed(
            BOB,
            Kind.REPORT,
            at(Stage.OUTCOME),
            Report(ids=held, deadline=True, tokens=908, micros=1_440, ms=4_321),
        ),
        "propose": cast.signed(
            CAROL, Kind.PROPOSE, at(Stage.SLATE), Propose(view=3, valid_view=1, value=VALUE)
        ),
        "propose_fresh": cast.signed(
            CAROL, Kind.PROPOSE, at(Stage.SLATE, 2), Propose(view=0, valid_view=-1, value=VALUE)
        ),
        "prevote": cast.signed(
            DAVE, Kind.PREVOTE, at(Stage.FREEZE), Vote(view=2, value=bytes(range(32)))
        ),
        "precommit_nil": cast.signed(
            DAVE, Kind.PRECOMMIT, at(Stage.OUTCOME), Vote(view=2**31 - 1, value=ZERO)
        ),
    }
