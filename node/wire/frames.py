"""What travels on a link: frames and their parts, and their protobuf form (rules T2, T2a, T3).

`Frame` is what the daemon sends and gets. A `Packet` is one message on the wire: a frame
together with what links say among themselves (Hello, refusal, ping, pong).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from google.protobuf.message import DecodeError

from consensus.envelope import Envelope

from ..pb import peer_pb2 as pb
from .bounds import ENVELOPE_OVERHEAD, INLINE_MAX
from .limits import ID_PREFIX, Limits
from .pairs import SINGLES, envelope_from_proto, envelope_to_proto
from .protowire import fields_over

WIRE_VERSIONS: Final = (1,)
"""Wire versions that this program speaks, ascending."""

VERSIONS_MAX: Final = 16
"""Most wire versions in a Hello."""

SOFTWARE_MAX: Final = 64
"""Most characters of the software's name in a Hello."""

TEXT_MAX: Final = 1_000
"""Most characters of a refusal's text that are read; the rest is cut off."""

_ENTRY = 8  # tag and length of an entry or a field in it


class LinkCode(StrEnum):
    """Why a link is closed or never came up, or a call refused.

    The names are on the wire, in logs and in metrics.
    """

    WRONG_NETWORK = "wrong_network"
    NO_COMMON_VERSION = "no_common_version"
    CLOCK_SKEW = "clock_skew"
    NOT_A_MEMBER = "not_a_member"
    WRONG_DIALLER = "wrong_dialler"
    DUPLICATE_LINK = "duplicate_link"
    NO_HELLO = "no_hello"
    MALFORMED_FRAME = "malformed_frame"
    FRAME_TOO_LARGE = "frame_too_large"
    QUEUE_FULL = "queue_full"
    BUSY = "busy"
    OLD_TLS = "old_tls"
    STOPPING = "stopping"
    FAULT = "fault"
    OTHER = "other"  # a peer's code that this version does not know
    # Never sent: what one side concludes by itself.
    CERTIFICATE = "certificate"
    UNREACHABLE = "unreachable"
    LOST = "lost"


