"""What passes the mix: packets, bundles, and the batches that come out (rule R3)."""

import struct
from dataclasses import dataclass

from ..committee import MAX_MEMBERS
from ..envelope import Envelope
from .fields import check, check_range


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Alias-signed proposals that one member puts on the table (R3), ascending by id."""

    entries: tuple[Envelope, ...]

    def __post_init__(self) -> None:
        check(len(self.entries) <= MAX_MEMBERS, "batch: more entries than members allowed")
        ids = [entry.id for entry in self.entries]
        check(ids == sorted(set(ids)), "batch entries are not ascending by id")


_PATH = struct.Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A proposal sealed for both hops of the path of that index (R3), for its entry alone."""

    path: int
    box: bytes

    def __post_init__(self) -> None:
        check_range(self.path, 0, MAX_MEMBERS - 1, "packet.path")
        check(len(self.box) > 0, "packet: the box is empty")

    @property
    def view(self) -> int:
        """What tells an author's packets of one round apart, as views tell votes apart."""
        return self.path

    def pack(self) -> bytes:
        """The bytes that are signed: 4 of path, then the box."""
        return _PATH.pack(self.path) + self.box

    @classmethod
    def unpack(cls, data: bytes) -> "Packet":
        """The inverse of `pack`."""
        check(len(data) > _PATH.size, "packet is cut short")
        return cls(path=_PATH.unpack_from(data)[0], box=data[_PATH.size :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Shuffled boxes of one size that an entry hands to its exit (R3)."""

    boxes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        check(len(self.boxes) <= MAX_MEMBERS, "bundle: more boxes than members allowed")
        check(len({len(box) for box in self.boxes} | {0}) <= 2, "bundle: boxes differ in size")
        check(all(self.boxes), "bundle: a box is empty")

    def pack(self) -> bytes:
        """The bytes that are signed: 4 with the number of boxes, then the boxes."""
        return _PATH.pack(len(self.boxes)) + b"".join(self.boxes)

    @classmethod
    def unpack(cls, data: bytes) -> "Bundle":
        """The inverse of `pack`."""
        check(len(data) >= _PATH.size, "bundle is cut short")
        count, body = _PATH.unpack_from(data)[0], data[_PATH.size :]
        check_range(count, 0, MAX_MEMBERS, "bundle.boxes")
        size = len(body) // count if count else 0
        check(size * count == len(body), "bundle: boxes differ in size")
        return cls(boxes=tuple(body[at * size : (at + 1) * size] for at in range(count)))
