"""One count of a round's ballots: every figure per class, and who wins by the policy's rule.

A count knows nothing of quorums (R9a) and is made many times over in the search for how
robust a result is (O5); `tally` makes the first one and judges it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import fsum

from ..bodies import AnswerKind, AnswerSpec
from ..exact import GRID, ONE_BP, apportion, round_ratio, scaled
from ..policy import MIXED, Policy
from .answers import Classes, classes
from .ballots import Candidate, CountedBallot
from .belief import Opinion, blend, opinions, over_classes, pool
from .bradley_terry import Fit, covariance, fit, standard_errors
from .contests import contests
from .davidson import DavidsonFit
from .discerning import DiscerningFit
from .heard import Hearing
from .linear import Matrix, errors, inverse
from .models import fit_contests, is_plain
from .near import near
from .readings import Reading, read
from .rules import RULES
from .rules.adaptive import PRIOR, Picks, leading, pick, picks
from .rules.margins import Margins, margins
from .same import components, join, links
from .weights import NEUTRAL


@dataclass(frozen=True, kw_only=True)
class Count:
    """Figures per class, in the order of `classes.items`, each computed when asked for.

    `weights` are the members' as authors, for what their proposals believe; `judging` their
    weights as judges, for what their ballots say (L2). `standing` are their scores as authors
    in bp, 5,000 for each where the policy has them weigh the same. `experts` is what each of
    `policy.EXPERTS` weighs in a mixture (O7a). `raw` are all ballots as they were read,
    `readings` what of them is heard (O5a).
    """

    spec: AnswerSpec
    policy: Policy
    classes: Classes
    opinions: tuple[Opinion, ...]
    raw: tuple[Reading, ...]
    readings: tuple[Reading, ...]
    weights: tuple[int, ...]
    judging: tuple[int, ...]
    standing: tuple[int, ...]
    experts: tuple[int, ...]
    seed: bytes
    f: int

    def hear(self, raw: Sequence[Reading]) -> "Count":
        """The same count of other readings."""
        return replace(self, raw=tuple(raw), readings=self._hearing.readings(raw))

    @property
    def _hearing(self) -> Hearing:
        return Hearing(ballots=self.policy.ballots, f=self.f, judging=self.judging, seed=self.seed)

    @property
    def places(self) -> int:
        """Among how many answers a member chose its own, two or more."""
        return len(self.spec.options) or max(2, len(self.classes.items))

    @cached_property
    def fit(self) -> Fit | DavidsonFit | DiscerningFit:
        """Bradley-Terry over the classes, or over the candidates, as the policy has it (O2)."""
        if is_plain(self.policy):
            return fit(self._wins, self.policy.prior / 1_000)
        given = contests(self.readings, self.classes, self.judging, self.policy)
        return fit_contests(given, sum(map(len, self.groups)), self.policy)

    @cached_property
    def errors(self) -> tuple[int, ...]:
        """Standard errors of the classes' log-strengths, 10,000 to a nat."""
        if isinstance(self.fit, Fit):
            found = standard_errors(
                self._wins, self.policy.prior / 1_000, self.fit.strengths, self.groups
            )
        else:
            found = errors(self.fit.information, self.fit.strengths, self.groups)
        return tuple(scaled(error, ONE_BP) for error in found)

    @property
    def covariance(self) -> Matrix:
        """Covariance of the logarithms of `fit.strengths` at the mode, in square nats: the rest
        of what was fitted is averaged over. For figures that are shown; none is signed."""
        if isinstance(self.fit, Fit):
            return covariance(self._wins, self.policy.prior / 1_000, self.fit.strengths)
        among = len(self.fit.strengths)
        return [row[:among] for row in inverse(self.fit.information)[:among]]

    @cached_property
    def strengths(self) -> tuple[int, ...]:
        """Bradley-Terry strengths in bp of their sum."""
        return apportion(self.parts, ONE_BP, self.classes.order)

    @cached_property
    def support(self) -> tuple[int, ...]:
        """Net quadratic support in -10,000..10,000 (O3): mean votes of those who voted."""
        return tuple(
            self._mean_votes(at, conviction=False) for at in range(len(self.classes.items))
        )

    @cached_property
    def conviction(self) -> tuple[int, ...]:
        """How strongly those who voted feel about a class, for or against, in 0..10,000.

        The mean size of their votes: at least the size of net support, and more where voters
        are divided. Ignored and contested classes both have little support; this tells them
        apart.
        """
        return tuple(self._mean_votes(at, conviction=True) for at in range(len(self.classes.items)))

    def _mean_votes(self, at: int, *, conviction: bool) -> int:
        """The weighted mean of the votes on a class, or of their sizes, of those heard on it."""
        voting = [reading for reading in self.raw if reading.votes]
        if self.policy.ballots != "all":
            kept = self._hearing.kept(
                [(reading.voter, Fraction(reading.votes[at])) for reading in voting]
            )
            voting = [reading for reading in voting if reading.voter in kept]
        whole = sum(self.judging[reading.voter] for reading in voting)
        if not whole:
            return 0
        votes = [(self.judging[reading.voter], reading.votes[at]) for reading in voting]
        return scaled(
            fsum(weight * (abs(vote) if conviction else vote) for weight, vote in votes) / whole,
            ONE_BP,
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
        """The figure that names the winner under the policy's rule (O7)."""
        return RULES[self.policy.rule](self)

    @cached_property
    def ranking(self) -> tuple[int, ...]:
        """Positions by score, best first; equal scores by H(seed, class) (O6)."""
        return best_first(self.scores, self.classes.order)

    @cached_property
    def merit(self) -> tuple[int, ...]:
        """Positions by strength, best first, whatever the rule; equal ones by net support, then
        by H(seed, class): which of the texts in a class speaks for it."""
        rank = {position: place for place, position in enumerate(self.classes.order)}

        def key(at: int) -> tuple[int, int, int]:
            return -self.parts[at], -self.support[at], rank[at]

        return tuple(sorted(range(len(self.classes.items)), key=key))

    @property
    def winner(self) -> int | None:
        """The best class's position, None without classes."""
        if self.policy.rule in MIXED and (found := leading(self)) is not None:
            return found
        return self.ranking[0] if self.ranking else None

    @cached_property
    def _picked(self) -> dict[int, Picks]:
        return {}

    def pick(self, expert: int) -> Picks:
        """What that one of `policy.EXPERTS` answers, heard once."""
        if expert not in self._picked:
            self._picked[expert] = pick(self, expert)
        return self._picked[expert]

    @cached_property
    def picks(self) -> tuple[Picks, ...]:
        """What each of `policy.EXPERTS` answers: shares of its say, by class (O7a)."""
        return picks(self)

    @cached_property
    def margins(self) -> Margins:
        """Weighted majorities of every two classes."""
        return margins(self.readings, self.judging, len(self.classes.items))

    @cached_property
    def parts(self) -> tuple[int, ...]:
        """Each class's share of all strength, in parts of `GRID`."""
        whole = fsum(self.fit.strengths)
        mine = [fsum(self.fit.strengths[at] for at in group) for group in self.groups]
        return tuple(scaled(strength / whole, GRID) for strength in mine)

    @property
    def _over_candidates(self) -> bool:
        return self.policy.strengths_over == "candidates"

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Which of what is fitted (`fit.strengths`) make up each class, by position."""
        if not self._over_candidates:
            return tuple((at,) for at in range(len(self.classes.items)))
        places = {id_: place for place, id_ in enumerate(sorted(self.classes.of))}
        return tuple(tuple(places[id_] for id_ in item.candidates) for item in self.classes.items)

    @cached_property
    def _wins(self) -> Matrix:
        count = sum(map(len, self.groups))
        cells: list[list[list[float]]] = [[[] for _ in range(count)] for _ in range(count)]
        for reading in self.readings:
            for item in reading.pairs if self._over_candidates else reading.comparisons:
                weight = self.judging[reading.voter] * item.scale / (ONE_BP * ONE_BP)
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
    t: int,
    judging: tuple[int, ...] | None = None,
    standing: tuple[int, ...] | None = None,
    experts: tuple[int, ...] = PRIOR,
    f: int | None = None,
) -> Count:
    """Group the candidates, read the ballots; figures follow as they are asked for.

    `t` ballots at least must call two free texts the same before they are one class (O1).
    Without `judging` members weigh as judges what they weigh as authors; without `standing`
    nobody has a score; f is t - 1 if left out. `experts` weigh as at the start if left out.
    """
    standing = (NEUTRAL,) * len(weights) if standing is None else standing
    plain = Count(
        spec=spec,
        policy=policy,
        classes=classes(spec, candidates, seed),
        opinions=(),
        raw=(),
        readings=(),
        weights=weights,
        judging=weights if judging is None else judging,
        standing=(NEUTRAL,) * len(weights) if policy.weights == "equal" else standing,
        experts=experts,
        seed=seed,
        f=t - 1 if f is None else f,
    )
    grouped = plain.classes
    hashed = spec.kind is AnswerKind.TEXT and policy.near_duplicates == "simhash"
    alike = near(spec, grouped) if hashed else ()
    if spec.kind is AnswerKind.TEXT and (linked := links(grouped, ballots, t, alike)):
        # Each text is weighed against all others by itself, to find who speaks for a class.
        single = plain.hear([read(ballot, grouped, policy) for ballot in ballots])
        groups = components(len(grouped.items), linked)
        grouped = join(spec, grouped, groups, single.merit)
    plain = replace(plain, classes=grouped, opinions=opinions(spec, grouped, candidates))
    return plain.hear([read(ballot, grouped, policy) for ballot in ballots])


def best_first(scores: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
    """Positions by falling score, equal ones by `order`, a ranking of the positions."""
    rank = {position: place for place, position in enumerate(order)}
    return tuple(sorted(range(len(scores)), key=lambda at: (-scores[at], rank[at])))
