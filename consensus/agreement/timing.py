"""How long an instance waits (rule A10): pure functions of policy, view and round trip."""

from dataclasses import dataclass

from ..policy import Policy

REFERENCE_RTT_MS = 100
"""Round trip at which the policy's timers hold as written: between continents."""
SCALE_FLOOR = 20
"""Smallest scale in hundredths: below it scheduling noise, not the network, sets the pace."""
SCALE_CAP = 500
"""Largest scale in hundredths: a peer that answers slowly on purpose gains no more."""
LINK_DOWN_MS = 100
"""Wait for a proposer whose link is down: long enough for a reconnect in progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Timers of one task. `rtt_ms` is the q-th smallest round trip, or None if unmeasured."""

    policy: Policy
    rtt_ms: int | None = None

    def _scaled(self, ms: int) -> int:
        if self.rtt_ms is None:
            return ms
        scale = min(max(self.rtt_ms * 100 // REFERENCE_RTT_MS, SCALE_FLOOR), SCALE_CAP)
        return max(1, ms * scale // 100)

    def propose(self, view: int, *, proposer_up: bool) -> int:
        """Milliseconds to wait for the proposal of `view`."""
        if not proposer_up:
            return LINK_DOWN_MS
        return self._scaled(self.policy.propose_ms + view * self.policy.propose_step_ms)

    def vote(self, view: int) -> int:
        """Milliseconds to wait for further votes of `view` once a quorum has voted."""
        return self._scaled(self.policy.vote_ms + view * self.policy.vote_step_ms)
