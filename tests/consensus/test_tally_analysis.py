"""The NumPy solvers beside the exact one, a naive twin, choix and evalica (O2)."""

import choix
import evalica
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.tally import bradley_terry
from consensus.tally.analysis import (
    Listed,
    Matrix,
    NoMaximumError,
    best_probabilities,
    covariance,
    solve,
    solve_batch,
    solve_ties,
    standard_errors,
    wins,
)
from consensus.tally.analysis import newman as newman_module
from consensus.tally.contests import Contest
from consensus.tally.davidson import fit_davidson
from tests.harness.contests import contests

Wins = np.ndarray


@st.composite
def graphs(draw: st.DrawFn, *, least: int = 0, most: int = 6) -> Wins:
    """Wins of up to `most` items, many of them zero."""
    count = draw(st.integers(least, most))
    cells = st.one_of(st.just(0.0), st.floats(0.01, 20.0), st.sampled_from([0.5, 1.0, 5.0]))
    found = np.array([[draw(cells) for _ in range(count)] for _ in range(count)])
    found = found.reshape(count, count)
    np.fill_diagonal(found, 0.0)
    return found


def listed(w: Wins) -> Listed:
    """The same wins as a list, each split into two comparisons."""
    won, lost = np.nonzero(w)
    half = 0.5 * w[won, lost]
    return Listed(np.r_[won, won], np.r_[lost, lost], np.r_[half, half], len(w))


def league(items: int, games: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Winners and losers of games between items of normal log-strengths, each beaten once in a
    ring, so that the graph is strongly connected."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.0, 1.0, items)
    one = rng.integers(0, items, games)
    other = (one + rng.integers(1, items, games)) % items
    ahead = rng.random(games) < 1.0 / (1.0 + np.exp(truth[other] - truth[one]))
    ring = np.arange(items)
    return (
        np.r_[np.where(ahead, one, other), ring],
        np.r_[np.where(ahead, other, one), (ring + 1) % items],
    )


def naive(w: Wins, prior: float) -> Wins:
    """Newman's iteration an item at a time, as the paper has it."""
    p = np.ones(len(w))
    for _ in range(5_000):
        before = p.copy()
        for i in range(len(w)):
            above = below = 0.5 * prior / (p[i] + 1.0)
            for j in range(len(w)):
                if i != j:
                    above += w[i, j] * p[j] / (p[i] + p[j])
                    below += w[j, i] / (p[i] + p[j])
            p[i] = above / below
        if np.abs(np.log(p / before)).max(initial=0.0) < 1e-13:
            break
    logs = np.log(p)
    return logs if prior else logs - logs.mean()


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from([1.0, 0.1, 20.0]), st.booleans())
def test_both_forms_agree_with_the_exact_solver(w: Wins, prior: float, sweep: bool) -> None:
    exact = bradley_terry.fit(w.tolist(), prior)
    with pytest.MonkeyPatch.context() as patch:
        if sweep:  # as large graphs are
            patch.setattr(newman_module, "FEW", 0)
        for given_ in (Matrix(w), listed(w)):
            found = solve(given_, prior=prior)
            assert found.converged
            assert found.log_strengths == pytest.approx(np.log(exact.strengths), abs=1e-9)
            assert standard_errors(given_, found.log_strengths, prior=prior) == pytest.approx(
                bradley_terry.standard_errors(w.tolist(), prior, exact.strengths), rel=1e-6
            )


@settings(max_examples=15, deadline=None)
@given(graphs(most=5))
def test_it_agrees_with_newmans_iteration_an_item_at_a_time(w: Wins) -> None:
    assert solve(Matrix(w)).log_strengths == pytest.approx(naive(w, 1.0), abs=1e-9)


@pytest.mark.parametrize(("items", "games"), [(8, 200), (40, 2_000), (150, 1_500)])
def test_without_a_prior_it_agrees_with_choix_and_evalica(items: int, games: int) -> None:
    winners, losers = league(items, games, seed=items)
    given_ = wins(winners, losers, items)
    assert isinstance(given_, Matrix)
    found = solve(given_, prior=0.0)
    assert found.converged
    other = choix.ilsr_pairwise_dense(given_.w, tol=1e-10)
    assert found.log_strengths == pytest.approx(other - other.mean(), abs=1e-6)
    scores = evalica.bradley_terry(
        winners.tolist(),
        losers.tolist(),
        [evalica.Winner.X] * len(winners),
        index=pd.Index(range(items)),
        tolerance=1e-12,
        limit=10_000,
    ).scores.sort_index()
    logs = np.log(scores.to_numpy())
    assert found.log_strengths == pytest.approx(logs - logs.mean(), abs=1e-6)
    again = solve(listed(given_.w), prior=0.0)
    assert again.log_strengths == pytest.approx(found.log_strengths, abs=1e-10)


