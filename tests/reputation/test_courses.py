"""What past tasks tell of rounds and of moves of the dials (P2, P3, R2b)."""

from dataclasses import replace
from random import Random

import pytest

from reputation import Book, FactError, Turn, moves, parse, trials
from reputation.facts import ARMS, MAX_ROUNDS
from tests.harness.ledgers import CLIENTS, verdict, word


def test_a_course_is_read_back_and_changes_nothing_where_there_is_none() -> None:
    plain, longer = verdict(), verdict(course="ba", played=((3, 1_200, 40),))
    assert parse(longer.body) == longer
    assert b"course" not in plain.body
    assert longer.id != plain.id


@pytest.mark.parametrize(
    "course",
    [
        (Turn(winner=0),),
        (Turn(winner=0),) * (MAX_ROUNDS + 1),
        (Turn(winner=2),) * 2,
        (Turn(winner=0, arm=ARMS),) * 2,
        (Turn(winner=0, reward=10_001),) * 2,
        (Turn(winner=0, cost=-1),) * 2,
    ],
)
def test_a_course_out_of_bounds_is_no_fact(course: tuple[Turn, ...]) -> None:
    with pytest.raises(FactError):
        replace(verdict(), course=course)
    replace(verdict(), course=(Turn(winner=1, arm=ARMS - 1),) * MAX_ROUNDS)


def test_moves_are_counted_over_tasks_in_any_order() -> None:
    facts = [
        verdict(0, course="aa", played=((2, 1_000, 50),)),
        verdict(1, course="aba", played=((2, 2_001, 90), (0, 300, 10))),
        verdict(2),
    ]
    found = moves(Book(facts).counted())
    assert found[:3] == (1, 300, 10)
    assert found[6:9] == (2, 1_501, 90)
    Random(3).shuffle(facts)
    assert moves(Book(facts).counted()) == found
    assert moves(Book().counted()) == (0,) * 3 * ARMS


def test_an_opener_past_its_share_of_a_day_teaches_no_moves() -> None:
    flood = [verdict(at, course="aa", played=((1, 10_000, 1),)) for at in range(70)]
    assert moves(Book(flood).counted())[3] == 64


def test_trials_count_drafts_comparisons_and_rounds_by_clients_words() -> None:
    facts = [
        verdict(0, "aaab-", winner="a", course="baa", judged={0: ((7_000, 5_000), (3_000, 5_000))}),
        verdict(1, "aabbb", winner="b"),
        verdict(2, "aabbb", winner="b"),
        word(0, right=True),
        word(1, right=False, answer="a"),
        word(2, right=False),
    ]
    found = trials(Book(facts).counted())
    assert found.drafts == (3 + 2, 4 + 5)
    assert found.judgments == (3_500, 5_000)
    assert found.rounds == ((0, 2), (1, 1), (1, 1))


def test_words_that_differ_teach_nothing() -> None:
    facts = [verdict(0), word(0), word(0, right=False, answer="b", client=CLIENTS[1])]
    assert trials(Book(facts).counted()).rounds == ()


def test_outcomes_stand_in_for_words_only_where_asked_for_and_sturdy() -> None:
    facts = [verdict(0, course="ba"), verdict(1, fragile=True), verdict(2, winner="")]
    assert trials(Book(facts).counted()).rounds == ()
    assert trials(Book(facts).counted(), outcomes=True).rounds == ((0, 1), (1, 1))
