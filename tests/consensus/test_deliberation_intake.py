"""What a member does with what comes in: which rounds, how much, what is answered (S2, T3, A14)."""

import pytest

from consensus.agreement.instance import point_seed, proposer_order
from consensus.bodies import Ballot, Proposal, Propose, Report, Seal, Vote
from consensus.committee import MAX_MEMBERS
from consensus.deliberation.effects import Behind, Draft, Reply
from consensus.deliberation.phases import Phase
from consensus.deliberation.points import PointValue
from consensus.deliberation.round import PREFIX, SLOT_CAP, RoundState
from consensus.deliberation.task import CERTIFICATE_EVERY_MS, SETTLE_MS
from consensus.envelope import ZERO, Kind, MessageId, Stage
from consensus.policy import Policy
from consensus.ports import Message
from tests.harness.tables import Seat, Table, decide


def drafting(policy: Policy | None = None) -> Seat:
    table = Table(policy=policy)
    seat = table.make().begin()
    seat.receive(*(table.accept(who) for who in (1, 2, 3)))
    seat.draft("a")
    return seat


def behind(seat: Seat) -> list[bytes]:
    return [effect.member for effect in seat.effects if isinstance(effect, Behind)]


def replies(seat: Seat) -> list[Reply]:
    return [effect for effect in seat.effects if isinstance(effect, Reply)]


# -- S2: rounds ---------------------------------------------------------------------------


def test_message_of_a_later_round_is_not_kept_and_its_sender_is_asked_for_what_leads_there() -> (
    None
):
    seat = drafting()
    table = seat.table
    early = table.sign(1, 2, Stage.FREEZE, Kind.SEAL, Seal(hash=b"1" * 32))
    seat.receive(early)
    assert behind(seat) == [table.committee.members[1]]
    assert not seat.task.holds(early.id)
    seat.receive(table.sign(1, 3, Stage.SLATE, Kind.PREVOTE, Vote(view=0, value=bytes(32))))
    assert behind(seat) == []


def test_one_member_that_claims_to_be_in_round_1_takes_nobody_there() -> None:
    table = Table()
    seat = table.make().begin()
    seat.receive(table.commit(1, "a"), table.commit(1, "b"))
    assert seat.task.phase is Phase.OPENING
    assert seat.asked(Draft) == []


def test_t_members_in_round_1_are_proof_of_enough_accepts() -> None:
    table = Table()
    seat = table.make().begin()
    seat.receive(table.commit(1, "a"), table.commit(2, "b"))
    assert seat.task.phase is Phase.DRAFT
    assert len(seat.asked(Draft)) == 1


# -- T3: how much of one slot -------------------------------------------------------------


def test_second_envelope_of_a_slot_is_kept_as_evidence_and_a_third_is_not() -> None:
    seat = drafting()
    seals = [
        seat.table.sign(1, 1, Stage.FREEZE, Kind.SEAL, Seal(hash=bytes([at]) * 32))
        for at in range(1, SLOT_CAP + 2)
    ]
    seat.receive(*seals)
    assert [seat.task.holds(seal.id) for seal in seals] == [True] * SLOT_CAP + [False]
    assert len(seat.convicts()) == 1


def test_third_envelope_of_a_slot_is_kept_where_a_report_names_it() -> None:
    seat = drafting()
    table = seat.table
    one, two, three = (
        table.sign(3, 1, Stage.SLATE, Kind.COMMIT, table.commit(3, answer).body) for answer in "abc"
    )
    report = table.sign(1, 1, Stage.SLATE, Kind.REPORT, Report(ids=(three.id,)))
    seat.receive(one, two, three)
    assert not seat.task.holds(three.id)
    seat.receive(report)
    assert seat.wanted() == {three.id}
    seat.receive(three)
    assert seat.task.holds(three.id)
    assert report in seat.task.round.reports(Stage.SLATE)


def test_report_waits_in_the_pen_until_all_it_names_is_there_and_is_not_passed_on() -> None:
    seat = drafting()
    table = seat.table
    commit = table.commit(2, "b")
    report = table.sign(1, 1, Stage.SLATE, Kind.REPORT, Report(ids=(commit.id,)))
    seat.receive(report)
    assert seat.task.round.reports(Stage.SLATE) == []
    assert report not in seat.task.lacking(1, frozenset(), bytes(32))
    assert seat.task.find(report.id, bytes(32)) is None
    assert seat.task.wanted() == (commit.id,)
    seat.receive(commit)
    assert seat.task.round.reports(Stage.SLATE) == [report]
    assert report in seat.task.lacking(1, frozenset(), bytes(32))
    assert seat.task.wanted() == ()


