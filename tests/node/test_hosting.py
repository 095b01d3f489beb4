"""An HTTP port under clients that ask nothing, read nothing, or call it by another's name."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from node import descriptors, hosting
from node.hosting import HEAD_S, HEADERS_MAX, STALL_S, HttpServer, only_for
from tests.harness.federations import free_address

LARGE = 32 << 20
"""Bytes that no loopback connection takes unless somebody reads."""


class App:
    """Answers `/`, keeps `/slow` waiting, and sends more than anybody reads at `/large`."""

    def __init__(self) -> None:
        self.asked, self.release, self.done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b"here"
        self.asked.set()
        if scope["path"] == "/slow":
            await self.release.wait()
        if scope["path"] == "/large":
            body = bytes(LARGE)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.done.set()


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[tuple[HttpServer, str]]:
    address = free_address()
    server = HttpServer.bind(app, address)
    running = asyncio.create_task(server.run())
    try:
        yield server, address
    finally:
        await server.stop(running, 0)


async def called(address: str, words: bytes = b"") -> tuple[asyncio.StreamReader, Any]:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(words)
    return reader, writer


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        while await reader.read(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


def asking(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()


def connections(server: HttpServer) -> list[Any]:
    return list(server._server.server_state.connections)


async def until(server: HttpServer, count: int) -> list[Any]:
    while len(found := connections(server)) != count:  # noqa: ASYNC110  uvicorn tells nobody
        await asyncio.sleep(0)
    return found


async def test_whoever_asks_nothing_gives_way_and_whoever_asks_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hosting, "connections_max", lambda: 3)
    app = App()
    async with served(app) as (server, address):
        waiting, writer = await called(address, asking("/slow"))
        await app.asked.wait()
        held = [writer]
        for count, part in ((2, b""), (3, b"GET / HTTP/1.1\r\n")):
            idle, writer = await called(address, part)
            held.append(writer)
            await until(server, count)
            if count == 2:
                first = idle
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{address}/")).text == "here"
        assert await ended(first)
        app.release.set()
        assert (await waiting.readline()).startswith(b"HTTP/1.1 200")
        for one in held:
            one.close()


async def test_no_port_takes_more_files_than_leave_some_for_links_and_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for soft, most in ((1_024, 128), (20_000, 1_024), (-1, 1_024)):
        monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert descriptors.connections_max() == most
        assert soft < 0 or 2 * most + 2 * (most + hosting.BACKLOG) < soft


async def test_a_node_asks_for_as_many_files_as_it_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(descriptors.resource, "setrlimit", lambda _, both: asked.append(both))
    limits = {
        (1_024, 4_096): 4_096,
        (1_024, -1): descriptors.FILES,
        (1_024, 500_000): descriptors.FILES,
    }
    for both, wanted in limits.items():
        monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _, both=both: both)
        descriptors.raise_limit()
        assert asked.pop() == (wanted, both[1])
    for both in ((4_096, 4_096), (-1, -1), (500_000, 500_000)):
        monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _, both=both: both)
        descriptors.raise_limit()
        assert not asked


@pytest.mark.parametrize("words", [b"", b"GET / HTTP/1.1\r\nx: "])
async def test_a_connection_that_brings_no_whole_head_in_time_is_let_go(words: bytes) -> None:
    async with served(App()) as (server, address):
        reader, writer = await called(address, words)
        (connection,) = await until(server, 1)
        connection.look(connection._waits_since + HEAD_S)
        assert connections(server)
        connection.look(connection._waits_since + HEAD_S + 1)
        assert await ended(reader)
        writer.close()


async def test_a_client_that_takes_nothing_is_let_go_whole_reply_or_not() -> None:
    app = App()
    async with served(app) as (server, address):
        _, writer = await called(address, asking("/large"))
        writer.transport.pause_reading()
        (connection,) = await until(server, 1)
        while not connection.transport.get_write_buffer_size():  # noqa: ASYNC110  nor does this
            await asyncio.sleep(0)
        connection.look(connection._moved)
        connection.look(connection._moved + STALL_S)
        assert connections(server) and not app.done.is_set()
        connection.look(connection._moved + STALL_S + 1)
        await app.done.wait()  # nothing goes on waiting to send
        assert not connections(server)
        writer.transport.abort()


async def test_what_strangers_send_is_no_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with served(App()) as (_, address):
        for words in (b"NONSENSE\r\n\r\n", asking("/")[:-2] + b"upgrade: websocket\r\n"):
            reader, writer = await called(address, words + b"connection: upgrade, close\r\n\r\n")
            assert await ended(reader)
            writer.close()
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_a_port_answers_only_by_its_own_names() -> None:
    named = ("127.0.0.9:80", "localhost", "[::1]:1", "evil.example", "[", "")
    port = served(only_for(App(), "127.0.0.9"))
    async with port as (_, address), httpx.AsyncClient() as client:
        told = [
            (await client.get(f"http://{address}/", headers={"host": host})).status_code
            for host in named
        ]
    assert told == [200, 200, 200, 403, 403, 403]


async def test_a_head_may_grow_to_its_bound_and_no_further() -> None:
    begun = asking("/").removesuffix(b"\r\n") + b"x: "
    full = begun.ljust(HEADERS_MAX, b"x")
    app = App()
    async with served(app) as (_, address):
        reader, writer = await called(address, full)
        writer.write(b"\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        past, writer = await called(address, full + b"x")
        assert (await past.readline()).startswith(b"HTTP/1.1 4")
        assert await ended(past)
        writer.close()
