"""The front on its own port: who may reach it decides whether it needs keys."""

from ..clock import Clock
from ..config_api import ApiConfig
from ..federation import split_address
from ..hosting import HttpServer, is_loopback
from .app import Beside, Front
from .contract import Door, Window
from .keys import Keyring


class FrontError(Exception):
    """The front cannot be opened as configured. The text says what to do."""


class FrontServer(HttpServer):
    """A listening front."""

    @classmethod
    def open(
        cls,
        door: Door,
        window: Window,
        config: ApiConfig,
        clock: Clock,
        beside: Beside | None = None,
    ) -> "FrontServer":
        """Bind the port. Raises `FrontError`, `OSError`, `KeyFileError`, `CatalogueError`."""
        host, port = split_address(config.listen)
        bare = host.strip("[]")
        keys = Keyring(config.keys)
        keys.refresh()
        local = is_loopback(bare)
        if not local and not keys.counting:
            raise FrontError(
                f"api.listen {config.listen} can be reached from other machines, and there is no "
                "API key: make one with `quorate key add DIR NAME`, or listen on "
                f"127.0.0.1:{port}"
            )
        front = Front(
            door, window, config, host=bare, open_=local, clock=clock, keys=keys, beside=beside
        )
        return cls.bind(front.served(), config.listen)