@pytest.mark.parametrize("what", ["another kind", "another point"])
def test_report_of_what_is_not_its_points_content_never_leaves_the_pen(what: str) -> None:
    seat = drafting()
    table = seat.table
    if what == "another kind":
        named = table.sign(2, 1, Stage.SLATE, Kind.REPORT, Report(ids=()))
    else:
        named = table.sign(2, 1, Stage.FREEZE, Kind.SEAL, Seal(hash=b"1" * 32))
    seat.receive(named, table.sign(1, 1, Stage.SLATE, Kind.REPORT, Report(ids=(named.id,))))
    reporters = {report.signer for report in seat.task.round.reports(Stage.SLATE)}
    assert table.committee.members[1] not in reporters


def test_report_of_three_envelopes_of_a_slot_never_leaves_the_pen_and_one_of_two_does() -> None:
    seat = drafting()
    table = seat.table
    said = [
        table.sign(3, 1, Stage.SLATE, Kind.COMMIT, table.commit(3, answer).body) for answer in "abc"
    ]
    for who, count in ((1, SLOT_CAP), (2, SLOT_CAP + 1)):
        ids = tuple(sorted(message.id for message in said[:count]))
        report = table.sign(who, 1, Stage.SLATE, Kind.REPORT, Report(ids=ids))
        seat.receive(report, *said)
        assert all(seat.task.holds(message.id) for message in said[:count])
        assert (report in seat.task.round.reports(Stage.SLATE)) is (count == SLOT_CAP)
        assert (report in seat.task.lacking(1, frozenset(), bytes(32))) is (count == SLOT_CAP)


def test_two_reports_of_one_member_convict_it_of_nothing() -> None:
    seat = drafting()
    table = seat.table
    seat.receive(
        table.sign(1, 1, Stage.SLATE, Kind.REPORT, Report(ids=())),
        table.sign(1, 1, Stage.SLATE, Kind.REPORT, Report(ids=(), ms=1)),
    )
    assert seat.convicts() == []


@pytest.mark.parametrize(("members", "most"), [(3, 1), (4, 4)])
def test_batch_holds_at_most_what_one_sender_may_put_on_the_table(members: int, most: int) -> None:
    for count in (most, most + 1):
        table = Table(members)
        seat = table.make().begin()
        seat.receive(*(table.accept(who) for who in range(1, members)))
        writers = (table.scribes[at % members] for at in range(count))
        drafts = [
            scribe.proposal(1, Proposal(answer="a", rationale=str(at)))
            for at, scribe in enumerate(writers)
        ]
        batch = table.batch(1, *drafts)
        seat.receive(batch)
        assert seat.task.holds(batch.id) == (count <= most)


def test_proposal_alone_is_kept_only_where_something_names_it() -> None:
    seat = drafting()
    draft = seat.table.proposal(1, "b")
    seat.receive(draft)
    assert not seat.task.holds(draft.id)


# -- A14: certificates --------------------------------------------------------------------


def decided_slate() -> tuple[Seat, list[Message]]:
    seat = drafting()
    table = seat.table
    commits = [*seat.sent(Kind.COMMIT), *(table.commit(who, "b") for who in (1, 2, 3))]
    messages = decide(table, Stage.SLATE, commits)
    seat.receive(*messages, *commits[1:])
    assert seat.task.phase is Phase.EXCHANGE
    return seat, messages


def test_straggler_is_answered_with_the_certificate_once_in_a_while() -> None:
    seat, messages = decided_slate()
    late = seat.table.vote(3, Stage.SLATE, Kind.PREVOTE, 1, bytes(32))
    seat.now += SETTLE_MS - 1
    seat.receive(late)
    assert replies(seat) == []  # votes of the deciding quorum are still on their way
    seat.now += 1
    seat.receive(seat.table.vote(3, Stage.SLATE, Kind.PREVOTE, 2, bytes(32)))
    (reply,) = replies(seat)
    assert reply.member == late.signer
    assert {message.id for message in reply.messages} == {message.id for message in messages}
    seat.now += CERTIFICATE_EVERY_MS - 1
    seat.receive(seat.table.vote(3, Stage.SLATE, Kind.PREVOTE, 3, bytes(32)))
    assert replies(seat) == []
    seat.receive(seat.table.vote(2, Stage.SLATE, Kind.PREVOTE, 3, bytes(32)))
    assert len(replies(seat)) == 1  # the rate is one of each peer
    seat.now += 1
    seat.receive(seat.table.vote(3, Stage.SLATE, Kind.PREVOTE, 4, bytes(32)))
    assert len(replies(seat)) == 1


