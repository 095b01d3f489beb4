"""`quorate policy`: what a node's own history says a policy should be (P2).

Reads the store alone: it works beside a running node and on a stopped one. Nothing that is fitted
here is read by any vote until an opener puts it into a task's policy.
"""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import config as node_config
from .exits import NEGATIVE, CliError
from .output import emit, note, say
from .tables import percent

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Fit fields of a policy to past tasks."
)


@app.callback()
def policy() -> None:
    """Fit fields of a policy to past tasks."""  # with a callback `fit` keeps its name


@app.command()
def fit(
    directory: Annotated[Path, typer.Argument(help="The node's directory.", metavar="DIR")],
    domain: Annotated[
        str | None, typer.Option(help="Tasks of one domain alone; the empty text is one too.")
    ] = None,
    outcomes: Annotated[
        bool,
        typer.Option(
            "--outcomes",
            help="Where no client said what is right, take the last winner for it: says how soon "
            "the answer came, not whether it was right.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Fit the curve of diminishing returns to the tasks that this node took part in.

    Prints fields for `quorate ask --policy`. They count where `policy.stops` names efficiency.
    """
    from consensus.plateau.efficiency import Curve
    from consensus.plateau.fit import TooFewError
    from consensus.plateau.fit import fit as fitted
    from consensus.policy import Policy
    from reputation import trials

    from .. import federation_file
    from .reputation import read_book

    config = node_config.load(directory)
    book = asyncio.run(read_book(config, federation_file.load(config.federation)))
    tasks = (one for one in book.counted() if domain is None or one[0].domain == domain)
    seen = trials(tasks, outcomes=outcomes)
    try:
        curve = fitted(seen.drafts, seen.judgments, seen.rounds)
    except TooFewError as error:
        raise CliError(f"{error}; `quorate feedback` says what is right", NEGATIVE) from None
    chosen: dict[str, Any] = {
        "curve_generate": curve.generate,
        "curve_verify": curve.verify,
        "curve_rate": curve.rate,
        "curve_fatigue": curve.fatigue,
    }
    Policy(**chosen)  # what is printed can be given
    if as_json:
        emit({"policy": chosen, "rounds": [list(pair) for pair in seen.rounds]})
        return
    say(" ".join(f"--policy {name}={value}" for name, value in chosen.items()))
    for number, (right, whole) in enumerate(seen.rounds, 1):
        share = percent(10_000 * right // whole)
        note(
            f"after {number}: {right} of {whole} were right ({share}), the curve has "
            f"{percent(curve.utility(number) // 100_000)}"
        )
    best = Curve.of(Policy(**chosen)).best(16)
    note(f"On this curve {best} round{'s' * (best != 1)} are best.")
