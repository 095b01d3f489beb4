"""Streams in which some members vote against what they know, and what a ledger saves.

The same members are bad throughout; what they do is what the benchmark of rules has them do
(`..rules.adversaries`), and their views praise each other and run the others down. Committees of
seven are simulated: judges that err independently flatter every rule.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from consensus.policy import Policy
from consensus.tally import Weights
from tests.bench.rules.adversaries import ATTACKS
from tests.bench.rules.simulated import committee
from tests.harness.tallies import Round

from .play import Case, play
from .recorded import Spread, cases, pools

TOLD: Final = (0.0, 0.1, 1.0)
WAYS: Final = ("majority", "blend", "bradley_terry", "log_odds", "best_member", "adaptive")
SIMULATED: Final = 80
"""Simulated questions a stream."""
KINDS: Final = ("inverted", "colluding", "colluding, drafts too")
POLICY: Final = Policy(rule="blend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Committee:
    """`bad` of the members of a committee attack."""

    name: str
    bad: int


COMMITTEES: Final = (
    Committee(name="six nodes, recorded", bad=2),
    Committee(name="seven, simulated", bad=2),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """Percent right in one stream, by way of counting; `equal` where nobody's repute counts."""

    committee: str
    attack: str
    told: float
    right: dict[str, float]


def _stream(of: Committee, rng: Random) -> list[Case]:
    if of.name.startswith("six"):
        found = list(cases([*pools().values()][-1]))
        rng.shuffle(found)
        return found[:SIMULATED]
    return [
        Case(id=str(number), round=one.round, gold=one.gold)
        for number in rng.sample(range(10_000), SIMULATED)
        for one in [committee(7, number)]
    ]


def lies(n: int, bad: frozenset[int]) -> Callable[[Sequence[int]], Sequence[Sequence[int]]]:
    """The views of all members, given that of an honest ledger."""
    lie = [10_000 if at in bad else 0 for at in range(n)]
    return lambda view: [lie if at in bad else view for at in range(n)]


def _run(of: Committee, kind: str, told: float, shuffle: int) -> Attacked:
    rng = Random(f"{of.name} {shuffle}")  # the same questions and bad members under every attack
    order = _stream(of, rng)
    n = order[0].round.n
    bad = frozenset(rng.sample(range(n), of.bad))
    attack = next((one for one in ATTACKS if one.name == kind), None)

    def changed(case: Case, random: Random) -> Round:
        if attack is None or len({item.proposal.answer for item in case.round.candidates}) < 2:
            return case.round
        return attack.change(case.round, case.round.count(policy=POLICY), bad, random)

    plain = [replace(case, round=changed(case, rng)) for case in order]
    right = {f"{way}, equal": 0.0 for way in WAYS[:3]} | dict.fromkeys(WAYS, 0.0)
    for case, step in zip(
        plain,
        play(plain, told=told, rng=rng, views=lies(n, bad) if attack else None),
        strict=True,
    ):
        for way in WAYS:
            right[way] += step.right[way]
        for way in WAYS[:3]:
            right[f"{way}, equal"] += _equal(case, way)
    return Attacked(
        committee=of.name,
        attack=kind,
        told=told,
        right={way: 100 * count / len(plain) for way, count in right.items()},
    )


def _equal(case: Case, rule: str) -> float:
    found = case.round.count(policy=Policy(rule=rule), weights=Weights.neutral(case.round.n))
    first = [
        item.answer
        for item, score in zip(found.classes.items, found.scores, strict=True)
        if score == max(found.scores)
    ]
    return (case.gold in first) / len(first)


def runs(executor: Executor, shuffles: int) -> list[Attacked]:
    """Every committee, attack and share; without an attack with words on everything alone."""
    jobs = [
        executor.submit(_run, of, kind, told, shuffle)
        for of in COMMITTEES
        for kind, shares in [("none", (1.0,)), *((kind, TOLD) for kind in KINDS)]
        for told in shares
        for shuffle in range(shuffles)
    ]
    return [job.result() for job in jobs]


def percent(
    found: Sequence[Attacked], committee: str, attack: str, told: float, way: str
) -> Spread:
    """One cell."""
    return Spread.of(
        [
            run.right[way]
            for run in found
            if (run.committee, run.attack, run.told) == (committee, attack, told)
        ]
    )
