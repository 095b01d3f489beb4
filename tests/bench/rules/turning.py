"""How strong turned ballots are: whom they topple by their share, and what other ballots topple.

`python -m tests.bench.rules --turned`, a few minutes of one core. All members and all adversaries
are simulated (`simulated`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, count, islice, product
from typing import Any, Final

from consensus.bodies import Pair, Preference
from consensus.policy import Policy
from consensus.tally import CountedBallot
from consensus.tally.count import Count
from consensus.tally.levers import Levers
from consensus.tally.readings import read
from consensus.tally.turned import Stance, turn
from tests.bench.tables import Table
from tests.harness.adversaries import turned
from tests.harness.tallies import Round

from .adversaries import Attack, by_ballots
from .breakdown import Flips, breakdown, simulated
from .simulated import committee

MEMBERS: Final = 10
CASES: Final = 60
TURNED: Final = Attack(name="turned", informed=True, change=by_ballots(turned))

RULES: Final[Mapping[str, Policy]] = {
    "blend": Policy(),
    "Bradley-Terry": Policy(rule="bradley_terry"),
    "Bradley-Terry, trimmed": Policy(rule="bradley_terry", ballots="trimmed"),
    "Bradley-Terry, median of means": Policy(rule="bradley_terry", ballots="median_of_means"),
    "quadratic": Policy(rule="quadratic"),
    "quadratic, trimmed": Policy(rule="quadratic", ballots="trimmed"),
    "Borda": Policy(rule="borda"),
    "Copeland": Policy(rule="copeland"),
    "Kemeny": Policy(rule="kemeny"),
    "latent truth": Policy(rule="latent_truth"),
}

SEARCHED: Final[Mapping[str, Policy]] = {
    "blend": Policy(),
    "Bradley-Terry": Policy(rule="bradley_terry"),
    "Bradley-Terry, over candidates": Policy(rule="bradley_terry", strengths_over="candidates"),
    "Bradley-Terry, trimmed": Policy(rule="bradley_terry", ballots="trimmed"),
    "Bradley-Terry, median of means": Policy(rule="bradley_terry", ballots="median_of_means"),
    "Bradley-Terry, ring": Policy(rule="bradley_terry", pairs="ring"),
    "Bradley-Terry, swiss": Policy(rule="bradley_terry", pairs="swiss"),
    "Davidson": Policy(rule="bradley_terry", ties="davidson"),
    "position fitted": Policy(rule="bradley_terry", position="fitted"),
    "Borda": Policy(rule="borda"),
    "Copeland": Policy(rule="copeland"),
    "Kemeny": Policy(rule="kemeny"),
    "latent truth": Policy(rule="latent_truth"),
}
"""Rules that read pairs: where `turned` proves its ballots the strongest, and where it searches."""

JUDGES: Final = 7
"""Members of the committees in which every ballot is tried. Of four answers there are six pairs,
and so 729 ballots of wins, losses and silence."""

ROUNDS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Under a rule, of `rounds` with four answers how many one member moves: by a ballot
    that puts a rival over all and says nothing else, by the turned ballots of O5, by those or any
    ballot of wins, losses and silence, and by anything that O5 lets it do."""

    rule: str
    rounds: int
    over_all: int
    turned: int
    any_ballot: int
    fragile: int


def flips() -> list[Flips]:
    """Winners that colluders change, by their share."""
    return list(breakdown(simulated(MEMBERS, CASES), RULES, (TURNED,)))


def moved(rule: str, policy: Policy) -> Moved:
    """What one member moves in small committees."""
    numbers = (number for number in count() if _divided(committee(JUDGES, number).round))
    found = [_moved(committee(JUDGES, number).round, policy) for number in islice(numbers, ROUNDS)]
    return Moved(
        rule=rule,
        rounds=len(found),
        over_all=sum(one[0] for one in found),
        turned=sum(one[1] for one in found),
        any_ballot=sum(one[2] for one in found),
        fragile=sum(one[3] for one in found),
    )


def _divided(of: Round) -> bool:
    return len(of.count().classes.items) == 4


