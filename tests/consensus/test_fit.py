"""The fit of the efficiency-fatigue curve (P2)."""

import math
from random import Random

import pytest

from consensus.exact import GRID
from consensus.plateau.efficiency import Curve
from consensus.plateau.fit import LEAST_TASKS, TooFewError, fit
from consensus.policy import ONE, Policy

TRUE = Curve(generate=5_500, verify=8_000, rate=240, fatigue=8_000)


def counts(curve: Curve, tasks: int, rounds: int, seed: int | None = None) -> list[tuple[int, int]]:
    """Winners after each round, as the curve has them, or drawn by it."""
    rng = None if seed is None else Random(seed)
    found = []
    for t in range(1, rounds + 1):
        chance = curve.utility(t) / GRID
        right = (
            round(chance * tasks)
            if rng is None
            else sum(rng.random() < chance for _ in range(tasks))
        )
        found.append((right, tasks))
    return found


def test_a_curve_is_found_again_from_its_own_shares() -> None:
    tasks = 1_000_000
    found = fit(
        (5_500 * 100, 1_000_000), (8_000 * ONE * 100, ONE * 1_000_000), counts(TRUE, tasks, 5)
    )
    assert (found.generate, found.verify) == (TRUE.generate, TRUE.verify)
    assert found.rate == pytest.approx(TRUE.rate, abs=4)
    assert found.fatigue == pytest.approx(TRUE.fatigue, abs=100)


@pytest.mark.parametrize("seed", range(3))
def test_from_draws_the_shares_are_met_within_their_noise(seed: int) -> None:
    tasks = 400
    found = fit((1_100, 2_000), (1_600 * ONE, 2_000 * ONE), counts(TRUE, tasks, 5, seed))
    for t in range(1, 6):
        chance = TRUE.utility(t) / GRID
        noise = 3 * math.sqrt(chance * (1 - chance) / tasks)
        assert found.utility(t) / GRID == pytest.approx(chance, abs=noise)


def test_whatever_is_counted_the_fit_is_a_policys() -> None:
    rng = Random(5)
    for _ in range(40):
        rounds = [(rng.randint(0, whole), whole) for whole in (90, 60, rng.randint(1, 40))]
        drafts, judged = (rng.randint(0, 300), 300), (rng.randint(0, 200) * ONE, 200 * ONE)
        found = fit(drafts, judged, rounds)
        Policy(
            curve_generate=found.generate,
            curve_verify=found.verify,
            curve_rate=found.rate,
            curve_fatigue=found.fatigue,
        )


def test_judges_that_know_less_than_authors_are_given_a_lead() -> None:
    found = fit((200, 300), (ONE * 10, ONE * 100), [(60, 90), (70, 90)])
    assert found.verify == found.generate + 1_000


@pytest.mark.parametrize("rounds", [[], [(500, 900)], [(50, 90), (20, LEAST_TASKS - 1)]])
def test_a_short_history_is_refused(rounds: list[tuple[int, int]]) -> None:
    with pytest.raises(TooFewError, match="tasks of more than one round"):
        fit((1, 2), (0, 0), rounds)
    fit((1, 2), (0, 0), [(50, 90), (20, LEAST_TASKS)])
