"""What the mesh and the daemon know of each other: callbacks one way, status the other."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from consensus.envelope import Envelope
from reputation.digests import Summary

from ..federation import FederationMember
from .frames import FetchRequest, Frame, Hello, LinkRefusal
from .ledger import ProvenFact
from .link import Traffic
from .watch import Event, WatchRequest


class Handler(Protocol):
    """What the daemon gives the mesh. The plain methods run on the event loop, must not block
    and must not raise; members are 32-byte keys."""

    def link_up(self, member: bytes, hello: Hello) -> None:
        """A link came up; the peer said `hello`."""
        ...

    def link_down(self, member: bytes, reason: LinkRefusal) -> None:
        """A link that was up ended."""
        ...

    def frame(self, member: bytes, frame: Frame) -> float | None:
        """A frame came from `member`; its envelopes have not passed the gate yet. What of it
        helped nobody, in units of `toll`; None is nothing."""
        ...

    def rtt(self, member: bytes, ms: int) -> None:
        """The round trip to `member` took `ms` milliseconds, rounded up."""
        ...

    def serve_fetch(self, member: bytes, request: FetchRequest) -> AsyncIterator[Envelope]:
        """The envelopes asked for that are held, in any order."""
        ...

    def serve_summary(self, member: bytes, prefix: bytes) -> AsyncIterator[Summary]:
        """One summary of the ledger, of what the member may hold too."""
        ...

    def serve_facts(self, member: bytes, ids: tuple[bytes, ...]) -> AsyncIterator[ProvenFact]:
        """The facts asked for, with their proofs."""
        ...

    def serve_watch(self, member: bytes, request: WatchRequest) -> AsyncIterator[Event]:
        """The events of a task, from its first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """How the link with one member stands, for `status` and metrics."""

    member: FederationMember
    up: bool
    hello: Hello | None
    """What the peer said when the link came up; kept when it goes down."""
    federation_differs: bool
    """The peer's federation file is another one than ours (a change is under way)."""
    rtt_ms: int | None
    last_end: LinkRefusal | None
    """Why the last link, or the last attempt at one, ended."""
    traffic: Traffic
    queued: int
    """Bytes that wait to be sent to the member."""
