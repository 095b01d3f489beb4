"""How large what a peer sends may be (rule T3).

Every figure follows from a bound of the body it carries, so an honest message always fits:
text counts four bytes a character, the most that UTF-8 takes.
"""

from typing import Final, assert_never

from consensus.bodies import (
    ARM_FIGURES,
    MAX_ANSWER,
    MAX_CRITIQUE,
    MAX_EXPERTS,
    MAX_LABEL,
    MAX_NOTE_BYTES,
    MAX_NOTES,
    MAX_REASON,
    MAX_REPORT_IDS,
    MAX_VALUE,
)
from consensus.committee import MAX_MEMBERS, Quorum
from consensus.deliberation.points import SLOT_ROOM
from consensus.envelope import POINTS, Kind
from consensus.verdict.bundle import MAX_FILE, STRUCTURE, envelope_room, release_room

KIB: Final = 1024
MIB: Final = 1024 * KIB

INLINE_MAX: Final = 32 * KIB
"""Largest envelope on a link, in encoded bytes; a larger one is offered and fetched, so that
it holds up no vote behind it (rule T2)."""

TASK_OPEN_MAX: Final = 4 * MIB
"""Largest TaskOpen: it travels to the whole committee and stands in every verdict."""

PROPOSAL_CAP: Final = MIB
"""Largest proposal that any policy may allow (`policy.proposal_bytes`)."""

PAYLOAD_CAP: Final = 16 * MIB
"""Largest payload of any kind. What a member holds of one peer's unread envelope is memory, so
a committee whose full batch would be larger is refused when its task is opened."""

ENVELOPE_OVERHEAD: Final = 256
"""What an envelope adds to its payload, at most: ctx 101, keys and signature 96, tags and
lengths under 32."""

ENVELOPE_CAP: Final = PAYLOAD_CAP + ENVELOPE_OVERHEAD
"""Largest encoded envelope, the limit that a Hello names."""

_UTF8 = 4
_ID = 34  # 32 bytes, a tag and a length
_NUMBER = 10  # a 53-bit number as a varint, a tag
_TEXT = 6  # a tag and a length
_USAGE = 5 * _NUMBER + 2
_ARMS = ARM_FIGURES * _NUMBER + _TEXT
NOTE_MAX: Final = MAX_NOTE_BYTES + 128
"""Largest note with its author's key, its number, its time and its signature (rule R1c)."""

_PAIR = 12  # two indices, preference and confidence, with their tags and the entry's
_MARK = MAX_CRITIQUE * _UTF8 + 24
_VALUE = 16 * KIB
_FREE_TEXT = 6 * MAX_ANSWER


def ballot_max(members: int) -> int:
    """Largest ballot of a committee of `members`: every ordered pair, every critique full."""
    entries = members * (_ID + _MARK) + members * (members - 1) * _PAIR
    return entries + (MAX_REASON + MAX_LABEL) * _UTF8 + 2 * _TEXT + _USAGE


def payload_max(
    kind: Kind, *, members: int = MAX_MEMBERS, proposal_bytes: int = PROPOSAL_CAP
) -> int:
    """Largest payload of `kind` in bytes, for a committee of `members` with that policy."""
    match kind:
        case Kind.TASK_OPEN:
            return TASK_OPEN_MAX
        case Kind.ACCEPTANCE:
            return MAX_REASON * _UTF8 + _TEXT
        case Kind.COMMIT:
            views = 2 * (members * 2 + _TEXT) + MAX_EXPERTS * 2 + _TEXT + _ARMS
            return _ID + MAX_REASON * _UTF8 + _TEXT + views + MAX_NOTES * (NOTE_MAX + _TEXT)
        case Kind.PROPOSAL:
            return proposal_bytes
        case Kind.BATCH:
            return min(PAYLOAD_CAP, batch_max(members, proposal_bytes))
        case Kind.PACKET:
            return packet_max(proposal_bytes)
        case Kind.BUNDLE:
            return min(PAYLOAD_CAP, bundle_max(members, proposal_bytes))
        case Kind.SEAL:
            return _ID
        case Kind.OPENING:
            return 4 * _ID + 66 + _TEXT + ballot_max(members)
        case Kind.REPORT:
            return min(2 * members, MAX_REPORT_IDS) * _ID + 2 + 3 * _NUMBER
        case Kind.PROPOSE:
            return 8 + value_max(members)
        case Kind.PREVOTE | Kind.PRECOMMIT:
            return 36
    assert_never(kind)


