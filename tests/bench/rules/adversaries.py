"""Attacks on a round by some of its members: the harness's adversarial ballots, and drafts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from consensus.tally import CountedBallot
from consensus.tally.count import Count
from consensus.tally.turned import Stance, turn
from tests.harness.adversaries import KINDS, Maker
from tests.harness.tallies import Round


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


Change = Callable[[Round, Count, frozenset[int], Random], Round]
"""The round as it is when those members attack it, given its honest count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """An attack by name. Of the honest count it looks at the `Plot` alone if it is `informed`,
    and at nothing else."""

    name: str
    informed: bool
    change: Change


def by_ballots(make: Maker) -> Change:
    """The attack whose members propose what they did, and cast what `make` has them cast."""

    def change(of: Round, honest: Count, members: frozenset[int], random: Random) -> Round:
        return _cast(of, make(of, honest, sorted(members), random).values())

    return change


def by_drafts_too(of: Round, honest: Count, members: frozenset[int], random: Random) -> Round:
    """They collude, and propose the runner-up as well."""
    plot = Plot.against(honest)
    candidates = tuple(
        replace(item, proposal=replace(item.proposal, answer=plot.rival))
        if item.author in members
        else item
        for item in of.candidates
    )
    changed = replace(of, candidates=candidates)
    classes = changed.count().classes
    return _cast(
        changed,
        [
            turn(
                member,
                candidates,
                classes,
                plot.winner,
                plot.rival,
                of.policy,
                stance=Stance.FOR,
            )
            for member in sorted(members)
        ],
    )


ATTACKS: Final = (
    *(
        Attack(name=name, informed=name == "colluding", change=by_ballots(make))
        for name, make in KINDS.items()
    ),
    Attack(name="colluding, drafts too", informed=True, change=by_drafts_too),
)


def _cast(of: Round, made: Iterable[CountedBallot]) -> Round:
    """The round with these ballots in place of what their voters cast."""
    cast = {item.voter: item for item in of.ballots} | {item.voter: item for item in made}
    return replace(of, ballots=tuple(cast[voter] for voter in sorted(cast)))
