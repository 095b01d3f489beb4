"""Sealing and opening what passes the mix (rule R3): every box of a round has one size.

A box is libsodium's sealed box, made by hand so that the same input gives the same bytes: the
one-time key grows from the member's round secret and from what is sealed. A restart thus seals
the same bytes again, and no key ever seals two texts.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from google.protobuf.message import DecodeError
from nacl import bindings

from consensus.envelope import Envelope, length_prefixed
from consensus.masking import Path

from .. import keys
from ..pb import quorate_pb2 as pb
from .bounds import ENVELOPE_OVERHEAD, LENGTH_SIZE, SEAL_SIZE, inner_size
from .pairs import envelope_from_proto, envelope_to_proto


def wrap(
    proposal: Envelope, paths: Sequence[Path], *, secret: bytes, proposal_bytes: int
) -> tuple[bytes, ...]:
    """One box for each path: `proposal` padded, sealed for the exit and then for the entry.

    Raises `ValueError` if the proposal is larger than `proposal_bytes` allows.
    """
    data = envelope_to_proto(proposal).SerializeToString(deterministic=True)
    room = proposal_bytes + ENVELOPE_OVERHEAD
    if len(data) > room:
        raise ValueError(f"a proposal of {len(data)} bytes does not fit into {room}")
    padded = len(data).to_bytes(LENGTH_SIZE, "big") + data + bytes(room - len(data))
    return tuple(
        _seal(path.entry, _seal(path.exit, padded, secret, b"exit"), secret, b"entry")
        for path in paths
    )


def peel(key: keys.SigningKey, boxes: Iterable[bytes], *, proposal_bytes: int) -> tuple[bytes, ...]:
    """What an entry finds in `boxes`: boxes for its exit. What does not open is left out."""
    size = inner_size(proposal_bytes)
    found = (key.unseal(box) for box in boxes)
    return tuple(box for box in found if box is not None and len(box) == size)


def unwrap(
    key: keys.SigningKey, boxes: Iterable[bytes], *, proposal_bytes: int
) -> tuple[Envelope, ...]:
    """What an exit finds in `boxes`: envelopes by valid alias keys, nothing else checked.

    What does not open, or is not padded as `wrap` does it, is left out.
    """
    size = inner_size(proposal_bytes) - SEAL_SIZE
    found = (key.unseal(box) for box in boxes)
    envelopes = (_envelope(plain) for plain in found if plain is not None and len(plain) == size)
    return tuple(one for one in envelopes if one and keys.is_valid_public(one.signer))


def _envelope(plain: bytes) -> Envelope | None:
    end = LENGTH_SIZE + int.from_bytes(plain[:LENGTH_SIZE], "big")
    if end > len(plain) or any(plain[end:]):
        return None
    message = pb.Envelope()
    try:
        message.ParseFromString(plain[LENGTH_SIZE:end])
    except DecodeError:
        return None
    return envelope_from_proto(message)


def _seal(to: bytes, plain: bytes, secret: bytes, hop: bytes) -> bytes:
    """libsodium's sealed box for the identity `to`, under a key that grows from all of it."""
    text = length_prefixed(b"quorate/v1", b"mix-seal", hop, to, plain)
    one_time = hmac.new(secret, text, hashlib.sha256).digest()
    public, private = bindings.crypto_box_seed_keypair(one_time)
    target = bindings.crypto_sign_ed25519_pk_to_curve25519(to)
    nonce = hashlib.blake2b(public + target, digest_size=bindings.crypto_box_NONCEBYTES).digest()
    return public + bindings.crypto_box(plain, nonce, target, private)


class Sealer:
    """What the runner asks to seal and open for the identity `key`; the core sees no key."""

    def __init__(self, key: keys.SigningKey) -> None:
        self._key = key

    def wrap(
        self, proposal: Envelope, paths: Sequence[Path], secret: bytes, proposal_bytes: int
    ) -> tuple[bytes, ...]:
        """`wrap`."""
        return wrap(proposal, paths, secret=secret, proposal_bytes=proposal_bytes)

    def peel(self, boxes: Iterable[bytes], proposal_bytes: int) -> tuple[bytes, ...]:
        """`peel`."""
        return peel(self._key, boxes, proposal_bytes=proposal_bytes)

    def unwrap(self, boxes: Iterable[bytes], proposal_bytes: int) -> tuple[Envelope, ...]:
        """`unwrap`."""
        return unwrap(self._key, boxes, proposal_bytes=proposal_bytes)
