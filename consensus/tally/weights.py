"""What each member's word weighs: from the views in round-1 commits to weights (R2b, L3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..committee import Quorum
from ..exact import ONE_BP, lower_median

NEUTRAL = 5_000
"""The view of a member nobody has a view of, in bp."""

LEAST = 500
"""Views under this weigh like this, in bp: bad repute mutes a member, but does not alone
silence it (exclusion takes evidence), and no cap could be met beside silent members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One figure a member for one skill (L2), in committee order, in bp.

    `scores` are the combined views (5,000 is neutral). `weights` average one (10,000 each
    where all scores are equal), and the f heaviest sum to less than half of all.
    """

    scores: tuple[int, ...]
    weights: tuple[int, ...]

    def equalled(self) -> "Weights":
        """The same scores, which weigh nothing: the policy says `weights = equal`."""
        return Weights(scores=self.scores, weights=(ONE_BP,) * len(self.scores))

    @classmethod
    def neutral(cls, n: int) -> "Weights":
        """The cold start: everyone weighs the same."""
        return cls(scores=(NEUTRAL,) * n, weights=(ONE_BP,) * n)


def weigh(views: Sequence[Sequence[int] | None], quorum: Quorum) -> Weights:
    """Combine `views` (one a member, in committee order; None or a wrong length is void).

    A member's score is the unweighted lower median of what the N-1 others say of it, a void
    view counting as neutral; its own view of itself is never read (L3).
    """
    if len(views) != quorum.n:
        raise ValueError(f"{len(views)} views for a committee of {quorum.n}")
    read = [view if view is not None and len(view) == quorum.n else None for view in views]
    scores = tuple(
        _lower_median(
            [
                NEUTRAL if view is None else view[member]
                for viewer, view in enumerate(read)
                if viewer != member
            ]
        )
        for member in range(quorum.n)
    )
    return Weights(scores=scores, weights=capped(scores, quorum.f))


def _lower_median(values: list[int]) -> int:
    return lower_median(values) if values else NEUTRAL


def capped(scores: Sequence[int], f: int, least: int = LEAST) -> tuple[int, ...]:
    """Weights in proportion to scores, cut at the highest level that keeps f under half (L3).

    Scores under `least` weigh like it. Cut and scaled to a mean of one in bp, rounded down. The
    search is over the level, an integer in the scores' unit; at the lowest score all are equal,
    and f of N is under half in every mode.
    """
    raw = [max(score, least) for score in scores]
    low, high = min(raw), max(raw)
    while low < high:
        level = (low + high + 1) // 2
        if _within(_cut(raw, level), f):
            low = level
        else:
            high = level - 1
    return _cut(raw, low)


def _cut(raw: Sequence[int], level: int) -> tuple[int, ...]:
    cut = [min(weight, level) for weight in raw]
    whole = sum(cut)
    return tuple(weight * len(cut) * ONE_BP // whole for weight in cut)


def _within(weights: Sequence[int], f: int) -> bool:
    return 2 * sum(sorted(weights, reverse=True)[:f]) < sum(weights)
