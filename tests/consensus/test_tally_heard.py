"""Ballots trimmed, or heard in blocks, against f bad voters (O5a)."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.policy import ONE, Policy
from consensus.tally.heard import Hearing
from tests.harness.tallies import FIRST, SECOND, TIE, Round, ballot, candidate, rounds

ROBUST = ("trimmed", "median_of_means")
SEED = bytes(32)


def hearing(ballots: str, f: int, *weights: int) -> Hearing:
    return Hearing(ballots=ballots, f=f, judging=weights, seed=SEED)


def mean(of: Hearing, values: list[Fraction]) -> Fraction:
    """The weighted mean of those that are heard."""
    kept = of.kept(list(enumerate(values)))
    whole = sum(of.judging[voter] for voter in kept)
    return sum((of.judging[voter] * values[voter] for voter in kept), Fraction()) / whole


@given(
    st.sampled_from(ROBUST),
    st.integers(0, 3),
    st.lists(st.integers(0, 100), min_size=7, max_size=9),
    st.data(),
)
def test_f_liars_move_no_figure_past_honest_ones(
    ballots: str, f: int, said: list[int], data: st.DataObject
) -> None:
    liars = data.draw(st.sets(st.integers(0, len(said) - 1), max_size=f))
    lies = {liar: data.draw(st.integers(-1_000, 1_000)) for liar in liars}
    weights = data.draw(st.lists(st.integers(1, ONE), min_size=len(said), max_size=len(said)))
    values = [Fraction(lies.get(at, value)) for at, value in enumerate(said)]
    honest = [value for at, value in enumerate(values) if at not in liars]
    found = mean(hearing(ballots, f, *weights), values)
    assert min(honest) <= found <= max(honest)


@pytest.mark.parametrize("ballots", ROBUST)
def test_without_faults_everybody_is_heard(ballots: str) -> None:
    assert hearing(ballots, 0, 1, 2, 3).kept([(0, Fraction(9)), (2, Fraction(1))]) == {0, 2}


@pytest.mark.parametrize(
    ("voters", "heard"), [(1, {0}), (2, {0, 1}), (3, {1}), (4, {1, 2}), (5, {2}), (7, {2, 3, 4})]
)
def test_what_is_trimmed_leaves_one_or_two(voters: int, heard: set[int]) -> None:
    said = [(voter, Fraction(voter)) for voter in range(voters)]
    assert hearing("trimmed", 2, *[ONE] * voters).kept(said) == heard


def test_of_equal_words_the_heaviest_are_trimmed_at_either_end() -> None:
    of = hearing("trimmed", 1, 1, 9, 5, 2)
    said = [(0, Fraction(0)), (1, Fraction(0)), (2, Fraction(1)), (3, Fraction(1))]
    assert of.kept(said) == {0, 3}
    assert of.kept([(voter, 1 - value) for voter, value in said]) == {0, 3}


def test_of_equal_words_of_equal_weight_those_trimmed_are_the_same_in_any_order() -> None:
    said = [(voter, Fraction(1, 2)) for voter in range(4)]
    of = hearing("trimmed", 1, *[ONE] * 4)
    assert of.kept(said) == of.kept(said[::-1])


def test_voters_are_drawn_into_blocks_and_the_median_one_is_heard() -> None:
    of = hearing("median_of_means", 1, *[ONE] * 6)
    said = [(voter, Fraction(voter)) for voter in range(6)]
    kept = of.kept(said)
    assert len(kept) == 2  # three blocks of two
    others = {replace(of, seed=bytes([seed]) * 32).kept(said) for seed in range(20)}
    assert len(others) > 3


def test_a_committee_of_3f_plus_1_has_no_room_for_blocks_of_two() -> None:
    """At N = 4, 7, 10 a pair has 3f voices or so: the median of means is the plain median."""
    for f in (2, 3):
        said = [(voter, Fraction(voter)) for voter in range(3 * f)]
        of = hearing("median_of_means", f, *[ONE] * 3 * f)
        assert len(of.kept(said)) <= 2


def split(first: int, second: int, policy: Policy) -> Round:
    """Two answers; `first` bystanders prefer one, `second` the other, all with certainty."""
    n = first + second + 2
    table = (candidate(n - 2, "red"), candidate(n - 1, "green"))
    return Round(
        n=n,
        candidates=table,
        ballots=tuple(
            ballot(
                voter,
                table,
                [(n - 2, n - 1, FIRST if voter < first else SECOND, ONE)],
                {n - 2: 100 if voter < first else -100},
            )
            for voter in range(n - 2)
        ),
        policy=policy,
    )


def test_words_that_are_heard_weigh_what_all_that_spoke_weigh() -> None:
    of = split(4, 1, Policy(ballots="trimmed"))
    (lone,) = {sum(item.scale for reading in of.count().readings for item in reading.comparisons)}
    assert lone == 5 * ONE  # five spoke, one highest and one lowest of them is left out
    assert of.count().strengths[0] > of.count(policy=Policy()).strengths[0]
    assert len(of.count().raw) == 5


def test_support_leaves_out_the_same_number_of_votes_at_either_end() -> None:
    of = split(4, 1, Policy(ballots="trimmed"))
    assert of.count(policy=Policy()).support[0] == 6_000
    assert of.count().support[0] == ONE


@given(rounds(least=2, most=3), st.sampled_from(["bradley_terry", "quadratic", "kemeny"]))
def test_in_a_committee_without_faults_trimming_changes_nothing(of: Round, rule: str) -> None:
    plain = of.tally(policy=Policy(rule=rule)).to_dict()
    for ballots in ROBUST:
        assert of.tally(policy=Policy(rule=rule, ballots=ballots)).to_dict() == plain


def test_one_liar_in_four_turns_the_plain_tally_and_not_the_trimmed_one() -> None:
    # Two judges lean to red, a third lies for green with certainty.
    table = (candidate(3, "red"), candidate(4, "green"))
    lean = [(3, 4, FIRST, 4_000)]
    of = Round(
        n=5,
        candidates=table,
        ballots=(
            ballot(0, table, lean),
            ballot(1, table, lean),
            ballot(2, table, [(3, 4, SECOND, ONE)]),
            ballot(3, table, [(4, 3, TIE, 0)]),
        ),
        policy=Policy(rule="bradley_terry"),
    )
    masked = tuple(item for item in of.ballots if item.voter != 3)
    winners = {
        ballots: of.count(ballots=masked, policy=replace(of.policy, ballots=ballots)).winner
        for ballots in ("all", *ROBUST)
    }
    assert winners == {"all": 1, "trimmed": 0, "median_of_means": 0}
