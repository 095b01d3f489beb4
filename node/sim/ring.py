"""Signatures of a simulation: a keyed hash, checked by whoever holds the ring.

Thousands of schedules sign millions of messages; Ed25519 would be most of their time and
none of their point. Nobody in a simulation can sign for a key whose secret it was not given.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from nacl import bindings

from consensus.bodies import Note
from consensus.envelope import Envelope, Member
from consensus.masking import Path
from consensus.ports import AliasKey, Reader, Writer

from ..wire import codec
from ..wire.bounds import inner_size, outer_size


class KeyRing:
    """All keys of one simulation.

    With `proposal_bytes` everything is as the daemon's gate demands: boxes have the sizes of that
    policy (R3), and aliases are points of the curve. Without, both are as short as their names.
    """

    def __init__(self, proposal_bytes: int = 0) -> None:
        sizes = inner_size(proposal_bytes), outer_size(proposal_bytes)
        self._inner, self._outer = sizes if proposal_bytes else (0, 0)
        self._secrets: dict[bytes, bytes] = {}
        self._boxes: dict[tuple[bytes, bytes], bytes | Envelope] = {}
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

    def note(
        self, author: bytes, task: bytes, text: str, *, number: int = 1, at_ms: int = 0
    ) -> Note:
        """A person's note for `task`, signed by `author` (R1c)."""
        blank = Note(author=author, number=number, at_ms=at_ms, text=text, signature=bytes(64))
        return replace(blank, signature=self._sign(author, blank.preimage(task)))

    def verify(self, signer: bytes, preimage: bytes, signature: bytes) -> bool:
        """Whether `signature` was made with the secret behind `signer`."""
        return signer in self._secrets and hmac.compare_digest(
            signature, self._sign(signer, preimage)
        )

    def wrap(self, proposal: Envelope, paths: Sequence[Path], secret: bytes) -> tuple[bytes, ...]:
        """A box for each path: names that only its addressee is told the contents of."""
        return tuple(
            self._box(
                path.entry, self._box(path.exit, proposal, secret, self._inner), secret, self._outer
            )
            for path in paths
        )

    def peel(self, member: bytes, boxes: Iterable[bytes]) -> tuple[bytes, ...]:
        """What `member` finds in outer boxes."""
        found = (self._boxes.get((member, box)) for box in boxes)
        return tuple(item for item in found if isinstance(item, bytes))

    def unwrap(self, member: bytes, boxes: Iterable[bytes]) -> tuple[Envelope, ...]:
        """What `member` finds in inner boxes."""
        found = (self._boxes.get((member, box)) for box in boxes)
        return tuple(item for item in found if isinstance(item, Envelope))

    def _box(self, to: bytes, content: bytes | Envelope, secret: bytes, size: int) -> bytes:
        image = content if isinstance(content, bytes) else content.id
        box = hmac.digest(secret, to + image, "sha256").ljust(size, b".")
        self._boxes[to, box] = content
        return box

    def _alias(self, seed: bytes) -> AliasKey:
        if self._inner:
            public, _ = bindings.crypto_sign_seed_keypair(seed)
            self._secrets[public] = hashlib.sha256(b"secret alias" + seed).digest()
        else:
            public = self._grow(b"alias", seed)
        return AliasKey(public=public, sign=lambda preimage: self._sign(public, preimage))

    def _grow(self, label: bytes, seed: bytes) -> bytes:
        public = hashlib.sha256(b"public" + label + seed).digest()
        self._secrets[public] = hashlib.sha256(b"secret" + label + seed).digest()
        return public

    def _sign(self, public: bytes, preimage: bytes) -> bytes:
        return hmac.digest(self._secrets[public], preimage, "sha512")
