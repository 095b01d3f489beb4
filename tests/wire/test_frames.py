"""Frames on the wire: there and back, and every bound at itself and one past it (rule T3)."""

from dataclasses import replace

import pytest

from consensus.envelope import Kind
from node.pb import peer_pb2 as pb
from node.wire import frames
from node.wire.frames import (
    Digest,
    FetchRequest,
    Frame,
    FrameError,
    Hello,
    LinkCode,
    LinkRefusal,
    Offer,
    Packet,
    TaskNote,
    Want,
)
from node.wire.limits import Limits
from tests.harness.cast import ALICE, NETWORK, committee, ctx, signed

TASK = b"t" * 32
ID = b"i" * 32
VOTE = signed(ALICE, Kind.PREVOTE, ctx(committee()), bytes(36))
LIMITS = Limits()

HELLO = Hello(
    versions=(1, 2),
    network=NETWORK,
    epoch=3,
    federation=ID,
    wall_ms=1_700_000_000_000,
    max_frame=1_048_576,
    max_envelope=16_777_472,
    software="quorate/0.1",
)
FULL = Packet(
    frame=Frame(
        envelopes=(VOTE, VOTE),
        digests=(Digest(task=TASK, round=2, verdict=ID, held=bytes(24)), Digest(task=ID, round=1)),
        wants=(Want(task=TASK, ids=(ID, TASK)), Want(task=TASK)),
        offers=(Offer(task=TASK, id=ID, size=2**40),),
        notes=(TaskNote(task=TASK, note=b"a note"),),
    ),
    hello=HELLO,
    refusal=LinkRefusal(code=LinkCode.CLOCK_SKEW, text="late"),
    ping=7,
    pong=2**63,
)


def test_a_packet_comes_back_as_it_went() -> None:
    assert frames.decode(frames.encode(FULL), LIMITS) == FULL
    assert frames.decode(frames.encode(Packet()), LIMITS) == Packet()


def test_a_field_of_a_later_version_is_passed_over() -> None:
    later = frames.encode(FULL) + b"\xfa\x01\x03abc"  # field 31, three bytes
    assert frames.decode(later, LIMITS) == FULL


def test_a_fetch_comes_back_as_it_went() -> None:
    request = FetchRequest(task=TASK, round=4, ids=(ID,))
    assert frames.fetch_from_proto(frames.fetch_to_proto(request), LIMITS) == request


def refusal_of(data: bytes, limits: Limits = LIMITS) -> LinkRefusal:
    with pytest.raises(FrameError) as caught:
        frames.decode(data, limits)
    return caught.value.refusal


def test_a_frame_may_have_as_many_bytes_as_its_bound_and_no_more() -> None:
    data = frames.encode(FULL)
    exact = replace(LIMITS, frame_bytes=len(data))
    assert frames.decode(data, exact) == FULL
    refusal = refusal_of(data, replace(LIMITS, frame_bytes=len(data) - 1))
    assert refusal.code == "frame_too_large"
    assert refusal.text == f"a frame of {len(data)} bytes; this node takes {len(data) - 1}"


def test_a_frame_may_have_as_many_entries_as_its_bound_and_no_more() -> None:
    data = frames.encode(FULL)
    assert frames.decode(data, replace(LIMITS, frame_entries=8)) == FULL
    refusal = refusal_of(data, replace(LIMITS, frame_entries=7))
    assert str(refusal) == "malformed_frame: 8 entries; this node takes 7"


def test_a_want_may_have_as_many_ids_as_its_bound_and_no_more() -> None:
    data = frames.encode(FULL)
    assert frames.decode(data, replace(LIMITS, want_ids=2)) == FULL
    assert "want asks for 2 ids" in refusal_of(data, replace(LIMITS, want_ids=1)).text


def test_a_digest_may_name_as_many_ids_as_its_bound_and_no_more() -> None:
    data = frames.encode(FULL)
    assert frames.decode(data, replace(LIMITS, held_ids=3)) == FULL
    assert "digest.held is 24 bytes" in refusal_of(data, replace(LIMITS, held_ids=2)).text


