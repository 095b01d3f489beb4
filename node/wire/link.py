"""One link: the greeting, then frames both ways until somebody ends it (rules T2, T2a, T3).

The same code runs at both ends of a stream; `Stream` hides which one it is. The dialling side
greets first. The accepting side answers with its own Hello, and with a refusal beside it if
there is one, so that neither side takes a link for up that the other will not have.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Protocol

from ..clock import Clock
from .frames import (
    WIRE_VERSIONS,
    Frame,
    FrameError,
    Hello,
    LinkCode,
    LinkRefusal,
    Packet,
    decode,
    encode,
)
from .limits import FRAME_MIN, Limits
from .outbox import Outbox
from .toll import Toll
from .visits import Visits


class By(Enum):
    """Who ended a link."""

    US = "us"
    PEER = "peer"
    WIRE = "wire"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnd:
    """How a link ended, or why it never began."""

    by: By
    reason: LinkRefusal


class LinkEndedError(Exception):
    """There is no link (any more). `last_words` are still to be said (`part`), if any."""

    def __init__(self, end: LinkEnd, last_words: Packet | None = None) -> None:
        super().__init__(str(end.reason))
        self.end = end
        self.last_words = last_words

    @classmethod
    def refusing(cls, reason: LinkRefusal, *, hello: Hello | None = None) -> "LinkEndedError":
        """We end it, and shall tell the peer why."""
        packet = Packet(hello=hello, refusal=reason)
        return cls(LinkEnd(by=By.US, reason=reason), packet)

    @classmethod
    def lost(cls, text: str) -> "LinkEndedError":
        """The bytes stopped coming, and nobody said why."""
        return cls(LinkEnd(by=By.WIRE, reason=LinkRefusal(code=LinkCode.LOST, text=text)))


class Stream(Protocol):
    """A bidirectional stream of messages. One reader and one writer at a time."""

    async def read(self) -> bytes | None:
        """The next message; None if the peer ended the stream. Raises `LinkEndedError`."""
        ...

    async def write(self, data: bytes) -> None:
        """Send a message, waiting for room. Raises `LinkEndedError`."""
        ...

    async def finish(self) -> None:
        """Say that nothing more comes, as far as this side can."""
        ...


@dataclass(slots=True, kw_only=True)
class Traffic:
    """What went over the links with one member since the start."""

    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    envelopes_in: int = 0
    envelopes_out: int = 0
    digests_dropped: int = 0
    links: int = 0
    second_calls: int = 0
    """Calls for a link while there was one: a second process seems to run on one identity."""
    ends: dict[str, int] = field(default_factory=dict)
    """How often a link, or an attempt at one, ended for each reason's code."""
    toll: Toll = field(default_factory=Toll)
    """What the member may still have done in vain; `slowed` counts how often it had to wait."""
    visits: Visits = field(default_factory=Visits)
    """What calls the member has left; `shut_out` counts how often it had none."""
    calls: dict[str, int] = field(default_factory=dict)
    """Calls from the member that were answered, by what they were for."""
    calls_refused: dict[str, int] = field(default_factory=dict)
    """Calls from the member that were refused, by the reason's code."""


def check_hello(mine: Hello, theirs: Hello, limits: Limits) -> LinkRefusal | None:
    """Why there can be no link with a peer that said `theirs`, or None (rule T2a)."""
    if theirs.network != mine.network:
        return LinkRefusal(
            code=LinkCode.WRONG_NETWORK,
            text=f"our network is {mine.network.hex()}, yours is {theirs.network.hex()}",
        )
    if not set(mine.versions) & set(theirs.versions):
        return LinkRefusal(
            code=LinkCode.NO_COMMON_VERSION,
            text=f"we speak wire versions {_listed(mine.versions)} ({mine.software}), "
            f"you speak {_listed(theirs.versions)} ({theirs.software})",
        )
    skew = theirs.wall_ms - mine.wall_ms
    if abs(skew) > limits.skew_ms:
        return LinkRefusal(
            code=LinkCode.CLOCK_SKEW,
            text=f"our wall clock reads {_date(mine.wall_ms)}, yours {_date(theirs.wall_ms)}: "
            f"{abs(skew) // 1000} s apart, over {limits.skew_ms // 1000} s",
        )
    if theirs.max_frame < FRAME_MIN:
        return LinkRefusal(
            code=LinkCode.MALFORMED_FRAME,
            text=f"you take frames of {theirs.max_frame} bytes; {FRAME_MIN} is the least",
        )
    return None


def common_version(mine: Hello, theirs: Hello) -> int:
    """The wire version that two sides speak: the highest common one (rule T2a)."""
    return max(set(mine.versions) & set(theirs.versions), default=WIRE_VERSIONS[0])


