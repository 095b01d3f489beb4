"""The dials: MACI's schedule, the gates, the judges that count, and a bandit over moves (P3)."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import ARM_FIGURES, COUNT_CAP, VIEW_CAP, Budget
from consensus.exact import ONE_BP
from consensus.plateau import Dials, Reason
from consensus.plateau.dials import MACI_OPENING, moved, passing, scheduled
from consensus.plateau.scheduler import MOVES, Arm, Bandit, affordable, choose, combine, reward
from consensus.plateau.signals import quality
from consensus.policy import ONE, Policy
from consensus.tally import Claims, CountedBallot
from tests.harness.plateaus import APART, FAMILIES, GREEN, LEANING, RED, believing, judge, scored
from tests.harness.tallies import ALICE, BOB, CAROL, DAVE, id_of

# -- MACI's schedule -----------------------------------------------------------------------


def test_each_flag_is_a_step_down_and_a_flat_entropy_raises_both_gates() -> None:
    opened = MACI_OPENING
    assert (opened.contentiousness, opened.gate, opened.evidence) == (9_000, 3_000, 5_000)
    assert scheduled(opened, False, False) == opened
    assert scheduled(opened, False, True) == replace(opened, contentiousness=7_000)
    assert scheduled(opened, True, True) == Dials(contentiousness=5_000, gate=4_000, evidence=6_000)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20))
def test_the_schedule_stays_between_its_ends_and_never_turns_back(
    flags: list[tuple[bool, bool]],
) -> None:
    dials = MACI_OPENING
    for one, other in flags:
        after = scheduled(dials, one, other)
        assert 3_000 <= after.contentiousness <= dials.contentiousness
        assert dials.gate <= after.gate <= 7_000
        assert dials.evidence <= after.evidence <= 7_000
        dials = after


def test_a_ratchet_never_starves_an_answer() -> None:
    """With gates at their highest and poor marks for all, each class still has its best."""
    of = believing(RED, RED, GREEN, GREEN)
    of = replace(
        of,
        ballots=(
            scored(ALICE, of, bob=(5, 20), carol=(5, 10), dave=(5, 20)),
            scored(BOB, of, alice=(5, 30)),
        ),
    )
    found = quality(of.candidates, of.ballots, FAMILIES)
    full = Dials(gate=7_000, evidence=7_000)
    assert set(passing(of.tally().groups, found, full)) == {id_of(ALICE), id_of(DAVE)}


def test_good_words_on_poor_evidence_do_not_pass() -> None:
    of = believing(RED, RED, RED, GREEN)
    of = replace(of, ballots=(scored(DAVE, of, alice=(90, 90), bob=(10, 80), carol=(60, 80)),))
    found = quality(of.candidates, of.ballots, FAMILIES)
    passed = passing(of.tally().groups, found, Dials(gate=5_000, evidence=5_000))
    assert id_of(BOB) not in passed
    assert id_of(CAROL) in passed


# -- CRIT: whose marks count ----------------------------------------------------------------


KINDS = ("oak", "oak", "elm", "elm", "ash")
SCORES = st.tuples(st.integers(0, 100), st.integers(0, 100))


def marked(marks: dict[tuple[int, int], tuple[int, int]]) -> tuple[CountedBallot, ...]:
    """Ballots of five, from marks (evidence, argument) by (judge, author)."""
    names = ("alice", "bob", "carol", "dave")
    return tuple(
        scored(
            voter,
            APART,
            **{names[author]: given for (who, author), given in marks.items() if who == voter},
        )
        for voter in range(5)
    )


full_marks = st.fixed_dictionaries(
    {(judge_, author): SCORES for judge_ in range(5) for author in range(4) if judge_ != author}
)


def test_a_judge_of_the_authors_own_family_is_not_heard() -> None:
    kin, stranger = {(BOB, ALICE): (100, 100)}, {(CAROL, ALICE): (30, 40)}
    found = quality(APART.candidates, marked(kin | stranger), KINDS)
    assert (found.arguments, found.evidences) == ({id_of(ALICE): 40}, {id_of(ALICE): 30})
    assert (found.marks, found.kin) == (1, False)
    alone = quality(APART.candidates, marked(kin), KINDS)
    assert (alone.arguments, alone.argument, alone.marks) == ({}, 0, 0)


def test_one_family_hears_its_own_kind_and_says_so() -> None:
    found = quality(APART.candidates, marked({(BOB, ALICE): (30, 40)}), ("oak",) * 5)
    assert (found.argument, found.kin) == (40, True)


@given(full_marks, st.randoms(use_true_random=False))
def test_marks_do_not_depend_on_the_order_of_ballots_or_candidates(
    marks: dict[tuple[int, int], tuple[int, int]], order: Random
) -> None:
    ballots, candidates = list(marked(marks)), list(APART.candidates)
    before = quality(candidates, ballots, KINDS)
    order.shuffle(ballots)
    order.shuffle(candidates)
    assert quality(candidates, ballots, KINDS) == before


@given(full_marks)
def test_judges_of_one_family_may_be_swapped(
    marks: dict[tuple[int, int], tuple[int, int]],
) -> None:
    """Carol and dave, both elms, exchange what they say of the oaks."""
    swap = {CAROL: DAVE, DAVE: CAROL}
    swapped = {
        (swap.get(who, who) if author in (ALICE, BOB) else who, author): given
        for (who, author), given in marks.items()
    }
    assert quality(APART.candidates, marked(swapped), KINDS) == quality(
        APART.candidates, marked(marks), KINDS
    )


@given(full_marks, SCORES)
def test_one_judge_that_is_swapped_for_another_stays_within_what_the_others_say(
    marks: dict[tuple[int, int], tuple[int, int]], other: tuple[int, int]
) -> None:
    """Oaks are judged by two elms and an ash; whatever the ash is swapped for, the median of an
    oak's argument stays between the elms' two marks."""
    for last in (other, marks[4, ALICE]):
        found = quality(APART.candidates, marked(marks | {(4, ALICE): last}), KINDS)
        elms = [marks[who, ALICE][1] for who in (CAROL, DAVE)]
        assert min(elms) <= found.arguments[id_of(ALICE)] <= max(elms)


# -- the bandit -----------------------------------------------------------------------------


UCB = Policy(rounds=9, stops="", dials="ucb")
figures = st.tuples(*[st.integers(0, top) for _ in MOVES for top in (50, ONE, 5_000)])


def test_there_are_nine_moves_and_staying_put_comes_first() -> None:
    assert len(set(MOVES)) == len(MOVES) == 9
    assert MOVES[0] == (0, 0)
    assert 3 * len(MOVES) == ARM_FIGURES


def test_a_move_stays_within_the_dials() -> None:
    assert moved(Dials(), 2_000, -2_000) == Dials()
    assert moved(Dials(contentiousness=4_000, gate=6_000), -2_000, 2_000) == Dials(
        contentiousness=3_000, gate=7_000, evidence=2_000
    )


@given(st.lists(figures, min_size=4, max_size=4), figures)
def test_one_liar_of_four_leaves_every_figure_within_what_honest_members_say(
    honest: list[tuple[int, ...]], lie: tuple[int, ...]
) -> None:
    arms = Bandit(arms=combine([*honest[:3], lie])).to_dict()["arms"]
    for at, figure in enumerate(chain.from_iterable(arms)):
        said = [one[at] for one in honest[:3]]
        assert min(said) <= figure <= max(said)


def test_views_of_another_length_know_nothing() -> None:
    some = (3, 100, 7) * 9
    assert combine([some, some, (), (1,)])[0] == Arm()
    assert combine([some, some, some, ()])[0] == Arm(count=3, reward=100, cost=7)
    highest = (VIEW_CAP, ONE, COUNT_CAP) * 9
    assert combine([highest])[8] == Arm(count=VIEW_CAP, reward=ONE, cost=COUNT_CAP)


def test_a_reward_is_half_of_each_fall_less_the_price_of_the_round() -> None:
    falls = {"entropy": (8_000, 5_000), "divergence": (4_000, 3_000)}
    assert reward(**falls, cost=0, dearest=0, price=1_000) == 2_000
    assert reward(**falls, cost=500, dearest=1_000, price=1_000) == 1_500
    rises = {"entropy": (5_000, 8_000), "divergence": (3_000, 4_000)}
    assert reward(**rises, cost=500, dearest=1_000, price=1_000) == 0


@given(figures, st.none() | st.integers(0, 6_000))
def test_the_choice_is_ucbs_among_what_fits(drawn: tuple[int, ...], left: int | None) -> None:
    """A naive twin in floating point; equal to within what a double tells apart."""
    arms = combine([drawn])
    dearest = max(arm.cost for arm in arms)
    fits = [
        at
        for at, arm in enumerate(arms)
        if left is None or (arm.cost if arm.count else dearest) <= left
    ]
    found = choose(arms, left)
    if not fits:
        assert found is None
        return
    assert found in fits
    untried = [at for at in fits if not arms[at].count]
    if untried:
        assert found == untried[0]
        return
    whole = sum(arm.count for arm in arms)

    def index(at: int) -> float:
        return arms[at].reward / ONE + math.sqrt(2 * math.log(whole) / arms[at].count)

    assert index(found) >= max(index(at) for at in fits) - 1e-7


def test_a_round_that_no_move_affords_is_not_held() -> None:
    known = (2, 3_000, 400) * 9
    before = {"arms": [known] * 5, "budget": Budget(tokens=1_000)}
    assert judge(replace(APART, policy=UCB), claims=Claims(tokens=600), **before).reason is None
    spent = judge(replace(APART, policy=UCB), claims=Claims(tokens=601), **before)
    assert (spent.reason, spent.bandit.chosen) == (Reason.BUDGET, None)


def test_a_round_that_the_money_left_does_not_afford_is_not_held() -> None:
    """At what this task's tokens cost: 2 micros each, so that 400 more take 800."""
    known = (2, 3_000, 400) * 9
    claims = Claims(tokens=600, micros=1_200)
    fits, spent = (
        judge(
            replace(APART, policy=UCB), claims=claims, arms=[known] * 5, budget=Budget(micros=most)
        )
        for most in (2_000, 1_999)
    )
    assert (fits.reason, fits.bandit.chosen) == (None, 0)
    assert (spent.reason, spent.bandit.chosen) == (Reason.BUDGET, None)


