"""What experts should weigh, learnt from what they lost: Hedge, exactly (O7a, V5).

Freund and Schapire's Hedge (1997) weighs each expert by pi exp(-eta L), with L the loss it has
summed up. The learning rate is AdaHedge's (de Rooij, van Erven, Grunwald and Koolen 2014):
eta = lambda / Delta, with lambda = ln(1 / least pi) and Delta the sum of mixability gaps, the
amounts by which the weighted loss was over the mixed loss -ln(sum w exp(-eta l)) / eta. It has
nothing to tune, learns fast where one expert is plainly better, and holds against an adversary.
Two things are added: a prior, and forgetting, by which both sums fade alike, so that weights
follow members whose models change.

The bound. Phi(eta; L) = -ln(sum pi exp(-eta L)) / eta falls as eta grows. Let g <= 1 be what a
lesson leaves of all before it. Since Phi(eta; g L) = g Phi(g eta; L) and g eta_t <= eta_(t-1),
the faded mixed losses telescope to at most Phi(eta_T; L_T) <= L_i + ln(1/pi_i) / eta_T. So the
faded regret to expert i is at most (1 + ln(1/pi_i) / lambda) Delta. By Hoeffding's lemma a gap is
at most eta m^2 / 8 for losses in [0, m], m <= 1, and it is at most m. So Delta^2 <= n lambda / 4 +
Delta, with n the sum of the faded m, and Delta <= sqrt(n lambda) / 2 + 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import fsum

from ..elementary import exp, ln
from ..exact import GRID, ONE_BP, apportion, scaled

LEAST_GAP = 1e-12
"""A sum of gaps under this is rounding, or all but forgotten, and is taken for none: those that
lost least then share all weight."""

LEAST_WEIGHT = 1e-300
"""A weight under this is none where losses are mixed: if such an expert alone were right, at a rate
that makes all others' part nothing, the logarithm would be of less than a double holds (V5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What one task says of the experts.

    `kept` in [0, 1] is what it leaves of everything before it; `losses` are one an expert, in bp
    of a whole task's.
    """

    kept: float
    losses: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What has been learnt so far, of experts with these `prior` weights, each above zero.

    `lost` is what each has lost, `gap` the sum of mixability gaps, both as faded by now.
    """

    prior: tuple[int, ...]
    lost: tuple[float, ...]
    gap: float

    @classmethod
    def fresh(cls, prior: Sequence[int]) -> "Mixture":
        """Nothing learnt."""
        if not prior or min(prior) <= 0:
            raise ValueError("every expert has a weight above zero to begin with")
        return cls(prior=tuple(prior), lost=(0.0,) * len(prior), gap=0.0)

    def after(self, lesson: Lesson) -> "Mixture":
        """With one more lesson, the next in order. `ValueError` for another number of experts."""
        if len(lesson.losses) != len(self.prior):
            raise ValueError(f"{len(lesson.losses)} losses for {len(self.prior)} experts")
        faded = replace(
            self,
            lost=tuple(lesson.kept * lost for lost in self.lost),
            gap=lesson.kept * self.gap,
        )
        losses = [loss / ONE_BP for loss in lesson.losses]
        weights = faded.shares
        expected = fsum(weight * loss for weight, loss in zip(weights, losses, strict=True))
        return replace(
            faded,
            lost=tuple(lost + loss for lost, loss in zip(faded.lost, losses, strict=True)),
            gap=faded.gap + max(0.0, expected - faded._mixed(weights, losses)),
        )

    @property
    def rate(self) -> float | None:
        """The learning rate, None for one without bound: nothing was lost by mixing yet."""
        if self.gap < LEAST_GAP:
            return None
        return ln(sum(self.prior) / min(self.prior)) / self.gap

    @property
    def shares(self) -> tuple[float, ...]:
        """The weights, which sum to one but for rounding."""
        least, rate = min(self.lost), self.rate
        if rate is None:
            raw = [
                float(prior) if lost == least else 0.0
                for prior, lost in zip(self.prior, self.lost, strict=True)
            ]
        else:
            raw = [
                prior * exp(rate * (least - lost))
                for prior, lost in zip(self.prior, self.lost, strict=True)
            ]
        whole = fsum(raw)
        return tuple(weight / whole for weight in raw)

    @property
    def weights(self) -> tuple[int, ...]:
        """The weights in bp, 10,000 in all: what a member's commit says (R2b)."""
        parts = [scaled(share, GRID) for share in self.shares]
        return apportion(parts, ONE_BP, range(len(parts)))

    def _mixed(self, weights: Sequence[float], losses: Sequence[float]) -> float:
        """-ln(sum w exp(-eta l)) / eta, or the least loss of those with weight."""
        rate = self.rate
        known = [
            (weight, loss)
            for weight, loss in zip(weights, losses, strict=True)
            if weight >= LEAST_WEIGHT
        ]
        least = min(loss for _, loss in known)
        if rate is None:
            return least
        parts = fsum(weight * exp(rate * (least - loss)) for weight, loss in known)
        return least - ln(parts) / rate


def learn(prior: Sequence[int], lessons: Iterable[Lesson]) -> Mixture:
    """What all lessons teach, in their order."""
    found = Mixture.fresh(prior)
    for lesson in lessons:
        found = found.after(lesson)
    return found
