"""A client's pass: what a program of somebody's shows a node with every call (beside rule T1).

Members know each other by certificates that lead to those in the federation file. A client has
no more than a key there (L1), so it signs a pass instead: for one member of one network, until a
time that is near. By then TLS has shown it that it talks to that member, and nobody else gets to
see the pass; the member itself could show it to nobody but itself.

A pass is the client's public key (32 bytes), the time after which it is void (8 bytes, big-endian
milliseconds since 1970), and an Ed25519 signature (64 bytes) over the length-prefixed parts
`quorate/v1/client-pass`, network id, the member's key, the client's key, and the 8 bytes.
"""

from typing import Final

from consensus.envelope import length_prefixed

from .. import keys
from ..federation import Federation

METADATA: Final = "quorate-pass-bin"
"""Key of the call's metadata that holds the pass; grpc carries bytes under names in `-bin`."""

LIFE_MS: Final = 60_000
"""Longest life of a pass in milliseconds, beside what clocks may differ by."""

_TAG: Final = b"quorate/v1/client-pass"
_TIME: Final = 8
_SIZE: Final = keys.PUBLIC_SIZE + _TIME + keys.SIGNATURE_SIZE


class PassError(Exception):
    """A pass is none, or is void. The text is for whoever showed it."""


def sign(key: keys.SigningKey, *, network: bytes, member: bytes, wall_ms: int) -> bytes:
    """A pass of the client with `key` for `member` (public key), from `wall_ms` on."""
    until = (wall_ms + LIFE_MS).to_bytes(_TIME, "big")
    return key.public + until + key.sign(_preimage(network, member, key.public, until))


def check(
    shown: bytes, *, federation: Federation, member: bytes, wall_ms: int, skew_ms: int
) -> bytes:
    """The public key of the client that signed `shown` for `member` (our own key).

    Raises `PassError`. `wall_ms` is our wall clock, from which the client's may differ by
    `skew_ms`.
    """
    if len(shown) != _SIZE:
        raise PassError(f"a pass is {_SIZE} bytes, not {len(shown)}")
    client, until = shown[: keys.PUBLIC_SIZE], shown[keys.PUBLIC_SIZE :][:_TIME]
    if not federation.is_client(client):
        raise PassError(
            f"{client.hex()[:16]} is not a client in this node's federation file: its keeper adds "
            "one with `quorate federation add-client`"
        )
    signature = shown[-keys.SIGNATURE_SIZE :]
    if not keys.verify(client, _preimage(federation.network, member, client, until), signature):
        raise PassError("the pass was not signed for this member of this network")
    left_ms = int.from_bytes(until, "big") - wall_ms
    if left_ms < -skew_ms:
        raise PassError(f"the pass ended {-left_ms} ms ago: check the wall clocks of both sides")
    if left_ms > LIFE_MS + skew_ms:
        raise PassError(f"the pass lasts {left_ms} ms; at most {LIFE_MS}")
    return client


def _preimage(network: bytes, member: bytes, client: bytes, until: bytes) -> bytes:
    return length_prefixed(_TAG, network, member, client, until)
