"""What `quorate demo --task hle` says at the end: a table for each pool, and what it means."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from .demo import by_hand, figures, seen, shown
from .output import console, say

if TYPE_CHECKING:
    from rich.table import Table

    from ..demo.report import Report


def tell(reports: "Sequence[Report]") -> None:
    """All of it: `reports` are of one pool after the other, each in all ways of deciding."""
    for line in seen(reports):
        say(line)
    for name, group in groupby(reports, lambda report: report.name):
        ways = tuple(group)
        say("")
        say(f"Pool {name}, {ways[0].asked} contested questions of Humanity's Last Exam")
        console().print(_table(ways))
    say("")
    for line in _account(reports):
        say(line)


def _table(ways: "Sequence[Report]") -> "Table":
    from rich.table import Table

    first = ways[0].table
    table = Table(box=None, pad_edge=False)
    table.add_column("who answers", no_wrap=True)
    for heading in ("right", "accuracy", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in first.alone:
        best = ", the best single" if row is first.best else ""
        table.add_row(f"{row.name} alone{best}", *figures(row))
    table.add_row("majority", *figures(first.majority))
    for report in ways:
        table.add_row(report.way.title, *figures(report.table.split), style="bold")
    table.add_row("oracle: any of them right", *figures(first.oracle))
    return table


def _account(reports: "Sequence[Report]") -> Iterator[str]:
    """What is counted how, what it cost, and where everything is."""
    from ..demo.run import REPORT

    yield "Every question was decided twice by the same nodes, each time in one round, since a"
    yield "recording has no second. Alone, majority and oracle: the letters of the first pass."
    yield "A tie is right by its share; the verdict's own answer is then drawn by a hash (O6)."
    yield "Intervals: Wilson. Plain Bradley-Terry is fitted over the four answers, all judges"
    yield "alike; no judge compares its own, and strengths are added over equal letters."
    yield ""
    for report in reports:
        tied = sum(bool(item.reading.tied) for item in report.decided)
        drawn = report.table.swarm.right
        cost = report.cost
        yield f"{report.name}, {report.way.title.removeprefix('the swarm, ')}:"
        yield (
            f"  {report.asked} cases in {report.decided_in_ms / 1e3:.0f} s, {report.concurrency} "
            f"at a time; {cost.ms_median / 1e3:.2f} s median, {cost.ms_p95 / 1e3:.2f} s 95th "
            "percentile"
        )
        yield (
            f"  {cost.messages:.0f} messages of {cost.bytes / 1e3:.0f} kB a case, "
            f"{cost.verdict_bytes / 1e3:.0f} kB of verdict"
        )
        yield f"  {tied} tied; with the answers that were drawn, {drawn:.0f} right"
    yield ""
    yield f"All figures are in {shown(reports[0].folder / REPORT)}."
    yield from by_hand(reports[0])
