"""MACI's progress ratios and flags (Chang and Chang 2025, eqs. 5 to 7 and 10), in integers.

A ratio is what entropy, or divergence, fell by over a window of rounds, in parts of what was
left of it. A rise counts as no fall. The paper gives no thresholds for the ratios; the policy's
are those that its appendix D.6 has for the differences. DIVERGENCE.md has the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..exact import ONE_BP

WINDOW = 3
"""Rounds in the moving average (w)."""

LASTING = 2
"""Rounds in a row for which both flags must stand (tau_stop)."""

ETA = ONE_BP // 1_000
"""What keeps a ratio from dividing by zero (eta), in bp."""

Level = tuple[int, int]
"""Entropy and divergence of one round, in bp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """For how many rounds in a row, this one included, entropy and divergence have been flat.

    `trail` are the levels that the next round's window needs, oldest first.
    """

    entropy: int = 0
    divergence: int = 0
    trail: tuple[Level, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Flags":
        """The flags that a round before agreed on."""
        return cls(
            entropy=data["entropy"],
            divergence=data["divergence"],
            trail=tuple((level[0], level[1]) for level in data["trail"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data of integers."""
        return {
            "divergence": self.divergence,
            "entropy": self.entropy,
            "trail": [list(level) for level in self.trail],
        }

    def next(self, level: Level, entropy_least: int, divergence_least: int) -> "Flags":
        """The flags after a round with this level, by the policy's thresholds in bp.

        The first round has none: nothing is known of before it. While fewer than `WINDOW`
        changes are known, all of them are averaged.
        """
        trail = (*self.trail, level)[-(WINDOW + 1) :]
        if len(trail) < 2:
            return Flags(trail=trail)
        entropies, divergences = ([one[at] for one in trail] for at in (0, 1))
        return Flags(
            entropy=self.entropy + 1 if flat(entropies, entropy_least) else 0,
            divergence=self.divergence + 1 if flat(divergences, divergence_least) else 0,
            trail=trail,
        )

    @property
    def plateau(self) -> bool:
        """Whether both have been flat for as long as it takes."""
        return min(self.entropy, self.divergence) >= LASTING


def flat(levels: Sequence[int], least: int) -> bool:
    """Whether the progress ratio over `levels` (bp, oldest first, two at least) is under `least`.

    MA(falls) / (MA(levels before) + eta); both averages are over as many rounds, so it is a
    ratio of sums.
    """
    before = levels[:-1]
    fallen = sum(max(0, old - new) for old, new in zip(before, levels[1:], strict=True))
    return fallen * ONE_BP < least * (sum(before) + len(before) * ETA)
