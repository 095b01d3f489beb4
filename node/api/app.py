"""The front's routes, and the gate before them: who may ask, from where, and how often."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..clock import Clock, monotonic_ms
from ..config_api import ApiConfig
from ..descriptors import connections_max
from ..hosting import LOOPBACK, named_host
from ..log import get_logger
from . import assets
from .asking import BODY_MAX
from .catalogue import Catalogue
from .chat import Chats
from .contract import Door, Window
from .errors import ApiError, invalid, over_quota, unauthorised
from .keys import Client, KeyFileError, Keyring
from .openapi import document
from .opening import Openings
from .quotas import Quotas, Shares
from .rest import Rest, part
from .routes import ENDPOINTS, Endpoint

log = get_logger("api")

LOCAL: Final = "local"
"""The client without a key, on a node that needs none."""

WORDS: Final = {404: "not_found", 405: "method_not_allowed"}

BODY_S: Final = 60.0
"""Seconds in which a request's body has to be here."""

BODIES_MAX: Final = 268_435_456
"""Bytes of bodies that all requests under way may hold."""

_CONVERTORS: Final = {"model": "model:path"}
"""Parts of a path that may hold a slash."""

Handler = Callable[[Request, Client], Awaitable[ASGIApp]]
Page = Callable[[Request], Awaitable[ASGIApp]]
"""What answers a request; its reply is sent by being called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a node serves on the front's port beside its API, by path: `open` to whoever asks,
    `gated` like the API. `around` sees every request of the port."""

    open: Mapping[str, Page] = field(default_factory=dict)
    gated: Mapping[str, Page] = field(default_factory=dict)
    around: Callable[[Starlette], ASGIApp] = lambda app: app


