"""Which class is true, given what each judge answered itself and said of others (O7).

A judge's ballot is mostly its own answer again, so a word against one's own answer tells more
than one for it. Who answered what is known once ballots and proposals are opened (R8).

The model. One class T is true. A member's own answer is T with odds r against any one wrong
class that was proposed (one-coin model: Dawid and Skene 1979). A judge prefers class a to b with
odds

    t ** ([T = a] - [T = b])  *  s ** ([own = a] - [own = b]):

t how well judges tell truth, s how much they favour their own answer. It is Bradley and
Terry's model (1952) with two strengths, T's and all others', and s for the advantage of the
home side (Agresti 2013, section 11.6.3). A preference held with confidence c is right with
(1 + c) / 2 whatever it is of, so it says P = q p + (1 - q) (1 - p) with q = (1 + c) / 2
(Pearl 1988, section 2.2.2: virtual evidence); a tie says nothing.

Own answers are read given which classes were proposed, S. Options that nobody gave have some
pull w together, unknown: how many there are says little of how tempting they are, and a number
or a free text has no count of them. A member answers T with the chance r / (r + |S| - 1 + w). Of
all ways in which as many members give the classes of S and no others,

    P(answers | T, r, S) = r ** (answers that are T) / sum over those ways of the same,

in which w has cancelled (ratios of chances do not hang on what else there is: Luce 1959; so with
a conditional likelihood, Andersen 1970). S itself says nothing of T, since to the model the wrong
classes in it are alike; what it says of r can be had by nobody who does not know w. So a round of
all different answers teaches nothing about r, and one of two classes in ten answers a lot.

Nothing is fitted and nothing tuned: r, t and s are integrated out. Each of r / (1 + r),
t / (1 + t) and s / (1 + s) is uniform on [1/2, 1]: judges are no worse than a coin and not
set against their own answer, and beyond that nothing is known (Condorcet's assumption, and
Laplace's prior above it). Integration is by the midpoint rule on `NODES`. One r, t and s hold
for a whole committee, so a round in which everybody ranks its own answer first teaches that
such words are cheap.

Words of one ballot are not independent: a ranking of m classes has m (m - 1) / 2 pairs and
m - 1 degrees of freedom. A ballot's log-likelihood is therefore multiplied by the classes it
connects, less one for each connected part, over its pairs (a composite likelihood brought
down to its information: Varin, Reid and Firth 2011). Weights of members are exponents (L3).
"""

from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import repeat
from math import comb, gcd
from operator import mul

from ...exact import GRID, LN_UNIT, ONE_BP, ln, log_sum, round_ratio
from ..answers import Classes
from ..readings import Comparison, Reading
from ..same import components

NODES = ((9, 7), (11, 5), (13, 3), (15, 1))
"""Odds at the midpoints of four equal parts of [1/2, 1]: 9/16, 11/16, 13/16, 15/16."""

Logs = tuple[int, ...]
"""Log-likelihoods in `LN_UNIT` parts, one for each node of r, or for each pair of t and s."""


def latent_truth(
    classes: Classes,
    readings: Sequence[Reading],
    weights: Sequence[int],
    judging: Sequence[int],
) -> tuple[int, ...]:
    """ln of each class's posterior probability of being true, in parts of `GRID` of a nat.

    `weights` and `judging` are members' in bp, as authors and as judges.
    """
    return posterior(said_by_answers(classes, weights), said_by_ballots(classes, readings, judging))


def posterior(answered: Sequence[Logs], judged: Sequence[Logs]) -> tuple[int, ...]:
    """ln of each class's share of the likelihood, in parts of `GRID` of a nat: r integrated out of
    `answered`, t and s out of `judged`, both by class."""
    logs = [log_sum(own) + log_sum(of) for own, of in zip(answered, judged, strict=True)]
    if not logs:
        return ()
    whole = log_sum(sorted(logs))
    return tuple(round_ratio((log - whole) * GRID, LN_UNIT) for log in logs)


