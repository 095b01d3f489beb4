"""What a node's store may take on the disk, and what happens on the way there (rules S7, A13).

Pure. Below the limit everything is taken. Past it new tasks are refused, with the reason signed;
what is under way goes on, since a vote that is kept back for the disk's sake helps nobody. A
refusal is stored too, so past a second mark a task gets no answer and is not followed either.
"""

from dataclasses import dataclass
from typing import Final

MIB: Final = 1_048_576

WARN_SHARE: Final = 8
"""Tenths of the limit past which the log warns: time to prune, or to allow more."""
BRIM_SHARE: Final = 11
"""Tenths of the limit past which nothing new is stored at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A limit in bytes on what database, log and evidence take together; 0 is none."""

    limit: int = 0

    def near(self, used: int) -> bool:
        """Whether it is time to warn."""
        return bool(self.limit) and used * 10 > self.limit * WARN_SHARE

    def problem(self, used: int) -> str:
        """Why no new task is taken, or "" (S7)."""
        if not self.limit or used <= self.limit:
            return ""
        return f"over the disk quota of {mib(self.limit)}: {mib(used)} are stored here"

    def brimming(self, used: int) -> str:
        """Why a task gets no answer at all, or ""."""
        if not self.limit or used * 10 <= self.limit * BRIM_SHARE:
            return ""
        return f"{mib(used)} are stored, far over the disk quota of {mib(self.limit)}"


def mib(size: int) -> str:
    """Bytes for people, in MiB."""
    return f"{size / MIB:.1f} MiB"
