"""What a verdict says of costs and faults: claims put together by member."""

from consensus.bodies import Ballot, Commit, Opening, Proposal, Report, Usage
from consensus.envelope import Kind, MessageId
from consensus.verdict import Bundle
from consensus.verdict.bundle import RoundBundle
from node.accounts import account
from node.api.contract import Cost, Fault
from node.wire import codec
from tests.harness.cast import ALICE, BOB, CAROL, committee, ctx, key, signed

AT = ctx(committee())
NAMES = {ALICE.public: "alice", BOB.public: "bob", CAROL.public: "carol"}


def of(*rounds: RoundBundle) -> Bundle:
    opened = signed(ALICE, Kind.TASK_OPEN, AT, b"not read here")
    return Bundle(opened=opened, rounds=rounds)


def test_ballots_open_drafts_and_reports_are_added_up_by_member() -> None:
    alias = key("an alias")
    draft = signed(
        alias,
        Kind.PROPOSAL,
        AT,
        Proposal(answer="a", usage=Usage(tokens_in=5, tokens_out=2, micros=3)),
    )
    ballot = Ballot(held=(), usage=Usage(tokens_in=30, tokens_out=10, micros=4))
    opening = Opening(
        alias=alias.public,
        alias_signature=bytes([1]) * 64,
        proposal=MessageId(draft.id),
        nonce=bytes([1]) * 32,
        ballot_bytes=codec.encode(ballot),
        ballot=ballot,
        salt=bytes([1]) * 32,
    )
    named = (
        draft,
        signed(ALICE, Kind.OPENING, AT, opening),
        signed(ALICE, Kind.REPORT, AT, Report(ids=(), tokens=47, micros=7)),
        signed(BOB, Kind.REPORT, AT, Report(ids=(), tokens=100, micros=9)),
        signed(BOB, Kind.REPORT, AT, Report(ids=(), tokens=40)),
    )
    found = account(of(RoundBundle(points=(), named=named)), NAMES.__getitem__)
    assert found.costs == (
        Cost(member="alice", tokens_in=35, tokens_out=12, unsplit=0, micros=7),
        Cost(member="bob", tokens_in=0, tokens_out=0, unsplit=100, micros=9),
    )
    assert found.faults == ()


def test_faults_name_provider_and_model_and_what_follows_from_them_comes_last() -> None:
    def commit(reason: str) -> Commit:
        return Commit(commitment=bytes(32), abstain=reason)

    busy = "openai toy-1: server error 503"
    slow = "the model gave no draft in time"
    named = (
        signed(ALICE, Kind.COMMIT, AT, commit("it had enough: really")),
        signed(BOB, Kind.COMMIT, AT, commit(busy)),
        signed(CAROL, Kind.COMMIT, AT, commit(slow)),
    )
    round_ = RoundBundle(points=(), named=named)
    found = account(of(round_, round_), NAMES.__getitem__)
    assert found.faults == (
        Fault(
            member="bob",
            doing="draft",
            provider="openai",
            model="toy-1",
            reason=busy,
            code="server",
        ),
        Fault(member="carol", doing="draft", provider="", model="", reason=slow, code="timeout"),
        Fault(
            member="alice",
            doing="draft",
            provider="",
            model="",
            reason="it had enough: really",
            code="",
        ),
    )