def test_a_large_sparse_graph_is_kept_as_a_list_and_solved() -> None:
    winners, losers = league(2_000, 20_000, seed=5)
    given_ = wins(winners, losers, 2_000)
    assert isinstance(given_, Listed)
    found = solve(given_, prior=0.0)
    assert found.converged
    assert found.steps == 0
    p = np.exp(found.log_strengths)
    above, below = given_.sweep(p)
    assert above == pytest.approx(p * below, rel=1e-9)  # every score equation holds


def test_a_long_ring_is_left_to_newtons_method_in_both_forms() -> None:
    """Strengths travel one item a sweep around a ring, so sweeps alone would take thousands."""
    rng = np.random.default_rng(3)
    ring = np.arange(150)
    won, lost = np.r_[ring, (ring + 1) % 150], np.r_[(ring + 1) % 150, ring]
    weights = rng.uniform(0.5, 2.0, 300)
    as_matrix = solve(wins(won, lost, 150, weights), prior=0.0)
    as_list = solve(Listed(won, lost, weights, 150), prior=0.0)
    assert as_matrix.converged
    assert as_list.converged
    assert as_matrix.steps > 0
    assert as_list.log_strengths == pytest.approx(as_matrix.log_strengths, abs=1e-9)


def test_every_graph_has_a_result_with_a_prior() -> None:
    assert solve(Matrix(np.zeros((0, 0)))).log_strengths.tolist() == []
    assert solve(Matrix(np.zeros((30, 30)))).log_strengths == pytest.approx(np.zeros(30))
    one_sided = np.zeros((40, 40))
    one_sided[:20, 20:] = 1.0
    apart = np.zeros((40, 40))
    apart[0, 1] = apart[1, 0] = apart[20, 21] = 2.0
    for w in (one_sided, apart):
        exact = np.log(bradley_terry.fit(w.tolist(), 0.01).strengths)
        for given_ in (Matrix(w), listed(w)):
            found = solve(given_, prior=0.01)
            assert found.converged
            assert found.log_strengths == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize(
    ("w", "missing"),
    [
        ([[0, 0], [0, 0]], 1),  # empty
        ([[0, 3], [0, 0]], 1),  # one-sided
        ([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], 2),  # disconnected
    ],
)
def test_without_a_prior_a_graph_without_a_maximum_is_refused(
    w: list[list[int]], missing: int
) -> None:
    cells = np.array(w, dtype=float)
    for given_ in (Matrix(cells), listed(cells)):
        with pytest.raises(NoMaximumError, match=f"^{missing} of {len(w)} items .* give a prior"):
            solve(given_, prior=0.0)
    batch = solve_batch(np.array([cells, 1.0 - np.eye(len(w))]), prior=0.0)
    assert batch.converged.tolist() == [False, True]
    assert np.isnan(batch.log_strengths[0]).all()
    assert batch.log_strengths[1] == pytest.approx(np.zeros(len(w)))


def test_nothing_or_one_item_alone_needs_no_prior() -> None:
    for items in (0, 1):
        found = solve(Matrix(np.zeros((items, items))), prior=0.0)
        assert (found.log_strengths.tolist(), found.converged) == ([0.0] * items, True)
        assert solve_batch(np.zeros((2, items, items)), prior=0.0).converged.all()


@settings(max_examples=30, deadline=None)
@given(st.lists(graphs(least=4, most=4), max_size=6), st.sampled_from([1.0, 0.1, 0.0]))
def test_a_batch_is_its_problems_one_by_one(problems: list[Wins], prior: float) -> None:
    found = solve_batch(np.array(problems).reshape(len(problems), 4, 4), prior=prior)
    for w, logs, rested in zip(problems, found.log_strengths, found.converged, strict=True):
        try:
            alone = solve(Matrix(w), prior=prior)
        except NoMaximumError:
            assert not rested
        else:
            assert rested
            assert logs == pytest.approx(alone.log_strengths, abs=1e-9)


def test_a_batch_is_solved_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    w = rng.integers(0, 5, (50, 5, 5)).astype(float) * (1.0 - np.eye(5))
    whole = solve_batch(w).log_strengths
    monkeypatch.setattr("consensus.tally.analysis.batch.TOGETHER", 25 * 7)
    assert solve_batch(w).log_strengths == pytest.approx(whole, abs=1e-12)


def to_matrices(count: int, given_: tuple[Contest, ...]) -> tuple[Wins, Wins, Wins]:
    won, lost, tied = np.zeros((3, count, count))
    for item in given_:
        won[item.first, item.second] += item.won
        lost[item.first, item.second] += item.lost
        tied[item.first, item.second] += item.tied
    return won, lost, tied


