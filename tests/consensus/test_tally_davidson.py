"""Ties as outcomes of their own, and what the first place adds (Davidson 1970; O2)."""

from collections.abc import Callable
from dataclasses import replace
from math import log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.tally.bradley_terry import fit, standard_errors
from consensus.tally.contests import Contest
from consensus.tally.davidson import DavidsonFit, fit_davidson
from consensus.tally.linear import errors
from tests.harness.contests import contests, height

priors = st.sampled_from([1.0, 0.25, 3.0])


def met(first: int, second: int, won: float, tied: float, lost: float) -> Contest:
    return Contest(judge=0, first=first, second=second, won=won, tied=tied, lost=lost)


def is_highest(at: list[float], of: Callable[[list[float]], float]) -> bool:
    """Whether no small step in any parameter climbs."""
    top = of(at)
    steps = [(place, far) for place in range(len(at)) for far in (1e-4, -1e-4)]
    return all(
        of([value + far * (place == other) for other, value in enumerate(at)]) <= top + 1e-12
        for place, far in steps
    )


@settings(max_examples=40)
@given(contests(), priors, st.booleans())
def test_the_fit_is_the_highest_point_of_davidsons_likelihood(
    given_: tuple[int, tuple[Contest, ...]], prior: float, position: bool
) -> None:
    count, said = given_
    found = fit_davidson(said, count, prior, ties=True, position=position)
    assert found.converged

    def of(at: list[float]) -> float:
        place = at[count + 1] if position else None
        return height(said, at[:count], prior, eta=at[count], place=place)

    at = [*map(log, found.strengths), log(found.tie)] + [log(found.place)] * position
    assert is_highest(at, of)


@settings(max_examples=40)
@given(contests(ties=False), priors)
def test_the_fit_with_a_position_term_is_the_highest_point_of_its_likelihood(
    given_: tuple[int, tuple[Contest, ...]], prior: float
) -> None:
    count, said = given_
    found = fit_davidson(said, count, prior, ties=False, position=True)
    assert found.converged
    assert found.tie == 0.0
    at = [*map(log, found.strengths), log(found.place)]
    assert is_highest(at, lambda at: height(said, at[:count], prior, place=at[count]))


@settings(max_examples=40)
@given(contests(ties=False), priors)
def test_without_ties_and_position_it_is_plain_bradley_terry(
    given_: tuple[int, tuple[Contest, ...]], prior: float
) -> None:
    count, said = given_
    wins = [[0.0] * count for _ in range(count)]
    for item in said:
        wins[item.first][item.second] += item.won
        wins[item.second][item.first] += item.lost
    found, plain = fit_davidson(said, count, prior, ties=False, position=False), fit(wins, prior)
    assert found.strengths == pytest.approx(plain.strengths, rel=1e-12)
    alone = [[at] for at in range(count)]
    assert errors(found.information, found.strengths, alone) == pytest.approx(
        standard_errors(wins, prior, plain.strengths), rel=1e-9
    )


@settings(max_examples=40)
@given(contests(), priors, st.randoms(use_true_random=False))
def test_the_order_of_contests_does_not_show(
    given_: tuple[int, tuple[Contest, ...]], prior: float, random: object
) -> None:
    count, said = given_
    other = list(said)
    random.shuffle(other)  # type: ignore[attr-defined]
    one = fit_davidson(said, count, prior, ties=True, position=True)
    assert fit_davidson(other, count, prior, ties=True, position=True) == one


def test_nothing_said_leaves_the_prior() -> None:
    found = fit_davidson((), 2, 1.0, ties=True, position=True)
    assert found == DavidsonFit(
        strengths=(1.0, 1.0),
        tie=pytest.approx(1.0),  # a third of all
        place=pytest.approx(1.0),
        information=found.information,
        converged=True,
    )
    assert errors(found.information, found.strengths, [[0]]) == (2.0,)


