"""Requests to the HTTP front, counted by route, method and status around its application."""

from collections import Counter
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..clock import Clock
from .figures import Histogram

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are named: a client may send any word."""

NOWHERE: Final = "none"
"""The route of what no route takes: a client may ask for any path."""

HUNG_UP: Final = "none"
"""The status of a request that got no reply."""


class Requests:
    """What came in over HTTP since the start. A stream lasts until its last byte."""

    def __init__(self, clock: Clock) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.times: dict[str, Histogram] = {}
        self.running = 0
        self._clock = clock

    def around(self, app: Starlette) -> ASGIApp:
        """`app`, counted. Its routes are those that it has now."""
        paths = _paths(app.routes)

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status, began = HUNG_UP, self._clock.monotonic_ns()

            async def sent(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = str(message["status"])
                await send(message)

            self.running += 1
            try:
                await app(scope, receive, sent)
            finally:
                self.running -= 1
                # The router notes in the scope what it found.
                route = paths.get(id(scope.get("endpoint")), NOWHERE)
                method = scope["method"] if scope["method"] in METHODS else "other"
                self.counts[route, method, status] += 1
                took = self._clock.monotonic_ns() - began
                self.times.setdefault(route, Histogram()).add(took)

        return counted


def _paths(routes: list[BaseRoute], base: str = "") -> dict[int, str]:
    """The paths of routes as they were declared, by what the router calls for each."""
    found: dict[int, str] = {}
    for route in routes:
        if isinstance(route, Mount):
            found |= _paths(list(route.routes), base + route.path)
            found[id(route.app)] = f"{base}{route.path}/"
        elif (endpoint := getattr(route, "endpoint", None)) is not None:
            found[id(endpoint)] = base + getattr(route, "path", "")
    return found
