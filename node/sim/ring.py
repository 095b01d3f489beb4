"""Signatures of a simulation: a keyed hash, checked by whoever holds the ring.

Thousands of schedules sign millions of messages; Ed25519 would be most of their time and
none of their point. Nobody in a simulation can sign for a key whose secret it was not given.
"""

import hashlib
import hmac
from functools import lru_cache

from consensus.envelope import Member
from consensus.ports import AliasKey, Reader, Writer

from ..wire import codec


class KeyRing:
    """All keys of one simulation."""

    def __init__(self) -> None:
        self._secrets: dict[bytes, bytes] = {}
        self._reader = Reader(decode=lru_cache(maxsize=4_096)(codec.decode), verify=self.verify)

    def identity(self, name: str) -> Member:
        """The public key that stands for `name`."""
        return Member(self._grow(b"identity", name.encode()))

    def reader(self) -> Reader:
        """Reads messages of anybody in the simulation, each payload once."""
        return self._reader

    def writer(self, member: bytes) -> Writer:
        """Writes messages of `member`."""
        return Writer(
            public=member,
            encode=codec.encode,
            sign=lambda preimage: self._sign(member, preimage),
            alias=self._alias,
        )

    def verify(self, signer: bytes, preimage: bytes, signature: bytes) -> bool:
        """Whether `signature` was made with the secret behind `signer`."""
        return signer in self._secrets and hmac.compare_digest(
            signature, self._sign(signer, preimage)
        )

    def _alias(self, seed: bytes) -> AliasKey:
        public = self._grow(b"alias", seed)
        return AliasKey(public=public, sign=lambda preimage: self._sign(public, preimage))

    def _grow(self, label: bytes, seed: bytes) -> bytes:
        public = hashlib.sha256(b"public" + label + seed).digest()
        self._secrets[public] = hashlib.sha256(b"secret" + label + seed).digest()
        return public

    def _sign(self, public: bytes, preimage: bytes) -> bytes:
        return hmac.digest(self._secrets[public], preimage, "sha512")
