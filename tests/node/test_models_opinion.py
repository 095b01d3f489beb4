"""Beliefs in basis points, pooling, judging by belief (rules R1, R1a, R5, P3)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import Preference, Proposal
from consensus.deliberation.requests import Dials, Judgment
from node.models.opinion import (
    Opinion,
    basis_points,
    candidate_options,
    judge_by_belief,
    of_proposal,
    pool,
    stated,
)
from tests.harness.requests import case, entry, judge_request, labels

ABC = labels("a", "b", "c")
ALL = (True, True, True)


def opinion(*shares: float, known: tuple[bool, ...] = ALL) -> Opinion:
    return Opinion(shares=shares, known=known)


def proposal(*belief: int, unseen: tuple[int, ...] = ()) -> Proposal:
    return Proposal(answer=ABC.options[belief.index(max(belief))], belief=belief, unseen=unseen)


def judged(belief: tuple[int, ...], options: dict[str, int]) -> Judgment:
    """The judgment by `belief` of candidates with those options, by letter."""
    request = judge_request(case(ABC), {letter: ABC.options[at] for letter, at in options.items()})
    return judge_by_belief(belief, options, request)


beliefs = st.lists(st.integers(0, 1_000), min_size=3, max_size=3).filter(any).map(basis_points)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda xs: sum(xs) > 1e-3))
def test_basis_points_sum_to_one_and_stray_less_than_one_point(shares: list[float]) -> None:
    points = basis_points(shares)
    assert sum(points) == 10_000
    for share, point in zip(shares, points, strict=True):
        assert abs(point - share / sum(shares) * 10_000) < 1 + 1e-6


def test_of_equal_remainders_the_earlier_entry_is_rounded_up() -> None:
    assert basis_points([1, 1, 1]) == (3_334, 3_333, 3_333)


@pytest.mark.parametrize("shares", [[0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0], [-1.0, 3.0], []])
def test_shares_that_are_no_distribution_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="shares must be finite"):
        basis_points(shares)


def test_a_proposal_without_belief_spreads_the_rest_over_what_it_has_met() -> None:
    stated = of_proposal(Proposal(answer="a", confidence=7_000, unseen=(2,)), ABC)
    assert stated is not None
    assert stated.belief == (7_000, 3_000, 0)
    assert stated.unseen == (2,)


def test_what_a_proposal_says_of_an_option_never_met_does_not_weigh() -> None:
    stated = of_proposal(proposal(1_000, 1_000, 8_000, unseen=(2,)), ABC)
    assert stated is not None
    assert stated.belief == (5_000, 5_000, 0)


@pytest.mark.parametrize(
    "silent",
    [
        Proposal(answer="d"),
        Proposal(answer="a", belief=(5_000, 5_000)),
        proposal(0, 0, 10_000, unseen=(2,)),
    ],
)
def test_a_proposal_about_other_options_states_no_opinion(silent: Proposal) -> None:
    assert of_proposal(silent, ABC) is None


def test_without_a_record_the_own_belief_stands() -> None:
    assert pool(opinion(0.7, 0.2, 0.1), (), Dials(), ABC).belief == (7_000, 2_000, 1_000)


def test_a_belief_moves_towards_its_peers_by_what_contentiousness_leaves() -> None:
    record = (entry(proposal(0, 10_000, 0)), entry(proposal(0, 6_000, 4_000)))
    moved = pool(opinion(1, 0, 0), record, Dials(contentiousness=7_500), ABC)
    assert moved.belief == (7_500, 2_000, 500)


def test_a_belief_starts_from_the_own_entry_of_the_last_round_and_not_twice() -> None:
    record = (
        entry(proposal(0, 0, 10_000), own=True, round=1),
        entry(proposal(0, 10_000, 0), own=True, round=2),
        entry(proposal(10_000, 0, 0), round=2),
    )
    own = stated(record, ABC)
    assert own is not None
    assert pool(own, record, Dials(contentiousness=5_000), ABC).belief == (5_000, 5_000, 0)
    assert stated(record[2:], ABC) is None


def test_the_gate_shuts_out_all_but_the_best_argument_of_each_answer() -> None:
    record = (
        entry(proposal(1_000, 9_000, 0), argument=(40,)),
        entry(proposal(4_000, 6_000, 0), argument=(10,)),
        entry(proposal(0, 0, 10_000), argument=(20,)),
    )
    shut = pool(opinion(1, 0, 0), record, Dials(contentiousness=0, gate=5_000), ABC)
    # The second is under the gate and bettered by the first; the third is the best of its own.
    assert shut.belief == (500, 4_500, 5_000)
    ajar = pool(opinion(1, 0, 0), record, Dials(contentiousness=0, gate=1_000), ABC)
    assert ajar.belief == (1_667, 5_000, 3_333)


def test_one_critic_among_three_shuts_nobody_out_and_what_nobody_scored_passes() -> None:
    record = (
        entry(proposal(0, 10_000, 0), argument=(60, 0, 60)),
        entry(proposal(2_000, 8_000, 0), argument=(70, 70, 70)),
        entry(proposal(4_000, 6_000, 0)),
    )
    moved = pool(opinion(1, 0, 0), record, Dials(contentiousness=0, gate=5_000), ABC)
    assert moved.belief == (2_000, 8_000, 0)


def test_an_option_never_met_is_learnt_from_those_who_have() -> None:
    own = opinion(0.6, 0.4, 0.0, known=(True, True, False))
    record = (entry(proposal(0, 0, 10_000)), entry(proposal(5_000, 5_000, 0, unseen=(2,))))
    moved = pool(own, record, Dials(contentiousness=9_000), ABC)
    assert moved.unseen == ()
    assert moved.belief[2] == max(moved.belief)


def test_an_option_that_nobody_has_met_stays_declared() -> None:
    own = opinion(0.6, 0.4, 0.0, known=(True, True, False))
    record = (entry(proposal(5_000, 5_000, 0, unseen=(2,))),)
    moved = pool(own, record, Dials(), ABC)
    assert moved.unseen == (2,)
    assert moved.belief[2] == 0


def _dispersion(held: list[Opinion]) -> float:
    """Jensen-Shannon divergence of the beliefs, unweighted, in nats."""

    def entropy(shares: tuple[float, ...]) -> float:
        return -sum(share * math.log(share) for share in shares if share)

    mean = tuple(sum(o.shares[k] for o in held) / len(held) for k in range(3))
    return entropy(mean) - sum(entropy(o.shares) for o in held) / len(held)


@given(st.lists(beliefs, min_size=2, max_size=6), st.integers(0, 10_000))
def test_pooling_never_disperses_beliefs_over_options_that_all_know(
    held: list[tuple[int, ...]], contentiousness: int
) -> None:
    """MACI's Lemma 1, for everybody stepping towards the average of the others."""
    before = [opinion(*(share / 10_000 for share in belief)) for belief in held]
    record = [entry(proposal(*belief)) for belief in held]
    after = [
        pool(
            own,
            tuple(record[:k] + record[k + 1 :]),
            Dials(contentiousness=contentiousness),
            ABC,
        )
        for k, own in enumerate(before)
    ]
    assert _dispersion(after) <= _dispersion(before) + 1e-12


