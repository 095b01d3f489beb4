"""What a restart takes up again (rule A13)."""

from consensus.bodies import Report
from consensus.deliberation.scribe import Kept
from consensus.envelope import Kind, MessageId, Stage
from tests.harness.tables import Table


def test_restarted_member_asks_for_what_its_own_report_names() -> None:
    table = Table()
    ids = tuple(sorted(MessageId(bytes([at]) * 32) for at in (1, 2)))
    report = table.sign(0, 1, Stage.SLATE, Kind.REPORT, Report(ids=ids))
    seat = table.make(kept=[Kept(message=report)]).begin()
    seat.receive(*(table.accept(who) for who in (1, 2)))
    assert seat.wanted() == set(ids)
