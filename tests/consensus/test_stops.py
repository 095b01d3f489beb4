"""Stop rules by name: MACI's flags, the fatigue curve, the secretary rule, their bounds (P2)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.bodies import Budget
from consensus.exact import GRID
from consensus.plateau import Plateau, Reason
from consensus.plateau.efficiency import Curve, conviction, convinced
from consensus.plateau.maci import Flags, flat
from consensus.plateau.secretary import watching
from consensus.plateau.signals import divergence, semantic_entropy
from consensus.policy import ONE, STOPS, Policy
from consensus.tally import Claims, Opinion
from tests.harness.plateaus import (
    AGREED,
    APART,
    GREEN,
    LEANING,
    RED,
    believing,
    judge,
    most_rounds,
    play,
    scored,
    towards,
)
from tests.harness.tallies import ALICE, BOB, CAROL, CHOICE, Round, ballot, beliefs, rounds

ENDLESS = Policy(rounds=16, stops="")


# -- by name ------------------------------------------------------------------------------


@pytest.mark.parametrize("stops", ["luck", "seat  maci", " seat", "seat seat", "seat,maci", 3])
def test_a_policy_names_known_rules_once_each_with_a_blank_between(stops: object) -> None:
    with pytest.raises(ValueError, match=r"policy\.stops"):
        Policy(stops=stops)  # type: ignore[arg-type]


def test_the_rules_are_asked_in_the_policys_order() -> None:
    for stops in ("unanimity seat efficiency", "efficiency unanimity"):
        policy = Policy(rounds=9, stops=stops, effort=1)
        first, *_ = stops.split()
        of = replace(
            AGREED,
            ballots=tuple(ballot(v, AGREED.candidates, marks={(v + 1) % 5: 100}) for v in range(5)),
        )
        assert play([of], policy)[-1].reason == first


def test_without_any_rule_the_bounds_hold() -> None:
    assert [item.reason for item in play([AGREED], Policy(rounds=2, stops=""))] == [
        None,
        Reason.ROUNDS,
    ]
    assert (
        judge(replace(AGREED, policy=ENDLESS), claims=Claims(deadline=True)).reason
        is Reason.DEADLINE
    )
    spent = judge(replace(AGREED, policy=ENDLESS), claims=Claims(tokens=9), budget=Budget(tokens=9))
    assert spent.reason is Reason.BUDGET


# -- MACI ---------------------------------------------------------------------------------


@given(st.lists(st.integers(0, ONE), min_size=2, max_size=4), st.integers(0, ONE))
def test_a_ratio_is_the_papers_word_for_word(levels: list[int], least: int) -> None:
    """Eq. 6 in fractions of one."""
    of_one = [Fraction(level, ONE) for level in levels]
    falls = [max(Fraction(0), old - new) for old, new in pairwise(of_one)]
    average = sum(falls, Fraction(0)) / len(falls)
    before = sum(of_one[:-1], Fraction(0)) / len(falls)
    assert flat(levels, least) == (average / (before + Fraction(1, 1_000)) < Fraction(least, ONE))


def test_flags_count_rounds_in_a_row_over_a_window_of_three_changes() -> None:
    flags = Flags()
    seen = []
    for level in (9_000, 5_000, 5_000, 5_000, 5_000, 2_000):
        flags = flags.next((level, level), 200, 500)
        seen.append(flags.entropy)
    # The fall from 9,000 is in the window of the next two rounds.
    assert seen == [0, 0, 0, 0, 1, 0]
    assert len(flags.trail) == 4


def test_maci_stops_once_both_flags_have_stood_for_two_rounds() -> None:
    found = play([APART], Policy(rounds=9, stops="maci"))
    assert [(item.flags.entropy, item.flags.divergence) for item in found] == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]
    assert found[-1].reason is Reason.MACI


DENGUE = [(0, 5_600), (0, 3_700), (0, 200)]
HEPATITIS = [(0, 2_200), (0, 1_200), (0, 400), (0, 300)]


@pytest.mark.parametrize("case", [DENGUE, HEPATITIS])
def test_macis_own_case_studies_satisfy_neither_form_of_its_rule(
    case: list[tuple[int, int]],
) -> None:
    """Its tables 5 and 6 (divergence), taking for granted that entropy was flat throughout."""
    flags, small = Flags(), 0
    for at, level in enumerate(case):
        flags = flags.next(level, ONE, 500)
        steady = at > 0 and abs(level[1] - case[at - 1][1]) < 500
        small = small + 1 if steady else 0
        assert not flags.plateau
    assert small < 2  # |D(t) - D(t-1)| < 0.05 for two rounds, appendix D.5
    assert case[-1][1] < Policy().near_consensus  # and each is a near-consensus


@pytest.mark.parametrize(("evidence", "stops_at"), [(60, 3), (59, 9)])
def test_maci_asks_for_evidence_over_its_gate(evidence: int, stops_at: int) -> None:
    """The gate is 0.5 at first and rises by 0.1 after a flat round, as the second one is. With
    evidence that does not get better it has starved the rule by the next: the ratchet."""
    of = replace(APART, ballots=(scored(ALICE, APART, bob=(evidence, 50)), *APART.ballots[1:]))
    found = play([of], Policy(rounds=9, stops="maci", dials="maci"))
    assert [item.dials.evidence for item in found[:3]] == [5_000, 6_000, 7_000]
    assert len(found) == stops_at


@pytest.mark.parametrize(("cited", "stops_at"), [(("a",), 3), ((), 9)])
def test_maci_asks_for_overlap_where_evidence_is_cited(
    cited: tuple[str, ...], stops_at: int
) -> None:
    names = [cited or (f"only {at}",) for at in range(5)]
    of = replace(
        APART,
        candidates=tuple(
            replace(item, proposal=replace(item.proposal, evidence=name))
            for item, name in zip(APART.candidates, names, strict=True)
        ),
    )
    assert len(play([of], Policy(rounds=9, stops="maci"))) == stops_at


# -- Lemma 1, and what it gives -------------------------------------------------------------


spread = st.lists(beliefs(4).filter(bool), min_size=2, max_size=6)
steps = st.fractions(min_value=Fraction(1, 10), max_value=1, max_denominator=20)


def kl_to_mean(held: list[list[float]]) -> float:
    """D_KL of MACI's appendix M: the mean divergence from the mixture, in nats."""
    mean = [sum(column) / len(held) for column in zip(*held, strict=True)]
    return math.fsum(
        one * math.log(one / middle)
        for belief in held
        for one, middle in zip(belief, mean, strict=True)
        if one > 0
    ) / len(held)


