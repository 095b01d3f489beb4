"""Frames on the wire: there and back, and every bound at itself and one past it (rule T3)."""

from dataclasses import replace

import pytest

from consensus.envelope import Kind
from node.pb import peer_pb2 as pb
from node.wire import frames
from node.wire.bounds import INLINE_MAX
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
    Want,
)
from node.wire.limits import ID_PREFIX, Limits
from node.wire.outbox import Outbox
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
    assert frames.decode(data, replace(LIMITS, frame_entries=7)) == FULL
    refusal = refusal_of(data, replace(LIMITS, frame_entries=6))
    assert str(refusal) == "malformed_frame: 7 entries; this node takes 6"


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


# The outbox: what a link's writer takes.


def vote(number: int, size: int = 36) -> frames.Envelope:
    return signed(ALICE, Kind.PREVOTE, ctx(committee()), number.to_bytes(size, "big"))


def digest(number: int, held: int = 0, *, round_: int = 1) -> Digest:
    return Digest(task=number.to_bytes(32, "big"), round=round_, held=bytes(held * ID_PREFIX))


def everything(outbox: Outbox, frame_bytes: int = LIMITS.frame_bytes) -> list[Packet]:
    packets = []
    while outbox:
        packets.append(outbox.take(frame_bytes))
    return packets


def test_what_was_put_between_two_turns_travels_in_one_frame() -> None:
    outbox = Outbox(LIMITS)
    assert outbox.put(Frame(envelopes=(vote(1),), wants=(Want(task=TASK),)))
    assert outbox.put(Frame(envelopes=(vote(2),), digests=(digest(1),)))
    (packet,) = everything(outbox)
    assert packet.frame == Frame(
        envelopes=(vote(1), vote(2)), wants=(Want(task=TASK),), digests=(digest(1),)
    )
    assert outbox.waiting == 0


def test_frames_stay_under_the_peers_limit_and_keep_the_order() -> None:
    outbox = Outbox(LIMITS)
    sent = [vote(number, 20_000) for number in range(10)]
    for envelope in sent:
        assert outbox.put(Frame(envelopes=(envelope,), digests=(digest(1, 1_000),)))
    assert outbox.put(Frame(offers=(Offer(task=TASK, id=ID, size=1),)))
    packets = everything(outbox, 65_536)
    assert len(packets) == 4
    assert all(len(frames.encode(packet)) <= 65_536 for packet in packets)
    assert [one for packet in packets for one in packet.frame.envelopes] == sent


def test_the_largest_parts_fit_the_smallest_frame() -> None:
    outbox = Outbox(LIMITS)
    assert outbox.put(
        Frame(
            envelopes=(vote(1, INLINE_MAX),),
            digests=(digest(1, LIMITS.held_ids),),
            wants=(Want(task=TASK, ids=(ID,) * (2 * LIMITS.want_ids + 1)),),
        )
    )
    packets = everything(outbox, 2 * INLINE_MAX)
    assert all(len(frames.encode(packet)) <= 2 * INLINE_MAX for packet in packets)
    for packet in packets:
        assert frames.decode(frames.encode(packet), LIMITS) == packet
    wants = [len(want.ids) for packet in packets for want in packet.frame.wants]
    assert wants == [LIMITS.want_ids, LIMITS.want_ids, 1]


def test_entries_of_a_frame_are_bounded() -> None:
    outbox = Outbox(replace(LIMITS, frame_entries=3))
    assert outbox.put(Frame(envelopes=tuple(vote(number) for number in range(7))))
    assert [len(packet.frame.envelopes) for packet in everything(outbox)] == [3, 3, 1]


def test_a_newer_digest_replaces_the_older_one_of_its_round() -> None:
    outbox = Outbox(LIMITS)
    outbox.put(Frame(digests=(digest(1, 1), digest(1, 1, round_=2), digest(2, 1))))
    outbox.put(Frame(digests=(digest(1, 5),)))
    (packet,) = everything(outbox)
    assert packet.frame.digests == (digest(1, 1, round_=2), digest(2, 1), digest(1, 5))
    assert outbox.waiting == 0


def test_a_full_queue_drops_the_oldest_digests_and_no_envelope() -> None:
    one = frames.envelope_size(vote(1)) + frames.digest_size(digest(1, 10))
    outbox = Outbox(replace(LIMITS, queue_bytes=2 * one))
    assert outbox.put(Frame(envelopes=(vote(1),), digests=(digest(1, 10),)))
    assert outbox.put(Frame(envelopes=(vote(2),), digests=(digest(2, 10),)))
    assert (outbox.waiting, outbox.digests_dropped) == (2 * one, 0)
    assert outbox.put(Frame(wants=(Want(task=TASK),)))
    assert outbox.digests_dropped == 1
    (packet,) = everything(outbox)
    assert packet.frame.envelopes == (vote(1), vote(2))
    assert packet.frame.digests == (digest(2, 10),)


def test_a_queue_holds_its_bound_of_envelopes_and_not_one_byte_more() -> None:
    size = frames.envelope_size(vote(1))
    assert Outbox(replace(LIMITS, queue_bytes=3 * size)).put(Frame(envelopes=(vote(1),) * 3))
    assert not Outbox(replace(LIMITS, queue_bytes=3 * size - 1)).put(
        Frame(envelopes=(vote(1),) * 3)
    )


def test_a_refusal_goes_before_everything_that_waits() -> None:
    outbox = Outbox(LIMITS)
    refusal = LinkRefusal(code=LinkCode.STOPPING, text="bye")
    outbox.put(Frame(envelopes=(vote(1),)))
    outbox.refuse(refusal)
    assert outbox.take(LIMITS.frame_bytes) == Packet(refusal=refusal)


def test_pings_and_pongs_go_once() -> None:
    outbox = Outbox(LIMITS)
    outbox.ping(5)
    outbox.pong(6)
    assert everything(outbox) == [Packet(ping=5, pong=6)]


def test_what_no_peer_takes_is_the_callers_mistake() -> None:
    outbox = Outbox(LIMITS)
    with pytest.raises(ValueError, match="not inline"):
        outbox.put(Frame(envelopes=(vote(1, INLINE_MAX + 1),)))
    with pytest.raises(ValueError, match="a digest of 8001 ids; at most 8000"):
        outbox.put(Frame(digests=(digest(1, LIMITS.held_ids + 1),)))
    assert not outbox


def test_an_envelope_is_inline_up_to_its_bound() -> None:
    room = INLINE_MAX - (frames.envelope_size(vote(1)) - 36)
    assert frames.is_inline(vote(1, room))
    assert not frames.is_inline(vote(1, room + 1))
