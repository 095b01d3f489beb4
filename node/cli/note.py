"""`quorate note`: a person speaks into a deliberation that runs (R1c)."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import config as node_config
from .exits import CliError
from .output import emit, note, say
from .reach import reached
from .tables import tame

if TYPE_CHECKING:
    from ..config import Config
    from ..identity import Identity

app = typer.Typer(add_completion=False)


@app.command(name="note")
def command(
    task: Annotated[str, typer.Argument(help="The first digits of the id of a task that runs.")],
    text: Annotated[str, typer.Argument(help="What the models are to be told.")],
    client: Annotated[
        Path,
        typer.Option(
            help="The directory of the speaker's key, as `quorate client init` makes it.",
            metavar="DIR",
        ),
    ],
    node: Annotated[
        Path, typer.Option(help="The directory of the node that takes it.", metavar="DIR")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Tell the models of a deliberation something, under your name.

    Who may is named when the task is opened: `quorate ask --notes-from NAME`. The note is signed
    and goes to all members. It is told with the next round's drafts, if there is a next round;
    it stands in the verdict, and is never judged.
    """
    from .. import identity

    config = node_config.load(node)
    told = asyncio.run(_hand_in(config, identity.load(client), task.strip().lower(), text))
    if as_json:
        emit(told)
        return
    say(f"Note {told['number']} of yours for task {told['task'][:16]} is stored and handed on.")
    note("Models are told it once a round's slate of drafts has brought it.")


async def _hand_in(config: "Config", key: "Identity", prefix: str, text: str) -> dict[str, Any]:
    from consensus.bodies import NOTES_EACH, BodyError

    try:
        async with reached(config) as control:
            running = [item["task"] for item in (await control.status())["undecided"]]
            task = _one(config, prefix, running)
            number = 1
            while number:
                told = await control.feedback(_signed(key, task, number, text))
                if told["note"]:
                    return told
                number = told["free"] if told["free"] > number else 0
    except BodyError as error:
        raise CliError(str(error)) from None
    raise CliError(f"you have {NOTES_EACH} notes in this task already, which is all that one may")


def _one(config: "Config", prefix: str, running: list[str]) -> bytes:
    """The task that runs whose id begins so. Raises `CliError`."""
    found = [task for task in running if prefix and task.startswith(prefix)]
    if len(found) == 1:
        return bytes.fromhex(found[0])
    if found:
        raise CliError(f"{tame(prefix)} fits {len(found)} tasks: give more of its digits")
    raise CliError(f"no task that begins with {tame(prefix)!r} is running at {config.name}")


def _signed(key: "Identity", task: bytes, number: int, text: str) -> bytes:
    """The statement with the note of that number, signed now. Raises `BodyError`."""
    from ..clock import SystemClock
    from ..notes import sign, statement

    return statement(
        task, sign(key.signing, task, number=number, at_ms=SystemClock().wall_ms(), text=text)
    )
