"""The chain: this node's own order of facts, in which none can be changed or left out (L1)."""

import hashlib
from typing import Final

START: Final = bytes(32)
"""The head of an empty chain."""

_TAG: Final = b"quorate/chain"


def link(head: bytes, seq: int, fact: bytes, proof: bytes) -> bytes:
    """The head after fact number `seq` (from 1) with the id `fact` and these bytes of proof."""
    parts = (head, seq.to_bytes(8, "big"), fact, hashlib.sha256(proof).digest())
    return hashlib.sha256(_TAG + b"".join(parts)).digest()
