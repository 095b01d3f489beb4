"""The command as a whole: finding commands, help, errors as one line, exit codes, start-up."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli import exits
from node.cli.main import COMMANDS, EPILOG
from node.config import ConfigError
from node.store import StoreError, StoreInUse
from tests.harness.command import Command

ROOT = Path(__file__).parents[2]


def test_help_names_every_command_and_the_exit_codes(quorate: Command) -> None:
    shown = quorate("--help")
    assert shown.code == 0
    words = " ".join(shown.out.split())
    for name in COMMANDS:
        assert f" {name} " in words
    assert EPILOG in words


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(quorate: Command, name: str) -> None:
    shown = quorate(name, "--help")
    assert shown.code == 0
    assert f"Usage: quorate {name}" in shown.out


def test_without_a_command_the_help_is_shown_and_nothing_was_done(quorate: Command) -> None:
    shown = quorate()
    assert shown.code == exits.UNUSABLE
    assert "Usage: quorate" in shown.out
    assert shown.err == ""


def test_a_misspelt_command_is_guessed(quorate: Command) -> None:
    wrong = quorate("confg")
    assert wrong.code == exits.UNUSABLE
    assert wrong.err == (
        "quorate: No such command 'confg'. Did you mean 'config'? (see `quorate --help`)\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [("init",), ("--nonsense",), ("config", "show", "--nonsense"), ("federation", "add", "x")],
)
def test_a_wrong_command_line_is_one_line_on_standard_error(
    quorate: Command, arguments: tuple[str, ...]
) -> None:
    wrong = quorate(*arguments)
    assert (wrong.code, wrong.out) == (exits.UNUSABLE, "")
    assert wrong.err.startswith("quorate: ")
    assert wrong.err.count("\n") == 1
    assert "--help`)" in wrong.err


def test_the_version_is_shown(quorate: Command) -> None:
    assert quorate("--version").out.startswith("quorate")


def test_errors_that_are_told_in_one_line_are_the_rooms_own() -> None:
    for name in exits.MENDABLE:
        module, _, kind = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), kind), Exception)


def test_an_error_is_explained_by_its_kind_or_the_kind_above() -> None:
    assert exits.explain(ConfigError("a\n  b")) == ("a b", exits.UNUSABLE)
    assert exits.explain(StoreInUse("busy")) == ("busy", exits.UNUSABLE)
    assert issubclass(StoreInUse, StoreError)
    assert exits.explain(exits.CliError("no", exits.NEGATIVE)) == ("no", exits.NEGATIVE)
    assert exits.explain(PermissionError(13, "Permission denied", "/x")) == (
        "/x: Permission denied",
        exits.UNUSABLE,
    )


def test_what_is_no_users_mistake_is_not_explained_away() -> None:
    assert exits.explain(ValueError("a defect")) is None
    assert exits.explain(AssertionError()) is None


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "node.cli.main", "config", "show", "nowhere"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exits.UNUSABLE
    assert done.stdout == ""
    assert done.stderr.startswith("quorate: ")
    assert "nowhere is missing" in done.stderr


def test_a_reader_that_goes_away_is_no_error_worth_a_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as broken:
        done = subprocess.run(
            [sys.executable, "-m", "node.cli.main", "config", "doc"],
            cwd=ROOT,
            stdout=broken,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_starting_up_imports_no_command_and_nothing_slow() -> None:
    code = (
        "import sys, node.cli.main; slow = {'rich', 'pydantic', 'grpc', 'cryptography', 'nacl', "
        "'aiosqlite', 'structlog', 'numpy', 'node.config'}; print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
