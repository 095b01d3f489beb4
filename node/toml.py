"""Reading TOML that others wrote: configurations, federation files, cards (rule T3)."""

import tomllib
from typing import Any, Final

DOTS_MAX: Final = 256
"""Most dots in a line. The standard library's time grows with the square of the parts of a dotted
key (one of a megabyte would take most of an hour); a host name has up to 126."""


class TomlError(ValueError):
    """The bytes are not TOML as it is read here. The text names the line where it is known."""


def read(data: bytes) -> tuple[str, dict[str, Any]]:
    """The text of a file and what it says. Raises `TomlError`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TomlError(f"line {line}: not UTF-8") from None
    for number, line_ in enumerate(data.split(b"\n"), 1):
        if line_.count(b".") > DOTS_MAX:
            raise TomlError(f"line {number}: over {DOTS_MAX} dots")
    try:
        return text, tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not all of them are TOMLDecodeErrors
        raise TomlError(f"not readable as TOML: {error}") from None
