"""What shows that another process signs with this node's key, and what does not."""

import pytest

from consensus.bodies import Commit, Vote
from consensus.envelope import ZERO, Kind, Stage
from node.twin import EVENT, QUIET_MS, TwinWatch
from tests.harness.loglines import captured
from tests.harness.tables import Seat, Table


class Watched:
    """A member that has committed in a round, its twin watch, and what was logged."""

    def __init__(self, table: Table, *, active: bool = True) -> None:
        self.table = table
        self.seat: Seat = table.make(active=active).begin()
        self.seat.receive(*(table.accept(who) for who in (1, 2, 3)))
        self.seat.draft("a")
        self.now = 0
        self.watch = TwinWatch(self.seat.task.me, lambda: self.now)

    def hears(self, commitment: bytes) -> None:
        """A commit under its own key comes in."""
        body = Commit(commitment=commitment)
        message = self.table.sign(0, 1, Stage.SLATE, Kind.COMMIT, body)
        self.watch.received(self.seat.task, message)


def test_own_words_that_come_back_show_nothing() -> None:
    watched = Watched(Table())
    for kept in watched.seat.kept.values():
        watched.watch.received(watched.seat.task, kept.message)
    assert watched.seat.kept
    assert watched.watch.seen == 0


def test_word_of_its_key_that_it_did_not_write_shows_a_twin() -> None:
    watched = Watched(Table())
    with captured() as lines:
        watched.hears(bytes(31) + b"x")
    assert watched.watch.seen == 1
    (line,) = lines
    assert (line["event"], line["log_level"], line["what"]) == (EVENT, "error", "commit")


def test_word_for_a_slot_that_it_has_not_filled_shows_a_twin_too() -> None:
    watched = Watched(Table())
    opening = watched.table.scribes[0].unsealed(1, None)
    with captured():
        message = watched.table.sign(0, 1, Stage.OUTCOME, Kind.OPENING, opening)
        watched.watch.received(watched.seat.task, message)
    assert watched.watch.seen == 1


def test_member_that_only_follows_takes_an_earlier_life_for_no_twin() -> None:
    watched = Watched(Table(), active=False)
    watched.hears(bytes(31) + b"x")
    vote = watched.table.vote(0, Stage.SLATE, Kind.PREVOTE, 0, ZERO)
    watched.watch.convicted(watched.seat.task, vote)
    assert watched.watch.seen == 0


@pytest.mark.parametrize("signer", [0, 1], ids=["its own", "another's"])
def test_two_votes_of_one_slot_show_a_twin_if_they_are_its_own(signer: int) -> None:
    watched = Watched(Table())
    vote = watched.table.vote(signer, Stage.SLATE, Kind.PREVOTE, 0, ZERO)
    assert isinstance(vote.body, Vote)
    with captured():
        watched.watch.convicted(watched.seat.task, vote)
    assert watched.watch.seen == (signer == 0)


def test_task_that_was_opened_in_its_name_shows_a_twin() -> None:
    watched = Watched(Table())
    with captured() as lines:
        watched.watch.opened(watched.table.opened)  # the table's tasks are opened by member 0
    assert [line["task"] for line in lines] == [watched.table.opened.id.hex()[:8]]


def test_a_twin_is_logged_once_a_minute_and_counted_each_time() -> None:
    watched = Watched(Table())
    with captured() as lines:
        for at in (0, QUIET_MS - 1, QUIET_MS):
            watched.now = at
            watched.hears(at.to_bytes(31, "big") + b"x")
    assert [line["seen"] for line in lines] == [1, 3]
