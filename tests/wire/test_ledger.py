"""Facts on the wire: every bound at it and one past, and answers that break one (T3)."""

from collections.abc import Callable

import pytest

from node.pb import peer_pb2 as pb
from node.wire import ledger
from node.wire.frames import Frame, FrameError, Packet, decode, encode
from node.wire.ledger import FACT_IDS, REQUEST_MAX, SUMMARY_MAX, ProvenFact
from node.wire.limits import Limits
from node.wire.outbox import Outbox
from reputation import DEPTH, LEAF, IdSet, Summary


def ids(count: int) -> tuple[bytes, ...]:
    return tuple(number.to_bytes(32, "big") for number in range(count))


def of(count: int) -> IdSet:
    found = IdSet()
    for item in ids(count):
        found.add(item)
    return found


@pytest.mark.parametrize("count", [0, 1, LEAF, LEAF + 1])
def test_a_summary_is_read_as_it_was_written(count: int) -> None:
    made = of(count).summary(b"")
    data = ledger.summary_to_bytes(made)
    assert len(data) <= SUMMARY_MAX
    assert ledger.summary_from_bytes(data) == made


def test_requests_and_facts_are_read_as_they_were_written() -> None:
    for prefix in (b"", b"a", bytes(DEPTH)):
        data = ledger.summary_request_to_bytes(prefix)
        assert ledger.summary_request_from_bytes(data) == prefix
    data = ledger.facts_request_to_bytes(ids(FACT_IDS))
    assert len(data) <= REQUEST_MAX
    assert ledger.facts_request_from_bytes(data) == ids(FACT_IDS)
    fact = ProvenFact(kind=4, proof=b"proof")
    data = ledger.fact_to_bytes(fact)
    assert ledger.fact_from_bytes(data, len(data)) == fact


FULL = ledger.fact_to_bytes(ProvenFact(kind=1, proof=b"x"))


@pytest.mark.parametrize(
    "read",
    [
        lambda: ledger.summary_request_from_bytes(
            ledger.summary_request_to_bytes(bytes(DEPTH + 1))
        ),
        lambda: ledger.summary_request_from_bytes(bytes(REQUEST_MAX + 1)),
        lambda: ledger.summary_request_from_bytes(b"\xff"),
        lambda: ledger.facts_request_from_bytes(
            ledger.facts_request_to_bytes(tuple(b"" for _ in range(FACT_IDS + 1)))
        ),
        lambda: ledger.facts_request_from_bytes(ledger.facts_request_to_bytes((b"short",))),
        lambda: ledger.facts_request_from_bytes(bytes(REQUEST_MAX + 1)),
        lambda: ledger.facts_request_from_bytes(b"\xff"),
        lambda: ledger.fact_from_bytes(FULL, len(FULL) - 1),
        lambda: ledger.fact_from_bytes(b"\xff", 10),
        lambda: ledger.fact_from_bytes(pb.Fact(kind=0, proof=b"x").SerializeToString(), 10),
        lambda: ledger.fact_from_bytes(pb.Fact(kind=6, proof=b"x").SerializeToString(), 10),
        lambda: ledger.summary_from_bytes(bytes(SUMMARY_MAX + 1)),
        lambda: ledger.summary_from_bytes(b"\xff"),
        lambda: ledger.summary_from_bytes(pb.Summary(digest=bytes(31)).SerializeToString()),
        lambda: ledger.summary_from_bytes(
            pb.Summary(digest=bytes(32), parts=bytes(255 * 32)).SerializeToString()
        ),
        lambda: ledger.summary_from_bytes(
            pb.Summary(digest=bytes(32), ids=bytes(33)).SerializeToString()
        ),
        lambda: ledger.summary_from_bytes(
            ledger.summary_to_bytes(Summary(digest=bytes(32), count=1, ids=ids(LEAF + 1)))
        ),
    ],
    ids=map(str, range(17)),
)
def test_past_a_bound_there_is_a_typed_refusal(read: Callable[[], object]) -> None:
    with pytest.raises(FrameError) as caught:
        read()
    assert caught.value.refusal.code in ("malformed_frame", "frame_too_large")


def test_the_last_digest_of_a_ledger_travels_beside_whatever_else_does() -> None:
    limits = Limits()
    outbox = Outbox(limits)
    outbox.put(Frame(ledger=b"a" * 32))
    outbox.put(Frame(ledger=b"b" * 32))
    assert outbox
    packet = outbox.take(limits.frame_bytes)
    assert packet.frame == Frame(ledger=b"b" * 32)
    assert not outbox
    assert decode(encode(packet), limits) == packet


@pytest.mark.parametrize("size", [31, 33])
def test_a_digest_of_another_size_is_malformed(size: int) -> None:
    data = encode(Packet(frame=Frame(ledger=bytes(size))))
    with pytest.raises(FrameError, match="ledger is"):
        decode(data, Limits())
