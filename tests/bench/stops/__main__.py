"""What stop rules save and cost, and what the bandit is worth: `make bench-plateau`.

Prints tables, and writes all figures as JSON and pictures into `build/`. Nothing is drawn but from
stated seeds, so two runs of one version print the same.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Final

from node.demo.hle import POOLS
from node.models.recorded import family_of
from tests.bench.rules.sets import recorded_sets

from . import bandits, measure, plots
from .traces import Trace, digits, recorded, simulated

BUILD: Final = Path(__file__).parents[3] / "build"


def sets(scale: int) -> dict[str, list[Trace]]:
    """The traces by title; `scale` in % of the tasks."""
    found: dict[str, list[Trace]] = {}
    seeds = range(100, 100 + max(1, 3 * scale // 100))
    found["digits: real classifiers"] = asyncio.run(digits(seeds))
    for of in recorded_sets():
        if of.pool in POOLS and "contested" in of.title:
            families = [family_of(member) for member in of.judged[0].members]
            title = f"recorded {of.pool}, simulated revisions"
            found[title] = recorded(of.judged, families)
    found["simulated, 5 members"] = simulated(4 * scale)
    found["simulated, 7 members"] = simulated(2 * scale, 7)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=100, help="%% of the tasks")
    asked, began = parser.parse_args(argv), time.process_time()
    BUILD.mkdir(exist_ok=True)
    traces = sets(asked.scale)
    told: dict[str, object] = {}
    for title, of in traces.items():
        found = measure.rows(of)
        told[title] = [row.plain() for row in found]
        _say(measure.table(f"{title}, {len(of)} tasks", found))
    regrets = [bandits.regret(name, means) for name, means in bandits.ARMS.items()]
    _say("### UCB, regret over 20 seeds\n\n| arms | rounds | regret | bound |\n|---|---|---|---|")
    for one in regrets:
        for at, horizon in enumerate(one.horizons):
            mean, spread = one.mean[at], one.deviation[at]
            _say(f"| {one.name} | {horizon} | {mean:.1f} +-{spread:.1f} | {one.bound[at]:.0f} |")
    budget = bandits.overspending()
    _say(
        f"\nOf {budget.tasks} tasks with a budget {budget.over:.1f} % spent more, by "
        f"{budget.most:.1f} % at most; {budget.rounds:.1f} chosen rounds a task."
    )
    ways = bandits.turned(3 * asked.scale)
    _say("\n### Dials, simulated tasks\n")
    _say("| dials | rounds | right | against follow |\n|---|---|---|---|")
    for way in ways:
        middle, low, high = way.points
        _say(
            f"| {way.name} | {way.rounds:.2f} | {way.right:.1f} | "
            f"{middle:+.1f} [{low:+.1f}, {high:+.1f}] |"
        )
    told["regret"] = [asdict(one) for one in regrets]
    told["budget"], told["dials"] = asdict(budget), [asdict(way) for way in ways]
    (BUILD / "bench-plateau.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    plots.many(traces, BUILD / "plateau-rounds.png")
    plots.regrets(regrets, BUILD / "plateau-regret.png")
    for title, name in (
        ("simulated, 5 members", "simulated"),
        ("digits: real classifiers", "digits"),
    ):
        moving = max(traces[title], key=_moved)
        plots.one_trace(moving, title, BUILD / f"plateau-{name}.png")
    _say(f"\n{time.process_time() - began:.0f} s of CPU; figures and pictures in build/")


def _moved(trace: Trace) -> int:
    """How much happens in a trace: rounds with another winner than the one before."""
    winners = [item.tally.winner for item in trace.rounds]
    return sum(one != other for one, other in pairwise(winners))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
