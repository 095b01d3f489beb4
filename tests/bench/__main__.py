"""Figures of speed: `make bench`.

Each case runs in batches of about 50 ms; the figure is the median batch, the spread goes from
the fastest to the slowest of them. One process, one thread, nothing else measured at a time.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from statistics import median

from . import wire

BATCH_S = 0.05
BATCHES = 15

CASES: dict[str, Callable[[], object]] = {**wire.cases()}


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


def main() -> None:
    """Prints one line a case."""
    out = sys.stdout
    out.write(f"Python {platform.python_version()}, {platform.machine()}, ")
    out.write(f"{os.cpu_count()} cores; median of {BATCHES} batches of {BATCH_S * 1e3:.0f} ms\n")
    for name, case in CASES.items():
        times = microseconds(case)
        out.write(f"{name:<44}{median(times):>10.1f} us   {times[0]:.1f} to {times[-1]:.1f}\n")


if __name__ == "__main__":
    main()
