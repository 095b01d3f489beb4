"""When a deliberation ends (rules P2, P2a, R11): the first rule that holds names the reason."""

from collections.abc import Sequence
from enum import StrEnum

from ..bodies import Budget
from ..committee import Quorum
from ..exact import ONE_BP
from ..policy import Policy
from ..tally import Claims, Tally

ROUNDS_STOOD = 2
"""Rounds in a row with one winner that count as standing: this one and the one before."""

ROUNDS_FLAT = 2
"""Rounds in a row without a gain that make a plateau."""


class Reason(StrEnum):
    """Why no further round is held, in the order in which the rules are asked."""

    UNANIMITY = "unanimity"
    NEAR_CONSENSUS = "near_consensus"
    PLATEAU = "plateau"
    ROUNDS = "rounds"
    BUDGET = "budget"
    DEADLINE = "deadline"


def stop(
    *,
    policy: Policy,
    quorum: Quorum,
    budget: Budget,
    tally: Tally,
    families: Sequence[str],
    claims: Claims,
    round_: int,
    divergence: int,
    argument: int,
    stood: int,
    flat: int,
) -> Reason | None:
    """The reason to stop after this round, or None to go on."""
    if unanimous(tally, quorum, families):
        return Reason.UNANIMITY
    heard = len(tally.opinions) >= quorum.q  # the agreement of fewer is no consensus
    if heard and divergence < policy.near_consensus and stood >= ROUNDS_STOOD:
        return Reason.NEAR_CONSENSUS
    if flat >= ROUNDS_FLAT and argument >= policy.quality_gate:
        return Reason.PLATEAU
    if round_ >= policy.rounds:
        return Reason.ROUNDS
    if spent(claims, budget):
        return Reason.BUDGET
    if claims.deadline:
        return Reason.DEADLINE
    return None


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
