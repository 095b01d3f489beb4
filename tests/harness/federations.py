"""Identities and federations of the cast, on disk and on loopback.

The keys are those of `cast`: alice here signs like `cast.ALICE` there.
"""

import hashlib
import os
import socket
from pathlib import Path

from consensus.envelope import Member
from node import identity
from node.federation import Federation, FederationMember, Floors
from node.identity import Identity

from .cast import NETWORK

FAMILIES = {"alice": "oak", "bob": "elm", "carol": "ash", "dave": "yew", "mallory": "ivy"}


_GIVEN: set[int] = set()


class Named:
    """Entropy that draws one known seed: the hash of a name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def draw(self, size: int) -> bytes:
        """The seed of the named member."""
        return hashlib.sha256(self.name.encode()).digest()[:size]


def person(home: Path, name: str) -> Identity:
    """The identity of a member of the cast, made in a directory of its own under `home`."""
    return identity.create(home / name, Named(name))


def entry(of: Identity, *, address: str, name: str = "", family: str = "") -> FederationMember:
    """A federation's entry for an identity; name and family by default the cast's."""
    name = name or of.directory.name
    return FederationMember(
        name=name,
        key=Member(of.public),
        address=address,
        family=family or FAMILIES.get(name, "elder"),
        certificate=of.certificate,
    )


def federation(*members: FederationMember, floors: Floors | None = None) -> Federation:
    """A federation of these members, in its first epoch."""
    return Federation(
        name="orchard", network=NETWORK, epoch=1, floors=floors or Floors(), members=members
    )


def loopback() -> str:
    """A loopback host of this process's own: no other process listens or dials from it.

    So a port that was free a moment ago still is.
    """
    number = os.getpid()
    return f"127.{64 + (number >> 16) % 64}.{(number >> 8) & 255}.{1 + number % 254}"


def free_address() -> str:
    """An address on which a node of this test may listen; never the same one twice."""
    host = loopback()
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port = probe.getsockname()[1]
        if port not in _GIVEN:
            _GIVEN.add(port)
            return f"{host}:{port}"
