"""The node that a command speaks to, and what is told if it does not answer or refuses."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from ..config import control_socket
from .exits import CliError
from .tables import tame

if TYPE_CHECKING:
    from ..config import Config
    from ..wire.control import ControlClient


@contextmanager
def reaching(config: "Config") -> Iterator[None]:
    """Asks something of the node of `config`. Raises `CliError` if it is not there, saying how to
    start it, or if it refuses."""
    from ..wire.control import ControlError, ControlUnreachable

    try:
        yield
    except ControlUnreachable as error:
        raise CliError(f"{error}; start it with `quorate serve {config.directory}`") from None
    except ControlError as error:
        raise CliError(tame(str(error))) from None


@asynccontextmanager
async def reached(config: "Config") -> "AsyncIterator[ControlClient]":
    """The node of `config`. Raises `CliError` as `reaching` does."""
    from ..wire.control import ControlClient

    with reaching(config):
        async with ControlClient(control_socket(config)) as client:
            yield client
