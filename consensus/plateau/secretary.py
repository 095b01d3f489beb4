"""The secretary rule over semantic entropy (SEAT: Xu et al. 2025).

A policy allows n rounds. The first of them only show how calm answers get; then the first round
that is as calm as the calmest so far is the last. How many only show is the exact optimum for n
candidates in random order (Gilbert and Mosteller 1966), which tends to n/e, and one at least.
"""

from fractions import Fraction


def watching(rounds: int) -> int:
    """How many of `rounds` are watched before one is chosen.

    r - 1, where r is the least with 1/r + ... + 1/(rounds - 1) <= 1.
    """
    tail, first = Fraction(0), rounds
    while first > 1 and tail + Fraction(1, first - 1) <= 1:
        first -= 1
        tail += Fraction(1, first)
    return max(1, first - 1)


def chosen(rounds: int, round_: int, now: int, calmest: int) -> bool:
    """Whether round `round_` of `rounds`, with semantic entropy `now`, is the one to end on.

    `calmest` is the least of the rounds before. Both in bp; a tie is as calm.
    """
    return round_ > watching(rounds) and now <= calmest
