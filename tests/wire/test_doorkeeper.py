"""Whoever calls in vain is shut out for a while, by every kind of call; nobody else is (T3)."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import certificates, keys
from node.certificates import LEAF_MAX, Leaf
from node.wire.client import SERVICE, PeerError, connect
from node.wire.connections import cut
from node.wire.doorkeeper import ABANDONED, UNKNOWN, UNREADABLE
from node.wire.frames import LinkCode
from node.wire.limits import Limits
from node.wire.link import Traffic
from node.wire.visits import BURST, CALL, RATE, SHUT_NS, VAIN, Visits
from tests.harness import http2
from tests.harness.cast import ALICE, BOB
from tests.harness.meshes import PATIENCE_S, QUICK, Orchard, ShiftedClock
from tests.harness.rogue import bare

from .test_tls import leaf_of, now, secret_of, subject

AT_ONCE = 40
"""Calls of one connection, fewer than a member may have under way on it."""
HEALTH = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

Streams = range
Calls = Callable[[Streams], bytes]
BACK: set[Calls] = set()
"""Those that nobody answers."""


def whole(path: str, data: bytes) -> Calls:
    """Calls that ask something and end."""
    return lambda streams: b"".join(http2.call(path, data, stream=at) for at in streams)


def back(path: str) -> Calls:
    """Calls that are taken back at once."""

    def calls(streams: Streams) -> bytes:
        return http2.taken_back(path, streams)

    BACK.add(calls)
    return calls


KINDS: dict[str, tuple[Calls, str]] = {
    "health, answered": (whole(HEALTH, b""), ""),
    "health, taken back": (back(HEALTH), ABANDONED),
    "health, no message": (whole(HEALTH, b"\xff"), UNREADABLE),
    "reflection": (whole(REFLECTION, b""), ""),
    "reflection, no message": (whole(REFLECTION, b"\xff"), UNREADABLE),
    "reflection, taken back": (back(REFLECTION), ABANDONED),
    "what is not offered": (whole("/a.b/C", b""), UNKNOWN),
    "a fetch, taken back": (back(f"/{SERVICE}/Fetch"), ABANDONED),
    "a fetch, malformed": (whole(f"/{SERVICE}/Fetch", b"\xff"), LinkCode.MALFORMED_FRAME),
}


class Hours(ShiftedClock):
    """A clock that a test sets forward."""

    later_ns = 0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self.later_ns


class Scene:
    """Alice's port, and mallory before it."""

    def __init__(self, orchard: Orchard, clock: Hours) -> None:
        self.orchard, self.clock = orchard, clock
        self.asked = 0
        """Calls that mallory made in floods."""

    @property
    def traffic(self) -> Traffic:
        """What alice counts of mallory."""
        found = self.orchard.meshes["alice"].status()
        return next(one.traffic for one in found if one.member.name == "mallory")

    async def flood(self, calls: Calls, leaf: Leaf | None = None) -> None:
        """Calls on a new connection, until all are read, and answered if they wait for that."""
        reader, writer = await self.connect(leaf)
        self.asked += AT_ONCE
        asked = http2.begun() + calls(range(1, 2 * AT_ONCE, 2))
        if calls in BACK:
            await said(reader, writer, asked)
        else:
            with suppress(OSError):
                writer.write(asked)
                await http2.ended(reader, AT_ONCE)
        writer.transport.abort()

    async def connect(self, leaf: Leaf | None = None) -> Any:
        """A bare connection of mallory's."""
        mallory = self.orchard.people["mallory"]
        return await bare(self.orchard.address("alice"), mallory, leaf)

    async def serves(self, name: str) -> bool:
        """Whether a member's summary is answered, on a new connection."""
        leaf = self.orchard.people[name].leaf(now())
        async with connect(leaf, self.orchard.federation.find("alice"), Limits()) as client:
            with suppress(PeerError):
                await client.summarise(b"")
                return True
        return False


async def said(reader: Any, writer: Any, data: bytes) -> bool:
    """Say it; whether the other side reads all of it."""
    mark = os.urandom(8)
    try:
        writer.write(data + http2.ping(mark))
    except (OSError, asyncio.IncompleteReadError):
        return False
    return True


