"""`quorate demo`: five organisations decide real cases on this machine."""

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

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
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA:
            raise
        raise CliError(f"{package} is missing: pip install 'quorate[classifier]'") from None
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
    except (KeyboardInterrupt, asyncio.CancelledError):  # Ctrl-C; SIGTERM and SIGHUP
        note("quorate: interrupted; every node that was started has been ended")
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
    """What was seen to hold, and what verdicts warn of, before any figure (E3)."""
    decided, verified, drill = len(report.decided), report.verification, report.drill
    for name, meaning in MEANINGS.items():
        if count := report.warned.get(name):
            yield f"{count} of {decided} verdicts are {name.replace('_', ' ')}: {meaning}."
    yield f"{decided} of {report.asked} cases were decided."
    yield (
        f"{verified.valid} of {decided} verdicts are valid, said {verified.processes} fresh "
        f"processes in {verified.ms / 1e3:.1f} s."
    )
    if drill.caught_up_ms is not None and drill.back_ms is not None:
        yield f"{drill.member} was killed while case {drill.case}, which it opened, was decided."
        yield (
            f"Started again it was up in {drill.back_ms / 1e3:.1f} s, and "
            f"{drill.caught_up_ms / 1e3:.1f} s later it held"
        )
        yield f"the same verdicts on all {len(drill.away)} cases that it missed."


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
    if not row.asked:
        return "no draft", "", ""
    low, high = (100 * end for end in row.interval)
    right = f"{row.right:.1f}".removesuffix(".0")
    return f"{right} of {row.asked}", f"{100 * row.share:.1f} %", f"{low:.1f} to {high:.1f} %"


def _account(report: "Report") -> Iterator[str]:
    """What was measured, what it cost, and where everything is."""
    from ..demo.run import REPORT, VERDICTS

    cost, seconds = report.cost, report.decided_in_ms / 1e3
    yield "Alone, majority and mean: drafts of round 1, made before anybody read another's."
    yield "A tied majority is right by its share. Intervals: Wilson."
    yield "* Needs a coordinator that sees all members' probabilities; the swarm has none."
    yield ""
    yield f"A case, of {report.asked} in {seconds:.0f} s, {report.concurrency} at a time:"
    yield f"  {cost.ms_median / 1e3:.2f} s median, {cost.ms_p95 / 1e3:.2f} s 95th percentile"
    yield f"  {cost.rounds:.2f} rounds"
    yield f"  {cost.messages:.0f} messages of {cost.bytes / 1e3:.0f} kB in all between the members"
    yield f"  {cost.verdict_bytes / 1e3:.0f} kB of verdict"
    yield ""
    yield from _policy(report.policy)
    yield ""
    figures, verdicts = report.folder / REPORT, report.folder / VERDICTS
    yield f"All figures are in {_shown(figures)}, the verdicts in {_shown(verdicts)}."
    if report.decided:
        file = report.decided[0].path
        yield "Verify a verdict by hand:"
        yield f"  {_program()} verify --federation {_shown(report.federation)} \\"
        yield f"    {_shown(file)}"


def _policy(policy: Mapping[str, Any]) -> Iterator[str]:
    """The demonstration's own choices; the rest are defaults."""
    seconds = {name[:-3]: value / 1e3 for name, value in policy.items() if name.endswith("_ms")}
    stages = ", ".join(f"{name} {value:g}" for name, value in seconds.items())
    yield f"Policy: at most {policy['rounds']} rounds, else the defaults, but for the deadlines in"
    yield f"seconds: {stages}."


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
