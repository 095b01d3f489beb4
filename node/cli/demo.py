"""`quorate demo`: organisations decide real cases on this machine."""

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
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


class Task(StrEnum):
    """What there is to decide."""

    DIGITS = "digits"
    HLE = "hle"


FOLDER: Final = Path("demo-out")
DIGITS_CASES: Final = 200
CASES_MAX: Final = 1_000
"""Of 1,797 digits; the organisations still have 797 to train on."""

EXTRA: Final = ("numpy", "sklearn", "threadpoolctl")
"""What the classifier extra installs."""

MEANINGS: Final = {
    "degraded": "a member's draft or ballot is missing",
    "fragile": "one member could have changed the winner",
    "unsure": "less believed than the policy asks",
    "crash_mode": "one equivocator could fork it",
    "unmasked": "fewer than four members mask nothing",
}
"""The warnings of a verdict (E3) in words, the gravest first."""

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    task: Annotated[
        Task,
        typer.Option(
            help="What is decided: handwritten digits, by five classifiers; or hle, an exam that "
            "real models disagreed on, by nodes that replay their recorded answers and ballots."
        ),
    ] = Task.DIGITS,
    cases: Annotated[
        int | None,
        typer.Option(
            help="How many cases are decided: of the digits 200 if left out; of the exam those of "
            "each pool, all (140 and 130) if left out.",
            min=3,
            max=CASES_MAX,
        ),
    ] = None,
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
        typer.Option(
            help="How the digits are dealt; always the same if left out. The exam has no draw.",
            min=0,
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(help="How many cases are under way at a time.", min=1, max=32)
    ] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> int:
    """Let organisations decide real cases together, each a node with its own key and store.

    Five decide digits, each with its own kind of model, trained on its own handwriting only.
    While one case is being decided its opener is killed, and comes back later. Or two pools of
    four decide the exam, once by the default policy and once by plain Bradley-Terry. Every
    verdict is exported and verified by fresh processes. Exit code 0: all cases were decided,
    all verdicts are valid, and the killed node caught up.
    """
    if task is Task.HLE and seed is not None:
        raise CliError("the exam has no draw: leave --seed out, or choose --task digits")
    try:
        errors, standard = _errors(task)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA:
            raise
        raise CliError(f"{package} is missing: pip install 'quorate[classifier]'") from None
    from ..demo.nodes import NodeError
    from ..demo.run import DemoError, Settings

    settings = Settings(
        folder=keep.expanduser(),
        task=task.value,
        cases=DIGITS_CASES if cases is None and task is Task.DIGITS else cases,
        seed=standard if seed is None else seed,
        concurrency=concurrency,
    )
    try:
        reports = asyncio.run(_run(settings))
    except errors as error:
        raise CliError(str(error)) from None
    except (DemoError, NodeError) as error:
        raise CliError(str(error), NEGATIVE) from None
    except (KeyboardInterrupt, asyncio.CancelledError):  # Ctrl-C; SIGTERM and SIGHUP
        note("quorate: interrupted; every node that was started has been ended")
        return INTERRUPTED
    if as_json:
        from ..demo.run import document

        emit(document(task.value, reports))
    elif task is Task.HLE:
        from .exam import tell

        tell(reports)
    else:
        _tell(reports[0])
    failures = [failure for report in reports for failure in report.failures]
    for failure in failures:
        note(f"quorate: {failure}")
    return NEGATIVE if failures else OK


def _errors(task: Task) -> tuple[tuple[type[Exception], ...], int]:
    """What can go wrong as it is set up, and the seed that it takes if none is given."""
    from ..demo.stage import StageError

    if task is Task.HLE:
        return (StageError,), 0
    from ..demo.deal import SEED, DealError

    return (StageError, DealError), SEED


async def _run(settings: "Settings") -> "tuple[Report, ...]":
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
    drill = report.drill
    yield from seen([report])
    if drill.caught_up_ms is not None and drill.back_ms is not None:
        yield f"{drill.member} was killed while case {drill.case}, which it opened, was decided."
        yield (
            f"Started again it was up in {drill.back_ms / 1e3:.1f} s, and "
            f"{drill.caught_up_ms / 1e3:.1f} s later it held"
        )
        yield f"the same verdicts on all {len(drill.away)} cases that it missed."


def seen(reports: "Sequence[Report]") -> Iterator[str]:
    """What verdicts warn of, the gravest first; how many were decided, and are valid."""
    decided = sum(len(report.decided) for report in reports)
    for name, meaning in MEANINGS.items():
        if count := sum(report.warned.get(name, 0) for report in reports):
            yield f"{count} of {decided} verdicts are {name.replace('_', ' ')}: {meaning}."
    yield f"{decided} of {sum(report.asked for report in reports)} cases were decided."
    verified = [report.verification for report in reports]
    yield (
        f"{sum(item.valid for item in verified)} of {decided} verdicts are valid, said "
        f"{sum(item.processes for item in verified)} fresh processes in "
        f"{sum(item.ms for item in verified) / 1e3:.1f} s."
    )


def _table(report: "Report") -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("who answers", no_wrap=True)
    for heading in ("right", "accuracy", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    kinds = {place.name: place.actor.kind for place in report.places}
    for row in report.table.alone:
        kind = kinds[row.name].replace("_", " ")
        table.add_row(f"{row.name} alone, {kind}", *figures(row))
    table.add_row("majority", *figures(report.table.majority))
    table.add_row("mean of probabilities *", *figures(report.table.mean))
    table.add_row("the swarm", *figures(report.table.swarm), style="bold")
    return table


def figures(row: "Row") -> tuple[str, str, str]:
    """How many were right of how many, the share, and its 95 % interval."""
    if not row.asked:
        return "no draft", "", ""
    low, high = (100 * end for end in row.interval)
    right = f"{row.right:.1f}".removesuffix(".0")
    return f"{right} of {row.asked}", f"{100 * row.share:.1f} %", f"{low:.1f} to {high:.1f} %"


def _account(report: "Report") -> Iterator[str]:
    """What was measured, what it cost, and where everything is."""
    from ..demo.run import REPORT

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
    yield from _policy(report.way.policy)
    yield ""
    files = shown(report.folder / REPORT), shown(report.verdicts)
    yield f"All figures are in {files[0]}, the verdicts in {files[1]}."
    yield from by_hand(report)


def by_hand(report: "Report") -> Iterator[str]:
    """How anyone verifies the first of its verdicts."""
    if report.decided:
        file = report.decided[0].path
        yield "Verify a verdict by hand:"
        yield f"  {_program()} verify --federation {shown(report.federation)} \\"
        yield f"    {shown(file)}"


def _policy(policy: Mapping[str, Any]) -> Iterator[str]:
    """The demonstration's own choices; the rest are defaults."""
    seconds = {name[:-3]: value / 1e3 for name, value in policy.items() if name.endswith("_ms")}
    stages = ", ".join(f"{name} {value:g}" for name, value in seconds.items())
    yield f"Policy: at most {policy['rounds']} rounds, else the defaults, but for the deadlines in"
    yield f"seconds: {stages}."


def shown(path: Path) -> str:
    """`path` from here, fit for a shell."""
    return shlex.quote(os.path.relpath(path))


def _program() -> str:
    """How this command is called from here."""
    called = Path(sys.argv[0])
    if called.name != "quorate":
        return f"{shlex.quote(sys.executable)} -m node.cli.main"
    found = shutil.which("quorate")
    same = found is not None and Path(found).samefile(called)
    return "quorate" if same else shown(called)
