"""The one place of randomness. Everything else is handed an `Entropy`.

What libraries draw for themselves (TLS session keys, the P-256 leaf) never enters a signed
figure and stays with them.
"""

import secrets
from typing import Protocol


class Entropy(Protocol):
    """A source of secret bytes."""

    def draw(self, size: int) -> bytes:
        """`size` bytes that nobody can guess."""
        ...


class SystemEntropy:
    """The kernel's generator."""

    __slots__ = ()

    def draw(self, size: int) -> bytes:
        """`size` bytes that nobody can guess."""
        return secrets.token_bytes(size)
