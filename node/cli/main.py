"""The entry point: finds the module of a command, runs it, turns errors into one line.

`python -m node.cli.main` is the same as `quorate`.
"""

import sys
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from .exits import INTERRUPTED, OK, explain
from .output import note, say

COMMANDS: Final = (
    "init",
    "federation",
    "serve",
    "ask",
    "verdict",
    "verify",
    "mcp",
    "feedback",
    "approve",
    "note",
    "reputation",
    "policy",
    "client",
    "key",
    "status",
    "doctor",
    "prune",
    "backup",
    "restore",
    "config",
    "demo",
)
"""The commands in the order of `--help`; each is the module of its name in this package."""

EPILOG: Final = (
    "Exit codes: 0 done or valid, 1 negative or invalid, 2 unusable input, 3 not pinned to a "
    "federation file."
)


class LazyGroup(TyperGroup):
    """Commands whose modules are imported when they are called for, not before."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        names: dict[str, Any] = dict.fromkeys(COMMANDS)  # what a misspelt name is held against
        self.commands = names

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names in their order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{cmd_name.replace('-', '_')}", __package__)
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
)


def _version(asked: bool) -> None:
    if asked:
        from ..program import UNKNOWN, program_version

        found = program_version()
        none = "quorate, not installed: run from its source"
        say(none if found == UNKNOWN else f"quorate {found}")
        raise typer.Exit(OK)


@app.callback()
def quorate(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Independent models decide together, and hand out a verdict that anyone can verify."""


def run(arguments: list[str]) -> int:
    """Run one command line; its exit code. What is no user's mistake is raised."""
    command = typer.main.get_command(app)
    try:
        result = command.main(arguments, prog_name="quorate", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        problem, code = told
        if problem:
            note(f"quorate: {problem}")
        return code
    return result if isinstance(result, int) else OK


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
