"""The gate (node/wire/admission.py): what passes, and what is refused by which name."""

import dataclasses
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import (
    MAX_NOTES,
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
    Note,
    Opening,
    Packet,
    Proposal,
    Propose,
    Report,
    Seal,
    Speaker,
    TaskOpen,
    Vote,
)
from consensus.committee import MAX_MEMBERS, Committee, FaultMode, Quorum
from consensus.envelope import STAGE_OF, ZERO, Ctx, Envelope, Kind, Stage, TaskId
from consensus.policy import Policy
from consensus.ports import Message, Reader
from consensus.verdict.bundle import MAX_FILE
from node import keys, notes
from node.pb import quorate_pb2 as pb
from node.wire import bounds, codec, pairs
from node.wire.admission import Code, Gate, Refusal
from tests.harness import cast, strategies
from tests.harness.cast import ALICE, BOB, CAROL, DAVE, MALLORY

COMMITTEE = cast.committee(policy=Policy(rounds=3, proposal_bytes=1_024))
TASK = TaskId(b"t" * 32)
ALIAS = cast.key("a one-time alias")
PROPOSAL = Proposal(answer="7")


def gate(of: Committee = COMMITTEE) -> Gate:
    """A gate that knows one task."""
    return Gate(
        network=cast.NETWORK,
        task=lambda task: of if task == TASK else None,
        reader=codec.reader(),
    )


def at(stage: Stage, *, round: int = 1, task: bytes = TASK) -> Ctx:
    return cast.ctx(COMMITTEE, task=task, round=round, stage=stage)


EXCHANGE = at(Stage.EXCHANGE)


def batch(*entries: Envelope) -> Batch:
    return Batch(entries=tuple(sorted(entries, key=lambda entry: entry.id)))


def task_open(of: Committee = COMMITTEE) -> TaskOpen:
    return TaskOpen(
        committee=of,
        messages=(Content(text="which digit is this?"),),
        answer=AnswerSpec(kind=AnswerKind.NUMBER),
        domain="digits",
        opened_at_ms=1,
        not_after_ms=2,
        budget=Budget(),
        nonce=bytes(16),
    )


def proposal(by: keys.SigningKey = ALIAS, body: Body | bytes = PROPOSAL, ctx: Ctx = EXCHANGE):
    return cast.signed(by, Kind.PROPOSAL, ctx, body)


BALLOT = Ballot(held=(), abstain="asleep")
BODIES: dict[Kind, Body] = {
    Kind.ACCEPTANCE: Acceptance(),
    Kind.COMMIT: Commit(commitment=b"c" * 32),
    Kind.BATCH: batch(proposal()),
    Kind.PACKET: Packet(path=0, box=bytes(bounds.outer_size(COMMITTEE.policy.proposal_bytes))),
    Kind.BUNDLE: Bundle(boxes=(bytes(bounds.inner_size(COMMITTEE.policy.proposal_bytes)),) * 2),
    Kind.SEAL: Seal(hash=b"s" * 32),
    Kind.OPENING: Opening(ballot=BALLOT, ballot_bytes=codec.encode(BALLOT), salt=bytes(32)),
    Kind.REPORT: Report(ids=()),
    Kind.PROPOSE: Propose(view=0, valid_view=-1, value=b"{}"),
    Kind.PREVOTE: Vote(view=0, value=ZERO),
    Kind.PRECOMMIT: Vote(view=0, value=ZERO),
}
"""A small body for every kind that a member signs in a known task."""


def envelope(kind: Kind, *, by: keys.SigningKey = ALICE, **where: object) -> Envelope:
    stage = STAGE_OF[kind][0]
    place = {"stage": stage, "round": 0 if stage is Stage.OPEN else 1} | where
    return cast.signed(by, kind, at(**place), BODIES[kind])  # type: ignore[arg-type]


