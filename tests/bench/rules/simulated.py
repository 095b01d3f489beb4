"""Simulated committees, for sizes that nobody recorded. Nothing here is a real model.

Members answer a question of `OPTIONS` options and judge each other by chance, with the rates that
the data's README measured on real ones: two unequal answers are told apart by whether the judge
is itself right. What real judges have and these have not: errors that hang together beyond the
decoy, styles, favourites. So accuracies here say nothing about real committees; what is looked
at is how many bad voters a way of counting bears.
"""

import hashlib
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Final

from consensus.bodies import AnswerKind, AnswerSpec, Preference
from consensus.exact import round_ratio
from tests.harness.tallies import Round, ballot, candidate

OPTIONS: Final = tuple("ABCDEFGH")
RIGHT: Final = 0.5
"""How often a member is right."""
DECOY: Final = 0.5
"""How often a wrong member gives the one wrong answer that tempts everybody."""
JUDGE_RIGHT: Final = 0.91
JUDGE_WRONG: Final = 0.36
"""How often a judge prefers the right one of two answers, by whether its own is right."""
OWN: Final = 0.84
"""How often a judge prefers an answer equal to its own to another, both wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A round, and the right answer."""

    round: Round
    gold: str


def committee(n: int, number: int) -> Case:
    """Simulated committee `number` of `n` members, at least two of whom disagree."""
    random = Random(f"{n} {number}")
    gold, decoy, *rest = random.sample(OPTIONS, len(OPTIONS))
    answers: list[str] = []
    while len(set(answers)) < 2:
        answers = [_answer(random, gold, decoy, rest) for _ in range(n)]
    candidates = tuple(candidate(at, answer) for at, answer in enumerate(answers))
    ballots = []
    for voter, own in enumerate(answers):
        better = {
            (one, other): _prefers(random, one, other, own=own, gold=gold)
            for one, other in combinations(sorted(set(answers)), 2)
        }
        others = [at for at in range(n) if at != voter]
        won = dict.fromkeys(others, 0)
        pairs = []
        for first, second in combinations(others, 2):
            low, high = sorted((answers[first], answers[second]))
            if low == high:
                pairs.append((first, second, Preference.SAME, 10_000))
                continue
            ahead = better[low, high] == answers[first]
            won[first] += 1 if ahead else -1
            won[second] += -1 if ahead else 1
            word = Preference.FIRST if ahead else Preference.SECOND
            pairs.append((first, second, word, 10_000))
        met = max(1, len(others) - 1)
        marks = {at: round_ratio(100 * lead, met) for at, lead in won.items()}
        ballots.append(ballot(voter, candidates, pairs, marks))
    return Case(
        round=Round(
            spec=AnswerSpec(kind=AnswerKind.CHOICE, options=OPTIONS),
            n=n,
            candidates=candidates,
            ballots=tuple(ballots),
            seed=hashlib.sha256(f"{n} {number}".encode()).digest(),
        ),
        gold=gold,
    )


def _answer(random: Random, gold: str, decoy: str, rest: list[str]) -> str:
    if random.random() < RIGHT:
        return gold
    return decoy if random.random() < DECOY else random.choice(rest)


def _prefers(random: Random, one: str, other: str, *, own: str, gold: str) -> str:
    """Which of two unequal answers a judge whose own is `own` prefers."""
    if gold in (one, other):
        wrong = other if one == gold else one
        sure = JUDGE_RIGHT if own == gold else JUDGE_WRONG
        return gold if random.random() < sure else wrong
    if own in (one, other):
        foreign = other if one == own else one
        return own if random.random() < OWN else foreign
    return random.choice((one, other))
