"""A ballot read by classes: at most one comparison of two classes, one unit of votes.

Whatever number of equal candidates a class has, each voter has one voice on it: several
pairs between the same two classes are averaged, and so are endorsements within a class.
Clones of a proposal gain its class nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import lcm, sqrt

from ..bodies import Ballot, Pair, Preference
from ..exact import ONE_BP
from ..policy import Policy
from .answers import Classes
from .asked import most_pairs
from .ballots import CountedBallot

HALF = ONE_BP
"""Half a win, in the unit of `Comparison.won`: a whole win is twice this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One voter's word on two classes (`first` the lower position), or on a candidate of each:
    `first` won `won` of `of`.

    `scale`, in bp, is what the word counts for beside the voter's weight: more than one where
    it speaks for others who are not heard (O5a), less where it is one of more than were asked
    for (O2a).
    """

    first: int
    second: int
    won: int
    of: int
    scale: int = ONE_BP


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one voter's ballot says about classes, and about single candidates.

    `comparisons` are of classes, by position. `pairs` are of candidates of two classes, by
    their place among the ids of all classes, ascending: where several pairs of one voter
    stand between two classes, what `comparisons` averages.

    `votes` holds the quadratic votes, one a class, whose squares sum to one, or to no more than
    one if they were bought with credits (O3a); it is empty if the ballot endorses nothing and
    opposes nothing. `ballot` is what was read, masked or not.
    """

    voter: int
    ballot: Ballot
    comparisons: tuple[Comparison, ...]
    pairs: tuple[Comparison, ...]
    votes: tuple[float, ...]


def read(counted: CountedBallot, classes: Classes, policy: Policy | None = None) -> Reading:
    """Read a ballot by classes, by the default policy if none is given.

    Entries about candidates of no class are passed over; so are those about the voter's own
    class if the policy's `mask` has it (R9b). Where a design asks for fewer pairs than all, what
    is said of more of them weighs no more together than what it asks for (O2a).
    """
    policy = policy or Policy()
    held = counted.ballot.held
    masked = _own(counted.voter, classes) if policy.mask == "class" else None
    at = [None if (found := classes.of.get(id_)) == masked else found for id_ in held]
    shares = _shares(counted.ballot.pairs, at)
    places = {id_: place for place, id_ in enumerate(sorted(classes.of))}
    pairs = tuple(
        Comparison(first=places[held[low]], second=places[held[high]], won=won, of=4 * HALF)
        for (low, high), won in shares.items()
    )
    most = _most(counted, classes, policy)
    return Reading(
        voter=counted.voter,
        ballot=counted.ballot,
        comparisons=_capped(_comparisons(shares, at), most),
        pairs=_capped(pairs, most),
        votes=_votes(
            counted.ballot,
            at,
            len(classes.items),
            policy.credits if policy.endorsements == "credits" else None,
        ),
    )


def _own(voter: int, classes: Classes) -> int | None:
    """The class that holds the voter's own candidate."""
    return next((at for at, item in enumerate(classes.items) if voter in item.authors), None)


def _most(counted: CountedBallot, classes: Classes, policy: Policy) -> int | None:
    """How many pairs of others' candidates the policy's design asks of this voter; None: all."""
    if policy.pairs == "all":
        return None
    own = {
        id_
        for item in classes.items
        for id_, author in zip(item.candidates, item.authors, strict=True)
        if author == counted.voter
    }
    others = [id_ for id_ in counted.ballot.held if id_ in classes.of and id_ not in own]
    answers = len({classes.of[id_] for id_ in others})
    return most_pairs(policy.pairs, policy.pair_budget, len(others), answers)


def _capped(said: tuple[Comparison, ...], most: int | None) -> tuple[Comparison, ...]:
    """At most as much weight as `most` comparisons have, shared out evenly."""
    if most is None or len(said) <= most:
        return said
    scale = ONE_BP * most // len(said)
    return tuple(replace(item, scale=scale) for item in said)


def _shares(pairs: Sequence[Pair], at: Sequence[int | None]) -> dict[tuple[int, int], int]:
    """O2: 1/2 + confidence/2 for the preferred, halves for ties, both orders averaged.

    By places in the ballot, the candidate of the lower class first; of 4 * `HALF`. Pairs
    inside a class are left out (O1).
    """
    asked: dict[tuple[int, int], list[int]] = {}
    for pair in pairs:
        first, second = at[pair.first], at[pair.second]
        if first is None or second is None or first == second:
            continue
        if first < second:
            asked.setdefault((pair.first, pair.second), []).append(
                fraction_won(pair.preference, pair.confidence)
            )
        else:
            asked.setdefault((pair.second, pair.first), []).append(
                2 * HALF - fraction_won(pair.preference, pair.confidence)
            )
    return {both: sum(shares) * 2 // len(shares) for both, shares in asked.items()}


def _comparisons(
    shares: Mapping[tuple[int, int], int], at: Sequence[int | None]
) -> tuple[Comparison, ...]:
    """One comparison of any two classes: the mean over the pairs of their candidates."""
    pooled: dict[tuple[int, int], list[int]] = {}
    for (low, high), share in shares.items():
        first, second = at[low], at[high]
        assert first is not None and second is not None
        pooled.setdefault((first, second), []).append(share)
    return tuple(
        Comparison(first=first, second=second, won=sum(won), of=4 * HALF * len(won))
        for (first, second), won in sorted(pooled.items())
    )


def fraction_won(preference: Preference, confidence: int) -> int:
    """What the first of a pair won of 2 x `HALF`, by a word with `confidence` in bp (O2)."""
    match preference:
        case Preference.FIRST:
            return HALF + confidence
        case Preference.SECOND:
            return HALF - confidence
        case Preference.TIE | Preference.SAME:
            return HALF


def _votes(
    ballot: Ballot, at: Sequence[int | None], count: int, budget: int | None
) -> tuple[float, ...]:
    """O3: e averaged within each class, then g = e / sum|e|, and sign(g) sqrt|g|.

    With a `budget` of credits (O3a) e are votes already, in parts of what all credits buy of one
    class, and no more than that. More is only met where the search for how robust a round is (O5)
    takes candidates away: votes for and against two of one class cost nothing while both are there.
    """
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
    if budget is not None:
        most = common * sqrt(budget)
        return tuple(max(-1.0, min(1.0, mean / most)) for mean in means)
    return tuple(sqrt(mean / whole) if mean >= 0 else -sqrt(-mean / whole) for mean in means)
