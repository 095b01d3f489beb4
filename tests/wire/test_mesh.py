"""A mesh of members in one process: links, frames, fetches, restarts and refusals (T1 to T3)."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from consensus.envelope import Envelope, Kind
from node import identity
from node.clock import SystemClock
from node.federation import Federation, FederationError
from node.wire import toll
from node.wire.client import SERVICE, PeerError, open_client
from node.wire.frames import (
    Digest,
    FetchRequest,
    Frame,
    LinkCode,
    LinkRefusal,
    Offer,
    Want,
    envelope_to_proto,
)
from node.wire.ledger import ProvenFact
from node.wire.limits import Limits
from node.wire.link import LinkEndedError
from node.wire.server import ListenError
from node.wire.service import FETCH_MAX
from node.wire.watch import WATCH_MAX, Event, WatchRequest
from tests.harness import cast
from tests.harness.cast import committee, ctx, signed
from tests.harness.federations import Named
from tests.harness.loglines import captured
from tests.harness.meshes import PATIENCE_S, QUICK, Listener, Orchard, Relay, ShiftedClock

TASK = b"t" * 32
CTX = ctx(committee())


def vote(name: str, number: int) -> Envelope:
    """A made-up vote of a member of the cast."""
    return signed(cast.key(name), Kind.PREVOTE, CTX, number.to_bytes(36, "big"))


async def test_four_members_link_up_and_everybody_hears_everybody(tmp_path: Path) -> None:
    names = ("alice", "bob", "carol", "dave")
    async with Orchard(tmp_path, *names) as orchard:
        await orchard.start()
        await orchard.linked()
        for name in names:
            for other in names:
                if other != name:
                    frame = Frame(
                        envelopes=(vote(name, 1),),
                        digests=(Digest(task=TASK, round=1, held=bytes(8)),),
                        wants=(Want(task=TASK),),
                        offers=(Offer(task=TASK, id=TASK, size=99),),
                    )
                    orchard.meshes[name].send(orchard.key(other), frame)
        for name in names:
            heard = orchard.heard[name]
            await heard.until(lambda: len(heard.frames) == 3)  # noqa: B023
            for sender, frame in heard.frames:
                who = orchard.federation.label(sender)
                assert frame.envelopes == (vote(who, 1),)
                assert frame.digests[0].held == bytes(8)
                assert frame.wants == (Want(task=TASK),)
                assert frame.offers[0].size == 99


async def test_what_is_sent_in_one_tick_travels_in_one_frame_and_in_order(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start()
        await orchard.linked()
        sent = [vote("alice", number) for number in range(QUICK.slice_envelopes)]
        for envelope in sent:
            orchard.meshes["alice"].send(orchard.key("bob"), Frame(envelopes=(envelope,)))
        bob = orchard.heard["bob"]
        await bob.until(lambda: len(bob.envelopes(orchard.key("alice"))) == len(sent))
        assert bob.envelopes(orchard.key("alice")) == sent
        assert len(bob.frames) == 1


async def test_the_member_with_the_smaller_key_dials(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        first, second = orchard.by_key("alice", "bob")
        await orchard.start(second)
        with captured() as logs:
            await orchard.start(first)
            await orchard.linked()
        assert orchard.meshes[second].status()[0].traffic.links == 1
        assert [line["event"] for line in logs] == ["link_up", "link_up"]


async def test_hello_tells_who_speaks_what_and_the_round_trip_is_measured(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start()
        await orchard.linked()
        alice = orchard.heard["alice"]
        await alice.until(lambda: alice.rtts)
        assert alice.rtts[0][0] == orchard.key("bob")
        ((who, hello),) = alice.ups
        assert who == orchard.key("bob")
        assert hello.versions == (1,)
        assert hello.federation == orchard.federation.hash
        assert hello.max_frame == QUICK.frame_bytes
        (status,) = orchard.meshes["alice"].status()
        assert status.up
        assert status.rtt_ms == alice.rtts[-1][1] >= 1
        assert not status.federation_differs


async def test_a_member_that_is_away_is_sent_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        orchard.meshes["alice"].send(orchard.key("bob"), Frame(envelopes=(vote("alice", 1),)))
        assert orchard.meshes["alice"].up == frozenset()
        with pytest.raises(KeyError):
            orchard.meshes["alice"].send(cast.MALLORY.public, Frame())


@pytest.mark.parametrize("leaver", [0, 1], ids=["the dialler", "the acceptor"])
async def test_a_node_that_stops_says_so_and_is_found_again_when_it_is_back(
    tmp_path: Path, leaver: int
) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        pair = orchard.by_key("alice", "bob")
        gone, left = pair[leaver], pair[1 - leaver]
        await orchard.start()
        await orchard.linked()
        before = orchard.heard[gone]
        await orchard.stop(gone)
        goodbye = LinkRefusal(code=LinkCode.STOPPING, text="this node is shutting down")
        await orchard.heard[left].until(lambda: orchard.heard[left].downs)
        assert orchard.heard[left].downs == [(orchard.key(gone), goodbye)]
        assert before.downs == [(orchard.key(left), goodbye)]
        assert orchard.meshes[left].up == frozenset()
        await orchard.start(gone)
        await orchard.linked()
        orchard.meshes[left].send(orchard.key(gone), Frame(envelopes=(vote(left, 2),)))
        back = orchard.heard[gone]
        await back.until(lambda: back.envelopes(orchard.key(left)) == [vote(left, 2)])


async def test_a_cut_connection_goes_down_on_both_sides_and_comes_back(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        first, second = orchard.by_key("alice", "bob")
        async with Relay(orchard.address(second)) as relay:
            await orchard.start(second)
            await orchard.start(first, federation=moved(orchard.federation, second, relay.address))
            await orchard.linked()
            relay.cut()
            for name, other in ((first, second), (second, first)):
                heard = orchard.heard[name]
                await heard.until(lambda: heard.downs)  # noqa: B023
                ((who, reason),) = heard.downs
                assert who == orchard.key(other)
                assert reason.code == "lost"
                await heard.until(lambda: len(heard.ups) == 2)  # noqa: B023


def moved(federation: Federation, name: str, address: str) -> Federation:
    """The federation as a member sees it that reaches another one elsewhere."""
    members = tuple(
        replace(one, address=address) if one.name == name else one for one in federation.members
    )
    return replace(federation, members=members)


async def test_a_connection_that_falls_silent_is_found_dead_by_keepalive(tmp_path: Path) -> None:
    limits = replace(QUICK, keepalive_ms=200)
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        first, second = orchard.by_key("alice", "bob")
        async with Relay(orchard.address(second)) as relay:
            await orchard.start(second, limits=limits)
            reached = moved(orchard.federation, second, relay.address)
            await orchard.start(first, federation=reached, limits=limits)
            await orchard.linked()
            relay.freeze()
            for name in (first, second):
                heard = orchard.heard[name]
                await heard.until(lambda: heard.downs)  # noqa: B023
                assert heard.downs[0][1].code == "lost"
            relay.thaw()
            await orchard.linked()


async def test_another_federation_file_is_a_warning_and_no_refusal(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        with captured() as logs:
            await orchard.start("bob", federation=replace(orchard.federation, epoch=2))
            await orchard.linked()
        for name in ("alice", "bob"):
            (status,) = orchard.meshes[name].status()
            assert status.federation_differs
        told = [line for line in logs if line["event"] == "federation_differs"]
        assert {(line["peer"], line["our_epoch"], line["their_epoch"]) for line in told} == {
            ("bob", 1, 2),
            ("alice", 2, 1),
        }
        assert {line["log_level"] for line in told} == {"warning"}


REFUSED_BY_BOTH = [
    (
        "another network",
        lambda orchard: {"federation": replace(orchard.federation, network=bytes(32))},
        "wrong_network",
        f"{'00' * 32}",
    ),
    (
        "a clock an hour late",
        lambda orchard: {"clock": ShiftedClock(-3_600_000)},
        "clock_skew",
        "s apart, over 60 s",
    ),
]


@pytest.mark.parametrize("side", [0, 1], ids=["the dialler", "the acceptor"])
@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [case[1:] for case in REFUSED_BY_BOTH],
    ids=[case[0] for case in REFUSED_BY_BOTH],
)
async def test_a_refusal_is_known_on_both_sides_and_logged_once(
    tmp_path: Path, changes: object, code: str, text: str, side: int
) -> None:
    assert callable(changes)
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        odd = orchard.by_key("alice", "bob")[side]
        with captured() as logs:
            for name in ("alice", "bob"):
                await orchard.start(name, **(changes(orchard) if name == odd else {}))
            dialler, acceptor = orchard.by_key("alice", "bob")
            await ended(orchard, dialler, code, times=3)
        for name in (dialler, acceptor):
            (status,) = orchard.meshes[name].status()
            assert status.last_end is not None
            assert status.last_end.code == code
            assert text in status.last_end.text
            assert not status.up
            assert orchard.heard[name].ups == []
        assert sorted(line["by"] for line in logs if line.get("code") == code) == ["peer", "us"]


async def ended(orchard: Orchard, name: str, code: str, times: int = 1) -> None:
    """Wait until so many attempts of a dialling node have ended for that reason."""
    mesh = orchard.meshes[name]
    await orchard.clocks[name].until(lambda: mesh.status()[0].traffic.ends.get(code, 0) >= times)


async def test_a_node_that_the_other_does_not_know_is_told_where_to_look(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        dialler, acceptor = orchard.by_key("alice", "bob")
        await orchard.start(acceptor, federation=orchard.without(dialler))
        await orchard.start(dialler)
        await ended(orchard, dialler, "certificate")
        (status,) = orchard.meshes[dialler].status()
        assert status.last_end is not None
        assert "its federation file may lack this node's key" in status.last_end.text
        assert orchard.meshes[acceptor].status() == []


async def test_a_second_daemon_on_one_identity_is_refused_and_the_first_goes_on(
    tmp_path: Path,
) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        dialler, acceptor = orchard.by_key("alice", "bob")
        await orchard.start()
        await orchard.linked()
        first = orchard.heard[dialler]
        second = orchard.mesh(dialler, listen="127.0.0.1:0")
        await second.start()
        try:
            await orchard.clocks[dialler].until(lambda: second.status()[0].traffic.ends)
            (status,) = second.status()
            assert status.last_end is not None
            assert status.last_end.code == "duplicate_link"
            assert "does a second daemon run on your identity?" in status.last_end.text
        finally:
            await second.stop(1)
        assert first.downs == []
        assert orchard.meshes[acceptor].up == {orchard.key(dialler)}


async def test_a_call_from_the_side_that_should_be_called_is_refused(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        dialler, acceptor = orchard.by_key("alice", "bob")
        await orchard.start(dialler)
        mesh = orchard.mesh(acceptor)
        with pytest.raises(LinkEndedError) as caught:
            await call_link(mesh, orchard.key(dialler))
        assert caught.value.end.reason == LinkRefusal(
            code=LinkCode.WRONG_DIALLER,
            text="of a pair the member with the smaller key dials; wait for our call",
        )


async def test_a_node_that_dials_itself_is_told_so(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        with captured() as logs, pytest.raises(LinkEndedError) as caught:
            await call_link(orchard.mesh("bob", identity=orchard.people["alice"]), None)
        assert "your identity is this very node's" in caught.value.end.reason.text
        assert [line["caller"] for line in logs if line["event"] == "caller_refused"]


async def call_link(mesh: object, member: bytes | None) -> None:
    """Greet a member on a stream of our own, whoever should have dialled."""
    from node.wire.client import open_channel
    from node.wire.dial import DialledStream
    from node.wire.link import greet
    from node.wire.mesh import Mesh

    assert isinstance(mesh, Mesh)
    federation = mesh._federation
    found = federation.member(member or mesh._identity.public)
    assert found is not None
    leaf = mesh._leaves.current()
    stream = DialledStream(open_channel(leaf, found, QUICK, receive=2**20), found)
    try:
        await greet(stream, mesh._hello(), QUICK)
    finally:
        await stream.drop()


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        port = orchard.address("alice")
        second = orchard.mesh("bob", listen=port)
        with pytest.raises(ListenError) as caught:
            await second.start()
        assert caught.value.errno == errno.EADDRINUSE
        assert caught.value.strerror == (
            f"cannot listen on {port}: Address already in use; another program or node has "
            "that port"
        )
        await second.stop(0)


@pytest.mark.parametrize(
    ("listen", "problem"),
    [
        ("127.0.0.1:notaport", "cannot listen on 127.0.0.1:notaport"),
        ("192.0.2.1:7000", "Cannot assign requested address"),
    ],
)
async def test_an_address_that_is_not_ours_is_named(
    tmp_path: Path, listen: str, problem: str
) -> None:
    async with Orchard(tmp_path, "alice") as orchard:
        with pytest.raises(ListenError, match=problem):
            await orchard.mesh("alice", listen=listen).start()


async def test_any_free_port_is_found_and_known(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice") as orchard:
        await orchard.start("alice", listen="127.0.0.1:0")
        port = orchard.meshes["alice"].port
        with socket.create_connection(("127.0.0.1", port)):
            pass


async def test_a_federation_of_one_has_nobody_to_link_with(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice") as orchard:
        await orchard.start()
        assert orchard.meshes["alice"].up == frozenset()
        assert orchard.meshes["alice"].status() == []


# Calls beside the link.

REQUEST = FetchRequest(task=TASK, round=3, ids=(bytes(32),))


async def test_envelopes_are_fetched_from_either_side_of_a_link(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start()
        await orchard.linked()
        large = signed(cast.ALICE, Kind.BATCH, CTX, bytes(2**20))
        for name, other in (("alice", "bob"), ("bob", "alice")):
            orchard.heard[other].held = [vote(other, 1), large]
            got = [one async for one in orchard.meshes[name].fetch(orchard.key(other), REQUEST)]
            assert got == [vote(other, 1), large]
            assert orchard.heard[other].fetches == [(orchard.key(name), REQUEST)]


async def test_a_fetch_needs_no_link(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        first, second = orchard.by_key("alice", "bob")
        await orchard.start(first)
        orchard.heard[first].held = [vote("alice", 1)]
        lone = orchard.mesh(second)
        got = [one async for one in lone.fetch(orchard.key(first), REQUEST)]
        assert got == [vote("alice", 1)]
        await lone.stop(0)


async def test_a_fetch_from_a_member_that_is_away_fails_with_its_name(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        with pytest.raises(PeerError, match="bob: unreachable: nothing listens at") as caught:
            async for _ in orchard.meshes["alice"].fetch(orchard.key("bob"), REQUEST):
                pass
        assert caught.value.reason.code == "unreachable"


async def fetched(orchard: Orchard, me: str, other: str, request: FetchRequest) -> list[Envelope]:
    return [one async for one in orchard.meshes[me].fetch(orchard.key(other), request)]


async def test_a_fetch_may_name_as_many_ids_as_its_bound_and_no_more(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start()
        full = replace(REQUEST, ids=(bytes(32),) * Limits().fetch_ids)
        assert await fetched(orchard, "alice", "bob", full) == []
        over = replace(REQUEST, ids=(bytes(32),) * (Limits().fetch_ids + 1))
        with pytest.raises(PeerError, match="malformed_frame: fetch asks for 4097 ids"):
            await fetched(orchard, "alice", "bob", over)


@pytest.mark.parametrize(
    ("method", "bound", "at", "past"),
    [
        ("Fetch", FETCH_MAX, "not readable as a fetch", "a fetch of 1048577 bytes"),
        ("Watch", WATCH_MAX, "not readable as a request to watch", "the request is 16778497 bytes"),
    ],
)
async def test_a_request_is_measured_before_it_is_read(
    tmp_path: Path, method: str, bound: int, at: str, past: str
) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("bob", limits=replace(QUICK, frame_bytes=bound))
        client = open_client(
            orchard.people["alice"],
            orchard.federation,
            orchard.key("bob"),
            SystemClock(),
            Limits(),
        )
        async with client:
            for size, text in ((bound, at), (bound + 1, past)):
                call = client.channel.unary_stream(f"/{SERVICE}/{method}")(b"\xff" * size)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
                assert f"malformed_frame: {text}" in str(caught.value.details())


async def test_an_answer_ends_at_its_bound_and_the_rest_is_asked_for_again(
    tmp_path: Path,
) -> None:
    size = envelope_to_proto(vote("bob", 1)).ByteSize()
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        await orchard.start("bob", limits=replace(QUICK, fetch_bytes=3 * size))
        orchard.heard["bob"].held = [vote("bob", number) for number in range(5)]
        assert len(await fetched(orchard, "alice", "bob", REQUEST)) == 3
        orchard.heard["bob"].held = [vote("bob", number) for number in range(3)]
        assert len(await fetched(orchard, "alice", "bob", REQUEST)) == 3
        heard = orchard.heard["bob"]
        await heard.until(lambda: heard.closed == 2)


@pytest.mark.parametrize("spare", [0, -1])
async def test_an_answer_larger_than_we_asked_for_is_a_fault_of_the_peer(
    tmp_path: Path, spare: int
) -> None:
    size = envelope_to_proto(vote("bob", 1)).ByteSize()
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        limits = replace(QUICK, envelope_bytes=size + spare)
        await orchard.start("alice", limits=limits)
        await orchard.start("bob")
        orchard.heard["bob"].held = [vote("bob", 1)]
        if spare == 0:
            assert await fetched(orchard, "alice", "bob", REQUEST) == [vote("bob", 1)]
            return
        with pytest.raises(PeerError, match="its answer to a fetch is too large"):
            await fetched(orchard, "alice", "bob", REQUEST)


async def test_one_fetch_more_than_the_bound_is_told_to_wait(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob", "carol") as orchard:
        await orchard.start(limits=replace(QUICK, fetches=2))
        await orchard.linked()
        bob = orchard.heard["bob"]
        bob.gate.clear()
        waiting = [asyncio.create_task(fetched(orchard, "alice", "bob", REQUEST)) for _ in range(2)]
        await bob.until(lambda: len(bob.fetches) == 2)
        with pytest.raises(PeerError, match="busy: 2 fetches of yours are under way here"):
            await fetched(orchard, "alice", "bob", REQUEST)
        other = asyncio.create_task(fetched(orchard, "carol", "bob", REQUEST))
        await bob.until(lambda: len(bob.fetches) == 3)  # another member has places of its own
        bob.gate.set()
        assert await asyncio.gather(*waiting, other) == [[], [], []]
        assert await fetched(orchard, "alice", "bob", REQUEST) == []


async def test_a_fetch_that_waits_for_its_turn_has_a_place_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toll, "CALL", toll.BURST + 10)  # nobody is served at once
    async with Orchard(tmp_path, "alice", "bob") as orchard, asyncio.timeout(PATIENCE_S):
        await orchard.start(limits=replace(QUICK, fetches=1))
        await orchard.linked()
        bob = orchard.heard["bob"]
        bob.gate.clear()
        calls = [asyncio.create_task(fetched(orchard, "alice", "bob", REQUEST)) for _ in range(2)]
        (done,), (waiting,) = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        with pytest.raises(PeerError, match="busy: 1 fetches of yours are under way here"):
            await done
        bob.gate.set()
        assert await waiting == []
        assert len(bob.fetches) == 1


async def held_up(orchard: Orchard) -> tuple[Listener, AsyncIterator[Envelope]]:
    """Alice's fetch from bob, who holds the answer up after its first envelope."""
    await orchard.linked()
    bob = orchard.heard["bob"]
    bob.held = [vote("bob", 1)]
    bob.gate.clear()
    answer = orchard.meshes["alice"].fetch(orchard.key("bob"), REQUEST)
    assert await anext(answer) == vote("bob", 1)
    return bob, answer


