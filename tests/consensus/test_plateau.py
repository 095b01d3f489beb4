"""Signals, stop rules and dials, round after round (P1 to P3, R11)."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import canonical
from consensus.bodies import Budget
from consensus.plateau import Dials, Reason
from consensus.plateau.dials import follow
from consensus.plateau.signals import divergence, normal_entropy, overlap
from consensus.plateau.stop import gained
from consensus.policy import ONE, Policy
from consensus.tally import Candidate, Claims, Opinion, Weights
from tests.harness.plateaus import (
    AGREED,
    APART,
    FAMILIES,
    GREEN,
    LEANING,
    RED,
    believing,
    judge,
    scored,
)
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    CHOICE,
    DAVE,
    NUMBER,
    Round,
    candidate,
    id_of,
    rounds,
)

# -- signals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("belief", "entropy"),
    [((ONE,), 0), ((5_000, 5_000), 5_000), ((2_500,) * 4, ONE), ((), ONE)],
)
def test_entropy_is_in_parts_of_the_most_the_options_allow(
    belief: tuple[int, ...], entropy: int
) -> None:
    assert normal_entropy(CHOICE, 5, belief) == entropy


@pytest.mark.parametrize(("n", "entropy"), [(1, ONE), (2, ONE), (4, 5_000), (8, 3_333)])
def test_entropy_of_numbers_is_in_parts_of_the_most_n_members_allow(n: int, entropy: int) -> None:
    assert normal_entropy(NUMBER, n, (5_000, 5_000)) == entropy


def opinions(*shares: tuple[int, ...]) -> list[Opinion]:
    return [
        Opinion(voter=voter, shares=part, known=(True,) * len(part))
        for voter, part in enumerate(shares)
    ]


def test_one_belief_of_all_diverges_from_nothing() -> None:
    assert divergence(opinions((7_000, 3_000), (7_000, 3_000)), [1, 5]) == 0
    assert divergence(opinions((7_000, 3_000)), [ONE]) == 0
    assert divergence([], []) == 0


@pytest.mark.parametrize("weights", [(ONE, ONE), (1, 20_000)])
def test_beliefs_without_overlap_diverge_fully(weights: tuple[int, int]) -> None:
    assert divergence(opinions(RED, GREEN), weights) == ONE


@given(rounds(least=2))
def test_divergence_agrees_with_floating_point(of: Round) -> None:
    found, weights = of.tally().opinions, of.heard.weights
    assert divergence(found, weights) == pytest.approx(
        naive_divergence(found, weights) * ONE, abs=0.51
    )


def naive_divergence(held: tuple[Opinion, ...], weights: tuple[int, ...]) -> float:
    """Lin's definition, word for word."""

    def entropy(parts: list[float]) -> float:
        return -sum(part * math.log(part) for part in parts if part > 0)

    if len(held) < 2:
        return 0.0
    whole = sum(weights[item.voter] for item in held)
    each = [weights[item.voter] / whole for item in held]
    beliefs = [[share / ONE for share in item.shares] for item in held]
    mixture = [
        sum(weight * belief[at] for weight, belief in zip(each, beliefs, strict=True))
        for at in range(len(beliefs[0]))
    ]
    apart = sum(weight * entropy(belief) for weight, belief in zip(each, beliefs, strict=True))
    return max(0.0, entropy(mixture) - apart) / entropy(each)


def test_a_rounds_divergence_goes_by_what_voters_weigh() -> None:
    trusted = Weights(scores=(5_000,) * 5, weights=(9_000, 9_000, 9_000, 1_000, 1_000))
    of = replace(APART, weights=trusted)
    found = judge(of).divergence
    assert found == divergence(of.tally().opinions, trusted.weights)
    assert found != judge(APART).divergence


def test_a_rounds_entropy_is_that_of_its_belief_in_all_classes() -> None:
    blue = (0, 0, ONE, 0)
    of = believing(RED, RED, GREEN, GREEN, blue)
    belief = [item.belief for item in of.tally().classes]
    assert len(belief) == 3 and min(belief) > 0
    meant = -sum(part / ONE * math.log(part / ONE) for part in belief) / math.log(4)
    assert judge(of).entropy == pytest.approx(meant * ONE, abs=1)


def test_overlap_is_the_mean_jaccard_of_pairs_that_cite_anything() -> None:
    cited = [
        candidate(ALICE, "red", evidence=("a", "b", "b")),
        candidate(BOB, "red", evidence=("b", "c")),
        candidate(CAROL, "red"),
        candidate(DAVE, "red"),
    ]
    # alice and bob share one of three; four pairs cite on one side only; one cites nothing.
    assert overlap(cited) == round(ONE / 3 / 5)
    assert overlap(cited[2:]) == 0
    assert overlap([]) == 0


def test_quality_is_the_lower_median_over_all_marks() -> None:
    of = believing(RED, RED, GREEN, GREEN)
    of = replace(
        of,
        ballots=(
            scored(ALICE, of, bob=(10, 90), carol=(30, 20)),
            scored(BOB, of, alice=(20, 40), carol=(40, 60)),
        ),
    )
    found = judge(of)
    assert (found.evidence, found.argument) == (20, 40)
    assert (judge(APART).evidence, judge(APART).argument) == (0, 0)


