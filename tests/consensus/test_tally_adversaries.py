"""Adversarial ballots are what they are called, the same in every run, and find a majority."""

from dataclasses import replace

import pytest

from consensus.policy import ONE, RULES, Policy
from tests.harness.adversaries import KINDS, attacked, flips
from tests.harness.tallies import FIRST, Round, ballot, candidate

TABLE = tuple(candidate(at, answer) for at, answer in enumerate(["red", "red", "green", "blue"]))
CLEAR = Round(
    n=10,
    candidates=TABLE,
    ballots=tuple(
        ballot(
            voter,
            TABLE,
            [
                (one, other, FIRST, ONE)
                for one in (0, 1)
                for other in (2, 3)
                if voter not in (one, other)
            ]
            + ([(2, 3, FIRST, ONE)] if voter not in (2, 3) else []),
            {at: 100 if at < 2 else -50 for at in range(4) if at != voter},
        )
        for voter in range(10)
    ),
)
BY_BALLOTS = ("bradley_terry", "quadratic", "borda", "copeland", "kemeny")


@pytest.mark.parametrize("kind", KINDS)
def test_an_attack_is_the_same_in_every_run_and_nobody_judges_its_own(kind: str) -> None:
    found = attacked(CLEAR, kind, 5, 3)
    assert found == attacked(CLEAR, kind, 5, 3)
    assert sum(a != b for a, b in zip(found.ballots, CLEAR.ballots, strict=True)) == 5
    for item in found.ballots:
        own = {
            at
            for at, id_ in enumerate(item.ballot.held)
            for c in TABLE
            if c.id == id_ and c.author == item.voter
        }
        assert not own & {end for pair in item.ballot.pairs for end in (pair.first, pair.second)}
        assert not own & {mark.candidate for mark in item.ballot.marks}


@pytest.mark.parametrize("rule", RULES)
def test_no_adversaries_flip_nothing(rule: str) -> None:
    for kind in KINDS:
        assert flips([CLEAR] * 2, Policy(rule=rule), kind, 0.0) == (0, 2)


@pytest.mark.parametrize("rule", BY_BALLOTS)
def test_a_clear_winner_stands_against_a_third_and_falls_with_the_majority(rule: str) -> None:
    policy = Policy(rule=rule)
    assert flips([CLEAR], policy, "colluding", 0.3, draws=4) == (0, 4)
    assert flips([CLEAR], policy, "inverted", 0.3, draws=4) == (0, 4)
    lost = replace(CLEAR, policy=policy, ballots=attacked(CLEAR, "colluding", 8, 1).ballots)
    assert lost.count().winner != CLEAR.count(policy=policy).winner


@pytest.mark.parametrize("rule", ["majority", "log_odds", "reconcile", "model_switch", "self_org"])
def test_rules_over_answers_are_moved_by_no_ballot(rule: str) -> None:
    for kind in KINDS:
        assert flips([CLEAR], Policy(rule=rule), kind, 0.5, draws=2) == (0, 2)
