"""What if outcomes taught that stand without any f members? Measured, and not adopted.

A ledger learns without a client's word only from outcomes that are not `fragile`: no f members
could have made another (O5). The weaker criterion here asks only that no f members made this one:
that it *stands* whoever of f is taken out. The members that are in fact faulty are one such set,
so what stands is what the others alone would have chosen of what they said. But which of the
others' choices stand is then up to the f, who lift a narrow lead by joining it and sink it by
opposing it. The table has both, under attacks that do that. reputation/README.md draws the
conclusion.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from random import Random
from statistics import fmean
from typing import Final

from consensus.tally import Tally
from consensus.tally.turned import Stance, turn
from tests.bench.rules.adversaries import ATTACKS
from tests.harness.tallies import Round

from . import attacked, farmer
from .play import Case, Without, play
from .recorded import Spread

SHUFFLES: Final = 6
WAYS: Final = ("log_odds", "best_member", "adaptive")


class Criterion(StrEnum):
    """Of which outcomes a ledger learns without a client's word."""

    O5 = "is not fragile"
    STANDING = "stands"


class Selects(StrEnum):
    """Attacks by which outcomes teach: they join the others' winner where it suits, else turn
    against it. They know who said what before they draft, which is more than R2a lets them; those
    of BALLOTS draft what was recorded, and know it when they judge."""

    WRONG = "join wrong"
    RIVAL = "sink one"
    BALLOTS = "sink one, ballots"


