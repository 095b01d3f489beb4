"""Member cards: what an operator sends to whoever keeps the federation file.

A card is a small TOML text with the fields of a member, signed by the member's own key, so that
nobody can list a key under an address or family that its owner never named. Pure, like
`federation`.
"""

import base64
import binascii
from typing import Final

import msgspec
import tomli_w

from consensus import canonical
from consensus.envelope import Member, length_prefixed, tagged_hash

from . import keys, toml
from .federation import FederationError, FederationMember
from .federation_text import MemberDoc, member_from_doc
from .identity import Identity

FORMAT: Final = "quorate-card/1"

CARD_MAX: Final = 8_192
"""Most bytes of a card; one takes under 1,200."""


class _CardDoc(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    format: str
    name: str
    key: str
    address: str
    family: str
    certificate: str
    signature: str


def make(identity: Identity, *, name: str, address: str, family: str) -> bytes:
    """The signed card of `identity`. Raises `FederationError` on a field that cannot stand."""
    member = FederationMember(
        name=name,
        key=Member(identity.public),
        address=address,
        family=family,
        certificate=identity.certificate,
    )
    signature = identity.sign(_preimage(member))
    text = tomli_w.dumps(
        {
            "format": FORMAT,
            "name": name,
            "key": identity.public.hex(),
            "address": address,
            "family": family,
            "certificate": base64.b64encode(identity.certificate).decode("ascii"),
            "signature": signature.hex(),
        }
    )
    return text.encode("utf-8")


def read(data: bytes) -> FederationMember:
    """The member behind a card. Raises `FederationError` unless its own key signed it."""
    if len(data) > CARD_MAX:
        raise FederationError(f"the card is {len(data)} bytes, over {CARD_MAX}")
    try:
        _, raw = toml.read(data)
        doc = msgspec.convert(raw, _CardDoc)
    except ValueError as error:
        raise FederationError(f"not readable as a member card: {error}") from None
    if doc.format != FORMAT:
        raise FederationError(f"the card's format is {doc.format[:80]!r}, not {FORMAT!r}")
    member = member_from_doc(
        MemberDoc(
            name=doc.name,
            key=doc.key,
            address=doc.address,
            family=doc.family,
            certificate=doc.certificate,
        )
    )
    try:
        signature = binascii.unhexlify(doc.signature)
    except ValueError:
        signature = b""
    if not keys.verify(member.key, _preimage(member), signature):
        raise FederationError(
            f"the card of {member.name} is not signed by its own key: it was changed on the way"
        )
    return member


def _preimage(member: FederationMember) -> bytes:
    fields = {
        "address": member.address,
        "certificate": base64.b64encode(member.certificate).decode("ascii"),
        "family": member.family,
        "key": member.key.hex(),
        "name": member.name,
    }
    # Of another length than the preimage of an envelope begins with: neither can pass as the other.
    return length_prefixed(b"quorate/card", tagged_hash("card", canonical.encode(fields)))
