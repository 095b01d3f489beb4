"""Which version of the program runs."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

UNKNOWN: Final = "unknown"
"""The version of a program that runs from its source, without being installed."""


def program_version() -> str:
    """The version of the installed package, or `UNKNOWN`."""
    try:
        return version("quorate")
    except PackageNotFoundError:
        return UNKNOWN
