"""`quorate config`: what a node's configuration says, and what it can say."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import config as node_config
from .. import config_text
from ..config import Config, Setting
from .output import console, emit, say

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Show a node's configuration, or document it."
)


@app.command()
def show(
    directory: Annotated[
        Path, typer.Argument(help="The node's directory.", metavar="DIR")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what a node's configuration comes to: every setting, defaults included.

    Values of a model's options that are named like secrets are not shown.
    """
    found = node_config.load(directory)
    if as_json:
        data = config_text.plain(found)
        data["model"]["options"] = _without_secrets(data["model"]["options"])
        emit(data)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("setting", "value", "meaning"):
        table.add_column(heading, overflow="fold")
    for setting in node_config.settings():
        table.add_row(setting.name, _shown(found, setting), setting.meta.description)
    console().print(table)


@app.command()
def doc() -> None:
    """Print a configuration file with every setting, its meaning, unit, range and default."""
    say(config_text.render(config_text.EXAMPLE).rstrip())


def _shown(found: Config, setting: Setting) -> str:
    value = node_config.value(found, setting)
    if isinstance(value, dict):
        return str(_without_secrets(value))
    shown = f"{value} {setting.unit}" if setting.unit else str(value)
    return shown if value != setting.default else f"{shown} (default)"


def _without_secrets(options: Any) -> Any:
    from ..log import is_secret

    match options:
        case dict():
            return {
                name: "(hidden)" if is_secret(name) else _without_secrets(value)
                for name, value in options.items()
            }
        case list():
            return [_without_secrets(value) for value in options]
        case _:
            return options
