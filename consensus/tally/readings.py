"""A ballot read by classes: at most one comparison of two classes, one unit of votes.

Whatever number of equal candidates a class has, each voter has one voice on it: several
pairs between the same two classes are averaged, and so are endorsements within a class.
Clones of a proposal gain its class nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm, sqrt

from ..bodies import Ballot, Pair, Preference
from ..exact import ONE_BP
from .answers import Classes
from .ballots import CountedBallot

HALF = ONE_BP
"""Half a win, in the unit of `Comparison.won`: a whole win is twice this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One voter's word on two classes: `first` (the lower position) won `won` of `of`."""

    first: int
    second: int
    won: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one voter's ballot says about classes.

    `votes` holds the quadratic votes, one a class, whose squares sum to one; it is empty if
    the ballot endorses nothing and opposes nothing.
    """

    voter: int
    comparisons: tuple[Comparison, ...]
    votes: tuple[float, ...]


def read(counted: CountedBallot, classes: Classes) -> Reading:
    """Read a ballot by classes. Entries about candidates of no class are passed over."""
    at = [classes.of.get(held) for held in counted.ballot.held]
    return Reading(
        voter=counted.voter,
        comparisons=_comparisons(counted.ballot.pairs, at),
        votes=_votes(counted.ballot, at, len(classes.items)),
    )


def _comparisons(pairs: Sequence[Pair], at: Sequence[int | None]) -> tuple[Comparison, ...]:
    """O2: 1/2 + confidence/2 for the preferred, halves for ties, both orders averaged."""
    asked: dict[tuple[int, int], list[int]] = {}
    for pair in pairs:
        first, second = at[pair.first], at[pair.second]
        if first is None or second is None or first == second:
            continue
        if first < second:
            asked.setdefault((pair.first, pair.second), []).append(_share(pair))
        else:
            asked.setdefault((pair.second, pair.first), []).append(2 * HALF - _share(pair))
    pooled: dict[tuple[int, int], list[int]] = {}
    for (low, high), shares in asked.items():
        first, second = at[low], at[high]
        assert first is not None and second is not None
        mean_twice = sum(shares) * 2 // len(shares)
        pooled.setdefault((first, second), []).append(mean_twice)
    return tuple(
        Comparison(first=first, second=second, won=sum(shares), of=4 * HALF * len(shares))
        for (first, second), shares in sorted(pooled.items())
    )


def _share(pair: Pair) -> int:
    match pair.preference:
        case Preference.FIRST:
            return HALF + pair.confidence
        case Preference.SECOND:
            return HALF - pair.confidence
        case Preference.TIE | Preference.SAME:
            return HALF


def _votes(ballot: Ballot, at: Sequence[int | None], count: int) -> tuple[float, ...]:
    """O3: e averaged within each class, then g = e / sum|e|, and sign(g) sqrt|g|."""
    given: list[list[int]] = [[] for _ in range(count)]
    for mark in ballot.marks:
        position = at[mark.candidate]
        if position is not None:
            given[position].append(mark.endorsement)
    common = lcm(*(len(marks) for marks in given if marks))
    means = [sum(marks) * (common // len(marks)) if marks else 0 for marks in given]
    whole = sum(abs(mean) for mean in means)
    if whole == 0:
        return ()
    return tuple(sqrt(mean / whole) if mean >= 0 else -sqrt(-mean / whole) for mean in means)