def test_of_two_moves_the_better_one_is_not_made_where_money_or_tokens_are_short_of_it() -> None:
    known = (2, 9_000, 400) + (2, 1_000, 300) * 8
    for budget, chosen in (
        (Budget(tokens=1_000, micros=2_000), 0),
        (Budget(tokens=999, micros=2_000), 1),
        (Budget(tokens=1_000, micros=1_999), 1),
    ):
        found = judge(
            replace(APART, policy=UCB),
            claims=Claims(tokens=600, micros=1_200),
            arms=[known] * 5,
            budget=budget,
        )
        assert (found.reason, found.bandit.chosen) == (None, chosen)


@given(
    st.integers(0, COUNT_CAP),
    st.integers(0, COUNT_CAP),
    st.integers(0, COUNT_CAP),
    st.integers(0, COUNT_CAP),
    st.integers(0, COUNT_CAP),
)
def test_what_fits_fits_both_budgets_to_the_last_unit(
    tokens: int, micros: int, taken: int, paid: int, cost: int
) -> None:
    left = affordable(Budget(tokens=tokens, micros=micros), Claims(tokens=taken, micros=paid))
    in_tokens = not tokens or max(0, tokens - taken) >= cost
    priced = micros and paid and taken
    in_money = not priced or cost == 0 or (micros - paid) * taken >= cost * paid
    assert (left is None or cost <= left) == (in_tokens and in_money)


