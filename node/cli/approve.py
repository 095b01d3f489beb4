"""`quorate approve`: an approver releases an outcome, or does not (E4)."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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


@app.command()
def approve(
    task: Annotated[
        str, typer.Argument(help="The first digits of the task's or the verdict's id.")
    ],
    word: Annotated[Literal["yes", "no"], typer.Argument(help="Whether clients may have it.")],
    client: Annotated[
        Path,
        typer.Option(
            help="The directory of the approver's key, as `quorate client init` makes it.",
            metavar="DIR",
        ),
    ],
    node: Annotated[
        Path, typer.Option(help="The directory of the node that takes it.", metavar="DIR")
    ] = Path(),
    because: Annotated[
        str, typer.Option("--note", help="Why: it stands in the verdict's file.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Release the outcome of a task whose policy asks for approvals, or refuse it.

    The word is signed by an approver's key and spreads to all members. A refusal stands: no later
    word of anybody takes it back.
    """
    from .. import identity

    config = node_config.load(node)
    told = asyncio.run(
        _hand_in(config, identity.load(client), task, yes=word == "yes", note_=because)
    )
    if as_json:
        emit(told)
        return
    if not told["new"]:
        say("That word was known already, or one that stands over it is.")
    say(f"Task {told['task'][:16]} is {tame(told['reason'])}.")
    note("It is stored, and the other members of the committee fetch it by themselves.")


async def _hand_in(
    config: "Config", key: "Identity", reference: str, *, yes: bool, note_: str
) -> dict[str, Any]:
    from consensus.verdict import Approval, Bundle, ReleaseError, Statement

    from ..clock import SystemClock

    try:
        async with reached(config) as control:
            bundle = Bundle.decode(await control.verdict(reference))
            word = Approval(
                task=bundle.task,
                verdict=bundle.id,
                approver=key.public,
                approve=yes,
                note=note_,
                at_ms=SystemClock().wall_ms(),
            )
            statement = Statement(approval=word, signature=key.signing.sign(word.preimage))
            return await control.feedback(statement.encode())
    except ReleaseError as error:
        raise CliError(f"--note: {error}") from None
