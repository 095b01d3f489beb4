"""What a restart takes up again (rule A13)."""

from consensus.agreement.effects import Persist, Send
from consensus.bodies import Ballot, Report
from consensus.deliberation.phases import Phase
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