async def test_a_fetch_ends_with_its_time_and_what_came_by_then_is_kept(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start(limits=replace(QUICK, fetch_ms=300))
        bob, answer = await held_up(orchard)
        with pytest.raises(PeerError):
            await anext(answer)
        await bob.until(lambda: bob.closed == 1)  # and the place is free again
        bob.gate.set()
        assert await fetched(orchard, "alice", "bob", REQUEST) == [vote("bob", 1)]


async def test_one_question_about_facts_more_than_the_bound_is_told_to_wait(
    tmp_path: Path,
) -> None:
    async def asked() -> list[ProvenFact]:
        answer = orchard.meshes["alice"].facts(orchard.key("bob"), (bytes(32),))
        return [one async for one in answer]

    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start(limits=replace(QUICK, ledgers=1))
        await orchard.linked()
        bob = orchard.heard["bob"]
        bob.gate.clear()
        waiting = asyncio.create_task(asked())
        await bob.until(lambda: bob.lacking)
        with pytest.raises(PeerError, match="busy: 1 ledgers of yours are under way here"):
            await asked()
        bob.gate.set()
        assert await waiting == []
        assert await asked() == []


async def test_a_fetch_that_is_dropped_frees_its_place(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start(limits=replace(QUICK, fetches=1))
        bob, answer = await held_up(orchard)
        await answer.aclose()  # type: ignore[attr-defined]
        await bob.until(lambda: bob.closed == 1)
        bob.gate.set()
        assert await fetched(orchard, "alice", "bob", REQUEST) == [vote("bob", 1)]


async def test_an_answer_nobody_waits_for_any_more_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("bob")
        bob = orchard.heard["bob"]
        bob.held = [signed(cast.ALICE, Kind.BATCH, CTX, bytes(2**20))] * 20
        for number in range(5):
            client = open_client(
                orchard.people["alice"],
                orchard.federation,
                orchard.key("bob"),
                SystemClock(),
                Limits(),
            )
            assert await anext(client.fetch(REQUEST)) == bob.held[0]
            await client.close()
            await bob.until(lambda: bob.closed == number + 1)  # noqa: B023
    assert caplog.records == []


async def test_a_task_is_followed_on_another_node_as_a_member(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("bob")
        bob = orchard.heard["bob"]
        opened = vote("alice", 1)
        bob.events = [
            Event(task=TASK, round=0, kind="accepted", detail={"by": "bob"}, open=opened),
            Event(task=TASK, round=1, kind="committed", detail={"members": [1, 2.5, None]}),
        ]
        client = open_client(
            orchard.people["alice"],
            orchard.federation,
            orchard.key("bob"),
            SystemClock(),
            Limits(),
        )
        async with client:
            got = [one async for one in client.watch(WatchRequest(task=TASK, open=opened))]
        assert got == bob.events
        assert bob.watches == [(orchard.key("alice"), WatchRequest(task=TASK, open=opened))]


async def test_a_node_may_be_asked_by_its_own_operator(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("alice")
        alice = orchard.people["alice"]
        again = identity.load(alice.directory)
        client = open_client(again, orchard.federation, alice.public, SystemClock(), Limits())
        async with client:
            assert [one async for one in client.watch(WatchRequest(task=TASK))] == []


def test_a_stranger_cannot_be_asked(tmp_path: Path) -> None:
    orchard = Orchard(tmp_path, "alice")
    with pytest.raises(FederationError, match="is not a member of orchard"):
        open_client(
            orchard.people["alice"],
            orchard.federation,
            cast.MALLORY.public,
            SystemClock(),
            Limits(),
        )


async def test_one_watch_more_than_the_bound_is_told_to_wait(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("bob", limits=replace(QUICK, watches=1))
        bob = orchard.heard["bob"]
        bob.gate.clear()
        bob.events = [Event(task=TASK, round=0, kind="x", detail={})]
        client = open_client(
            orchard.people["alice"],
            orchard.federation,
            orchard.key("bob"),
            SystemClock(),
            Limits(),
        )
        async with client:
            first = client.watch(WatchRequest(task=TASK))
            assert (await anext(first)).kind == "x"
            with pytest.raises(PeerError, match="busy: 1 watches of yours are under way here"):
                await anext(client.watch(WatchRequest(task=TASK)))
            bob.gate.set()
            assert [one async for one in first] == []


async def test_a_malformed_request_to_watch_is_named(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start("bob")
        client = open_client(
            orchard.people["alice"],
            orchard.federation,
            orchard.key("bob"),
            SystemClock(),
            Limits(),
        )
        async with client:
            with pytest.raises(PeerError, match="malformed_frame: task is 5 bytes, not 32"):
                await anext(client.watch(WatchRequest(task=b"short")))


async def test_a_stopping_node_ends_calls_after_its_grace(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as orchard:
        await orchard.start()
        await orchard.linked()
        bob = orchard.heard["bob"]
        bob.gate.clear()
        waiting = asyncio.create_task(fetched(orchard, "alice", "bob", REQUEST))
        await bob.until(lambda: bob.fetches)
        await orchard.meshes.pop("bob").stop(0)
        with pytest.raises(PeerError):
            await waiting
        assert bob.closed == 1


def test_identities_of_the_tests_are_those_of_the_cast(tmp_path: Path) -> None:
    assert Named("alice").draw(32) != Named("bob").draw(32)
    assert Orchard(tmp_path, "alice").key("alice") == cast.ALICE.public
