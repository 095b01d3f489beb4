"""Diminishing returns: the efficiency-fatigue curve of NSED, and conviction that uses it up.

    U(t) = 1 - (1 - p_g) exp(-L (p_v - p_g) t) - b t^2

(Pecerskis and Smirnovs 2026): p_g is the chance that an answer is right before any round, p_v
that a judge tells right from wrong, L how fast rounds turn one into the other, b what longer
contexts cost. The curve's gain, from no round to its best one, is spent as members are
convinced; at `effort` of it the rest is not worth its price. Exact by V5: `elementary.exp`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..elementary import exp
from ..exact import GRID, ONE_BP, round_ratio, scaled
from ..policy import Policy

RATE_UNIT = 100
"""L of one, in the policy's unit."""

FATIGUE_UNIT = 1_000_000
"""b of one, in the policy's unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The four parameters, as integers: `generate` and `verify` in bp, `rate` in hundredths,
    `fatigue` in millionths."""

    generate: int
    verify: int
    rate: int
    fatigue: int

    @classmethod
    def of(cls, policy: Policy) -> "Curve":
        """The curve that a policy has."""
        return cls(
            generate=policy.curve_generate,
            verify=policy.curve_verify,
            rate=policy.curve_rate,
            fatigue=policy.curve_fatigue,
        )

    def utility(self, t: int) -> int:
        """U after `t` rounds, in parts of `GRID`; below zero where fatigue has eaten it."""
        per_round = self.rate * (self.verify - self.generate)
        # Judges that know less than authors would make the exponential grow without bound.
        missing = exp(-(per_round * t) / (RATE_UNIT * ONE_BP)) if per_round > 0 else 1.0
        left = (ONE_BP - self.generate) / ONE_BP * missing
        tired = round_ratio(self.fatigue * t * t * GRID, FATIGUE_UNIT)
        return GRID - scaled(left, GRID) - tired

    def best(self, rounds: int) -> int:
        """The first round, of at most `rounds`, after which U is highest; 0 if no round pays."""
        return max(range(rounds + 1), key=lambda t: (self.utility(t), -t))

    def gain(self, rounds: int) -> int:
        """What rounds can bring in all: U at its best less U before the first, in `GRID`."""
        return self.utility(self.best(rounds)) - self.utility(0)


def conviction(support: Sequence[int], winner: int | None) -> int:
    """How far members back the winner, in bp: its net support over that of all classes together.

    `support` are the classes' net supports (O3), `winner` the winner's place. Negative support
    of the winner, silence, and no winner convince nobody: 0.
    """
    whole = sum(abs(one) for one in support)
    if winner is None or not whole:
        return 0
    return round_ratio(max(0, support[winner]) * ONE_BP, whole)


def convinced(curve: Curve, before: int, round_: int, conviction_bp: int) -> int:
    """The conviction gathered after round `round_`, in `GRID`: `before`, and this round's times
    what the curve says that the round brought. Rounds past the best one bring nothing."""
    brought = max(0, curve.utility(round_) - curve.utility(round_ - 1))
    return before + round_ratio(conviction_bp * brought, ONE_BP)


def diminished(policy: Policy, gathered: int, round_: int) -> bool:
    """Whether another round is not worth it: effort is reached, or the curve's best round is."""
    curve = Curve.of(policy)
    enough = gathered * ONE_BP >= policy.effort * curve.gain(policy.rounds)
    return enough or round_ >= curve.best(policy.rounds)
