"""From ballots to the models of strength that a policy names (O2)."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.policy import ONE, Policy
from consensus.tally.bradley_terry import Fit
from consensus.tally.contests import Contest, contests
from consensus.tally.davidson import DavidsonFit
from consensus.tally.discerning import DiscerningFit
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    FIRST,
    MALLORY,
    SAME,
    SECOND,
    TIE,
    Round,
    ballot,
    candidate,
    rounds,
)

MODELS = [
    {"ties": ties, "position": position, "judges": judges}
    for ties, position, judges in product(
        ("half", "davidson"), ("none", "fitted"), ("alike", "discerning")
    )
]
ALL = Policy(ties="davidson", position="fitted", judges="discerning")

three = (candidate(ALICE, "red"), candidate(BOB, "green"), candidate(CAROL, "green"))
"""Red at position 0 or 1 of the classes, and two of green."""


def said(policy: Policy, *words: tuple[int, int, object, int]) -> tuple[Contest, ...]:
    """The contests of one ballot of Dave's over `three`, red first where places are sorted."""
    of = Round(n=5, candidates=three, ballots=(ballot(DAVE, three, words),), policy=policy)  # type: ignore[arg-type]
    count = of.count()
    return contests(count.readings, count.classes, count.judging, policy)


def red_first(of: Contest) -> bool:
    count = Round(n=5, candidates=three, ballots=()).count()
    return count.classes.items[of.first].answer == "red"


def test_a_sure_preference_is_a_win_and_an_unsure_one_is_partly_a_tie() -> None:
    (sure,) = said(ALL, (ALICE, BOB, FIRST, ONE))
    assert (sure.judge, sure.won, sure.tied, sure.lost) == (DAVE, 1.0, 0.0, 0.0)
    assert red_first(sure)
    (unsure,) = said(ALL, (ALICE, BOB, SECOND, 2_500))
    assert (unsure.won, unsure.tied, unsure.lost) == (0.0, 0.75, 0.25)
    for word in (TIE, SAME):
        (tie,) = said(ALL, (ALICE, BOB, word, 9_000))
        assert (tie.won, tie.tied, tie.lost) == (0.0, 1.0, 0.0)


def test_a_tie_is_half_a_win_where_the_policy_says_so() -> None:
    (unsure,) = said(replace(ALL, ties="half"), (ALICE, BOB, SECOND, 2_500))
    assert (unsure.won, unsure.tied, unsure.lost) == (0.375, 0.0, 0.625)


def test_the_order_shown_is_kept_only_for_a_position_term() -> None:
    both = [(ALICE, BOB, FIRST, ONE), (BOB, ALICE, FIRST, ONE)]
    one, other = said(ALL, *both)
    assert {one.first, other.first} == {0, 1}
    assert (one.won, one.lost, other.won, other.lost) == (0.5, 0.0, 0.5, 0.0)
    (merged,) = said(replace(ALL, position="none"), *both)
    assert (merged.won, merged.tied, merged.lost) == (0.5, 0.0, 0.5)


def test_a_judge_has_one_voice_on_two_classes_and_one_a_pair_over_candidates() -> None:
    words = [(ALICE, BOB, FIRST, ONE), (ALICE, CAROL, SECOND, ONE), (CAROL, ALICE, FIRST, ONE)]
    over_classes = said(ALL, *words)
    assert sum(item.won + item.tied + item.lost for item in over_classes) == pytest.approx(1.0)
    apart = said(replace(ALL, strengths_over="candidates"), *words)
    assert sum(item.won + item.tied + item.lost for item in apart) == pytest.approx(2.0)


def test_pairs_inside_a_class_say_nothing() -> None:
    assert said(ALL, (BOB, CAROL, FIRST, ONE)) == ()
    assert said(replace(ALL, strengths_over="candidates"), (BOB, CAROL, FIRST, ONE)) == ()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: " ".join(model.values()))
