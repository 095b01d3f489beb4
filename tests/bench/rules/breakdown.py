"""How many bad voters turn a rule's result: winner flips against their share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from consensus.committee import FaultMode, Quorum
from consensus.policy import Policy
from consensus.tally.count import Count
from tests.harness.tallies import Round

from .adversaries import ATTACKS, Attack, Plot
from .sets import Question
from .simulated import Case, committee


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """Of `cases` rounds under one attack by `bad` of `members`: under a rule, how many ended
    with another winner than without the attack (`flipped`), and how many right (`right`)."""

    attack: str
    members: int
    bad: int
    rule: str
    cases: int
    flipped: int
    right: int

    @property
    def percent(self) -> float:
        """Flips in percent."""
        return 100 * self.flipped / self.cases

    @property
    def error(self) -> float:
        """The binomial standard error of that."""
        share = self.flipped / self.cases
        return float(100 * (share * (1 - share) / self.cases) ** 0.5)


def recorded(questions: Sequence[Question]) -> tuple[Case, ...]:
    """Recorded rounds, with made-up endorsements, so that every rule has something to read."""
    return tuple(Case(round=item.round(marks=True), gold=item.gold) for item in questions)


def simulated(n: int, cases: int) -> tuple[Case, ...]:
    """Simulated committees of `n`."""
    return tuple(committee(n, number) for number in range(cases))


def sizes(n: int) -> tuple[int, ...]:
    """How many of `n` are bad: 10 to 50 % in steps of ten, rounded down, and f (S6)."""
    tenths = {n * tenth // 10 for tenth in range(1, 6)}
    return tuple(sorted(tenths - {0} | {Quorum.of(n, FaultMode.BYZANTINE).f}))


def breakdown(
    cases: Sequence[Case], rules: Mapping[str, Policy], attacks: Sequence[Attack] = ATTACKS
) -> Iterator[Flips]:
    """Every attack by every number of bad voters; the same voters are bad under every rule.

    Every case has the same number of members, and answers of at least two classes.
    """
    n = cases[0].round.n
    honest = [_counts(case.round, rules) for case in cases]
    for attack in attacks:
        for bad in sizes(n):
            flipped, right = dict.fromkeys(rules, 0), dict.fromkeys(rules, 0)
            for number, (case, before) in enumerate(zip(cases, honest, strict=True)):
                members = frozenset(Random(number).sample(range(n), bad))
                for rule, answer in _attacked(case.round, before, attack, members, number):
                    flipped[rule] += answer != _winner(before[rule])
                    right[rule] += answer == case.gold
            for rule in rules:
                yield Flips(
                    attack=attack.name,
                    members=n,
                    bad=bad,
                    rule=rule,
                    cases=len(cases),
                    flipped=flipped[rule],
                    right=right[rule],
                )


def _attacked(
    of: Round, honest: Mapping[str, Count], attack: Attack, members: frozenset[int], number: int
) -> Iterator[tuple[str, str]]:
    """Who wins under each rule. Rules under which colluders want the same share the work."""
    done: dict[Plot | None, tuple[Round, Count]] = {}
    for rule, count in honest.items():
        key = Plot.against(count) if attack.informed else None
        if key not in done:
            changed = attack.change(of, count, members, Random(number))
            done[key] = changed, changed.count()
        yield rule, _winner(_under(*done[key], count.policy))


def _counts(of: Round, rules: Mapping[str, Policy]) -> Mapping[str, Count]:
    first = of.count()
    return {rule: _under(of, first, policy) for rule, policy in rules.items()}


def _under(of: Round, first: Count, policy: Policy) -> Count:
    """The round under `policy`; `first` is its count by default, whose readings rules share."""
    if policy == Policy(rule=policy.rule):
        return replace(first, policy=policy)
    return of.count(policy=policy)


def _winner(count: Count) -> str:
    return count.classes.items[count.ranking[0]].answer
