"""What a member that was away asks for next."""

from node.missed import AGAIN_MS, MOST, TRIES, Missed
from tests.harness.cast import ALICE, BOB, CAROL, MALLORY

ALICE_KEY, BOB_KEY, CAROL_KEY, MALLORY_KEY = (key.public for key in (ALICE, BOB, CAROL, MALLORY))
UP = [ALICE_KEY]
BOTH = [ALICE_KEY, BOB_KEY]
IDLE: dict[bytes, int] = {}


def task(number: int) -> bytes:
    return number.to_bytes(32)


def missed(count: int) -> Missed:
    found = Missed()
    for number in range(count):
        found.heard(task(number), ALICE_KEY)
    return found


def test_the_oldest_are_asked_for_first_and_no_more_than_there_is_room_for() -> None:
    found = missed(5)
    assert found.due(2, IDLE, UP, 0) == [(task(0), ALICE_KEY), (task(1), ALICE_KEY)]
    assert found.due(2, IDLE, UP, 1) == []
    assert found.due(3, IDLE, UP, 2) == [(task(2), ALICE_KEY)]


def test_what_has_come_makes_room_for_the_next() -> None:
    found = missed(3)
    found.due(1, IDLE, UP, 0)
    assert found.said(task(0)) == (ALICE_KEY,)
    found.found(task(0))
    assert found.said(task(0)) == ()
    assert found.due(1, IDLE, UP, 1) == [(task(1), ALICE_KEY)]


def test_what_is_still_read_up_on_takes_its_place() -> None:
    found = missed(3)
    assert found.due(2, {ALICE_KEY: 2}, UP, 0) == []
    assert found.due(2, {ALICE_KEY: 1}, UP, 0) == [(task(0), ALICE_KEY)]


def test_those_who_said_so_are_asked_in_turn() -> None:
    found = missed(1)
    found.heard(task(0), BOB_KEY)
    found.heard(task(0), BOB_KEY)
    asked = [found.due(2, IDLE, BOTH, AGAIN_MS * turn) for turn in range(3)]
    assert asked == [[(task(0), ALICE_KEY)], [(task(0), BOB_KEY)], [(task(0), ALICE_KEY)]]


def test_nobody_is_asked_again_before_it_had_time_to_answer() -> None:
    found = missed(1)
    found.due(1, IDLE, UP, 0)
    assert found.due(1, IDLE, UP, AGAIN_MS - 1) == []
    assert found.due(1, IDLE, UP, AGAIN_MS) == [(task(0), ALICE_KEY)]


def test_a_member_whose_link_is_down_is_not_asked() -> None:
    found = Missed()
    found.heard(task(0), CAROL_KEY)
    assert found.due(1, IDLE, UP, 0) == []
    assert found.due(1, IDLE, [CAROL_KEY], 1) == [(task(0), CAROL_KEY)]
    assert found.due(1, IDLE, [], 2) == []


def test_a_task_that_nobody_gives_is_let_go() -> None:
    found = missed(1)
    for turn in range(TRIES):
        assert found.due(1, IDLE, UP, AGAIN_MS * turn) == [(task(0), ALICE_KEY)]
    assert found.due(1, IDLE, UP, AGAIN_MS * TRIES) == []
    assert len(found) == 0


def test_a_members_claims_are_kept_up_to_the_bound_and_past_it_its_own_oldest_goes() -> None:
    found = missed(MOST)
    found.heard(task(0), BOB_KEY)
    found.heard(task(MOST), BOB_KEY)
    assert len(found) == MOST + 1
    found.heard(task(MOST + 1), ALICE_KEY)
    assert len(found) == MOST + 2
    assert found.said(task(0)) == (BOB_KEY,)
    found.heard(task(MOST + 2), ALICE_KEY)
    assert found.said(task(1)) == ()


def test_a_liar_keeps_nobody_from_reading_up_on_what_exists() -> None:
    found = Missed()
    for number in range(2 * MOST):
        found.heard(task(number), MALLORY_KEY)
    real = [task(3 * MOST + number) for number in range(9)]
    for one in real:
        found.heard(one, MALLORY_KEY)
        found.heard(one, ALICE_KEY)
    up = [MALLORY_KEY, ALICE_KEY]
    asked = found.due(8, IDLE, up, 0)
    assert [one for one, member in asked if member == ALICE_KEY] == real[:4]
    for one in real[:4]:
        found.found(one)
    again = found.due(8, {MALLORY_KEY: 99}, up, AGAIN_MS)
    assert again == [(one, ALICE_KEY) for one in real[4:8]]


def test_every_member_has_a_place_however_many_there_are() -> None:
    found = Missed()
    members = [number.to_bytes(32) for number in range(20)]
    for number, member in enumerate(members):
        found.heard(task(number), member)
    assert len(found.due(8, IDLE, members, 0)) == 20


def test_a_task_that_was_never_missed_has_nobody_who_said_so() -> None:
    found = Missed()
    found.found(task(1))
    assert found.said(task(1)) == ()
