"""Ed25519 by libsodium, the one implementation whose word counts (rule S5).

OpenSSL accepts keys of small order, under which one signature fits many messages; libsodium
refuses them, non-canonical scalars included. Every signature of the protocol is made and
checked here, so two members can never disagree about one.
"""

from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError

from consensus.ports import AliasKey

SEED_SIZE: Final = 32
"""Bytes of a secret seed."""
PUBLIC_SIZE: Final = 32
"""Bytes of a public key."""
SIGNATURE_SIZE: Final = 64
"""Bytes of a signature."""


class SigningKey:
    """An Ed25519 key pair grown from a 32-byte secret seed. Its `repr` shows the public half.

    Raises `ValueError` on a seed of another length.
    """

    __slots__ = ("_secret", "public")

    public: bytes
    """The public key, 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise ValueError(f"a key's seed is {SEED_SIZE} bytes, not {len(seed)}")
        self.public, self._secret = bindings.crypto_sign_seed_keypair(seed)

    def sign(self, preimage: bytes) -> bytes:
        """The 64-byte signature over `preimage`, the same every time."""
        return bindings.crypto_sign(preimage, self._secret)[:SIGNATURE_SIZE]

    def unseal(self, box: bytes) -> bytes | None:
        """What a sealed box for this identity holds (rule R3), or None if it does not open."""
        secret = bindings.crypto_sign_ed25519_sk_to_curve25519(self._secret)
        public = bindings.crypto_sign_ed25519_pk_to_curve25519(self.public)
        if len(box) < bindings.crypto_box_SEALBYTES:
            return None
        try:
            return bindings.crypto_box_seal_open(box, public, secret)
        except CryptoError:
            return None

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()})"


def verify(public: bytes, preimage: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) over `preimage` holds for `public` (32 bytes).

    Wrong lengths, keys of small order and non-canonical encodings do not hold.
    """
    if len(signature) != SIGNATURE_SIZE or len(public) != PUBLIC_SIZE:
        return False
    try:
        bindings.crypto_sign_open(signature + preimage, public)
    except CryptoError:
        return False
    return True


def is_valid_public(public: bytes) -> bool:
    """Whether `public` is a point of the prime-order group: not small, mixed or off the curve."""
    return len(public) == PUBLIC_SIZE and bindings.crypto_core_ed25519_is_valid_point(public)


def alias_key(seed: bytes) -> AliasKey:
    """The one-time key pair that grows from 32 secret bytes (rule R2)."""
    key = SigningKey(seed)
    return AliasKey(public=key.public, sign=key.sign)