@given(spread, steps)
def test_lemma_1_gated_averaging_contracts_the_dispersion(
    held: list[tuple[int, ...]], step: Fraction
) -> None:
    now = [[share / ONE for share in belief] for belief in held]
    mean = [sum(column) / len(now) for column in zip(*now, strict=True)]
    part = float(step)
    then = [
        [(1 - part) * one + part * middle for one, middle in zip(belief, mean, strict=True)]
        for belief in now
    ]
    assert kl_to_mean(then) <= (1 - part) * kl_to_mean(now) + 1e-12


@given(spread, steps)
def test_the_signed_divergence_contracts_alike(held: list[tuple[int, ...]], step: Fraction) -> None:
    def apart(shares: list[tuple[int, ...]]) -> int:
        said = [Opinion(voter=at, shares=one, known=(True,) * 4) for at, one in enumerate(shares)]
        return divergence(said, (ONE,) * len(shares))

    # Rounding a belief to bp moves it by a ten-thousandth of a share in each of four places.
    assert apart(towards(held, step)) <= (1 - step) * apart(held) + 25


PLATEAU = Policy(rounds=16, stops="plateau", quality_gate=0)
ASSESS = import_module("consensus.plateau.assess")  # the module: the package has the function


def plateaued(at: Callable[[int], Mapping[str, int]], within: int) -> Plateau:
    """The first plateau by the real rule, where `at` says what the signals of a round (from 1) are
    and no cap ends the task: the policy's is passed over, as a rule is asked before it."""
    of, found = replace(APART, policy=PLATEAU), None
    tally = of.tally()
    while found is None or found.reason is not Reason.PLATEAU:
        round_ = 1 if found is None else found.round + 1
        assert round_ <= within
        with pytest.MonkeyPatch.context() as patch:
            for name, level in at(round_).items():
                patch.setattr(ASSESS, name, lambda *_, level=level: level)
            found = judge(of, found, tally=tally)
        assert found.reason in {None, Reason.PLATEAU, *((Reason.ROUNDS,) if round_ > 15 else ())}
    return found