def value_max(members: int) -> int:
    """Largest agreed value of a committee of `members`: an outcome whose answers and reasons
    are as long as they may be, each letter spelled in six, and over twice that; two of the
    answers, the winner's and the runner-up's, can be free texts and stand in it once.

    A proposer keeps its place in every view, and what it proposes is kept: without a bound of
    its own size a small committee's could fill a member's memory.
    """
    return min(MAX_VALUE, (2 + members) * _VALUE + 2 * _FREE_TEXT)


def batch_max(members: int, proposal_bytes: int) -> int:
    """Bytes of a batch that holds every member's largest proposal (rule R3)."""
    return members * (proposal_bytes + ENVELOPE_OVERHEAD)


SEAL_SIZE: Final = 48
"""Bytes that one seal adds: libsodium's one-time public key and authenticator."""
LENGTH_SIZE: Final = 4
"""Bytes of a number in front: a padded envelope's length, a packet's path, a bundle's boxes."""


def inner_size(proposal_bytes: int) -> int:
    """Bytes of the box that an entry hands to its exit, under that policy (rule R3)."""
    return LENGTH_SIZE + proposal_bytes + ENVELOPE_OVERHEAD + SEAL_SIZE


def outer_size(proposal_bytes: int) -> int:
    """Bytes of the box that an author hands to an entry, under that policy (rule R3)."""
    return inner_size(proposal_bytes) + SEAL_SIZE


def packet_max(proposal_bytes: int) -> int:
    """Bytes of every packet under that policy (rule R3)."""
    return LENGTH_SIZE + outer_size(proposal_bytes)


def bundle_max(members: int, proposal_bytes: int) -> int:
    """Bytes of a bundle with a box of every member (rule R3)."""
    return LENGTH_SIZE + members * inner_size(proposal_bytes)


def verdict_max(quorum: Quorum, rounds: int, proposal_bytes: int) -> int:
    """Bytes of the largest verdict file (E1) of a committee of `quorum` with that policy: each
    envelope as large as it may be, and in each slot one, or the two that void it, of the t - 1
    members who may sign two.

    Members who lie may sign more than two, and REPORTs then bring those in too (V2). That is not
    counted: `node/THREATS.md` says how much it can be.
    """
    n, q, slots = quorum.n, quorum.q, quorum.n + quorum.t - 1

    def room(kind: Kind) -> int:
        return envelope_room(payload_max(kind, members=n, proposal_bytes=proposal_bytes))

    content = slots * (room(Kind.COMMIT) + room(Kind.SEAL) + room(Kind.OPENING))
    # A slate and a freeze are sets alone, whatever a PROPOSE may be.
    sets = (len(POINTS) - 1) * envelope_room(8 + STRUCTURE + n * SLOT_ROOM)
    votes = len(POINTS) * (n * room(Kind.REPORT) + q * room(Kind.PRECOMMIT) + STRUCTURE)
    of_round = content + sets + votes + room(Kind.PROPOSE) + n * room(Kind.PROPOSAL) + STRUCTURE
    return room(Kind.TASK_OPEN) + rounds * of_round + release_room() + STRUCTURE


def rounds_max(quorum: Quorum, proposal_bytes: int) -> int:
    """Most rounds of such a committee whose verdict is sure to be read again (`MAX_FILE`)."""
    none, one = (verdict_max(quorum, rounds, proposal_bytes) for rounds in (0, 1))
    return (MAX_FILE - none) // (one - none)
