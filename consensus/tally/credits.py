"""Votes that cost their square (rule O3a).

With `endorsements = "credits"` a mark's endorsement is a number of votes. A voter has one
voice on an answer, however many candidates give it, so its votes for an answer are the mean
over them, and each answer costs that mean squared (Lalley and Weyl 2018; in credits: Posner
and Weyl 2018, chapter 2). A ballot that costs more than the policy's credits is refused whole,
with its reason, as if it had not been cast.

Answers here are equal ones by O1 without judges' `same`, so that what a ballot costs depends
on no other ballot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from ..envelope import MessageId
from ..policy import Policy
from .answers import Classes
from .ballots import CountedBallot

MOST_VOTES = 100
"""Most votes for or against one candidate: what a mark can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A ballot that does not count, with the reason."""

    voter: int
    reason: str


def refused(
    ballots: Sequence[CountedBallot], classes: Classes, policy: Policy
) -> tuple[Refused, ...]:
    """The ballots over the policy's budget, by voter; none unless it has credits."""
    if policy.endorsements != "credits":
        return ()
    costs = [(item.voter, cost(item, classes)) for item in ballots]
    return tuple(
        Refused(
            voter=voter,
            reason=f"its votes cost {-(-spent.numerator // spent.denominator)} credits, over the "
            f"policy's {policy.credits}",
        )
        for voter, spent in sorted(costs)
        if spent > policy.credits
    )


def full(policy: Policy) -> int:
    """The endorsement that says all that a ballot can say for one answer."""
    return min(isqrt(policy.credits), MOST_VOTES) if policy.endorsements == "credits" else 100


def cost(counted: CountedBallot, classes: Classes) -> Fraction:
    """What a ballot's votes cost, in credits. Marks on candidates of no class cost nothing."""
    given: dict[int, list[int]] = {}
    for mark in counted.ballot.marks:
        at = classes.of.get(counted.ballot.held[mark.candidate])
        if at is not None:
            given.setdefault(at, []).append(mark.endorsement)
    means = (Fraction(sum(votes), len(votes)) for votes in given.values())
    return sum((mean * mean for mean in means), Fraction())


def afford(
    endorsements: Mapping[MessageId, int], answers: Mapping[MessageId, str | None], budget: int
) -> dict[MessageId, int]:
    """Endorsements in -100..100 as votes that `budget` credits buy.

    Credits are shared out among the answers in proportion to the mean endorsement's size,
    and buy each as many votes as their root, so an honest voter says by its votes what its
    endorsements say under O3. What is left buys single votes where most is lacking, equal
    ones in the order of the answers. `answers` are the candidates' normalised ones (None:
    void, no votes).
    """
    by_answer: dict[str, list[int]] = {}
    for id_, given in sorted(endorsements.items()):
        answer = answers[id_]
        if answer is not None:
            by_answer.setdefault(answer, []).append(given)
    means = {answer: Fraction(sum(given), len(given)) for answer, given in by_answer.items()}
    whole = sum((abs(mean) for mean in means.values()), Fraction())
    shares = {answer: budget * abs(mean) / whole for answer, mean in means.items() if mean}
    votes = {answer: min(isqrt(int(share)), MOST_VOTES) for answer, share in shares.items()}
    left = budget - sum(bought * bought for bought in votes.values())
    for answer in sorted(shares, key=lambda item: (votes[item] * votes[item] - shares[item], item)):
        if 2 * votes[answer] + 1 <= left and votes[answer] < MOST_VOTES:
            left -= 2 * votes[answer] + 1
            votes[answer] += 1
    return {
        id_: 0 if answer is None else votes.get(answer, 0) * (1 if means[answer] >= 0 else -1)
        for id_, answer in ((id_, answers[id_]) for id_ in endorsements)
    }