@settings(max_examples=40)
@given(spread.filter(lambda held: len(held) > 3), steps)
def test_a_plateau_on_gated_averaging_ends_by_itself(
    held: list[tuple[int, ...]], step: Fraction
) -> None:
    """Without any cap but what `most_rounds` derives from the thresholds. Entropy stands still, as
    the mean belief does; of the divergence only what rounding makes rise is taken back."""
    trace: list[int] = []

    def signals(_: int) -> Mapping[str, int]:
        nonlocal held
        level = divergence(
            [Opinion(voter=at, shares=one, known=(True,) * 4) for at, one in enumerate(held)],
            (ONE,) * len(held),
        )
        trace.append(min([level, *trace]))
        held = towards(held, step)
        return {"normal_entropy": 5_000, "divergence": trace[-1]}

    last = plateaued(signals, most_rounds(PLATEAU.plateau_divergence))
    assert (last.divergence, last.flat) == (trace[-1], 2)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, ONE), st.integers(0, ONE)), min_size=1, max_size=40))
def test_falling_signals_reach_a_plateau_within_the_bound(drawn: list[tuple[int, int]]) -> None:
    entropies = sorted((one for one, _ in drawn), reverse=True)
    divergences = sorted((other for _, other in drawn), reverse=True)

    def signals(round_: int) -> Mapping[str, int]:
        at = min(round_, len(drawn)) - 1
        return {"normal_entropy": entropies[at], "divergence": divergences[at]}

    bound = most_rounds(PLATEAU.plateau_entropy, PLATEAU.plateau_divergence)
    last = plateaued(signals, bound)
    assert last.flat == 2
    assert last.round <= len(drawn) + 2


def test_wandering_signals_never_reach_a_plateau_so_that_a_cap_is_needed() -> None:
    calm = believing(*[(9_000, 1_000, 0, 0)] * 3, *[(8_000, 2_000, 0, 0)] * 2)
    found = play([APART, calm] * 8, Policy(rounds=16, stops="plateau"))
    assert [item.reason for item in found[-2:]] == [None, Reason.ROUNDS]


@settings(max_examples=25)
@given(
    st.lists(rounds(least=5, most=5, specs=(CHOICE,)), min_size=1, max_size=3),
    st.integers(1, 6),
    st.lists(st.sampled_from(STOPS), unique=True),
    st.sampled_from(("follow", "maci", "ucb")),
)
def test_every_trace_ends_within_the_policys_rounds(
    of: list[Round], cap: int, stops: list[str], dials: str
) -> None:
    found = play(of, Policy(rounds=cap, stops=" ".join(stops), dials=dials))
    assert len(found) <= cap
    assert found[-1].reason in {*stops, *(("rounds",) if len(found) == cap else ())}


# -- diminishing returns --------------------------------------------------------------------


@given(
    st.integers(0, ONE),
    st.integers(0, ONE),
    st.integers(0, 10_000),
    st.integers(0, 1_000_000),
    st.integers(0, 16),
)
def test_the_curve_is_the_papers(
    generate: int, verify: int, rate: int, fatigue: int, t: int
) -> None:
    curve = Curve(generate=generate, verify=verify, rate=rate, fatigue=fatigue)
    p_g, p_v = generate / ONE, max(verify, generate) / ONE
    meant = 1 - (1 - p_g) * math.exp(-rate / 100 * (p_v - p_g) * t) - fatigue / 1e6 * t * t
    assert curve.utility(t) == pytest.approx(meant * GRID, abs=2)


def test_the_default_curve_is_best_after_three_rounds() -> None:
    curve = Curve.of(Policy())
    assert [curve.best(rounds_) for rounds_ in (1, 2, 3, 16)] == [1, 2, 3, 3]
    assert curve.utility(1) / curve.utility(3) == pytest.approx(0.879, abs=0.001)


