"""The node that a command speaks to, and what is told if it does not answer or refuses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ..config import control_socket
from .exits import CliError
from .tables import tame

if TYPE_CHECKING:
    from ..config import Config
    from ..wire.control import ControlClient


@asynccontextmanager
async def reached(config: "Config") -> "AsyncIterator[ControlClient]":
    """The node of `config`. Raises `CliError` if it is not there, saying how to start it, or if it
    refuses what is asked of it."""
    from ..wire.control import ControlClient, ControlError, ControlUnreachable

    try:
        async with ControlClient(control_socket(config)) as client:
            yield client
    except ControlUnreachable as error:
        raise CliError(f"{error}; start it with `quorate serve {config.directory}`") from None
    except ControlError as error:
        raise CliError(tame(str(error))) from None
