"""How rules are compared: the paired bootstrap, and voters that are bad on purpose."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from consensus.policy import Policy
from tests.bench.rules.adversaries import ATTACKS, Attack
from tests.bench.rules.bootstrap import draws, paired
from tests.bench.rules.breakdown import breakdown, simulated, sizes
from tests.bench.rules.simulated import committee

BALLOTS_ONLY = [one for one in ATTACKS if one.name != "colluding, drafts too"]


def test_a_rule_against_itself_differs_by_nothing() -> None:
    shares = [1.0, 0.0, 0.5, 1.0]
    found = paired(shares, [shares], draws(4, resamples=50))
    (same,) = found.differences
    assert (same.points, same.low, same.high, same.better, same.worse) == (0, 0, 0, 0, 0)
    assert found.simultaneous(0) == (0, 0)


def test_resampling_by_counts_is_resampling_by_questions() -> None:
    random = Random(5)
    base = [random.choice((0.0, 0.5, 1.0)) for _ in range(30)]
    other = [random.choice((0.0, 0.5, 1.0)) for _ in range(30)]
    drawn = draws(30, resamples=200, seed=3)
    means = []
    for counts in drawn:
        picked = [at for at, times in enumerate(counts) for _ in range(int(times))]
        assert len(picked) == 30
        means.append(100 * sum(other[at] - base[at] for at in picked) / 30)
    (found,) = paired(base, [other], drawn).differences
    assert (found.low, found.high) == pytest.approx(np.percentile(means, [2.5, 97.5]))
    assert found.better == sum(one > two for one, two in zip(other, base, strict=True))


def test_intervals_for_all_at_once_are_no_narrower_than_for_one() -> None:
    random = Random(6)
    base = [random.random() for _ in range(60)]
    many = [[random.random() for _ in range(60)] for _ in range(12)]
    drawn = draws(60, resamples=1_000)
    assert paired(base, many, drawn).critical > paired(base, many[:1], drawn).critical > 1.5


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.name)
def test_bad_voters_alone_vote_otherwise_and_say_nothing_of_their_own_proposals(
    attack: Attack,
) -> None:
    honest, bad = committee(7, 1).round, frozenset((1, 4))
    after = attack.change(honest, honest.count(), bad, Random(0))
    own = {item.author: item.id for item in after.candidates}
    assert {item.voter for item in after.ballots} == set(range(7))
    for before, now in zip(honest.ballots, after.ballots, strict=True):
        assert (now != before) == (now.voter in bad)
        mine = now.ballot.held.index(own[now.voter])
        assert all(mine not in (pair.first, pair.second) for pair in now.ballot.pairs)
        assert all(mark.candidate != mine for mark in now.ballot.marks)


def test_a_majority_does_not_move_with_ballots_and_moves_with_drafts() -> None:
    found = list(breakdown(simulated(5, 12), {"majority": Policy(rule="majority")}))
    moved = {one.attack for one in found if one.flipped}
    assert moved == {"colluding, drafts too"}


def test_half_of_the_voters_and_f_of_them_are_tried() -> None:
    assert {n: sizes(n) for n in (4, 6, 7, 16)} == {
        4: (1, 2),
        6: (1, 2, 3),
        7: (1, 2, 3),
        16: (1, 3, 4, 5, 6, 8),
    }


def test_attacked_counts_shared_by_rules_are_each_rules_own() -> None:
    cases, attacks = simulated(4, 6), BALLOTS_ONLY
    rules = {rule: Policy(rule=rule) for rule in ("borda", "bradley_terry", "quadratic")}
    together = list(breakdown(cases, rules, attacks))
    for rule, policy in rules.items():
        alone = list(breakdown(cases, {rule: policy}, attacks))
        assert [one for one in together if one.rule == rule] == alone


def test_a_simulated_committee_is_the_same_in_every_run_and_disagrees() -> None:
    case = committee(4, 9)
    assert case == committee(4, 9)
    assert case != replace(case, round=committee(4, 10).round)
    assert all(len(one.round.count().classes.items) > 1 for one in simulated(4, 20))
