"""What a round's tally costs: every figure that an outcome signs."""

from itertools import combinations
from random import Random

from consensus.bodies import Preference
from tests.harness.tallies import Round, ballot, candidate

from . import calls
from .tables import Table

CASES = {
    "4 candidates, 4 judges, 3 answers": "red green red blue",
    "5 candidates, 5 judges, 3 answers": "red green red blue green",
    "5 candidates, 5 judges, 1 answer": "red red red red red",
    "7 candidates, 7 judges, 4 answers": "red green red blue green grey red",
}
"""What the members answer, by position."""


async def table() -> Table:
    """Tallies of rounds in which everybody proposes, and judges all pairs of the others'."""
    return calls.table(
        "What a tally costs: Bradley-Terry, quadratic vote, belief, baselines, robustness",
        {name: judged(answers.split()).tally for name, answers in CASES.items()},
    )


def judged(answers: list[str]) -> Round:
    """A round with opinions drawn at random, the same in every run."""
    random = Random(" ".join(answers))
    candidates = tuple(
        candidate(author, answer, confidence=random.randint(5_000, 9_500))
        for author, answer in enumerate(answers)
    )
    ballots = []
    for voter in range(len(answers)):
        others = [author for author in range(len(answers)) if author != voter]
        pairs = [
            (
                first,
                second,
                random.choice((Preference.FIRST, Preference.SECOND, Preference.TIE)),
                random.randint(0, 10_000),
            )
            for first, second in combinations(others, 2)
        ]
        marks = {author: random.randint(-100, 100) for author in others}
        ballots.append(ballot(voter, candidates, pairs, marks))
    return Round(n=len(answers), candidates=candidates, ballots=tuple(ballots))
