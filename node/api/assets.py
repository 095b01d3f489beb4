"""The live page: files of this package, served as they are, under a policy that lets in no other.

Nothing here needs a key: it is the same text for everybody. What it shows it asks for like any
other client.
"""

import hashlib
from collections.abc import Callable, Coroutine
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

KINDS: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""No script or style but these files, no request but to this node, no frame, and no text that
becomes markup: with trusted types a string cannot even be tried as such."""

HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
}


def routes() -> list[Route]:
    """`/`, and each file beside it under `/page/`."""
    page = files(__package__) / "page"
    found = {one.name: _served(one) for one in page.iterdir() if _kind(one.name)}
    return [
        Route("/", found.pop("index.html")),
        *(Route(f"/page/{name}", served) for name, served in sorted(found.items())),
    ]


def _kind(name: str) -> str:
    return KINDS.get(name.rpartition(".")[2], "")


def _served(file: Traversable) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    data, kind = file.read_bytes(), _kind(file.name)
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {**HEADERS, "etag": tag, "content-type": kind}

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers)

    return serve