_CODES = frozenset(map(str, LinkCode))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRefusal:
    """Why a side closes a link, in a code for programs and a text for people."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"

    @classmethod
    def parse(cls, text: str) -> "LinkRefusal | None":
        """The refusal behind its `str`, or None if `text` names no code that is known here."""
        code, colon, rest = text.partition(": ")
        return cls(code=code, text=_shown(rest, TEXT_MAX)) if colon and code in _CODES else None


class FrameError(ValueError):
    """A peer's bytes are not a frame within bounds; `refusal` is what to answer."""

    def __init__(self, code: LinkCode, text: str) -> None:
        super().__init__(text)
        self.refusal = LinkRefusal(code=code, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The first words of either side (T2a). `wall_ms` since 1970; sizes in bytes."""

    versions: tuple[int, ...]
    network: bytes
    epoch: int
    federation: bytes
    wall_ms: int
    max_frame: int
    max_envelope: int
    software: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What the sender holds of one round of one task (T2).

    `verdict` is the 32-byte id of the task's verdict, empty while it is undecided; `held`
    concatenates the first 8 bytes of the message ids held in that round.
    """

    task: bytes
    round: int
    verdict: bytes = b""
    held: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """Envelopes that the sender lacks, by full id; no ids ask for the TaskOpen."""

    task: bytes
    ids: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An envelope that the sender holds and that is too large for a link: fetch it."""

    task: bytes
    id: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNote:
    """A person's note for a task, as the bytes that it travels in (R1c); nothing is checked yet."""

    task: bytes
    note: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the daemon sends to a peer, or got from one, at a time. Any part may be empty."""

    envelopes: tuple[Envelope, ...] = ()
    digests: tuple[Digest, ...] = ()
    wants: tuple[Want, ...] = ()
    offers: tuple[Offer, ...] = ()
    ledger: bytes = b""
    """Digest of the facts that both members may hold (L1), 32 bytes; empty: nothing is said."""
    notes: tuple[TaskNote, ...] = ()

    def __bool__(self) -> bool:
        asked = self.digests or self.wants or self.offers
        return bool(self.envelopes or asked or self.ledger or self.notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One message on the wire. `ping` and `pong` are 0 where there is none."""

    frame: Frame = Frame()
    hello: Hello | None = None
    refusal: LinkRefusal | None = None
    ping: int = 0
    pong: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """Envelopes of one round by id, or everything held of it (no ids)."""

    task: bytes
    round: int
    ids: tuple[bytes, ...] = ()


def envelope_size(envelope: Envelope) -> int:
    """Bytes that an envelope takes on the wire, at most."""
    return len(envelope.payload) + ENVELOPE_OVERHEAD


def is_inline(envelope: Envelope) -> bool:
    """Whether an envelope goes on a link; a larger one is offered and fetched (rule T2)."""
    return envelope_size(envelope) <= INLINE_MAX


def digest_size(digest: Digest) -> int:
    """Bytes that a digest takes on the wire, at most."""
    return len(digest.held) + 2 * 32 + 5 * _ENTRY


def want_size(want: Want) -> int:
    """Bytes that a want takes on the wire, at most."""
    return 34 * len(want.ids) + 32 + 2 * _ENTRY


def note_size(note: TaskNote) -> int:
    """Bytes that a note takes on the wire, at most."""
    return len(note.note) + 32 + 3 * _ENTRY


OFFER_SIZE: Final = 2 * 32 + 10 + 4 * _ENTRY
"""Bytes that an offer takes on the wire, at most."""


def encode(packet: Packet) -> bytes:
    """The bytes of `packet`."""
    return packet_to_proto(packet).SerializeToString()


def decode(data: bytes, limits: Limits) -> Packet:
    """The packet behind a peer's bytes. Raises `FrameError` past any bound.

    Fields that this version does not name are passed over: a later one may add some, and
    nothing of a frame itself is ever signed.
    """
    if len(data) > limits.frame_bytes:
        raise FrameError(
            LinkCode.FRAME_TOO_LARGE,
            f"a frame of {len(data)} bytes; this node takes {limits.frame_bytes}",
        )
    if fields_over(data, limits.frame_entries + SINGLES):
        raise _malformed(f"over {limits.frame_entries} entries, which is what this node takes")
    message = pb.Frame()
    try:
        message.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError):
        raise _malformed("not readable as a frame") from None
    return packet_from_proto(message, limits)


def packet_to_proto(packet: Packet) -> pb.Frame:
    """The wire form of a packet."""
    frame, refusal = packet.frame, packet.refusal
    return pb.Frame(
        hello=hello_to_proto(packet.hello) if packet.hello else None,
        envelopes=[envelope_to_proto(envelope) for envelope in frame.envelopes],
        digests=[
            pb.Digest(task=one.task, round=one.round, verdict=one.verdict, held=one.held)
            for one in frame.digests
        ],
        wants=[pb.Want(task=want.task, ids=want.ids) for want in frame.wants],
        offers=[pb.Offer(task=one.task, id=one.id, size=one.size) for one in frame.offers],
        refusal=pb.Refusal(code=refusal.code, text=refusal.text) if refusal else None,
        ledger=frame.ledger,
        notes=[pb.TaskNote(task=one.task, note=one.note) for one in frame.notes],
        ping=packet.ping,
        pong=packet.pong,
    )


