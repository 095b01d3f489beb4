"""Bounds of what is read, each at the limit and one past it, and what reading costs (rule T3).

Bounds that need daemons, links or a committee have their tests beside what they bound: the gate's
sizes in `wire/test_admission.py`, frames in `wire/test_frames.py`, calls and errands in
`node/test_daemon_floods.py`, the ledger's in `wire/test_ledger.py`.
"""

import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from consensus import canonical
from consensus.bodies import (
    MAX_CITATIONS,
    MAX_MESSAGES,
    MAX_NOTES,
    MAX_OPTIONS,
    MAX_REPORT_IDS,
    MAX_SPEAKERS,
    MAX_VALUE,
    BodyError,
    Propose,
)
from consensus.committee import MAX_DESCRIPTOR, MAX_MEMBERS, Committee
from consensus.envelope import Kind, Stage
from consensus.verdict import Bundle, BundleError, encode_evidence
from consensus.verdict.bundle import SPAN
from node import proofs, toml
from node.pb import quorate_pb2 as pb
from node.proofs import BadProof
from node.watchers import HISTORY, Watchers
from node.wire import codec, frames, pairs
from node.wire.bounds import payload_max
from node.wire.frames import FrameError
from node.wire.limits import Limits
from node.wire.protowire import fields_over
from node.wire.toll import BURST, PAUSE_MOST_S, RATE, Toll
from node.wire.watch import Event
from reputation import EvidenceFact, FactKind
from tests.harness import cast
from tests.harness.mangling import give


def entries(number: int, count: int, body: bytes = b"") -> bytes:
    """A message of so many entries of one list."""
    return give([(number, 2, body)] * count)


MOST = {
    pb.TaskOpen: MAX_MESSAGES + MAX_SPEAKERS,
    pb.Commit: 2 * MAX_MEMBERS + MAX_NOTES,
    pb.Note: 0,
    pb.Proposal: 2 * MAX_OPTIONS + MAX_CITATIONS,
    pb.Batch: MAX_MEMBERS,
    pb.Report: MAX_REPORT_IDS,
    pb.Ballot: MAX_MEMBERS * (MAX_MEMBERS + 1),
    pb.Seal: 0,
}


@pytest.mark.parametrize(("of", "lists"), MOST.items(), ids=lambda one: str(one))
def test_message_has_as_many_fields_as_its_body_may_and_no_more(of: type, lists: int) -> None:
    most = lists + pairs.SINGLES
    field = of.DESCRIPTOR.fields[-1].number  # type: ignore[attr-defined]
    said = r"holds more than \d+ fields"
    assert not fields_over(entries(field, most), most)
    with suppress(BodyError):  # these entries are empty, which may be another fault
        pairs.parse(of, entries(field, most))
    with pytest.raises(BodyError, match=said):
        pairs.parse(of, entries(field, most + 1))


def test_frame_has_as_many_entries_as_the_limits_say_and_no_more() -> None:
    limits = Limits(frame_entries=100)
    most = limits.frame_entries + pairs.SINGLES
    assert not fields_over(entries(2, most), most)
    with pytest.raises(FrameError, match="over 100 entries"):
        frames.decode(entries(2, most + 1), limits)


def test_descriptor_is_read_up_to_its_bound_and_no_further() -> None:
    with pytest.raises(ValueError, match="not readable"):
        Committee.parse(b"x" * MAX_DESCRIPTOR)
    with pytest.raises(ValueError, match=f"over {MAX_DESCRIPTOR}"):
        Committee.parse(b"x" * (MAX_DESCRIPTOR + 1))


def test_file_of_envelopes_holds_one_value_in_so_many_bytes_and_no_more() -> None:
    values = 64 + 3
    data = b"[" + b"0," * (values - 1) + b"0" * (SPAN * 3) + b"]"
    assert len(data) // SPAN + 64 >= values
    spare = len(data) // SPAN + 64 - values
    fits = data.replace(b"0,", b"0," * (spare + 1), 1)
    while sum(map(fits.count, (b"[", b"{", b","))) > len(fits) // SPAN + 64:
        fits = fits.replace(b"0,", b"", 1)
    with pytest.raises(canonical.CanonicalError, match="not readable"):
        canonical.read_sparse(fits, SPAN)  # a number may not begin with 0
    dense = fits.replace(b"0,", b"0," * 4, 1)
    with pytest.raises(canonical.CanonicalError, match="more than it can hold"):
        canonical.read_sparse(dense, SPAN)


def test_line_of_toml_has_so_many_dots_and_no_more() -> None:
    deep = b"a." * toml.DOTS_MAX
    assert toml.read(deep + b"a = 1")[1]
    with pytest.raises(toml.TomlError, match="line 2: over"):
        toml.read(b"x = 1\n" + deep + b"a.a = 1")


