"""What a member that was away asks for next."""

from node.missed import AGAIN_MS, MOST, TRIES, Missed
from tests.harness.cast import ALICE, BOB, CAROL

ALICE_KEY, BOB_KEY, CAROL_KEY = ALICE.public, BOB.public, CAROL.public
UP = {ALICE_KEY, BOB_KEY}


def task(number: int) -> bytes:
    return number.to_bytes(32)


def missed(count: int) -> Missed:
    found = Missed()
    for number in range(count):
        found.heard(task(number), ALICE_KEY)
    return found


def test_the_oldest_are_asked_for_first_and_no_more_than_there_is_room_for() -> None:
    found = missed(5)
    assert found.due(2, UP, 0) == [(task(0), ALICE_KEY), (task(1), ALICE_KEY)]
    assert found.due(2, UP, 1) == []
    assert found.due(3, UP, 2) == [(task(2), ALICE_KEY)]


def test_what_has_come_makes_room_for_the_next() -> None:
    found = missed(3)
    found.due(1, UP, 0)
    assert found.take(task(0)) == (ALICE_KEY,)
    assert found.due(1, UP, 1) == [(task(1), ALICE_KEY)]


def test_those_who_said_so_are_asked_in_turn() -> None:
    found = missed(1)
    found.heard(task(0), BOB_KEY)
    found.heard(task(0), BOB_KEY)
    asked = [found.due(1, UP, AGAIN_MS * turn) for turn in range(3)]
    assert asked == [[(task(0), ALICE_KEY)], [(task(0), BOB_KEY)], [(task(0), ALICE_KEY)]]


def test_nobody_is_asked_again_before_it_had_time_to_answer() -> None:
    found = missed(1)
    found.due(1, UP, 0)
    assert found.due(1, UP, AGAIN_MS - 1) == []
    assert found.due(1, UP, AGAIN_MS) == [(task(0), ALICE_KEY)]


def test_a_member_whose_link_is_down_is_not_asked() -> None:
    found = Missed()
    found.heard(task(0), CAROL_KEY)
    assert found.due(1, UP, 0) == []
    assert found.due(1, {CAROL_KEY}, 1) == [(task(0), CAROL_KEY)]


def test_a_task_that_nobody_gives_is_let_go() -> None:
    found = missed(1)
    for turn in range(TRIES):
        assert found.due(1, UP, AGAIN_MS * turn) == [(task(0), ALICE_KEY)]
    assert found.due(1, UP, AGAIN_MS * TRIES) == []
    assert len(found) == 0


def test_at_the_bound_all_are_kept_and_past_it_the_oldest_goes() -> None:
    found = missed(MOST)
    assert len(found) == MOST
    found.heard(task(MOST), BOB_KEY)
    assert len(found) == MOST
    assert found.take(task(0)) == ()
    assert found.take(task(MOST)) == (BOB_KEY,)


def test_a_task_that_was_never_missed_has_nobody_who_said_so() -> None:
    assert Missed().take(task(1)) == ()
