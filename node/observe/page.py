"""`METRICS.md`, written from the registry: `python -m node.observe.page`."""

import sys
from collections.abc import Iterable
from typing import Final

from .collector import Exposition
from .contract import Lack, Vitals
from .figures import SECONDS, Figures
from .metrics import ALL, GROUPS, Kind

SUFFIX: Final = {Kind.COUNTER: "_total", Kind.GAUGE: "", Kind.HISTOGRAM: ""}

HEAD: Final = """\
# Metrics

Written from the registry by `make metrics`; a test fails where the two differ.

`/metrics` is on the API's port, for keys made with `--may metrics` once there are any keys, and on
`[metrics] listen`, without. Everything is counted from the start of the process. Values are read
when they are asked for, so that a node that nobody scrapes pays a few integer additions. No label
holds a task, a client or a model's text; members are named as in the federation file.

What one's own model takes is its operator's business: whoever sees its tokens at the time of a
draft, and later the drafts, may tell which is whose. Do not let other members scrape a node.
"""


class _Nobody:
    def vitals(self) -> Vitals:
        return Vitals(node="", version="", family="", began_ms=0)

    def lacks(self) -> Iterable[Lack]:
        return ()


def render() -> str:
    """The page."""
    lines = [HEAD]
    for title, group in GROUPS.items():
        lines += [f"## {title}\n", "| metric | type | labels | what |", "|---|---|---|---|"]
        for metric in group:
            labels = "; ".join(f"`{name}`: {values}" for name, values in metric.labels.items())
            name = f"{metric.name}{SUFFIX[metric.kind]}"
            lines.append(f"| `{name}` | {metric.kind} | {labels} | {metric.text} |")
        lines.append("")
    ours = {metric.name for metric in ALL}
    exposition = Exposition(_Nobody(), Figures(), None)
    lines += ["## The process\n", "By `prometheus-client`, where the system has `/proc`.\n"]
    lines += ["| metric | type | what |", "|---|---|---|"]
    for family in exposition.registry.collect():
        if family.name not in ours:
            suffix = "_total" if family.type == "counter" else ""
            lines.append(f"| `{family.name}{suffix}` | {family.type} | {family.documentation} |")
    bounds = ", ".join(f"{bound:g}" for bound in SECONDS)
    lines.append(f"\nClasses of durations, in seconds: {bounds}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
