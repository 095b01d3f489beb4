"""Ed25519 by libsodium (node/keys.py, rule S5)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import keys
from tests.harness.cast import ALICE, BOB

# RFC 8032, section 7.1, test 2.
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)

L = 2**252 + 27742317777372353535851937790883648493
"""The order of the group."""

SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]


def test_signatures_are_those_of_the_rfc() -> None:
    key = keys.SigningKey(SEED)
    assert key.public == PUBLIC
    assert key.sign(b"\x72") == SIGNATURE
    assert keys.verify(PUBLIC, b"\x72", SIGNATURE)


@given(st.binary(max_size=200))
def test_a_signature_holds_for_its_key_and_bytes_only(preimage: bytes) -> None:
    signature = ALICE.sign(preimage)
    assert keys.verify(ALICE.public, preimage, signature)
    assert not keys.verify(BOB.public, preimage, signature)
    assert not keys.verify(ALICE.public, preimage + b"\x00", signature)


def test_a_second_form_of_a_signature_does_not_hold() -> None:
    # s + L verifies where nobody checks that s is canonical: one message, two signatures.
    scalar = int.from_bytes(SIGNATURE[32:], "little") + L
    assert not keys.verify(PUBLIC, b"\x72", SIGNATURE[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_a_key_of_small_order_is_not_valid_and_verifies_nothing(public: bytes) -> None:
    assert not keys.is_valid_public(public)
    # With R the neutral element and s = 0, an unchecked verifier accepts these for many texts.
    forged = b"\x01" + bytes(63)
    assert not any(keys.verify(public, bytes([number]), forged) for number in range(16))


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), b"\x02" + bytes(31), b"\xff" * 32])
def test_what_is_no_point_is_not_valid(public: bytes) -> None:
    assert not keys.is_valid_public(public)
    assert not keys.verify(public, b"text", bytes(64))


def test_a_key_outside_the_prime_order_group_is_not_valid() -> None:
    # Alice's key plus the point of order 2: (x, y) becomes (-x, -y).
    prime = 2**255 - 19
    number = int.from_bytes(ALICE.public, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    mixed = (prime - y | (1 - sign) << 255).to_bytes(32, "little")
    assert keys.is_valid_public(ALICE.public)
    assert not keys.is_valid_public(mixed)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_wrong_length_does_not_hold(size: int) -> None:
    assert not keys.verify(PUBLIC, b"\x72", (SIGNATURE + b"\x00")[:size])


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_wrong_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {size}"):
        keys.SigningKey(bytes(size))


def test_one_seed_gives_one_alias() -> None:
    seed = hashlib.sha256(b"an alias").digest()
    first, again = keys.alias_key(seed), keys.alias_key(seed)
    assert first.public == again.public
    assert keys.verify(first.public, b"text", again.sign(b"text"))


def test_a_key_never_shows_its_secret() -> None:
    shown = repr(keys.SigningKey(SEED)) + str(keys.alias_key(SEED))
    assert SEED.hex() not in shown
    assert repr(SEED)[2:-1] not in shown
    assert PUBLIC.hex() in shown