class Front:
    """The front of one node. `host` is where it listens; `open_` says that no key is needed as
    long as none was made, which only a loopback address may be."""

    def __init__(
        self,
        door: Door,
        window: Window,
        config: ApiConfig,
        *,
        host: str,
        open_: bool,
        clock: Clock,
        keys: Keyring,
        beside: Beside | None = None,
    ) -> None:
        self._beside = beside or Beside()
        self._door = door
        self._config = config
        self._hosts = LOOPBACK | {host}
        self._open = open_
        self._clock = clock
        self._keys = keys
        self._fault = ""
        self._quotas = Quotas()
        self._requests = Shares(connections_max())
        self._bodies = Shares(BODIES_MAX)
        self._catalogue = Catalogue.of(config.policies)
        self._openings = Openings(door, quotas=self._quotas, clock=clock)
        self._chats = Chats(
            door,
            catalogue=self._catalogue,
            openings=self._openings,
            clock=clock,
            life_s=config.timeout_s,
            keep_alive_s=config.keep_alive_s,
        )
        self._rest = Rest(
            door,
            window,
            catalogue=self._catalogue,
            openings=self._openings,
            life_s=config.timeout_s,
            keep_alive_s=config.keep_alive_s,
        )

    def served(self) -> ASGIApp:
        """The application, with whatever stands around it."""
        return self._beside.around(self.app())

    def app(self) -> Starlette:
        """The application: every endpoint of the table, the description of them, the page."""
        beside = self._beside
        return Starlette(
            routes=[
                *(self._route(path) for path in dict.fromkeys(one.path for one in ENDPOINTS)),
                Route("/openapi.json", _described),
                *assets.routes(),
                *(Route(path, self._ungated(page)) for path, page in beside.open.items()),
                *(Route(path, self._gated(_any(page))) for path, page in beside.gated.items()),
            ],
            exception_handlers={HTTPException: _http_error, Exception: _bug},
        )

    def _route(self, path: str) -> Route:
        """One path, with all of its methods."""
        by_method: dict[str, Page] = {
            one.method: self._gated(self._handler(one)) for one in ENDPOINTS if one.path == path
        }
        written = path
        for name, convertor in _CONVERTORS.items():
            written = written.replace(f"{{{name}}}", f"{{{convertor}}}")

        async def endpoint(request: Request) -> ASGIApp:
            method = "GET" if request.method == "HEAD" else request.method
            return await by_method[method](request)

        return Route(written, endpoint, methods=list(by_method))

    # -- the gate -----------------------------------------------------------------------

    def _gated(self, handler: Handler) -> Page:
        async def endpoint(request: Request) -> ASGIApp:
            try:
                _own_site(request)
                client = self._client(request)
                wait = self._quotas.request(
                    client.name, client.requests_per_minute, monotonic_ms(self._clock)
                )
                if wait:
                    raise over_quota(
                        f"{client.name} may make {client.requests_per_minute} requests a minute",
                        -(-wait // 1_000),
                    )
                return await self._held(handler, request, client)
            except ApiError as error:
                if error.status >= 500:
                    log.warning("no answer for a client", code=error.code, reason=str(error))
                return JSONResponse(error.plain(), error.status, error.headers)

        return endpoint

    async def _held(self, handler: Handler, request: Request, client: Client) -> ASGIApp:
        """The handler's reply, on the client's account until it is sent. Raises `ApiError`."""
        if not self._requests.take(client.name):
            raise over_quota(f"{client.name} has too many requests under way", 1)
        request.state.held = 0

        def done() -> None:
            self._requests.give_back(client.name)
            self._bodies.give_back(client.name, request.state.held)

        try:
            reply = await handler(request, client)
        except BaseException:
            done()
            raise

        async def send_it(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await reply(scope, receive, send)
            finally:
                done()

        return send_it

    def _ungated(self, page: Page) -> Page:
        """`page` for everybody, pages in browsers on this machine left out as by the gate."""

        async def endpoint(request: Request) -> ASGIApp:
            try:
                if self._open and not self._keys.any:
                    self._own_host(request)
                return await page(request)
            except ApiError as error:
                return JSONResponse(error.plain(), error.status, error.headers)

        return endpoint

    def _client(self, request: Request) -> Client:
        """Who asks. Raises `ApiError`."""
        try:
            self._keys.refresh()
            self._fault = ""
        except KeyFileError as error:
            if str(error) != self._fault:  # once: strangers ask, too
                log.error("the API keys cannot be read; those of before count", reason=str(error))
            self._fault = str(error)
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if self._open and not self._keys.any:
            # A page in a browser on this machine is no client: it may name any host that it had
            # resolved to loopback, and then its requests are of that host.
            self._own_host(request)
            return self._limited(LOCAL, None, None)
        if scheme.casefold() != "bearer":
            raise unauthorised(
                "an API key is needed: send it as 'Authorization: Bearer KEY'; the node's operator "
                "makes one with `quorate key add`"
            )
        key = self._keys.find(text.strip())
        if key is None:
            raise unauthorised("this API key is not known here, or was revoked")
        return self._limited(key.name, key.requests_per_minute, key.tasks_per_day)

    def _own_host(self, request: Request) -> None:
        if named_host(request) not in self._hosts:
            raise ApiError(
                403, "wrong_host", f"this node answers as {', '.join(sorted(self._hosts))}"
            )

    def _limited(self, name: str, requests: int | None, tasks: int | None) -> Client:
        config = self._config
        return Client(
            name=name,
            requests_per_minute=config.requests_per_minute if requests is None else requests,
            tasks_per_day=config.tasks_per_day if tasks is None else tasks,
        )

    # -- the routes -----------------------------------------------------------------------

    def _handler(self, of: Endpoint) -> Handler:
        """What answers an endpoint: its parts checked, its body read."""
        own: dict[str, Callable[..., Awaitable[Response]]] = {
            "models": self._models,
            "model": self._model,
            "chat": self._chats.complete,
        }
        answer = own.get(of.name) or getattr(self._rest, of.name)

        async def handle(request: Request, client: Client) -> Response:
            parts = {one.name: part(request, one) for one in of.parts}
            if of.body is None:
                return await answer(request, **parts)
            body = await self._body(request, client)
            return await answer(request, client, body, **parts)

        return handle

    async def _body(self, request: Request, client: Client) -> bytes:
        """The body, which has to be JSON and here in time. Raises `ApiError`."""
        # Also what keeps a web page out: it may send this type only after asking, and is not let.
        kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
        if kind != "application/json":
            raise ApiError(415, "wrong_content_type", "send JSON, as content-type application/json")
        data = bytearray()
        try:
            async with asyncio.timeout(BODY_S):
                async for piece in request.stream():
                    if len(data) + len(piece) > BODY_MAX:
                        raise ApiError(
                            413,
                            "context_length_exceeded",
                            f"the request is over {BODY_MAX} bytes",
                            param="messages",
                        )
                    if not self._bodies.take(client.name, len(piece)):
                        raise over_quota(f"{client.name} has too much under way", 1)
                    request.state.held += len(piece)
                    data += piece
        except TimeoutError:
            raise ApiError(
                408, "request_timeout", f"the body was not here within {BODY_S:.0f} s", again_s=1
            ) from None
        if not data:
            raise invalid("the body is empty; it is a JSON object", code="invalid_json")
        return bytes(data)

    async def _models(self, _: Request) -> Response:
        made = [self._plain(name) for name in self._catalogue.policies]
        return JSONResponse({"object": "list", "data": made})

    async def _model(self, _: Request, model: str) -> Response:
        if self._catalogue.find(model) is None:
            raise ApiError(
                404, "model_not_found", f"there is no model {model[:80]!r}", param="model"
            )
        return JSONResponse(self._plain(model))

    def _plain(self, name: str) -> dict[str, object]:
        return {
            "id": name,
            "object": "model",
            "created": self._door.since_ms // 1_000,
            "owned_by": self._door.name,
            "quorate": {"policy": dict(self._catalogue.find(name) or {})},
        }


def _any(page: Page) -> Handler:
    """`page`, whoever the client is."""
    return lambda request, _: page(request)


def _own_site(request: Request) -> None:
    """Keep other sites' pages from making this node work. Raises `ApiError`.

    Browsers say whose page asks, and no page can say otherwise (Fetch Metadata). Reading is kept
    from them by the browser itself, as no reply here allows another origin.
    """
    if request.method in ("GET", "HEAD"):
        return
    origin = request.headers.get("origin", "")
    # Browsers of before 2023 do not say whose page it is, but the origin of every POST they do.
    same = not origin or origin.partition("://")[2] == request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "none" if same else "cross-site")
    if site not in ("none", "same-origin"):
        raise ApiError(403, "wrong_origin", "a page of another site may not ask this node")


async def _described(_: Request) -> Response:
    return JSONResponse(document())


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = WORDS.get(error.status_code, "http_error")
    made = ApiError(error.status_code, code, f"{error.detail}: see /v1/models for what is here")
    return JSONResponse(made.plain(), made.status, {**(error.headers or {}), **made.headers})


async def _bug(_: Request, error: Exception) -> Response:  # noqa: ARG001  logged by the server
    made = ApiError(500, "internal_error", "internal error; see this node's log", kind="api_error")
    return JSONResponse(made.plain(), made.status, made.headers)