async def greet(stream: Stream, mine: Hello, limits: Limits) -> Hello:
    """The dialling side's greeting: the peer's Hello. Raises `LinkEndedError`."""
    with suppress(LinkEndedError):  # a peer that refused us before we spoke: reading says why
        await stream.write(encode(Packet(hello=mine)))
    theirs, refusal = await _heard(stream, limits)
    if refusal is not None:
        raise LinkEndedError(LinkEnd(by=By.PEER, reason=refusal))
    assert theirs is not None
    if refusal := check_hello(mine, theirs, limits):
        raise LinkEndedError.refusing(refusal)
    return theirs


async def answer(
    stream: Stream,
    hello: Callable[[], Hello],
    limits: Limits,
    objection: Callable[[], LinkRefusal | None],
) -> Hello:
    """The accepting side's greeting: the peer's Hello. Raises `LinkEndedError`.

    `hello` makes ours, with the clock as it reads then; `objection` is what else stands
    against a link with this peer.
    """
    theirs, refusal = await _heard(stream, limits)
    if refusal is not None:
        raise LinkEndedError(LinkEnd(by=By.PEER, reason=refusal))
    assert theirs is not None
    mine = hello()
    if refusal := check_hello(mine, theirs, limits) or objection():
        raise LinkEndedError.refusing(refusal, hello=mine)
    await stream.write(encode(Packet(hello=mine)))
    return theirs


async def part(stream: Stream, error: LinkEndedError, limits: Limits) -> None:
    """Say the last words and see them out, as far as the peer lets us."""
    if error.last_words is None:
        return
    try:
        async with asyncio.timeout(limits.farewell_ms / 1000):
            await stream.write(encode(error.last_words))
            await stream.finish()
            # Whoever ends a call while the other side still reads may cost it the last words
            # (grpc 1.76 then reports an internal error in their place).
            while await stream.read() is not None:
                pass
    except (LinkEndedError, TimeoutError):
        pass  # a peer that is gone needs no reason


async def _heard(stream: Stream, limits: Limits) -> tuple[Hello | None, LinkRefusal | None]:
    """The first packet: a Hello, or a refusal (of which a Hello beside it is no matter)."""
    try:
        async with asyncio.timeout(limits.hello_ms / 1000):
            data = await stream.read()
    except TimeoutError:
        problem = LinkRefusal(code=LinkCode.NO_HELLO, text=f"no hello in {limits.hello_ms} ms")
        data = b""
    else:
        problem = LinkRefusal(code=LinkCode.NO_HELLO, text="the first frame is no hello")
        if data is None:
            raise LinkEndedError.lost("the peer closed the stream without a word")
        try:
            packet = decode(data, limits)
        except FrameError as error:
            problem = error.refusal
        else:
            if packet.refusal is not None or packet.hello is not None:
                return packet.hello, packet.refusal
    raise LinkEndedError.refusing(problem)