@given(st.integers(1, 16), st.integers(0, ONE), st.integers(0, ONE))
def test_full_conviction_gathers_the_curves_whole_gain_and_no_more(
    rounds_: int, generate: int, verify: int
) -> None:
    curve = Curve(generate=generate, verify=verify, rate=200, fatigue=6_000)
    gathered = 0
    for t in range(1, rounds_ + 1):
        gathered = convinced(curve, gathered, t, ONE)
    assert gathered == curve.gain(rounds_)


@pytest.mark.parametrize(
    ("support", "winner", "found"),
    [
        ((8_000, -2_000), 0, 8_000),
        ((8_000, -2_000), 1, 0),
        ((3_000, 3_000), 0, 5_000),
        ((0, 0), 0, 0),
        ((5_000,), None, 0),
        ((5_000,), 0, ONE),
    ],
)
def test_conviction_is_the_winners_part_of_all_support(
    support: tuple[int, ...], winner: int | None, found: int
) -> None:
    assert conviction(support, winner) == found


def backed(percent: int) -> Round:
    """Five members, three for red; all back alice's red, and bob's with the rest of their unit."""
    marks = {ALICE: percent, CAROL: 0}
    return replace(
        APART,
        ballots=tuple(
            ballot(v, APART.candidates, marks={a: m for a, m in marks.items() if a != v and m})
            for v in range(5)
        ),
    )


@pytest.mark.parametrize(("effort", "stops_at"), [(3_000, 1), (6_000, 2), (ONE, 3)])
def test_more_effort_takes_more_rounds(effort: int, stops_at: int) -> None:
    found = play([backed(100)], Policy(rounds=9, stops="efficiency", effort=effort))
    assert (len(found), found[-1].reason) == (stops_at, Reason.EFFICIENCY)


def test_the_unconvinced_stop_at_the_curves_best_round() -> None:
    found = play([APART], Policy(rounds=9, stops="efficiency"))
    assert (len(found), found[-1].convinced) == (3, 0)


def test_a_curve_on_which_rounds_bring_nothing_stops_at_once() -> None:
    worse = Policy(rounds=9, stops="efficiency", curve_verify=1_000)
    assert len(play([APART], worse)) == 1


# -- the secretary rule -----------------------------------------------------------------------


def test_as_many_rounds_are_watched_as_is_best() -> None:
    """Chances of ending on the calmest of n in random order, by counting."""
    for n in range(2, 17):
        chances = [
            Fraction(watched, n) * sum((Fraction(1, at) for at in range(watched, n)), Fraction(0))
            for watched in range(1, n)
        ]
        assert chances[watching(n) - 1] == max(chances)
    assert watching(1) == 1


def test_semantic_entropy_counts_answers_and_not_beliefs() -> None:
    groups = APART.tally().groups
    meant = -sum(p * math.log(p) for p in (0.6, 0.4)) / math.log(5)
    assert semantic_entropy(5, 4, groups) == round(meant * ONE)
    assert semantic_entropy(5, 4, AGREED.tally().groups) == 0
    few = replace(AGREED, candidates=AGREED.candidates[:3])
    assert semantic_entropy(5, 4, few.tally().groups) == ONE


def test_the_first_round_as_calm_as_any_before_is_the_last() -> None:
    four = believing(RED, RED, RED, RED, GREEN)
    policy = Policy(rounds=8, stops="seat")  # three are watched
    calmest = play([four, APART, APART, APART, APART, four], policy)
    assert (len(calmest), calmest[-1].reason) == (6, Reason.SEAT)
    assert len(play([APART, APART, APART, APART], policy)) == 4  # a tie is as calm
    assert play([four, APART], policy)[-1].reason is Reason.ROUNDS
    assert [item.calmest for item in calmest] == [four_entropy() for _ in calmest]


def four_entropy() -> int:
    """The semantic entropy of four against one."""
    meant = -sum(p * math.log(p) for p in (0.8, 0.2)) / math.log(5)
    return round(meant * ONE)


def test_leaning_is_no_surer_by_answers() -> None:
    assert judge(LEANING).semantic == judge(APART).semantic
    assert BOB in LEANING.tally().groups[0].authors