def _moved(of: Round, policy: Policy) -> tuple[bool, bool, bool, bool]:
    first = of.count(policy=policy)
    names = [first.classes.items[at].answer for at in first.ranking]
    over_all = any(
        _hears(
            first,
            turn(
                voter,
                of.candidates,
                first.classes,
                names[0],
                names[1],
                policy,
                stance=Stance.FOR,
            ),
        )
        for voter in range(of.n)
    )
    levers = Levers(
        first=first,
        recount=lambda candidates, ballots: of.count(
            policy=policy, candidates=tuple(candidates), ballots=tuple(ballots)
        ),
        candidates=of.candidates,
        ballots=of.ballots,
        voters=range(of.n),
    )
    by_turning = any(
        way([voter]).ranking[0] != first.ranking[0]
        for way in levers.turns(each=True)
        for voter in range(of.n)
    )
    any_ballot = by_turning or any(
        _hears(first, ballot) for voter in range(of.n) for ballot in _every(of, first, voter)
    )
    return over_all, by_turning, any_ballot, of.tally(policy=policy).robustness.fragile


def _hears(first: Count, ballot: CountedBallot) -> bool:
    """Whether that ballot in place of its voter's changes the winner."""
    heard = {reading.voter: reading for reading in first.raw}
    heard[ballot.voter] = read(ballot, first.classes, first.policy)
    return first.hear(tuple(heard.values())).ranking[0] != first.ranking[0]


def _every(of: Round, first: Count, voter: int) -> Iterator[CountedBallot]:
    """Every sure ballot of pairs, one pair at most of any two answers; endorsements as the turned
    ballot has them."""
    winner, rival = (first.classes.items[at].answer for at in first.ranking[:2])
    cast = turn(voter, of.candidates, first.classes, winner, rival, first.policy)
    own = {item.id for item in of.candidates if item.author == voter}
    spokesmen = {
        first.classes.of[id_]: at for at, id_ in enumerate(cast.ballot.held) if id_ not in own
    }
    others = sorted(spokesmen.values())
    for words in product(
        (Preference.FIRST, Preference.SECOND, None), repeat=len(others) * (len(others) - 1) // 2
    ):
        pairs = tuple(
            Pair(first=one, second=other, preference=word)
            for (one, other), word in zip(combinations(others, 2), words, strict=True)
            if word is not None
        )
        yield replace(cast, ballot=replace(cast.ballot, pairs=pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turning:
    """Both measurements."""

    flips: Sequence[Flips]
    moved: Sequence[Moved]

    @classmethod
    def measured(cls) -> "Turning":
        """All of it."""
        return cls(flips=flips(), moved=[moved(rule, policy) for rule, policy in SEARCHED.items()])

    def tables(self) -> list[Table]:
        """In the order of printing."""
        bad = sorted({one.bad for one in self.flips})
        by = {(one.rule, one.bad): one for one in self.flips}
        return [
            Table(
                title="How often simulated colluders change the winner, by their share",
                how=f"Percent of {CASES} simulated rounds of {MEMBERS}; the same members turn "
                "their ballots under every rule (O5). A figure of 50 is good to 13 points.",
                columns=("", *(f"{100 * number // MEMBERS} %" for number in bad)),
                rows=[
                    (rule, *(f"{by[rule, number].percent:.0f}" for number in bad)) for rule in RULES
                ],
            ),
            Table(
                title="How many rounds one member moves, by what it may do",
                how=f"Simulated rounds of {JUDGES} with four answers. Over all: a ballot "
                "in which the runner-up beats all; turned: the ballots of O5; any: those and every "
                "ballot of sure wins, losses and silence; fragile: whatever O5 counts, proposals "
                "and withdrawal too.",
                columns=("", "rounds", "over all", "turned", "any", "fragile"),
                rows=[
                    (
                        one.rule,
                        *map(
                            str,
                            (one.rounds, one.over_all, one.turned, one.any_ballot, one.fragile),
                        ),
                    )
                    for one in self.moved
                ],
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """All figures."""
        return {
            "flips": [asdict(one) | {"percent": one.percent} for one in self.flips],
            "moved": [asdict(one) for one in self.moved],
        }
