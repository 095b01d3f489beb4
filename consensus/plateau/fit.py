"""A fit of the efficiency-fatigue curve to what happened: for an opener's policy, never signed.

Weighted least squares over rounds, by a fixed grid and in doubles whose every bit is fixed, so
that two who fit the same counts print the same policy. Only the product L (p_v - p_g) and b are
seen in how answers get right over rounds: p_g and p_v are counted, and L is what is left.
"""

from collections.abc import Sequence
from math import fsum
from typing import Final

from ..elementary import exp
from ..exact import ONE_BP, round_ratio, scaled
from .efficiency import FATIGUE_UNIT, RATE_UNIT, Curve

LEAST_TASKS: Final = 30
"""Fewest tasks of more than one round: with fewer, the standard error of a share is over 9 %."""

LEAST_LEAD: Final = 1_000
"""What judges are taken to know more than authors, in bp, where counts say less: the product is
what is fitted, and it needs a lead to be a product of."""

GRID_STEPS: Final = 500
"""Steps of the product, of 0.01 each."""

RATE_MOST: Final = 10_000
"""The highest rate that a policy can have, in hundredths."""


class TooFewError(ValueError):
    """The history is too short for a fit. The text says how much is there."""


def fit(
    drafts: tuple[int, int], judgments: tuple[int, int], rounds: Sequence[tuple[int, int]]
) -> Curve:
    """The curve nearest to these counts, each (right, all): first drafts, judges' comparisons in
    bp, and winners after 1, 2, ... rounds. Raises `TooFewError`.

    Shares of drafts and comparisons are (right + 1) / (all + 2). A round weighs as many tasks as
    reached it; that the hard ones go on for longer is not corrected for.
    """
    longer = rounds[1][1] if len(rounds) > 1 else 0
    if longer < LEAST_TASKS:
        raise TooFewError(
            f"{longer} tasks of more than one round are known with their right answers, and a "
            f"fit takes {LEAST_TASKS}"
        )
    generate = round_ratio((drafts[0] + 1) * ONE_BP, drafts[1] + 2)
    counted = round_ratio((judgments[0] + ONE_BP) * ONE_BP, judgments[1] + 2 * ONE_BP)
    verify = min(ONE_BP, max(counted, generate + LEAST_LEAD))
    if verify <= generate:  # authors are never wrong
        return Curve(generate=generate, verify=verify, rate=0, fatigue=0)
    seen = [(t, right / whole, whole) for t, (right, whole) in enumerate(rounds, 1)]
    missing = (ONE_BP - generate) / ONE_BP
    best = (float("inf"), 0, 0.0)
    for step in range(GRID_STEPS + 1):
        rises = [1.0 - missing * exp(-(step * t) / 100) for t, _, _ in seen]
        above = fsum(
            whole * t * t * (rise - share)
            for rise, (t, share, whole) in zip(rises, seen, strict=True)
        )
        below = fsum(whole * float(t) * t * t * t for t, _, whole in seen)
        tired = min(1.0, max(0.0, above / below))
        error = fsum(
            whole * (rise - tired * t * t - share) * (rise - tired * t * t - share)
            for rise, (t, share, whole) in zip(rises, seen, strict=True)
        )
        best = min(best, (error, step, tired))
    _, step, tired = best
    return Curve(
        generate=generate,
        verify=verify,
        rate=min(RATE_MOST, round_ratio(step * RATE_UNIT * ONE_BP, 100 * (verify - generate))),
        fatigue=scaled(tired, FATIGUE_UNIT),
    )
