"""`quorate feedback`: a client says whether a verdict was right (L1)."""

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
def feedback(
    task: Annotated[
        str, typer.Argument(help="The first digits of the task's or the verdict's id.")
    ],
    word: Annotated[
        Literal["right", "wrong"], typer.Argument(help="Whether its answer was right.")
    ],
    node: Annotated[
        Path, typer.Option(help="The directory of the node that takes it.", metavar="DIR")
    ] = Path(),
    answer: Annotated[
        str, typer.Option(help="With `wrong`: the answer that would have been right.")
    ] = "",
    client: Annotated[
        Path | None,
        typer.Option(
            help="The directory of the client's key, as `quorate client init` makes it. Left "
            "out: the node's own key, whose word counts on the tasks that it opened.",
            metavar="DIR",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say whether a verdict was right, signed by a client's key; it spreads to all members.

    A later word of the same client on the same task takes the place of an earlier one.
    """
    from .. import identity

    if answer and word == "right":
        raise CliError("--answer goes with `wrong`: a right verdict names the answer itself")
    config = node_config.load(node)
    key = identity.load(client if client is not None else config.identity)
    told = asyncio.run(_hand_in(config, key, task, right=word == "right", answer=answer))
    if as_json:
        emit(told)
    elif told["new"]:
        say(f"Taken: the verdict on task {told['task'][:16]} was {word}.")
        note("It is stored, and the other members of the committee fetch it by themselves.")
    else:
        say("That word was known already, or a later one of this client is.")


async def _hand_in(
    config: "Config", key: "Identity", reference: str, *, right: bool, answer: str
) -> dict[str, Any]:
    from consensus.verdict import Bundle
    from reputation import FeedbackFact

    from .. import facts, proofs
    from ..clock import SystemClock

    try:
        async with reached(config) as control:
            bundle = Bundle.decode(await control.verdict(reference))
            fact = FeedbackFact(
                task=bundle.task,
                client=key.public,
                right=right,
                answer=facts.answer_named(facts.Decided.of(bundle), answer) if answer else "",
                at_ms=SystemClock().wall_ms(),
            )
            return await control.feedback(proofs.sign_feedback(fact, key.signing))
    except proofs.BadProof as error:
        raise CliError(f"--answer: {tame(str(error))}") from None