def refused(message: Message | Refusal, code: Code) -> str:
    assert isinstance(message, Refusal), message
    assert message.code is code
    return message.text


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_members_message_passes_with_its_body(kind: Kind) -> None:
    sent = envelope(kind)
    message = gate().admit(sent)
    assert isinstance(message, Message)
    assert (message.kind, message.body, message.envelope) == (kind, BODIES[kind], sent)
    assert message.ctx.pack() == sent.ctx


def test_points_share_their_kinds() -> None:
    for kind in (Kind.REPORT, Kind.PROPOSE, Kind.PREVOTE, Kind.PRECOMMIT):
        for stage in (Stage.SLATE, Stage.FREEZE, Stage.OUTCOME):
            assert isinstance(gate().admit(envelope(kind, stage=stage)), Message)


def test_a_task_of_a_member_is_admitted_before_anyone_knows_it() -> None:
    sent = cast.signed(ALICE, Kind.TASK_OPEN, cast.ctx(COMMITTEE), task_open())
    message = gate().admit(sent)
    assert isinstance(message, Message)
    assert message.body == task_open()


def test_a_batch_brings_its_verified_proposals() -> None:
    entries = [proposal(cast.key(name)) for name in ("one", "two", "three")]
    sent = cast.signed(BOB, Kind.BATCH, EXCHANGE, batch(*entries))
    message = gate().admit(sent)
    assert isinstance(message, Message)
    assert [part.body for part in message.parts] == [PROPOSAL] * 3
    assert {part.signer for part in message.parts} == {entry.signer for entry in entries}
    assert [part.id for part in message.parts] == sorted(part.id for part in message.parts)


def test_a_batch_holds_as_many_proposals_as_the_committee_has_members() -> None:
    entries = [proposal(cast.key(f"alias {number}")) for number in range(5)]
    full = cast.signed(BOB, Kind.BATCH, EXCHANGE, batch(*entries[:4]))
    assert isinstance(gate().admit(full), Message)
    over = cast.signed(BOB, Kind.BATCH, EXCHANGE, batch(*entries))
    assert "5 proposals in a committee of 4" in refused(gate().admit(over), Code.BAD_ENTRY)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (proposal(ALICE), "a member's identity"),
        (proposal(ctx=at(Stage.EXCHANGE, round=2)), "not a proposal of its batch's instance"),
        (proposal(ctx=at(Stage.EXCHANGE, task=b"u" * 32)), "not a proposal of its batch's"),
        (proposal(body=b"\xff"), "not readable as Proposal"),
        (dataclasses.replace(proposal(), signature=bytes(64)), "does not hold"),
        (dataclasses.replace(proposal(), signature=bytes(63)), "signature is 63 bytes"),
        (dataclasses.replace(proposal(), signer=bytes(32)), "not a valid Ed25519 key"),
        (proposal(body=bytes(1_025)), "over 1024"),
    ],
)
def test_one_bad_entry_spoils_its_batch(entry: Envelope, said: str) -> None:
    sent = cast.signed(BOB, Kind.BATCH, EXCHANGE, batch(proposal(cast.key("another")), entry))
    assert said in refused(gate().admit(sent), Code.BAD_ENTRY)


def test_a_batch_inside_a_batch_is_refused() -> None:
    inner = cast.signed(BOB, Kind.BATCH, EXCHANGE, batch(proposal()))
    sent = cast.signed(BOB, Kind.BATCH, EXCHANGE, codec.encode(batch(inner)))
    assert "kind 5, not a PROPOSAL" in refused(gate().admit(sent), Code.BAD_BODY)


def test_a_proposal_on_its_own_is_read_only_when_asked_for() -> None:
    assert "nobody here asked" in refused(gate().admit(proposal()), Code.UNASKED)
    assert isinstance(gate().admit(proposal(), asked=True), Message)


def test_a_members_identity_is_no_alias() -> None:
    assert "member's identity" in refused(gate().admit(proposal(CAROL), asked=True), Code.BAD_ALIAS)


