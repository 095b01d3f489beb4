"""Configurations as text: the commented file that `quorate init` writes, and plain data.

The comments come from the declarations in `config`, so they cannot drift from what is read.
"""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli_w

from .config import Config, ModelConfig, Setting, settings, value

WIDTH: Final = 92

EXAMPLE: Final = Config(
    name="alice",
    listen="127.0.0.1:7400",
    model=ModelConfig(backend="scripted"),
)
"""What stands for the settings without a default where a documented file is asked for."""


def render(config: Config) -> str:
    """The file of `config`, every setting in it behind a comment; `config.parse` reads it."""
    parts = [
        "# The configuration of a quorate node. Paths are relative to this file.",
        "# A setting that is left out has the default named in its comment.",
    ]
    table: tuple[str, ...] = ()
    for setting in settings():
        found = value(config, setting)
        if setting.path[:-1] != table:
            table = setting.path[:-1]
            parts.append(f"\n[{'.'.join(table)}]")
        if isinstance(found, Mapping):
            entry = tomli_w.dumps(_under(setting.path, found)).rstrip()
        else:
            shown = _shown(found, config.directory) if isinstance(found, Path) else found
            entry = tomli_w.dumps({setting.path[-1]: shown}).rstrip()
        parts.append(f"\n{_comment(setting)}\n{entry}")
    return "\n".join(parts) + "\n"


def plain(config: Config) -> dict[str, Any]:
    """`config` as plain data for programs: nested like the file, paths absolute."""
    made: dict[str, Any] = {}
    for setting in settings():
        at = made
        for name in setting.path[:-1]:
            at = at.setdefault(name, {})
        found = value(config, setting)
        at[setting.path[-1]] = str(found) if isinstance(found, Path) else found
    return made


def _comment(setting: Setting) -> str:
    meaning = setting.meta.description or ""
    notes = [] if setting.kind in (str, Path) else [setting.expected]
    if not setting.required and not isinstance(setting.default, Mapping):
        default = str(setting.default) if isinstance(setting.default, Path) else setting.default
        notes.append(f"default {json.dumps(default)}")
    text = f"{meaning[:1].upper()}{meaning[1:]}."
    if notes and not isinstance(setting.default, Mapping):
        notes_text = "; ".join(notes)
        text = f"{text} {notes_text[:1].upper()}{notes_text[1:]}."
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _shown(path: Path, directory: Path) -> str:
    return str(path.relative_to(directory) if path.is_relative_to(directory) else path)


def _under(path: tuple[str, ...], found: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(found)
    for name in reversed(path):
        made = {name: made}
    return made
