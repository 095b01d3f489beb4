"""Kemeny's rule: the ranking that disagrees least with the majorities of all pairs (O7)."""

from collections.abc import Sequence

from .copeland import copeland
from .margins import Margins, smith

MOST_EXACT = 8
"""Most classes in a cycle that are solved exactly: 256 sets of them, a millisecond. To find a
ranking is NP-hard in their number (Bartholdi, Tovey and Trick 1989), and a tally is made a
hundred times over in the search for how robust it is (O5)."""


def kemeny(table: Margins) -> tuple[int, ...]:
    """For each class, how well the best ranking with it in first place agrees with the voters.

    Kemeny (1959): a ranking's score is the sum of `table[i][j]` over all i above j, and the
    first of a ranking with the highest score wins; this is the maximum likelihood ranking
    under noise that is alike for every pair (Young 1988). A figure for each class, instead of
    one best ranking, shows ties as ties, whatever order classes stand in.

    Exact by Held and Karp's recursion over sets while the Smith set has at most `MOST_EXACT`
    classes: every Kemeny winner is in it (Truchon 1998), so only those are ranked and all
    others score below them. A larger top cycle is not solved: its classes score by their
    Copeland points, equal ones by the sum of their margins, which is Borda's rule on the same
    pairs and at most five times as far from the voters as Kemeny's (Coppersmith, Fleischer
    and Rudra 2006).
    """
    inside = smith(table)
    points = copeland(table)
    lead = [sum(row) for row in table]
    span = 2 * max(map(abs, lead), default=0) + 1
    fallback = [point * span + mine for point, mine in zip(points, lead, strict=True)]
    if len(inside) > MOST_EXACT:
        return tuple(fallback)
    best = dict(zip(inside, _first(table, inside), strict=True))
    # What is outside the Smith set is under all that is in it, in the order of the fallback.
    below = min(best.values(), default=0) - 1 - max(fallback, default=0)
    return tuple(best[at] if at in best else below + fallback[at] for at in range(len(table)))


def _first(table: Margins, members: Sequence[int]) -> list[int]:
    """The score of the best ranking of `members` that begins with each of them."""
    count = len(members)
    rows = [[table[one][other] for other in members] for one in members]
    best = [0] * (1 << count)
    ahead = [[0] * (1 << count) for _ in range(count)]  # a member's margins over a set, summed
    for chosen in range(1, 1 << count):
        low = (chosen & -chosen).bit_length() - 1
        rest = chosen & (chosen - 1)
        for own in range(count):
            ahead[own][chosen] = ahead[own][rest] + rows[own][low]
        best[chosen] = max(
            ahead[own][chosen ^ (1 << own)] + best[chosen ^ (1 << own)]
            for own in range(count)
            if chosen >> own & 1
        )
    everyone = (1 << count) - 1
    return [ahead[own][everyone ^ (1 << own)] + best[everyone ^ (1 << own)] for own in range(count)]
