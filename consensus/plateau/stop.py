"""When a deliberation ends (rules P2, P2a, R11): the first rule that holds names the reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..bodies import Budget
from ..committee import Quorum
from ..exact import ONE_BP
from ..policy import STOPS, Policy
from ..tally import Claims, Tally
from .dials import Dials
from .efficiency import diminished
from .maci import Flags
from .secretary import chosen
from .signals import Quality

ROUNDS_STOOD = 2
"""Rounds in a row with one winner that count as standing: this one and the one before."""

ROUNDS_FLAT = 2
"""Rounds in a row without a gain that make a plateau."""


class Reason(StrEnum):
    """Why no further round is held: a rule that the policy names, or a bound."""

    UNANIMITY = "unanimity"
    NEAR_CONSENSUS = "near_consensus"
    PLATEAU = "plateau"
    MACI = "maci"
    EFFICIENCY = "efficiency"
    SEAT = "seat"
    ROUNDS = "rounds"
    BUDGET = "budget"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a stop rule may look at: the figures of this round, and what earlier ones left.

    Shares in bp. `before` are the dials that this round went by. `overlap` is None where nothing
    is cited; `calmest` is the least semantic entropy of the rounds before; `convinced` is in
    parts of `exact.GRID`.
    """

    policy: Policy
    quorum: Quorum
    tally: Tally
    families: Sequence[str]
    round: int
    divergence: int
    marks: Quality
    stood: int
    flat: int
    flags: Flags
    before: Dials
    overlap: int | None
    convinced: int
    semantic: int
    calmest: int


def stop(seen: Seen, budget: Budget, claims: Claims, *, affordable: bool) -> Reason | None:
    """The reason to stop after this round, or None to go on.

    The policy's rules are asked in its order, then the bounds, which no policy can take away;
    `affordable` False says that no setting of the dials fits the budget that is left.
    """
    for name in seen.policy.stop_names:
        if RULES[name](seen):
            return Reason(name)
    if seen.round >= seen.policy.rounds:
        return Reason.ROUNDS
    if spent(claims, budget) or not affordable:
        return Reason.BUDGET
    if claims.deadline:
        return Reason.DEADLINE
    return None


def _unanimity(seen: Seen) -> bool:
    return unanimous(seen.tally, seen.quorum, seen.families)


def _near_consensus(seen: Seen) -> bool:
    heard = len(seen.tally.opinions) >= seen.quorum.q  # the agreement of fewer is no consensus
    return heard and seen.divergence < seen.policy.near_consensus and seen.stood >= ROUNDS_STOOD


def _plateau(seen: Seen) -> bool:
    return seen.flat >= ROUNDS_FLAT and seen.marks.argument >= seen.policy.quality_gate


def _maci(seen: Seen) -> bool:
    """Eq. 10: both flags for two rounds, evidence over its gate, overlap over its floor.

    Evidence that nobody marked or cited holds nothing up: the paper has it in every round.
    """
    good = not seen.marks.marks or seen.marks.evidence * ONE_BP >= seen.before.evidence * 100
    shared = seen.overlap is None or seen.overlap >= seen.policy.overlap_floor
    return seen.flags.plateau and good and shared


def _efficiency(seen: Seen) -> bool:
    return diminished(seen.policy, seen.convinced, seen.round)


def _seat(seen: Seen) -> bool:
    return chosen(seen.policy.rounds, seen.round, seen.semantic, seen.calmest)


RULES: Final[Mapping[str, Callable[[Seen], bool]]] = {
    "unanimity": _unanimity,
    "near_consensus": _near_consensus,
    "plateau": _plateau,
    "maci": _maci,
    "efficiency": _efficiency,
    "seat": _seat,
}
"""The rules by the name that a policy calls them."""

assert tuple(RULES) == STOPS


def unanimous(tally: Tally, quorum: Quorum, families: Sequence[str]) -> bool:
    """R11: q counted candidates agree, from at least two model families, and win.

    Agreement within one family is no evidence: its models err alike. A committee of one
    family is therefore never unanimous and stops by another rule; a committee of one member
    is, since no further round could tell it anything (its verdict says `unjudged`).
    """
    authors = [
        author for item in tally.groups if item.answer == tally.winner for author in item.authors
    ]
    needed = min(2, quorum.n)
    return len(authors) >= quorum.q and len({families[at] for at in authors}) >= needed


def spent(claims: Claims, budget: Budget) -> bool:
    """P2a: what is claimed to be spent so far reaches a limit; a limit of 0 is none."""
    return (0 < budget.tokens <= claims.tokens) or (0 < budget.micros <= claims.micros)


def gained(before: int, now: int, threshold: int) -> bool:
    """Whether a signal that should fall did, by `threshold` (bp) of what it was, or more.

    From zero nothing can fall: no gain.
    """
    return before > 0 and (before - now) * ONE_BP >= threshold * before
