"""The dials for the next round, agreed with the outcome (rule P3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..envelope import MessageId
from ..exact import ONE_BP, round_ratio
from ..tally import AnswerClass
from .signals import Quality

LOUDEST = 9_000
"""Contentiousness of the first round, in bp: explore."""

CALMEST = 3_000
"""Contentiousness once all beliefs are one, in bp: consolidate."""

HIGHEST_GATE = 7_000
"""No quality gate rises over this, in bp of a full score."""

MACI_CALMER = 2_000
"""By how much each of MACI's two flags lowers contentiousness (alpha of Algorithm 1), in bp."""

MACI_STRICTER = 1_000
"""By how much a flat entropy raises MACI's gates (gamma of Algorithm 1), in bp."""

MACI_ARGUMENT, MACI_EVIDENCE = 3_000, 5_000
"""Where MACI's gates begin (appendix B.1), in bp."""


class Tone(StrEnum):
    """How a model is told to go about a round, from contention to consolidation (P3)."""

    DEBATE = "debate"
    PROBE = "probe"
    WEIGH = "weigh"
    RECONCILE = "reconcile"


LEAST = ((7_500, Tone.DEBATE), (6_000, Tone.PROBE), (4_500, Tone.WEIGH))
"""Least contentiousness of each tone, in bp: the dial's way from 0.9 to 0.3 in four equal parts.
Below them all is `CALM`."""
CALM = Tone.RECONCILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    """Contentiousness of the next round, and its gates for arguments and evidence, in bp."""

    contentiousness: int = LOUDEST
    gate: int = 0
    evidence: int = 0

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Dials":
        """The dials that a round before agreed on."""
        return cls(
            contentiousness=data["contentiousness"], gate=data["gate"], evidence=data["evidence"]
        )

    def to_dict(self) -> dict[str, int]:
        """Plain data of integers."""
        return {
            "contentiousness": self.contentiousness,
            "evidence": self.evidence,
            "gate": self.gate,
        }

    @property
    def tone(self) -> Tone:
        """The tone that the contentiousness sets, as MACI's behaviour dial does in words."""
        return next((tone for least, tone in LEAST if self.contentiousness >= least), CALM)


MACI_OPENING = Dials(gate=MACI_ARGUMENT, evidence=MACI_EVIDENCE)
"""What `dials = maci` begins with."""


def follow(before: Dials, divergence: int, argument: int, evidence: int) -> Dials:
    """The next round's dials, from this round's divergence D in bp and its median marks.

    Contentiousness follows D from 0.9 at full divergence down to 0.3 at none, and never
    rises again. Each gate follows its median up to 0.7, and never falls.
    """
    target = CALMEST + round_ratio((LOUDEST - CALMEST) * divergence, ONE_BP)
    return Dials(
        contentiousness=min(before.contentiousness, target),
        gate=max(before.gate, min(HIGHEST_GATE, argument * ONE_BP // 100)),
        evidence=max(before.evidence, min(HIGHEST_GATE, evidence * ONE_BP // 100)),
    )


def scheduled(before: Dials, flat_entropy: bool, flat_divergence: bool) -> Dials:
    """MACI's schedule (Chang and Chang 2025, eqs. 8 and 9): a flag is a step.

    Each flag lowers contentiousness; a flat entropy raises both gates. Neither ever turns back.
    """
    return moved(
        before,
        -MACI_CALMER * (int(flat_entropy) + int(flat_divergence)),
        MACI_STRICTER * int(flat_entropy),
    )


def moved(before: Dials, contentiousness: int, gates: int) -> Dials:
    """The dials after a move in bp, kept within 0.3 to 0.9 and, the gates, 0 to 0.7."""
    return Dials(
        contentiousness=max(CALMEST, min(LOUDEST, before.contentiousness + contentiousness)),
        gate=max(0, min(HIGHEST_GATE, before.gate + gates)),
        evidence=max(0, min(HIGHEST_GATE, before.evidence + gates)),
    )


def passing(
    classes: Sequence[AnswerClass], quality: Quality, dials: Dials
) -> tuple[MessageId, ...]:
    """Candidates whose argument and evidence pass their gates (bp of 100 points), ascending by id.

    The best argument of each class always passes, with all that equal it, so that no gate
    silences an answer; so does what nobody scored, since nothing is known against it.
    """
    passed: list[MessageId] = []
    for item in classes:
        scores = {id_: quality.arguments.get(id_) for id_ in item.candidates}
        best = max((score for score in scores.values() if score is not None), default=0)
        passed += [
            id_
            for id_, score in scores.items()
            if score is None
            or score == best
            or (
                score * ONE_BP >= dials.gate * 100
                and quality.evidences[id_] * ONE_BP >= dials.evidence * 100
            )
        ]
    return tuple(sorted(passed))