def test_certificate_of_an_undecided_point_is_not_sent() -> None:
    seat, _ = decided_slate()
    seat.now += 60_000
    seat.receive(seat.table.vote(3, Stage.FREEZE, Kind.PREVOTE, 0, bytes(32)))
    assert replies(seat) == []


# -- T2: digests --------------------------------------------------------------------------


def test_digest_names_what_is_held_and_the_other_side_sends_the_rest() -> None:
    seat, messages = decided_slate()
    number, held = seat.task.held(bytes(32))
    assert number == 1
    prefixes = frozenset(held[at : at + PREFIX] for at in range(0, len(held), PREFIX))
    assert seat.task.lacking(1, prefixes, bytes(32)) == []
    assert messages[1].id[:PREFIX] in prefixes
    lacking = seat.task.lacking(1, prefixes - {messages[1].id[:PREFIX]}, bytes(32))
    assert lacking == [messages[1]]


def test_conflicting_votes_of_third_parties_are_passed_on() -> None:
    seat = drafting()
    votes = [seat.table.vote(3, Stage.SLATE, Kind.PREVOTE, 0, bytes([at]) * 32) for at in (1, 2)]
    seat.receive(*votes)
    assert set(votes) <= set(seat.task.lacking(1, frozenset(), bytes(32)))


def test_digest_while_opening_is_of_answers_to_the_task() -> None:
    table = Table()
    seat = table.make().begin()
    seat.receive(table.accept(1))
    number, held = seat.task.held(bytes(32))
    assert (number, len(held)) == (0, 2 * PREFIX)
    assert len(seat.task.lacking(0, frozenset(), bytes(32))) == 2
    assert seat.task.lacking(1, frozenset(), bytes(32)) == []


# -- the rest -----------------------------------------------------------------------------


def test_member_waits_for_those_whose_link_is_up_and_for_no_others() -> None:
    table = Table()
    seat = table.make().begin(up=(1, 2))
    seat.receive(table.accept(1), table.accept(2))
    seat.draft("a")
    seat.receive(table.commit(1, "b"))
    assert seat.task.phase is Phase.DRAFT
    seat.receive(table.commit(2, "c"))
    assert seat.task.phase is Phase.SLATE


def test_deadline_closes_a_stage_with_a_quorum_and_not_without() -> None:
    seat = drafting()
    table = seat.table
    seat.receive(table.commit(1, "b"))
    seat.expire(Stage.SLATE, "close")
    assert seat.task.phase is Phase.DRAFT
    seat.receive(table.commit(2, "c"))
    assert seat.task.phase is Phase.SLATE
    (report,) = seat.sent(Kind.REPORT)
    assert isinstance(report.body, Report)
    assert len(report.body.ids) == 3


def test_member_that_refused_is_not_waited_for() -> None:
    table = Table()
    seat = table.make().begin()
    seat.receive(table.accept(1), table.accept(2), table.accept(3, "over quota"))
    seat.draft("a")
    seat.receive(table.commit(1, "b"), table.commit(2, "c"))
    assert seat.task.phase is Phase.SLATE


def test_member_that_refused_itself_follows_and_signs_nothing_more() -> None:
    table = Table()
    seat = table.make(refusal="floor violated").begin()
    (said,) = seat.kept.values()
    assert said.message.kind is Kind.ACCEPTANCE
    seat.receive(*(table.accept(who) for who in (1, 2, 3)))
    commits = [table.commit(who, "b") for who in (1, 2, 3)]
    reports = [
        table.sign(
            who, 1, Stage.SLATE, Kind.REPORT, Report(ids=tuple(sorted(c.id for c in commits)))
        )
        for who in (1, 2, 3)
    ]
    seat.receive(*commits, *reports)
    assert len(seat.kept) == 1


