"""What the two ends of a link say to each other, and how rude peers are met (T2, T2a, T3)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consensus.envelope import Kind
from node.clock import SystemClock
from node.wire import frames, tls
from node.wire.client import open_channel
from node.wire.dial import DialledStream
from node.wire.doorkeeper import Doorkeeper
from node.wire.frames import Digest, Frame, Hello, LinkCode, LinkRefusal, Packet
from node.wire.limits import FRAME_MIN, Limits
from node.wire.link import LinkEndedError, Stream, Traffic, check_hello, common_version
from node.wire.server import Server
from node.wire.service import PeerService
from tests.harness.cast import ALICE, NETWORK, committee, ctx, signed
from tests.harness.meshes import PATIENCE_S, QUICK, Listener, Orchard

NOON_MS = 1_767_268_800_000
MINE = Hello(
    versions=(1, 2),
    network=NETWORK,
    epoch=1,
    federation=bytes(32),
    wall_ms=NOON_MS,
    max_frame=FRAME_MIN,
    max_envelope=1,
    software="quorate/1",
)
VOTE = signed(ALICE, Kind.PREVOTE, ctx(committee()), bytes(36))
IMPATIENT = replace(QUICK, hello_ms=200)


@pytest.mark.parametrize(
    ("theirs", "code", "text"),
    [
        (MINE, None, ""),
        (replace(MINE, versions=(2, 3), epoch=9, federation=b"f" * 32), None, ""),
        (replace(MINE, wall_ms=NOON_MS + 60_000), None, ""),
        (replace(MINE, wall_ms=NOON_MS - 60_000), None, ""),
        (
            replace(MINE, wall_ms=NOON_MS + 60_001),
            "clock_skew",
            "our wall clock reads 2026-01-01T12:00:00+00:00, yours 2026-01-01T12:01:00+00:00: "
            "60 s apart, over 60 s",
        ),
        (replace(MINE, wall_ms=NOON_MS - 60_001), "clock_skew", "yours 2026-01-01T11:58:59+00:00"),
        (replace(MINE, wall_ms=2**64 - 1), "clock_skew", f"yours {2**64 - 1} ms since 1970"),
        (
            replace(MINE, network=bytes(32)),
            "wrong_network",
            f"our network is {NETWORK.hex()}, yours is {'00' * 32}",
        ),
        (
            replace(MINE, versions=(4, 3), software="quorate/9"),
            "no_common_version",
            "we speak wire versions 1, 2 (quorate/1), you speak 3, 4 (quorate/9)",
        ),
        (replace(MINE, max_frame=FRAME_MIN - 1), "malformed_frame", "65536 is the least"),
    ],
)
def test_a_hello_is_judged_with_both_sides_in_the_text(
    theirs: Hello, code: str | None, text: str
) -> None:
    refusal = check_hello(MINE, theirs, Limits())
    assert (refusal.code if refusal else None) == code
    assert text in (refusal.text if refusal else "")


def test_the_highest_common_version_is_spoken() -> None:
    assert common_version(MINE, replace(MINE, versions=(1, 2, 3))) == 2
    assert common_version(MINE, replace(MINE, versions=(3, 1))) == 1


class Rude:
    """A member that says on a real link whatever a test likes."""

    def __init__(self, orchard: Orchard, me: str, to: str) -> None:
        member = orchard.federation.find(to)
        leaf = orchard.people[me].leaf(datetime.now(UTC))
        self.stream = DialledStream(open_channel(leaf, member, Limits(), receive=2**24), member)
        self.hello = replace(
            MINE,
            versions=frames.WIRE_VERSIONS,
            federation=orchard.federation.hash,
            wall_ms=SystemClock().wall_ms(),
            max_frame=2**20,
        )

    async def __aenter__(self) -> "Rude":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stream.drop()

    async def say(self, packet: Packet | bytes) -> None:
        data = packet if isinstance(packet, bytes) else frames.encode(packet)
        await self.stream.write(data)

    async def greet(self) -> None:
        await self.say(Packet(hello=self.hello))
        heard = await self.hear()
        assert heard is not None
        assert heard.refusal is None

    async def hear(self) -> Packet | None:
        async with asyncio.timeout(PATIENCE_S):
            data = await self.stream.read()
        return None if data is None else frames.decode(data, Limits())

    async def refused(self) -> LinkRefusal:
        """The refusal that comes, whatever else comes before; after it the stream ends."""
        while (packet := await self.hear()) is not None:
            if packet.refusal is not None:
                await self.stream.finish()
                assert await self.hear() is None
                return packet.refusal
        raise AssertionError("the link ended without a refusal")


@asynccontextmanager
async def rude_dialler(
    home: Path, limits: Limits = QUICK
) -> AsyncIterator[tuple[Rude, Orchard, str, str]]:
    """A rude member that dials an honest one: with the orchard, and both names."""
    async with Orchard(home, "alice", "mallory") as orchard:
        first, second = orchard.by_key("alice", "mallory")
        await orchard.start(second, limits=limits)
        async with Rude(orchard, first, second) as rude:
            yield rude, orchard, first, second


FIRST_WORDS: list[tuple[str, Callable[[Hello], Packet | bytes], str, str]] = [
    (
        "another network",
        lambda hello: Packet(hello=replace(hello, network=bytes(32))),
        "wrong_network",
        "yours is 0000",
    ),
    (
        "another version",
        lambda hello: Packet(hello=replace(hello, versions=(7,))),
        "no_common_version",
        "you speak 7",
    ),
    (
        "another time",
        lambda hello: Packet(hello=replace(hello, wall_ms=hello.wall_ms + 3_600_000)),
        "clock_skew",
        "over 60 s",
    ),
    (
        "tiny frames",
        lambda hello: Packet(hello=replace(hello, max_frame=100)),
        "malformed_frame",
        "you take frames of 100 bytes",
    ),
    ("no hello", lambda _: Packet(ping=1), "no_hello", "the first frame is no hello"),
    ("junk", lambda _: b"\xff\xff", "malformed_frame", "not readable as a frame"),
    ("a flood", lambda _: bytes(2**20 + 1), "frame_too_large", "a frame of 1048577 bytes"),
]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [case[1:] for case in FIRST_WORDS],
    ids=[case[0] for case in FIRST_WORDS],
)
async def test_a_dialler_with_the_wrong_first_words_is_told_why(
    tmp_path: Path, words: Callable[[Hello], Packet | bytes], code: str, text: str
) -> None:
    async with rude_dialler(tmp_path) as (rude, orchard, _, honest):
        await rude.say(words(rude.hello))
        refusal = await rude.refused()
        assert refusal.code == code
        assert text in refusal.text
        (status,) = orchard.meshes[honest].status()
        assert status.last_end is not None
        assert status.last_end.code == code
        assert status.traffic.ends == {code: 1}
        assert orchard.heard[honest].ups == []


async def test_a_dialler_that_says_nothing_is_told_so_and_let_go(tmp_path: Path) -> None:
    async with rude_dialler(tmp_path, IMPATIENT) as (rude, _, _, _):
        assert await rude.refused() == LinkRefusal(
            code=LinkCode.NO_HELLO, text="no hello in 200 ms"
        )


async def test_one_call_more_than_the_bound_is_told_to_wait(tmp_path: Path) -> None:
    async with rude_dialler(tmp_path, replace(QUICK, links=2)) as (first, orchard, who, honest):
        second, third = Rude(orchard, who, honest), Rude(orchard, who, honest)
        async with second, third:  # none of the three says a word: any may be the last
            calls = {asyncio.create_task(one.hear()): one for one in (first, second, third)}
            done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            (told,) = done
            with pytest.raises(LinkEndedError) as error:
                await told
            assert error.value.end.reason == LinkRefusal(
                code=LinkCode.BUSY, text="2 links of yours are under way here; wait for one to end"
            )
            one, other = waiting
            await calls[one].say(Packet(hello=calls[one].hello))  # who has a place gets a link
            heard = await one
            assert heard is not None
            assert heard.hello is not None
            await orchard.heard[honest].until(lambda: orchard.meshes[honest].up)
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)


async def test_the_answer_to_a_refused_hello_carries_our_own(tmp_path: Path) -> None:
    async with rude_dialler(tmp_path) as (rude, orchard, _, _):
        await rude.say(Packet(hello=replace(rude.hello, network=bytes(32))))
        heard = await rude.hear()
        assert heard is not None
        assert heard.hello is not None
        assert heard.hello.network == orchard.federation.network
        assert heard.hello.federation == orchard.federation.hash


IN_A_LINK: list[tuple[str, Packet | bytes, str, str]] = [
    ("junk", b"\xff\xff", "malformed_frame", "not readable as a frame"),
    ("a flood", bytes(2**20 + 1), "frame_too_large", "this node takes 1048576"),
    ("a second hello", Packet(hello=MINE), "malformed_frame", "a second hello"),
]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [case[1:] for case in IN_A_LINK],
    ids=[case[0] for case in IN_A_LINK],
)
async def test_a_peer_that_breaks_a_rule_is_told_and_dropped(
    tmp_path: Path, words: Packet | bytes, code: str, text: str
) -> None:
    async with rude_dialler(tmp_path) as (rude, orchard, who, honest):
        await rude.greet()
        await rude.say(words)
        refusal = await rude.refused()
        assert refusal.code == code
        assert text in refusal.text
        listener = orchard.heard[honest]
        await listener.until(lambda: listener.downs)
        assert listener.downs == [(orchard.key(who), refusal)]


async def test_a_frame_of_exactly_the_bound_is_taken(tmp_path: Path) -> None:
    limits = replace(QUICK, frame_bytes=FRAME_MIN)
    async with rude_dialler(tmp_path, limits) as (rude, orchard, who, honest):
        await rude.greet()
        empty = len(frames.encode(Packet(frame=Frame(envelopes=(replace(VOTE, payload=b""),)))))
        padded = replace(VOTE, payload=bytes(FRAME_MIN - empty - 5))  # two longer length fields
        packet = Packet(frame=Frame(envelopes=(padded,)))
        while len(frames.encode(packet)) < FRAME_MIN:
            padded = replace(padded, payload=padded.payload + b"\0")
            packet = Packet(frame=Frame(envelopes=(padded,)))
        assert len(frames.encode(packet)) == FRAME_MIN
        await rude.say(packet)
        listener = orchard.heard[honest]
        await listener.until(lambda: listener.frames)
        assert listener.envelopes(orchard.key(who)) == [padded]
        more = replace(padded, payload=padded.payload + b"\0")
        await rude.say(Packet(frame=Frame(envelopes=(more,))))
        assert (await rude.refused()).code == "frame_too_large"


async def test_a_full_frame_is_handled_in_pieces_between_which_others_have_their_turn(
    tmp_path: Path,
) -> None:
    async with rude_dialler(tmp_path) as (rude, orchard, who, honest):
        await rude.greet()
        listener, turns = orchard.heard[honest], 0
        votes = [replace(VOTE, payload=number.to_bytes(36)) for number in range(100)]
        digest = Digest(task=bytes(32), round=1)
        await rude.say(Packet(frame=Frame(envelopes=tuple(votes), digests=(digest,))))
        await listener.until(lambda: listener.frames)
        while not listener.frames[-1][1].digests:
            turns += 1
            await asyncio.sleep(0)
        assert turns > 0
        assert [len(frame.envelopes) for _, frame in listener.frames] == [32, 32, 32, 4]
        assert listener.envelopes(orchard.key(who)) == votes
        assert [frame.digests for _, frame in listener.frames] == [(), (), (), (digest,)]


async def test_a_message_over_the_transports_own_bound_ends_in_the_same_code(
    tmp_path: Path,
) -> None:
    limits = replace(QUICK, frame_bytes=FRAME_MIN)
    async with rude_dialler(tmp_path, limits) as (rude, orchard, _, honest):
        await rude.greet()
        await rude.say(bytes(2**20))
        with pytest.raises(LinkEndedError) as caught:
            await rude.refused()
        assert caught.value.end.reason.code == "frame_too_large"
        listener = orchard.heard[honest]
        await listener.until(lambda: listener.downs)


async def test_a_ping_is_echoed_and_a_pong_nobody_asked_for_is_ignored(tmp_path: Path) -> None:
    async with rude_dialler(tmp_path) as (rude, orchard, who, honest):
        await rude.greet()
        await rude.say(Packet(ping=77, pong=12_345))
        while (packet := await rude.hear()) is not None and not packet.pong:
            pass
        assert packet is not None
        assert packet.pong == 77
        assert orchard.heard[honest].rtts == []
        assert orchard.meshes[honest].up == {orchard.key(who)}


async def test_a_peer_that_reads_nothing_loses_its_link_and_nobody_else_anything(
    tmp_path: Path,
) -> None:
    limits = replace(QUICK, queue_bytes=100_000, farewell_ms=100)
    async with rude_dialler(tmp_path, limits) as (rude, orchard, who, honest):
        await rude.greet()
        listener, mesh = orchard.heard[honest], orchard.meshes[honest]
        await listener.until(lambda: listener.ups)
        full = replace(VOTE, payload=bytes(frames.INLINE_MAX - 300))
        async with asyncio.timeout(PATIENCE_S):
            while mesh.up:
                mesh.send(orchard.key(who), Frame(envelopes=(full,)))
                await asyncio.sleep(0)
        await listener.until(lambda: listener.downs)
        ((_, reason),) = listener.downs
        assert reason == LinkRefusal(
            code=LinkCode.QUEUE_FULL, text="over 100000 bytes wait for you; catch up by fetch"
        )
        (status,) = mesh.status()
        assert status.traffic.ends == {"queue_full": 1}


async def test_a_fault_of_the_daemon_costs_one_link_and_not_the_node(tmp_path: Path) -> None:
    class Faulty(Listener):
        def frame(self, member: bytes, frame: Frame) -> None:
            super().frame(member, frame)
            if len(self.frames) == 1:
                raise RuntimeError("a bug")

    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
    async with Orchard(tmp_path, "alice", "mallory") as orchard:
        first, second = orchard.by_key("alice", "mallory")
        await orchard.start(second, listener=Faulty())
        async with Rude(orchard, first, second) as rude:
            await rude.greet()
            await rude.say(Packet(frame=Frame(envelopes=(VOTE,))))
            assert (await rude.refused()).code == "fault"
        assert [str(what["exception"]) for what in reported] == ["a bug"]
        async with Rude(orchard, first, second) as rude:
            await rude.greet()
            await rude.say(Packet(frame=Frame(envelopes=(VOTE,))))
            await orchard.heard[second].until(lambda: len(orchard.heard[second].frames) == 2)


@asynccontextmanager
async def rude_acceptor(
    home: Path, behaviour: Callable[[Stream, Hello], Awaitable[None]], limits: Limits = QUICK
) -> AsyncIterator[tuple[Orchard, str]]:
    """An honest member that dials a rude one, which treats each stream as `behaviour` says."""
    async with Orchard(home, "alice", "mallory") as orchard:
        first, second = orchard.by_key("alice", "mallory")
        listener = Listener()
        hello = replace(
            MINE,
            versions=frames.WIRE_VERSIONS,
            federation=orchard.federation.hash,
            wall_ms=SystemClock().wall_ms(),
        )
        door = Doorkeeper(
            federation=orchard.federation,
            clock=SystemClock(),
            limits=QUICK,
            traffic=lambda _: Traffic(),
        )
        service = PeerService(
            door=door,
            clock=SystemClock(),
            limits=limits,
            link=lambda _, stream: behaviour(stream, hello),
            fetch=listener.serve_fetch,
            watch=listener.serve_watch,
            summary=listener.serve_summary,
            facts=listener.serve_facts,
            refused=lambda who, reason: None,
            traffic=lambda _: Traffic(),
        )
        server = await Server.open(
            orchard.address(second),
            service,
            door,
            leaves=tls.Leaves(orchard.people[second], SystemClock()),
            federation=orchard.federation,
            limits=limits,
        )
        await orchard.start(first, limits=limits)
        try:
            yield orchard, first
        finally:
            await server.stop(0)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [case[1:] for case in FIRST_WORDS],
    ids=[case[0] for case in FIRST_WORDS],
)
async def test_an_acceptor_with_the_wrong_answer_is_told_why(
    tmp_path: Path, words: Callable[[Hello], Packet | bytes], code: str, text: str
) -> None:
    told: asyncio.Queue[LinkRefusal | None] = asyncio.Queue()

    async def wrong(stream: Stream, hello: Hello) -> None:
        await stream.read()
        said = words(hello)
        await stream.write(said if isinstance(said, bytes) else frames.encode(said))
        data = await stream.read()
        told.put_nowait(frames.decode(data, Limits()).refusal if data else None)

    async with rude_acceptor(tmp_path, wrong) as (orchard, honest):
        async with asyncio.timeout(PATIENCE_S):
            refusal = await told.get()
        assert refusal is not None
        assert refusal.code == code
        assert text in refusal.text
        assert orchard.heard[honest].ups == []


async def test_an_acceptor_that_says_nothing_is_given_up_and_dialled_again(
    tmp_path: Path,
) -> None:
    calls: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def silent(stream: Stream, _: Hello) -> None:
        calls.put_nowait(await stream.read())
        await stream.read()

    async with rude_acceptor(tmp_path, silent, IMPATIENT) as (orchard, honest):
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(2):
                assert await calls.get()
        (status,) = orchard.meshes[honest].status()
        assert status.last_end == LinkRefusal(code=LinkCode.NO_HELLO, text="no hello in 200 ms")


async def test_an_acceptors_refusal_is_what_the_dialler_remembers(tmp_path: Path) -> None:
    done: asyncio.Queue[None] = asyncio.Queue()

    async def unwilling(stream: Stream, _: Hello) -> None:
        reason = LinkRefusal(code=LinkCode.CLOCK_SKEW, text="you are late")
        await stream.write(frames.encode(Packet(refusal=reason)))
        while await stream.read() is not None:
            pass
        done.put_nowait(None)

    async with rude_acceptor(tmp_path, unwilling) as (orchard, honest):
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(2):  # at the second call the first is over
                await done.get()
        (status,) = orchard.meshes[honest].status()
        assert status.last_end == LinkRefusal(code=LinkCode.CLOCK_SKEW, text="you are late")
        assert not status.up
