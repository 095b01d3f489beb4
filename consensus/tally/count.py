"""One count of a round's ballots: every figure per class, and who wins by the policy's rule.

A count knows nothing of quorums (R9a) and is made many times over in the search for how
robust a result is (O5); `tally` makes the first one and judges it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum

from ..bodies import AnswerSpec
from ..exact import GRID, ONE_BP, apportion, round_ratio, scaled
from ..policy import Policy
from .answers import Classes, classes
from .ballots import Candidate, CountedBallot
from .belief import Opinion, blend, opinions, over_classes, pool
from .bradley_terry import Fit, Matrix, fit, standard_errors
from .readings import Reading, read


@dataclass(frozen=True, kw_only=True)
class Count:
    """Figures per class, in the order of `classes.items`, each computed when asked for.

    `weights` are the members' as authors, for what their proposals believe; `judging` their
    weights as judges, for what their ballots say (L2).
    """

    spec: AnswerSpec
    policy: Policy
    classes: Classes
    opinions: tuple[Opinion, ...]
    readings: tuple[Reading, ...]
    weights: tuple[int, ...]
    judging: tuple[int, ...]

    @cached_property
    def fit(self) -> Fit:
        """Bradley-Terry over the classes (O2)."""
        return fit(self._wins, self.policy.prior / 1_000)

    @cached_property
    def errors(self) -> tuple[int, ...]:
        """Standard errors of the log-strengths, 10,000 to a nat."""
        found = standard_errors(self._wins, self.policy.prior / 1_000, self.fit.strengths)
        return tuple(scaled(error, ONE_BP) for error in found)

    @cached_property
    def strengths(self) -> tuple[int, ...]:
        """Bradley-Terry strengths in bp of their sum."""
        shares = fsum(self.fit.strengths)
        parts = [scaled(strength / shares, GRID) for strength in self.fit.strengths]
        return apportion(parts, ONE_BP, self.classes.order)

    @cached_property
    def support(self) -> tuple[int, ...]:
        """Net quadratic support in -10,000..10,000 (O3): mean votes of those who voted."""
        voting = [reading for reading in self.readings if reading.votes]
        whole = sum(self.judging[reading.voter] for reading in voting)
        return tuple(
            scaled(
                fsum(self.judging[reading.voter] * reading.votes[at] for reading in voting) / whole,
                ONE_BP,
            )
            if whole
            else 0
            for at in range(len(self.classes.items))
        )

    @cached_property
    def votes(self) -> tuple[int, ...]:
        """Proposals a class: the plain majority's figure."""
        return tuple(len(item.candidates) for item in self.classes.items)

    @cached_property
    def borda(self) -> tuple[int, ...]:
        """Unweighted mean of comparisons won, ties as halves, in bp; 5,000 if never compared.

        The mean, not the sum: a class is judged by fewer voters the more of them wrote it.
        """
        won = [0] * len(self.classes.items)
        met = [0] * len(self.classes.items)
        for reading in self.readings:
            for item in reading.comparisons:
                half_wins = (2 * item.won > item.of) - (2 * item.won < item.of) + 1
                won[item.first] += half_wins
                won[item.second] += 2 - half_wins
                met[item.first] += 2
                met[item.second] += 2
        return tuple(
            round_ratio(wins * ONE_BP, times) if times else ONE_BP // 2
            for wins, times in zip(won, met, strict=True)
        )

    @cached_property
    def proposals(self) -> tuple[int, ...]:
        """The weighted pool of the proposals' own beliefs, over the classes, in bp."""
        places = len(self.spec.options) or len(self.classes.items)
        return over_classes(self.classes, pool(self.opinions, places, self.weights))

    @cached_property
    def belief(self) -> tuple[int, ...]:
        """The blended belief in bp (O4), made of the figures above as they are signed."""
        compared = any(reading.comparisons for reading in self.readings)
        voted = any(reading.votes for reading in self.readings)
        return blend(
            self.policy,
            self.classes,
            proposals=self.proposals,
            strengths=self.strengths if compared else None,
            support=(
                apportion([ONE_BP + net for net in self.support], ONE_BP, self.classes.order)
                if voted
                else None
            ),
        )

    @cached_property
    def scores(self) -> tuple[int, ...]:
        """The figure that names the winner under the policy's rule."""
        match self.policy.rule:
            case "bradley_terry":
                return self.strengths
            case "quadratic":
                return self.support
            case "majority":
                return self.votes
            case "borda":
                return self.borda
            case _:
                return self.belief

    @cached_property
    def ranking(self) -> tuple[int, ...]:
        """Positions by score, best first; equal scores by H(seed, class) (O6)."""
        return best_first(self.scores, self.classes.order)

    @property
    def winner(self) -> int | None:
        """The best class's position, None without classes."""
        return self.ranking[0] if self.ranking else None

    @cached_property
    def _wins(self) -> Matrix:
        count = len(self.classes.items)
        cells: list[list[list[float]]] = [[[] for _ in range(count)] for _ in range(count)]
        for reading in self.readings:
            weight = self.judging[reading.voter] / ONE_BP
            for item in reading.comparisons:
                share = item.won / item.of
                cells[item.first][item.second].append(weight * share)
                cells[item.second][item.first].append(weight * ((item.of - item.won) / item.of))
        return [[fsum(cell) for cell in row] for row in cells]


def count(
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    *,
    spec: AnswerSpec,
    policy: Policy,
    weights: tuple[int, ...],
    seed: bytes,
    judging: tuple[int, ...] | None = None,
) -> Count:
    """Group the candidates, read the ballots; figures follow as they are asked for.

    Without `judging` members weigh as judges what they weigh as authors.
    """
    grouped = classes(spec, candidates, seed)
    return Count(
        spec=spec,
        policy=policy,
        classes=grouped,
        opinions=opinions(spec, grouped, candidates),
        readings=tuple(read(ballot, grouped) for ballot in ballots),
        weights=weights,
        judging=weights if judging is None else judging,
    )


def best_first(scores: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
    """Positions by falling score, equal ones by `order`, a ranking of the positions."""
    rank = {position: place for place, position in enumerate(order)}
    return tuple(sorted(range(len(scores)), key=lambda at: (-scores[at], rank[at])))
