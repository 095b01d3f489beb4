"""Bradley-Terry with a ghost: one finite maximum for any graph of comparisons (O2)."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.tally.bradley_terry import Fit, fit, standard_errors

wins_of_one = st.one_of(st.just(0.0), st.floats(0.0, 20.0), st.sampled_from([0.5, 1.0, 5.0]))


@st.composite
def graphs(draw: st.DrawFn, most: int = 5) -> list[list[float]]:
    """Wins of up to `most` classes, many of them zero."""
    count = draw(st.integers(0, most))
    return [[0.0 if i == j else draw(wins_of_one) for j in range(count)] for i in range(count)]


def slope(wins: list[list[float]], prior: float, found: Fit, of: int) -> float:
    """The score equation of one class, exactly."""
    mine = Fraction(found.strengths[of])
    half = Fraction(prior) / 2
    total = half - 2 * half * mine / (mine + 1)
    for other in range(len(wins)):
        if other != of:
            theirs = Fraction(found.strengths[other])
            won, lost = Fraction(wins[of][other]), Fraction(wins[other][of])
            total += won - (won + lost) * mine / (mine + theirs)
    return float(total)


def naive_fit(wins: list[list[float]], prior: float) -> list[Decimal]:
    """Zermelo's (1929) iteration in decimals, the ghost as one class more."""
    with localcontext(prec=40):
        count = len(wins)
        half = Decimal(prior) / 2
        table = [[Decimal(cell) for cell in row] + [half] for row in wins]
        table.append([half] * count + [Decimal(0)])
        strengths = [Decimal(1)] * (count + 1)
        for _ in range(20_000):
            before = strengths
            strengths = [
                sum((table[i][j] for j in range(count + 1) if j != i), Decimal(0))
                / sum(
                    (
                        (table[i][j] + table[j][i]) / (before[i] + before[j])
                        for j in range(count + 1)
                        if j != i
                    ),
                    Decimal(0),
                )
                for i in range(count + 1)
            ]
            strengths = [strength / strengths[-1] for strength in strengths]
            moved = (abs(new / old - 1) for new, old in zip(strengths, before, strict=True))
            if max(moved) < Decimal("1e-18"):
                break
        return strengths[:-1]


@given(graphs(), st.sampled_from([0.001, 0.1, 1.0, 100.0]))
def test_the_fit_is_the_maximum_of_a_concave_likelihood(
    wins: list[list[float]], prior: float
) -> None:
    found = fit(wins, prior)
    assert found.converged
    for of in range(len(wins)):
        assert slope(wins, prior, found, of) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    "wins",
    [
        [[0.0, 3.0], [1.0, 0.0]],
        [[0.0, 5.0, 4.0], [0.0, 0.0, 2.5], [1.0, 2.5, 0.0]],
        [[0.0, 2.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 0.0]],
    ],
)
def test_the_fit_agrees_with_zermelos_iteration(wins: list[list[float]]) -> None:
    twin = [float(strength) for strength in naive_fit(wins, 1.0)]
    assert fit(wins, 1.0).strengths == pytest.approx(twin, rel=1e-12)


def test_no_comparisons_leave_every_class_with_the_ghost() -> None:
    assert fit([], 1.0) == Fit(strengths=(), converged=True)
    assert fit([[0.0]], 1.0) == Fit(strengths=(1.0,), converged=True)
    assert fit([[0.0] * 3] * 3, 0.001).strengths == (1.0, 1.0, 1.0)


def test_one_win_against_the_ghost_has_a_closed_form() -> None:
    # Two classes, n wins to none, prior a: s = 1 / s' and n / (1 + s^2) = a/2 (s - 1) / (s + 1).
    found = fit([[0.0, 4.0], [0.0, 0.0]], 1.0)
    strong, weak = found.strengths
    assert strong * weak == pytest.approx(1.0)
    assert 4 / (1 + strong * strong) == pytest.approx(0.5 * (strong - 1) / (strong + 1))


def test_a_one_sided_graph_has_finite_strengths_that_the_prior_bounds() -> None:
    wins = [[0.0, 9.0], [0.0, 0.0]]
    strong = [fit(wins, prior).strengths[0] for prior in (100.0, 1.0, 0.001)]
    assert strong == sorted(strong)
    assert strong[-1] < 1e6


def test_a_class_that_nobody_compared_stands_between_winner_and_loser() -> None:
    strong, weak, unknown = fit([[0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], 1.0).strengths
    assert unknown == 1.0
    assert weak < unknown < strong


def test_mirrored_wins_give_reciprocal_strengths() -> None:
    one, other = fit([[0.0, 3.0], [1.0, 0.0]], 1.0).strengths
    assert fit([[0.0, 1.0], [3.0, 0.0]], 1.0).strengths == pytest.approx((other, one))


def test_standard_errors_are_those_of_the_inverse_information() -> None:
    wins = [[0.0, 3.0], [1.0, 0.0]]
    found = fit(wins, 1.0)
    one, other = found.strengths
    bend = 4 * one * other / (one + other) ** 2
    ghosts = [strength / (1 + strength) ** 2 for strength in (one, other)]
    a, b, c = bend + ghosts[0], -bend, bend + ghosts[1]
    determinant = a * c - b * b
    assert standard_errors(wins, 1.0, found.strengths) == pytest.approx(
        (sqrt(c / determinant), sqrt(a / determinant))
    )


def test_without_comparisons_the_prior_alone_sets_the_error() -> None:
    assert standard_errors([[0.0]], 1.0, (1.0,)) == (2.0,)
    assert standard_errors([], 1.0, ()) == ()


@given(graphs(), st.integers(1, 4))
def test_more_of_the_same_comparisons_make_errors_smaller(
    wins: list[list[float]], times: int
) -> None:
    def errors(of: list[list[float]]) -> tuple[float, ...]:
        return standard_errors(of, 1.0, (1.0,) * len(of))

    more = [[cell * times for cell in row] for row in wins]
    pairs = zip(errors(more), errors(wins), strict=True)
    assert all(new <= old * (1 + 1e-9) for new, old in pairs)


def test_steps_that_run_out_are_owned_up_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consensus.tally.bradley_terry.STEPS", 2)
    found = fit([[0.0, 50.0], [0.0, 0.0]], 0.001)
    assert not found.converged
    assert all(strength > 0 for strength in found.strengths)


def test_the_error_of_a_sum_is_by_the_delta_method() -> None:
    # Nobody was compared: independent ghosts, each with a variance of 4 nats squared.
    (error,) = standard_errors([[0.0, 0.0], [0.0, 0.0]], 1.0, (1.0, 1.0), [[0, 1]])
    assert error == pytest.approx(sqrt(0.5 * 0.5 * 4 * 2))
