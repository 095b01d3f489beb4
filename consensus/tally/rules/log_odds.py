"""Majority weighted by the log odds of being right (O7)."""

from collections.abc import Sequence

from ...exact import GRID, LN_UNIT, ONE_BP, ln, round_ratio
from ..answers import Classes
from ..weights import LEAST, capped

LEAST_NATS = GRID // 10
"""Log odds under a tenth of a nat weigh like this, in parts of `GRID`. By theory a member that
is right as often as chance weighs nothing, and one that is right less often counts against its
answer. Here a member's repute is an estimate, and bad repute mutes but does not silence."""


def log_odds(classes: Classes, scores: Sequence[int], places: int, f: int) -> tuple[int, ...]:
    """The weight of each class's authors, in bp; members' weights average one.

    Nitzan and Paroush (1982): of independent voters who are right with probability p, the
    majority that is most often right weighs each by ln(p / (1 - p)); among k alternatives
    with errors spread evenly ln((k - 1) p / (1 - p)) (Ben-Yashar and Paroush 2001). p is the
    member's `scores` as an author (R2b), in bp, brought into 500..9,500; k is `places`.

    The weights are then capped so that no `f` members together reach half of all (L3). With
    equal scores this is the plain majority.
    """
    weights = capped([_weight(score, places) for score in scores], f, LEAST_NATS)
    return tuple(sum(weights[author] for author in item.authors) for item in classes.items)


def _weight(score: int, places: int) -> int:
    """ln((k - 1) p / (1 - p)) in parts of `GRID`."""
    right = min(max(score, LEAST), ONE_BP - LEAST)
    return round_ratio((ln((places - 1) * right) - ln(ONE_BP - right)) * GRID, LN_UNIT)