def said_by_answers(classes: Classes, weights: Sequence[int]) -> list[Logs]:
    """What the members' own answers say of each class, for each node of r.

    The sum in the denominator is of as many members of equal weight. Where weights differ it is
    taken to the power of their mean, so that a member's word is its exponent (L3).
    """
    behind = [sum(weights[author] for author in item.authors) for item in classes.items]
    members = sum(len(item.authors) for item in classes.items)
    whole = sum(behind)
    return [
        tuple(
            round_ratio(
                members * (mine * ln(won) + (whole - mine) * ln(lost))
                - whole * ln(ways(won, lost, members, len(behind))),
                members * ONE_BP,
            )
            for won, lost in NODES
        )
        for mine in behind
    ]


@lru_cache(maxsize=1_024)
def ways(won: int, lost: int, members: int, count: int) -> int:
    """The ways in which `members` give `count` classes and no others, one at least each, summed:
    a way counts `won` for each answer that is true and `lost` for each that is not.

    By inclusion and exclusion over the classes that are left out, with the true one among the
    rest and without it. Zero with fewer members than classes.
    """
    found = 0
    for out in range(count):
        rest = lost * (count - 1 - out)
        with_out = comb(count - 1, out) * (_times(won + rest, members) - _times(rest, members))
        found += -with_out if out % 2 else with_out
    return found


def _times(base: int, exponent: int) -> int:
    """A power by multiplying, of integers."""
    return reduce(mul, repeat(base, exponent), 1)


def said_by_ballots(
    classes: Classes, readings: Sequence[Reading], judging: Sequence[int]
) -> list[Logs]:
    """What the ballots say of each class, for each node of t and of s."""
    count = len(classes.items)
    own = {author: at for at, item in enumerate(classes.items) for author in item.authors}
    found = [[0] * len(NODES) * len(NODES) for _ in range(count)]
    for reading in readings:
        if reading.comparisons:
            said = _said(reading.comparisons, own.get(reading.voter), count)
            weight = judging[reading.voter]
            for row, logs in zip(found, said, strict=True):
                for cell, log in enumerate(logs):
                    row[cell] += weight * log
    return [tuple(round_ratio(log, ONE_BP) for log in row) for row in found]


@lru_cache(maxsize=1_024)
def _said(pairs: tuple[Comparison, ...], home: int | None, count: int) -> tuple[Logs, ...]:
    """What one ballot says of each of `count` classes; its voter's own is `home`.

    Remembered, since O5 counts the same ballots many times over.
    """
    cells = range(len(NODES) * len(NODES))
    said = [[0] * len(cells) for _ in range(count)]
    rest = [0] * len(cells)
    for item in pairs:
        shared = gcd(item.won, item.of)
        side = (item.first == home) - (item.second == home)
        first, second, neither = _word(item.won // shared, item.of // shared, side)
        for cell in cells:
            rest[cell] += item.scale * neither[cell]
            said[item.first][cell] += item.scale * (first[cell] - neither[cell])
            said[item.second][cell] += item.scale * (second[cell] - neither[cell])
    free = count - len(components(count, [(item.first, item.second) for item in pairs]))
    return tuple(
        tuple(round_ratio((rest[cell] + row[cell]) * free, ONE_BP * len(pairs)) for cell in cells)
        for row in said
    )


@lru_cache(maxsize=4_096)
def _word(won: int, of: int, side: int) -> tuple[Logs, Logs, Logs]:
    """ln P of a word that gives the first class `won` of `of`, if the first class is true, if
    the second is, if neither is; `side` is 1 where the first is the judge's own, -1 where the
    second is, 0 where none is."""

    def under(truth: int) -> Logs:
        logs = []
        for t in NODES:
            for s in NODES:
                good = _power(t, truth)[0] * _power(s, side)[0]
                bad = _power(t, truth)[1] * _power(s, side)[1]
                logs.append(ln(won * good + (of - won) * bad) - ln(of * (good + bad)))
        return tuple(logs)

    return under(1), under(-1), under(0)


def _power(odds: tuple[int, int], exponent: int) -> tuple[int, int]:
    """Odds to the power of 1, 0 or -1."""
    if exponent == 0:
        return 1, 1
    return odds if exponent > 0 else odds[::-1]
