"""`quorate mcp`: a node's committee for agents that speak the Model Context Protocol."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from .exits import CliError
from .output import note

EXTRA: Final = frozenset({"mcp", "mcp_types"})
"""What the extra `mcp` installs, by import name."""

app = typer.Typer(add_completion=False)


@app.command()
def mcp(
    directory: Annotated[
        Path, typer.Argument(help="The directory of the node that asks.", metavar="DIR")
    ],
) -> None:
    """Serve an agent on standard input and output, by the Model Context Protocol.

    An agent's host starts this by itself; its tools are ask, verdict and
    verify. It needs the node's directory and asks the node that runs beside
    it, and if that goes away follows what it asked with another member.
    """
    from .. import config as node_config

    config = node_config.load(directory)
    try:
        from . import mcp_server
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA:
            raise
        raise CliError(f"{package} is missing: pip install 'quorate[mcp]'") from None
    if sys.stdin.isatty():
        note("Waiting for a client on standard input: an agent's host starts this by itself.")
    asyncio.run(mcp_server.serve(config))
