"""Events on the wire (node/wire/watch.py)."""

import pytest

from consensus.envelope import Kind
from node.pb import watch_pb2 as pb
from node.wire import watch
from node.wire.watch import DETAIL_MAX, Event, WatchError, WatchRequest
from tests.harness.cast import ALICE, committee, ctx, signed

TASK = b"t" * 32
OPEN = signed(ALICE, Kind.TASK_OPEN, ctx(committee()), b"made up")


@pytest.mark.parametrize("opened", [OPEN, None], ids=["with its TaskOpen", "without"])
def test_an_event_comes_back_as_it_went(opened: watch.Envelope | None) -> None:
    event = Event(task=TASK, round=2, kind="judged", detail={"a": [1, "b", None]}, open=opened)
    assert watch.event_from_proto(watch.event_to_proto(event)) == event
    request = WatchRequest(task=TASK, open=opened)
    data = watch.watch_to_proto(request).SerializeToString()
    assert watch.watch_from_bytes(data) == request


def test_a_detail_may_be_as_large_as_its_bound_and_no_larger() -> None:
    room = DETAIL_MAX - len(b'{"t":""}')
    full = Event(task=TASK, round=0, kind="x", detail={"t": "a" * room})
    wire = watch.event_to_proto(full)
    assert watch.event_from_proto(wire) == full
    with pytest.raises(WatchError, match=r"event.detail is 1048577 bytes, over 1048576"):
        watch.event_to_proto(Event(task=TASK, round=0, kind="x", detail={"t": "a" * (room + 1)}))
    with pytest.raises(WatchError, match="over 1048576"):
        watch.event_from_proto(pb.Event(task=TASK, detail=wire.detail + b" "))


@pytest.mark.parametrize("detail", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_a_detail_that_is_no_object_is_refused(detail: bytes) -> None:
    with pytest.raises(WatchError, match=r"event.detail is not a JSON object"):
        watch.event_from_proto(pb.Event(task=TASK, detail=detail))


def test_a_task_id_has_32_bytes() -> None:
    with pytest.raises(WatchError, match="task is 3 bytes, not 32"):
        watch.event_from_proto(pb.Event(task=b"abc", detail=b"{}"))
    with pytest.raises(WatchError, match="task is 3 bytes, not 32"):
        watch.watch_from_bytes(pb.WatchRequest(task=b"abc").SerializeToString())
    with pytest.raises(WatchError, match="not readable"):
        watch.watch_from_bytes(b"\xff")
