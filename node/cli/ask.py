"""`quorate ask`: put a question to the committee and follow it to its answer."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consensus.bodies import Budget
from consensus.committee import FaultMode

from .exits import NEGATIVE, OK, CliError
from .output import console, emit, note, say
from .reach import reaching
from .summary import Summary
from .tables import size, tame

if TYPE_CHECKING:
    from ..config import Config
    from ..federation import Federation
    from ..wire.watch import Event, WatchRequest
    from .progress import Progress
    from .question import Question

TASKS_MAX: Final = 10_000
"""Most tasks among which `--task` looks for the start of an id, the last ones first."""

ID_SHOWN: Final = 16
"""Hex digits of a task's id that are enough to give it by."""

TIMEOUT_S: Final = 300
"""Longer than the default policy's deadline of two minutes, so that this one decides."""

app = typer.Typer(add_completion=False)


@app.command()
def ask(
    directory: Annotated[
        Path, typer.Argument(help="The directory of the node that asks.", metavar="DIR")
    ],
    question: Annotated[
        str, typer.Argument(help="The question; with --case, what to do with the case.")
    ] = "",
    options: Annotated[
        str, typer.Option(help="The possible answers, separated by commas.", metavar="A,B,...")
    ] = "",
    labels: Annotated[
        Path | None,
        typer.Option(help="A file with the possible answers, one a line.", metavar="FILE"),
    ] = None,
    number: Annotated[bool, typer.Option("--number", help="The answer is a number.")] = False,
    unit: Annotated[
        str, typer.Option(help="With --number: its unit, which answers may spell or leave out.")
    ] = "",
    structured: Annotated[
        bool, typer.Option("--structured", help="The answer is a JSON value.")
    ] = False,
    free: Annotated[
        bool,
        typer.Option("--text", help="The answer is free text; members judge who says the same."),
    ] = False,
    case: Annotated[
        Path | None,
        typer.Option(
            help='The case as JSON: {"messages": [{"text": "..."}, {"vector": [0.5, 1]}]}.',
            metavar="FILE",
        ),
    ] = None,
    domain: Annotated[
        str, typer.Option(help="What the question is about: members are trusted by domain.")
    ] = "",
    member: Annotated[
        list[str] | None,
        typer.Option(help="A member of the committee; repeat it. All members if left out."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="How to decide, such as rounds=2; repeat it for more.", metavar="N=V"),
    ] = None,
    notes_from: Annotated[
        list[str] | None,
        typer.Option(
            help="A client of the federation file who may put notes into the deliberation, with "
            "`quorate note`; repeat it. Nobody if left out.",
            metavar="NAME",
        ),
    ] = None,
    mode: Annotated[
        FaultMode,
        typer.Option(
            help="What to survive: byzantine, any behaviour of under a third of the members; "
            "crash, the silence of under half."
        ),
    ] = FaultMode.BYZANTINE,
    timeout: Annotated[
        int, typer.Option(help="Seconds after which the task is given up.", min=1)
    ] = TIMEOUT_S,
    task: Annotated[
        str, typer.Option(help="Follow this task, which is open already, instead of asking.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> int:
    """Ask the committee and follow it to the answer.

    Progress goes to standard error. If the node goes away meanwhile, another
    member is followed: the task belongs to none of them.

    Exit code 0: there is an answer. 1: there is none, since the members remain
    undecided, too few took part, or the time ran out.
    """
    from .. import config as node_config
    from .. import federation_file
    from .question import compose

    config = node_config.load(directory)
    federation = federation_file.load(config.federation)
    if task:
        if question or case or options or labels or number or unit or free or structured:
            raise CliError("--task follows a question that was asked: do not ask another one")
        events = _join(config, task, timeout)
    else:
        asked = compose(
            text=question,
            case=case,
            options=options,
            labels=labels,
            number=number,
            unit=unit,
            free=free,
            structured=structured,
            policy=policy or (),
        )
        keys = tuple(federation.find(name).key for name in member or ())
        events = _ask(config, asked, domain, keys, mode, timeout, tuple(notes_from or ()))
    return asyncio.run(report(config, federation, events, as_json))


async def _ask(
    config: "Config",
    question: "Question",
    domain: str,
    members: tuple[bytes, ...],
    mode: FaultMode,
    life_s: int,
    speakers: tuple[str, ...],
) -> AsyncIterator["Event"]:
    from .. import follow
    from ..clock import SystemClock
    from ..config import control_socket
    from ..wire.control import Ask
    from ..wire.limits import Limits

    asked = Ask(
        messages=question.messages,
        answer=question.answer,
        domain=domain,
        members=members,
        policy=question.policy,
        mode=str(mode),
        not_after_s=life_s,
        budget=Budget(),
        speakers=speakers,
    )
    clock, limits = SystemClock(), Limits()
    events = follow.ask(config, control_socket(config), asked, clock=clock, limits=limits)
    async for event in events:
        yield event


async def _join(config: "Config", task: str, for_s: int) -> AsyncIterator["Event"]:
    from .. import follow
    from ..clock import SystemClock
    from ..config import control_socket
    from ..wire.limits import Limits

    request = await _known(config, task.strip().lower())
    clock, limits = SystemClock(), Limits()
    socket = control_socket(config)
    events = follow.join(config, socket, request, for_s=for_s, clock=clock, limits=limits)
    async for event in events:
        yield event


async def _known(config: "Config", task: str) -> "WatchRequest":
    """The task whose id begins so, with its TaskOpen if this node's store has it."""
    from consensus.envelope import TaskId

    from ..store.contract import StoreError
    from ..store.sqlite import SqliteStore
    from ..wire.watch import WatchRequest

    if not re.fullmatch(r"[0-9a-f]{4,64}", task):
        raise CliError(f"--task {task!r} is not the first 4 to 64 hex digits of a task's id")
    try:
        async with await SqliteStore.read(config.store) as store:
            ids = [brief.task for brief in await store.recent(TASKS_MAX)]
            found = [item for item in ids if item.hex().startswith(task)]
            if len(found) == 1:
                row = await store.task(TaskId(found[0]))
                return WatchRequest(task=found[0], open=row.opening if row else None)
    except StoreError:
        found = []  # other members may know the task, if its whole id is given
    if len(found) > 1:
        raise CliError(f"--task {task} fits {len(found)} tasks: give more of its digits")
    if len(task) < 64:
        raise CliError(f"{config.name} knows no task that begins with {task}: give its whole id")
    return WatchRequest(task=bytes.fromhex(task))


async def report(
    config: "Config", federation: "Federation", events: AsyncIterator["Event"], as_json: bool
) -> int:
    """Show events as they come, then what they came to; the exit code."""
    from ..follow import FollowError
    from .progress import Progress

    event: Event | None = None
    try:
        with (
            reaching(config),
            Progress(console(stderr=True), federation, config.name) as progress,
        ):
            async for event in events:
                progress.tell(event)
    except FollowError as error:
        raise CliError(tame(str(error))) from None
    except asyncio.CancelledError:
        if event is not None:
            again = f"quorate ask {config.directory} --task {event.task.hex()[:ID_SHOWN]}"
            note(f"The task goes on without you. Follow it again: {again}")
        raise
    assert event is not None
    match event.kind:
        case "verdict":
            return _tell(config, event, progress, as_json)
        case "withheld":
            return _keep_back(event, as_json)
        case "expired":
            return _give_up(event, as_json)
        case _:
            raise CliError(tame(str(event.detail.get("reason", "the task cannot be followed"))))


def _tell(config: "Config", event: "Event", progress: "Progress", as_json: bool) -> int:
    """The verdict on standard output, warnings first (E3); the exit code."""
    detail = event.detail
    summary = Summary.of(detail["figures"], event.round, progress.roll)
    messages, count = _cost(event)
    code = OK if summary.answer is not None else NEGATIVE
    if as_json:
        emit(told(event, summary, progress.teller))
        return code
    from rich.text import Text

    cost = f"{messages} messages, {size(count)}, {detail['ms'] / 1_000:.1f} s"
    out = console()
    for caution in summary.cautions:
        out.print(Text(caution.line, style="yellow"))
    out.print(Text(summary.headline, style="bold"))
    for line in (*summary.body, *summary.lines):
        out.print(Text(line))
    out.print(Text(f"Cost       {cost} (as counted at {progress.teller})"))
    out.print(Text(f"Verdict    {detail['verdict']}"))
    if progress.teller != config.name:
        line = f"{progress.teller} says so. Once {config.name} runs again, export and verify it."
        out.print(Text(line, style="yellow"))
    return code


def _cost(event: "Event") -> tuple[int, int]:
    """Messages and bytes that a decided task took, as its teller counted them."""
    traffic = event.detail["traffic"]
    return traffic["sent"] + traffic["received"], traffic["sent_bytes"] + traffic["received_bytes"]


def told(event: "Event", summary: Summary, teller: str) -> dict[str, Any]:
    """The event of a verdict, for programs; `teller` is the member whose event it is."""
    messages, count = _cost(event)
    return {
        **summary.plain(),
        "last_round": summary.last.plain(),
        "task": event.task.hex(),
        "verdict": event.detail["verdict"],
        "told_by": teller,
        "messages": messages,
        "bytes": count,
        "ms": event.detail["ms"],
    }


def kept_back(event: "Event") -> dict[str, Any]:
    """The event of an outcome that was not released (E4), for programs."""
    return {
        "warnings": [],
        "status": event.detail["state"],
        "answer": None,
        "rounds": event.round,
        "reason": event.detail["reason"],
        "release": event.detail["release"],
        "task": event.task.hex(),
        "verdict": event.detail["verdict"],
    }


def _keep_back(event: "Event", as_json: bool) -> int:
    """An outcome that was not released; the exit code."""
    if as_json:
        emit(kept_back(event))
    else:
        say(f"No answer: the outcome is {tame(event.detail['reason'])}")
        say(f"Task       {event.task.hex()}")
        say(f"Verdict    {event.detail['verdict']}")
    return NEGATIVE


def given_up(event: "Event") -> dict[str, Any]:
    """The event of a task that ended without a verdict, for programs."""
    return {
        "warnings": [],
        "status": "expired",
        "answer": None,
        "rounds": event.round,
        "phase": str(event.detail.get("phase", "unknown")),
        "task": event.task.hex(),
        "verdict": None,
    }


def _give_up(event: "Event", as_json: bool) -> int:
    """A task that ended without a verdict; the exit code."""
    phase = str(event.detail.get("phase", "unknown"))
    if as_json:
        emit(given_up(event))
    else:
        where = f"in round {event.round}" if event.round else "before the first round"
        say(f"No answer: the time ran out {where} ({phase})")
        say(f"Task       {event.task.hex()}")
    return NEGATIVE