@settings(max_examples=40, deadline=None)
@given(contests(), st.sampled_from([1.0, 0.25]), st.booleans())
def test_ties_and_position_agree_with_the_exact_solver(
    given_: tuple[int, tuple[Contest, ...]], prior: float, position: bool
) -> None:
    count, every = given_
    exact = fit_davidson(every, count, prior, ties=True, position=position)
    found = solve_ties(*to_matrices(count, every), prior=prior, position=position)
    assert found.converged
    assert found.log_strengths == pytest.approx(np.log(exact.strengths), abs=1e-9)
    assert (found.log_tie, found.log_place) == pytest.approx(
        (np.log(exact.tie), np.log(exact.place)), abs=1e-9
    )
    assert found.information == pytest.approx(np.array(exact.information), rel=1e-6, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(contests(ties=False))
def test_a_position_term_without_ties_agrees_too(
    given_: tuple[int, tuple[Contest, ...]],
) -> None:
    count, every = given_
    exact = fit_davidson(every, count, 1.0, ties=False, position=True)
    won, lost, _ = to_matrices(count, every)
    found = solve_ties(won, lost, position=True)
    assert found.log_tie == -np.inf
    assert found.log_strengths == pytest.approx(np.log(exact.strengths), abs=1e-9)
    assert found.log_place == pytest.approx(np.log(exact.place), abs=1e-9)


def test_without_a_prior_errors_are_of_deviations_from_the_mean() -> None:
    w = np.array([[0.0, 3.0, 2.0], [1.0, 0.0, 4.0], [2.0, 2.0, 0.0]])
    logs = solve(Matrix(w), prior=0.0).log_strengths
    spread = covariance(Matrix(w), logs, prior=0.0)
    twin = np.linalg.pinv(Matrix(w).information(np.exp(logs)))
    assert spread == pytest.approx(twin, abs=1e-12)
    assert spread.sum(0) == pytest.approx(np.zeros(3), abs=1e-12)


def test_the_chance_of_being_best_of_two_is_the_normal_distributions() -> None:
    # The difference of two independent standard normals, 1 apart: Phi(1 / sqrt 2) = 0.76025.
    chances = best_probabilities(
        np.array([1.0, 0.0]), np.eye(2), np.random.default_rng(7), draws=200_000
    )
    assert chances.sum() == pytest.approx(1.0)
    assert chances[0] == pytest.approx(0.76025, abs=0.005)


def test_the_chance_of_being_best_follows_from_the_generator_alone() -> None:
    spread = np.array([[0.0, 0.0], [0.0, 0.0]])  # known exactly: no draw can change it
    sure = best_probabilities(np.array([0.1, 0.0]), spread, np.random.default_rng(1), draws=10)
    assert sure.tolist() == [1.0, 0.0]
    one, other = (
        best_probabilities(np.zeros(4), np.eye(4), np.random.default_rng(5), draws=1_000)
        for _ in range(2)
    )
    assert one.tolist() == other.tolist()
    assert best_probabilities(np.zeros(0), np.zeros((0, 0)), np.random.default_rng(1)).size == 0


def test_steps_that_run_out_are_owned_up_to(monkeypatch: pytest.MonkeyPatch) -> None:
    w = np.array([[0.0, 50.0], [0.0, 0.0]])
    monkeypatch.setattr(newman_module, "STEPS", 1)
    monkeypatch.setattr("consensus.tally.analysis.batch.STEPS", 1)
    assert not solve(Matrix(w), prior=0.001).converged
    assert not solve_batch(w[None], prior=0.001).converged.any()


@pytest.mark.parametrize(
    ("winners", "losers", "weights", "said"),
    [
        ([0, 1], [1], None, "vectors of one length"),
        ([0], [1], [1.0, 2.0], "vectors of one length"),
        ([0], [3], None, r"outside 0\.\.2"),
        ([-1], [1], None, r"outside 0\.\.2"),
        ([1], [1], None, "compared with itself"),
        ([0], [1], [-1.0], "negative or not finite"),
        ([0], [1], [float("nan")], "negative or not finite"),
    ],
)
def test_comparisons_that_make_no_sense_are_refused(
    winners: list[int], losers: list[int], weights: list[float] | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        wins(winners, losers, 3, weights)


@pytest.mark.parametrize(
    "w", [np.zeros((2, 3)), np.eye(2), -np.ones((2, 2)), np.full((2, 2), np.inf)]
)
def test_matrices_that_make_no_sense_are_refused(w: Wins) -> None:
    with pytest.raises(ValueError, match=r"square|itself|negative|shape"):
        Matrix(w)
    with pytest.raises(ValueError, match=r"itself|negative|shape"):
        solve_batch(w[None])
    with pytest.raises(ValueError, match=r"square|itself|negative"):
        solve_ties(w, w)


@pytest.mark.parametrize("prior", [-1.0, float("nan"), float("inf")])
def test_a_prior_that_makes_no_sense_is_refused(prior: float) -> None:
    w = np.zeros((2, 2))
    for call in (
        lambda: solve(Matrix(w), prior=prior),
        lambda: solve_batch(w[None], prior=prior),
        lambda: solve_ties(w, w, prior=prior),
    ):
        with pytest.raises(ValueError, match="a prior of"):
            call()
