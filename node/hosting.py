"""An HTTP application on a port of its own, in the daemon's process and on its loop.

uvicorn waits for ever for a request that never comes and for a client that never reads, and takes
every connection there is: a stranger could hold all files that the process may open, the links'
among them. Here connections are bounded, and so is the time in which nothing moves on one.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any, Final, Self
from urllib.parse import urlsplit

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .descriptors import CONNECTIONS_MAX, connections_max
from .federation import split_address

HEADERS_MAX: Final = 65_536
"""Most bytes of a request's head that are kept while its end is awaited. What one reading brings
whole (256 KiB at most) is not waited for, and is taken."""

BACKLOG: Final = 128
"""Connections that wait to be taken, and that are taken at one go before any is closed."""

HEAD_S: Final = 10.0
"""Seconds in which a connection has to bring the head of a request."""

STALL_S: Final = 60.0
"""Seconds for which a client may take nothing of what waits for it."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class _Connection(H11Protocol):
    """A connection that gives way: to new ones as long as it asks nothing, and to time."""

    most = CONNECTIONS_MAX

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._waits_since = self._moved = self.loop.time()
        self._unsent = 0

    @property
    def _asking(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it; if there is no room, in place of the one that has asked nothing for longest."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            idle = [one for one in self.connections if isinstance(one, _Connection)]
            idle = [one for one in idle if not one._asking]
            min(idle, key=lambda one: one._waits_since).abort()

    def on_response_complete(self) -> None:
        """The next request is waited for from now on."""
        self._waits_since = self.loop.time()
        super().on_response_complete()

    def abort(self) -> None:
        """Let go of it now, whatever waits to be sent."""
        self.connections.discard(self)
        self.transport.abort()

    def look(self, now: float) -> None:
        """Let go of it if nothing has moved for too long."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent < self._unsent:
            self._moved = now
        self._unsent = unsent
        headless = not self._asking and now - self._waits_since > HEAD_S
        if (headless and not unsent) or now - self._moved > STALL_S:
            self.abort()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, as the daemon has its own; connections looked at."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Look at every connection once a second: this is called ten times."""
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, _Connection):
                    connection.look(now)
        return await super().on_tick(counter)


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
        bounded = type("_Bounded", (_Connection,), {"most": connections_max()})
        server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http=bounded,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",  # its warnings are of requests: any stranger could fill a disk
                access_log=False,
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=HEADERS_MAX,
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


def named_host(request: Request) -> str:
    """The host that a request says it is for, without its port."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def only_for(app: ASGIApp, host: str) -> ASGIApp:
    """`app`, for whoever calls it by a name of this machine's own or by `host`.

    A page in a browser may name any host that it had resolved to loopback (DNS rebinding), and its
    requests are then of that host.
    """
    hosts = LOOPBACK | {host}

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and named_host(Request(scope)) not in hosts:
            refused = PlainTextResponse(f"here are {', '.join(sorted(hosts))}\n", 403)
            await refused(scope, receive, send)
            return
        await app(scope, receive, send)

    return checked