def test_a_policy_names_the_model(model: dict[str, str]) -> None:
    of = Round(n=5, candidates=three, ballots=(ballot(DAVE, three, [(ALICE, BOB, FIRST, ONE)]),))
    found = of.count(policy=Policy(**model)).fit  # type: ignore[arg-type]
    if model["judges"] == "discerning":
        assert isinstance(found, DiscerningFit)
    elif model["ties"] == "half" and model["position"] == "none":
        assert isinstance(found, Fit)
    else:
        assert isinstance(found, DavidsonFit)
    assert found.converged


@pytest.mark.parametrize("over", ["classes", "candidates"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: " ".join(model.values()))
def test_every_model_puts_first_what_everybody_prefers(model: dict[str, str], over: str) -> None:
    every = (*three, candidate(DAVE, "blue"), candidate(MALLORY, "grey"))
    rank = {ALICE: 0, BOB: 1, CAROL: 1, DAVE: 2, MALLORY: 3}
    ballots = tuple(
        ballot(
            voter,
            every,
            [
                (one, other, FIRST if rank[one] < rank[other] else SECOND, ONE)
                for one in rank
                for other in rank
                if one < other and voter not in (one, other) and rank[one] != rank[other]
            ],
        )
        for voter in rank
    )
    policy = Policy(rule="bradley_terry", strengths_over=over, **model)  # type: ignore[arg-type]
    result = Round(n=5, candidates=every, ballots=ballots, policy=policy).tally()
    assert result.converged
    assert result.winner == ("red" if over == "classes" else result.winner)
    strengths = {item.answer: item.strength for item in result.classes}
    assert strengths["red"] > strengths["blue"] > strengths["grey"]
    assert sum(strengths.values()) == ONE
    assert all(item.error > 0 for item in result.classes)


@settings(max_examples=25, deadline=None)
@given(
    rounds(most=4),
    st.sampled_from(MODELS[1:]),
    st.sampled_from(["classes", "candidates"]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_ballots_and_candidates_changes_nothing_in_any_model(
    of: Round, model: dict[str, str], over: str, random: object
) -> None:
    policy = Policy(strengths_over=over, **model)  # type: ignore[arg-type]
    ballots, candidates = list(of.ballots), list(of.candidates)
    random.shuffle(ballots)  # type: ignore[attr-defined]
    random.shuffle(candidates)  # type: ignore[attr-defined]
    other = of.tally(policy=policy, ballots=tuple(ballots), candidates=tuple(candidates))
    assert other.to_dict() == of.tally(policy=policy).to_dict()


@settings(max_examples=25, deadline=None)
@given(rounds(most=4), st.sampled_from(MODELS[1:]))
def test_every_model_has_a_finite_result_on_any_ballots(of: Round, model: dict[str, str]) -> None:
    count = of.count(policy=Policy(**model))  # type: ignore[arg-type]
    assert count.fit.converged
    assert all(0.0 < strength < 1e9 for strength in count.fit.strengths)
    assert len(count.errors) == len(count.classes.items)
    assert not count.strengths or sum(count.strengths) == ONE


def test_clones_of_an_answer_gain_nothing_under_any_model() -> None:
    """Green once, and green twice with the same word on each: the strengths are the same."""
    for model in MODELS:
        policy = Policy(**model)  # type: ignore[arg-type]
        once = Round(
            n=5,
            candidates=three[:2],
            ballots=(ballot(DAVE, three[:2], [(ALICE, BOB, SECOND, 7_000)]),),
            policy=policy,
        )
        twice = Round(
            n=5,
            candidates=three,
            ballots=(
                ballot(DAVE, three, [(ALICE, BOB, SECOND, 7_000), (ALICE, CAROL, SECOND, 7_000)]),
            ),
            policy=policy,
        )
        assert {item.answer: item.strength for item in once.tally().classes} == {
            item.answer: item.strength for item in twice.tally().classes
        }