@pytest.mark.parametrize("claims", [Claims(micros=5), Claims(tokens=5), Claims()])
def test_without_a_price_money_forbids_no_move(claims: Claims) -> None:
    """Models that are free, or that count no tokens: the bound of P2a is left."""
    assert affordable(Budget(micros=9), claims) is None
    assert judge(replace(APART, policy=UCB), claims=claims, budget=Budget(micros=9)).reason is None


def test_one_dear_task_stops_no_later_one_with_a_smaller_budget() -> None:
    """One round of a million tokens would else leave no move for a cheaper task, for good."""
    dear = (1, 3_000, 1_000_000) * 9
    policy = replace(UCB, context_tokens=1_000)
    before = {"arms": [dear] * 5, "budget": Budget(tokens=10_000)}
    fits, spent = (
        judge(replace(APART, policy=policy), claims=Claims(tokens=tokens), **before)
        for tokens in (1_666, 1_667)  # 5 x 1,000 of record and twice this round's
    )
    assert (fits.reason, fits.bandit.chosen) == (None, 0)
    assert (spent.reason, spent.bandit.chosen) == (Reason.BUDGET, None)


def test_what_a_move_earned_is_learnt_in_the_round_after_it() -> None:
    first = judge(replace(APART, policy=UCB), claims=Claims(tokens=300))
    assert (first.bandit.chosen, first.bandit.played) == (0, None)
    second = judge(replace(LEANING, policy=UCB), first, claims=Claims(tokens=700))
    played = second.bandit.played
    assert played is not None
    fallen = max(0, first.entropy - second.entropy) + first.divergence - second.divergence
    assert (played.arm, played.cost) == (0, 400)
    assert played.reward == round(Fraction(fallen, 2)) - 1_000  # the dearest round so far
    assert second.bandit.arms[0] == Arm(count=1, reward=played.reward, cost=400)
    assert second.bandit.chosen == 1
    assert second.dials == Dials(gate=2_000, evidence=2_000)


