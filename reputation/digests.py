"""A set of ids by digest: equal sets are seen to be equal, and differences found in few steps.

The ids stand in 256 parts by their first byte, each with a digest of its sorted ids, and those
digests have one over them; a part that is too large to be listed has parts itself, by the next
byte. The order of arrival enters nowhere (L1).
"""

import hashlib
from dataclasses import dataclass
from typing import Final

LEAF: Final = 256
"""Most ids that a summary lists; more are told by the digests of their parts."""

DEPTH: Final = 8
"""Longest prefix, in bytes, that is summarised. Two tell millions of evenly spread ids apart; but
a client can grind its statements' ids until more of them than a summary lists stand in front of
one that is known beforehand, such as that of the evidence against it. Eight bytes take 2^64
tries for each of those (L1)."""

_TAG: Final = b"quorate/set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is held below a prefix: how many ids, their digest, and the ids or 256 digests."""

    digest: bytes
    count: int
    ids: tuple[bytes, ...] = ()
    parts: tuple[bytes, ...] = ()


class IdSet:
    """32-byte ids. Its digest costs the parts that changed since it was last asked for."""

    __slots__ = ("_digests", "_parts")

    def __init__(self) -> None:
        self._parts: dict[int, set[bytes]] = {}
        self._digests: dict[int, bytes] = {}

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def __contains__(self, item: bytes) -> bool:
        return item in self._parts.get(item[0], ())

    def add(self, item: bytes) -> None:
        """Put an id in; once more changes nothing."""
        self._parts.setdefault(item[0], set()).add(item)
        self._digests.pop(item[0], None)

    def discard(self, item: bytes) -> None:
        """Take an id out, if it is in."""
        self._parts.get(item[0], set()).discard(item)
        self._digests.pop(item[0], None)

    @property
    def digest(self) -> bytes:
        """The set's digest, 32 bytes."""
        return _hash([self._part(first) for first in range(256)])

    def summary(self, prefix: bytes) -> Summary:
        """What is held below `prefix`. Raises `ValueError` on one of more than `DEPTH` bytes."""
        if len(prefix) > DEPTH:
            raise ValueError(f"a prefix has at most {DEPTH} bytes, not {len(prefix)}")
        if not prefix:
            count, digest = len(self), self.digest
            if count > LEAF:
                parts = tuple(self._part(first) for first in range(256))
                return Summary(digest=digest, count=count, parts=parts)
            ids = sorted(item for part in self._parts.values() for item in part)
            return Summary(digest=digest, count=count, ids=tuple(ids))
        ids = sorted(i for i in self._parts.get(prefix[0], ()) if i.startswith(prefix))
        digest = _hash(ids)
        if len(ids) <= LEAF or len(prefix) == DEPTH:
            return Summary(digest=digest, count=len(ids), ids=tuple(ids[:LEAF]))
        split: dict[int, list[bytes]] = {}
        for item in ids:
            split.setdefault(item[len(prefix)], []).append(item)
        parts = tuple(_hash(split.get(byte, [])) for byte in range(256))
        return Summary(digest=digest, count=len(ids), parts=parts)

    def _part(self, first: int) -> bytes:
        found = self._digests.get(first)
        if found is None:
            found = self._digests[first] = _hash(sorted(self._parts.get(first, ())))
        return found


def _hash(items: list[bytes]) -> bytes:
    return hashlib.sha256(_TAG + b"".join(items)).digest()
