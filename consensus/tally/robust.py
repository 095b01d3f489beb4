"""How few members could have changed the result (rule O5)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import combinations

from ..bodies import AnswerKind, Ballot, Mark, Pair, Preference
from ..envelope import MessageId
from ..policy import Policy
from .answers import AnswerClass, Classes, normalise
from .ballots import Candidate, CountedBallot
from .count import Count
from .credits import afford, affordable
from .readings import read

MOST_READINGS = 600
"""Most ballots that are read again in trying sets of members in full: enough for every set of
up to f + 1 members in committees of up to seven, of up to f in committees of up to nine, and
for each member alone up to twenty-four. Free texts are tried in three times as many ways, so
fewer sets are: up to f + 1 members of up to six, up to f of up to seven. Every node tallies
several times a round."""

Recount = Callable[[Sequence[Candidate], Sequence[CountedBallot]], Count]

_Way = Callable[[Iterable[int]], Count]
"""The count as it is once these members have done their worst."""


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

    def without(members: Iterable[int]) -> Count:
        gone = set(members)
        left = [item for item in candidates if item.author not in gone]
        cast, _ = affordable(  # O3a: what is voted for may have withdrawn, and change what it costs
            first.spec,
            first.policy,
            left,
            [item for item in ballots if item.voter not in gone],
            first.seed,
        )
        return recount(left, cast)

    ways = (without, *_turns(first, recount, candidates, ballots, voters))
    tried = 0
    for size in range(1, f + 2):
        if sets_up_to(len(voters), size) * len(ballots) * len(ways) > 2 * MOST_READINGS:
            break
        for members in combinations(voters, size):
            if any(_changes(way(members), winner) for way in ways):
                return Robustness(least=size, tried=size - 1, fragile=size <= f)
        tried = size
    order = sorted(voters, key=lambda voter: min(_margin(way([voter]), winner) for way in ways[1:]))
    found = [_prefix(way, order, tried, winner) for way in ways]
    least = min((size for size in found if size is not None), default=None)
    return Robustness(least=least, tried=tried, fragile=least is not None and least <= f)


def _prefix(way: _Way, order: Sequence[int], low: int, winner: AnswerClass) -> int | None:
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
    voter: int,
    candidates: Sequence[Candidate],
    classes: Classes,
    winner: str,
    runner_up: str,
    policy: Policy | None = None,
) -> CountedBallot:
    """The ballot that does all that `voter` can do for `runner_up` and against `winner`.

    It prefers the runner-up's candidates to all others with certainty, endorses them fully
    and opposes the winner's fully, as far as the policy's credits go (O3a); of its own candidate
    it says nothing (R9).
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
    endorsed = {
        id_: endorsement
        for answer, endorsement in ((runner_up, 100), (winner, -100))
        for id_ in others(answer)
    }
    marks = _marks(endorsed, index, answers, policy or Policy())
    return CountedBallot(voter=voter, ballot=Ballot(held=held, pairs=pairs, marks=marks))


def _marks(
    endorsed: Mapping[MessageId, int],
    index: Mapping[MessageId, int],
    answers: Mapping[MessageId, str | None],
    policy: Policy,
) -> tuple[Mark, ...]:
    """Endorsements as marks, within the policy's credits if it has some (O3a)."""
    if policy.endorsements == "credits":
        endorsed = afford(endorsed, answers, policy.credits)
    return tuple(Mark(candidate=index[id_], endorsement=given) for id_, given in endorsed.items())


def sets_up_to(members: int, size: int) -> int:
    """How many non-empty sets of at most `size` there are of `members`."""
    total, sets = 0, 1
    for k in range(1, size + 1):
        sets = sets * (members - k + 1) // k
        total += sets
    return total


