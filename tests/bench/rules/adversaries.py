"""Members that vote badly, each in a stated way, drawn from a seed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from random import Random
from typing import Final

from consensus.bodies import Ballot, Mark, Pair, Preference
from consensus.tally import CountedBallot
from consensus.tally.count import Count
from consensus.tally.robust import turn
from tests.harness.tallies import Round

TURNED: Final = {Preference.FIRST: Preference.SECOND, Preference.SECOND: Preference.FIRST}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What colluders are after: that `rival` wins where without them `winner` does."""

    winner: str
    rival: str

    @classmethod
    def against(cls, honest: Count) -> "Plot":
        """For the runner-up of a count, which has to have one: the least that has to be moved."""
        winner, rival = (honest.classes.items[at].answer for at in honest.ranking[:2])
        return cls(winner=winner, rival=rival)


Change = Callable[[Round, Plot, frozenset[int], Random], Round]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """`change` gives the round as it is when those members attack it, for the plot if they are
    `informed` of what the honest count would be, else whatever that is."""

    name: str
    informed: bool
    change: Change


def at_random(of: Round, plot: Plot, members: frozenset[int], random: Random) -> Round:
    """Each votes an order of the others' proposals that is drawn at random, with certainty."""

    def draw(counted: CountedBallot) -> CountedBallot:
        held = counted.ballot.held
        own = {item.id for item in of.candidates if item.author == counted.voter}
        others = [at for at, id_ in enumerate(held) if id_ not in own]
        random.shuffle(others)
        steps = max(1, len(others) - 1)
        return CountedBallot(
            voter=counted.voter,
            ballot=Ballot(
                held=held,
                pairs=tuple(
                    Pair(first=one, second=other, preference=Preference.FIRST)
                    for one, other in combinations(others, 2)
                ),
                marks=tuple(
                    Mark(candidate=at, endorsement=100 - 200 * place // steps)
                    for place, at in enumerate(others)
                ),
            ),
        )

    return _instead(of, members, draw)


def inverted(of: Round, plot: Plot, members: frozenset[int], random: Random) -> Round:
    """Each votes the opposite of what it thinks."""

    def invert(counted: CountedBallot) -> CountedBallot:
        ballot = counted.ballot
        return CountedBallot(
            voter=counted.voter,
            ballot=replace(
                ballot,
                pairs=tuple(
                    replace(pair, preference=TURNED.get(pair.preference, pair.preference))
                    for pair in ballot.pairs
                ),
                marks=tuple(replace(mark, endorsement=-mark.endorsement) for mark in ballot.marks),
            ),
        )

    return _instead(of, members, invert)


def colluding(of: Round, plot: Plot, members: frozenset[int], random: Random) -> Round:
    """All vote for the rival and against the winner, with all they have (O5)."""
    classes = of.count().classes

    def collude(counted: CountedBallot) -> CountedBallot:
        return turn(counted.voter, of.candidates, classes, plot.winner, plot.rival)

    return _instead(of, members, collude)


def drafting(of: Round, plot: Plot, members: frozenset[int], random: Random) -> Round:
    """They collude, and propose the rival as well."""
    candidates = tuple(
        replace(item, proposal=replace(item.proposal, answer=plot.rival))
        if item.author in members
        else item
        for item in of.candidates
    )
    return colluding(replace(of, candidates=candidates), plot, members, random)


ATTACKS: Final = (
    Attack(name="random", informed=False, change=at_random),
    Attack(name="inverted", informed=False, change=inverted),
    Attack(name="colluding", informed=True, change=colluding),
    Attack(name="colluding, drafts too", informed=True, change=drafting),
)


def _instead(
    of: Round, members: frozenset[int], make: Callable[[CountedBallot], CountedBallot]
) -> Round:
    """The round with the ballots of `members` made anew; who cast none stays silent."""
    ballots = tuple(make(item) if item.voter in members else item for item in of.ballots)
    return replace(of, ballots=ballots)
