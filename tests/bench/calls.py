"""The time of one call that takes microseconds: repeated in batches."""

import time
from collections.abc import Callable, Mapping
from statistics import median

from .tables import Table

BATCH_S = 0.05
BATCHES = 15

Cases = Mapping[str, Callable[[], object]]
"""Named calls."""


def table(title: str, cases: Cases) -> Table:
    """The median batch of each case, and the fastest and slowest batch."""
    rows = []
    for name, case in cases.items():
        times = microseconds(case)
        rows.append(
            (
                name,
                f"{median(times):.1f}",
                f"{times[0]:.1f}",
                f"{times[-1]:.1f}",
                f"{1e6 / median(times):,.0f}",
            )
        )
    return Table(
        title=title,
        how=f"One call, in batches of about {BATCH_S * 1e3:.0f} ms: the median of {BATCHES} "
        "batches, the fastest and the slowest of them. One process, one thread.",
        columns=("", "median us", "fastest", "slowest", "a second"),
        rows=rows,
    )


def microseconds(case: Callable[[], object]) -> list[float]:
    """Time of one call in microseconds, once for each batch, in ascending order."""
    calls, spent = 1, 0.0
    while spent < BATCH_S:  # also warms up
        calls *= 2
        spent = _timed(case, calls)
    calls = max(1, round(calls * BATCH_S / spent))
    return sorted(_timed(case, calls) / calls * 1e6 for _ in range(BATCHES))


def _timed(case: Callable[[], object], calls: int) -> float:
    begin = time.perf_counter()
    for _ in range(calls):
        case()
    return time.perf_counter() - begin
