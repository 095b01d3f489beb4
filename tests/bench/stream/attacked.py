"""Streams in which some members vote against what they know, and what a ledger saves.

The same members are bad throughout; what they do is what the benchmark of rules has them do
(`..rules.adversaries`), and their views praise each other and run the others down. Committees of
seven are simulated: judges that err independently flatter every rule. All judges endorse, by what
was made up from each one's order; the bad turn their endorsements as they turn their pairs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Final

from consensus.policy import Policy
from tests.bench.rules.adversaries import ATTACKS
from tests.bench.rules.simulated import committee
from tests.bench.rules.variants import share
from tests.harness.tallies import Round

from .play import Case, play
from .recorded import Spread, cases, pools

TOLD: Final = (0.0, 0.1, 1.0)
WAYS: Final = ("majority", "blend", "bradley_terry", "log_odds", "best_member", "adaptive")
EQUAL: Final = WAYS[:3]
"""Counted with equal weights as well."""
QUESTIONS: Final = 80
"""How many a stream has."""
NONE: Final = "none"
ATTACKED: Final = ("inverted", "colluding", "colluding, drafts too")
CELLS: Final = ((NONE, (TOLD[0], TOLD[-1])), *((kind, TOLD) for kind in ATTACKED))
"""Attacks, and on what shares of the tasks a client speaks."""
POLICY: Final = Policy(rule="blend")

NEAR: Final = "four, near equals"
FABLE: Final = "four, one stands out"
SIX: Final = "six nodes"
SEVEN: Final = "seven, simulated"
F: Final = {NEAR: 1, FABLE: 1, SIX: 1, SEVEN: 2}
"""How many may be faulty, by committee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committee:
    """`bad` of the members of a committee attack."""

    name: str
    bad: int

    @property
    def title(self) -> str:
        """As tables have it."""
        past = f", past f = {F[self.name]}" if self.bad > F[self.name] else ""
        return f"{self.name}, {self.bad} bad{past}"


COMMITTEES: Final = (
    *(Committee(name=name, bad=f) for name, f in F.items()),
    Committee(name=SIX, bad=2),  # a third of them, which is more than they are built to bear
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """Percent right in one stream, by way of counting; `equal` where nobody's repute counts, `bad
    left out` where the others alone are heard besides: all that a ledger could win back. How many
    outcomes teach without a client's word, and how many of those were right."""

    committee: str
    attack: str
    told: float
    right: dict[str, float]
    taught: int
    true: float


@cache
def _recorded() -> Mapping[str, tuple[Case, ...]]:
    return dict(
        zip((NEAR, FABLE, SIX), (cases(of, marks=True) for of in pools().values()), strict=True)
    )


def stream(name: str, rng: Random) -> list[Case]:
    """Questions of a committee by name, drawn anew, with endorsements."""
    if name == SEVEN:
        drawn = (committee(7, number) for number in rng.sample(range(10_000), QUESTIONS))
        return [Case(id=str(at), round=one.round, gold=one.gold) for at, one in enumerate(drawn)]
    found = list(_recorded()[name])
    rng.shuffle(found)
    return found[:QUESTIONS]


def lies(n: int, bad: frozenset[int]) -> Callable[[Sequence[int]], Sequence[Sequence[int]]]:
    """The views of all members, given that of an honest ledger."""
    lie = [10_000 if at in bad else 0 for at in range(n)]
    return lambda view: [lie if at in bad else view for at in range(n)]


def _run(of: Committee, kind: str, shuffle: int) -> Iterator[Attacked]:
    rng = Random(f"{of.name} {shuffle}")  # the same questions and bad members under every attack
    order = stream(of.name, rng)
    n = order[0].round.n
    bad = frozenset(rng.sample(range(n), of.bad))
    attack = next((one for one in ATTACKS if one.name == kind), None)

    def changed(case: Case) -> Case:
        if attack is None or len({item.proposal.answer for item in case.round.candidates}) < 2:
            return case
        honest = case.round.count(policy=POLICY)
        return replace(case, round=attack.change(case.round, honest, bad, rng))

    order = [changed(case) for case in order]
    equal = {f"{way}, equal": sum(_equal(case, way) for case in order) for way in EQUAL}
    rid = [replace(case, round=_without(case.round, bad)) for case in order]
    equal |= {f"{way}, bad left out": sum(_equal(case, way) for case in rid) for way in EQUAL[:2]}
    for told in dict(CELLS)[kind]:
        right = equal | dict.fromkeys(WAYS, 0.0)
        teaching: list[float] = []
        words = Random(f"{of.name} {shuffle} words")  # who is told more is told the same and more
        for step in play(order, told=told, rng=words, views=lies(n, bad) if attack else None):
            for way in WAYS:
                right[way] += step.right[way]
            if step.teaches:
                teaching.append(step.right["adaptive"])
        yield Attacked(
            committee=of.title,
            attack=kind,
            told=told,
            right={way: 100 * count / len(order) for way, count in right.items()},
            taught=len(teaching),
            true=sum(teaching),
        )


def _without(of: Round, bad: frozenset[int]) -> Round:
    return replace(
        of,
        candidates=tuple(item for item in of.candidates if item.author not in bad),
        ballots=tuple(item for item in of.ballots if item.voter not in bad),
    )


def _equal(case: Case, rule: str) -> float:
    count = case.round.count(policy=Policy(rule=rule))
    return float(share(count, case.gold))


def _runs(of: Committee, kind: str, shuffle: int) -> list[Attacked]:
    return list(_run(of, kind, shuffle))


def runs(executor: Executor, shuffles: int) -> list[Attacked]:
    """Every committee, attack and share. With more bad than f the same streams are attacked as
    with f, so that without an attack they are played once."""
    jobs = [
        executor.submit(_runs, of, kind, shuffle)
        for of in COMMITTEES
        for kind, _ in CELLS
        if kind != NONE or of.bad <= F[of.name]
        for shuffle in range(shuffles)
    ]
    return [one for job in jobs for one in job.result()]


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
