"""Majorities of every two classes: what Copeland's and Kemeny's rules are made of (O7)."""

from collections.abc import Sequence

from ..readings import Reading

Margins = tuple[tuple[int, ...], ...]
"""`margins[i][j]`: the weight of those who prefer class i to class j, less that of those who
prefer j to i. Antisymmetric, zero on the diagonal."""


def margins(readings: Sequence[Reading], judging: Sequence[int], count: int) -> Margins:
    """Weighted majorities among `count` classes, in units of a hundred millionth of a voter.

    Ordinal: a voter who prefers one class to another counts with its whole weight, however
    sure it is; a tie counts for neither. `judging` are weights in bp, by voter.
    """
    table = [[0] * count for _ in range(count)]
    for reading in readings:
        for item in reading.comparisons:
            weight = judging[reading.voter] * item.scale
            lead = weight * ((2 * item.won > item.of) - (2 * item.won < item.of))
            table[item.first][item.second] += lead
            table[item.second][item.first] -= lead
    return tuple(map(tuple, table))


def smith(table: Margins) -> tuple[int, ...]:
    """The Smith set: the least set of classes each of which beats every class outside it.

    It is the top cycle of "beats or ties" (Smith 1973; Schwartz 1986): the set grows from the
    classes with the most wins (Copeland) by whatever is not beaten by all that are in it.
    """
    if not table:
        return ()
    beaten = [sum(lead > 0 for lead in row) for row in table]
    inside = {at for at, wins in enumerate(beaten) if wins == max(beaten)}
    while True:
        joining = {
            at
            for at in range(len(table))
            if at not in inside and any(table[at][other] >= 0 for other in inside)
        }
        if not joining:
            return tuple(sorted(inside))
        inside |= joining