def test_ties_alone_make_equals_and_a_large_tie_parameter() -> None:
    found = fit_davidson([met(0, 1, 0.0, 10.0, 0.0)], 2, 1.0, ties=True, position=False)
    assert found.strengths == (1.0, 1.0)
    # ten ties and a third of one to two thirds of others: nu / (nu + 2) = (31/3) / 11
    assert found.tie / (found.tie + 2.0) == pytest.approx(31.0 / 33.0)


def test_many_ties_draw_strengths_together_only_where_they_are_half_wins() -> None:
    """Seven wins, one loss, and eight ties: as half wins they say 11 to 5; as Davidson's the
    odds among decided comparisons stay near 7 to 1, as ties are likelier between equals."""
    said = [met(0, 1, 7.0, 8.0, 1.0)]
    davidson = fit_davidson(said, 2, 1e-3, ties=True, position=False).strengths
    half = fit([[0.0, 11.0], [5.0, 0.0]], 1e-3).strengths
    assert davidson[0] / davidson[1] == pytest.approx(7.0, rel=1e-3)
    assert half[0] / half[1] == pytest.approx(11.0 / 5.0, rel=1e-3)


def test_a_judge_of_both_orders_who_always_says_first_moves_no_class() -> None:
    said = [met(0, 1, 1.0, 0.0, 0.0), met(1, 0, 1.0, 0.0, 0.0)]
    found = fit_davidson(said, 2, 1.0, ties=False, position=True)
    assert found.strengths == pytest.approx((1.0, 1.0))
    # two firsts and half of one to half of another by the ghost: gamma = 2.5 / 0.5
    assert found.place == pytest.approx(5.0)


def test_a_habit_of_the_first_place_is_taken_out_of_what_was_asked_in_one_order() -> None:
    """Thirty pairs show that first wins; one class was always shown first and won as the rest."""
    habit = [met(first, 1 - first, 9.0, 0.0, 1.0) for first in (0, 1)] * 3
    said = [*habit, met(2, 3, 9.0, 0.0, 1.0)]
    fitted = fit_davidson(said, 4, 0.1, ties=False, position=True).strengths
    ignored = fit_davidson(said, 4, 0.1, ties=False, position=False).strengths
    assert ignored[2] / ignored[3] > 4.0
    assert fitted[2] / fitted[3] == pytest.approx(1.0, abs=0.1)


@settings(max_examples=40)
@given(contests(), priors)
def test_turning_every_order_turns_the_place_and_nothing_else(
    given_: tuple[int, tuple[Contest, ...]], prior: float
) -> None:
    count, said = given_
    turned = [
        replace(item, first=item.second, second=item.first, won=item.won, lost=item.lost)
        for item in said
    ]
    # the same class wins in the other place
    turned = [replace(item, won=item.lost, lost=item.won) for item in turned]
    one = fit_davidson(said, count, prior, ties=True, position=True)
    other = fit_davidson(turned, count, prior, ties=True, position=True)
    assert other.strengths == pytest.approx(one.strengths, rel=1e-9)
    assert other.tie == pytest.approx(one.tie, rel=1e-9)
    assert other.place == pytest.approx(1.0 / one.place, rel=1e-9)


def test_what_is_fitted_beside_strengths_makes_their_errors_larger() -> None:
    said = [met(0, 1, 4.0, 0.0, 2.0), met(1, 2, 3.0, 0.0, 2.0)]
    alone = [[at] for at in range(3)]
    without = fit_davidson(said, 3, 1.0, ties=False, position=False)
    with_ = fit_davidson(said, 3, 1.0, ties=False, position=True)
    small = errors(without.information, without.strengths, alone)
    large = errors(with_.information, with_.strengths, alone)
    assert large[0] > small[0]
    assert small[0] < sqrt(4.0)


def test_steps_that_run_out_are_owned_up_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consensus.tally.davidson.STEPS", 2)
    found = fit_davidson([met(0, 1, 50.0, 0.0, 0.0)], 2, 0.001, ties=True, position=True)
    assert not found.converged
    assert all(strength > 0 for strength in found.strengths)
