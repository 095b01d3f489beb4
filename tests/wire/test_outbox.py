"""What waits for one link, and in which frames it goes (rules T2, T3)."""

from dataclasses import replace

import pytest

from consensus.envelope import Envelope, Kind
from node.wire import frames
from node.wire.bounds import INLINE_MAX
from node.wire.frames import Digest, Frame, LinkCode, LinkRefusal, Offer, Packet, Want
from node.wire.limits import ID_PREFIX, Limits
from node.wire.outbox import Outbox
from tests.harness.cast import ALICE, committee, ctx, signed

TASK = b"t" * 32
ID = b"i" * 32
LIMITS = Limits()


def vote(number: int, size: int = 36) -> Envelope:
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
