"""`quorate doctor`: look at each thing that a node needs, and say what to do."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import NEGATIVE, OK
from .output import emit, say
from .tables import tame

if TYPE_CHECKING:
    from ..config import Config
    from .checks import Check

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    directory: Annotated[
        Path, typer.Argument(help="The node's directory.", metavar="DIR")
    ] = Path(),
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Ask each provider of the model once, which may cost money."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> int:
    """Check all that a node needs, be it running or not; nothing is changed.

    Exit code 1: something keeps it from serving, or too few members are here.
    """
    from .. import config as node_config
    from ..config import ConfigError
    from .checks import Level, fail

    try:
        config = node_config.load(directory)
    except ConfigError as error:
        checks = [fail("configuration", str(error))]
        if not as_json:
            _show(checks[0])
    else:
        checks = asyncio.run(_examine(config, as_json, ask))
    if as_json:
        emit([check.plain() for check in checks])
    return NEGATIVE if any(check.level is Level.FAIL for check in checks) else OK


async def _examine(config: "Config", as_json: bool, ask: bool) -> list["Check"]:
    from ..clock import SystemClock
    from ..wire.limits import Limits
    from .checks import examine

    checks = []
    async for check in examine(config, SystemClock(), Limits(), ask=ask):
        checks.append(check)
        if not as_json:
            _show(check)
    return checks


def _show(check: "Check") -> None:
    colour = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW}.get(
        check.level, typer.colors.RED
    )
    level = typer.style(f"{check.level:<4}", fg=colour, bold=True)
    say(f"{level}  {check.name:<14}  {tame(check.text)}")
    if check.todo:
        say(f"{'':<22}{tame(check.todo)}")
