"""How independent members really are: whose drafts agree, and whose errors go together.

A committee outvotes errors that are independent. Models of one family, and often of several, err on
the same questions and give the same wrong answer (Kim, Garg, Peng and Garg 2025, 2506.07962); then
five members count for two. Errors are known only where a client said what was right. Agreement is
known everywhere, and says less: members who are right agree too. All of it is shown, never signed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import fsum, sqrt
from typing import Final

from .facts import FeedbackFact, VerdictFact

Z: Final = 1.959963984540054
"""Standard errors to either side of a figure for 95 %: the 97.5 % point of the normal."""

LEAST: Final = 30
"""Tasks with a known answer under which no correlation is shown. In simulation the interval of
95 % holds the truth in 93 to 95 % of cases from 60 tasks on (91 where errors are rare); at 30 in 87
to 94, and in 79 where only one draft in six is wrong."""

Outcome = tuple[VerdictFact, tuple[FeedbackFact, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """One member: `wrong` of `told` drafts were wrong, of those of which that is known."""

    member: bytes
    told: int
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two members on the tasks in which both drafted.

    `drafted` tasks, in `agreed` of which they gave one answer. Of `told` it is known who was right:
    both were wrong in `both`, and gave the same wrong answer in `same` of those. `errors` is the
    correlation of being wrong (phi); None where too little is known, or one of them was always
    wrong, or never.
    """

    one: bytes
    other: bytes
    drafted: int
    agreed: int
    told: int
    both: int
    same: int
    errors: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """All members of a domain and all pairs of them, by key.

    `correlation` is the mean of the pairs' and `effective` the number of independent members
    that would err as little together: n / (1 + (n - 1) correlation), Kish's design effect
    (1965), at most n. None where no pair's is known. In simulation (five independent members, 100
    tasks, 80 draws) the mean's interval held the truth in 90 %.
    """

    members: tuple[Alone, ...]
    pairs: tuple[Pair, ...]
    correlation: Estimate | None
    effective: Estimate | None


@dataclass(slots=True)
class _Tally:
    drafted: int = 0
    agreed: int = 0
    same: int = 0
    cells: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    by_task: list[tuple[bool, bool] | None] = field(default_factory=list)


def reliability(members: Sequence[bytes], outcomes: Iterable[Outcome]) -> Reliability:
    """What `outcomes` say of `members`, distinct and ascending. A task counts whoever opened it."""
    found = {pair: _Tally() for pair in combinations(members, 2)}
    alone: dict[bytes, list[bool]] = {member: [] for member in members}
    for fact, statements in outcomes:
        drafts = {item.member: item.answer for item in fact.showings if item.answer >= 0}
        wrong = {
            member: errs
            for member in members
            if member in drafts
            and (errs := _wrong(fact, statements, drafts[member], member)) is not None
        }
        for member, errs in wrong.items():
            alone[member].append(errs)
        for (one, other), tally in found.items():
            cell = None
            if one in drafts and other in drafts:
                tally.drafted += 1
                tally.agreed += drafts[one] == drafts[other]
                if one in wrong and other in wrong:
                    cell = wrong[one], wrong[other]
                    tally.cells[cell] += 1
                    tally.same += cell == (True, True) and drafts[one] == drafts[other]
            tally.by_task.append(cell)
    errors = {pair: _errors(tally.cells) for pair, tally in found.items()}
    pairs = tuple(
        Pair(
            one=one,
            other=other,
            drafted=tally.drafted,
            agreed=tally.agreed,
            told=tally.cells.total(),
            both=tally.cells[True, True],
            same=tally.same,
            errors=errors[one, other],
        )
        for (one, other), tally in found.items()
    )
    correlation = _mean([found[pair] for pair, known in errors.items() if known is not None])
    return Reliability(
        members=tuple(
            Alone(member=member, told=len(errs), wrong=sum(errs)) for member, errs in alone.items()
        ),
        pairs=pairs,
        correlation=correlation,
        effective=None if correlation is None else _effective(len(members), correlation),
    )


