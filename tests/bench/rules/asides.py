"""What is measured beside the rules themselves: one choice of a rule, one saving, two attacks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.tables import Table

from . import liars
from .bootstrap import Difference
from .breakdown import Flips
from .early import EarlyEnds, early_ends
from .liars import Say
from .own_answers import READS, OwnAnswers, own_answers
from .sets import RecordedSet
from .simulated import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Asides:
    """`own` is by set, `early` by the model that is asked first, `flips` and `say` by committee."""

    own: Mapping[str, OwnAnswers]
    early: Mapping[str, EarlyEnds]
    flips: Mapping[str, Sequence[Flips]]
    say: Mapping[str, Sequence[Say]]

    @classmethod
    def measured(cls, sets: Sequence[RecordedSet], cases: Mapping[str, Sequence[Case]]) -> "Asides":
        """Of these sets and committees."""
        return cls(
            own={of.title: own_answers(of) for of in sets if not of.name.endswith("clean")},
            early=early_ends(),
            flips={name: liars.flips(of) for name, of in cases.items()},
            say={
                name: [liars.say(of, attack, _f(of)) for attack in liars.ATTACKS]
                for name, of in cases.items()
            },
        )

    def tables(self) -> list[Table]:
        """In the order of printing."""
        return [self._own(), self._early(), *self._liars(), self._say()]

    def to_dict(self) -> dict[str, Any]:
        """All figures."""
        return {
            "own_answers": {title: asdict(found) for title, found in self.own.items()},
            "early_end": {first: asdict(found) for first, found in self.early.items()},
            "liars": {
                name: [asdict(one) | {"percent": one.percent, "error": one.error} for one in found]
                for name, found in self.flips.items()
            },
            "liars_say": {name: [asdict(one) for one in found] for name, found in self.say.items()},
        }

    def _own(self) -> Table:
        return Table(
            title="How the latent truth reads members' own answers",
            how="Percent right, and the difference from the rule in points with its interval and "
            "on how many questions it is better and worse, as above. All options: as many as the "
            "data set has letters.",
            columns=("", *self.own),
            rows=[
                (
                    name,
                    *(
                        f"{found.percent[name]:.1f} {_interval(found.against_rule[name])} "
                        f"{found.against_rule[name].better:>3}:{found.against_rule[name].worse:<3}"
                        for found in self.own.values()
                    ),
                )
                for name in READS
            ],
        )

    def _early(self) -> Table:
        return Table(
            title="What ModelSwitch's early end saves and costs",
            how="The six nodes: two models, three samples of each. By the model that is asked "
            "first: in how many questions its samples agreed, so that the other was not asked, "
            "and what percent of those were right; the part of all calls that was saved; percent "
            "right, and the difference from asking both, in points. Intervals as above.",
            columns=(
                "",
                "ended early",
                "right there",
                "calls saved, %",
                "right",
                "from asking both",
            ),
            rows=[
                (
                    f"{first} first",
                    f"{of.ended} of {of.questions}",
                    f"{of.right_early:.1f}",
                    f"{of.saved.points:.1f} [{of.saved.low:.1f}, {of.saved.high:.1f}]",
                    f"{of.percent:.1f}",
                    _interval(of.cost),
                )
                for first, of in self.early.items()
            ],
        )

    def _liars(self) -> list[Table]:
        found = []
        for attack in liars.ATTACKS:
            columns: list[tuple[str, Mapping[str, Flips]]] = []
            for name, flips in self.flips.items():
                members = flips[0].members
                for bad in ((members - 1) // 3, members // 2):
                    by = {
                        one.rule: one
                        for one in flips
                        if one.bad == bad and one.attack == attack.name
                    }
                    columns.append((f"{name.split()[0][:3]} {bad}/{members}", by))
            found.append(
                Table(
                    title=f"What liars gain by terms of the strengths' model: {attack.name}",
                    how="Winners that change under bradley_terry, in percent of rounds, as above.",
                    columns=("", *(name for name, _ in columns)),
                    rows=[
                        (model, *(f"{by[model].percent:.0f}" for _, by in columns))
                        for model in liars.MODELS
                    ],
                )
            )
        return found

    def _say(self) -> Table:
        return Table(
            title="How much discrimination f liars come to have",
            how="Mean part of all discriminations added, in percent, and in how many rounds over a "
            "half. Their part of all members stands behind f.",
            columns=(
                "",
                *(
                    f"{name.split()[0][:3]} {found[0].bad}/{found[0].members} "
                    f"({100 * found[0].bad / found[0].members:.0f})"
                    for name, found in self.say.items()
                ),
            ),
            rows=[
                (
                    attack.name,
                    *(
                        f"{one.percent:.0f}, {one.over_half} of {one.cases}"
                        for found in self.say.values()
                        for one in found
                        if one.attack == attack.name
                    ),
                )
                for attack in liars.ATTACKS
            ],
        )


def _f(cases: Sequence[Case]) -> int:
    return (cases[0].round.n - 1) // 3


def _interval(found: Difference) -> str:
    return f"{found.points:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"
