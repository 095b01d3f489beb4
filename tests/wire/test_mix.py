"""Boxes of the mix: one size, openable by libsodium, the same again, and only whole (R3)."""

import hashlib
from dataclasses import replace

import pytest
from nacl.public import SealedBox
from nacl.signing import SigningKey as NaclKey

from consensus.bodies import Proposal
from consensus.envelope import Envelope, Kind, Member, Stage
from consensus.masking import Path
from node.wire import bounds, mix
from tests.harness import cast
from tests.harness.cast import ALICE, BOB, CAROL, DAVE

SIZE = 1_024
SECRET = bytes(range(32))
PATHS = (
    Path(entry=Member(ALICE.public), exit=Member(BOB.public)),
    Path(entry=Member(CAROL.public), exit=Member(DAVE.public)),
)


def proposal(rationale: str = "", alias: str = "an alias") -> Envelope:
    at = cast.ctx(cast.committee(), task=bytes([7]) * 32, round=1, stage=Stage.EXCHANGE)
    return cast.signed(
        cast.key(alias), Kind.PROPOSAL, at, Proposal(answer="a", rationale=rationale)
    )


def wrapped(envelope: Envelope, secret: bytes = SECRET) -> tuple[bytes, ...]:
    return mix.wrap(envelope, PATHS, secret=secret, proposal_bytes=SIZE)


def test_a_proposal_comes_out_of_both_paths() -> None:
    sent = proposal("because")
    first, second = wrapped(sent)
    inner = mix.peel(ALICE, [first], proposal_bytes=SIZE)
    assert mix.unwrap(BOB, inner, proposal_bytes=SIZE) == (sent,)
    inner = mix.peel(CAROL, [second], proposal_bytes=SIZE)
    assert mix.unwrap(DAVE, inner, proposal_bytes=SIZE) == (sent,)


@pytest.mark.parametrize("length", [0, 1, 500, 900])
def test_boxes_have_one_size_whatever_is_in_them(length: int) -> None:
    boxes = wrapped(proposal("x" * length))
    assert {len(box) for box in boxes} == {bounds.outer_size(SIZE)}
    (inner,) = mix.peel(ALICE, boxes[:1], proposal_bytes=SIZE)
    assert len(inner) == bounds.inner_size(SIZE)


def test_the_largest_proposal_fits_and_a_larger_one_is_refused() -> None:
    def payload(size: int) -> Envelope:
        at = cast.ctx(cast.committee(), task=bytes([7]) * 32, round=1, stage=Stage.EXCHANGE)
        return cast.signed(cast.key("an alias"), Kind.PROPOSAL, at, bytes(size))

    assert len(wrapped(payload(SIZE))) == 2
    with pytest.raises(ValueError, match="does not fit"):
        wrapped(payload(SIZE + 256))


def test_the_same_is_sealed_to_the_same_bytes_and_anything_else_to_others() -> None:
    base = wrapped(proposal())
    assert wrapped(proposal()) == base
    others = [wrapped(proposal("else")), wrapped(proposal(), bytes(32))]
    keys = {box[:32] for boxes in (base, *others) for box in boxes}
    assert len(keys) == 6  # a one-time key seals one text


def test_plain_libsodium_opens_both_layers() -> None:
    sent = proposal("because")
    box = wrapped(sent)[0]

    def opener(name: str) -> SealedBox:
        seed = hashlib.sha256(name.encode()).digest()
        return SealedBox(NaclKey(seed).to_curve25519_private_key())

    plain = opener("bob").decrypt(opener("alice").decrypt(box))
    assert sent.payload in plain and sent.signature in plain


def test_the_golden_box() -> None:
    # A signature covers the policy's bytes, which may change: none is in it.
    fixed = replace(proposal("because"), ctx=bytes(101), signature=bytes(64))
    digest = hashlib.sha256(b"".join(wrapped(fixed))).hexdigest()
    assert digest == "5fb8add77c9ff229005190ea213c0ea7771f18c89d8579033edb1915a6de2db7"


@pytest.mark.parametrize("place", [0, 31, 32, 47, 48, 700, -1])
def test_a_box_changed_anywhere_does_not_open(place: int) -> None:
    box = bytearray(wrapped(proposal())[0])
    box[place] ^= 1
    assert mix.peel(ALICE, [bytes(box)], proposal_bytes=SIZE) == ()


def test_junk_and_boxes_for_others_are_left_out_beside_good_ones() -> None:
    mine, other = wrapped(proposal())
    junk = [b"", bytes(47), bytes(48), bytes(len(mine)), mine[:-1], mine + b"\0", other]
    assert len(mix.peel(ALICE, [*junk, mine], proposal_bytes=SIZE)) == 1
    (inner,) = mix.peel(ALICE, [mine], proposal_bytes=SIZE)
    found = mix.unwrap(BOB, [*junk, inner, inner[:-1]], proposal_bytes=SIZE)
    assert found == (proposal(),)


def test_an_alias_that_is_no_key_is_left_out_before_it_spoils_a_batch() -> None:
    sent = proposal()
    bad = Envelope(
        kind=sent.kind,
        ctx=sent.ctx,
        payload=sent.payload,
        signer=bytes(32),
        signature=sent.signature,
    )
    inner = mix.peel(ALICE, wrapped(bad)[:1], proposal_bytes=SIZE)
    assert mix.unwrap(BOB, inner, proposal_bytes=SIZE) == ()


def test_padding_that_is_not_zero_is_refused() -> None:
    """Padding says nothing, so an author has no use for any other."""
    assert mix._envelope((2**32 - 1).to_bytes(4, "big") + bytes(40)) is None
    assert mix._envelope(bytes(4) + bytes(40) + b"\1") is None
    assert mix._envelope((3).to_bytes(4, "big") + b"\xff\xff\xff" + bytes(9)) is None
