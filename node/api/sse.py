"""Server-sent events: one producer's words to one client, with signs of life in between.

Small enough to be ours. sse-starlette would do, but replaces a method of uvicorn's server when it
is imported and keeps one flag for the whole process, and several nodes may share a process.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

KEEP_ALIVE: Final = b": keep-alive\n\n"
DONE: Final = b"data: [DONE]\n\n"


class Tell(Protocol):
    """Tells one event: its JSON, and an id from which its reader may go on.

    It returns once the client has room for the next. Nobody else waits for a slow one meanwhile:
    a task's events are kept once, for all that follow it, and their number is bounded. How long
    a client may take nothing is the server's affair (`node.hosting`).
    """

    async def __call__(self, data: Any, id_: str = "") -> None:
        """Tell it."""
        ...


Produce = Callable[[Tell], Awaitable[None]]
"""Tells events, one JSON object each, and returns after the last. Raises nothing but bugs."""


def event(data: Any, id_: str = "") -> bytes:
    """One event; JSON holds no line end, so one line does."""
    named = f"id: {id_}\n".encode() if id_ else b""
    return named + b"data: " + msgspec.json.encode(data) + b"\n\n"


async def hung_up(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """A reply that goes on while `produce` has something to tell; `left` is called if the client
    goes away before the end."""

    media_type = "text/event-stream"

    def __init__(
        self,
        produce: Produce,
        *,
        keep_alive_s: float,
        left: Callable[[], None] = lambda: None,
        done: bytes = DONE,
    ) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._produce = produce
        self._keep_alive_s = keep_alive_s
        self._left = left
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; of HEAD the head alone, at once."""
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        if scope["method"] == "HEAD":
            await send(head)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)

        async def tell(data: Any, id_: str = "") -> None:
            await queue.put(event(data, id_))

        async def produce() -> None:
            try:
                await self._produce(tell)
                if self._done:
                    await queue.put(self._done)
            except Exception:
                await queue.put(None)
                raise
            await queue.put(None)

        producing = asyncio.create_task(produce())
        gone = asyncio.create_task(hung_up(receive))
        try:
            await send(head)
            if await self._carry(queue, gone, send):
                await producing
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                self._left()
        finally:
            for task in (producing, gone):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _carry(
        self, queue: "asyncio.Queue[bytes | None]", gone: "asyncio.Task[None]", send: Send
    ) -> bool:
        """Everything from the queue to the client; whether it stayed to the end."""
        getting: asyncio.Task[bytes | None] | None = None
        try:
            while True:
                getting = getting or asyncio.create_task(queue.get())
                await asyncio.wait(
                    {getting, gone},
                    timeout=self._keep_alive_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if gone.done():
                    return False
                data: bytes | None = KEEP_ALIVE
                if getting.done():
                    data, getting = getting.result(), None
                if data is None:
                    return True
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except OSError:
            return False
        finally:
            if getting is not None:
                getting.cancel()
