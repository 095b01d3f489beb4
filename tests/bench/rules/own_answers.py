"""Three ways for the latent truth to read members' own answers, on the same questions.

The rule reads them given the set of classes that were proposed. The other two take each answer for
a free choice, as if among the classes proposed alone, or among all options of the data set (which
options a question had is not recorded). All else of the rule is as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from consensus.exact import ONE_BP, ln, round_ratio
from consensus.tally.answers import Classes
from consensus.tally.count import Count
from consensus.tally.rules.latent_truth import (
    NODES,
    Logs,
    posterior,
    said_by_answers,
    said_by_ballots,
)

from .bootstrap import Difference, draws, paired
from .sets import RecordedSet
from .variants import share_of

Read = Callable[[Classes, Sequence[int], int], list[Logs]]
"""What own answers say of each class, of the classes, the weights and the number of options."""


def chosen(classes: Classes, weights: Sequence[int], places: int) -> list[Logs]:
    """As if each member had chosen freely among `places`: r / (r + places - 1) for the truth."""
    behind = [sum(weights[author] for author in item.authors) for item in classes.items]
    whole = sum(behind)
    return [
        tuple(
            round_ratio(
                mine * ln(won) + (whole - mine) * ln(lost) - whole * ln(won + lost * (places - 1)),
                ONE_BP,
            )
            for won, lost in NODES
        )
        for mine in behind
    ]


GIVEN: Final = "given the classes proposed (the rule)"
READS: Final[Mapping[str, Read]] = {
    GIVEN: lambda classes, weights, _: said_by_answers(classes, weights),
    "chosen among the classes proposed": lambda classes, weights, _: chosen(
        classes, weights, max(2, len(classes.items))
    ),
    "chosen among all options": chosen,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAnswers:
    """Of one set, by way of reading: percent right, and the difference from the rule."""

    percent: Mapping[str, float]
    against_rule: Mapping[str, Difference]


def own_answers(of: RecordedSet) -> OwnAnswers:
    """Count the set's questions in each way."""
    counts = [(item.round().count(), item.gold, len(item.options)) for item in of.judged]
    others = [float(share) for share in of.others]
    shares = {
        name: [
            *(
                float(share_of(count.classes, _scores(count, read, options), gold))
                for count, gold, options in counts
            ),
            *others,
        ]
        for name, read in READS.items()
    }
    found = paired(shares[GIVEN], list(shares.values()), draws(of.size))
    return OwnAnswers(
        percent={name: 100 * sum(mine) / of.size for name, mine in shares.items()},
        against_rule=dict(zip(shares, found.differences, strict=True)),
    )


def _scores(count: Count, read: Read, options: int) -> tuple[int, ...]:
    return posterior(
        read(count.classes, count.weights, options),
        said_by_ballots(count.classes, count.readings, count.judging),
    )
