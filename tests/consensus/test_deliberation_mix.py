"""What an entry and an exit of the mix pass on, and what they do not (rules R3, T3)."""

from dataclasses import replace

import pytest

from consensus.bodies import Batch, Bundle, Packet, Proposal
from consensus.deliberation.effects import Peel, Unwrap, Unwrapped
from consensus.envelope import Envelope, Kind, Stage, tagged_hash
from consensus.masking import Path
from consensus.policy import Policy
from tests.harness.tables import Seat, Table, decide

RATIONALE = "x" * 1_000


def mixing(own: str, authors: tuple[int, ...], policy: Policy | None = None) -> Seat:
    """The member at position 0 once the slate is decided, which holds its commit and those of
    `authors`."""
    table = Table(policy=policy)
    seat = table.make().begin()
    seat.receive(*(table.accept(who) for who in (1, 2, 3)))
    seat.draft(own)
    said = [table.commit(who, "b") if who in authors else table.abstain(who) for who in (1, 2, 3)]
    seat.receive(*decide(table, Stage.SLATE, [*seat.sent(Kind.COMMIT), *said]), *said)
    return seat


def ways(seat: Seat) -> tuple[Path, ...]:
    return seat.task.exchange.paths(seat.task.round)


def entry(authors: tuple[int, ...]) -> tuple[Seat, int]:
    """A seat that is the entry of a path, and the path: another draft draws others."""
    for own in "abc":
        seat = mixing(own, authors)
        for at, path in enumerate(ways(seat)):
            if path.entry == seat.task.me:
                return seat, at
    raise LookupError("no draft makes it an entry")


def exit_(policy: Policy | None = None) -> Seat:
    """A seat that is the exit of a path and hands on what it unwraps."""
    seats = (mixing(own, (1, 2, 3), policy) for own in "abc")
    return next(seat for seat in seats if any(path.exit == seat.task.me for path in ways(seat)))


def test_an_entry_passes_on_the_packets_of_slate_authors_and_no_others() -> None:
    seat, view = entry((1, 2))
    table = seat.table
    table.commit(3, "c")  # which no slate holds
    packets = []
    for who in (3, 1, 2):
        secret = tagged_hash("mix", table.committee.members[who])
        box = table.ring.wrap(table.draft(who).envelope, ways(seat), secret)[view]
        packets.append(table.passing(who, Packet(path=view, box=box)))
    seat.receive(*packets)
    ((_, bundle),) = seat.handed(Kind.BUNDLE)
    assert isinstance(bundle.body, Bundle)
    inner = table.ring.peel(seat.task.me, [packets[0].body.box])  # type: ignore[union-attr]
    assert len(bundle.body.boxes) == 3
    assert not set(inner) & set(bundle.body.boxes)
    assert not any(isinstance(effect, Peel) for effect in seat.receive(packets[0]))


def test_an_exit_opens_as_many_boxes_as_there_are_members_and_not_one_more() -> None:
    for count in (4, 5):
        seat = exit_()
        (path,) = (path for path in ways(seat) if path.exit == seat.task.me)
        place = seat.table.committee.members.index(path.entry)
        boxes = tuple(bytes([at]) * 32 for at in range(count))
        found = seat.receive(seat.table.passing(place, Bundle(boxes=boxes)))
        (asked,) = (effect for effect in found if isinstance(effect, Unwrap))
        assert len(asked.boxes) == 4


def batch(seat: Seat, *found: Envelope) -> tuple[Envelope, ...]:
    """What the exit sends everybody of what it unwrapped."""
    seat.step(Unwrapped(round=1, envelopes=found))
    (sent,) = seat.sent(Kind.BATCH)
    assert isinstance(sent.body, Batch)
    assert tuple(part.envelope for part in sent.parts) == sent.body.entries
    return sent.body.entries


def forms(seat: Seat) -> dict[str, Envelope]:
    """What an author could have sealed in place of its proposal."""
    table, good = seat.table, seat.table.draft(1)
    member, ring = table.committee.members[1], table.ring

    def signed(envelope: Envelope) -> Envelope:
        return replace(envelope, signature=ring.writer(envelope.signer).sign(envelope.preimage))

    later = replace(good.ctx, round=2).pack()
    slate = replace(good.ctx, stage=Stage.SLATE).pack()
    return {
        "by a member's own key": signed(replace(good.envelope, signer=member)),
        "of another round": signed(replace(good.envelope, ctx=later)),
        "of another stage": signed(replace(good.envelope, ctx=slate)),
        "of another kind": signed(replace(good.envelope, kind=int(Kind.SEAL))),
        "of no readable body": signed(replace(good.envelope, payload=b"\xff")),
        "with a broken signature": replace(good.envelope, signature=bytes(64)),
    }


@pytest.mark.parametrize("name", forms(exit_()))
def test_an_exit_lists_nothing_that_is_no_proposal_by_a_key_that_is_no_members(name: str) -> None:
    seat = exit_()
    good = seat.table.draft(1).envelope
    assert batch(seat, good, forms(seat)[name]) == (good,)


def test_an_exit_lists_a_proposal_of_the_policys_size_and_none_one_byte_over() -> None:
    long = Proposal(answer="b", rationale=RATIONALE)
    size = len(Table().scribes[1].proposal(1, long).envelope.payload)
    for limit, listed in ((size, 1), (size - 1, 0)):
        seat = exit_(Policy(proposal_bytes=limit))
        assert len(batch(seat, seat.table.scribes[1].proposal(1, long).envelope)) == listed


def test_an_exit_lists_a_proposal_once_and_all_in_the_order_of_their_ids() -> None:
    seat = exit_()
    found = [seat.table.draft(who).envelope for who in (3, 1, 2, 1)]
    assert batch(seat, *found) == tuple(sorted(set(found), key=lambda one: one.id))