def test_gain_is_the_fall_of_entropy() -> None:
    first = judge(APART)
    second = judge(LEANING, first)
    assert first.gain == ONE - first.entropy
    assert second.gain == first.entropy - second.entropy


# -- stopping ---------------------------------------------------------------------------


def test_unanimity_takes_a_quorum_of_candidates() -> None:
    four_of_five = believing(RED, RED, RED, RED, GREEN)
    assert judge(AGREED).reason is Reason.UNANIMITY
    assert judge(four_of_five).reason is Reason.UNANIMITY
    assert judge(APART).reason is None


def test_models_of_one_family_are_never_unanimous() -> None:
    assert judge(AGREED, families=("oak",) * 5).reason is None
    assert judge(AGREED, families=("oak",) * 4 + ("elm",)).reason is Reason.UNANIMITY
    # They stop once their winner has stood.
    first = judge(AGREED, families=("oak",) * 5)
    assert judge(AGREED, first, families=("oak",) * 5).reason is Reason.NEAR_CONSENSUS


def test_agreement_without_a_winner_is_no_unanimity() -> None:
    of = replace(AGREED, ballots=AGREED.ballots[:3])
    assert of.tally().winner is None
    assert judge(of).reason is None


def test_a_committee_of_one_has_nothing_to_wait_for() -> None:
    of = Round(n=1, candidates=(candidate(ALICE, "red"),), ballots=())
    assert judge(of).reason is Reason.UNANIMITY


def test_two_members_who_agree_are_unanimous_and_two_who_do_not_go_on() -> None:
    assert judge(believing(RED, RED)).reason is Reason.UNANIMITY
    assert judge(believing(RED, RED), families=("oak", "oak")).reason is None
    assert judge(believing(RED, GREEN)).reason is None


def test_near_consensus_takes_little_divergence_and_a_winner_that_stood() -> None:
    near = believing(*[(6_000, 4_000, 0, 0)] * 3, *[(4_900, 5_100, 0, 0)] * 2)
    first = judge(near)
    assert first.divergence < 1_000
    assert (first.stood, first.reason) == (1, None)
    second = judge(near, first)
    assert (second.stood, second.reason) == (2, Reason.NEAR_CONSENSUS)
    assert judge(near, second).stood == 3


def test_beliefs_of_fewer_than_a_quorum_are_no_consensus() -> None:
    of = replace(AGREED, policy=Policy(rounds=9))
    alone = replace(of, candidates=of.candidates[:3])
    assert alone.tally().winner == "red"
    found = judge(alone, judge(alone))
    assert (found.divergence, found.stood, found.reason) == (0, 2, None)
    enough = replace(of, candidates=of.candidates[:4])
    same = ("oak",) * 5
    assert judge(enough, judge(enough), families=same).reason is Reason.NEAR_CONSENSUS


def test_a_new_winner_has_not_stood() -> None:
    near = believing(*[(6_000, 4_000, 0, 0)] * 3, *[(4_900, 5_100, 0, 0)] * 2)
    other = believing(*[(4_000, 6_000, 0, 0)] * 3, *[(5_100, 4_900, 0, 0)] * 2)
    found = judge(other, judge(near))
    assert (found.winner, found.stood, found.reason) == ("green", 1, None)


@pytest.mark.parametrize(("threshold", "reason"), [(0, None), (4_000, Reason.NEAR_CONSENSUS)])
def test_near_consensus_is_set_by_the_policy(threshold: int, reason: Reason | None) -> None:
    of = replace(LEANING, policy=Policy(rounds=9, near_consensus=threshold))
    assert judge(of, judge(of)).reason is reason


def test_a_plateau_is_two_rounds_without_a_gain() -> None:
    first = judge(APART)
    second = judge(APART, first)
    third = judge(APART, second)
    assert [item.flat for item in (first, second, third)] == [0, 1, 2]
    assert [item.reason for item in (first, second, third)] == [None, None, Reason.PLATEAU]


def test_a_gain_of_entropy_or_of_divergence_starts_the_plateau_anew() -> None:
    second = judge(APART, judge(APART))
    third = judge(LEANING, second)
    assert (second.flat, third.flat) == (1, 0)
    # Divergence fell; the belief over classes is no surer than before.
    assert third.divergence < second.divergence


def test_poor_arguments_do_not_rest_on_a_plateau() -> None:
    of = replace(APART, policy=Policy(rounds=9, quality_gate=50))
    poor = replace(of, ballots=(scored(ALICE, of, bob=(0, 49)), *of.ballots[1:]))
    good = replace(of, ballots=(scored(ALICE, of, bob=(0, 50)), *of.ballots[1:]))
    for round_, reason in ((poor, None), (good, Reason.PLATEAU)):
        assert judge(round_, judge(round_, judge(round_))).reason is reason


