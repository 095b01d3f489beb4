"""Opinions, their pool and the blend (O4)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.policy import ONE, Policy
from consensus.tally import Opinion, classes
from consensus.tally.belief import blend, opinions, over_classes, pool
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    CHOICE,
    NUMBER,
    SEED,
    Round,
    candidate,
    rounds,
)


def opinion(voter: int, *shares: int, unknown: tuple[int, ...] = ()) -> Opinion:
    return Opinion(
        voter=voter,
        shares=shares,
        known=tuple(place not in unknown for place in range(len(shares))),
    )


def test_a_belief_is_taken_as_it_is() -> None:
    given_ = [candidate(ALICE, "red", belief=(7_000, 2_000, 1_000, 0))]
    assert opinions(CHOICE, classes(CHOICE, given_, SEED), given_) == (
        opinion(ALICE, 7_000, 2_000, 1_000, 0),
    )


def test_a_confidence_leaves_the_rest_to_the_other_options() -> None:
    given_ = [candidate(ALICE, "green", confidence=7_000)]
    assert opinions(CHOICE, classes(CHOICE, given_, SEED), given_) == (
        opinion(ALICE, 1_000, 7_000, 1_000, 1_000),
    )


def test_a_confidence_leaves_nothing_to_options_never_seen() -> None:
    given_ = [candidate(ALICE, "green", confidence=7_000, unseen=(0, 1, 3))]
    # Its own answer it knows, whatever it declares.
    assert opinions(CHOICE, classes(CHOICE, given_, SEED), given_) == (
        opinion(ALICE, 0, 7_000, 3_000, 0, unknown=(0, 3)),
    )


def test_an_answer_with_nothing_beside_it_has_it_all() -> None:
    given_ = [candidate(ALICE, "7", confidence=2_000)]
    assert opinions(NUMBER, classes(NUMBER, given_, SEED), given_) == (opinion(ALICE, ONE),)


def test_a_belief_of_the_wrong_length_is_no_belief() -> None:
    given_ = [candidate(ALICE, "red", belief=(5_000, 5_000), confidence=ONE)]
    assert opinions(CHOICE, classes(CHOICE, given_, SEED), given_) == (
        opinion(ALICE, ONE, 0, 0, 0),
    )


def test_numbers_share_their_confidence_among_classes() -> None:
    given_ = [candidate(ALICE, "7", confidence=6_000), candidate(BOB, "8"), candidate(CAROL, "x")]
    assert opinions(NUMBER, classes(NUMBER, given_, SEED), given_) == (
        opinion(ALICE, 6_000, 4_000),
        opinion(BOB, 0, ONE),
    )


def test_an_option_is_pooled_over_those_who_know_it() -> None:
    held = [
        opinion(ALICE, 9_000, 1_000),
        opinion(BOB, 0, 10_000, unknown=(0,)),
        opinion(CAROL, 3_000, 7_000),
    ]
    # First place: (9,000 + 3,000) / 2; second: 18,000 / 3.
    first, second = pool(held, 2)
    assert Fraction(first, second) == Fraction(6_000, 6_000)


def test_heavier_members_count_for_more_in_the_pool() -> None:
    held = [opinion(ALICE, ONE, 0), opinion(BOB, 0, ONE)]
    first, second = pool(held, 2, [3, 1])
    assert Fraction(first, second) == 3


def test_no_opinions_pool_to_nothing() -> None:
    assert pool([], 3) == (0, 0, 0)


@given(rounds(), st.booleans())
def test_the_pool_agrees_with_the_naive_twin(of: Round, weighted: bool) -> None:
    grouped = classes(of.spec, of.candidates, of.seed)
    held = opinions(of.spec, grouped, of.candidates)
    count = len(of.spec.options) or len(grouped.items)
    weights = of.heard.weights if weighted else (1,) * of.n
    found = pool(held, count, weights)
    means = []
    for place in range(count):
        knowing = [item for item in held if item.known[place]]
        whole = sum(weights[item.voter] for item in knowing)
        means.append(
            sum(
                (Fraction(weights[item.voter] * item.shares[place], whole) for item in knowing),
                Fraction(0),
            )
        )
    assert [share * sum(means) for share in found] == [mean * sum(found) for mean in means]
    for item in held:
        assert sum(item.shares) == ONE


def test_only_proposed_options_share_the_belief_over_classes() -> None:
    given_ = [candidate(ALICE, "red"), candidate(BOB, "grey")]
    grouped = classes(CHOICE, given_, SEED)
    assert over_classes(grouped, [3, 90, 5, 1]) == (7_500, 2_500)


GROUPED = classes(CHOICE, [candidate(ALICE, "red"), candidate(BOB, "grey")], SEED)


def test_the_blend_mixes_by_the_policys_shares() -> None:
    policy = Policy(blend_proposals=5_000, blend_strengths=3_000, blend_support=2_000)
    assert blend(
        policy, GROUPED, proposals=(ONE, 0), strengths=(0, ONE), support=(5_000, 5_000)
    ) == (6_000, 4_000)


@pytest.mark.parametrize(
    ("strengths", "support", "mixed"),
    [
        (None, None, (8_000, 2_000)),
        ((0, ONE), None, (3_429, 6_571)),
        (None, (0, ONE), (4_000, 6_000)),
    ],
)
def test_what_no_ballot_speaks_of_leaves_its_share_to_the_rest(
    strengths: tuple[int, int] | None, support: tuple[int, int] | None, mixed: tuple[int, int]
) -> None:
    found = blend(Policy(), GROUPED, proposals=(8_000, 2_000), strengths=strengths, support=support)
    assert found == mixed


def test_a_blend_of_nothing_is_even() -> None:
    policy = Policy(blend_proposals=0, blend_strengths=ONE, blend_support=0)
    found = blend(policy, GROUPED, proposals=(8_000, 2_000), strengths=None, support=None)
    assert found == (5_000, 5_000)
