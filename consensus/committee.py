"""Committees and quorum arithmetic (rules S3, S6)."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from . import canonical
from .envelope import Member, tagged_hash
from .policy import Policy

MAX_MEMBERS = 64
"""Largest committee: three points of all-to-all votes grow with the square of N."""

MAX_FAMILY = 64
"""Most characters of a model family's name."""

MAX_DESCRIPTOR = 65_536
"""Most bytes of a descriptor. The largest, whose families are of the letters that are spelled
longest, takes half of it; reading JSON takes twenty times its size."""


class FaultMode(StrEnum):
    """What may go wrong (rule S6)."""

    BYZANTINE = "byzantine"
    CRASH = "crash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """Sizes that follow from N: tolerated faults `f`, quorum `q`, honest-witness size `t`."""

    n: int
    f: int
    q: int
    t: int

    @classmethod
    def of(cls, n: int, mode: FaultMode) -> "Quorum":
        """Rule S6. `byzantine`: f = (N-1)//3, q = N-f, t = f+1. `crash`: q = N//2+1, t = 1."""
        if n < 1:
            raise ValueError("a committee has at least one member")
        if mode is FaultMode.CRASH:
            q = n // 2 + 1
            return cls(n=n, f=n - q, q=q, t=1)
        f = (n - 1) // 3
        return cls(n=n, f=f, q=n - f, t=f + 1)

    def tolerates(self) -> str:
        """One sentence for people: what this committee survives."""
        if self.n == 1:
            return "a committee of one: nobody judges, and no fault is tolerated"
        if self.f == 0:
            return f"all {self.n} members must take part; no fault is tolerated"
        return f"any {self.f} of {self.n} members may fail"


@dataclass(frozen=True, kw_only=True)
class Committee:
    """The members of one task with its fault mode and policy (rule S3).

    `members` are distinct public keys in ascending order and `families` their model
    families in that order, as the federation file has them (R11); `network` is the
    federation's 32-byte id. The hash of the descriptor stands in the ctx of every message.
    """

    network: bytes
    members: tuple[Member, ...]
    families: tuple[str, ...]
    mode: FaultMode
    policy: Policy

    def __post_init__(self) -> None:
        if not 1 <= len(self.members) <= MAX_MEMBERS:
            raise ValueError(f"a committee has 1 to {MAX_MEMBERS} members")
        if list(self.members) != sorted(set(self.members)):
            raise ValueError("committee members must be distinct and in ascending order")
        if any(len(member) != 32 for member in self.members) or len(self.network) != 32:
            raise ValueError("member keys and the network id are 32 bytes")
        if len(self.families) != len(self.members):
            raise ValueError("a committee names one model family for each member")
        if any(not 1 <= len(family) <= MAX_FAMILY for family in self.families):
            raise ValueError(f"a model family has 1 to {MAX_FAMILY} characters")

    @cached_property
    def quorum(self) -> Quorum:
        """N, f, q and t of this committee."""
        return Quorum.of(len(self.members), self.mode)

    @cached_property
    def descriptor(self) -> bytes:
        """The canonical bytes that are hashed and that a TaskOpen carries."""
        size = self.quorum
        return canonical.encode(
            {
                "f": size.f,
                "families": list(self.families),
                "members": [member.hex() for member in self.members],
                "mode": str(self.mode),
                "n": size.n,
                "network": self.network.hex(),
                "policy": self.policy.to_dict(),
                "q": size.q,
                "t": size.t,
            }
        )

    @cached_property
    def hash(self) -> bytes:
        """The 32-byte committee hash that stands in every ctx."""
        return tagged_hash("committee", self.descriptor)

    @classmethod
    def parse(cls, descriptor: bytes) -> "Committee":
        """The committee behind `descriptor`. Raises `ValueError` if it is not one."""
        if len(descriptor) > MAX_DESCRIPTOR:
            raise ValueError(f"a descriptor of {len(descriptor)} bytes, over {MAX_DESCRIPTOR}")
        data = canonical.decode(descriptor)
        try:
            committee = cls(
                network=bytes.fromhex(data["network"]),
                members=tuple(Member(bytes.fromhex(member)) for member in data["members"]),
                families=tuple(str(family) for family in data["families"]),
                mode=FaultMode(data["mode"]),
                policy=Policy.from_dict(data["policy"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a committee descriptor: {error!r}") from None
        if committee.descriptor != descriptor:
            raise ValueError("the descriptor's N, f, q or t do not follow from its members")
        return committee

    def position(self, member: bytes) -> int | None:
        """Index of `member` in the committee, or None."""
        try:
            return self.members.index(Member(member))
        except ValueError:
            return None

    def to_dict(self) -> dict[str, Any]:
        """The descriptor as plain data, for display."""
        data: dict[str, Any] = canonical.decode(self.descriptor)
        return data