class Link:
    """A link that both sides agreed to. `run` it; `send` and `close` never block.

    `on_frame` gets what comes in and says what of it helped nobody, in units of `toll`; `on_rtt`
    gets each measured round trip in milliseconds, rounded up. Both are called on the event loop
    and must not raise: one that does ends the link.
    """

    def __init__(
        self,
        *,
        stream: Stream,
        hello: Hello,
        clock: Clock,
        limits: Limits,
        traffic: Traffic,
        on_frame: Callable[[Frame], float | None],
        on_rtt: Callable[[int], None],
    ) -> None:
        self.hello = hello
        self._stream = stream
        self._clock = clock
        self._limits = limits
        self._traffic = traffic
        self._on_frame = on_frame
        self._on_rtt = on_rtt
        self._outbox = Outbox(limits)
        self._wake = asyncio.Event()
        self._ended: asyncio.Future[LinkEnd] = asyncio.get_running_loop().create_future()
        self._pinged = 0

    @property
    def queued(self) -> int:
        """Bytes that wait to be sent."""
        return self._outbox.waiting

    def send(self, frame: Frame) -> None:
        """Queue `frame`; what is queued within a tick of the event loop travels together.

        A queue past its bound closes the link. Raises `ValueError` on what no peer takes.
        """
        if self._ended.done():
            return
        dropped = self._outbox.digests_dropped
        fits = self._outbox.put(frame)
        self._traffic.digests_dropped += self._outbox.digests_dropped - dropped
        self._wake.set()
        if not fits:
            self.close(
                LinkRefusal(
                    code=LinkCode.QUEUE_FULL,
                    text=f"over {self._limits.queue_bytes} bytes wait for you; catch up by fetch",
                )
            )

    def close(self, reason: LinkRefusal) -> None:
        """End the link and tell the peer why."""
        self._end(LinkEnd(by=By.US, reason=reason))

    async def run(self) -> LinkEnd:
        """Carry frames until the link ends; how it did. Cancelling it drops the link."""
        loop = asyncio.get_running_loop()
        reader, writer = loop.create_task(self._read()), loop.create_task(self._write())
        pinger = loop.create_task(self._ping())
        tasks = (reader, writer, pinger)
        for task in tasks:
            task.add_done_callback(self._task_done)
        try:
            end = await asyncio.shield(self._ended)
            if end.by is By.US:
                self._outbox.refuse(end.reason)
                self._wake.set()
                # The reader goes on until the peer hangs up: a peer that waits for room must
                # not hold us up, and one that still reads shall get to our last words.
                await asyncio.wait((reader, writer), timeout=self._limits.farewell_ms / 1000)
            return end
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def end(self) -> LinkEnd:
        """How the link ended, as far as it was known when `run` was cancelled."""
        if self._ended.done():
            return self._ended.result()
        return LinkEndedError.lost("the connection was dropped").end

    def _end(self, end: LinkEnd) -> None:
        if not self._ended.done():
            self._ended.set_result(end)

    def _task_done(self, task: "asyncio.Task[None]") -> None:
        """A task that failed ends the link; only a fault of our own is news to anyone else."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, LinkEndedError):
            self._end(error.end)
        elif error is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a link was closed by a fault of this node", "exception": error}
            )
            self.close(LinkRefusal(code=LinkCode.FAULT, text="this node has a fault; see its log"))
        else:
            self._end(self.end)

    async def _read(self) -> None:
        traffic = self._traffic
        while (data := await self._stream.read()) is not None:
            if self._ended.done():
                continue  # only to let the peer's writes drain while ours says goodbye
            try:
                packet = decode(data, self._limits)
            except FrameError as error:
                self.close(error.refusal)
                continue
            traffic.frames_in += 1
            traffic.bytes_in += len(data)
            traffic.envelopes_in += len(packet.frame.envelopes)
            for part in self._slices(packet):
                if self._ended.done():
                    break
                pause = self._traffic.toll.charge(self._take(part), self._clock.monotonic_ns())
                if pause or part is not packet:
                    await asyncio.sleep(pause)
        raise LinkEndedError.lost("the peer closed the stream")

    def _slices(self, packet: Packet) -> Iterator[Packet]:
        """`packet` in pieces of so many envelopes; what else it holds comes with the last."""
        envelopes, size = packet.frame.envelopes, self._limits.slice_envelopes
        while len(envelopes) > size:
            yield Packet(frame=Frame(envelopes=envelopes[:size]))
            envelopes = envelopes[size:]
        if envelopes is packet.frame.envelopes:
            yield packet
        else:
            yield replace(packet, frame=replace(packet.frame, envelopes=envelopes))

    def _take(self, packet: Packet) -> float:
        """Handle a packet; what it costs its sender."""
        if packet.refusal is not None:
            self._end(LinkEnd(by=By.PEER, reason=packet.refusal))
            return 0
        if packet.hello is not None:
            self.close(LinkRefusal(code=LinkCode.MALFORMED_FRAME, text="a second hello"))
            return 0
        if packet.ping:
            self._outbox.pong(packet.ping)
            self._wake.set()
        if packet.pong and packet.pong == self._pinged:
            self._pinged = 0
            elapsed = self._clock.monotonic_ns() - packet.pong
            self._on_rtt(max(1, -(-elapsed // 1_000_000)))
        return (self._on_frame(packet.frame) or 0) if packet.frame else 0

    async def _write(self) -> None:
        traffic = self._traffic
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                packet = self._outbox.take(self.hello.max_frame)
                data = encode(packet)
                await self._stream.write(data)
                traffic.frames_out += 1
                traffic.bytes_out += len(data)
                traffic.envelopes_out += len(packet.frame.envelopes)
                if packet.refusal is not None:
                    await self._stream.finish()
                    return

    async def _ping(self) -> None:
        """Measure the round trip now and then; the number is our own clock's reading."""
        while True:
            self._pinged = self._clock.monotonic_ns()
            self._outbox.ping(self._pinged)
            self._wake.set()
            await asyncio.sleep(self._limits.ping_ms / 1000)


def _listed(versions: tuple[int, ...]) -> str:
    return ", ".join(map(str, sorted(versions)))


def _date(wall_ms: int) -> str:
    try:
        return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{wall_ms} ms since 1970"
