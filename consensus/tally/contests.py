"""Comparisons with all that was said: in which order, by which judge, and whether for neither.

`Reading.comparisons` averages the two orders of a pair and takes a tie for half a win. The
models beside plain Bradley-Terry read more: Davidson's the ties, the position term the order,
the discerning one who judged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum

from ..bodies import Ballot, Pair, Preference
from ..exact import ONE_BP
from ..policy import Policy
from .answers import Classes
from .readings import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What `judge` said of two classes (or candidates), `first` shown first, by position.

    `won`, `tied` and `lost` are weights of outcomes for `first`, none below zero. A judge whose
    pairs stand between the same two classes has one comparison on them, shared out evenly over
    those pairs, and each pair's share over the orders in which it was asked.
    """

    judge: int
    first: int
    second: int
    won: float
    tied: float
    lost: float


def contests(
    readings: Iterable[Reading], classes: Classes, judging: Sequence[int], policy: Policy
) -> tuple[Contest, ...]:
    """All that is heard, weighted by `judging` (bp), by judge and by places, ascending.

    What is heard are the pairs that the readings still hold, each with its scale: a ballot's
    other pairs were masked (R9b), or left out against bad voters (O5a).

    A preference of confidence c is a win of c and a tie of 1 - c: a preference without any
    confidence says what a tie says. Where the policy has `ties = half` a tie is half a win and half
    a loss, which makes it 1/2 + c/2 (O2). Where it has no position term the lower place is
    taken to be shown first.
    """
    over_candidates = policy.strengths_over == "candidates"
    found: dict[tuple[int, int, int], list[tuple[float, float, float]]] = {}
    for reading in readings:
        heard = {
            (min(item.first, item.second), max(item.first, item.second)): item.scale
            for item in (reading.pairs if over_candidates else reading.comparisons)
        }
        for low, high, said in _said(reading.ballot, classes, over_candidates):
            scale = heard.get((min(low, high), max(low, high)))
            if scale is None:
                continue
            weight = judging[reading.voter] * scale / (ONE_BP * ONE_BP)
            won, tied, lost = (weight * part for part in said)
            if policy.ties == "half":
                won, tied, lost = won + 0.5 * tied, 0.0, lost + 0.5 * tied
            if policy.position == "none" and low > high:
                low, high, won, lost = high, low, lost, won
            found.setdefault((reading.voter, low, high), []).append((won, tied, lost))
    return tuple(
        Contest(
            judge=judge,
            first=first,
            second=second,
            won=fsum(won for won, _, _ in said),
            tied=fsum(tied for _, tied, _ in said),
            lost=fsum(lost for _, _, lost in said),
        )
        for (judge, first, second), said in sorted(found.items())
    )


def merged(given: Iterable[Contest]) -> tuple[Contest, ...]:
    """The contests of all judges added, for models that do not tell judges apart: `judge` is
    zero throughout."""
    found: dict[tuple[int, int], list[Contest]] = {}
    for item in given:
        found.setdefault((item.first, item.second), []).append(item)
    return tuple(
        Contest(
            judge=0,
            first=first,
            second=second,
            won=fsum(item.won for item in items),
            tied=fsum(item.tied for item in items),
            lost=fsum(item.lost for item in items),
        )
        for (first, second), items in sorted(found.items())
    )


def _said(
    ballot: Ballot, classes: Classes, over_candidates: bool
) -> Iterable[tuple[int, int, tuple[float, float, float]]]:
    """Each pair of a ballot that stands between two classes: places, and what it is worth."""
    at = [classes.of.get(id_) for id_ in ballot.held]
    places = {id_: place for place, id_ in enumerate(sorted(classes.of))}
    asked: dict[tuple[int, int], int] = {}
    met: dict[tuple[int, int], set[tuple[int, int]]] = {}
    between: list[tuple[Pair, int, int]] = []
    for pair in ballot.pairs:
        first, second = at[pair.first], at[pair.second]
        if first is None or second is None or first == second:
            continue
        unordered = (min(pair.first, pair.second), max(pair.first, pair.second))
        asked[unordered] = asked.get(unordered, 0) + 1
        met.setdefault((min(first, second), max(first, second)), set()).add(unordered)
        between.append((pair, first, second))
    for pair, first, second in between:
        unordered = (min(pair.first, pair.second), max(pair.first, pair.second))
        pairs = met[min(first, second), max(first, second)]
        share = ONE_BP * asked[unordered] * (1 if over_candidates else len(pairs))
        if over_candidates:
            first, second = places[ballot.held[pair.first]], places[ballot.held[pair.second]]
        sure = pair.confidence / share
        rest = (ONE_BP - pair.confidence) / share
        match pair.preference:
            case Preference.FIRST:
                yield first, second, (sure, rest, 0.0)
            case Preference.SECOND:
                yield first, second, (0.0, rest, sure)
            case Preference.TIE | Preference.SAME:
                yield first, second, (0.0, ONE_BP / share, 0.0)
