"""What becomes of a member whose committee has more faulty members than it can bear."""

import pytest

from consensus import canonical
from consensus.agreement.instance import value_id
from consensus.bodies import Ballot, Propose, Vote
from consensus.deliberation.effects import Finish, GiveUp
from consensus.envelope import Kind, Stage
from consensus.ports import Message
from tests.harness.tables import Seat, Table, decide


def drafting() -> Seat:
    table = Table()
    seat = table.make().begin()
    seat.receive(*(table.accept(who) for who in (1, 2, 3)))
    return seat


def signed(table: Table, stage: Stage, value: bytes) -> list[Message]:
    """A quorum decides `value`, whatever it is."""
    vote = Vote(view=0, value=value_id(value))
    propose = Propose(view=0, valid_view=-1, value=value)
    return [
        table.sign(1, 1, stage, Kind.PROPOSE, propose),
        *(table.sign(who, 1, stage, Kind.PRECOMMIT, vote) for who in (1, 2, 3)),
    ]


def given_up(seat: Seat) -> str:
    (found,) = [effect for effect in seat.effects if isinstance(effect, GiveUp)]
    assert seat.task.over
    assert seat.task.finished is None
    return found.reason


@pytest.mark.parametrize("garbage", [b"x", b"{}", b"null", b"[" * 3_000, b"\xff"])
@pytest.mark.parametrize("stage", [Stage.SLATE, Stage.FREEZE, Stage.OUTCOME])
def test_garbage_decided_by_a_faulty_quorum_ends_the_task_and_nothing_else(
    stage: Stage, garbage: bytes
) -> None:
    seat = drafting()
    seat.receive(*signed(seat.table, stage, garbage))
    assert "that is not valid" in given_up(seat)


def test_set_that_leaves_a_member_out_without_reports_ends_the_task() -> None:
    seat = drafting()
    commits = [seat.table.commit(who, "a") for who in (1, 2, 3)]
    seat.receive(*decide(seat.table, Stage.SLATE, commits), *commits)
    assert "a quorum decided a slate that is not valid: V1: 0 REPORTs" in given_up(seat)


def test_outcome_of_figures_that_are_none_ends_the_task_before_they_are_read() -> None:
    seat = drafting()
    table = seat.table
    seat.draft("a")
    (mine,) = seat.sent(Kind.COMMIT)
    commits = [mine, *(table.abstain(who) for who in (1, 2, 3))]
    seat.receive(*decide(table, Stage.SLATE, commits), *commits[1:])
    seat.exchange()
    (sealed,) = seat.sent(Kind.SEAL)
    value = canonical.encode(
        {
            "evidence": [],
            "figures": {"proposals": [], "void": []},
            "ids": [],
            "point": "outcome",
            "reports": [],
            "round": 1,
        }
    )
    seals = [sealed, *(table.seal(who, Ballot(held=())) for who in (1, 2, 3))]
    seat.receive(*decide(table, Stage.FREEZE, seals), *seals[1:])
    seat.receive(*signed(table, Stage.OUTCOME, value))
    assert "a quorum decided an outcome that is not valid: V1" in given_up(seat)


def test_task_that_was_given_up_does_nothing_more() -> None:
    seat = drafting()
    seat.receive(*signed(seat.table, Stage.SLATE, b"x"))
    assert seat.draft("a") == []
    assert seat.expire(Stage.SLATE, "abstain") == []
    assert not [effect for effect in seat.effects if isinstance(effect, Finish)]


def test_task_that_more_refuse_than_a_quorum_can_miss_is_given_up() -> None:
    table = Table()
    seat = table.make().begin()
    seat.receive(table.accept(1, "over quota"))
    assert not seat.task.over
    seat.receive(table.accept(2, "expired"))
    assert "more members refused" in given_up(seat)


def test_two_answers_to_one_task_are_evidence_once() -> None:
    table = Table()
    seat = table.make().begin()
    seat.receive(table.accept(1), table.accept(1, "no"), table.accept(1, "never"))
    (found,) = seat.convicts()
    assert found.first.signer == found.second.signer == table.committee.members[1]