def test_the_likelier_answer_is_preferred_by_the_difference_of_the_shares() -> None:
    judgment = judged((7_000, 2_500, 500), {"P": 1, "Q": 0, "R": 1, "S": 2})
    words = {(p.first, p.second): (p.preference, p.confidence) for p in judgment.pairs}
    assert words == {
        ("P", "Q"): (Preference.SECOND, 4_500),
        ("P", "R"): (Preference.SAME, 10_000),
        ("P", "S"): (Preference.FIRST, 2_000),
        ("Q", "R"): (Preference.FIRST, 4_500),
        ("Q", "S"): (Preference.FIRST, 6_500),
        ("R", "S"): (Preference.FIRST, 2_000),
    }


def test_equal_shares_of_different_answers_are_a_tie() -> None:
    [pair] = judged((5_000, 5_000, 0), {"P": 0, "Q": 1}).pairs
    assert pair.preference is Preference.TIE


def test_endorsements_run_from_full_blame_to_full_praise() -> None:
    marks = judged((10_000, 0), {"P": 0, "Q": 1}).marks
    assert [(mark.endorsement, mark.argument) for mark in marks] == [(100, 100), (-100, 0)]
    [mark] = judged((5_000, 5_000), {"P": 0}).marks
    assert (mark.endorsement, mark.argument) == (0, 50)


def test_answers_never_met_and_answers_outside_the_options_are_left_out() -> None:
    request = judge_request(case(ABC), {"P": "a", "Q": "c", "R": "zebra", "S": " B "})
    own = opinion(0.6, 0.4, 0.0, known=(True, True, False))
    assert candidate_options(request, own) == {"P": 0, "S": 1}
