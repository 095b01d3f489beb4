"""`quorate demo`: five organisations decide real cases on this machine."""

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .exits import INTERRUPTED, NEGATIVE, OK, CliError
from .output import console, emit, note, say

if TYPE_CHECKING:
    from rich.table import Table

    from ..demo.accuracy import Row
    from ..demo.report import Report
    from ..demo.run import Settings

FOLDER: Final = Path("demo-out")
CASES_MAX: Final = 1_000
"""Of 1,797 digits; the organisations still have 797 to train on."""

EXTRA: Final = ("numpy", "sklearn", "threadpoolctl")
"""What the classifier extra installs."""

MEANINGS: Final = {
    "degraded": "a member's draft or ballot is missing",
    "fragile": "one member could have changed the winner",
    "unsure": "less believed than the policy asks",
    "crash_mode": "one equivocator could fork it",
    "unmasked": "proposals went to the others directly",
}
"""The warnings of a verdict (E3) in words, the gravest first."""

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    cases: Annotated[
        int, typer.Option(help="How many held-out digits are decided.", min=3, max=CASES_MAX)
    ] = 200,
    keep: Annotated[
        Path,
        typer.Option(
            help="Where everything is made, and stays: nodes, federation file, verdicts, report. "
            "An earlier demonstration there is replaced; anything else is left alone.",
            metavar="DIR",
        ),
    ] = FOLDER,
    seed: Annotated[
        int | None,
        typer.Option(help="How the digits are dealt; always the same if left out.", min=0),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(help="How many cases are under way at a time.", min=1, max=32)
    ] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> int:
    """Let five organisations decide cases of real handwriting together.

    Each is a node of its own, with its own key, store and kind of model, trained on its own
    digits only. While one case is being decided its opener is killed, and comes back later.
    Every verdict is exported and verified by fresh processes. Exit code 0: all cases were
    decided, all verdicts are valid, and the killed node caught up.
    """
    try:
        from ..demo.deal import SEED, DealError
        from ..demo.nodes import NodeError
        from ..demo.run import DemoError, Settings
        from ..demo.stage import StageError
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        raise CliError(f"{error.name} is missing: pip install 'quorate[classifier]'") from None
    settings = Settings(
        folder=keep.expanduser(),
        cases=cases,
        seed=SEED if seed is None else seed,
        concurrency=concurrency,
    )
    try:
        report = asyncio.run(_run(settings))
    except (DealError, StageError) as error:
        raise CliError(str(error)) from None
    except (DemoError, NodeError) as error:
        raise CliError(str(error), NEGATIVE) from None
    except asyncio.CancelledError:  # SIGTERM or SIGHUP; Ctrl-C comes as KeyboardInterrupt
        return INTERRUPTED
    if as_json:
        from ..demo.report import plain

        emit(plain(report))
    else:
        _tell(report)
    for failure in report.failures:
        note(f"quorate: {failure}")
    return NEGATIVE if report.failures else OK


async def _run(settings: "Settings") -> "Report":
    from ..clock import SystemClock
    from ..demo.run import demonstrate
    from ..demo.screen import Screen

    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    clock = SystemClock()
    with Screen(clock) as screen:
        return await demonstrate(settings, screen, clock)


def _tell(report: "Report") -> None:
    for line in _checks(report):
        say(line)
    say("")
    console().print(_table(report))
    say("")
    for line in _account(report):
        say(line)


def _checks(report: "Report") -> Iterator[str]:
    """What was seen to hold, before any figure (E3)."""
    decided, verified, drill = len(report.decided), report.verification, report.drill
    yield (
        f"{decided} of {report.asked} cases decided. {verified.valid} of {decided} verdicts "
        f"valid, said {verified.processes} fresh processes in {verified.ms / 1e3:.1f} s."
    )
    counts = [
        f"{report.warned[name]} {name.replace('_', ' ')} ({meaning})"
        for name, meaning in MEANINGS.items()
        if report.warned.get(name)
    ]
    yield f"Warnings in verdicts: {', '.join(counts) or 'none'}."
    if drill.caught_up_ms is not None and drill.back_ms is not None:
        yield (
            f"{drill.member} was killed during case {drill.case}, which it had opened. "
            f"{len(drill.away)} cases were decided without it."
        )
        yield (
            f"It was up again in {drill.back_ms / 1e3:.1f} s, and {drill.caught_up_ms / 1e3:.1f} s "
            "later it held the same verdicts on them all."
        )


def _table(report: "Report") -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("who answers", no_wrap=True)
    for heading in ("right", "accuracy", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    kinds = {place.name: place.shard.organisation.kind for place in report.places}
    for row in report.table.alone:
        kind = kinds[row.name].replace("_", " ")
        table.add_row(f"{row.name} alone, {kind}", *_figures(row))
    table.add_row("majority", *_figures(report.table.majority))
    table.add_row("mean of probabilities *", *_figures(report.table.mean))
    table.add_row("the swarm", *_figures(report.table.swarm), style="bold")
    return table


def _figures(row: "Row") -> tuple[str, str, str]:
    low, high = row.interval
    right = f"{row.right:.1f}".removesuffix(".0")
    return (
        f"{right} of {row.asked}",
        f"{row.share:.1%}".replace("%", " %"),
        f"{low:.1%} to {high:.1%}".replace("%", " %"),
    )


def _account(report: "Report") -> Iterator[str]:
    """What was measured, what it cost, and where everything is."""
    cost = report.cost
    yield "Alone, majority and mean count the drafts of round 1, made before anybody had"
    yield "read another's; Wilson's intervals; a tied majority is right by its share."
    yield "* needs a coordinator that sees every member's probabilities; here nobody is one."
    yield ""
    yield (
        f"A case took {cost.rounds:.1f} rounds and {cost.ms_median / 1e3:.2f} s (median; 95th "
        f"percentile {cost.ms_p95 / 1e3:.2f} s), {report.concurrency} at a time;"
    )
    yield (
        f"{cost.messages:.0f} messages of {cost.bytes / 1e3:.0f} kB in all went between the "
        f"members; its verdict takes {cost.verdict_bytes / 1e3:.0f} kB."
    )
    changed = ", ".join(f"{name} {value}" for name, value in report.policy.items())
    yield f"Policy, apart from the defaults: {changed}."
    yield (
        f"{report.asked} cases in {report.decided_in_ms / 1e3:.0f} s, everything in "
        f"{report.ms / 1e3:.0f} s."
    )
    yield ""
    yield f"The verdicts are in {_shown(report.folder / 'verdicts')}. Check one by hand:"
    if report.decided:
        yield (
            f"  {_program()} verify --federation {_shown(report.federation)} "
            f"{_shown(report.decided[0].path)}"
        )


def _shown(path: Path) -> str:
    return shlex.quote(os.path.relpath(path))


def _program() -> str:
    """How this command is called from here."""
    called = Path(sys.argv[0])
    if called.name != "quorate":
        return f"{shlex.quote(sys.executable)} -m node.cli.main"
    found = shutil.which("quorate")
    same = found is not None and Path(found).samefile(called)
    return "quorate" if same else _shown(called)
