"""Contests drawn at random, and a slow twin of the likelihood that all models share."""

import math
from collections.abc import Sequence

from hypothesis import strategies as st

from consensus.tally.contests import Contest

outcomes = st.one_of(
    st.sampled_from([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]),
    st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 3.0), st.floats(0.0, 3.0)),
)


@st.composite
def contests(
    draw: st.DrawFn, *, ties: bool = True, most: int = 4, judges: int = 4
) -> tuple[int, tuple[Contest, ...]]:
    """A number of classes, and what some judges said of some of them, at most once in an order."""
    count = draw(st.integers(1, most))
    places = [
        (judge, first, second)
        for judge in range(judges)
        for first in range(count)
        for second in range(count)
        if first != second
    ]
    met = draw(st.lists(st.sampled_from(places), max_size=20, unique=True)) if places else []
    found = []
    for judge, first, second in sorted(met):
        won, tied, lost = draw(outcomes)
        if not ties:
            won, tied, lost = won + tied / 2, 0.0, lost + tied / 2
        found.append(
            Contest(judge=judge, first=first, second=second, won=won, tied=tied, lost=lost)
        )
    return count, tuple(found)


def height(
    given: Sequence[Contest],
    logs: Sequence[float],
    prior: float,
    *,
    eta: float | None = None,
    place: float | None = None,
    sharp: dict[int, float] | None = None,
    steady: float = 0.0,
) -> float:
    """The log-posterior, written down from the papers with `math.log` and `math.exp`.

    `eta` is ln nu, None if ties are no outcome; `place` is ln gamma, None without a position term;
    `sharp` the discriminations.
    """

    def said(z: float, won: float, tied: float, lost: float, tie: float | None) -> float:
        parts = [math.exp(z / 2), math.exp(-z / 2)] + ([] if tie is None else [math.exp(tie)])
        whole = math.log(sum(parts))
        return won * (z / 2 - whole) + lost * (-z / 2 - whole) + tied * ((tie or 0.0) - whole)

    total = sum(said(log, prior / 2, 0.0, prior / 2, None) for log in logs)
    if eta is not None or place is not None:
        each = prior / 2 if eta is None else prior / 3
        total += said(place or 0.0, each, 0.0 if eta is None else each, each, eta)
    for item in given:
        z = (logs[item.first] - logs[item.second]) * (sharp or {}).get(item.judge, 1.0)
        total += said(z + (place or 0.0), item.won, item.tied, item.lost, eta)
    return total + sum(steady * (math.log(a) - a) for a in (sharp or {}).values())
