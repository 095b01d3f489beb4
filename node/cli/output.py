"""What commands write: results on standard output, everything else on standard error."""

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH = 10_000
"""Columns where the output is no terminal: no table folds a path or a key for a program."""


def emit(data: Any) -> None:
    """One JSON document for programs, on standard output."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """A result for people, on standard output."""
    typer.echo(text)


def note(text: str) -> None:
    """Progress, a hint or an error, on standard error."""
    typer.echo(text, err=True)


def console(*, stderr: bool = False) -> "Console":
    """A console for tables and live progress; only commands that show some load rich."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, width=PIPED_WIDTH, highlight=False)
