"""What a restart takes up again (rule A13)."""

from consensus.agreement.effects import Persist, Send
from consensus.agreement.instance import value_id
from consensus.agreement.validity import Valid
from consensus.bodies import Ballot, Propose, Report
from consensus.deliberation.phases import Phase
from consensus.deliberation.requests import Judgment
from consensus.deliberation.round import PREFIX
from consensus.deliberation.scribe import Kept
from consensus.envelope import Kind, MessageId, Stage
from tests.harness.tables import Table, decide


def test_restarted_member_asks_for_what_its_own_report_names() -> None:
    table = Table()
    ids = tuple(sorted(MessageId(bytes([at]) * 32) for at in (1, 2)))
    report = table.sign(0, 1, Stage.SLATE, Kind.REPORT, Report(ids=ids))
    seat = table.make(kept=[Kept(message=report)]).begin()
    seat.receive(*(table.accept(who) for who in (1, 2)))
    assert seat.wanted() == set(ids)


def test_what_a_report_names_outlives_a_crash_though_nobody_else_holds_it() -> None:
    """An equivocator may give both of its commits to this member alone, and answer nobody."""
    table = Table()
    accepts = [table.accept(who) for who in (1, 2)]
    seat = table.make().begin()
    seat.receive(*accepts)
    seat.draft("a")
    named = [table.commit(1, "a"), table.commit(2, "b"), table.commit(2, "c")]
    seat.receive(*named)
    seat.expire(Stage.SLATE, "close")
    (report,) = seat.sent(Kind.REPORT)
    assert isinstance(report.body, Report)
    assert {one.id for one in named} < set(report.body.ids)
    after = table.make(kept=seat.kept.values()).begin()
    after.receive(*accepts)
    assert after.wanted() == set()
    assert report in after.task.round.reports(Stage.SLATE)
    other = table.committee.members[3]
    assert {*named, report} <= {*after.task.lacking(1, frozenset(), other)}


def test_what_a_ballot_lists_outlives_a_crash_though_nobody_else_holds_it() -> None:
    """A faulty exit may give its BATCH to this member alone."""
    table = Table()
    accepts = [table.accept(who) for who in (1, 2, 3)]
    seat = table.make().begin()
    seat.receive(*accepts)
    seat.draft("a")
    commits = [table.commit(1, "b"), table.commit(2, "c"), table.abstain(3)]
    seat.receive(*decide(table, Stage.SLATE, [*seat.sent(Kind.COMMIT), *commits]), *commits)
    seat.exchange(1, 2)
    seat.judge(Judgment())
    assert seat.sent(Kind.SEAL)
    listed = [*seat.task.desk._tabled(seat.task.round)]
    assert len(listed) == 3
    after = table.make(kept=seat.kept.values()).begin()
    after.receive(*accepts)
    other = table.committee.members[3]
    assert all(after.task.find(item, other) is not None for item in listed)
    assert not after.task.desk._tabled(after.task.round)  # which BATCHes bring, and no ballot


def test_what_a_lock_stands_on_outlives_a_crash_of_all_that_hold_it() -> None:
    """Else those that come back locked could check their value no more, nor leave it."""
    table = Table()
    accepts = [table.accept(who) for who in (1, 2)]
    seat = table.make().begin()
    seat.receive(*accepts)
    seat.draft("a")
    (own,) = seat.sent(Kind.COMMIT)
    commits = [table.commit(who, "a") for who in (1, 2, 3)]
    proposed, *_ = decide(table, Stage.SLATE, [own, *commits])
    assert isinstance(proposed.body, Propose)
    value = value_id(proposed.body.value)
    prevotes = [table.vote(who, Stage.SLATE, Kind.PREVOTE, 0, value) for who in (1, 2, 3)]
    seat.receive(proposed, *commits, *prevotes)
    assert seat.sent(Kind.PRECOMMIT)
    assert not seat.sent(Kind.REPORT)
    after = table.make(kept=seat.kept.values()).begin()
    after.receive(*accepts)
    instance = after.task.round.instances[Stage.SLATE]
    assert instance.locked == (0, value)
    assert instance.validity(proposed.body.value) == Valid()
    assert after.wanted() == set()


def test_member_that_may_not_sign_opens_nothing_of_its_earlier_life() -> None:
    table = Table()
    seat = table.make(active=False).begin()
    seat.receive(*(table.accept(who) for who in (1, 2, 3)))
    commits = [table.commit(who, "a") for who in range(4)]
    seals = [table.seal(who, Ballot(held=())) for who in range(4)]
    seat.receive(*decide(table, Stage.SLATE, commits), *commits)
    effects = seat.receive(*decide(table, Stage.FREEZE, seals), *seals)
    assert seat.task.phase is Phase.REVEAL
    assert not [effect for effect in effects if isinstance(effect, Persist | Send)]


def test_stage_that_had_closed_before_a_restart_is_not_waited_for_again() -> None:
    table = Table()
    accepts = [table.accept(who) for who in (1, 2)]
    seat = table.make().begin()
    seat.receive(*accepts)
    seat.draft("a")
    seat.receive(*(table.commit(who, "a") for who in (1, 2)))
    assert seat.task.phase is Phase.DRAFT  # the third is still awaited
    seat.expire(Stage.SLATE, "close")
    (report,) = seat.sent(Kind.REPORT)
    after = table.make(kept=seat.kept.values()).begin()
    after.receive(*accepts)
    assert after.task.phase is Phase.SLATE
    assert after.sent(Kind.REPORT) == [report]


def test_propose_for_a_point_not_begun_is_named_in_digests_and_not_relayed() -> None:
    table = Table()
    seat = table.make().begin()
    seat.receive(*(table.accept(who) for who in (1, 2)))
    proposed, *_ = decide(table, Stage.SLATE, [table.commit(who, "a") for who in range(4)])
    seat.receive(proposed)
    _, held = seat.task.held(proposed.signer)
    assert proposed.id[:PREFIX] in {held[at : at + PREFIX] for at in range(0, len(held), PREFIX)}
    other = table.committee.members[2]
    assert proposed not in seat.task.lacking(1, frozenset(), other)


def test_own_stored_propose_of_a_point_that_was_skipped_is_named_in_digests() -> None:
    table = Table()
    commits = [table.commit(who, "a") for who in range(4)]
    certificate = decide(table, Stage.SLATE, commits)
    value = certificate[0].body
    assert isinstance(value, Propose)
    stored = table.sign(0, 1, Stage.SLATE, Kind.PROPOSE, value)
    seat = table.make(kept=[Kept(message=stored)]).begin()
    seat.receive(*(table.accept(who) for who in (1, 2)), *certificate, *commits)
    assert seat.task.phase > Phase.SLATE
    assert stored.id[:PREFIX] in seat.task.held(table.committee.members[1])[1]
    assert seat.task.holds(stored.id)
