"""The command line, run in this process: its exit code and what it wrote where."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from node.cli.main import run


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


Command = Callable[..., Ran]
"""`quorate("verdict", "list")` runs that command line."""


def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """What the fixture `quorate` of `tests/cli` hands out."""

    def quorate(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        wrote = capsys.readouterr()
        return Ran(code=code, out=wrote.out, err=wrote.err)

    return quorate
