"""What reputation and the mixing rules are worth over streams: `make bench-stream`, minutes.

Prints tables, writes all figures as JSON and draws plots. Nothing is drawn but from stated seeds,
so two runs of one version print the same.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from tests.bench.rules.sets import recorded_sets

from . import attacked, farmer, recorded, standing
from .report import Report

BUILD: Final = Path(__file__).parents[3] / "build"
ATTACKED: Final = 10
FARMED: Final = 10
BARE: Final = 10
"""Streams of each kind; the recorded ones with endorsements have `recorded.SHUFFLES`."""


def main() -> None:
    """Measure, print, write, draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stream", description=__doc__)
    parser.add_argument("--shuffles", type=int, default=recorded.SHUFFLES)
    parser.add_argument("--no-plots", action="store_true", help="needs no matplotlib")
    parser.add_argument(
        "--standing", action="store_true", help="only what a weaker test of outcomes would teach"
    )
    asked = parser.parse_args()
    if asked.standing:
        with ProcessPoolExecutor() as executor:
            for line in standing.lines(executor, min(asked.shuffles, standing.SHUFFLES)):
                sys.stdout.write(f"{line}\n")
        return
    began = time.perf_counter()
    sets = recorded_sets()
    attacks, farmers, bare = (min(asked.shuffles, most) for most in (ATTACKED, FARMED, BARE))
    with ProcessPoolExecutor() as executor:
        report = Report(
            sets=sets,
            endorsed=recorded.played(executor, sets, asked.shuffles, marks=True),
            bare=recorded.played(executor, sets, bare, marks=False),
            attacked=attacked.runs(executor, attacks),
            caught=farmer.measure(executor, farmers),
        )
    sys.stdout.write("\n".join(report.lines()) + "\n\n")
    BUILD.mkdir(exist_ok=True)
    figures = BUILD / "bench-stream.json"
    figures.write_text(json.dumps(report.plain(), indent=1) + "\n", "utf-8")
    if not asked.no_plots:
        from .plots import draw

        for path in draw(report, BUILD / "bench-stream"):
            sys.stdout.write(f"{path}\n")
    spent = time.perf_counter() - began
    sys.stdout.write(f"{asked.shuffles} shuffles in {spent:.0f} s; figures: {figures}\n")


if __name__ == "__main__":
    main()
