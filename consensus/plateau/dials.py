"""The dials for the next round, agreed with the outcome (rule P3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..envelope import MessageId
from ..exact import ONE_BP, round_ratio
from ..tally import AnswerClass
from .signals import Quality

LOUDEST = 9_000
"""Contentiousness of the first round, in bp: explore."""

CALMEST = 3_000
"""Contentiousness once all beliefs are one, in bp: consolidate."""

HIGHEST_GATE = 7_000
"""The quality gate never rises over this, in bp of a full score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    """Contentiousness and quality gate of the next round, in bp."""

    contentiousness: int = LOUDEST
    gate: int = 0


def turn(before: Dials, divergence: int, argument: int) -> Dials:
    """The next round's dials, from this round's divergence D in bp and argument median.

    Contentiousness follows D from 0.9 at full divergence down to 0.3 at none, and never
    rises again. The gate follows the median argument up to 0.7, and never falls.
    """
    follow = CALMEST + round_ratio((LOUDEST - CALMEST) * divergence, ONE_BP)
    return Dials(
        contentiousness=min(before.contentiousness, follow),
        gate=max(before.gate, min(HIGHEST_GATE, argument * ONE_BP // 100)),
    )


def passing(classes: Sequence[AnswerClass], quality: Quality, gate: int) -> tuple[MessageId, ...]:
    """Candidates whose argument passes `gate` (bp of 100 points), ascending by id.

    The best argument of each class always passes, with all that equal it; so does what
    nobody scored, since nothing is known against it.
    """
    passed: list[MessageId] = []
    for item in classes:
        scores = {id_: quality.arguments.get(id_) for id_ in item.candidates}
        best = max((score for score in scores.values() if score is not None), default=0)
        passed += [
            id_
            for id_, score in scores.items()
            if score is None or score == best or score * ONE_BP >= gate * 100
        ]
    return tuple(sorted(passed))
