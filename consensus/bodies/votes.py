"""What members say in agreeing on a point: what they hold, values and votes (rules V1, A, S4)."""

import struct
from dataclasses import dataclass

from ..committee import MAX_MEMBERS
from ..envelope import MessageId
from .fields import COUNT_CAP, VIEW_CAP, check, check_length, check_range

MAX_REPORT_IDS = 2 * MAX_MEMBERS
"""At most two ids a slot (rule V1a)."""
MAX_VALUE = 1_048_576
"""Largest agreed value in bytes: an outcome of the largest committee stays far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The ids a member held when a stage closed (V1), with its claims (P2a; outcome only)."""

    ids: tuple[MessageId, ...]
    deadline: bool = False
    tokens: int = 0
    micros: int = 0
    ms: int = 0

    def __post_init__(self) -> None:
        check(len(self.ids) <= MAX_REPORT_IDS, f"report: at most {MAX_REPORT_IDS} ids")
        for held in self.ids:
            check_length(held, 32, "reported id")
        check(list(self.ids) == sorted(set(self.ids)), "reported ids are not ascending")
        for name in ("tokens", "micros", "ms"):
            check_range(getattr(self, name), 0, COUNT_CAP, f"report.{name}")


_VOTE = struct.Struct(">I32s")
_PROPOSE = struct.Struct(">Ii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A prevote or precommit (S4): 4 bytes of view, 32 of value id; zero is nil."""

    view: int
    value: bytes

    def __post_init__(self) -> None:
        check_range(self.view, 0, VIEW_CAP, "vote.view")
        check_length(self.value, 32, "vote.value")

    def pack(self) -> bytes:
        """The 36 bytes that are signed."""
        return _VOTE.pack(self.view, self.value)

    @classmethod
    def unpack(cls, data: bytes) -> "Vote":
        """The inverse of `pack`."""
        check_length(data, _VOTE.size, "vote")
        view, value = _VOTE.unpack(data)
        return cls(view=view, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    """A value put forward in a view (A2): 4 bytes of view, 4 of valid view (or -1), value."""

    view: int
    valid_view: int
    value: bytes

    def __post_init__(self) -> None:
        check_range(self.view, 0, VIEW_CAP, "propose.view")
        check_range(self.valid_view, -1, self.view - 1, "propose.valid_view")
        check(0 < len(self.value) <= MAX_VALUE, f"value: 1 to {MAX_VALUE} bytes")

    def pack(self) -> bytes:
        """The bytes that are signed."""
        return _PROPOSE.pack(self.view, self.valid_view) + self.value

    @classmethod
    def unpack(cls, data: bytes) -> "Propose":
        """The inverse of `pack`."""
        check(len(data) > _PROPOSE.size, "propose is cut short")
        view, valid_view = _PROPOSE.unpack_from(data)
        return cls(view=view, valid_view=valid_view, value=data[_PROPOSE.size :])
