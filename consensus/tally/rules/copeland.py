"""Copeland's rule: how many other classes a majority prefers each class to (O7)."""

from .margins import Margins


def copeland(table: Margins) -> tuple[int, ...]:
    """Two points for each class that is beaten, one for each that is tied.

    Copeland (1951), with a tie worth half a win (Faliszewski et al. 2009, alpha = 1/2). Two
    classes that nobody compared are tied. A class that beats all others (Condorcet's winner)
    has 2 (m - 1) of m classes and wins; of a cycle all members can tie, and O6 decides.
    """
    return tuple(
        sum((lead > 0) + (lead >= 0) for at, lead in enumerate(row) if at != own)
        for own, row in enumerate(table)
    )
