"""Streams of recorded questions as `make bench-stream` plays them, in small."""

from itertools import pairwise
from random import Random

import pytest

from consensus.committee import FaultMode, Quorum
from tests.bench.rules.adversaries import ATTACKS, Attack
from tests.bench.stream import attacked
from tests.bench.stream.play import play
from tests.bench.stream.recorded import Played, Run, cases, percents, pools

FABLE = "with_fable"
"""The pool in which one member stands out: the first by name."""


def test_words_of_a_client_teach_who_is_good_and_silence_teaches_less() -> None:
    asked = cases(pools()[FABLE])[:40]
    ends = {}
    for told in (0.0, 1.0):
        steps = list(play(asked, told=told, rng=Random(1)))
        assert steps[0].scores == (5_000,) * 4
        ends[told] = steps[-1].scores
    best = ends[1.0].index(max(ends[1.0]))
    assert best == 0  # claude-fable-5, by the data's account
    assert ends[1.0][best] > ends[0.0][best]


def test_a_stream_is_a_function_of_its_seed() -> None:
    asked = cases(pools()[FABLE])[:10]
    one, other = (list(play(asked, told=0.5, rng=Random(3))) for _ in range(2))
    assert one == other


def test_verdicts_alone_teach_once_judges_endorse() -> None:
    taught = {}
    for marks in (False, True):
        asked = cases(pools()[FABLE], marks=marks)[:25]
        steps = list(play(asked, told=0.0, rng=Random(1)))
        taught[marks] = sum(step.teaches for step in steps)
        assert (steps[-1].scores != (5_000,) * 4) is marks
        assert {step.said for step in steps} == {steps[0].said}  # of rules only clients teach
    assert taught[False] == 0 < taught[True]


def test_after_an_outcome_that_teaches_nothing_scores_only_fade() -> None:
    steps = list(play(cases(pools()[FABLE], marks=True)[:25], told=0.0, rng=Random(1)))
    assert any(step.teaches for step in steps)
    for step, after in pairwise(steps):
        for score, then in zip(step.scores, after.scores, strict=True):
            assert step.teaches or abs(then - 5_000) <= abs(score - 5_000)


def test_endorsements_change_what_rules_say_that_read_them_and_no_other() -> None:
    changed = set()
    for bare, endorsed in zip(
        *(cases(pools()[FABLE], marks=marks)[:25] for marks in (False, True)), strict=True
    ):
        one, other = (next(play([case], told=0.0, rng=Random(1))) for case in (bare, endorsed))
        changed |= {way for way, share in one.right.items() if share != other.right[way]}
    assert "quadratic" in changed
    # The draw is among all rules, so that it changes with any of them.
    assert changed <= {"blend", "quadratic", "adaptive", "adaptive_capped", "the draw"}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.name)
@pytest.mark.parametrize("name", [attacked.NEAR, attacked.SIX])
def test_who_attacks_turns_its_endorsements_too(name: str, attack: Attack) -> None:
    before = attacked.stream(name, Random(1))[0].round
    bad = frozenset({0, 1})
    assert all(item.ballot.marks for item in before.ballots)
    after = attack.change(before, before.count(policy=attacked.POLICY), bad, Random(1))
    for old, new in zip(before.ballots, after.ballots, strict=True):
        assert (old.ballot.marks == new.ballot.marks) is (old.voter not in bad)


def test_committees_are_attacked_by_as_many_as_they_bear_and_who_bears_less_is_called_so() -> None:
    for of in attacked.COMMITTEES:
        n = attacked.stream(of.name, Random(1))[0].round.n
        f = Quorum.of(n, FaultMode.BYZANTINE).f
        assert attacked.F[of.name] == f
        assert ("past f" in of.title) is (of.bad > f)


def test_a_mean_over_sets_is_taken_in_each_shuffle_before_it_is_spread() -> None:
    sets = tuple(pools().values())[:2]
    halves = [[len(of.judged) * share for share in (0.25, 0.75)] for of in sets]
    runs = [
        Run(pool=of.pool, told=0.0, right={"way": right}, scores=(), taught=0, true=0.0)
        for of, found in zip(sets, (halves[0], halves[1][::-1]), strict=True)
        for right in found
    ]
    found = Played(sets=sets, told=(0.0,), runs=runs, alone={}).mean("way", 0.0)
    assert (found.mean, found.spread) == pytest.approx((50.0, 0.0))
    assert percents(sets[0], runs, "way", 0.0) == pytest.approx([25.0, 75.0])
