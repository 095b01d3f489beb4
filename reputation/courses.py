"""What past tasks tell of rounds: what moves of the dials earned, and how soon answers were right.

Pure functions of the facts that count, in any order of arrival (L1): sums of integers, rounded
once. What they tell goes into signed figures by R2b alone, or into a policy that an opener
chooses.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .facts import ARMS, MAX_ROUNDS, ONE, FeedbackFact, VerdictFact

Counted = tuple[VerdictFact, tuple[FeedbackFact, ...]]
"""A decided task and each client's last word on it, as `Book.counted` has them."""


def moves(counted: Iterable[Counted]) -> tuple[int, ...]:
    """Of each move of the dials in turn: how often it was made, its mean reward in bp, rounded
    half up, and the most tokens of a round after it."""
    counts, rewards, costs = [0] * ARMS, [0] * ARMS, [0] * ARMS
    for fact, _ in counted:
        for turn in fact.course:
            if turn.arm >= 0:
                counts[turn.arm] += 1
                rewards[turn.arm] += turn.reward
                costs[turn.arm] = max(costs[turn.arm], turn.cost)
    means = [
        (2 * whole + count) // (2 * count) if count else 0
        for whole, count in zip(rewards, counts, strict=True)
    ]
    return tuple(part for arm in zip(counts, means, costs, strict=True) for part in arm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How often what was right: pairs of (right, all).

    `drafts` are those of first rounds, `judgments` comparisons of a right answer with others, in
    bp of a comparison, `rounds` the winners after one round, after two, and so on.
    """

    drafts: tuple[int, int]
    judgments: tuple[int, int]
    rounds: tuple[tuple[int, int], ...]


def trials(counted: Iterable[Counted], *, outcomes: bool = False) -> Trials:
    """What tasks with a known answer show. Clients' words say what is right; where they differ,
    or name nothing that was drafted, the task is left out. With `outcomes` the last winner counts
    as right where no client spoke and it was not fragile."""
    drafts, judgments = [0, 0], [0, 0]
    rounds = [[0, 0] for _ in range(MAX_ROUNDS)]
    for fact, words in counted:
        truth = _truth(fact, words, outcomes)
        if truth is None:
            continue
        for showing in fact.showings:
            if showing.answer >= 0:
                drafts[0] += showing.answer == truth
                drafts[1] += 1
            if showing.judged:
                share, mass = showing.judged[truth]
                judgments[0] += share * mass // ONE
                judgments[1] += mass
        winners = [turn.winner for turn in fact.course] or [fact.winner]
        for pair, winner in zip(rounds, winners, strict=False):
            pair[0] += winner == truth
            pair[1] += 1
    return Trials(
        drafts=(drafts[0], drafts[1]),
        judgments=(judgments[0], judgments[1]),
        rounds=tuple((right, whole) for right, whole in rounds if whole),
    )


def _truth(fact: VerdictFact, words: Iterable[FeedbackFact], outcomes: bool) -> int | None:
    """The index of the right answer, None where it is not known."""
    said = list(words)
    if not said:
        return fact.winner if outcomes and fact.winner >= 0 and not fact.fragile else None
    found: set[int] = set()
    for word in said:
        if word.right:
            found.add(fact.winner)
        elif word.answer in fact.answers:
            found.add(fact.answers.index(word.answer))
        else:
            return None
    return found.pop() if len(found) == 1 and min(found) >= 0 else None
