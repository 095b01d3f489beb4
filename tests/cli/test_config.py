"""`quorate config`: what a node is set to, and the documented file."""

from pathlib import Path

import pytest

from node import config
from node.cli import exits
from tests.harness.command import Command

TEXT = """
name = "alice"
listen = "127.0.0.1:7400"
[model]
backend = "scripted"
[model.options]
delay_ms = 3
[[model.options.providers]]
api_key = "hush"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "quorate.toml").write_text(TEXT)
    return tmp_path


def test_the_documented_file_is_a_usable_configuration(quorate: Command, tmp_path: Path) -> None:
    text = quorate("config", "doc").out
    assert config.parse(text.encode(), tmp_path / "quorate.toml").name == "alice"


def test_showing_gives_every_setting_and_marks_defaults(quorate: Command, home: Path) -> None:
    shown = quorate("config", "show", home)
    assert shown.code == 0
    words = " ".join(shown.out.split())
    for setting in config.settings():
        assert setting.name in words
    assert "limits.stop_s 10 seconds (default)" in words
    assert str(home / "store" / "quorate.db") in words


def test_the_directory_is_the_current_one_unless_named(
    quorate: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    assert quorate("config", "show", "--json").data["name"] == "alice"


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_options_named_like_secrets_are_not_shown(
    quorate: Command, home: Path, form: tuple[str, ...]
) -> None:
    shown = quorate("config", "show", home, *form).out
    assert "hush" not in shown
    assert "(hidden)" in shown
    assert "delay_ms" in shown


def test_json_is_nested_like_the_file(quorate: Command, home: Path) -> None:
    data = quorate("config", "show", home, "--json").data
    assert data["limits"]["tasks"] == 128
    assert data["store"] == str(home / "store" / "quorate.db")
    assert data["model"]["options"]["delay_ms"] == 3


def test_a_malformed_configuration_is_one_line_with_its_place(quorate: Command, home: Path) -> None:
    (home / "quorate.toml").write_text(TEXT.replace("listen", "lissen"))
    ran = quorate("config", "show", home)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert ran.err == (
        f"quorate: {home}/quorate.toml: line 3: unknown setting 'lissen'; did you mean 'listen'?\n"
    )
