"""Every variant on every recorded set, beside majority, the data's own baseline and the default."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from node.demo.hle import POOLS

from .bootstrap import Paired, draws, paired
from .sets import RecordedSet
from .variants import (
    DEFAULT,
    MAJORITY,
    OVER_CLASSES,
    PLAIN,
    Outcome,
    Variant,
    choices,
    optional,
    outcomes,
    rules,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A variant's outcome on the questions with ballots, by pool."""

    variant: Variant
    pools: Mapping[str, Outcome]

    @property
    def mute(self) -> bool:
        """It decided nothing anywhere: what it reads is not recorded."""
        return all(of.mute for of in self.pools.values())

    def right(self, of: RecordedSet) -> Fraction:
        """How many of the set's questions it has right, of ties their part."""
        return sum((*self.pools[of.pool].right, *of.others), Fraction())

    def shares(self, of: RecordedSet) -> list[float]:
        """The share of each question that is right."""
        return [float(share) for share in (*self.pools[of.pool].right, *of.others)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """All rows on one set, in their order, against each base."""

    majority: Paired
    baseline: Paired
    default: Paired


def measured(sets: Sequence[RecordedSet], variants: Iterable[Variant]) -> list[Row]:
    """Count every question with ballots once for each variant."""
    every = list(variants)
    found = {of.pool: outcomes(every, of.judged) for of in {of.pool: of for of in sets}.values()}
    return [
        Row(variant=variant, pools={pool: of[variant] for pool, of in found.items()})
        for variant in every
    ]


def rows(sets: Sequence[RecordedSet]) -> list[Row]:
    """Every rule alone, with marks, and with every other choice that the policy has."""
    alone = measured(sets, rules())
    mute = {row.variant.rule for row in alone if row.mute}
    return sorted(
        [*alone, *measured(sets, optional(mute))],
        key=lambda row: list(choices()["rule"]).index(row.variant.rule),
    )


def twins(found: Sequence[Row]) -> dict[Variant, Variant]:
    """Which variants have, on every question, the very outcome of their rule alone."""
    alone = {row.variant: row for row in found}
    return {
        row.variant: row.variant.plain
        for row in found
        if row.variant != row.variant.plain and row.pools == alone[row.variant.plain].pools
    }


def baseline(of: RecordedSet) -> Variant:
    """The way of counting behind the data's own Bradley-Terry figure of that set."""
    return PLAIN if of.pool in POOLS else OVER_CLASSES


def compare(found: Sequence[Row], of: RecordedSet) -> Compared:
    """Paired bootstrap of each row against each base, on the same draws."""
    shares = [row.shares(of) for row in found]
    by = {row.variant: mine for row, mine in zip(found, shares, strict=True)}
    drawn = draws(of.size)
    return Compared(
        majority=paired(by[MAJORITY], shares, drawn),
        baseline=paired(by[baseline(of)], shares, drawn),
        default=paired(by[DEFAULT], shares, drawn),
    )
