"""What a liar gains by the two terms of the strengths' model that trust more than a weight.

A discrimination is fitted, and L3's cap does not bound it; the first place of a pair is the voter's
own claim. Both attacks are made for one of them, and both are tried against the plain model too,
so what the term adds to a liar's power is the difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from random import Random
from typing import Final

from consensus.bodies import Pair, Preference
from consensus.policy import Policy
from consensus.tally import CountedBallot
from consensus.tally.count import Count
from consensus.tally.discerning import DiscerningFit
from consensus.tally.turned import turn
from tests.harness.adversaries import colluding
from tests.harness.tallies import Round

from .adversaries import Attack, Plot, by_ballots
from .breakdown import Flips, breakdown
from .simulated import Case

MODELS: Final[Mapping[str, Policy]] = {
    "plain": Policy(rule="bradley_terry"),
    "judges discerning": Policy(rule="bradley_terry", judges="discerning"),
    "position fitted": Policy(rule="bradley_terry", position="fitted"),
}


def disguised(
    of: Round, honest: Count, members: Sequence[int], random: Random
) -> dict[int, CountedBallot]:
    """All pairs by the honest count's own order, but the runner-up above the winner: as sharp a
    judge as there is, until it matters."""
    plot = Plot.against(honest)
    order = _order(honest)
    order.remove(plot.rival)
    order.insert(order.index(plot.winner), plot.rival)
    return {member: _all_pairs(member, of, honest, order, None) for member in members}


def placed(
    of: Round, honest: Count, members: Sequence[int], random: Random
) -> dict[int, CountedBallot]:
    """All pairs: the runner-up above everything and always second, the winner under everything, and
    of two others whichever stands first. So the first place seems to be worth something, and the
    runner-up's wins without it more."""
    plot = Plot.against(honest)
    middle = [one for one in _order(honest) if one not in (plot.rival, plot.winner)]
    order = [plot.rival, *middle, plot.winner]
    return {member: _all_pairs(member, of, honest, order, plot.rival) for member in members}


ATTACKS: Final = tuple(
    Attack(name=name, informed=True, change=by_ballots(make))
    for name, make in (
        ("colluding", colluding),
        ("colluding in disguise", disguised),
        ("colluding by place", placed),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Mean share of liars in the sum of all discriminations, in percent, beside their share of
    the members; `over_half` counts the rounds in which it is over a half."""

    attack: str
    members: int
    bad: int
    percent: float
    over_half: int
    cases: int


def flips(cases: Sequence[Case]) -> list[Flips]:
    """Winners that the attacks change under each model, at f liars and at half."""
    return list(breakdown(cases, MODELS, ATTACKS))


def say(cases: Sequence[Case], attack: Attack, bad: int) -> Say:
    """How much of all discrimination `bad` liars come to have, the ones that `breakdown` draws."""
    policy = MODELS["judges discerning"]
    shares = []
    for number, case in enumerate(cases):
        members = frozenset(Random(number).sample(range(case.round.n), bad))
        honest = case.round.count(policy=policy)
        after = attack.change(case.round, honest, members, Random(number)).count(policy=policy)
        assert isinstance(after.fit, DiscerningFit)
        every = after.fit.discrimination
        whole = sum(every.values())
        if whole:
            shares.append(sum(every.get(member, 0.0) for member in members) / whole)
    return Say(
        attack=attack.name,
        members=cases[0].round.n,
        bad=bad,
        percent=100 * sum(shares) / len(shares),
        over_half=sum(share > 0.5 for share in shares),
        cases=len(shares),
    )


def _order(honest: Count) -> list[str]:
    return [honest.classes.items[at].answer for at in honest.ranking]


def _all_pairs(
    voter: int, of: Round, honest: Count, order: Sequence[str], second: str | None
) -> CountedBallot:
    """All pairs that a voter may judge, certainly and by `order`, the better one first; but an
    answer that is `second` wins from the second place. Endorsements as the turned ballot has them:
    these models do not read them."""
    plot = Plot.against(honest)
    cast = turn(voter, of.candidates, honest.classes, plot.winner, plot.rival, of.policy)
    answers = {item.id: honest.classes.of[item.id] for item in of.candidates}
    own = {item.id for item in of.candidates if item.author == voter}
    place = {
        at: order.index(honest.classes.items[answers[id_]].answer)
        for at, id_ in enumerate(cast.ballot.held)
        if id_ not in own
    }
    pairs = []
    for one, other in combinations(place, 2):
        good, bad = (one, other) if place[one] <= place[other] else (other, one)
        if place[good] == place[bad]:
            pairs.append(Pair(first=good, second=bad, preference=Preference.SAME))
        elif order[place[good]] == second:
            pairs.append(Pair(first=bad, second=good, preference=Preference.SECOND))
        else:
            pairs.append(Pair(first=good, second=bad, preference=Preference.FIRST))
    return replace(cast, ballot=replace(cast.ballot, pairs=tuple(pairs)))
