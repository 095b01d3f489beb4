"""The federation: who the members are, and what they insist on (rules S3, S6, T1).

Everything here is pure; `Federation.hash` pins it. Its text is `federation_text`'s, the file on
disk `federation_file`'s, member cards are `card`'s.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from consensus import canonical
from consensus.bodies import Speaker
from consensus.committee import MAX_FAMILY, MAX_MEMBERS, Committee, FaultMode
from consensus.envelope import Member, tagged_hash
from consensus.policy import Policy

from . import certificates, keys

FEDERATION_MAX: Final = 256
"""Most members: every pair of them keeps a link."""

CLIENTS_MAX: Final = 256
"""Most clients: who asks much asks through one."""

NAME_MAX: Final = 64
"""Most characters of a name."""

ADDRESS_MAX: Final = 261
"""Most characters of an address: the longest DNS name, brackets, a colon and a port."""

EPOCH_MAX: Final = 2**53
"""Largest epoch: what canonical bytes can hold."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_HOST = re.compile(r"[A-Za-z0-9._-]+\Z|\[[0-9A-Fa-f:.]+\]\Z")


class FederationError(ValueError):
    """A federation file or a member of it is not usable. The text says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationMember:
    """One member: a name for people, 32-byte key, `host:port`, model family, CA certificate."""

    name: str
    key: Member
    address: str
    family: str
    certificate: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name, "name")
        if len(self.key) != keys.PUBLIC_SIZE:
            raise FederationError(f"key is {len(self.key)} bytes, not {keys.PUBLIC_SIZE}")
        if not keys.is_valid_public(self.key):
            raise FederationError(f"key {self.key.hex()} is of small order or no Ed25519 key")
        split_address(self.address)
        if not 1 <= len(self.family) <= MAX_FAMILY or not self.family.isprintable():
            raise FederationError(f"family must be 1 to {MAX_FAMILY} printable characters")
        try:
            certificates.check_ca(self.certificate, self.key)
        except certificates.CertificateError as error:
            raise FederationError(str(error)) from None

    def plain(self) -> dict[str, str]:
        """As files spell it and as it is hashed: key in hex, certificate as base64 of its DER."""
        return {
            "name": self.name,
            "key": self.key.hex(),
            "address": self.address,
            "family": self.family,
            "certificate": base64.b64encode(self.certificate).decode("ascii"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Somebody whose signed word on a verdict counts (L1): a name for people, a 32-byte key.

    An `approver` may also release the outcomes of tasks whose policy asks for it (E4).
    """

    name: str
    key: bytes
    approver: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name, "client name")
        if not keys.is_valid_public(self.key):
            raise FederationError(f"client {self.name}: {self.key.hex()} is no Ed25519 key")

    def plain(self) -> dict[str, str]:
        """Name and key (hex); whether it approves is spelled otherwise where it is hashed."""
        return {"name": self.name, "key": self.key.hex()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """What every committee must satisfy, so that no opener can weaken it (rules S3, S6)."""

    fault_mode: FaultMode = FaultMode.BYZANTINE
    """`byzantine` refuses tasks in crash mode; `crash` takes both."""
    min_committee: int = 1
    """Fewest members of a committee."""
    min_rounds: int = 1
    """Fewest rounds that a policy may allow."""

    def __post_init__(self) -> None:
        for name, high in (("min_committee", MAX_MEMBERS), ("min_rounds", 16)):
            if not 1 <= getattr(self, name) <= high:
                raise FederationError(f"floors.{name} must be 1 to {high}")

    def plain(self) -> dict[str, str | int]:
        """As files spell it and as it is hashed."""
        return {
            "fault_mode": str(self.fault_mode),
            "min_committee": self.min_committee,
            "min_rounds": self.min_rounds,
        }


@dataclass(frozen=True, kw_only=True)
class Federation:
    """A checked federation. `network` is its 32-byte id; `epoch` grows with every change."""

    name: str
    network: bytes
    epoch: int
    floors: Floors
    members: tuple[FederationMember, ...]
    clients: tuple[Client, ...] = ()

    def __post_init__(self) -> None:
        _check_name(self.name, "name")
        if len(self.network) != 32:
            raise FederationError(f"network is {len(self.network)} bytes, not 32")
        if not 1 <= self.epoch <= EPOCH_MAX:
            raise FederationError(f"epoch is {self.epoch}; it counts from 1")
        if len(self.members) > FEDERATION_MAX:
            raise FederationError(
                f"{len(self.members)} members; a federation has at most {FEDERATION_MAX}"
            )
        if problem := duplicate(self.members):
            raise FederationError(problem[1])
        if len(self.clients) > CLIENTS_MAX:
            raise FederationError(f"{len(self.clients)} clients; at most {CLIENTS_MAX}")
        for of in ("name", "key"):
            if len({getattr(client, of) for client in self.clients}) < len(self.clients):
                raise FederationError(f"two clients have one {of}")

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 over everything the file says, epoch included, whatever its order (S3)."""
        members = sorted(self.members, key=lambda member: member.key)
        said = {
            "epoch": self.epoch,
            "floors": self.floors.plain(),
            "members": [member.plain() for member in members],
            "name": self.name,
            "network": self.network.hex(),
        }
        if self.clients:  # so files from before there were any keep their hash
            clients = sorted(self.clients, key=lambda client: client.key)
            said["clients"] = [
                {**client.plain(), **({"approver": 1} if client.approver else {})}
                for client in clients
            ]
        return tagged_hash("federation", canonical.encode(said))

    @cached_property
    def _by_key(self) -> dict[bytes, FederationMember]:
        return {member.key: member for member in self.members}

    def member(self, key: bytes) -> FederationMember | None:
        """The member with the public key `key`, or None."""
        return self._by_key.get(key)

    def client(self, name: str) -> Client:
        """The client of that name. Raises `FederationError`."""
        for one in self.clients:
            if one.name == name:
                return one
        known = ", ".join(sorted(one.name for one in self.clients)) or "none"
        raise FederationError(f"the federation has no client {name!r}; there are: {known}")

    def client_name(self, key: bytes) -> str | None:
        """What the client with this key is called, if it is one."""
        return next((client.name for client in self.clients if client.key == key), None)

    def is_client(self, key: bytes) -> bool:
        """Whether the word of this key on any verdict counts."""
        return any(client.key == key for client in self.clients)

    def is_approver(self, key: bytes) -> bool:
        """Whether this key may release outcomes (E4)."""
        return any(client.key == key and client.approver for client in self.clients)

    def with_client(self, client: Client) -> "Federation":
        """The next epoch of this federation, `client` added. Raises `FederationError`."""
        return replace(self, epoch=self.epoch + 1, clients=(*self.clients, client))

    def label(self, key: bytes) -> str:
        """The name of the member with `key`, or the first hex digits of a stranger's key."""
        member = self.member(key)
        return key.hex()[:16] if member is None else member.name

    def find(self, text: str) -> FederationMember:
        """The member with that name, or whose key begins with those hex digits.

        Raises `FederationError` if there is none, or more than one.
        """
        if named := [member for member in self.members if member.name == text]:
            return named[0]
        found = [member for member in self.members if text and member.key.hex().startswith(text)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(member.name for member in self.members)
        problem = "more than one member" if found else "no member"
        raise FederationError(f"{problem} is called {text!r}; the members are: {known}")

    def with_member(self, member: FederationMember) -> "Federation":
        """The next epoch of this federation, `member` added. Raises `FederationError`."""
        return replace(self, epoch=self.epoch + 1, members=(*self.members, member))

    def committee(
        self, members: Iterable[bytes] | None, mode: FaultMode, policy: Policy
    ) -> Committee:
        """The committee of the members with these keys, or of all of them (rule S3).

        Raises `FederationError` on a stranger, on an empty or too large set, or below a floor.
        """
        chosen = set(self._by_key) if members is None else set(members)
        if strangers := sorted(key.hex()[:16] for key in chosen if key not in self._by_key):
            raise FederationError(f"not in the federation {self.name}: {', '.join(strangers)}")
        ordered = [self._by_key[key] for key in sorted(chosen)]
        try:
            committee = Committee(
                network=self.network,
                members=tuple(member.key for member in ordered),
                families=tuple(member.family for member in ordered),
                mode=mode,
                policy=policy,
            )
        except ValueError as error:
            raise FederationError(str(error)) from None
        if problem := self.floor_problem(committee):
            raise FederationError(problem)
        approvers = sum(client.approver for client in self.clients)
        if policy.approvals > approvers:  # of those who open: later files may have fewer
            raise FederationError(
                f"the policy asks for {policy.approvals} approvals; {self.name} has {approvers} "
                "approvers"
            )
        return committee

    def floor_problem(self, committee: Committee) -> str | None:
        """Why this federation's members refuse to serve on `committee`, or None (S3, S6, S7)."""
        if committee.network != self.network:
            return f"the committee is of network {committee.network.hex()[:16]}, not of ours"
        for key, family in zip(committee.members, committee.families, strict=True):
            member = self.member(key)
            if member is None:
                return f"{key.hex()[:16]} is not a member of {self.name}"
            if member.family != family:
                return f"{member.name} is of family {member.family}, not of {family[:MAX_FAMILY]}"
        floors = self.floors
        if floors.fault_mode is FaultMode.BYZANTINE and committee.mode is FaultMode.CRASH:
            return f"{self.name} insists on fault mode byzantine; the task asks for crash"
        if len(committee.members) < floors.min_committee:
            size = len(committee.members)
            return f"{self.name} insists on {floors.min_committee} members; the task names {size}"
        if committee.policy.rounds < floors.min_rounds:
            allowed = committee.policy.rounds
            return f"{self.name} insists on {floors.min_rounds} rounds; the task allows {allowed}"
        return None

    def speaker_problem(self, speakers: Iterable[Speaker]) -> str | None:
        """Why this federation's members refuse to have these people speak in a task, or None.

        A speaker is one of its clients, by the client's own name: else whoever opens a task could
        put words into anybody's mouth (R1c).
        """
        for speaker in speakers:
            if not self.speaks(speaker.name, speaker.key):
                key = speaker.key.hex()[:16]
                return f"{self.name} has no client {speaker.name} of key {key}, who is to speak"
        return None

    def speaks(self, name: str, key: bytes) -> bool:
        """Whether this is the name of the client with this key."""
        return any((client.name, client.key) == (name, key) for client in self.clients)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`. Raises `FederationError`."""
    host, _, port = address.rpartition(":")
    plain = port.isascii() and port.isdecimal() and len(port) <= 5
    if len(address) > ADDRESS_MAX or not _HOST.match(host) or not plain:
        raise FederationError(
            f"address {address[:ADDRESS_MAX]!r} is not host:port (or [IPv6]:port)"
        )
    if not 1 <= int(port) <= 65_535:
        raise FederationError(f"address {address!r}: the port must be 1 to 65535")
    return host, int(port)


def _check_name(name: str, what: str) -> None:
    if not _NAME.match(name) or len(name) > NAME_MAX:
        raise FederationError(
            f"{what} {name[:NAME_MAX]!r} must be 1 to {NAME_MAX} letters, digits, dots, dashes "
            "or underscores"
        )


def duplicate(members: Iterable[FederationMember]) -> tuple[int, str] | None:
    """Index of the first member that repeats an earlier one's name, key or address, and how."""
    names: dict[str, str] = {}
    seen: dict[bytes, str] = {}
    addresses: dict[str, str] = {}
    for index, member in enumerate(members):
        folded, address = member.name.casefold(), member.address.casefold()
        if folded in names:
            return index, f"the name {member.name} is taken already"
        if member.key in seen:
            return index, f"the key of {member.name} is the key of {seen[member.key]}"
        if address in addresses:
            return index, f"the address {member.address} is that of {addresses[address]}"
        names[folded] = seen[member.key] = addresses[address] = member.name
    return None