CELLS: Final = (
    ("none", 0.0),
    ("none", 0.05),
    ("none", 0.1),
    ("colluding, drafts too", 0.0),
    ("colluding, drafts too", 0.1),
    (Selects.WRONG, 0.0),
    (Selects.RIVAL, 0.0),
    (Selects.BALLOTS, 0.0),
)
"""Attacks and shares of tasks with a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """One stream. In the end the mean scores in bp of the bad, of the others, and that of the one
    whom RIVAL is against; how many outcomes passed, how many of those were right, and what
    percentage was right by way of counting."""

    committee: str
    attack: str
    told: float
    criterion: Criterion
    bad: float
    others: float
    rival: float
    passed: int
    true: int
    right: Mapping[str, float]


def stands(found: Tally, without: Without, f: int) -> bool:
    """Whether the winner is alone in first place whichever up to `f` members are taken out.

    A tie, or nothing left to choose from, is no choice of those who remain.
    """
    if found.winner is None or found.tied:
        return False
    members = range(len(found.weights.weights))
    for size in range(1, f + 1):
        for gone in combinations(members, size):
            left = without(gone)
            if left.winner is None or left.classes.items[left.winner].answer != found.winner:
                return False
            if left.scores.count(max(left.scores)) > 1:
                return False
    return True


def _select(kind: Selects, case: Case, bad: frozenset[int], rival: int) -> Round:
    """The round once the bad have joined what the others choose, or the runner-up against it."""
    of = case.round
    honest = of.count(
        policy=attacked.POLICY,
        candidates=tuple(item for item in of.candidates if item.author not in bad),
        ballots=tuple(item for item in of.ballots if item.voter not in bad),
    )
    if len(honest.ranking) < 2:
        return of
    winner, second = (honest.classes.items[at].answer for at in honest.ranking[:2])
    if kind is Selects.WRONG:
        joins = winner != case.gold
    else:
        mine = next(item.proposal.answer for item in of.candidates if item.author == rival)
        joins = winner != mine
    aim, against = (winner, second) if joins else (second, winner)
    if kind is not Selects.BALLOTS:
        candidates = tuple(
            replace(item, proposal=replace(item.proposal, answer=aim))
            if item.author in bad
            else item
            for item in of.candidates
        )
        of = replace(of, candidates=candidates)
    classes = of.count().classes
    turned = {
        member: turn(member, of.candidates, classes, against, aim, of.policy, stance=Stance.FOR)
        for member in sorted(bad)
    }
    cast = {item.voter: item for item in of.ballots} | turned
    return replace(of, ballots=tuple(cast[voter] for voter in sorted(cast)))


def _attacked(kind: str, case: Case, bad: frozenset[int], rival: int, rng: Random) -> Case:
    if kind == "none" or len({item.proposal.answer for item in case.round.candidates}) < 2:
        return case
    if kind in list(Selects):
        return replace(case, round=_select(Selects(kind), case, bad, rival))
    attack = next(one for one in ATTACKS if one.name == kind)
    honest = case.round.count(policy=attacked.POLICY)
    return replace(case, round=attack.change(case.round, honest, bad, rng))


def _run(name: str, kind: str, told: float, criterion: Criterion, shuffle: int) -> Stood:
    rng = Random(f"{name} {shuffle}")  # the same questions and bad members in every cell
    order = attacked.stream(name, rng)
    n = order[0].round.n
    bad = frozenset(rng.sample(range(n), attacked.F[name]))
    rival = rng.choice([member for member in range(n) if member not in bad])
    order = [_attacked(kind, case, bad, rival, rng) for case in order]
    passes: list[tuple[bool, str | None]] = []

    def lesson(found: Tally, without: Without) -> bool:
        if criterion is Criterion.O5:
            passed = not found.robustness.fragile and not found.tied
        else:
            passed = stands(found, without, (n - 1) // 3)
        passes.append((passed and len(found.classes) > 1, found.winner))
        return passed

    right: Counter[str] = Counter()
    scores: tuple[int, ...] = ()
    views = None if kind == "none" else attacked.lies(n, bad)
    for step in play(order, told=told, rng=rng, views=views, lesson=lesson):
        scores = step.scores
        right.update({way: step.right[way] for way in WAYS})
    kept = [
        (winner, case.gold) for (passed, winner), case in zip(passes, order, strict=True) if passed
    ]
    return Stood(
        committee=name,
        attack=kind,
        told=told,
        criterion=criterion,
        bad=fmean(scores[at] for at in bad),
        others=fmean(scores[at] for at in range(n) if at not in bad),
        rival=scores[rival],
        passed=len(kept),
        true=sum(winner == gold for winner, gold in kept),
        right={way: 100 * right[way] / len(order) for way in WAYS},
    )


def runs(executor: Executor, shuffles: int) -> list[Stood]:
    """Every committee and cell, under both criteria."""
    jobs = [
        executor.submit(_run, name, kind, told, criterion, shuffle)
        for name in attacked.F
        for kind, told in CELLS
        for criterion in Criterion
        for shuffle in range(shuffles)
    ]
    return [job.result() for job in jobs]


def lines(executor: Executor, shuffles: int) -> Iterator[str]:
    """Markdown: streams of both criteria, and how long a farmer lasts by each without words."""
    found = runs(executor, shuffles)
    heads = ("committee", "attack", "words on", "learns if it", "passed", "of them right")
    heads += ("bad", "others", "rival", *WAYS)
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for name in attacked.F:
        for kind, told in CELLS:
            for criterion in Criterion:
                cell = [
                    one
                    for one in found
                    if (one.committee, one.attack, one.told, one.criterion)
                    == (name, kind, told, criterion)
                ]
                yield f"| {name} | {kind} | {told:.0%} | {criterion} | {_figures(cell)} |"
    yield ""
    for criterion, lead in ((Criterion.O5, farmer.FRAGILE), (Criterion.STANDING, farmer.F)):
        for one in farmer.measure(executor, shuffles, told=(0.0,), fragile=lead):
            yield (
                f"{criterion}: a farmer of {one.history} tasks, by {one.method}, is at neutral "
                f"after {one.neutral.mean:.0f} ({one.neutral.spread:.0f}); never in {one.never}"
            )


def _figures(cell: Sequence[Stood]) -> str:
    """How many outcomes taught a stream and were right; then means and spreads over streams."""
    passed, true = sum(one.passed for one in cell), sum(one.true for one in cell)
    scores = [[getattr(one, name) for one in cell] for name in ("bad", "others", "rival")]
    ways = [[one.right[way] for one in cell] for way in WAYS]
    return " | ".join(
        [
            f"{passed / len(cell):.0f}",
            f"{100 * true / passed:.0f} %" if passed else "",
            *(f"{one.mean:.0f} ({one.spread:.0f})" for one in map(Spread.of, scores)),
            *(f"{one.mean:.1f} ({one.spread:.1f})" for one in map(Spread.of, ways)),
        ]
    )
