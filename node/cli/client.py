"""`quorate client`: the keys of those whose word on verdicts counts (L1)."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .output import emit, note, say

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Make a key that signs words on verdicts."
)


@app.callback()
def client() -> None:
    """Make a key that signs words on verdicts."""


@app.command()
def init(
    directory: Annotated[
        Path, typer.Argument(help="The directory to make the key in.", metavar="DIR")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Make a client's key. The federation's keeper adds its public half to the file."""
    from .. import identity
    from ..entropy import SystemEntropy

    made = identity.create(directory.expanduser().absolute(), SystemEntropy())
    if as_json:
        emit({"directory": str(made.directory), "key": made.public.hex()})
        return
    say(f"Made a client's key in {made.directory}; its public half is {made.public.hex()}.")
    name = shlex.quote(directory.name or "NAME")
    note(f"Next, by the federation's keeper: quorate federation add-client FILE {name} KEY")