@pytest.mark.parametrize(
    "point",
    [
        bytes(32),  # y = 0: order 4
        b"\x01" + bytes(31),  # the neutral element
        b"\xec" + b"\xff" * 30 + b"\x7f",  # y = -1: order 2
        b"\xff" * 32,  # not a canonical point
    ],
)
def test_a_key_of_small_order_is_no_alias(point: bytes) -> None:
    sent = dataclasses.replace(proposal(), signer=point)
    assert "not a valid" in refused(gate().admit(sent, asked=True), Code.BAD_ALIAS)


def test_a_proposal_may_be_as_large_as_the_policy_says_and_no_larger() -> None:
    empty = len(codec.encode(Proposal(answer="7", rationale="x" * 500))) - 500
    fits = Proposal(answer="7", rationale="x" * (1_024 - empty))
    assert len(codec.encode(fits)) == 1_024
    assert isinstance(gate().admit(proposal(body=fits), asked=True), Message)
    past = dataclasses.replace(fits, rationale=fits.rationale + "x")
    said = refused(gate().admit(proposal(body=past), asked=True), Code.OVERSIZE)
    assert said == "a PROPOSAL of 1025 bytes is over 1024 in this task"


# -- what passes the mix (R3) ---------------------------------------------------------------

INNER = bounds.inner_size(COMMITTEE.policy.proposal_bytes)


@pytest.mark.parametrize(
    ("kind", "body", "what"),
    [
        (Kind.PACKET, Packet(path=2, box=bytes(INNER + bounds.SEAL_SIZE)), "there are 2 here"),
        (Kind.PACKET, Packet(path=0, box=bytes(INNER + bounds.SEAL_SIZE - 1)), "makes them"),
        (Kind.BUNDLE, Bundle(boxes=(bytes(INNER - 1),)), "makes them"),
        (Kind.BUNDLE, Bundle(boxes=(bytes(100),) * 5), "5 boxes for 4 members"),
    ],
    ids=["path past the last", "packet too small", "box too small", "box too many"],
)
def test_what_passes_the_mix_has_its_path_and_its_size(kind: Kind, body: Body, what: str) -> None:
    assert len(COMMITTEE.members) == 4
    sent = cast.signed(ALICE, kind, at(Stage.EXCHANGE), body)
    assert what in refused(gate().admit(sent), Code.BAD_BODY)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.PACKET, Packet(path=0, box=bytes(INNER + bounds.SEAL_SIZE + 1))),
        (Kind.BUNDLE, Bundle(boxes=(bytes(INNER),) * 5)),
    ],
)
def test_what_passes_the_mix_is_bounded_before_it_is_read(kind: Kind, body: Body) -> None:
    sent = cast.signed(ALICE, kind, at(Stage.EXCHANGE), body)
    refused(gate().admit(sent), Code.OVERSIZE)


def test_a_committee_without_a_mix_takes_nothing_for_one() -> None:
    few = cast.committee(ALICE, BOB, CAROL)
    where = dataclasses.replace(at(Stage.EXCHANGE), committee=few.hash)
    sent = cast.signed(ALICE, Kind.PACKET, where, BODIES[Kind.PACKET])
    assert "has no mix" in refused(gate(few).admit(sent), Code.BAD_BODY)


@pytest.mark.parametrize("kind", [kind for kind in BODIES if kind is not Kind.PROPOSE])
def test_every_kind_is_bound_by_the_size_of_the_committee(kind: Kind) -> None:
    limit = bounds.payload_max(kind, members=4, proposal_bytes=1_024)
    where = at(STAGE_OF[kind][0], round=0 if kind is Kind.ACCEPTANCE else 1)
    at_limit = gate().admit(cast.signed(ALICE, kind, where, b"\xff" * limit))
    assert isinstance(at_limit, Message) or at_limit.code is Code.BAD_BODY
    past = cast.signed(ALICE, kind, where, b"\xff" * (limit + 1))
    assert f"over {limit}" in refused(gate().admit(past), Code.OVERSIZE)


