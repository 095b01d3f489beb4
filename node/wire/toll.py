"""What a member pays for work that helps nobody, in time: its link is read more slowly (rule T3).

Nothing is dropped: what is not read waits in the transport, and then at the sender. A member that
keeps to the protocol stays far under the rate; a flood gets a hundredth of a core at each node.
"""

from dataclasses import dataclass, field
from typing import Final

RATE: Final = 100.0
"""Units a second; a unit is about what it costs to refuse an envelope, a tenth of a millisecond."""
BURST: Final = 2_000.0
"""Units at once: what a member sends of tasks that are over, or not known yet, after a restart."""
PAUSE_MOST_S: Final = 1.0
"""Longest time that a link is left unread at a stretch: a member's word of honour still comes."""

TASK: Final = 40.0
REFUSED: Final = 1.0
UNKNOWN: Final = 0.25
DIGEST: Final = 0.05
HELD: Final = 0.002
WANT: Final = 0.5
ID: Final = 0.05
CALL: Final = 5.0
KIB: Final = 0.01
"""Units of a refused task of its opener's own (all sign and store a refusal, and tell all others),
of a refused message, of one of a task that is not known here (its signature is not even looked
at, and it is no fault: members may have taken different ones of a flood of tasks), of a digest,
of each id that it says is held, of a want or an offer, of each id in it, of a call, of a KiB of
its answer."""


@dataclass(slots=True)
class Toll:
    """One member's account, full at first. Times are monotonic nanoseconds."""

    units: float = BURST
    slowed: int = 0
    """How often this member had to wait."""
    _at_ns: int = field(default=-1)

    def charge(self, units: float, now_ns: int) -> float:
        """Take `units`; the seconds to wait before anything else of this member is handled."""
        held = regained(self.units, self._at_ns, now_ns, rate=RATE, burst=BURST)
        self._at_ns = now_ns
        self.units = max(held - units, -PAUSE_MOST_S * RATE)
        if self.units >= 0:
            return 0.0
        self.slowed += 1
        return -self.units / RATE


def regained(units: float, since_ns: int, now_ns: int, *, rate: float, burst: float) -> float:
    """What an account holds that had `units` at `since_ns` (never, if negative) and regains `rate`
    a second, up to `burst`."""
    return units if since_ns < 0 else min(burst, units + (now_ns - since_ns) / 1e9 * rate)
