"""`quorate serve`: run a node until it is told to stop."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import NEGATIVE, CliError

if TYPE_CHECKING:
    from ..config import Config

PRIVATE = 0o077
"""What others may not do with anything that a node makes: store, socket, evidence."""

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    directory: Annotated[
        Path, typer.Argument(help="The node's directory.", metavar="DIR")
    ] = Path(),
) -> None:
    """Run a node until SIGTERM or Ctrl-C.

    One line on standard output says when the node is ready; its log is on
    standard error. What is under way may finish, for as long as limits.stop_s
    says; a second signal does not wait for it.
    """
    from .. import config as node_config
    from .. import descriptors, log
    from ..wire import priority

    os.umask(PRIVATE)
    descriptors.raise_limit()
    config = node_config.load(directory)
    log.configure(level=config.log.level, format=config.log.format)
    priority.lower()
    asyncio.run(_serve(config))


async def _serve(config: "Config") -> None:
    from ..daemon import Daemon
    from ..store.contract import StoreError

    node = await Daemon.open(config)
    ready = asyncio.Event()
    serving = asyncio.create_task(node.serve(ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if ready.is_set():
        front = f", and to HTTP clients at {config.api.listen}" if config.api.listen else ""
        _say_ready(f"{config.name} is ready at {config.listen}{front}")
    try:
        await serving
    except StoreError as error:  # A13: what cannot be stored must not be signed
        raise CliError(f"{config.name} stopped: {error}", NEGATIVE) from None
    except OSError as error:
        if ready.is_set() or error.filename is not None:
            raise
        raise CliError(f"{config.name} cannot serve: {error.strerror or error}") from None


def _say_ready(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:  # whoever started the node does not listen: no reason to end it
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  kept open to the end