def _turns(
    first: Count,
    recount: Recount,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    voters: Sequence[int],
) -> list[_Way]:
    """The ways in which members can turn their ballots, each a count by who turns."""
    items = first.classes.items
    if first.spec.kind is AnswerKind.TEXT:
        # These ways set texts of one class against each other.
        several = {Turn.WITHIN: items[first.ranking[0]], Turn.ALONE: items[first.ranking[:2][-1]]}

        def rewritten(bought: dict[int, CountedBallot], members: Iterable[int]) -> Count:
            now = {item.voter: item for item in ballots}
            return recount(
                candidates, list((now | {member: bought[member] for member in members}).values())
            )

        return [
            partial(
                rewritten,
                {voter: turn_texts(voter, candidates, first, way) for voter in voters},
            )
            for way in Turn
            if way not in several or len(several[way].spellings) > 1
        ]
    winner, runner_up = (items[at].answer for at in first.ranking[:2])
    honest = {reading.voter: reading for reading in first.raw}
    bought = {
        voter: read(
            turn(voter, candidates, first.classes, winner, runner_up, first.policy),
            first.classes,
            first.policy,
        )
        for voter in voters
    }

    def turned(members: Iterable[int]) -> Count:
        now = honest | {member: bought[member] for member in members}
        return first.hear(tuple(now.values()))

    return [turned]


class Turn(Enum):
    """What a turned ballot of free texts is for, and which texts it calls the same."""

    RUNNER_UP = "the runner-up, whose texts are the same"
    ALONE = "the runner-up's own answer, which is the same as no other text"
    RIVALS = "the runner-up, and all but the winner's are the same"
    ALL = "the runner-up, and all are the same"
    WITHIN = "the winner's other texts, which are the same, but not as its answer"


def turn_texts(
    voter: int, candidates: Sequence[Candidate], first: Count, way: Turn
) -> CountedBallot:
    """A ballot of free texts by which `voter` does what it can against the winner of `first`.

    It is for some texts, as `way` says, and calls them the same. Of all that `way` does not join
    it denies that it is the same: what it is for beats everything, everything beats the winner's
    texts, and of those the others beat the answer, with certainty. The winner's are opposed fully
    and what it is for endorsed. Without a runner-up (one class) all ways are for what is not the
    answer.
    """
    classes = first.classes
    winner = classes.items[first.ranking[0]]
    rival = first.ranking[1] if len(first.ranking) > 1 else None
    within = way is Turn.WITHIN or rival is None
    said = {item.id: normalise(first.spec, item.proposal.answer)[0] for item in candidates}
    answer = normalise(first.spec, winner.text)[0]
    alone = None
    if way is Turn.ALONE and rival is not None:
        alone = normalise(first.spec, classes.items[rival].text)[0]
    own = {candidate.id for candidate in candidates if candidate.author == voter}
    held = tuple(sorted(said))
    # 4: what it is for, 2: other answers, 1: the winner's other texts, 0: the very answer
    rank = {}
    for at, id_ in enumerate(held):
        if id_ in own or id_ not in classes.of:
            continue
        if classes.items[classes.of[id_]] == winner:
            rank[at] = 0 if said[id_] == answer else 4 if within else 1
        else:
            besides = within or classes.of[id_] != rival or alone not in (None, said[id_])
            rank[at] = 2 if besides else 4
    least = {Turn.RIVALS: 2, Turn.ALL: 0}.get(way, 4)
    pairs = []
    for one, other in combinations(rank, 2):
        good, bad = (one, other) if rank[one] >= rank[other] else (other, one)
        if rank[bad] >= least:
            word = Preference.SAME
        else:
            word = Preference.FIRST if rank[good] > rank[bad] else Preference.TIE
        pairs.append(Pair(first=good, second=bad, preference=word))
    endorsed = {held[at]: 100 if place == 4 else -100 for at, place in rank.items() if place != 2}
    index = {id_: at for at, id_ in enumerate(held)}
    marks = _marks(endorsed, index, said, first.policy)
    return CountedBallot(voter=voter, ballot=Ballot(held=held, pairs=tuple(pairs), marks=marks))


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
