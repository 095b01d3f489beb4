"""The diagonal mask: nobody's word counts on its own work (rules R5, R9)."""

from dataclasses import replace

from ..bodies import Ballot
from ..envelope import MessageId


def strike(ballot: Ballot, own: MessageId | None) -> tuple[Ballot, int]:
    """`ballot` without its entries about the voter's own proposal, and how many there were.

    A pair goes if either side is the voter's own. `held` stays as it was, so the remaining
    entries keep their indices and the ballot still says what its voter held (V4). `own` is
    None for a voter without a counted proposal. More than none struck costs a strike (L2).
    """
    if own is None or own not in ballot.held:
        return ballot, 0
    index = ballot.held.index(own)
    pairs = tuple(pair for pair in ballot.pairs if index not in (pair.first, pair.second))
    marks = tuple(mark for mark in ballot.marks if mark.candidate != index)
    struck = len(ballot.pairs) - len(pairs) + len(ballot.marks) - len(marks)
    if not struck:
        return ballot, 0
    return replace(ballot, pairs=pairs, marks=marks), struck
