"""The plateau of one round: signals, whether to stop, dials for the next (rules P1 to P3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..bodies import AnswerSpec, Budget
from ..committee import Quorum
from ..exact import ONE_BP
from ..policy import Policy
from ..tally import Candidate, Claims, CountedBallot, Tally
from .dials import Dials, passing, turn
from .signals import divergence, normal_entropy, overlap, quality
from .stop import Reason, gained, stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """Part of the outcome: all that later rounds read from this one is in `to_dict`.

    In bp: `entropy` H of the belief, `gain` of information (the fall of H since the round
    before, in round 1 since knowing nothing), `divergence` D, `overlap` of evidence. In
    points: median `evidence` and `argument`. `stood` counts the rounds in a row that
    `winner` has won, under one or another of its `spellings` (those of free texts change with
    their classes), `flat` those in a row without a gain; `tokens`, `micros` and `ms` are the
    claims for the task so far. `passed` are the candidates over the next round's gate.
    """

    round: int
    reason: Reason | None
    winner: str | None
    spellings: tuple[str, ...]
    entropy: int
    gain: int
    divergence: int
    overlap: int
    evidence: int
    argument: int
    stood: int
    flat: int
    tokens: int
    micros: int
    ms: int
    dials: Dials
    passed: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data of integers and strings, with a canonical encoding."""
        return {
            "winner": self.winner,
            "argument": self.argument,
            "dials": {
                "contentiousness": self.dials.contentiousness,
                "gate": self.dials.gate,
            },
            "divergence": self.divergence,
            "entropy": self.entropy,
            "evidence": self.evidence,
            "flat": self.flat,
            "gain": self.gain,
            "micros": self.micros,
            "ms": self.ms,
            "overlap": self.overlap,
            "passed": list(self.passed),
            "reason": None if self.reason is None else str(self.reason),
            "round": self.round,
            "spellings": list(self.spellings),
            "stood": self.stood,
            "tokens": self.tokens,
        }


def assess(
    *,
    policy: Policy,
    quorum: Quorum,
    spec: AnswerSpec,
    budget: Budget,
    tally: Tally,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    claims: Claims,
    families: Sequence[str],
    previous: Mapping[str, Any] | None,
    round_: int,
) -> Plateau:
    """Judge whether round `round_` (from 1) was the last, and set the next one's dials.

    `candidates` and `ballots` are those that `tally` counted, `claims` the medians for the
    task so far, `families` the committee's by position, `previous` the `to_dict` of the
    round before as it was agreed (None in round 1).
    """
    counted = {id_ for item in tally.groups for id_ in item.candidates}
    entering = [item for item in candidates if item.id in counted]
    marks = quality(entering, ballots)
    now = normal_entropy(spec, quorum.n, [item.belief for item in tally.classes])
    apart = divergence(tally.opinions, tally.weights.weights)
    won = [item.spellings for item in tally.groups if item.answer == tally.winner]
    spellings = won[0] if won else ()
    stood, flat, before = 0 if tally.winner is None else 1, 0, Dials()
    if previous is not None:
        before = Dials(**previous["dials"])
        if set(spellings) & set(previous["spellings"]):
            stood = previous["stood"] + 1
        if not (
            gained(previous["entropy"], now, policy.plateau_entropy)
            or gained(previous["divergence"], apart, policy.plateau_divergence)
        ):
            flat = previous["flat"] + 1
    dials = turn(before, apart, marks.argument)
    return Plateau(
        round=round_,
        reason=stop(
            policy=policy,
            quorum=quorum,
            budget=budget,
            tally=tally,
            families=families,
            claims=claims,
            round_=round_,
            divergence=apart,
            argument=marks.argument,
            stood=stood,
            flat=flat,
        ),
        winner=tally.winner,
        spellings=spellings,
        entropy=now,
        gain=(ONE_BP if previous is None else previous["entropy"]) - now,
        divergence=apart,
        overlap=overlap(entering),
        evidence=marks.evidence,
        argument=marks.argument,
        stood=stood,
        flat=flat,
        tokens=claims.tokens,
        micros=claims.micros,
        ms=claims.ms,
        dials=dials,
        passed=tuple(id_.hex() for id_ in passing(tally.groups, marks, dials.gate)),
    )
