"""The alarm on the few whom the others come to follow (P4)."""

from dataclasses import replace

import pytest

from consensus.plateau import Plateau
from consensus.plateau.sway import Sway, doubted
from consensus.policy import ONE, Policy
from consensus.tally import Weights
from tests.harness.plateaus import GREEN, RED, believing, judge
from tests.harness.tallies import ALICE, Round

POLICY = Policy(rounds=9, stops="")


def heard(of: Round, *scores: int) -> Round:
    """The round with these scores as authors; all weigh the same."""
    weights = Weights(scores=scores or (5_000,) * of.n, weights=(ONE,) * of.n)
    return replace(of, policy=POLICY, weights=weights)


def played(*rounds: Round) -> Plateau:
    found = None
    for of in rounds:
        found = judge(of, found)
    assert found is not None
    return found


ONE_OF_FIVE = believing(GREEN, RED, RED, RED, RED)
TWO = believing(GREEN, GREEN, RED, RED, RED)
THREE = believing(GREEN, GREEN, GREEN, RED, RED)
ALL = believing(GREEN, GREEN, GREEN, GREEN, GREEN)
GIVEN_IN = believing(RED, RED, RED, RED, RED)


def test_others_that_come_over_to_the_doubted_few_are_counted() -> None:
    low = (1_000, 5_000, 5_000, 5_000, 5_000)
    found = played(*(heard(of, *low) for of in (ONE_OF_FIVE, TWO, THREE)))
    assert found.sway == Sway(members=(ALICE,), answers=("green",), drawn=(0, 2_500, 5_000))
    assert found.sway.slope == 2_500
    assert found.sway.alarms(2_500)
    assert not found.sway.alarms(2_501)


def test_without_repute_the_authors_of_the_first_runner_up_are_watched() -> None:
    found = played(*(heard(of) for of in (ONE_OF_FIVE, TWO, ALL)))
    assert found.sway.members == (ALICE,)
    assert found.sway.drawn == (0, 2_500, ONE)
    # Two of five are more than may be faulty: nobody is watched.
    assert played(heard(TWO), heard(ALL)).sway == Sway(drawn=(0, 0))


def test_a_doubted_member_that_gives_in_raises_no_alarm() -> None:
    found = played(heard(ONE_OF_FIVE), heard(GIVEN_IN), heard(GIVEN_IN))
    assert (found.sway.drawn, found.sway.slope) == ((0, 0, 0), 0)


def test_an_answer_that_most_began_with_draws_nobody() -> None:
    low = (1_000, 5_000, 5_000, 5_000, 5_000)
    found = played(heard(THREE, *low), heard(ALL, *low))
    assert found.sway.drawn == (5_000, ONE)
    assert not found.sway.alarms(1)


def test_a_round_without_drafts_of_others_says_what_the_last_one_said() -> None:
    alone = replace(heard(ONE_OF_FIVE), candidates=ONE_OF_FIVE.candidates[:1])
    assert played(heard(ONE_OF_FIVE), heard(TWO), alone).sway.drawn == (0, 2_500, 2_500)


@pytest.mark.parametrize(
    ("scores", "watched"),
    [
        ((9_000, 1_000, 5_000, 2_000, 5_000), (1,)),
        ((4_000, 4_000, 5_000, 5_000, 5_000), (0,)),
        ((5_000, 5_000, 5_000, 9_000, 9_000), (0,)),
    ],
)
def test_the_lowest_scores_under_the_median_are_watched_or_else_the_runner_up(
    scores: tuple[int, ...], watched: tuple[int, ...]
) -> None:
    assert doubted(heard(ONE_OF_FIVE, *scores).tally(), 1) == watched


def test_a_single_round_has_no_slope() -> None:
    assert not played(heard(ONE_OF_FIVE)).sway.alarms(1)