def test_a_task_may_be_as_large_as_its_bound_and_no_larger() -> None:
    where = cast.ctx(COMMITTEE)
    fits = cast.signed(ALICE, Kind.TASK_OPEN, where, b"\xff" * bounds.TASK_OPEN_MAX)
    refused(gate().admit(fits), Code.BAD_BODY)
    past = cast.signed(ALICE, Kind.TASK_OPEN, where, b"\xff" * (bounds.TASK_OPEN_MAX + 1))
    refused(gate().admit(past), Code.OVERSIZE)


def test_no_payload_past_the_cap_is_looked_at() -> None:
    def untouched(*_: object) -> bool:
        raise AssertionError("an oversize payload was hashed")

    shut = Gate(
        network=cast.NETWORK,
        task=lambda _: COMMITTEE,
        reader=Reader(decode=codec.decode, verify=untouched),
    )
    large = dataclasses.replace(envelope(Kind.SEAL), payload=bytes(bounds.PAYLOAD_CAP + 1))
    assert f"over {bounds.PAYLOAD_CAP}" in refused(shut.admit(large), Code.OVERSIZE)


def test_a_task_whose_full_bundle_would_not_fit_is_refused_with_what_would() -> None:
    members = [cast.key(f"member {number}") for number in range(MAX_MEMBERS)]
    spare = bounds.LENGTH_SIZE + bounds.ENVELOPE_OVERHEAD + bounds.SEAL_SIZE
    most = (bounds.PAYLOAD_CAP - bounds.LENGTH_SIZE) // MAX_MEMBERS - spare
    for size, fits in ((most, True), (most + 1, False)):
        of = cast.committee(*members, policy=Policy(rounds=1, proposal_bytes=size))
        sent = cast.signed(members[0], Kind.TASK_OPEN, cast.ctx(of), task_open(of))
        result = gate().admit(sent)
        if fits:
            assert isinstance(result, Message)
        else:
            assert f"at most {most}" in refused(result, Code.BAD_POLICY)


@pytest.mark.parametrize(
    ("count", "size", "most"),
    [(MAX_MEMBERS, 16_384, 3), (MAX_MEMBERS, 250_000, 2), (40, 16_384, 9), (10, 1_048_576, 15)],
)
def test_a_task_whose_verdict_could_be_too_large_to_read_is_refused_with_the_rounds_that_fit(
    count: int, size: int, most: int
) -> None:
    members = [cast.key(f"member {number}") for number in range(count)]
    for rounds, fits in ((most, True), (most + 1, False)):
        of = cast.committee(*members, policy=Policy(rounds=rounds, proposal_bytes=size))
        sent = cast.signed(members[0], Kind.TASK_OPEN, cast.ctx(of), task_open(of))
        result = gate().admit(sent)
        assert (bounds.verdict_max(of.quorum, rounds, size) <= MAX_FILE) is fits
        if fits:
            assert isinstance(result, Message)
        else:
            assert f"at most {most}, or the verdict" in refused(result, Code.BAD_POLICY)


def test_the_default_policy_is_admitted_in_every_size_of_committee_and_mode() -> None:
    for count, mode in product(range(1, MAX_MEMBERS + 1), FaultMode):
        quorum = Quorum.of(count, mode)
        assert bounds.rounds_max(quorum, Policy().proposal_bytes) >= Policy().rounds
        room = (bounds.PAYLOAD_CAP - bounds.LENGTH_SIZE) // count
        assert bounds.rounds_max(quorum, min(room, bounds.PROPOSAL_CAP)) >= 2


@pytest.mark.parametrize("number", [0, max(Kind) + 1, 255, 256, 2**32 - 1])
def test_a_kind_of_a_newer_version_is_refused_by_name(number: int) -> None:
    sent = dataclasses.replace(envelope(Kind.SEAL), kind=number)
    assert f"kind {number} is unknown to version 1" in refused(
        gate().admit(sent), Code.UNKNOWN_KIND
    )