def test_member_is_read_without_a_pause_up_to_its_burst_and_not_past_it() -> None:
    toll = Toll()
    assert toll.charge(BURST, 0) == 0
    assert toll.charge(1, 0) == pytest.approx(1 / RATE)
    assert toll.slowed == 1
    assert toll.charge(10 * BURST, 0) == PAUSE_MOST_S  # a debt has a bound too
    assert toll.charge(0, int(2e9)) == 0
    assert toll.charge(BURST, int(1e15)) == 0  # long silence fills the account, and not past full
    assert toll.charge(1, int(1e15)) > 0


def largest_pair() -> bytes:
    """Evidence of two of the largest value proposals for one slot (S4), as a file."""
    at = cast.ctx(cast.committee(), task=b"t" * 32, round=1, stage=Stage.OUTCOME)
    proposed = (Propose(view=0, valid_view=-1, value=value * MAX_VALUE) for value in (b"a", b"b"))
    first, second = (cast.signed(cast.MALLORY, Kind.PROPOSE, at, one) for one in proposed)
    return encode_evidence(first, second)


def test_evidence_of_the_largest_proposals_is_a_fact_and_what_is_past_the_bound_is_not_read() -> (
    None
):
    fact = proofs.prove(FactKind.EVIDENCE, largest_pair(), cast.NETWORK)
    assert fact == EvidenceFact(member=cast.MALLORY.public)
    with pytest.raises(BadProof, match="not an evidence file"):
        proofs.prove(FactKind.EVIDENCE, bytes(proofs.EVIDENCE_MAX), cast.NETWORK)
    with pytest.raises(BadProof, match=f"over {proofs.EVIDENCE_MAX}"):
        proofs.prove(FactKind.EVIDENCE, bytes(proofs.EVIDENCE_MAX + 1), cast.NETWORK)


async def test_so_many_events_of_a_task_are_kept_and_past_them_the_last_alone() -> None:
    watchers = Watchers()
    for number in range(HISTORY):
        watchers.tell(Event(task=bytes(32), round=number, kind="opened", detail={}))
    assert len(watchers.history) == HISTORY
    watchers.tell(Event(task=bytes(32), round=HISTORY, kind="opened", detail={}))
    assert len(watchers.history) == HISTORY
    watchers.tell(Event(task=bytes(32), round=HISTORY, kind="verdict", detail={}))
    told = [event async for event in watchers.follow()]
    assert len(told) == HISTORY + 1
    assert (told[-2].round, told[-1].kind) == (HISTORY - 1, "verdict")


# -- what reading costs ---------------------------------------------------------------------


def calls(act: Callable[[], object]) -> int:
    """How many functions are called meanwhile, Python's and others': the same on any machine."""
    count = 0

    def tally(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(tally)
    try:
        act()
    except (BodyError, FrameError, BundleError, ValueError):
        pass
    finally:
        sys.setprofile(None)
    return count


def lists(kind: Kind, number: int, body: bytes) -> Callable[[int], Callable[[], object]]:
    """Reads a payload that is one long list, of a size in bytes."""

    def sized(size: int) -> Callable[[], object]:
        data = entries(number, size // (len(body) + 2), body)
        return lambda: codec.decode(kind, data)

    return sized


SCALED: dict[str, Callable[[int], Callable[[], object]]] = {
    "batch of empty entries": lists(Kind.BATCH, 1, b""),
    "batch of bare proposals": lists(Kind.BATCH, 1, b"\x08\x04"),
    "task of empty parts": lists(Kind.TASK_OPEN, 2, b""),
    "proposal of citations": lists(Kind.PROPOSAL, 5, b""),
    "frame of envelopes": lambda size: lambda: frames.decode(entries(2, size // 2), Limits()),
    "verdict of lists": lambda size: (
        lambda: Bundle.decode(
            b'{"format":"quorate-verdict/1","opened":[' + b"[]," * (size // 3) + b"0]}"
        )
    ),
    "descriptor of lists": lambda size: (
        lambda: Committee.parse(b"[" + b"[]," * (size // 3) + b"0]")
    ),
    "dotted key": lambda size: lambda: toml.read(b"a." * (size // 2) + b"a=1"),
    "many dotted keys": lambda size: (
        lambda: toml.read(
            b"".join(b"%s%d=1\n" % (b"a." * 100, number) for number in range(size // 210))
        )
    ),
}


@pytest.mark.parametrize("name", SCALED)
def test_reading_four_times_as_much_takes_at_most_four_times_the_steps(name: str) -> None:
    small, large = (calls(SCALED[name](size)) for size in (40_000, 160_000))
    assert large <= 4.4 * small + 400


def test_largest_opening_of_empty_marks_is_refused_in_a_few_thousand_steps() -> None:
    size = payload_max(Kind.OPENING) - 1_000
    marks = entries(pb.Ballot.DESCRIPTOR.fields_by_name["marks"].number, size // 2)
    data = give([(pb.Opening.DESCRIPTOR.fields_by_name["ballot"].number, 2, marks)])
    assert calls(lambda: codec.decode(Kind.OPENING, data)) < 50_000  # of half a million marks
