"""Who was right how often: the arithmetic of the demonstration's last table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from consensus.bodies import Proposal

NORMAL_95: Final = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""


def wilson(right: float, asked: int, z: float = NORMAL_95) -> tuple[float, float]:
    """Wilson's score interval for a share of `right` in `asked` (Wilson 1927, eq. 4).

    Unlike the normal approximation it stays within 0..1 and is sensible at both ends. `right`
    may be fractional, where ties were split evenly. Without any question it is (0, 1).
    """
    if not 0 <= right <= asked:
        raise ValueError(f"{right} right of {asked} is no share")
    if not asked:
        return 0.0, 1.0
    share, spread = right / asked, z * z / asked
    middle = share + spread / 2
    reach = z * sqrt(share * (1 - share) / asked + spread / (4 * asked))
    low, high = (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)
    # At the ends the interval touches 0 or 1 exactly; rounding must not step over.
    return (0.0 if right == 0 else max(low, 0.0), 1.0 if right == asked else min(high, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One case with its truth, the drafts of its first round by organisation, and the verdict.

    An organisation that drafted nothing is absent. `swarm` is None if there is no verdict
    with a winner, which counts as wrong; `tied` holds all answers that share its place.
    """

    truth: str
    drafts: Mapping[str, Proposal]
    swarm: str | None
    tied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: `right` of `asked` with the 95 % Wilson interval, all shares."""

    name: str
    right: float
    asked: int

    @property
    def share(self) -> float:
        """The share of right answers; 0 if none was asked for."""
        return self.right / self.asked if self.asked else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of `share`."""
        return wilson(self.right, self.asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows: each organisation alone, then majority, mean of probabilities, swarm.

    Beside them: `split` is the swarm with its ties counted by their share, `oracle` where any
    organisation was right, which is the most that choosing among their answers can reach.
    """

    alone: tuple[Row, ...]
    majority: Row
    mean: Row
    swarm: Row
    split: Row
    oracle: Row

    @property
    def best(self) -> Row:
        """The organisation with the largest share alone; of equals the first."""
        return max(self.alone, key=lambda row: row.share)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows in the order they are shown."""
        return (*self.alone, self.majority, self.mean, self.swarm)


def tabulate(
    cases: Sequence[Decided], organisations: Sequence[str], options: Sequence[str]
) -> Table:
    """Count who was right.

    An organisation alone is asked where it drafted. Majority and mean take the drafts there
    are; their ties are split evenly among the tied answers, which is what a fair coin gives
    on average. The mean of probabilities is what a coordinator who sees every belief would
    answer (beliefs in bp over `options`; drafts without one are left out).
    """
    alone = tuple(
        Row(
            name=name,
            right=sum(
                case.drafts[name].answer == case.truth for case in cases if name in case.drafts
            ),
            asked=sum(name in case.drafts for case in cases),
        )
        for name in organisations
    )
    return Table(
        alone=alone,
        majority=_row("majority", cases, [_votes(case) for case in cases]),
        mean=_row("mean of probabilities", cases, [_sums(case, options) for case in cases]),
        swarm=Row(
            name="swarm", right=sum(case.swarm == case.truth for case in cases), asked=len(cases)
        ),
        split=_row(
            "swarm, ties split",
            cases,
            [dict.fromkeys(case.tied or ([case.swarm] if case.swarm else []), 1) for case in cases],
        ),
        oracle=Row(
            name="any right",
            right=sum(
                any(draft.answer == case.truth for draft in case.drafts.values()) for case in cases
            ),
            asked=len(cases),
        ),
    )


def _row(name: str, cases: Sequence[Decided], scores: Sequence[Mapping[str, int]]) -> Row:
    right = sum(_share_of_top(score, case.truth) for case, score in zip(cases, scores, strict=True))
    return Row(name=name, right=right, asked=len(cases))


def _share_of_top(score: Mapping[str, int], truth: str) -> float:
    most = max(score.values(), default=0)
    top = [answer for answer, value in score.items() if value == most]
    return 1 / len(top) if truth in top else 0.0


def _votes(case: Decided) -> Mapping[str, int]:
    return Counter(draft.answer for draft in case.drafts.values())


def _sums(case: Decided, options: Sequence[str]) -> Mapping[str, int]:
    beliefs = [draft.belief for draft in case.drafts.values() if draft.belief]
    if not beliefs:
        return {}
    return {option: sum(b[k] for b in beliefs) for k, option in enumerate(options)}
