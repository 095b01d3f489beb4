"""Everything that a peer could make grow on a link or a fetch, with its bound (rule T3).

`bounds` says how large one envelope may be; here is how many, how fast and how long. The
defaults are what nodes use; tests pass smaller ones.
"""

from dataclasses import dataclass
from typing import Final

from .bounds import ENVELOPE_CAP, INLINE_MAX, KIB, MIB

ID_PREFIX: Final = 8
"""Bytes of a message id in a digest: two ids that share them are one in 2**64."""

TRANSPORT_SLACK: Final = 64 * KIB
"""How much the transport takes above the largest message that is meant to pass. Past a bound
of ours the peer gets a typed refusal; past the transport's, grpc ends the stream by itself and
the receiving side cannot even tell why, so ours has to come first."""

WAITING_MAX: Final = 4_000
"""Calls that may wait at a door to be looked at, some 17 KiB each. Above it grpc turns calls away
at random, above twice as many all: with its own figure, a thousand, a few connections that take
back what they ask, and one turn in which the loop is busy, are enough."""

FRAME_MIN: Final = 2 * INLINE_MAX
"""Least `frame_bytes` a peer may ask for in its Hello: an inline envelope has to fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one node's wire, each with its unit and reason."""

    frame_bytes: int = MIB
    """Bytes of one frame. Thirty of the largest inline envelopes, or 4,000 votes: large enough
    that a frame's own cost vanishes, small enough that a ping behind it waits milliseconds."""

    frame_entries: int = 8_192
    """Envelopes, digests, wants and offers of one frame, together: an entry of a few bytes
    costs more to unpack than its bytes suggest."""

    slice_envelopes: int = 32
    """Envelopes of one frame that are handled before other links have their turn: each may cost
    a signature check, and a full frame of them half a second in which nobody else is heard."""

    want_ids: int = 1_024
    """Ids in one want; a longer one is sent in pieces."""

    held_ids: int = 8_000
    """Ids in one digest: every slot of a round of 64 members with its votes of 18 views. As
    many as the smallest frame that a peer may ask for still carries."""

    queue_bytes: int = 16 * MIB
    """Bytes waiting for one link. Past it the oldest digests go (a later one says the same),
    then the link itself: a peer that reads slower than the task runs catches up by fetch."""

    envelope_bytes: int = ENVELOPE_CAP
    """Bytes of one fetched envelope, and what Hello names."""

    fetch_ids: int = 4_096
    """Ids in one fetch, as in a want."""

    fetch_bytes: int = 64 * MIB
    """Bytes of one answer to a fetch; the server ends it there, after at least one envelope,
    and the rest is asked for again."""

    fetches: int = 4
    """Fetches that one member may have under way here: each may hold an envelope in memory."""

    fetch_ms: int = 60_000
    """Milliseconds that a fetch may take in all; what came by then is kept."""

    ledgers: int = 2
    """Questions about facts that one member may have under way here: it asks one at a time."""

    links: int = 8
    """Link calls that one member may have under way here: one is the link, and those before it
    may take seconds to be refused or found dead."""

    watches: int = 64
    """Tasks that one member may follow here at once."""

    looks: int = 8
    """Calls of health and reflection that one member may have under way here: of all services
    together with those that are not read yet, so many more than the bounds above allow."""

    skew_ms: int = 60_000
    """Milliseconds by which two wall clocks may differ: `opened_at` and `not_after` are read
    by every member's own clock, and tasks live for minutes."""

    hello_ms: int = 5_000
    """Milliseconds to connect and shake hands in, and then to say Hello in."""

    farewell_ms: int = 1_000
    """Milliseconds that a refusal is given to reach the other side before the link closes."""

    backoff_ms: int = 2_000
    """Most milliseconds between two attempts to dial a member (rule T2)."""

    idle_ms: int = 60_000
    """Milliseconds after which a connection without any call is closed; links are calls."""

    keepalive_ms: int = 2_000
    """Milliseconds between two keepalives of an idle connection, and for the answer to one."""

    ping_ms: int = 5_000
    """Milliseconds between two measurements of a link's round trip."""

    @property
    def calls(self) -> int:
        """Calls of every kind that one member may have under way here, over all connections. Each
        holds some 30 KiB, and a request that is not answered yet, for as long as it likes."""
        return self.links + self.fetches + self.ledgers + self.watches + self.looks


def waiting() -> list[tuple[str, int]]:
    """What a server's options say of it."""
    return [
        ("grpc.server.max_pending_requests", WAITING_MAX),
        ("grpc.server.max_pending_requests_hard_limit", 2 * WAITING_MAX),
    ]
