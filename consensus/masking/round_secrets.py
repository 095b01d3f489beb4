"""The secrets of one task, all grown from one 32-byte seed (rules R2, R6).

A member that remembers the seed can rebuild every secret of every round after a restart, so
one durable write at the task's start covers them all (A13).
"""

import hashlib
import hmac
from dataclasses import dataclass

from ..envelope import DOMAIN, length_prefixed


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSecrets:
    """What one member hides in one round; 32 bytes each, independent of one another.

    `alias_seed` grows the one-time key, `nonce` blinds the commit (R2), `salt` the sealed
    ballot (R6), `shuffle` orders what the member's model is shown (R5), `mix` grows the keys of
    its packets and the order of its bundle (R3).
    """

    alias_seed: bytes
    nonce: bytes
    salt: bytes
    shuffle: bytes
    mix: bytes

    @classmethod
    def of(cls, secret: bytes, round_: int) -> "RoundSecrets":
        """The secrets of round `round_` (from 1) of the task whose secret this is."""
        if len(secret) != 32:
            raise ValueError(f"a task's secret is 32 bytes, not {len(secret)}")
        if round_ < 1:
            raise ValueError(f"rounds count from 1, not {round_}")

        def grow(label: str) -> bytes:
            text = length_prefixed(
                DOMAIN, b"round-secret", label.encode("ascii"), round_.to_bytes(4, "big")
            )
            return hmac.new(secret, text, hashlib.sha256).digest()

        return cls(
            alias_seed=grow("alias"),
            nonce=grow("nonce"),
            salt=grow("salt"),
            shuffle=grow("shuffle"),
            mix=grow("mix"),
        )