@pytest.mark.parametrize(
    ("field", "size"),
    [("ctx", 100), ("ctx", 102), ("ctx", 0), ("signer", 31), ("signer", 33), ("signature", 65)],
)
def test_a_field_of_wrong_length_is_malformed(field: str, size: int) -> None:
    sent = dataclasses.replace(envelope(Kind.SEAL), **{field: bytes(size)})
    assert f"{field} is {size} bytes" in refused(gate().admit(sent), Code.MALFORMED)


def test_an_unknown_stage_is_malformed() -> None:
    sent = envelope(Kind.SEAL)
    sent = dataclasses.replace(sent, ctx=sent.ctx[:-1] + b"\x09")
    assert "ctx:" in refused(gate().admit(sent), Code.MALFORMED)


def test_a_message_of_another_network_is_refused() -> None:
    other = cast.committee(network=b"n" * 32)
    where = cast.ctx(other, task=TASK, round=1, stage=Stage.FREEZE)
    sent = cast.signed(ALICE, Kind.SEAL, where, BODIES[Kind.SEAL])
    assert "is for network 6e6e6e6e" in refused(gate().admit(sent), Code.WRONG_NETWORK)


def test_a_task_cannot_name_one_network_and_describe_another() -> None:
    other = cast.committee(network=b"n" * 32)
    where = dataclasses.replace(cast.ctx(other), network=cast.NETWORK)
    sent = cast.signed(ALICE, Kind.TASK_OPEN, where, task_open(other))
    refused(gate().admit(sent), Code.WRONG_NETWORK)


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_kind_in_a_foreign_stage_is_refused(kind: Kind) -> None:
    for stage in set(Stage) - set(STAGE_OF[kind]):
        sent = envelope(kind, stage=stage)
        assert kind.name in refused(gate().admit(sent), Code.WRONG_STAGE)


def test_rounds_begin_at_one_and_end_with_the_policy() -> None:
    for round_, code in ((0, Code.WRONG_ROUND), (4, Code.WRONG_ROUND), (1, None), (3, None)):
        result = gate().admit(envelope(Kind.SEAL, round=round_))
        if code is None:
            assert isinstance(result, Message)
        else:
            assert f"round {round_}" in refused(result, code)


def test_an_acceptance_belongs_to_no_round() -> None:
    refused(gate().admit(envelope(Kind.ACCEPTANCE, round=1)), Code.WRONG_ROUND)


def test_an_unknown_task_is_told_from_a_bad_message() -> None:
    sent = envelope(Kind.SEAL, task=b"u" * 32)
    assert "no TaskOpen of task 7575" in refused(gate().admit(sent), Code.UNKNOWN_TASK)


def test_only_a_task_open_has_a_zero_task() -> None:
    refused(gate().admit(envelope(Kind.SEAL, task=ZERO)), Code.MALFORMED)
    where = cast.ctx(COMMITTEE, task=TASK)
    sent = cast.signed(ALICE, Kind.TASK_OPEN, where, task_open())
    refused(gate().admit(sent), Code.MALFORMED)


def test_a_known_task_under_another_committee_is_refused() -> None:
    other = cast.ctx(cast.committee(ALICE, BOB), task=TASK, round=1, stage=Stage.FREEZE)
    sent = cast.signed(ALICE, Kind.SEAL, other, BODIES[Kind.SEAL])
    assert "has committee" in refused(gate().admit(sent), Code.WRONG_COMMITTEE)


def test_a_task_whose_ctx_hashes_another_committee_is_refused() -> None:
    where = cast.ctx(cast.committee(ALICE, BOB))
    sent = cast.signed(ALICE, Kind.TASK_OPEN, where, task_open())
    assert "descriptor hashes to" in refused(gate().admit(sent), Code.WRONG_COMMITTEE)


@pytest.mark.parametrize("kind", list(BODIES))
def test_mallory_outside_the_committee_says_nothing(kind: Kind) -> None:
    assert "not a member" in refused(gate().admit(envelope(kind, by=MALLORY)), Code.NOT_A_MEMBER)