def _wrong(
    fact: VerdictFact, statements: Sequence[FeedbackFact], draft: int, member: bytes
) -> bool | None:
    """Whether a draft was wrong, None where no client tells, or clients differ.

    Nobody's word counts on itself.
    """
    told = set()
    for item in statements:
        if item.client == member:
            continue
        if item.right:
            told.add(draft != fact.winner if fact.winner >= 0 else None)
        elif item.answer:
            told.add(fact.answers[draft] != item.answer)
        elif draft == fact.winner:
            told.add(True)
    return told.pop() if len(told) == 1 else None


def share(part: float, whole: int) -> Estimate:
    """A share with Wilson's score interval (1927, eq. 4); everything is possible of no tasks.

    Unlike the normal approximation it stays within 0 and 1 and is sensible at both ends. `part`
    may be a fraction, where ties were split. Raises `ValueError` if it is no part of `whole`.
    """
    if not 0 <= part <= whole:
        raise ValueError(f"{part} of {whole} is no share")
    if not whole:
        return Estimate(value=0.0, low=0.0, high=1.0)
    p, spread = part / whole, Z * Z / whole
    middle = (p + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * sqrt(p * (1 - p) / whole + spread / (4 * whole))
    # At the ends the interval touches 0 or 1 exactly; rounding must not step over.
    return Estimate(
        value=p,
        low=0.0 if part == 0 else max(0.0, middle - half),
        high=1.0 if part == whole else min(1.0, middle + half),
    )


def phi(cells: Counter[tuple[bool, bool]]) -> float | None:
    """Pearson's correlation of two yes-or-no figures; None where one of them never changes."""
    both, first, second, none = (
        cells[True, True],
        cells[True, False],
        cells[False, True],
        cells[False, False],
    )
    below = (both + first) * (second + none) * (both + second) * (first + none)
    return (both * none - first * second) / sqrt(below) if below else None


def _errors(cells: Counter[tuple[bool, bool]]) -> Estimate | None:
    """phi with a jackknife interval (Quenouille 1956, Tukey 1958): each task left out once."""
    if cells.total() < LEAST:
        return None
    return _jackknife(phi(cells), [(less, cells[cell]) for cell, less in _less(cells).items()])


def _less(cells: Counter[tuple[bool, bool]]) -> dict[tuple[bool, bool], float | None]:
    """phi without one task, for each cell that the task may be in."""
    return {cell: phi(cells - Counter([cell])) for cell in cells}


def _mean(tallies: Sequence[_Tally]) -> Estimate | None:
    """The mean of the pairs' phi, each of which is known; its interval by leaving out one task in
    all of them."""
    if not tallies:
        return None
    whole = [phi(tally.cells) for tally in tallies]
    less = [_less(tally.cells) for tally in tallies]
    left: list[tuple[float | None, int]] = []
    for task in range(len(tallies[0].by_task)):
        said = [tally.by_task[task] for tally in tallies]
        if any(cell is not None for cell in said):
            parts = [
                one
                for at, cell in enumerate(said)
                if (one := whole[at] if cell is None else less[at][cell]) is not None
            ]
            left.append((fsum(parts) / len(parts) if parts else None, 1))
    known = [one for one in whole if one is not None]
    return _jackknife(fsum(known) / len(known), left)


def _jackknife(value: float | None, left: Sequence[tuple[float | None, int]]) -> Estimate | None:
    """`left` are the figures without one task each, with how many tasks give that figure."""
    known = [(one, count) for one, count in left if one is not None]
    count = sum(number for _, number in known)
    if value is None or count < 2:
        return None
    middle = fsum(one * number for one, number in known) / count
    spread = fsum(number * (one - middle) * (one - middle) for one, number in known)
    half = Z * sqrt((count - 1) / count * spread)
    return Estimate(value=value, low=max(-1.0, value - half), high=min(1.0, value + half))


def _effective(n: int, correlation: Estimate) -> Estimate:
    def of(rho: float) -> float:
        return n / (1 + (n - 1) * max(0.0, rho))

    return Estimate(value=of(correlation.value), low=of(correlation.high), high=of(correlation.low))
