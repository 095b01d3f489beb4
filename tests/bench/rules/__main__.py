"""What the rules are worth on recorded ballots: `make bench-tally`, four minutes of one core.

`python -m tests.bench.rules --turned` measures how strong turned ballots are instead (`turning`).

Prints tables, and writes all figures as JSON. Nothing is drawn but from stated seeds, so two runs
of one version print the same.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Final

from . import accuracy, breakdown, digits
from .asides import Asides
from .preference import preference
from .report import Report
from .sets import RecordedSet, recorded_sets
from .turning import Turning
from .variants import DEFAULT, OVER_CLASSES, Variant, choices

JSON: Final = Path(__file__).parents[3] / "build" / "bench-tally.json"

SIMULATED: Final = {4: 120, 7: 60, 10: 40, 13: 24, 16: 20}
"""How many simulated committees of each size: those that bear one bad voter more than the last."""

LIARS_AMONG: Final = (7, 10)
"""The simulated committees in which single terms of the strengths' model are attacked as well."""


async def measure() -> Report:
    """Everything."""
    sets = recorded_sets()
    pools: dict[str, RecordedSet] = {}
    for of in sets:
        pools.setdefault(of.pool, of)  # the contested one, which comes first
    ways = [Variant(rule=rule) for rule in choices()["rule"]]
    ways += [
        Variant(rule=rule, option=("ballots", heard))
        for rule in (DEFAULT.rule, OVER_CLASSES.rule)
        for heard in choices()["ballots"][1:]
    ]
    rules = {way.name: way.policy for way in ways}
    found = accuracy.rows(sets)
    cases = {
        **{
            f"recorded {pool}": breakdown.recorded(of.judged)
            for pool, of in pools.items()
            if pool != "with_fable"  # mostly the questions and members of the other pool
        },
        **{f"simulated {n}": breakdown.simulated(n, number) for n, number in SIMULATED.items()},
    }
    left_out = {f"simulated {n}" for n in SIMULATED if n not in LIARS_AMONG}
    attacked = {name: of for name, of in cases.items() if name not in left_out}
    return Report(
        sets=sets,
        rows=found,
        compared=[accuracy.compare(found, of) for of in sets],
        preferences={of.title: preference(of.judged) for of in pools.values()},
        digits=await digits.measure(),
        flips={name: list(breakdown.breakdown(of, rules)) for name, of in cases.items()},
        asides=Asides.measured(sets, attacked),
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rules", description=__doc__)
    parser.add_argument("--json", type=Path, default=JSON, help=f"where figures go ({JSON.name})")
    parser.add_argument("--turned", action="store_true", help="how strong turned ballots are")
    asked = parser.parse_args()
    began = time.perf_counter()
    if asked.turned:
        for table in Turning.measured().tables():
            sys.stdout.write("\n".join(table.lines()) + "\n\n")
        return
    report = asyncio.run(measure())
    for table in report.tables():
        sys.stdout.write("\n".join(table.lines()) + "\n\n")
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(report.to_dict(), indent=1) + "\n", "utf-8")
    spent = time.perf_counter() - began
    sys.stdout.write(
        f"{len(report.rows)} ways of counting in {spent:.0f} s; figures: {asked.json}\n"
    )


if __name__ == "__main__":
    main()