def test_mallory_outside_the_committee_opens_nothing() -> None:
    sent = cast.signed(MALLORY, Kind.TASK_OPEN, cast.ctx(COMMITTEE), task_open())
    assert "the opener" in refused(gate().admit(sent), Code.NOT_A_MEMBER)


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_members_name_under_mallorys_signature_does_not_hold(kind: Kind) -> None:
    forged = dataclasses.replace(envelope(kind, by=MALLORY), signer=DAVE.public)
    assert "does not hold" in refused(gate().admit(forged), Code.BAD_SIGNATURE)


def test_a_signature_holds_for_one_instance_only() -> None:
    sent = envelope(Kind.SEAL)
    moved = dataclasses.replace(sent, ctx=at(Stage.FREEZE, round=2).pack())
    refused(gate().admit(moved), Code.BAD_SIGNATURE)


def test_nothing_is_parsed_before_its_signature_held() -> None:
    parsed: list[Kind] = []

    def decode(kind: Kind, payload: bytes) -> Body:
        parsed.append(kind)
        return codec.decode(kind, payload)

    watched = Gate(
        network=cast.NETWORK,
        task=lambda _: COMMITTEE,
        reader=Reader(decode=decode, verify=keys.verify),
    )
    for kind in BODIES:
        sent = envelope(kind)
        refused(watched.admit(dataclasses.replace(sent, signature=bytes(64))), Code.BAD_SIGNATURE)
    assert parsed == []


def test_a_malformed_payload_is_refused_with_the_bodys_own_words() -> None:
    sent = cast.signed(ALICE, Kind.SEAL, at(Stage.FREEZE), pb.Seal(hash=b"x").SerializeToString())
    assert refused(gate().admit(sent), Code.BAD_BODY) == "SEAL: seal is 1 bytes, not 32"


def test_an_unknown_answer_type_is_refused_by_name() -> None:
    message = pb.TaskOpen()
    message.ParseFromString(codec.encode(task_open()))
    message.answer.kind = 9  # type: ignore[assignment]
    sent = cast.signed(ALICE, Kind.TASK_OPEN, cast.ctx(COMMITTEE), message.SerializeToString())
    assert "answer kind 9 is unknown" in refused(gate().admit(sent), Code.BAD_BODY)


def test_refusals_are_counted_by_code() -> None:
    counted = gate()
    for _ in range(2):
        counted.admit(envelope(Kind.SEAL, by=MALLORY))
    counted.admit(envelope(Kind.SEAL, task=b"u" * 32))
    counted.admit(envelope(Kind.SEAL))
    bad = cast.signed(BOB, Kind.BATCH, EXCHANGE, batch(proposal(ALICE)))
    counted.admit(bad)
    assert counted.refusals == {Code.NOT_A_MEMBER: 2, Code.UNKNOWN_TASK: 1, Code.BAD_ENTRY: 1}


@given(
    st.builds(
        Envelope,
        kind=st.one_of(st.integers(0, 2**32 - 1), st.sampled_from(Kind)),
        ctx=st.one_of(st.binary(max_size=110), st.just(EXCHANGE.pack())),
        payload=st.binary(max_size=64),
        signer=st.one_of(st.binary(max_size=40), st.just(ALICE.public)),
        signature=st.one_of(st.binary(max_size=70), st.just(bytes(64))),
    )
)
def test_any_envelope_gives_a_message_or_a_refusal(sent: Envelope) -> None:
    assert isinstance(gate().admit(sent), Refusal)


