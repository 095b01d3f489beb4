"""Hostile calls at a running daemon's doors: its local socket, and its port for clients (rule T3).

After each kind of them an honest caller is served, and the daemon holds no more descriptors,
tasks or memory than before.
"""

import asyncio
import gc
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import grpc
import msgspec
import pytest

from consensus.bodies import AnswerKind, AnswerSpec, Budget, Content
from node import config, config_text, federation_file
from node.clock import SystemClock
from node.config import CONFIG_FILE, ClientsConfig
from node.federation import Client, split_address
from node.pb import control_pb2
from node.wire import control, tls
from node.wire.bounds import MIB, TASK_OPEN_MAX
from node.wire.client import SERVICE as PEER
from node.wire.client import open_client
from node.wire.control import Ask, ControlClient
from node.wire.doorkeeper import ABANDONED
from node.wire.guests import GuestClient
from node.wire.limits import Limits
from tests.harness import http2
from tests.harness.daemons import QUICK, Grove
from tests.harness.federations import free_address, person
from tests.harness.mangling import mangled
from tests.harness.meshes import PATIENCE_S
from tests.harness.rogue import bare
from tests.harness.scale import scaled

SERVICE = "/quorate.v1.Control/"
METHODS = ("Ask", "Watch", "Status", "ListVerdicts", "GetVerdict", "Feedback", "Prune", "Nothing")
AT_ONCE = 50
"""Connections that are open at the same time."""
FLOODS, TAKEN_BACK = 8, 2_000
"""Connections of a flood, and calls that each of them takes back: as many as a door takes on them
are far fewer than it lets wait, and all are more."""
FEW = 20
"""Connections that a port takes in a test."""
SPARE = 224 * MIB
"""Bytes by which a process may have grown when all is over: what allocators keep of fifty
connections at once, both ends of which are in this process (100 MiB after 250 of them, then some
8 MiB for each 250 more). A node by itself keeps 4 MiB after 2,000: the rest is the clients'."""
ANSWERS = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.UNAUTHENTICATED,
}


class Door:
    """One of alice's doors: `socket`, `clients`, or `members`, where honest callers come as
    clients and whoever is bare comes as mallory."""

    def __init__(self, grove: Grove, kind: str) -> None:
        self.grove, self.kind = grove, kind
        self.address = free_address()
        self._desk = person(grove.home, "desk")
        self.socket = config.control_socket(config.load(grove.home / "alice"))
        if kind != "socket":
            known = Client(name="desk", key=self._desk.public)
            grove.federation = grove.federation.with_client(known)
            federation_file.save(grove.federation_path, grove.federation)
            written = msgspec.structs.replace(
                config.load(grove.home / "alice"),
                clients=ClientsConfig(listen=self.address, asks_per_minute=1_000_000),
            )
            (grove.home / "alice" / CONFIG_FILE).write_text(config_text.render(written))

    def client(self) -> ControlClient:
        """An honest caller."""
        if self.kind == "socket":
            return ControlClient(self.socket)
        return GuestClient(
            self._desk.signing,
            self.grove.federation.network,
            self.grove.federation.find("alice"),
            self.address,
            clock=SystemClock(),
            limits=Limits(),
        )

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection; at a port one over TLS that believes anybody."""
        if self.kind == "socket":
            return await asyncio.open_unix_connection(self.socket)
        if self.kind == "clients":
            return await bare(self.address)
        members = self.grove.federation.find("alice").address
        return await bare(members, self.grove.people["mallory"])

    async def plainly(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection without TLS."""
        if self.kind == "socket":
            return await self.connect()
        return await asyncio.open_connection(*split_address(self.address))

    def asked(self) -> Ask:
        """A question that alice decides alone."""
        return Ask(
            messages=(Content(text="Which?"),),
            answer=AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b")),
            domain="",
            members=self.grove.keys("alice"),
            policy=QUICK,
            mode="",
            not_after_s=60,
            budget=Budget(),
        )

    def samples(self) -> dict[str, list[bytes]]:
        """Requests as they are, by method."""
        ask = control._ask_to_proto(self.asked())
        plain = {
            "Ask": ask,
            "Watch": control_pb2.GetVerdictRequest(prefix="ab" * 16),  # the same form
            "Status": control_pb2.StatusRequest(),
            "ListVerdicts": control_pb2.ListVerdictsRequest(limit=3),
            "GetVerdict": control_pb2.GetVerdictRequest(prefix="ab" * 32),
            "Feedback": control_pb2.FeedbackRequest(statement=bytes(range(200))),
            "Prune": control_pb2.PruneRequest(older_than_ms=5, keep=2, dry_run=True),
            "Nothing": ask,
        }
        return {name: [made.SerializeToString()] for name, made in plain.items()}

    async def serves(self) -> None:
        """An honest caller is told how the node is doing, and gets its verdict."""
        async with asyncio.timeout(PATIENCE_S), self.client() as client:
            assert (await client.status())["name"] == "alice"
            kinds = [event.kind async for event in client.ask(self.asked())]
            assert kinds[-1] == "verdict"

    def abandoned(self) -> int:
        """Calls that mallory took back at the port for members, as alice counts them."""
        peers = self.grove.nodes["alice"].status()["peers"]
        mallory = next(peer for peer in peers if peer["name"] == "mallory")
        return int(mallory["traffic"]["calls_refused"].get(ABANDONED, 0))


