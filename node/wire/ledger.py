"""Facts between members: summaries of a ledger and facts with their proofs (rules L1, T3).

Nothing is believed here: only sizes and shapes are judged, proofs are the daemon's to check.
"""

from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from reputation.digests import DEPTH, LEAF, Summary

from ..pb import peer_pb2 as pb
from .frames import FrameError, LinkCode

FACT_IDS: Final = LEAF
"""Most facts in one request: those that one summary lists."""

REQUEST_MAX: Final = 64 + 34 * FACT_IDS
"""Most bytes of a request about facts."""

SUMMARY_MAX: Final = 256 * 32 + 128
"""Most bytes of a summary: the digests of its parts, or as many ids."""

ID: Final = 32
_KINDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenFact:
    """A fact on the wire: its kind's number, and the bytes that prove it."""

    kind: int
    proof: bytes


def summary_request_to_bytes(prefix: bytes) -> bytes:
    """The bytes of a request to summarise what is held below a prefix."""
    return pb.SummaryRequest(prefix=prefix).SerializeToString()


def summary_request_from_bytes(data: bytes) -> bytes:
    """The prefix in a request. Raises `FrameError`."""
    _bound(data, REQUEST_MAX, "a request for a summary")
    try:
        prefix = pb.SummaryRequest.FromString(data).prefix
    except DecodeError:
        raise _malformed("not readable as a request for a summary") from None
    if len(prefix) > DEPTH:
        raise _malformed(f"a prefix of {len(prefix)} bytes, over {DEPTH}")
    return prefix


def summary_to_bytes(summary: Summary) -> bytes:
    """The bytes of a summary."""
    return pb.Summary(
        digest=summary.digest,
        count=summary.count,
        ids=b"".join(summary.ids),
        parts=b"".join(summary.parts),
    ).SerializeToString()


def summary_from_bytes(data: bytes) -> Summary:
    """The summary in a member's answer. Raises `FrameError` past a bound."""
    _bound(data, SUMMARY_MAX, "a summary")
    try:
        message = pb.Summary.FromString(data)
    except DecodeError:
        raise _malformed("not readable as a summary") from None
    if len(message.digest) != ID or len(message.parts) not in (0, 256 * ID):
        raise _malformed("a summary has a digest of 32 bytes, and 256 parts or none")
    if len(message.ids) % ID or len(message.ids) > LEAF * ID or (message.ids and message.parts):
        raise _malformed(f"a summary has up to {LEAF} ids of {ID} bytes, or parts")
    return Summary(
        digest=message.digest,
        count=message.count,
        ids=_split(message.ids),
        parts=_split(message.parts),
    )


def facts_request_to_bytes(ids: tuple[bytes, ...]) -> bytes:
    """The bytes of a request for facts by id."""
    return pb.FactsRequest(ids=ids).SerializeToString()


def facts_request_from_bytes(data: bytes) -> tuple[bytes, ...]:
    """The ids in a request. Raises `FrameError` past a bound."""
    _bound(data, REQUEST_MAX, "a request for facts")
    try:
        ids = tuple(pb.FactsRequest.FromString(data).ids)
    except DecodeError:
        raise _malformed("not readable as a request for facts") from None
    if len(ids) > FACT_IDS or any(len(one) != ID for one in ids):
        raise _malformed(f"a request names up to {FACT_IDS} facts by ids of {ID} bytes")
    return ids


def fact_to_bytes(fact: ProvenFact) -> bytes:
    """The bytes of a fact."""
    return pb.Fact(kind=fact.kind, proof=fact.proof).SerializeToString()


def fact_from_bytes(data: bytes, limit: int) -> ProvenFact:
    """The fact in a member's answer. Raises `FrameError`."""
    _bound(data, limit, "a fact")
    try:
        message = pb.Fact.FromString(data)
    except DecodeError:
        raise _malformed("not readable as a fact") from None
    if not 1 <= message.kind <= _KINDS:
        raise _malformed(f"a fact of kind {message.kind}, which this version does not know")
    return ProvenFact(kind=message.kind, proof=message.proof)


def _split(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + ID] for at in range(0, len(data), ID))


def _bound(data: bytes, limit: int, what: str) -> None:
    if len(data) > limit:
        raise FrameError(LinkCode.FRAME_TOO_LARGE, f"{what} of {len(data)} bytes, over {limit}")


def _malformed(text: str) -> FrameError:
    return FrameError(LinkCode.MALFORMED_FRAME, text)
