"""Which class is true, given what each judge answered itself and said of others (O7).

A judge's ballot is mostly its own answer again, so a word against one's own answer tells more
than one for it. Who answered what is known once ballots and proposals are opened (R8).

The model. One class T is true. A member's own answer is T with odds r against any one wrong
answer (one-coin model: Dawid and Skene 1979; over k places the chance is r / (r + k - 1)). A
judge prefers class a to b with odds

    t ** ([T = a] - [T = b])  *  s ** ([own = a] - [own = b]):

t how well judges tell truth, s how much they favour their own answer. It is Bradley and
Terry's model (1952) with two strengths, T's and all others', and s for the advantage of the
home side (Agresti 2013, section 11.6.3). A preference held with confidence c is right with
(1 + c) / 2 whatever it is of, so it says P = q p + (1 - q) (1 - p) with q = (1 + c) / 2
(Pearl 1988, section 2.2.2: virtual evidence); a tie says nothing.

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
from functools import lru_cache
from math import gcd

from ...exact import GRID, LN_UNIT, ONE_BP, ln, log_sum, round_ratio
from ..answers import Classes
from ..readings import Comparison, Reading
from ..same import components

NODES = ((9, 7), (11, 5), (13, 3), (15, 1))
"""Odds at the midpoints of four equal parts of [1/2, 1]: 9/16, 11/16, 13/16, 15/16."""

Logs = tuple[int, ...]
"""Log-likelihoods in `LN_UNIT` parts, one for each pair of nodes of t and of s."""


def latent_truth(
    classes: Classes,
    readings: Sequence[Reading],
    weights: Sequence[int],
    judging: Sequence[int],
) -> tuple[int, ...]:
    """ln of each class's posterior probability of being true, in parts of `GRID` of a nat.

    `weights` and `judging` are members' in bp, as authors and as judges. A member chose its
    own answer among the classes that were proposed, two at least: an option that nobody gave
    is no sign that those who agree do so independently (models that err give the same wrong
    answer more often than not: Kim et al. 2025, 2506.07962).
    """
    count = len(classes.items)
    if not count:
        return ()
    answered = _answers(classes, weights, max(2, count))
    judged = _ballots(classes, readings, judging)
    logs = [log_sum(answered[at]) + log_sum(judged[at]) for at in range(count)]
    whole = log_sum(sorted(logs))
    return tuple(round_ratio((log - whole) * GRID, LN_UNIT) for log in logs)


def _answers(classes: Classes, weights: Sequence[int], places: int) -> list[Logs]:
    """What the members' own answers say of each class, for each node of r."""
    behind = [sum(weights[author] for author in item.authors) for item in classes.items]
    whole = sum(behind)
    return [
        tuple(
            round_ratio(
                mine * ln(won) + (whole - mine) * ln(lost) - whole * ln(won + lost * (places - 1)),
                ONE_BP,
            )
            for won, lost in NODES
        )
        for mine in behind
    ]


def _ballots(classes: Classes, readings: Sequence[Reading], judging: Sequence[int]) -> list[Logs]:
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