@pytest.mark.parametrize(
    ("before", "now", "threshold", "is_gain"),
    [
        (10_000, 9_500, 500, True),
        (10_000, 9_501, 500, False),
        (10_000, 10_500, 500, False),
        (0, 0, 0, False),
        (0, 500, 500, False),
        (10_000, 10_000, 0, True),
    ],
)
def test_a_gain_is_a_fall_by_the_threshold(
    before: int, now: int, threshold: int, is_gain: bool
) -> None:
    assert gained(before, now, threshold) == is_gain


def test_the_last_round_is_the_last() -> None:
    of = replace(APART, policy=Policy(rounds=2))
    first = judge(of)
    assert first.reason is None
    assert judge(of, first).reason is Reason.ROUNDS


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (Claims(), None),
        (Claims(tokens=999, micros=49), None),
        (Claims(tokens=1_000), Reason.BUDGET),
        (Claims(micros=50), Reason.BUDGET),
        (Claims(deadline=True), Reason.DEADLINE),
        (Claims(tokens=1_000, deadline=True), Reason.BUDGET),
    ],
)
def test_spent_budgets_and_deadlines_stop(claims: Claims, reason: Reason | None) -> None:
    assert judge(APART, claims=claims, budget=Budget(tokens=1_000, micros=50)).reason is reason


def test_a_budget_of_zero_is_no_limit() -> None:
    assert judge(APART, claims=Claims(tokens=10**9, micros=10**9)).reason is None


def test_the_first_rule_that_holds_names_the_reason() -> None:
    spent = Claims(tokens=2, deadline=True)
    last = Policy(rounds=1)
    assert (
        judge(AGREED, policy=last, claims=spent, budget=Budget(tokens=1)).reason is Reason.UNANIMITY
    )
    assert judge(APART, policy=last, claims=spent, budget=Budget(tokens=1)).reason is Reason.ROUNDS


# -- dials ------------------------------------------------------------------------------


def test_contentiousness_falls_with_divergence_and_never_rises() -> None:
    assert follow(Dials(), ONE, 0, 0).contentiousness == 9_000
    assert follow(Dials(), 5_000, 0, 0).contentiousness == 6_000
    assert follow(Dials(), 0, 0, 0).contentiousness == 3_000
    assert follow(Dials(contentiousness=4_000), ONE, 0, 0).contentiousness == 4_000


def test_the_gate_follows_the_median_argument_up_to_seven_tenths() -> None:
    assert follow(Dials(), 0, 35, 0).gate == 3_500
    assert follow(Dials(), 0, 70, 0).gate == 7_000
    assert follow(Dials(), 0, 71, 0).gate == 7_000
    assert follow(Dials(gate=5_000), 0, 35, 0).gate == 5_000


def test_the_best_argument_of_each_class_always_passes() -> None:
    of = believing(RED, RED, GREEN, GREEN)
    of = replace(
        of,
        ballots=(
            scored(ALICE, of, bob=(0, 90), carol=(0, 10), dave=(0, 20)),
            scored(BOB, of, alice=(0, 30)),
        ),
    )
    found = judge(of)
    assert found.dials.gate == 2_000
    passed = {id_of(at).hex() for at in (ALICE, BOB, DAVE)}
    assert set(found.passed) == passed
    # With a gate from before that only bob's argument clears, dave's is still green's best.
    before = replace(judge(APART), dials=Dials(gate=7_000))
    assert set(judge(of, before).passed) == {id_of(BOB).hex(), id_of(DAVE).hex()}


def test_what_nobody_scored_passes() -> None:
    before = replace(judge(APART), dials=Dials(gate=7_000))
    assert len(judge(APART, before).passed) == 5


# -- what is carried --------------------------------------------------------------------


@given(rounds(), st.integers(0, 100))
def test_a_plateau_is_canonical_and_within_its_bounds(of: Round, argument: int) -> None:
    marked = tuple(
        replace(
            item,
            ballot=replace(
                item.ballot,
                marks=tuple(replace(mark, argument=argument) for mark in item.ballot.marks),
            ),
        )
        for item in of.ballots
    )
    of = replace(of, ballots=marked)
    first = judge(of, families=FAMILIES)
    second = judge(of, first, families=FAMILIES)
    for found in (first, second):
        data = found.to_dict()
        assert canonical.decode(canonical.encode(data)) == data
        assert all(0 <= data[name] <= ONE for name in ("entropy", "divergence", "overlap"))
        assert 3_000 <= found.dials.contentiousness <= 9_000
        assert 0 <= found.dials.gate <= 7_000
        assert set(found.passed) <= {item.id.hex() for item in of.candidates}
    assert second.dials.contentiousness <= first.dials.contentiousness
    assert second.dials.gate >= first.dials.gate
    assert second.gain == 0


def test_candidates_that_answer_nothing_are_not_assessed() -> None:
    odd: Candidate = candidate(4, "mauve", evidence=("a",))
    of = replace(APART, candidates=(*APART.candidates[:4], odd), ballots=APART.ballots)
    found = judge(of)
    assert odd.id.hex() not in found.passed
    assert found.overlap == 0
