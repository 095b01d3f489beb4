"""What monitors ask over HTTP: is the node alive, is it ready, and its metrics.

Health needs no key and makes no model call: an orchestrator asks every few seconds, from where it
likes. It tells names of members that are not reached, and nothing else that is the node's own.
"""

from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .collector import Exposition
from .contract import Source

LIVENESS: Final = "/health/liveness"
READINESS: Final = "/health/readiness"
METRICS: Final = "/metrics"

_UNKEPT: Final = {"cache-control": "no-store"}


class Probes:
    """The three pages of one node."""

    def __init__(self, source: Source, exposition: Exposition) -> None:
        self._source = source
        self._exposition = exposition

    async def liveness(self, _: Request) -> Response:
        """Whether the node's loop still turns: it does if this is answered."""
        return _told({"status": "alive"})

    async def readiness(self, _: Request) -> Response:
        """200 if the node can take a task to its end, else 503 with what is missing."""
        lacks = list(self._source.lacks())
        return _told(
            {
                "status": "not_ready" if lacks else "ready",
                "missing": [{"what": lack.what, "text": lack.text} for lack in lacks],
            },
            503 if lacks else 200,
        )

    async def metrics(self, request: Request) -> Response:
        """The metrics, as text or in OpenMetrics' form."""
        page, kind = self._exposition.render(request.headers.get("accept", ""))
        return Response(page, headers={**_UNKEPT, "content-type": kind})

    def app(self) -> Starlette:
        """The three pages alone, for a port of their own."""
        return Starlette(
            routes=[
                Route(LIVENESS, self.liveness),
                Route(READINESS, self.readiness),
                Route(METRICS, self.metrics),
            ],
            exception_handlers={HTTPException: _nothing},
        )


def _told(what: dict[str, Any], status: int = 200) -> Response:
    """JSON on a line of its own: people ask with curl."""
    data = msgspec.json.encode(what) + b"\n"
    return Response(data, status, _UNKEPT, media_type="application/json")


async def _nothing(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    here = f"{METRICS}, {LIVENESS} and {READINESS}"
    return _told({"error": f"{error.detail}: here are {here}"}, error.status_code)