def packet_from_proto(message: pb.Frame, limits: Limits) -> Packet:
    """The packet behind its wire form. Raises `FrameError` past any bound.

    Of envelopes only the number is judged here; the gate (`admission`) does the rest.
    """
    entries = (
        len(message.envelopes)
        + len(message.digests)
        + len(message.wants)
        + len(message.offers)
        + len(message.notes)
    )
    if entries > limits.frame_entries:
        raise _malformed(f"{entries} entries; this node takes {limits.frame_entries}")
    return Packet(
        frame=Frame(
            envelopes=tuple(envelope_from_proto(one) for one in message.envelopes),
            digests=tuple(_digest(one, limits) for one in message.digests),
            wants=tuple(
                Want(task=_id(one.task, "want.task"), ids=_ids(one.ids, limits.want_ids, "want"))
                for one in message.wants
            ),
            offers=tuple(
                Offer(task=_id(one.task, "offer.task"), id=_id(one.id, "offer.id"), size=one.size)
                for one in message.offers
            ),
            ledger=_id(message.ledger, "ledger") if message.ledger else b"",
            notes=tuple(
                TaskNote(task=_id(one.task, "note.task"), note=one.note) for one in message.notes
            ),
        ),
        hello=hello_from_proto(message.hello) if message.HasField("hello") else None,
        refusal=_refusal(message.refusal) if message.HasField("refusal") else None,
        ping=message.ping,
        pong=message.pong,
    )


def hello_to_proto(hello: Hello) -> pb.Hello:
    """The wire form of a Hello."""
    return pb.Hello(
        versions=hello.versions,
        network=hello.network,
        epoch=hello.epoch,
        federation=hello.federation,
        wall_ms=hello.wall_ms,
        limits=pb.Limits(max_frame=hello.max_frame, max_envelope=hello.max_envelope),
        software=hello.software,
    )


def hello_from_proto(message: pb.Hello) -> Hello:
    """The Hello behind its wire form. Raises `FrameError`."""
    if not 1 <= len(message.versions) <= VERSIONS_MAX:
        raise _malformed(f"hello names {len(message.versions)} versions, not 1 to {VERSIONS_MAX}")
    return Hello(
        versions=tuple(message.versions),
        network=_id(message.network, "hello.network"),
        epoch=message.epoch,
        federation=_id(message.federation, "hello.federation"),
        wall_ms=message.wall_ms,
        max_frame=message.limits.max_frame,
        max_envelope=message.limits.max_envelope,
        software=_shown(message.software, SOFTWARE_MAX),
    )


def fetch_to_proto(request: FetchRequest) -> pb.FetchRequest:
    """The wire form of a fetch."""
    return pb.FetchRequest(task=request.task, round=request.round, ids=request.ids)


def fetch_from_proto(message: pb.FetchRequest, limits: Limits) -> FetchRequest:
    """The fetch behind its wire form. Raises `FrameError` past a bound."""
    return FetchRequest(
        task=_id(message.task, "fetch.task"),
        round=message.round,
        ids=_ids(message.ids, limits.fetch_ids, "fetch"),
    )


def _refusal(message: pb.Refusal) -> LinkRefusal:
    code, text = message.code, _shown(message.text, TEXT_MAX)
    if code not in _CODES:
        return LinkRefusal(code=LinkCode.OTHER, text=f"{_shown(code, SOFTWARE_MAX)}: {text}")
    return LinkRefusal(code=code, text=text)


def _shown(text: str, limit: int) -> str:
    """A peer's words as a log or a terminal may show them: cut, and free of control codes."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:limit])


def _digest(message: pb.Digest, limits: Limits) -> Digest:
    if message.verdict and len(message.verdict) != 32:
        raise _malformed(f"digest.verdict is {len(message.verdict)} bytes, not 32 or none")
    if len(message.held) % ID_PREFIX or len(message.held) > limits.held_ids * ID_PREFIX:
        raise _malformed(
            f"digest.held is {len(message.held)} bytes; it is up to {limits.held_ids} "
            f"prefixes of {ID_PREFIX}"
        )
    return Digest(
        task=_id(message.task, "digest.task"),
        round=message.round,
        verdict=message.verdict,
        held=message.held,
    )


def _ids(ids: Sequence[bytes], limit: int, name: str) -> tuple[bytes, ...]:
    if len(ids) > limit:
        raise _malformed(f"{name} asks for {len(ids)} ids; this node takes {limit}")
    return tuple(_id(one, f"{name}.ids") for one in ids)


def _id(value: bytes, name: str) -> bytes:
    if len(value) != 32:
        raise _malformed(f"{name} is {len(value)} bytes, not 32")
    return value


def _malformed(text: str) -> FrameError:
    return FrameError(LinkCode.MALFORMED_FRAME, text)