def test_a_move_costs_the_dearest_round_that_it_ever_led_to() -> None:
    arm = Arm()
    for cost in (300, 900, 200):
        arm = arm.after(0, cost)
    assert arm == Arm(count=3, reward=0, cost=900)


def test_the_price_of_a_round_is_its_share_of_the_dearest_that_anybody_knows_of() -> None:
    """A round of 400 tokens where another move once led to one of 4,000 pays a tenth."""
    known = (2, 0, 0) * 8 + (2, 0, 4_000)
    first = judge(replace(APART, policy=UCB), arms=[known] * 5, claims=Claims(tokens=300))
    second = judge(replace(LEANING, policy=UCB), first, claims=Claims(tokens=700))
    fallen = max(0, first.entropy - second.entropy) + first.divergence - second.divergence
    assert second.bandit.played is not None
    assert second.bandit.played.reward == round(Fraction(fallen, 2)) - 100


def test_arms_are_read_in_the_first_round_alone() -> None:
    known = (5, 3_000, 400) * 9
    first = judge(replace(APART, policy=UCB), arms=[known] * 5)
    second = judge(replace(APART, policy=UCB), first)
    again = judge(replace(APART, policy=UCB), first, arms=[(9, 9, 9) * 9] * 5)
    assert second == again
    assert sum(arm.count for arm in second.bandit.arms) == 46


@pytest.mark.parametrize("dials", ["follow", "maci"])
def test_without_a_bandit_no_arms_are_carried(dials: str) -> None:
    of = replace(APART, policy=replace(UCB, dials=dials))
    found = judge(of, arms=[(5, 3_000, 400) * 9] * 5)
    assert (found.bandit.arms, found.bandit.chosen) == ((), None)


def bound(means: tuple[float, ...], horizon: int) -> float:
    """Auer, Cesa-Bianchi and Fischer (2002), theorem 1: the expected regret of UCB1 is at most
    8 sum(ln T / gap) + (1 + pi^2 / 3) sum(gap)."""
    gaps = [max(means) - one for one in means if one < max(means)]
    return 8 * sum(math.log(horizon) / gap for gap in gaps) + (1 + math.pi**2 / 3) * sum(gaps)


def regret(means: tuple[float, ...], horizon: int) -> float:
    """What the moves lost on Bernoulli arms with these means, a mean over five seeds."""
    lost = 0.0
    for seed in range(5):
        rng, arms = Random(seed), [Arm() for _ in means]
        for _ in range(horizon):
            at = choose(arms, None)
            assert at is not None
            arms[at] = arms[at].after(ONE_BP * (rng.random() < means[at]), 0)
            lost += max(means) - means[at]
    return lost / 5


WIDE = ((0.9, 0.1), (0.95, 0.5, 0.05), (0.95, *[0.05] * 8))
"""Gaps at which the bound is under what blind moves lose: else nothing could break it."""


@pytest.mark.parametrize("means", WIDE, ids=len)
def test_regret_on_synthetic_arms_stays_under_a_bound_that_blind_moves_break(
    means: tuple[float, ...],
) -> None:
    horizon = 1_000
    blind = horizon * (max(means) - sum(means) / len(means))
    assert regret(means, horizon) <= bound(means, horizon) < blind


NARROW = ((0.5, 0.4), (0.6, 0.5, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1))
"""Gaps at which the bound says nothing yet: it is over what the worst moves lose."""


@pytest.mark.parametrize("means", NARROW, ids=len)
def test_regret_on_arms_that_are_alike_is_well_under_that_of_blind_moves(
    means: tuple[float, ...],
) -> None:
    horizon = 1_000
    assert bound(means, horizon) > horizon * (max(means) - min(means))
    assert regret(means, horizon) < 0.7 * horizon * (max(means) - sum(means) / len(means))
