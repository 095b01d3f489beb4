"""What simpler rules would have said of the same round, recorded beside its result (O4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..exact import ONE_BP, apportion
from .belief import pool
from .count import Count, best_first
from .weights import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """Answers by other rules; None where a rule names none.

    `majority` is the most proposed answer, `majority_tied` all answers that share first
    place if more than one does (H(seed, class) then chose). `borda` wins most comparisons.
    `best_member` is the answer of the member with the highest score as an author, None while
    several answers share it. `mean_belief` is the option with the highest unweighted mean of the
    proposals' beliefs, `mean_belief_share` that mean in bp: what a coordinator that sees
    every model's probabilities would say, be it proposed by nobody. `first_vote` is round
    1's majority.
    """

    majority: str | None
    majority_tied: tuple[str, ...]
    borda: str | None
    best_member: str | None
    mean_belief: str | None
    mean_belief_share: int
    first_vote: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data of integers and strings."""
        return {
            "best_member": self.best_member,
            "borda": self.borda,
            "first_vote": self.first_vote,
            "majority": self.majority,
            "majority_tied": list(self.majority_tied),
            "mean_belief": self.mean_belief,
            "mean_belief_share": self.mean_belief_share,
        }


def baselines(count: Count, weights: Weights, first_vote: str | None) -> Baselines:
    """The baselines of one count; `first_vote` of None means that this is round 1."""
    items = count.classes.items
    majority = _best(count, count.votes)
    most = max(count.votes, default=0)
    tied = tuple(
        item.answer for item, votes in zip(items, count.votes, strict=True) if votes == most
    )
    names, shares = _mean_belief(count)
    top = best_first(shares, range(len(shares)))[:1]
    return Baselines(
        majority=majority,
        majority_tied=tied if len(tied) > 1 else (),
        borda=_best(count, count.borda),
        best_member=_best_member(count, weights.scores),
        mean_belief=names[top[0]] if top else None,
        mean_belief_share=shares[top[0]] if top else 0,
        first_vote=majority if first_vote is None else first_vote,
    )


def _best(count: Count, scores: Sequence[int]) -> str | None:
    ranked = best_first(scores, count.classes.order)
    return count.classes.items[ranked[0]].answer if ranked else None


def _best_member(count: Count, scores: Sequence[int]) -> str | None:
    authors = [author for item in count.classes.items for author in item.authors]
    best = max((scores[author] for author in authors), default=None)
    answers = [
        item.answer
        for item in count.classes.items
        if any(scores[author] == best for author in item.authors)
    ]
    return answers[0] if len(answers) == 1 else None


def _mean_belief(count: Count) -> tuple[tuple[str, ...], tuple[int, ...]]:
    if not count.classes.items:
        return (), ()
    names = count.spec.options or tuple(item.answer for item in count.classes.items)
    pooled = pool(count.opinions, len(names))
    return names, apportion(pooled, ONE_BP, range(len(names)))
