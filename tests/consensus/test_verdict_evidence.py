"""Evidence of equivocation that stands by itself (rules S4, A15)."""

from dataclasses import replace

import pytest

from consensus.bodies import (
    Acceptance,
    Batch,
    Body,
    Commit,
    Content,
    Opening,
    Propose,
    Report,
    Seal,
    TaskOpen,
    Vote,
)
from consensus.envelope import Envelope, Kind, Stage
from consensus.verdict import (
    BundleError,
    decode_evidence,
    encode_evidence,
    evidence_problem,
)
from tests.harness.tables import Table

PAIRS: list[tuple[Kind, Stage, Body, Body]] = [
    (Kind.ACCEPTANCE, Stage.OPEN, Acceptance(), Acceptance(refusal="no")),
    (
        Kind.COMMIT,
        Stage.SLATE,
        Commit(commitment=b"1" * 32),
        Commit(commitment=bytes(32), abstain="tired"),
    ),
    (Kind.SEAL, Stage.FREEZE, Seal(hash=b"1" * 32), Seal(hash=b"2" * 32)),
    (
        Kind.OPENING,
        Stage.OUTCOME,
        Opening(),
        Opening(alias=b"1" * 32, alias_signature=b"1" * 64, proposal=b"1" * 32, nonce=b"1" * 32),
    ),
    (
        Kind.PREVOTE,
        Stage.SLATE,
        Vote(view=3, value=b"1" * 32),
        Vote(view=3, value=bytes(32)),
    ),
    (
        Kind.PRECOMMIT,
        Stage.OUTCOME,
        Vote(view=0, value=b"1" * 32),
        Vote(view=0, value=b"2" * 32),
    ),
    (
        Kind.PROPOSE,
        Stage.FREEZE,
        Propose(view=2, valid_view=-1, value=b"{}"),
        Propose(view=2, valid_view=1, value=b"{}"),
    ),
]
TABLE = Table()


def pair(
    kind: Kind, stage: Stage, first: Body, second: Body, *, who: tuple[int, int] = (1, 1)
) -> tuple[Envelope, Envelope]:
    number = 0 if stage is Stage.OPEN else 1
    return (
        TABLE.sign(who[0], number, stage, kind, first).envelope,
        TABLE.sign(who[1], number, stage, kind, second).envelope,
    )


def problem(first: Envelope, second: Envelope) -> str:
    return evidence_problem(first, second, TABLE.ring.reader()) or ""


@pytest.mark.parametrize(
    ("kind", "stage", "first", "second"), PAIRS, ids=[item[0].name for item in PAIRS]
)
def test_two_envelopes_of_one_slot_convict_in_either_order(
    kind: Kind, stage: Stage, first: Body, second: Body
) -> None:
    one, other = pair(kind, stage, first, second)
    assert problem(one, other) == ""
    assert problem(other, one) == ""
    low, high = decode_evidence(encode_evidence(one, other))
    assert problem(low, high) == ""
    assert encode_evidence(one, other) == encode_evidence(other, one)


def test_one_and_the_same_message_convicts_nobody() -> None:
    one, _ = pair(*PAIRS[0])
    assert "one and the same" in problem(one, one)


def test_two_members_are_not_one_equivocator() -> None:
    one, other = pair(*PAIRS[1], who=(1, 2))
    assert "not of one slot" in problem(one, other)


def test_two_rounds_are_two_slots() -> None:
    first = TABLE.sign(1, 1, Stage.FREEZE, Kind.SEAL, Seal(hash=b"1" * 32)).envelope
    second = TABLE.sign(1, 2, Stage.FREEZE, Kind.SEAL, Seal(hash=b"2" * 32)).envelope
    assert "not of one slot" in problem(first, second)


@pytest.mark.parametrize("kind", [Kind.PREVOTE, Kind.PRECOMMIT])
def test_votes_of_two_views_are_two_slots(kind: Kind) -> None:
    votes = Vote(view=1, value=b"1" * 32), Vote(view=2, value=b"2" * 32)
    assert "different views" in problem(*pair(kind, Stage.SLATE, *votes))


def test_proposals_of_two_views_are_two_slots() -> None:
    first = Propose(view=1, valid_view=-1, value=b"{}")
    assert "different views" in problem(
        *pair(Kind.PROPOSE, Stage.SLATE, first, replace(first, view=2))
    )


def test_forged_signature_convicts_nobody() -> None:
    one, other = pair(*PAIRS[4])
    assert "does not hold" in problem(one, replace(other, signature=one.signature))
    assert "does not hold" in problem(replace(one, signature=b""), other)


def test_unreadable_envelope_convicts_nobody() -> None:
    one, other = pair(*PAIRS[4])
    bare = replace(other, payload=b"short")
    signed = replace(bare, signature=TABLE.ring.writer(bare.signer).sign(bare.preimage))
    assert "malformed" in problem(one, signed)
    odd = [replace(item, kind=99) for item in (one, other)]
    writer = TABLE.ring.writer(one.signer)
    first, second = (replace(item, signature=writer.sign(item.preimage)) for item in odd)
    assert "malformed" in problem(first, second)


def test_two_reports_of_one_member_convict_it_of_nothing() -> None:
    reports = pair(Kind.REPORT, Stage.SLATE, Report(ids=()), Report(ids=(), ms=1))
    assert "REPORTs are not equivocation" in problem(*reports)


def test_two_tasks_of_one_opener_convict_it_of_nothing() -> None:
    first = TABLE.opened
    assert isinstance(first.body, TaskOpen)
    writer = TABLE.ring.writer(first.signer)
    second = replace(first.body, messages=(Content(text="another case"),))
    bare = replace(first.envelope, payload=writer.encode(second))
    signed = replace(bare, signature=writer.sign(bare.preimage))
    assert "TASK_OPENs are not equivocation" in problem(first.envelope, signed)


def test_two_proposals_under_one_alias_convict_nobody() -> None:
    one, other = TABLE.proposal(1, "a").envelope, TABLE.proposal(1, "b").envelope
    assert one.signer == other.signer
    assert "PROPOSALs are not equivocation" in problem(one, other)


def test_two_batches_of_one_member_convict_it() -> None:
    draft = TABLE.proposal(1, "a").envelope
    batches = pair(Kind.BATCH, Stage.EXCHANGE, Batch(entries=()), Batch(entries=(draft,)))
    assert problem(*batches) == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"format"',
        b"{}",
        b'{"envelopes":[],"format":"quorate-evidence/1"}',
        b'{"envelopes":[1,2],"format":"quorate-evidence/1"}',
        b'{"envelopes":[],"format":"quorate-verdict/1"}',
        b"[" * 10_000,
    ],
)
def test_file_that_is_no_evidence_is_a_named_error(data: bytes) -> None:
    with pytest.raises(BundleError, match="not an evidence file"):
        decode_evidence(data)
