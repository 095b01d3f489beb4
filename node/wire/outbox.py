"""What waits to be written to one link: envelopes in order, the newest digests, what is asked.

Pure bookkeeping. The link's writer takes one packet at a time; whatever was put between two of
its turns travels together, so a tick of the daemon costs one frame a link (rule T2).
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from consensus.envelope import Envelope

from .bounds import INLINE_MAX, NOTE_MAX
from .frames import (
    OFFER_SIZE,
    Digest,
    Frame,
    LinkRefusal,
    Offer,
    Packet,
    TaskNote,
    Want,
    digest_size,
    envelope_size,
    note_size,
    want_size,
)
from .limits import ID_PREFIX, Limits

UNCOUNTED: Final = 66
"""Bytes of a frame for what does not queue: ping, pong, the ledger's digest."""


class Outbox:
    """The queue of one link. `waiting` is its size in bytes, `digests_dropped` a counter."""

    __slots__ = (
        "_digests",
        "_envelopes",
        "_ledger",
        "_limits",
        "_notes",
        "_offers",
        "_ping",
        "_pong",
        "_refusal",
        "_wants",
        "digests_dropped",
        "waiting",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._envelopes: deque[Envelope] = deque()
        self._wants: deque[Want] = deque()
        self._offers: deque[Offer] = deque()
        self._notes: deque[TaskNote] = deque()
        self._digests: dict[tuple[bytes, int], Digest] = {}
        self._refusal: LinkRefusal | None = None
        self._ledger = b""
        self._ping = 0
        self._pong = 0
        self.waiting = 0
        self.digests_dropped = 0

    def __bool__(self) -> bool:
        return bool(self.waiting or self._refusal or self._ledger or self._ping or self._pong)

    def put(self, frame: Frame) -> bool:
        """Queue `frame`; False if the queue is past its bound and the link must go.

        A newer digest of a round, or of the ledger, replaces an older one. Raises `ValueError`,
        queueing nothing, on what no peer would take: that is the caller's mistake, not the
        peer's.
        """
        self._check(frame)
        self._ledger = frame.ledger or self._ledger
        self._envelopes.extend(frame.envelopes)
        self.waiting += sum(map(envelope_size, frame.envelopes))
        for want in frame.wants:
            pieces = list(_pieces(want, self._limits.want_ids))
            self._wants.extend(pieces)
            self.waiting += sum(map(want_size, pieces))
        self._offers.extend(frame.offers)
        self.waiting += OFFER_SIZE * len(frame.offers)
        self._notes.extend(frame.notes)
        self.waiting += sum(map(note_size, frame.notes))
        for digest in frame.digests:
            self._drop((digest.task, digest.round))
            self._digests[digest.task, digest.round] = digest
            self.waiting += digest_size(digest)
        while self.waiting > self._limits.queue_bytes and self._digests:
            self._drop(next(iter(self._digests)))
            self.digests_dropped += 1
        return self.waiting <= self._limits.queue_bytes

    def ping(self, number: int) -> None:
        """Have `number` echoed by the peer; only the latest one is sent."""
        self._ping = number

    def pong(self, number: int) -> None:
        """Echo the peer's `number`."""
        self._pong = number

    def refuse(self, refusal: LinkRefusal) -> None:
        """Make `refusal` the next and last packet."""
        self._refusal = refusal

    def take(self, frame_bytes: int) -> Packet:
        """The next packet, of at most `frame_bytes` bytes (a peer's limit, at least FRAME_MIN)."""
        if self._refusal is not None:
            return Packet(refusal=self._refusal)
        ping, pong, self._ping, self._pong = self._ping, self._pong, 0, 0
        ledger, self._ledger = self._ledger, b""
        size = min(frame_bytes, self._limits.frame_bytes) - UNCOUNTED
        room = _Room(size, self._limits.frame_entries)
        before = room.bytes
        envelopes = []
        while self._envelopes and room.fits(envelope_size(self._envelopes[0])):
            envelopes.append(self._envelopes.popleft())
        wants = []
        while self._wants and room.fits(want_size(self._wants[0])):
            wants.append(self._wants.popleft())
        offers = []
        while self._offers and room.fits(OFFER_SIZE):
            offers.append(self._offers.popleft())
        notes = []
        while self._notes and room.fits(note_size(self._notes[0])):
            notes.append(self._notes.popleft())
        digests = []
        while self._digests and room.fits(digest_size(next(iter(self._digests.values())))):
            digests.append(self._digests.pop(next(iter(self._digests))))
        self.waiting -= before - room.bytes
        frame = Frame(
            envelopes=tuple(envelopes),
            digests=tuple(digests),
            wants=tuple(wants),
            offers=tuple(offers),
            ledger=ledger,
            notes=tuple(notes),
        )
        return Packet(frame=frame, ping=ping, pong=pong)

    def _drop(self, key: tuple[bytes, int]) -> None:
        old = self._digests.pop(key, None)
        if old is not None:
            self.waiting -= digest_size(old)

    def _check(self, frame: Frame) -> None:
        for envelope in frame.envelopes:
            if len(envelope.payload) > INLINE_MAX:
                raise ValueError(
                    f"an envelope with a payload of {len(envelope.payload)} bytes is not inline "
                    f"(at most {INLINE_MAX}); offer it instead"
                )
        for note in frame.notes:
            if len(note.note) > NOTE_MAX:
                raise ValueError(f"a note of {len(note.note)} bytes; it takes at most {NOTE_MAX}")
        for digest in frame.digests:
            if len(digest.held) > self._limits.held_ids * ID_PREFIX:
                raise ValueError(
                    f"a digest of {len(digest.held) // ID_PREFIX} ids; "
                    f"at most {self._limits.held_ids} fit a frame"
                )


def _pieces(want: Want, size: int) -> Iterator[Want]:
    """`want` as one or more of at most `size` ids."""
    for at in range(0, max(1, len(want.ids)), size):
        yield Want(task=want.task, ids=want.ids[at : at + size])


class _Room:
    """What is left of a frame, in bytes and entries."""

    __slots__ = ("bytes", "entries")

    def __init__(self, size: int, entries: int) -> None:
        self.bytes = size
        self.entries = entries

    def fits(self, size: int) -> bool:
        """Take `size` bytes for one more entry, if they are there."""
        if size > self.bytes or not self.entries:
            return False
        self.bytes -= size
        self.entries -= 1
        return True
