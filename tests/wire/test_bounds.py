"""An honest message always fits its bound (node/wire/bounds.py, rule T3)."""

import dataclasses
from itertools import permutations

import pytest

from consensus.bodies import (
    ARM_FIGURES,
    COUNT_CAP,
    MAX_ANSWER,
    MAX_CRITIQUE,
    MAX_EXPERTS,
    MAX_LABEL,
    MAX_NOTE_BYTES,
    MAX_NOTES,
    MAX_REASON,
    MAX_VALUE,
    NOTES_EACH,
    VIEW_CAP,
    Acceptance,
    AnswerKind,
    AnswerSpec,
    Ballot,
    Batch,
    Body,
    Commit,
    Mark,
    Note,
    Opening,
    Pair,
    Preference,
    Propose,
    Report,
    Seal,
    Usage,
    Views,
    Vote,
)
from consensus.committee import MAX_MEMBERS, FaultMode, Quorum
from consensus.deliberation.points import CONTENT, PointValue
from consensus.envelope import Envelope, Kind, MessageId, Stage
from consensus.policy import ONE, Policy
from consensus.verdict import Bundle
from consensus.verdict.bundle import MAX_RELEASE, PointBundle, RoundBundle
from consensus.verdict.release import MAX_NOTE, Approval, Statement
from node.sim.minds import opinionated
from node.wire import bounds, codec, pairs
from tests.harness import cast
from tests.harness.swarms import SmallSwarm, decided

WIDE = "\U0010ffff"
"""A character of four bytes."""


def hashes(count: int) -> tuple[MessageId, ...]:
    return tuple(MessageId(bytes([255] * 31 + [number])) for number in range(count))


def fullest_ballot(members: int) -> Ballot:
    return Ballot(
        held=hashes(members),
        pairs=tuple(
            Pair(first=first, second=second, preference=Preference.SAME, confidence=ONE)
            for first, second in permutations(range(members), 2)
        ),
        marks=tuple(
            Mark(
                candidate=number,
                endorsement=-100,
                evidence=100,
                argument=100,
                critique=WIDE * MAX_CRITIQUE,
            )
            for number in range(members)
        ),
        usage=Usage(
            tokens_in=COUNT_CAP,
            tokens_out=COUNT_CAP,
            micros=COUNT_CAP,
            ms=COUNT_CAP,
            calls=COUNT_CAP,
        ),
        prompt=WIDE * MAX_LABEL,
    )