def open_() -> Iterator[str]:
    """What this process has open: sockets, files and pipes. Not what wakes threads, of which grpc
    makes one or two more when it is busy, and keeps them."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the listing's own is gone by now
            if not (found := str(descriptor.readlink())).startswith("anon_inode:"):
                yield found


class Held:
    """What this process holds; the daemon runs in it."""

    def __init__(self) -> None:
        gc.collect()
        self.descriptors = sum(1 for _ in open_())
        self.tasks = len(asyncio.all_tasks())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.memory = pages * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def door(home: Path, kind: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Door]:
    """The door of a running alice, which is as before when the test has had its way with it."""
    async with Grove(home, "alice", rogues=("mallory",)) as grove:
        found = Door(grove, kind)
        await grove.start("alice")
        await found.serves()  # what is made once is made
        before = Held()
        caplog.clear()
        yield found
        await found.serves()
        async with asyncio.timeout(2 * PATIENCE_S):
            while True:
                after = Held()
                live = grove.nodes["alice"].runner.live
                same = after.descriptors <= before.descriptors and after.tasks <= before.tasks
                if same and not live:
                    break
                async with found.client() as client:  # a while in which grpc closes what it may
                    await client.status()
        assert after.memory <= before.memory + SPARE
        said = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
        ours = tuple(f"raised by servicer method [{SERVICE}{name}]" for name in METHODS)
        assert not [one for one in said if one.endswith(ours)]


KINDS = pytest.mark.parametrize("kind", ["socket", "clients"])
ALL_KINDS = pytest.mark.parametrize("kind", ["socket", "clients", "members"])


async def together(work: list[Callable[[], Awaitable[None]]]) -> None:
    """All of it, so many at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(act: Callable[[], Awaitable[None]]) -> None:
        async with room:
            await act()

    await asyncio.gather(*map(one, work))


