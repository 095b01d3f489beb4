"""What calls a member has left before it is shut out for a while (rule T3).

A `toll` slows who has things done; this is for calls that cost though nothing is done for them.
"""

from dataclasses import dataclass, field
from typing import Final

from .toll import regained

BURST: Final = 1_000.0
"""Units at once."""
RATE: Final = 25.0
"""Units a second. Whoever gets work done is slowed to twenty calls a second by its toll."""
CALL: Final = 1.0
VAIN: Final = 8.0
"""Units of a call, and what it costs besides if it was taken back or had to be refused."""
SHUT_NS: Final = 60_000_000_000
"""Nanoseconds for which a member is shut out, in which its account fills again."""


@dataclass(slots=True)
class Visits:
    """One member's account of calls, full at first. Times are monotonic nanoseconds."""

    units: float = BURST
    shut_out: int = 0
    """How often this member was."""
    until_ns: int = -1
    """When it may come back, if it is shut out."""
    _at_ns: int = field(default=-1)

    def shut(self, now_ns: int) -> bool:
        """Whether the member is shut out now."""
        return now_ns < self.until_ns

    def charge(self, units: float, now_ns: int) -> bool:
        """Take `units`; whether that was the last, and the member is shut out from now on."""
        held = regained(self.units, self._at_ns, now_ns, rate=RATE, burst=BURST)
        self._at_ns = now_ns
        self.units = max(0.0, held - units)
        if self.units > 0 or self.shut(now_ns):
            return False
        self.shut_out += 1
        self.until_ns = now_ns + SHUT_NS
        return True
