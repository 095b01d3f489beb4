"""A federation as its file's text: read, with the line or the member that is wrong, and written.

Pure; `federation_file` reads and writes the files.
"""

import base64
import binascii
import re
from typing import Final

import msgspec
import tomli_w

from consensus.committee import FaultMode
from consensus.envelope import Member

from . import toml
from .federation import (
    NAME_MAX,
    Client,
    Federation,
    FederationError,
    FederationMember,
    Floors,
    duplicate,
)

FORMAT: Final = "quorate-federation/1"
"""First line of every federation file: a reader of another format says so at once."""

FILE_MAX: Final = 1_048_576
"""Most bytes of a federation file: twice what the most members can fill."""

_HEX = re.compile(r"[0-9a-f]*\Z")
_AT_MEMBER = re.compile(r"`?\$\.members\[(\d+)\]")
_MEMBER_HEADER = re.compile(r"\s*\[\[\s*members\s*\]\]")


class MemberDoc(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A member as a file spells it: key in hex, certificate as base64 of its DER."""

    name: str
    key: str
    address: str
    family: str
    certificate: str


class _FloorsDoc(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    fault_mode: FaultMode = FaultMode.BYZANTINE
    min_committee: int = 1
    min_rounds: int = 1


class _ClientDoc(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str
    key: str
    approver: bool = False


class _Doc(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    format: str
    name: str
    network: str
    epoch: int
    members: list[MemberDoc] = []
    clients: list[_ClientDoc] = []
    floors: _FloorsDoc = _FloorsDoc()


def parse(data: bytes) -> Federation:
    """The federation behind the bytes of its file.

    Raises `FederationError`; its text gives the line or the member that is wrong.
    """
    if len(data) > FILE_MAX:
        raise FederationError(f"the file is {len(data)} bytes, over {FILE_MAX}")
    try:
        text, raw = toml.read(data)
    except toml.TomlError as error:
        raise FederationError(str(error)) from None
    if raw.get("format") != FORMAT:
        raise FederationError(
            f'the file does not say format = "{FORMAT}"; it is no federation file, or one of '
            "another version of quorate"
        )
    try:
        doc = msgspec.convert(raw, _Doc)
    except msgspec.ValidationError as error:
        raise FederationError(_located(str(error), text, raw)) from None
    members = []
    for index, item in enumerate(doc.members):
        try:
            members.append(member_from_doc(item))
        except FederationError as error:
            raise FederationError(f"{_place(index, item.name, text)}: {error}") from None
    if problem := duplicate(members):
        raise FederationError(f"{_place(problem[0], members[problem[0]].name, text)}: {problem[1]}")
    return Federation(
        name=doc.name,
        network=unhex(doc.network, "network"),
        epoch=doc.epoch,
        floors=Floors(
            fault_mode=doc.floors.fault_mode,
            min_committee=doc.floors.min_committee,
            min_rounds=doc.floors.min_rounds,
        ),
        members=tuple(members),
        clients=tuple(
            Client(
                name=item.name,
                key=unhex(item.key, f"the key of client {item.name[:80]!r}"),
                approver=item.approver,
            )
            for item in doc.clients
        ),
    )


def render(federation: Federation) -> bytes:
    """The bytes of the file of `federation`; `parse` gives it back."""
    doc: dict[str, object] = {
        "format": FORMAT,
        "name": federation.name,
        "network": federation.network.hex(),
        "epoch": federation.epoch,
        "floors": federation.floors.plain(),
        "members": [member.plain() for member in federation.members],
    }
    if federation.clients:
        doc["clients"] = [
            {**client.plain(), **({"approver": True} if client.approver else {})}
            for client in federation.clients
        ]
    text = tomli_w.dumps(doc)
    return text.encode("utf-8")


def member_from_doc(doc: MemberDoc) -> FederationMember:
    """The checked member behind what a file says. Raises `FederationError`."""
    try:
        certificate = base64.b64decode(doc.certificate, validate=True)
    except (binascii.Error, ValueError):
        raise FederationError("certificate is not base64") from None
    return FederationMember(
        name=doc.name,
        key=Member(unhex(doc.key, "key")),
        address=doc.address,
        family=doc.family,
        certificate=certificate,
    )


def unhex(text: str, name: str) -> bytes:
    """The bytes behind lower-case hex. Raises `FederationError` naming the field `name`."""
    if not _HEX.match(text) or len(text) % 2:
        raise FederationError(f"{name} is not lower-case hex: {text[:80]!r}")
    return bytes.fromhex(text)


def _place(index: int, name: str, text: str) -> str:
    """Where a member stands in the file: its line, if it has a header of its own, and name."""
    headers = [
        number for number, line in enumerate(text.splitlines(), 1) if _MEMBER_HEADER.match(line)
    ]
    line = f"line {headers[index]}, " if index < len(headers) else ""
    return f"{line}member {index + 1} ({name[:NAME_MAX]})" if name else f"{line}member {index + 1}"


def _located(problem: str, text: str, raw: dict[str, object]) -> str:
    """`problem` as msgspec words it, with the member it is about named for people."""
    found = _AT_MEMBER.search(problem)
    if found is None:
        return problem
    index, members = int(found[1]), raw.get("members")
    item = members[index] if isinstance(members, list) else None
    name = item.get("name") if isinstance(item, dict) else None
    return f"{_place(index, name if isinstance(name, str) else '', text)}: {problem}"
