"""What was measured, as tables and as plain data for JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final

from tests.bench.tables import Table

from .accuracy import Compared, Row, twins
from .asides import Asides
from .bootstrap import LEVEL, RESAMPLES, SEED, Difference, Paired
from .breakdown import Flips
from .digits import Digits
from .preference import Preference, Rate
from .sets import RecordedSet
from .variants import DEFAULT

INTERVAL: Final = 24
"""Characters of a figure with its difference and interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`compared` is in the order of `sets`, `preferences` by set, `flips` by committee."""

    sets: Sequence[RecordedSet]
    rows: Sequence[Row]
    compared: Sequence[Compared]
    preferences: Mapping[str, Preference]
    flips: Mapping[str, Sequence[Flips]]
    digits: Digits
    asides: Asides

    def tables(self) -> list[Table]:
        """In the order of printing."""
        return [
            self._accuracy(),
            self._beside_baseline(),
            self._beside_default(),
            self._digits(),
            self._preference(),
            *(self._breakdown(attack) for attack in self._attacks()),
            *self.asides.tables(),
        ]

    def to_dict(self) -> dict[str, Any]:
        """All figures, the folded ones too."""
        same = twins(self.rows)
        return {
            "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL},
            "sets": [
                {
                    "name": of.name,
                    "pool": of.pool,
                    "questions": of.size,
                    "with_ballots": len(of.judged),
                    "best_single": of.percent(of.best),
                    "chair": None if of.chair is None else of.percent(of.chair),
                    "any_right": of.percent(of.oracle),
                }
                for of in self.sets
            ],
            "rules": [
                {
                    "name": row.variant.name,
                    "rule": row.variant.rule,
                    "option": dict([row.variant.option]) if row.variant.option else {},
                    "marks": row.variant.marks,
                    "mute": row.mute,
                    "same_as": same[row.variant].name if row.variant in same else None,
                    "sets": {
                        of.name: {
                            "right": str(row.right(of)),
                            "percent": of.percent(row.right(of)),
                            "against_majority": _difference(compared.majority, at),
                            "against_data_baseline": _difference(compared.baseline, at),
                            "against_default": _difference(compared.default, at),
                        }
                        for of, compared in zip(self.sets, self.compared, strict=True)
                    },
                }
                for at, row in enumerate(self.rows)
            ],
            "digits": {
                "questions": self.digits.cases,
                "rules": [
                    {
                        "name": variant.name,
                        "percent": self.digits.percent[at],
                        "against_majority": _difference(self.digits.majority, at),
                        "against_default": _difference(self.digits.default, at),
                    }
                    for at, variant in enumerate(self.digits.variants)
                ],
            },
            "self_preference": {
                pool: {
                    name: {"percent": value.percent, "of": value.of}
                    if isinstance(value, Rate)
                    else value
                    for name in Preference.__slots__
                    for value in (getattr(found, name),)
                }
                for pool, found in self.preferences.items()
            },
            "breakdown": {
                committee: [
                    asdict(one) | {"percent": one.percent, "error": one.error} for one in found
                ]
                for committee, found in self.flips.items()
            },
            **self.asides.to_dict(),
        }

    def _accuracy(self) -> Table:
        mute = sorted({row.variant.rule for row in self.rows if row.mute})
        references: list[tuple[str, list[Fraction | int | None]]] = [
            ("best single", [of.best for of in self.sets]),
            ("recorded chair", [of.chair for of in self.sets]),
            ("any right", [of.oracle for of in self.sets]),
        ]
        return Table(
            title="What each rule gets right on recorded ballots",
            how="Percent right, ties split evenly, and after it the difference from majority in "
            f"points with its {100 * LEVEL:.0f} % interval: paired bootstrap over questions, "
            f"{RESAMPLES:,} resamples, seed {SEED}. All members weigh the same. Each row is one "
            "rule with at most one choice other than the policy's default; rows that decide every "
            "question as the rule alone does are left out, and are in the JSON. `marks`: with "
            "endorsements made up from each judge's order, which was all that was recorded"
            + (f"; without them nothing is decided by: {', '.join(mute)}." if mute else "."),
            columns=("", *(of.title for of in self.sets)),
            rows=[
                *(
                    (
                        name,
                        *(
                            ("-" if right is None else f"{of.percent(right):.1f}").ljust(INTERVAL)
                            for of, right in zip(self.sets, found, strict=True)
                        ),
                    )
                    for name, found in references
                ),
                *(
                    (
                        row.variant.name,
                        *(
                            f"{of.percent(row.right(of)):.1f} "
                            + _interval(compared.majority.differences[at])
                            for of, compared in zip(self.sets, self.compared, strict=True)
                        ),
                    )
                    for at, row in self._shown()
                ),
            ],
        )

    def _beside_baseline(self) -> Table:
        sets = self._apart()
        rows = [
            (
                row.variant.name,
                *(_counted(compared.baseline.differences[at]) for _, compared in sets),
            )
            for at, row in self._shown()
            if any(compared.baseline.differences[at].points > 0 for _, compared in sets)
        ]
        return Table(
            title="What is above the data's own Bradley-Terry baseline anywhere",
            how="Difference from it (of rankings over candidates: 50.0 and 51.9; of votes over "
            "classes: 23.3, beside the account's 23.0) in points with its interval, as above, and "
            "on how many questions the rule is better and worse. The more rules there are to "
            "choose from, the further the best of them is above by luck alone; the JSON has "
            "intervals that hold for all of them at once.",
            columns=("", *(of.title for of, _ in sets)),
            rows=rows,
        )

    def _beside_default(self) -> Table:
        sets = self._apart()
        return Table(
            title=f"Each rule beside the default, {DEFAULT.rule}",
            how="Difference from the default in points with its interval, and on how many "
            "questions the rule is better and worse than it.",
            columns=("", *(of.title for of, _ in sets)),
            rows=[
                (
                    row.variant.name,
                    *(_counted(compared.default.differences[at]) for _, compared in sets),
                )
                for at, row in self._shown()
                if row.variant.option is None and row.variant != DEFAULT
            ],
        )

    def _digits(self) -> Table:
        found = self.digits
        return Table(
            title="What each rule gets right where members say how sure they are",
            how=f"Percent of {found.cases} handwritten digits on which five classifiers, each "
            "trained on its own shard, did not all agree: real models, but no language models. "
            "Then the differences from majority and from the default, with intervals as above.",
            columns=("", "right", "from majority", f"from {DEFAULT.rule}"),
            rows=[
                (
                    variant.name,
                    f"{found.percent[at]:.1f}",
                    _interval(found.majority.differences[at]),
                    _interval(found.default.differences[at]),
                )
                for at, variant in enumerate(found.variants)
            ],
        )

    def _shown(self) -> list[tuple[int, Row]]:
        """The rows that decide something, and something of their own."""
        same = twins(self.rows)
        return [
            (at, row)
            for at, row in enumerate(self.rows)
            if not row.mute and row.variant not in same
        ]

    def _apart(self) -> list[tuple[RecordedSet, Compared]]:
        """The sets without those that only add questions on which all members agree."""
        every = zip(self.sets, self.compared, strict=True)
        return [(of, compared) for of, compared in every if not of.name.endswith("clean")]

    def _preference(self) -> Table:
        def cells(name: str) -> list[str]:
            found = [getattr(one, name) for one in self.preferences.values()]
            return [
                f"{one.percent:.1f} of {one.of}" if isinstance(one, Rate) else str(one)
                for one in found
            ]

        lines = {
            "for its own proposal (struck by both masks)": "itself",
            "for an equal answer of another's (struck by class)": "equal",
            "  where judges of neither answer spoke of the same two": "matched",
            "  and those judges": "matched_by_others",
            "words that `proposal` lets through": "seen_proposal",
            "  for the right one of two": "proposal",
            "  by judges who are right": "judge_right",
            "  by judges who are wrong": "judge_wrong",
            "  about one's own answer, for it": "for_own",
            "  about one's own answer, against it": "against_own",
            "words that `class` lets through": "seen_class",
            "  for the right one of two (by judges who are wrong)": "class_",
        }
        return Table(
            title="How judges see their own answers",
            how="Percent of recorded words on two unequal answers, no preference as a half. First "
            "how often the judge's own side was preferred, then how often the right one.",
            columns=("", *self.preferences),
            rows=[(title, *cells(name)) for title, name in lines.items()],
        )

    def _attacks(self) -> list[str]:
        return list(dict.fromkeys(one.attack for found in self.flips.values() for one in found))

    def _breakdown(self, attack: str) -> Table:
        columns: list[tuple[str, Mapping[str, Flips]]] = []
        for committee, found in self.flips.items():
            for bad in sorted({one.bad for one in found}):
                by_rule = {
                    one.rule: one for one in found if one.bad == bad and one.attack == attack
                }
                members = found[0].members
                if bad in ((members - 1) // 3, members // 2):
                    columns.append((f"{committee.split()[0][:3]} {bad}/{members}", by_rule))
        rules = dict.fromkeys(one.rule for found in self.flips.values() for one in found)
        return Table(
            title=f"How often bad voters change the winner: {attack}",
            how="Percent of rounds, with f bad voters and with half of all. rec: recorded rounds "
            "(near_equals of 4, the nodes of 6), sim: simulated committees. The same voters are "
            "bad under every rule; all other shares are in the JSON, with standard errors.",
            columns=("", *(name for name, _ in columns)),
            rows=[
                (rule, *(f"{by_rule[rule].percent:.0f}" for _, by_rule in columns))
                for rule in rules
            ],
        )


def _interval(found: Difference) -> str:
    return f"{found.points:+5.1f} [{found.low:+5.1f}, {found.high:+5.1f}]"


def _counted(found: Difference) -> str:
    return f"{_interval(found)} {found.better:>3}:{found.worse:<3}"


def _difference(found: Paired, at: int) -> dict[str, Any]:
    low, high = found.simultaneous(at)
    return asdict(found.differences[at]) | {"simultaneous": [low, high]}
