"""Payloads to bodies and back (node/wire/codec.py, node/wire/pairs.py)."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import (
    MAX_TEXT,
    AnswerKind,
    AnswerSpec,
    Ballot,
    Batch,
    BodyError,
    Budget,
    Content,
    Opening,
    TaskOpen,
)
from consensus.envelope import Kind
from node.pb import quorate_pb2 as pb
from node.wire import bounds, codec, pairs
from tests.harness import cast, strategies

EVERY_KIND = st.sampled_from(Kind)


@given(st.data(), EVERY_KIND)
def test_every_body_survives_the_wire(data: st.DataObject, kind: Kind) -> None:
    body = data.draw(strategies.OF_KIND[kind])
    assert codec.decode(kind, codec.encode(body)) == body


@given(st.data(), EVERY_KIND)
def test_equal_bodies_give_equal_bytes(data: st.DataObject, kind: Kind) -> None:
    body = data.draw(strategies.OF_KIND[kind])
    once = codec.encode(body)
    assert codec.encode(codec.decode(kind, once)) == once


@given(EVERY_KIND, st.binary(max_size=200))
def test_any_bytes_give_a_body_or_a_body_error(kind: Kind, payload: bytes) -> None:
    with contextlib.suppress(BodyError):
        codec.decode(kind, payload)


@given(st.data(), EVERY_KIND)
def test_a_changed_byte_gives_a_body_or_a_body_error(data: st.DataObject, kind: Kind) -> None:
    payload = bytearray(codec.encode(data.draw(strategies.OF_KIND[kind])))
    if payload:
        place = data.draw(st.integers(0, len(payload) - 1))
        payload[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(BodyError):
        codec.decode(kind, bytes(payload))


@given(strategies.ballots())
def test_a_ballot_is_never_empty_on_the_wire(ballot: Ballot) -> None:
    assert codec.encode(ballot)


@given(strategies.answer_specs, strategies.contents, strategies.budgets)
def test_what_a_client_asks_survives_the_wire(
    spec: AnswerSpec, content: Content, budget: Budget
) -> None:
    assert pairs.answer_spec_from_proto(pairs.answer_spec_to_proto(spec)) == spec
    assert pairs.content_from_proto(pairs.content_to_proto(content)) == content
    assert pairs.budget_from_proto(pairs.budget_to_proto(budget)) == budget


@given(strategies.batches())
def test_entries_of_a_batch_keep_the_bytes_that_were_signed(batch: Batch) -> None:
    entries = pairs.batch_from_proto(pairs.batch_to_proto(batch)).entries
    assert [entry.preimage for entry in entries] == [entry.preimage for entry in batch.entries]


def refusal(kind: Kind, payload: bytes) -> str:
    """The text of the `BodyError` that `payload` gives."""
    with pytest.raises(BodyError) as caught:
        codec.decode(kind, payload)
    return str(caught.value)


def task_open(**changes: Any) -> bytes:
    """A small TaskOpen with some fields changed on the wire."""
    fields: dict[str, Any] = {
        "descriptor": cast.committee().descriptor,
        "messages": [pb.Content(text="which digit is this?")],
        "answer": pb.AnswerSpec(kind=pb.ANSWER_KIND_LABEL, options=["0", "1"]),
        "opened_at_ms": 1,
        "not_after_ms": 2,
        "nonce": bytes(16),
    }
    return pb.TaskOpen(**(fields | changes)).SerializeToString()


def test_a_small_task_is_read() -> None:
    assert codec.decode(Kind.TASK_OPEN, task_open()).answer.options == ("0", "1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"descriptor": b"{}"}, "committee: not a committee descriptor"),
        ({"descriptor": b"\xff"}, "committee: not readable as canonical JSON"),
        ({"descriptor": b" " + cast.committee().descriptor}, "committee: readable, but not in"),
        ({"answer": pb.AnswerSpec(options=["0", "1"])}, "answer kind 0 is unknown"),
        ({"answer": pb.AnswerSpec(kind=7, options=["0", "1"])}, "answer kind 7 is unknown"),
        ({"answer": pb.AnswerSpec(kind=3, options=["0"])}, "takes no options"),
        ({"messages": []}, "messages: 1 to"),
        ({"messages": [pb.Content(role="user")]}, "the prompt is empty"),
        ({"messages": [pb.Content(vector=[0.5, float("nan")])]}, "NaN or infinity"),
        ({"messages": [pb.Content(vector=[float("inf")])]}, "NaN or infinity"),
        ({"not_after_ms": 1}, "not_after_ms is 1"),
        ({"opened_at_ms": 2**64 - 1}, "opened_at_ms is"),
        ({"nonce": bytes(15)}, "nonce is 15 bytes"),
    ],
)
def test_a_malformed_task_is_refused_by_what_is_wrong(changes: dict[str, Any], said: str) -> None:
    assert said in refusal(Kind.TASK_OPEN, task_open(**changes))


def test_an_unknown_answer_kind_is_refused_with_the_known_ones() -> None:
    text = refusal(Kind.TASK_OPEN, task_open(answer=pb.AnswerSpec(kind=9)))
    assert text == "answer kind 9 is unknown to version 1; known: choice, label, number, text, json"


def test_a_field_that_version_1_does_not_name_is_refused() -> None:
    field_15 = b"\x78\x01"
    assert "Acceptance holds fields that version 1" in refusal(Kind.ACCEPTANCE, field_15)


def test_an_unknown_field_inside_a_nested_message_is_refused() -> None:
    usage = b"\x3a\x02\x78\x01"  # a Usage whose field 15 is 1
    payload = pb.Proposal(answer="1").SerializeToString() + usage
    assert "Proposal holds fields that version 1" in refusal(Kind.PROPOSAL, payload)


def test_text_that_is_not_utf8_is_refused() -> None:
    assert "not readable as Acceptance" in refusal(Kind.ACCEPTANCE, b"\x0a\x01\xff")


def test_a_preference_without_a_meaning_is_refused() -> None:
    for number in (0, 5):
        pair = pb.Pair(second=1, preference=number)
        ballot = pb.Ballot(held=[b"a" * 32, b"b" * 32], pairs=[pair]).SerializeToString()
        payload = pb.Opening(ballot=ballot, salt=bytes(32)).SerializeToString()
        assert f"preference {number} is unknown" in refusal(Kind.OPENING, payload)


def test_a_malformed_ballot_makes_its_opening_malformed() -> None:
    opening = pb.Opening(ballot=b"\xff", salt=bytes(32)).SerializeToString()
    assert "not readable as Ballot" in refusal(Kind.OPENING, opening)


def test_an_opened_ballot_keeps_the_bytes_that_were_sealed() -> None:
    # The same ballot, its fields in another order: what was sealed is these bytes.
    sealed = pb.Ballot(prompt="p").SerializeToString() + pb.Ballot(abstain="no").SerializeToString()
    payload = pb.Opening(ballot=sealed, salt=bytes(32)).SerializeToString()
    opening = codec.decode(Kind.OPENING, payload)
    assert isinstance(opening, Opening)
    assert opening.ballot == Ballot(held=(), abstain="no", prompt="p")
    assert opening.ballot_bytes == sealed != codec.encode(opening.ballot)


def test_a_batch_of_anything_but_proposals_is_refused() -> None:
    for kind in (Kind.COMMIT, 256, 2**32 - 1):
        batch = pb.Batch(entries=[pb.Envelope(kind=kind)])
        assert f"kind {int(kind)}, not a PROPOSAL" in refusal(Kind.BATCH, batch.SerializeToString())


@pytest.mark.parametrize("kind", list(Kind))
def test_one_byte_past_the_bound_is_refused_before_parsing(kind: Kind) -> None:
    said = refusal(kind, b"\xff" * (bounds.payload_max(kind) + 1))
    assert f"over {bounds.payload_max(kind)}" in said


def test_a_task_too_large_for_the_wire_is_refused_where_it_is_written() -> None:
    text = "x" * MAX_TEXT
    body = TaskOpen(
        committee=cast.committee(),
        messages=(Content(text=text),) * (bounds.TASK_OPEN_MAX // MAX_TEXT + 1),
        answer=AnswerSpec(kind=AnswerKind.NUMBER),
        domain="",
        opened_at_ms=0,
        not_after_ms=1,
        budget=Budget(),
        nonce=bytes(16),
    )
    with pytest.raises(BodyError, match=f"over {bounds.TASK_OPEN_MAX}"):
        codec.encode(body)