def test_own_report_names_two_of_a_slot_at_most() -> None:
    seat = drafting()
    table = seat.table
    commits = [table.commit(3, answer) for answer in "abc"]
    named = table.sign(1, 1, Stage.SLATE, Kind.REPORT, Report(ids=(commits[2].id,)))
    seat.receive(named, *commits, table.commit(1, "a"))
    seat.expire(Stage.SLATE, "close")
    (report,) = seat.sent(Kind.REPORT)
    assert isinstance(report.body, Report)
    assert len(report.body.ids) == 4  # the own, bob's, and two of mallory's three
    assert all(seat.task.holds(commit.id) for commit in commits)


def test_full_slate_is_proposed_without_a_report_until_a_view_is_lost() -> None:
    seat = drafting()
    table = seat.table
    seat.receive(*(table.commit(who, "b") for who in (1, 2, 3)))
    assert seat.task.phase is Phase.SLATE
    assert seat.sent(Kind.REPORT) == []
    seat.receive(*(table.vote(who, Stage.SLATE, Kind.PREVOTE, 1, bytes(32)) for who in (1, 2)))
    assert len(seat.sent(Kind.REPORT)) == 1


def test_proposed_value_with_unknown_ids_is_asked_for_and_delays_one_view_alone() -> None:
    def first_proposer(seat: Seat) -> bytes:
        seed = point_seed(seat.task.id, 1, Stage.SLATE, ZERO)
        return proposer_order(seat.table.committee, seed)[0]

    seats = (drafting(Policy(rounds=rounds)) for rounds in range(1, 17))
    seat = next(seat for seat in seats if first_proposer(seat) != seat.task.me)
    table, first = seat.table, first_proposer(seat)
    seat.receive(*(table.commit(who, "b") for who in (1, 2, 3)))
    ghost = MessageId(b"g" * 32)
    value = PointValue(stage=Stage.SLATE, round=1, ids=(ghost,), reports=(), evidence=()).encode()
    body = Propose(view=0, valid_view=-1, value=value)
    who = [bytes(member) for member in table.committee.members].index(first)
    seat.receive(table.sign(who, 1, Stage.SLATE, Kind.PROPOSE, body))
    assert seat.wanted() == {ghost}
    assert seat.sent(Kind.PREVOTE) == []
    seat.expire(Stage.SLATE, "propose")
    (vote,) = seat.sent(Kind.PREVOTE)
    assert vote.body == Vote(view=0, value=ZERO)


def test_sealed_ballot_counts_from_members_that_drafted_nothing() -> None:
    seat, _ = decided_slate()
    seat.receive(*(seat.table.seal(who, Ballot(held=())) for who in (1, 2, 3)))
    assert len(seat.task.round.content(Kind.SEAL, Stage.FREEZE)) == 3


def test_a_stuffed_batch_pushes_nothing_off_the_table_that_two_good_paths_brought() -> None:
    """Of more proposals than a ballot can list; else no ballot could be cast at all."""
    table = Table()
    real = [table.proposal(who, "a") for who in range(4)]
    junk = [table.proposal(3, f"{number}") for number in range(MAX_MEMBERS + 6)]
    state, exits = RoundState(1), table.committee.members
    state.keep(table.batch(0, *real))
    state.keep(table.batch(1, *real))
    state.keep(table.batch(2, *junk[:35]))
    state.keep(table.batch(3, *junk[35:]))
    found = state.proposals(exits)
    assert {one.id for one in real} < set(found)
    assert found == state.proposals(reversed(exits))
    assert len(Ballot(held=tuple(sorted(found))).held) == MAX_MEMBERS
    state = RoundState(1)
    state.keep(table.batch(3, *junk[:MAX_MEMBERS]))
    assert len(state.proposals(exits)) == MAX_MEMBERS


def test_what_one_lock_of_this_life_stored_the_next_does_not_store_again() -> None:
    table = Table()
    seat = table.make().begin()
    seat.receive(*(table.accept(who) for who in (1, 2)))
    seat.draft("a")
    (own,) = seat.sent(Kind.COMMIT)
    commits = [table.commit(who, "a") for who in (1, 2, 3)]
    proposed, *_ = decide(table, Stage.SLATE, [own, *commits])
    assert isinstance(proposed.body, Propose)
    seat.receive(*commits)
    deciding, state = seat.task.deciding, seat.task.round
    first = deciding._grounds(state, Stage.SLATE, proposed.body.value)
    assert {one.id for one in first} == {one.id for one in commits}
    assert deciding._grounds(state, Stage.SLATE, proposed.body.value) == []