def test_a_fetch_may_name_as_many_ids_as_its_bound_and_no_more() -> None:
    message = pb.FetchRequest(task=TASK, ids=[ID] * 3)
    assert len(frames.fetch_from_proto(message, replace(LIMITS, fetch_ids=3)).ids) == 3
    with pytest.raises(FrameError, match="fetch asks for 3 ids; this node takes 2"):
        frames.fetch_from_proto(message, replace(LIMITS, fetch_ids=2))


def test_a_hello_may_name_as_many_versions_as_its_bound_and_no_more() -> None:
    most = replace(HELLO, versions=tuple(range(1, frames.VERSIONS_MAX + 1)))
    assert frames.hello_from_proto(frames.hello_to_proto(most)) == most
    for versions in ((), (*most.versions, 99)):
        with pytest.raises(FrameError, match=f"names {len(versions)} versions, not 1 to 16"):
            frames.hello_from_proto(frames.hello_to_proto(replace(HELLO, versions=versions)))


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (pb.Frame(digests=[pb.Digest(task=b"short")]), "digest.task is 5 bytes, not 32"),
        (pb.Frame(digests=[pb.Digest(task=TASK, verdict=b"v")]), "digest.verdict is 1 bytes"),
        (pb.Frame(digests=[pb.Digest(task=TASK, held=bytes(9))]), "digest.held is 9 bytes"),
        (pb.Frame(wants=[pb.Want(task=b"")]), "want.task is 0 bytes, not 32"),
        (pb.Frame(wants=[pb.Want(task=TASK, ids=[bytes(33)])]), "want.ids is 33 bytes, not 32"),
        (pb.Frame(offers=[pb.Offer(task=TASK)]), "offer.id is 0 bytes, not 32"),
        (pb.Frame(hello=pb.Hello(versions=[1], network=b"x")), "hello.network is 1 bytes"),
        (pb.Frame(hello=pb.Hello(versions=[1], network=ID)), "hello.federation is 0 bytes"),
    ],
)
def test_a_malformed_part_is_named(message: pb.Frame, problem: str) -> None:
    refusal = refusal_of(message.SerializeToString())
    assert refusal.code == "malformed_frame"
    assert problem in refusal.text


@pytest.mark.parametrize("data", [b"\xff", b"\x12\x05ab", b"\x32\x02\x0a\xff"])
def test_junk_is_malformed_and_not_a_crash(data: bytes) -> None:
    assert refusal_of(data).code == "malformed_frame"


def test_a_peers_words_are_cut_and_cleaned_before_anybody_reads_them() -> None:
    evil = LinkRefusal(code="lost", text="\x1b[2J" + "a" * 2_000)
    heard = frames.decode(frames.encode(Packet(refusal=evil)), LIMITS).refusal
    assert heard is not None
    assert heard.text == ("?[2J" + "a" * 2_000)[: frames.TEXT_MAX]
    said = replace(HELLO, software="s\n" * 40)
    hello = frames.decode(frames.encode(Packet(hello=said)), LIMITS).hello
    assert hello is not None
    assert hello.software == ("s?" * 40)[: frames.SOFTWARE_MAX]


def test_an_unknown_code_is_kept_in_the_text_and_counted_as_other() -> None:
    packet = Packet(refusal=LinkRefusal(code="moon_phase", text="wrong moon"))
    heard = frames.decode(frames.encode(packet), LIMITS).refusal
    assert heard == LinkRefusal(code=LinkCode.OTHER, text="moon_phase: wrong moon")


def test_a_refusal_is_read_back_from_its_text() -> None:
    busy = LinkRefusal(code=LinkCode.BUSY, text="4 fetches: wait")
    assert LinkRefusal.parse(str(busy)) == busy
    assert LinkRefusal.parse("Socket closed") is None
    assert LinkRefusal.parse("lost") is None
    assert LinkRefusal.parse("moon: x") is None