async def heard(reader: Any, writer: Any, data: bytes) -> bool:
    """Say it; whether the other side has answered that it was read."""
    mark = os.urandom(8)
    writer.write(data + http2.ping(mark))
    seen = b""
    while mark not in seen and (more := await reader.read(http2.FRAME)):
        seen += more
    return mark in seen


def asks_nothing(path: str, _: bytes, *, stream: int) -> bytes:
    """A call whose request never comes."""
    return http2.headers(path, stream)


@asynccontextmanager
async def scene(home: Path) -> AsyncIterator[Scene]:
    async with Orchard(home, "alice", "bob", "mallory") as orchard:
        clock = Hours()
        await orchard.start("alice", clock=clock, limits=replace(QUICK, ping_ms=50))
        async with asyncio.timeout(PATIENCE_S):
            yield Scene(orchard, clock)


@pytest.mark.parametrize("kind", KINDS)
async def test_who_calls_in_vain_is_shut_out_and_nobody_else(tmp_path: Path, kind: str) -> None:
    calls, named = KINDS[kind]
    async with scene(tmp_path) as here:
        while not here.traffic.visits.shut_out:
            await here.flood(calls)
        assert not await here.serves("mallory")
        assert await here.serves("bob")
        traffic = here.traffic
        assert traffic.visits.shut_out == 1
        if named:  # refused calls cost more, so fewer of them are enough, and no fewer than that
            refused = traffic.calls_refused[named]
            assert 2 * CALL * here.asked + VAIN * refused >= BURST
            if calls not in BACK:  # refused before the next are made
                assert 0 < refused <= BURST / VAIN + AT_ONCE
        while not await here.serves("mallory"):  # some of its calls may still wait to be refused
            here.clock.later_ns += SHUT_NS


async def test_a_leaf_that_is_nobodys_is_on_the_account_of_who_signed_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        mallory = here.orchard.people["mallory"]
        member = here.orchard.federation.find("mallory")
        large = leaf_of(secret_of(mallory), subject(member), padding=LEAF_MAX)
        assert len(large.certificate) > LEAF_MAX
        while not here.traffic.visits.shut_out:
            await here.flood(back(HEALTH), large)
        assert here.traffic.calls_refused[LinkCode.NOT_A_MEMBER]
        assert not await here.serves("mallory")
        assert await here.serves("bob")


async def test_a_connection_of_who_is_shut_out_is_cut_when_it_calls_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        reader, writer = await here.connect()
        assert await said(reader, writer, http2.begun() + whole(HEALTH, b"")(range(1, 2)))
        while not here.traffic.visits.shut_out:
            await here.flood(back(HEALTH))
        writer.write(whole(HEALTH, b"")(range(3, 4)))
        with suppress(OSError):  # cut, so it ends
            while await reader.read(1_024):
                pass
        writer.transport.abort()


async def test_each_message_of_a_stream_is_on_the_account(tmp_path: Path) -> None:
    # Four times what there is at once: some comes back while they are answered.
    asked = http2.message(b"") * int(4 * BURST / CALL / AT_ONCE)

    def calls(streams: Streams) -> bytes:
        return b"".join(
            http2.headers(REFLECTION, at)
            + http2.frame(http2.DATA, asked, flags=http2.END_STREAM, stream=at)
            for at in streams
        )

    async with scene(tmp_path) as here:
        await here.flood(calls)
        assert here.traffic.visits.shut_out == 1
        assert not await here.serves("mallory")


@pytest.mark.parametrize("path", [HEALTH.replace("Check", "Watch"), f"/{SERVICE}/Fetch"])
async def test_calls_that_stay_are_bounded_over_all_connections(tmp_path: Path, path: str) -> None:
    most = Limits().calls
    opened = http2.call if path != f"/{SERVICE}/Fetch" else asks_nothing
    async with scene(tmp_path) as here:
        held = [await here.connect(), await here.connect()]
        for reader, writer in held:
            asked = (opened(path, b"", stream=at) for at in range(1, most + 1, 2))
            assert await heard(reader, writer, http2.begun() + b"".join(asked))
        assert not here.traffic.calls_refused
        reader, writer = await here.connect()
        writer.write(http2.begun() + opened(path, b"", stream=1) + opened(path, b"", stream=3))
        await http2.ended(reader, 2)
        assert here.traffic.calls_refused == {LinkCode.BUSY: 2}
        for _, one in (*held, (reader, writer)):
            one.transport.abort()
        while not await here.serves("mallory"):  # its places are free again
            pass