def fullest(kind: Kind, members: int) -> list[Body]:
    """The largest bodies of `kind`, but for those whose bound is chosen and not derived."""
    hash_, reason = b"\xff" * 32, WIDE * MAX_REASON
    views = Views(
        authors=(ONE,) * members,
        judges=(ONE,) * members,
        rules=(ONE,) * MAX_EXPERTS,
        arms=(VIEW_CAP, ONE, COUNT_CAP) * (ARM_FIGURES // 3),
    )
    words = WIDE * (MAX_NOTE_BYTES // 4)
    notes = tuple(
        Note(author=hash_, number=NOTES_EACH, at_ms=COUNT_CAP, text=words, signature=hash_ * 2)
        for _ in range(MAX_NOTES)
    )
    match kind:
        case Kind.ACCEPTANCE:
            return [Acceptance(refusal=reason)]
        case Kind.COMMIT:
            return [
                Commit(commitment=hash_, views=views, notes=notes),
                Commit(commitment=bytes(32), abstain=reason, views=views, notes=notes),
            ]
        case Kind.SEAL:
            return [Seal(hash=hash_)]
        case Kind.OPENING:
            ballot = fullest_ballot(members)
            sealed = codec.encode(ballot)
            abstained = dataclasses.replace(ballot, pairs=(), marks=(), abstain=reason)
            assert len(codec.encode(abstained)) <= bounds.ballot_max(members)
            return [
                Opening(
                    alias=hash_,
                    alias_signature=hash_ * 2,
                    proposal=hash_,
                    nonce=hash_,
                    ballot=ballot,
                    ballot_bytes=sealed,
                    salt=hash_,
                )
            ]
        case Kind.REPORT:
            return [
                Report(
                    ids=hashes(2 * members),
                    deadline=True,
                    tokens=COUNT_CAP,
                    micros=COUNT_CAP,
                    ms=COUNT_CAP,
                )
            ]
        case Kind.PROPOSE:
            return [Propose(view=VIEW_CAP, valid_view=0, value=bytes(bounds.value_max(members)))]
        case Kind.PREVOTE | Kind.PRECOMMIT:
            return [Vote(view=VIEW_CAP, value=hash_)]
        case _:
            return []


@pytest.mark.parametrize("members", [1, 4, MAX_MEMBERS])
@pytest.mark.parametrize("kind", list(Kind))
def test_the_fullest_body_of_a_committee_fits_its_bound(kind: Kind, members: int) -> None:
    for body in fullest(kind, members):
        payload = codec.encode(body)
        assert len(payload) <= bounds.payload_max(kind, members=members)
        assert codec.decode(kind, payload) == body


def test_bounds_are_not_slack_by_more_than_a_tenth() -> None:
    for kind in Kind:
        sizes = [len(codec.encode(body)) for body in fullest(kind, MAX_MEMBERS)]
        if sizes:
            assert bounds.payload_max(kind) <= max(sizes) * 1.1


def test_an_outcome_of_the_longest_answers_and_reasons_fits_with_room_to_spare() -> None:
    spelled_in_six = [f"{number}".rjust(MAX_LABEL, "\x01") for number in range(4)]
    spec = AnswerSpec(kind=AnswerKind.LABEL, options=tuple(spelled_in_six))
    minds = [
        opinionated(spelled_in_six[at:] + spelled_in_six[:at], confidence=10_000) for at in range(4)
    ]
    swarm = SmallSwarm(4, minds=minds, spec=spec)
    decided(swarm)
    finish = swarm.nodes[0].finish
    assert finish is not None
    largest = max(len(point.value) for point in finish.rounds[0].points)
    assert largest > 6 * MAX_LABEL * 8
    reasons = 2 * 4 * 6 * MAX_REASON  # as if all had abstained from both as well
    assert largest + reasons < bounds.value_max(4)


def test_the_fullest_commit_travels_on_a_link_and_so_does_the_fullest_note() -> None:
    size = bounds.payload_max(Kind.COMMIT)
    assert size + bounds.ENVELOPE_OVERHEAD <= bounds.INLINE_MAX
    for body in fullest(Kind.COMMIT, MAX_MEMBERS):
        assert isinstance(body, Commit)
        assert len(codec.encode_note(body.notes[0])) <= bounds.NOTE_MAX


def test_a_value_of_the_largest_committee_is_bound_by_its_body() -> None:
    assert bounds.value_max(MAX_MEMBERS) == MAX_VALUE
    assert bounds.value_max(2) == 64 * bounds.KIB + 2 * 6 * MAX_ANSWER


def test_a_batch_of_every_members_largest_proposal_fits() -> None:
    size, members = 65_536, MAX_MEMBERS
    at = cast.ctx(cast.committee(), task=b"t" * 32, round=1, stage=Stage.EXCHANGE).pack()
    entries = [
        Envelope(
            kind=Kind.PROPOSAL,
            ctx=at,
            payload=bytes(size),
            signer=bytes([number] * 32),
            signature=b"\xff" * 64,
        )
        for number in range(members)
    ]
    batch = Batch(entries=tuple(sorted(entries, key=lambda entry: entry.id)))
    assert len(codec.encode(batch)) <= bounds.batch_max(members, size)
    assert bounds.batch_max(members, size) <= bounds.PAYLOAD_CAP


def test_an_envelope_around_the_largest_payload_fits_the_cap() -> None:
    envelope = Envelope(
        kind=Kind.BATCH,
        ctx=bytes(101),
        payload=bytes(bounds.PAYLOAD_CAP),
        signer=bytes(32),
        signature=bytes(64),
    )
    assert pairs.envelope_to_proto(envelope).ByteSize() <= bounds.ENVELOPE_CAP


def test_the_proposal_cap_is_the_policys_own() -> None:
    (field,) = [item for item in dataclasses.fields(Policy) if item.name == "proposal_bytes"]
    assert field.metadata["high"] == bounds.PROPOSAL_CAP


def fullest_verdict(members: int, rounds: int, proposal_bytes: int) -> Bundle:
    """As large as honest members and t - 1 who sign two things for each slot can make one."""
    quorum = Quorum.of(members, FaultMode.BYZANTINE)
    slots, reports = members + quorum.t - 1, hashes(members)

    def enveloped(kind: Kind, payload: bytes) -> Envelope:
        return Envelope(
            kind=kind, ctx=bytes(101), payload=payload, signer=bytes(32), signature=bytes(64)
        )

    def largest(kind: Kind) -> Envelope:
        return enveloped(kind, max((codec.encode(one) for one in fullest(kind, members)), key=len))

    def carried(stage: Stage) -> Envelope:
        lies = hashes(2 * (quorum.t - 1))
        value = PointValue(
            stage=stage,
            round=16,
            ids=reports[quorum.t - 1 :],
            reports=reports,
            evidence=tuple(zip(lies[::2], lies[1::2], strict=True)),
        ).encode()
        return enveloped(Kind.PROPOSE, Propose(view=1, valid_view=0, value=value).pack())

    votes = (largest(Kind.PRECOMMIT),) * quorum.q
    carriers = (carried(Stage.SLATE), carried(Stage.FREEZE), largest(Kind.PROPOSE))
    part = RoundBundle(
        points=tuple(PointBundle(carrier=one, precommits=votes) for one in carriers),
        named=(
            *[largest(kind) for kind in CONTENT.values() for _ in range(slots)],
            *[largest(Kind.REPORT)] * len(CONTENT) * members,
            *[enveloped(Kind.PROPOSAL, bytes(proposal_bytes))] * members,
        ),
    )
    approval = Approval(
        task=bytes(32),
        verdict=bytes(32),
        approver=bytes(32),
        approve=True,
        note="\x01" * MAX_NOTE,
        at_ms=COUNT_CAP,
    )
    word = Statement(approval=approval, signature=bytes(64))
    opened = enveloped(Kind.TASK_OPEN, bytes(bounds.TASK_OPEN_MAX))
    return Bundle(opened=opened, rounds=(part,) * rounds, release=(word,) * MAX_RELEASE)


@pytest.mark.parametrize("members", [1, 4, 7])
def test_the_fullest_verdict_fits_what_is_reckoned_for_it(members: int) -> None:
    quorum = Quorum.of(members, FaultMode.BYZANTINE)
    none, one = (len(fullest_verdict(members, rounds, 4_096).encode()) for rounds in (0, 1))
    reckoned = [bounds.verdict_max(quorum, rounds, 4_096) for rounds in (0, 1, 16)]
    assert none <= reckoned[0]
    assert one - none <= reckoned[1] - reckoned[0] <= 1.1 * (one - none)
    assert reckoned[2] - reckoned[0] == 16 * (reckoned[1] - reckoned[0])