@given(st.data(), st.sampled_from([kind for kind in Kind if kind is not Kind.TASK_OPEN]))
def test_any_signed_bytes_give_a_message_or_a_bad_body(data: st.DataObject, kind: Kind) -> None:
    body = codec.encode(data.draw(strategies.OF_KIND[kind]))
    payload = bytearray(body)
    if payload:
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    stage = data.draw(st.sampled_from(STAGE_OF[kind]))
    where = at(stage, round=0 if stage is Stage.OPEN else 1)
    by = ALIAS if kind is Kind.PROPOSAL else ALICE
    result = gate().admit(cast.signed(by, kind, where, bytes(payload)), asked=True)
    if isinstance(result, Refusal):
        assert result.code in (Code.BAD_BODY, Code.BAD_ENTRY, Code.OVERSIZE)


# -- notes (R1c) ----------------------------------------------------------------------------

ANN, EVE = cast.key("ann"), cast.key("eve")


def speaking(*keys_: keys.SigningKey) -> Gate:
    """A gate that knows one task in which these people may speak."""
    named = tuple(Speaker(name=f"speaker-{at}", key=key.public) for at, key in enumerate(keys_))
    return Gate(
        network=cast.NETWORK,
        task=lambda task: COMMITTEE if task == TASK else None,
        reader=codec.reader(),
        speakers=lambda task: named if task == TASK else None,
    )


def noted(*said: Note) -> Envelope:
    body = Commit(commitment=b"c" * 32, notes=said)
    return cast.signed(ALICE, Kind.COMMIT, at(Stage.SLATE), body)


def test_a_commit_brings_the_notes_of_those_whom_the_task_names() -> None:
    said = notes.sign(ANN, TASK, number=1, at_ms=5, text="The meter was replaced in May.")
    admitted = speaking(ANN).admit(noted(said))
    assert isinstance(admitted, Message)
    assert admitted.body == Commit(commitment=b"c" * 32, notes=(said,))


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("nobody may speak", "whom the task does not name as a speaker"),
        ("unlisted", "whom the task does not name as a speaker"),
        ("forged", "does not hold for this task"),
        ("replayed", "does not hold for this task"),
        ("changed", "does not hold for this task"),
        ("one of two", "does not hold for this task"),
    ],
)
def test_a_commit_with_a_note_that_is_none_of_the_task_is_refused_by_name(
    case: str, text: str
) -> None:
    sound = notes.sign(ANN, TASK, number=1, at_ms=5, text="So.")
    forged = dataclasses.replace(sound, signature=bytes(64))
    said = {
        "nobody may speak": (sound,),
        "unlisted": (notes.sign(EVE, TASK, number=1, at_ms=5, text="So."),),
        "forged": (forged,),
        "replayed": (notes.sign(ANN, b"o" * 32, number=1, at_ms=5, text="So."),),
        "changed": (dataclasses.replace(sound, text="No."),),
        "one of two": (sound, forged),
    }[case]
    here = speaking() if case == "nobody may speak" else speaking(ANN)
    refused = here.admit(noted(*said))
    assert isinstance(refused, Refusal)
    assert refused.code is Code.BAD_NOTE
    assert text in refused.text


def test_a_commit_of_a_task_that_is_over_is_not_asked_whose_its_notes_are() -> None:
    over = Gate(
        network=cast.NETWORK,
        task=lambda _: COMMITTEE,
        reader=codec.reader(),
        speakers=lambda _: None,
    )
    said = notes.sign(EVE, TASK, number=1, at_ms=5, text="So.")
    assert isinstance(over.admit(noted(said)), Message)


def test_a_commit_with_one_note_too_many_is_refused() -> None:
    full = [
        notes.sign(ANN, TASK, number=1, at_ms=number, text="So.") for number in range(MAX_NOTES + 1)
    ]
    assert isinstance(speaking(ANN).admit(noted(*full[:MAX_NOTES])), Message)
    wire = pb.Commit(commitment=b"c" * 32, notes=map(pairs.note_to_proto, full))
    refused = speaking(ANN).admit(
        cast.signed(ALICE, Kind.COMMIT, at(Stage.SLATE), wire.SerializeToString())
    )
    assert isinstance(refused, Refusal)
    assert (refused.code, "at most 8 in a commit" in refused.text) == (Code.BAD_BODY, True)
