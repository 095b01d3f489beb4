"""How few members could have changed the result (rule O5)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from ..bodies import Ballot, Mark, Pair, Preference
from ..envelope import MessageId
from .answers import Classes
from .ballots import Candidate, CountedBallot
from .count import Count
from .readings import read

MOST_READINGS = 600
"""Most ballots that are read again in trying sets of members in full: enough for every set of
up to f + 1 members in committees of up to seven, of up to f in committees of up to nine, and
for each member alone up to twenty-four. Every node tallies several times a round."""

Recount = Callable[[Sequence[Candidate], Sequence[CountedBallot]], Count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """`least` members whose withdrawal or turned ballots change the winner; None: not found.

    Every set of up to `tried` members was tried, so `least` is exact if it is at most
    tried + 1 and otherwise an upper bound. `fragile`: least <= f.
    """

    least: int | None
    tried: int
    fragile: bool


def robustness(
    first: Count,
    recount: Recount,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    f: int,
) -> Robustness:
    """Search for the least set of members that changes the winner of `first`.

    A set either withdraws (its proposals and ballots were never there) or turns: each of
    its ballots does all it can for the runner-up and against the winner. All sets are tried
    by rising size up to f + 1, as far as `MOST_READINGS` allows; beyond, members turn or
    withdraw together in the order in which each, turned alone, hurts the winner most.
    """
    voters = sorted({item.author for item in candidates} | {item.voter for item in ballots})
    if len(first.ranking) < 2:
        return Robustness(least=None, tried=len(voters), fragile=False)
    winner, runner_up = (first.classes.items[at].answer for at in first.ranking[:2])
    honest = {reading.voter: reading for reading in first.readings}
    bought = {
        voter: read(turn(voter, candidates, first.classes, winner, runner_up), first.classes)
        for voter in voters
    }

    def without(members: Iterable[int]) -> Count:
        gone = set(members)
        return recount(
            [item for item in candidates if item.author not in gone],
            [item for item in ballots if item.voter not in gone],
        )

    def turned(members: Iterable[int]) -> Count:
        now = honest | {member: bought[member] for member in members}
        return replace(first, readings=tuple(now.values()))

    ways = (without, turned)
    tried = 0
    for size in range(1, f + 2):
        if sets_up_to(len(voters), size) * len(ballots) > MOST_READINGS:
            break
        for members in combinations(voters, size):
            if any(_changes(way(members), winner) for way in ways):
                return Robustness(least=size, tried=size - 1, fragile=size <= f)
        tried = size
    order = sorted(voters, key=lambda voter: _margin(turned([voter]), winner))
    found = [_prefix(way, order, tried, winner) for way in ways]
    least = min((size for size in found if size is not None), default=None)
    return Robustness(least=least, tried=tried, fragile=least is not None and least <= f)


def _prefix(
    way: Callable[[Iterable[int]], Count], order: Sequence[int], low: int, winner: str
) -> int | None:
    """How many members from the front of `order`, over `low`, change the winner, by bisection.

    None if all of them do not. A lesser number may do in some other order, or even in this.
    """
    high = len(order)
    if not _changes(way(order), winner):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _changes(way(order[:middle]), winner):
            high = middle
        else:
            low = middle
    return high


def turn(
    voter: int, candidates: Sequence[Candidate], classes: Classes, winner: str, runner_up: str
) -> CountedBallot:
    """The ballot that does all that `voter` can do for `runner_up` and against `winner`.

    It prefers the runner-up's candidates to all others with certainty, endorses them fully
    and opposes the winner's fully; of its own candidate it says nothing (R9).
    """
    held = tuple(sorted(candidate.id for candidate in candidates))
    own = {candidate.id for candidate in candidates if candidate.author == voter}
    answers = {
        id_: classes.items[classes.of[id_]].answer if id_ in classes.of else None for id_ in held
    }
    index = {id_: at for at, id_ in enumerate(held)}

    def others(answer: str) -> list[MessageId]:
        return [id_ for id_ in held if answers[id_] == answer and id_ not in own]

    pairs = tuple(
        Pair(first=index[good], second=index[bad], preference=Preference.FIRST)
        for good in others(runner_up)
        for bad in held
        if answers[bad] not in (None, runner_up) and bad not in own
    )
    marks = tuple(
        Mark(candidate=index[id_], endorsement=endorsement)
        for answer, endorsement in ((runner_up, 100), (winner, -100))
        for id_ in others(answer)
    )
    return CountedBallot(voter=voter, ballot=Ballot(held=held, pairs=pairs, marks=marks))


def sets_up_to(members: int, size: int) -> int:
    """How many non-empty sets of at most `size` there are of `members`."""
    total, sets = 0, 1
    for k in range(1, size + 1):
        sets = sets * (members - k + 1) // k
        total += sets
    return total


def _changes(count: Count, winner: str) -> bool:
    at = count.winner
    return at is not None and count.classes.items[at].answer != winner


def _margin(count: Count, winner: str) -> int:
    """The winner's score over the best other's."""
    scores = zip(count.classes.items, count.scores, strict=True)
    sides: tuple[list[int], list[int]] = ([], [])
    for item, score in scores:
        sides[item.answer == winner].append(score)
    return max(sides[1], default=0) - max(sides[0], default=0)