@pytest.mark.adversary
@KINDS
async def test_malformed_requests_get_a_typed_refusal(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(tmp_path, kind, caplog) as here, here.client() as client:
        samples, found = here.samples(), Counter[Any]()
        odd: list[Any] = []
        channel = client._channel

        async def one(number: int) -> None:
            rng = Random(number)
            name = rng.choice(METHODS)
            data = mangled(rng, samples[name])
            call = channel.unary_stream(SERVICE + name)(data)
            try:
                async for _ in call:
                    pass
            except grpc.aio.AioRpcError as error:
                if error.code() not in ANSWERS:
                    odd.append((number, name, data, error))
            found[await call.code()] += 1

        amount = scaled(quick=100, commit=300, night=20_000)
        await together([lambda at=at: one(at) for at in range(amount)])  # type: ignore[misc]
        assert not odd
        assert found.total() == amount
        assert {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED} <= found.keys()


@pytest.mark.adversary
@KINDS
async def test_connections_that_break_off_or_talk_nonsense_leave_nothing_behind(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(tmp_path, kind, caplog) as here:
        samples = here.samples()

        async def one(number: int) -> None:
            rng = Random(number)
            name = rng.choice(METHODS)
            said = http2.broken(rng, SERVICE + name, mangled(rng, samples[name]))
            connect = here.connect if rng.random() < 0.8 else here.plainly
            reader, writer = await connect()
            with suppress(OSError):
                writer.write(said)
                await writer.drain()
                if rng.random() < 0.5 and writer.can_write_eof():
                    writer.write_eof()  # and hears it out
                    await reader.read()
                elif rng.random() < 0.5:
                    await reader.read(1)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

        amount = scaled(quick=60, commit=150, night=1_000)
        await together([lambda at=at: one(at) for at in range(amount)])  # type: ignore[misc]


@KINDS
async def test_a_request_past_its_bound_is_refused_by_name_however_often_it_comes(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    bound = TASK_OPEN_MAX + MIB
    async with door(tmp_path, kind, caplog) as here, here.client() as client:

        async def one(name: str, size: int) -> Any:
            call = client._channel.unary_stream(SERVICE + name)(bytes(size))
            with suppress(grpc.aio.AioRpcError):
                async for _ in call:
                    pass
            return await call.code()

        names = ("Ask", "Watch", "Feedback", "Status")
        for name in names:
            assert await one(name, bound) is not grpc.StatusCode.RESOURCE_EXHAUSTED
        for _ in range(scaled(quick=2, commit=6, night=100)):
            codes = await asyncio.gather(*(one(name, bound + 1) for name in names))
            assert set(codes) == {grpc.StatusCode.RESOURCE_EXHAUSTED}


@pytest.mark.adversary
@ALL_KINDS
async def test_nobody_is_turned_away_while_others_take_calls_back_as_fast_as_they_make_them(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """grpc turns calls away once too many wait, and one connection alone can make that many."""
    async with door(tmp_path, kind, caplog) as here:
        path = f"/{PEER}/Fetch" if kind == "members" else SERVICE + "Status"
        alice = here.grove.keys("alice")[0]

        async def honest() -> None:
            if kind != "members":
                async with here.client() as client:
                    await client.status()
                return
            me, federation = here.grove.people["alice"], here.grove.federation
            async with open_client(me, federation, alice, SystemClock(), Limits()) as client:
                await client.summarise(b"")

        said = http2.begun() + http2.taken_back(path, range(1, 1 + 2 * TAKEN_BACK, 2))

        async def flood() -> None:
            reader, writer = await here.connect()
            hearing = asyncio.create_task(http2.heard_out(reader))
            with suppress(OSError):  # the door may have had enough of it
                writer.write(said)
                await writer.drain()
            flooded.release()
            await answered.wait()
            writer.transport.abort()
            await hearing

        for _ in range(scaled(quick=5, commit=20, night=1_000)):
            flooded, answered = asyncio.Semaphore(0), asyncio.Event()
            floods = [asyncio.create_task(flood()) for _ in range(FLOODS)]
            for _ in floods:
                await flooded.acquire()
            await honest()
            answered.set()
            await asyncio.gather(*floods)
        if kind == "members":
            assert here.abandoned()


@KINDS
async def test_an_honest_caller_is_served_while_many_hold_half_a_request_open(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(tmp_path, kind, caplog) as here:
        whole = http2.begun() + http2.call(SERVICE + "Ask", here.samples()["Ask"][0])
        ends = (1, len(http2.PREFACE), len(http2.begun()), len(whole) - 1)
        opened = []
        for at in range(AT_ONCE):
            _, writer = await here.connect()
            for byte in whole[: ends[at % len(ends)]]:
                writer.write(bytes([byte]))
            await writer.drain()
            opened.append(writer)
        await here.serves()
        for writer in opened:
            writer.transport.abort()


@pytest.mark.parametrize("method", ["Fetch", "Summarise", "FetchFacts", "Watch"])
async def test_a_call_of_a_member_that_asks_nothing_is_told_so(
    tmp_path: Path, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with door(tmp_path, "clients", caplog) as here:
        me, federation = here.grove.people["mallory"], here.grove.federation
        alice = here.grove.keys("alice")[0]
        async with open_client(me, federation, alice, SystemClock(), Limits()) as client:
            call = client.channel.stream_stream(f"/{PEER}/{method}")()
            async with asyncio.timeout(PATIENCE_S):
                await call.done_writing()
                assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
            del call  # which keeps the connection
        assert here.abandoned() == 1


@pytest.mark.parametrize("kind", ["clients", "members"])
async def test_a_port_takes_no_more_files_than_its_share(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "connections_max", lambda: FEW)
    async with door(tmp_path, kind, caplog) as here:
        held: list[asyncio.StreamWriter] = []

        async def one_more() -> None:
            with suppress(OSError):  # closed before its handshake
                held.append((await here.connect())[1])

        for _ in range(3 * FEW):
            await one_more()
        assert FEW // 2 < len(held) <= FEW  # one that is over may not be gone yet
        async with ControlClient(here.socket) as client:
            assert (await client.status())["name"] == "alice"
        before = len(held)
        for writer in held:
            writer.transport.abort()
        async with asyncio.timeout(PATIENCE_S):
            while len(held) < before + FEW // 2:  # when so many may come, there is room for others
                await one_more()
        for writer in held[before:]:
            writer.transport.abort()


@ALL_KINDS
async def test_a_call_whose_method_is_no_text_stops_no_server(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With grpcio 1.84 one such call, by whoever gets through to the port, was the last."""
    async with door(tmp_path, kind, caplog) as here:
        for path in (SERVICE + "\x93", "\xff\xfe", SERVICE + "Status\xc3"):
            reader, writer = await here.connect()
            writer.write(http2.begun() + http2.call(path, b""))
            await writer.drain()
            await reader.read(1)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        if kind == "members":
            rogue = await here.grove.rogue()
            await here.grove.hear_out(rogue, "alice")
            await rogue.stop()
