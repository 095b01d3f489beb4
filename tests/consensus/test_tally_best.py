"""The chance of each class of a round to be the strongest: drawn, shown, never signed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from consensus.bodies import AnswerKind, AnswerSpec, Preference
from consensus.policy import Policy
from consensus.tally import bradley_terry
from consensus.tally.analysis import best_of, best_probabilities
from tests.harness.tallies import Round, ballot, candidate, rounds

SPEC = AnswerSpec(kind=AnswerKind.CHOICE, options=("A", "B", "C"))
WORD = Preference.FIRST
MODELS = (
    Policy(),
    Policy(ties="davidson"),
    Policy(ties="davidson", position="fitted", judges="discerning"),
    Policy(strengths_over="candidates"),
)


def round_of(answers: str, *said: tuple[int, int, int], policy: Policy | None = None) -> Round:
    """Members with these answers; in each `said` a voter prefers one member's to another's."""
    candidates = tuple(candidate(at, letter) for at, letter in enumerate(answers))
    by: dict[int, list[tuple[int, int, Preference, int]]] = {}
    for voter, one, other in said:
        by.setdefault(voter, []).append((one, other, WORD, 10_000))
    ballots = tuple(ballot(voter, candidates, words) for voter, words in sorted(by.items()))
    return Round(
        spec=SPEC,
        n=len(answers),
        candidates=candidates,
        ballots=ballots,
        policy=policy or Policy(),
        seed=b"seed",
    )


@settings(max_examples=15)
@given(rounds(least=2, most=4))
def test_chances_are_of_all_classes_and_sum_to_one(of: Round) -> None:
    for policy in MODELS:
        count = of.count(policy=policy)
        found = best_of(count, b"id", draws=500)
        assert found is not None
        assert len(found) == len(count.classes.items)
        assert sum(found) == pytest.approx(1.0 if found else 0.0)
        assert found == best_of(count, b"id", draws=500)


@pytest.mark.parametrize("policy", MODELS)
def test_classes_that_nobody_compared_have_the_same_chance(policy: Policy) -> None:
    found = best_of(round_of("ABC", policy=policy).count(), b"id", draws=20_000)
    assert found == pytest.approx([1 / 3] * 3, abs=0.02)


def test_a_class_that_nobody_compared_is_as_unsure_as_the_prior() -> None:
    # A and B were compared once, C never: a normal of the fit's two, and one of four square nats.
    count = round_of("ABC", (2, 0, 1)).count()
    spread = np.asarray(count.covariance)
    assert spread[2].tolist() == pytest.approx([0.0, 0.0, 4.0], abs=1e-12)
    draws = np.random.default_rng(3).multivariate_normal(
        np.log(count.fit.strengths), spread, size=50_000
    )
    twin = np.bincount(draws.argmax(1), minlength=3) / 50_000
    assert best_of(count, b"id") == pytest.approx(twin, abs=0.01)


def test_equal_answers_are_drawn_together_where_strengths_are_over_candidates() -> None:
    # Independent standard log-normals: P(e^x + e^y > e^z), against a plain twin.
    found = best_probabilities(
        np.zeros(3), np.eye(3), np.random.default_rng(5), groups=((0, 2), (1,))
    )
    drawn = np.exp(np.random.default_rng(6).standard_normal((100_000, 3)))
    twin = float((drawn[:, 0] + drawn[:, 2] > drawn[:, 1]).mean())
    assert found.tolist() == pytest.approx([twin, 1 - twin], abs=0.01)
    policy = Policy(strengths_over="candidates")
    both = best_of(round_of("AAB", policy=policy).count(), b"id")
    alone = best_of(round_of("AAB").count(), b"id")
    assert both is not None
    assert alone is not None
    assert both[0] > 0.6 > alone[0]


def test_chances_are_in_the_order_of_the_classes() -> None:
    # Candidates are fitted by id, classes stand by option: groups put them in order again.
    said = [(voter, 0, 1) for voter in (1, 2)] + [(voter, 0, 2) for voter in (1, 2)]
    for policy in MODELS:
        found = best_of(round_of("CAB", *said, policy=policy).count(), b"id", draws=5_000)
        assert found is not None
        assert max(found) == found[2]  # "C", whom everybody prefers


def test_a_fit_that_came_to_no_rest_has_no_chances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bradley_terry, "STEPS", 1)
    assert best_of(round_of("AB", (1, 0, 1), (0, 0, 1)).count(), b"id") is None


def test_the_chance_of_one_class_is_one_and_of_none_nothing() -> None:
    assert best_of(round_of("AA").count(), b"id", draws=10) == (1.0,)
    nothing = replace(round_of("AA"), candidates=()).count()
    assert best_of(nothing, b"id") == ()


def test_the_covariance_has_the_signed_errors_on_its_diagonal() -> None:
    count = round_of("ABC", (2, 0, 1), (0, 1, 2), (1, 0, 2)).count()
    errors = [10_000 * math.sqrt(row[at]) for at, row in enumerate(count.covariance)]
    assert list(count.errors) == pytest.approx(errors, abs=0.5)
