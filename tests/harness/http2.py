"""HTTP/2 by hand (RFC 9113; RFC 7541, 6.2.2), to say what no library would: half a frame, a
message whose length lies, a request that never ends."""

from asyncio import IncompleteReadError, StreamReader
from collections.abc import Iterable
from contextlib import suppress
from random import Random
from struct import pack
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
CANCEL: Final = 8
INITIAL_WINDOW_SIZE: Final = 4
WINDOW_OF_A_STREAM: Final = 65_535
WINDOW_MOST: Final = 2**31 - 1
FRAME: Final = 16_384


def frame(kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 0) -> bytes:
    """One frame."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + pack(">I", stream) + payload


def message(data: bytes, declared: int | None = None) -> bytes:
    """gRPC's frame around a message, of the length that it has or another."""
    return b"\0" + pack(">I", len(data) if declared is None else declared) + data


def headers(path: str, stream: int, extra: Iterable[tuple[str, str]] = ()) -> bytes:
    """What opens a gRPC call. Characters stand for one byte each."""
    fields = (
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
        ("content-type", "application/grpc"), ("te", "trailers"), *extra,
    )  # fmt: skip
    block = b"".join(
        b"\0"
        + bytes([len(name)])
        + name.encode("latin-1")
        + bytes([len(value)])
        + value.encode("latin-1")
        for name, value in fields
    )
    return frame(HEADERS, block, flags=END_HEADERS, stream=stream)


def call(path: str, data: bytes, *, stream: int = 1, declared: int | None = None) -> bytes:
    """A whole call on a connection that has begun, within one stream's window."""
    body = message(data, declared)[: WINDOW_OF_A_STREAM - 1]
    parts = [body[at : at + FRAME] for at in range(0, len(body), FRAME)]
    sent = [frame(DATA, part, stream=stream) for part in parts[:-1]]
    return b"".join(
        [
            headers(path, stream),
            *sent,
            frame(DATA, parts[-1], flags=END_STREAM, stream=stream),
        ]
    )


def begun(window: int = WINDOW_OF_A_STREAM) -> bytes:
    """How a connection begins on which so many bytes may come, on each stream and in all."""
    if window == WINDOW_OF_A_STREAM:
        return PREFACE + frame(SETTINGS)
    sizes = frame(SETTINGS, pack(">HI", INITIAL_WINDOW_SIZE, window))
    return PREFACE + sizes + frame(WINDOW, pack(">I", window - WINDOW_OF_A_STREAM))


def ping(mark: bytes) -> bytes:
    """Asks for these eight bytes back, once all before them is read."""
    return frame(PING, mark)


def taken_back(path: str, streams: Iterable[int]) -> bytes:
    """Calls that are opened and taken back at once (CVE-2023-44487): none of them is under way for
    long, so no bound on how many are would be met."""
    return b"".join(
        headers(path, stream) + frame(RST, pack(">I", CANCEL), stream=stream) for stream in streams
    )


async def ended(reader: StreamReader, calls: int) -> None:
    """Read until so many calls have been answered to their end, or the connection is over."""
    with suppress(OSError, IncompleteReadError):
        while calls:
            head = await reader.readexactly(9)
            await reader.readexactly(int.from_bytes(head[:3]))
            calls -= head[3] == HEADERS and bool(head[4] & END_STREAM)


async def heard_out(reader: StreamReader) -> None:
    """Read and forget until the other side is done."""
    with suppress(OSError):
        while await reader.read(FRAME):
            pass


def broken(rng: Random, path: str, data: bytes) -> bytes:
    """A connection that goes wrong somewhere below the messages."""
    whole = begun() + call(path, data)
    match rng.randrange(10):
        case 0:
            return rng.randbytes(rng.randrange(1, 2_000))
        case 1:
            return whole[: rng.randrange(1, len(whole))]
        case 2:
            return PREFACE + frame(rng.randrange(256), rng.randbytes(rng.randrange(64)))
        case 3:
            return begun() + b"".join(
                frame(
                    rng.randrange(12),
                    rng.randbytes(rng.randrange(40)),
                    flags=rng.randrange(256),
                    stream=rng.choice((0, 1, 2, 3, 2**31 - 1)),
                )
                for _ in range(20)
            )
        case 4:
            return begun() + call(path, data, declared=rng.choice((0, 1, 2**31, 2**32 - 1)))
        case 5:
            return begun() + b"\xff\xff\xff" + bytes([DATA, 0]) + pack(">I", 1) + rng.randbytes(99)
        case 6:
            return begun() + frame(HEADERS, rng.randbytes(300), flags=END_HEADERS, stream=1)
        case 7:
            return begun() + taken_back(path, range(1, 201, 2))
        case 8:  # a block of headers that never ends
            start = frame(HEADERS, headers(path, 1)[9:], stream=1)
            return begun() + start + frame(CONTINUATION, b"\0\1a\1b" * 200, stream=1) * 50
        case _:
            at = rng.randrange(len(whole))
            return whole[:at] + rng.randbytes(8) + whole[at + 8 :]
