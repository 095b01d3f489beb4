"""What a tally is computed from: agreed candidates and agreed ballots, by position.

Members are named by their position in the committee (0..N-1), candidates by proposal id.
The diagonal mask has been applied before anything here is built (`consensus.masking`).
"""

from dataclasses import dataclass

from ..bodies import Ballot, Proposal
from ..envelope import MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A counted proposal (V4) with its author's position, known since the openings."""

    id: MessageId
    author: int
    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedBallot:
    """An opened ballot of the member at position `voter`, entries about its own struck."""

    voter: int
    ballot: Ballot


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What REPORTs claim (P2a), already combined, for the task so far.

    `deadline` if t members say that time is up; tokens, micros of a US dollar and ms are the
    lower medians of their claims.
    """

    deadline: bool = False
    tokens: int = 0
    micros: int = 0
    ms: int = 0