async def test_the_connections_of_who_is_shut_out_are_cut_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []

    def counted(peers: set[str]) -> int:
        searched.append(cut(peers))
        return searched[-1]

    monkeypatch.setattr("node.wire.doorkeeper.cut", counted)
    async with scene(tmp_path) as here:
        held = [await here.connect() for _ in range(AT_ONCE)]
        for reader, writer in held:
            assert await heard(reader, writer, http2.begun())
        while not here.traffic.visits.shut_out:
            await here.flood(back(HEALTH))
        for _, writer in held:
            writer.write(whole(HEALTH, b"")(range(1, 2)))
        for reader, writer in held:
            await http2.heard_out(reader)
            writer.transport.abort()
        assert sum(searched) >= AT_ONCE
        assert len(searched) < AT_ONCE / 2


async def test_a_link_that_is_up_outlasts_its_member_being_shut_out(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.orchard.start("mallory")
        heard = here.orchard.heard
        await heard["alice"].until(lambda: heard["alice"].ups)
        while not here.traffic.visits.shut_out:
            await here.flood(back(HEALTH))
        first = len(heard["alice"].rtts)
        await heard["alice"].until(lambda: len(heard["alice"].rtts) > first)
        assert not heard["alice"].downs


def test_the_last_call_is_the_one_past_the_account() -> None:
    visits = Visits()
    for _ in range(int(BURST / CALL) - 1):
        assert not visits.charge(CALL, 0)
    assert not visits.shut(0)
    assert visits.charge(CALL, 0)
    assert visits.shut(0)
    assert visits.shut(SHUT_NS - 1)
    assert not visits.shut(SHUT_NS)
    assert visits.shut_out == 1


def test_who_keeps_to_the_rate_is_never_shut_out() -> None:
    visits, every = Visits(), int(1e9 / RATE)
    assert not any(visits.charge(CALL, at * every) for at in range(10_000))


def test_who_is_shut_out_comes_back_with_a_full_account() -> None:
    visits = Visits()
    visits.charge(BURST, 0)
    assert visits.shut_out == 1
    assert not visits.charge(BURST - 1, SHUT_NS)
    assert visits.charge(1, SHUT_NS)
    assert visits.shut_out == 2


def test_a_new_leaf_takes_one_check_however_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    made = certificates.issue_leaf(hashlib.sha256(b"alice").digest(), now())
    members = [hashlib.sha256(b"%d" % number).digest() for number in range(63)]
    checked: list[bytes] = []
    verify = keys.verify

    def counted(public: bytes, message: bytes, signature: bytes) -> bool:
        checked.append(public)
        return verify(public, message, signature)

    monkeypatch.setattr(keys, "verify", counted)
    found = certificates.issued_by(made.certificate, (*members, ALICE.public), now())
    assert found == ALICE.public
    assert checked == [ALICE.public]


def test_a_leaf_names_its_signer_though_nothing_else_of_it_is_read() -> None:
    made = certificates.issue_leaf(hashlib.sha256(b"alice").digest(), now() - timedelta(days=99))
    both = (BOB.public, ALICE.public)
    assert certificates.issued_by(made.certificate, both, now()) is None
    assert certificates.signed_by(made.certificate, both) == ALICE.public
    assert certificates.signed_by(made.certificate, (BOB.public,)) is None


@given(st.binary(max_size=200), st.integers(0, 700), st.booleans())
def test_bytes_that_are_no_leaf_have_no_signer(data: bytes, at: int, inside: bool) -> None:
    made = certificates.pem(data if inside else bytes([0x30, 0x84]) + data)
    assert certificates.signed_by(made, (ALICE.public,)) is None
    assert certificates.signed_by(made[:at] + data, (ALICE.public,)) is None
