"""An HTTP application on a port of its own, in the daemon's process and on its loop."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp

from .federation import split_address

HEADERS_MAX: Final = 65_536
"""Most bytes of a request's head."""

CONNECTIONS_MAX: Final = 1_024
"""Most connections and requests under way at a time; past it a client is told to come back."""

BACKLOG: Final = 256


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the daemon has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class HttpServer:
    """A listening server."""

    def __init__(self, server: _Server, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener

    @classmethod
    def bind(cls, app: ASGIApp, listen: str) -> Self:
        """Bind `listen`, host:port or [IPv6]:port. Raises `OSError`."""
        host, port = split_address(listen)
        bare = host.strip("[]")
        server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=HEADERS_MAX,
                limit_concurrency=CONNECTIONS_MAX,
                backlog=BACKLOG,
            )
        )
        family = socket.AF_INET6 if ":" in bare else socket.AF_INET
        listener = socket.create_server((bare, port), family=family, backlog=BACKLOG)
        # Connections inherit it. asyncio sets it only where a socket names its protocol, which this
        # one does not; and a reply's body then waits 40 ms for its head to be acknowledged.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setblocking(False)
        return cls(server, listener)

    async def run(self) -> None:
        """Serve until `stop`."""
        await self._server.serve(sockets=[self._listener])

    async def stop(self, running: "asyncio.Task[None]", grace_s: float) -> None:
        """Take no more connections; replies under way get `grace_s` seconds."""
        self._server.config.timeout_graceful_shutdown = max(1, round(grace_s))
        self._server.should_exit = True
        await asyncio.wait({running}, timeout=grace_s + 2)
        self._server.force_exit = True
        self._listener.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`. A name other than localhost may mean anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
