"""Every way of counting that a policy can ask for, and what each makes of a set.

Nothing here is a list of rules: the policy's own fields say what there is.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Final

from consensus.policy import Policy
from consensus.tally.answers import Classes
from consensus.tally.count import Count

from .sets import Question

ELSEWHERE: Final = frozenset({"rule", "share", "weights", "pairs", "near_duplicates", "dials"})
"""Choices of a policy that are no way of reading a round's ballots: the rule itself, what models
are shown and asked, whether a ledger is heard (here nobody has one), how free texts are grouped,
how the next round's dials are turned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A rule, with at most one of the policy's choices other than it is by default.

    `marks`: the ballots also hold made-up endorsements (`Question.endorsements`).
    """

    rule: str
    option: tuple[str, str] | None = None
    marks: bool = False

    @property
    def name(self) -> str:
        """As tables have it."""
        with_ = [f"{self.option[0]} {self.option[1]}"] if self.option else []
        return ", ".join([self.rule, *with_, *(["marks"] if self.marks else [])])

    @property
    def policy(self) -> Policy:
        """The policy that counts so, all else by default."""
        changes: dict[str, str] = dict([self.option]) if self.option else {}
        return Policy(rule=self.rule, **changes)  # type: ignore[arg-type]

    @property
    def plain(self) -> "Variant":
        """The same on the same ballots without the choice, or the rule alone on plain ballots."""
        return Variant(rule=self.rule, marks=self.marks and self.option is not None)


MAJORITY: Final = Variant(rule="majority")
PLAIN: Final = Variant(rule="bradley_terry", option=("strengths_over", "candidates"))
"""Bradley-Terry as the data's account has it of rankings: 50.0 and 51.9."""
OVER_CLASSES: Final = Variant(rule="bradley_terry")
"""Bradley-Terry as it comes closest to the account's figure of votes: 23.3 beside 23.0."""
DEFAULT: Final = Variant(rule=Policy().rule)


def choices() -> Mapping[str, tuple[str, ...]]:
    """The policy's fields that are a choice among names, each with its default first."""
    default = Policy().to_dict()
    return {
        item.name: tuple(sorted(names, key=lambda name: name != default[item.name]))
        for item in fields(Policy)
        if (names := item.metadata.get("choices"))
    }


def rules() -> Iterator[Variant]:
    """Each rule alone, on ballots as recorded and with marks."""
    for rule in choices()["rule"]:
        yield Variant(rule=rule)
        yield Variant(rule=rule, marks=True)


def optional(mute: Collection[str]) -> Iterator[Variant]:
    """Each rule with each other choice of each option, on ballots as recorded; those in `mute`,
    which decide nothing without marks, with marks."""
    for name, names in choices().items():
        if name not in ELSEWHERE:
            for value in names[1:]:
                for rule in choices()["rule"]:
                    marks = rule in mute
                    yield Variant(rule=rule, option=(name, value), marks=marks)


def share(count: Count, answer: str) -> Fraction:
    """1 if `answer` wins; of a tie for the first place, the part that is `answer`'s."""
    return share_of(count.classes, count.scores, answer)


def share_of(classes: Classes, scores: Sequence[int], answer: str) -> Fraction:
    """The same of scores by class, the highest first."""
    best = max(scores)
    first = [
        item.answer for item, score in zip(classes.items, scores, strict=True) if score == best
    ]
    return Fraction(int(answer in first), len(first))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A variant on some questions: the share of each that is right.

    `mute`: on every question all classes scored alike, so it decided nothing.
    """

    right: tuple[Fraction, ...]
    mute: bool


def outcomes(
    variants: Sequence[Variant], questions: Sequence[Question]
) -> Mapping[Variant, Outcome]:
    """Count every question. Variants that differ in their rule alone share the reading of it."""
    right: dict[Variant, list[Fraction]] = {variant: [] for variant in variants}
    vocal: set[Variant] = set()
    alike: dict[tuple[tuple[str, str] | None, bool], list[Variant]] = {}
    for variant in variants:
        alike.setdefault((variant.option, variant.marks), []).append(variant)
    for (_, marks), group in alike.items():
        for question in questions:
            first = question.round(marks=marks, policy=group[0].policy).count()
            for variant in group:
                counted = replace(first, policy=variant.policy)
                right[variant].append(share(counted, question.gold))
                if len(set(counted.scores)) > 1:
                    vocal.add(variant)
    return {
        variant: Outcome(right=tuple(found), mute=variant not in vocal)
        for variant, found in right.items()
    }
