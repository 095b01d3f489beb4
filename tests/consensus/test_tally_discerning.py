"""Judges that tell classes apart more or less well, found out together with the classes (O2)."""

from math import log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.tally import discerning
from consensus.tally.contests import Contest
from consensus.tally.davidson import fit_davidson
from consensus.tally.discerning import STEADY, fit_discerning
from consensus.tally.linear import errors
from tests.harness.contests import contests, height

priors = st.sampled_from([1.0, 0.25, 3.0])
Given = tuple[int, tuple[Contest, ...]]


def said(judge: int, first: int, second: int, won: float, lost: float) -> Contest:
    return Contest(judge=judge, first=first, second=second, won=won, tied=0.0, lost=lost)


@settings(max_examples=40)
@given(contests(), priors, st.booleans())
def test_the_fit_is_a_highest_point_of_the_likelihood(
    given_: Given, prior: float, position: bool
) -> None:
    count, every = given_
    found = fit_discerning(every, count, prior, ties=True, position=position)
    judges = sorted(found.discrimination)
    assert judges == sorted({item.judge for item in every})

    def of(at: list[float]) -> float:
        return height(
            every,
            at[:count],
            prior,
            eta=at[count],
            place=at[count + 1] if position else None,
            sharp=dict(zip(judges, at[count + 1 + position :], strict=True)),
            steady=STEADY,
        )

    at = [*map(log, found.strengths), log(found.tie)] + [log(found.place)] * position
    at += [found.discrimination[judge] for judge in judges]
    slopes = []
    for place in range(len(at)):
        up, down = (
            of([value + far * (place == other) for other, value in enumerate(at)])
            for far in (1e-5, -1e-5)
        )
        slopes.append((up - down) / 2e-5)
        if found.converged:
            assert max(up, down) <= of(at) + 1e-9
    assert slopes == pytest.approx([0.0] * len(at), abs=1e-5)


@settings(max_examples=30)
@given(contests(), priors, st.booleans())
def test_judges_held_at_one_give_davidsons_fit(given_: Given, prior: float, position: bool) -> None:
    count, every = given_
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discerning, "STEADY", 1e12)
        found = fit_discerning(every, count, prior, ties=True, position=position)
    plain = fit_davidson(every, count, prior, ties=True, position=position)
    assert found.strengths == pytest.approx(plain.strengths, rel=1e-7)
    assert (found.tie, found.place) == pytest.approx((plain.tie, plain.place), rel=1e-7)
    alone = [[at] for at in range(count)]
    assert errors(found.information, found.strengths, alone) == pytest.approx(
        errors(plain.information, plain.strengths, alone), rel=1e-6
    )


@settings(max_examples=30)
@given(contests(), st.randoms(use_true_random=False))
def test_the_order_of_contests_does_not_show(given_: Given, random: object) -> None:
    count, every = given_
    other = list(every)
    random.shuffle(other)  # type: ignore[attr-defined]
    one = fit_discerning(every, count, 1.0, ties=True, position=True)
    assert fit_discerning(other, count, 1.0, ties=True, position=True) == one


def test_nothing_said_leaves_the_prior() -> None:
    found = fit_discerning((), 2, 1.0, ties=False, position=False)
    assert (found.strengths, found.discrimination, found.converged) == ((1.0, 1.0), {}, True)
    assert errors(found.information, found.strengths, [[0], [1]]) == (2.0, 2.0)
    assert fit_discerning((), 0, 1.0, ties=False, position=False).strengths == ()


def simulated(sharp: list[float], classes: int, seed: int) -> tuple[Contest, ...]:
    """Five rounds of judging all pairs, by the model itself with these discriminations."""
    random = Random(seed)
    strengths = [1.0 - 2.0 * at / (classes - 1) for at in range(classes)]
    found = []
    for judge, a in enumerate(sharp):
        for first in range(classes):
            for second in range(first + 1, classes):
                chance = 1.0 / (1.0 + 2.718281828 ** (a * (strengths[second] - strengths[first])))
                won = sum(random.random() < chance for _ in range(5))
                found.append(said(judge, first, second, float(won), 5.0 - won))
    return tuple(found)


def test_a_judge_that_guesses_is_told_from_one_that_knows() -> None:
    found = fit_discerning(
        simulated([2.0, 2.0, 2.0, 0.0], 6, seed=1), 6, 1.0, ties=False, position=False
    )
    assert found.converged
    assert max(found.discrimination[3] / found.discrimination[judge] for judge in range(3)) < 0.4
    assert list(found.strengths) == sorted(found.strengths, reverse=True)


def test_guessers_blur_strengths_less_than_where_judges_are_alike() -> None:
    every = simulated([2.0, 2.0, 0.0, 0.0, 0.0], 5, seed=3)
    alike = fit_davidson(every, 5, 1.0, ties=False, position=False).strengths
    found = fit_discerning(every, 5, 1.0, ties=False, position=False).strengths
    assert log(found[0] / found[-1]) > log(alike[0] / alike[-1])


def test_judges_who_contradict_each_other_in_mirror_image_leave_equals() -> None:
    every = [said(0, 0, 1, 1.0, 0.0), said(1, 0, 1, 0.0, 1.0)]
    found = fit_discerning(every, 2, 1.0, ties=False, position=False)
    assert found.converged
    assert found.strengths == (1.0, 1.0)
    assert found.discrimination == {0: 1.0, 1: 1.0}


def test_a_saddle_between_two_maxima_is_owned_up_to() -> None:
    """So much said by each of two opposites that believing either would be likelier than both."""
    every = [said(0, 0, 1, 500.0, 0.0), said(1, 0, 1, 0.0, 500.0)]
    found = fit_discerning(every, 2, 0.001, ties=False, position=False)
    assert found.strengths == (1.0, 1.0)
    assert not found.converged
    assert all(error > 0.0 for error in errors(found.information, found.strengths, [[0], [1]]))


def test_a_one_sided_graph_has_finite_strengths() -> None:
    every = [said(judge, 0, 1, 50.0, 0.0) for judge in range(3)]
    found = fit_discerning(every, 2, 0.001, ties=False, position=False)
    assert found.converged
    assert 1.0 < found.strengths[0] < 1e6


def test_steps_that_run_out_are_owned_up_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discerning, "STEPS", 2)
    every = simulated([2.0, 0.0], 4, seed=1)
    assert not fit_discerning(every, 4, 1.0, ties=False, position=False).converged
