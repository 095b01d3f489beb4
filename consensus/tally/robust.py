"""How few members could have changed the result (rule O5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ..bodies import AnswerKind
from .answers import AnswerClass
from .ballots import Candidate, CountedBallot
from .count import Count
from .levers import Levers, Recount, Way

MOST_READINGS = 600
"""Most ballots that are read again in trying sets of members in full in one way: enough for every
set of up to f + 1 members in committees of up to seven, of up to f in committees of up to nine,
and for each member alone up to twenty-four. Free texts have three times as many ways, so fewer
sets are tried: up to f + 1 members of up to six, up to f of up to seven. Every node tallies
several times a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """`least` members who could have changed the winner by what O5 lets them do; None: not found.

    Every set of up to `tried` members was tried in every way, so no set of that size changes the
    winner by any of them, and `least` is the least for those ways if it is at most tried + 1,
    otherwise an upper bound. `turned` says for which rules the ways are the strongest there are.
    `fragile`: least <= f.
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

    The members of a set, all of those that proposed or judged, do one of three things together:

    - *withdraw*: their proposals and ballots were never there;
    - *turn*: their proposals stand and their ballots do what they can for one other answer and
      against the winner (`turned.stances`);
    - *answer otherwise*: they propose that other answer with full belief, and turn.

    All sets are tried by rising size up to f + 1, as far as `MOST_READINGS` allows; beyond,
    members act together in the order in which each, by itself, hurts the winner most. The
    answers that they turn to are those of the round: with one answer there is none.

    Where a rule reads no ballots the third is the strongest thing that members can do (a member's
    term goes from the winner to another in full; `self_org`, whose weights hang on the whole, is
    searched, and so are weights by `log_odds` without options, where k is how many answers there
    are). Where it reads them the ballots of the second are, for the rules in `turned`. What a set
    can do if its members do different things is not tried.

    Of free texts the ballots make the classes too, so every count makes them anew, and members
    turn in five ways (`turn_texts`). The winner has changed if the new winning class speaks by
    a text that was not in the old one, or no longer holds the old one's answer though that still
    stands. Another wording of the same class is no change.
    """
    voters = sorted({item.author for item in candidates} | {item.voter for item in ballots})
    first_two = [first.classes.items[at] for at in first.ranking[:2]]
    if len(first_two) < 2 and len(first_two[0].spellings) < 2:
        return Robustness(least=None, tried=len(voters), fragile=False)
    winner = first_two[0]
    levers = Levers(
        first=first, recount=recount, candidates=candidates, ballots=ballots, voters=voters
    )
    most = MOST_READINGS // (3 if first.spec.kind is AnswerKind.TEXT else 1)
    ways = levers.ways(each=True) if len(voters) * len(ballots) <= most else []
    tried = 0
    for size in range(1, f + 2):
        if sets_up_to(len(voters), size) * len(ballots) > most:
            break
        for members in combinations(voters, size):
            if any(_changes(way(members), winner) for way in ways):
                return Robustness(least=size, tried=size - 1, fragile=size <= f)
        tried = size
    turns = list(levers.turns(each=False))
    ways = [levers.withdrawn, *turns, *levers.answers(each=False)]
    alone = turns or ways
    order = sorted(voters, key=lambda voter: min(_margin(way([voter]), winner) for way in alone))
    found = [_prefix(way, order, tried, winner) for way in ways]
    least = min((size for size in found if size is not None), default=None)
    return Robustness(least=least, tried=tried, fragile=least is not None and least <= f)


def _prefix(way: Way, order: Sequence[int], low: int, winner: AnswerClass) -> int | None:
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


def sets_up_to(members: int, size: int) -> int:
    """How many non-empty sets of at most `size` there are of `members`."""
    total, sets = 0, 1
    for k in range(1, size + 1):
        sets = sets * (members - k + 1) // k
        total += sets
    return total


def _changes(count: Count, winner: AnswerClass) -> bool:
    at = count.winner
    if at is None:
        return False
    new = count.classes.items[at]
    if new.answer not in winner.spellings:
        return True
    stands = any(winner.answer in item.spellings for item in count.classes.items)
    return stands and winner.answer not in new.spellings


def _margin(count: Count, winner: AnswerClass) -> int:
    """The winner's score over the best other's."""
    scores = zip(count.classes.items, count.scores, strict=True)
    sides: tuple[list[int], list[int]] = ([], [])
    for item, score in scores:
        sides[winner.answer in item.spellings].append(score)
    return max(sides[1], default=0) - max(sides[0], default=0)
