"""Log lines about what peers send amiss: a flood of messages is no flood of lines (T3)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from .log import get_logger

log = get_logger("peers")

QUIET_MS = 10_000
"""Milliseconds between two lines about one member and one code; what is kept quiet is counted."""


@dataclass(slots=True)
class _Said:
    at_ms: int
    since: int = 0


class Complaints:
    """One line a member and code in `QUIET_MS`, with how many came since the line before."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._said: dict[tuple[str, str], _Said] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._totals: Counter[str] = Counter()

    def total(self, member: str) -> int:
        """How much from `member` was refused for what is wrong with it, since the start."""
        return self._totals[member]

    def counted(self, member: str) -> dict[str, int]:
        """How often something from `member` was refused since the start, by code."""
        return {code: count for (name, code), count in self._counts.items() if name == member}

    def count(self, member: str, code: str) -> None:
        """Count what needs no line, and costs its sender nothing."""
        self._counts[member, code] += 1

    def about(self, member: str, code: str, reason: str, **more: str) -> None:
        """Say that something from `member` (a member's name) was refused, if it is time to."""
        self.count(member, code)
        self._totals[member] += 1
        said = self._said.get((member, code))
        if said is not None and self._now() - said.at_ms < QUIET_MS:
            said.since += 1
            return
        unsaid = said.since if said is not None else 0
        self._said[member, code] = _Said(self._now())
        log.info("refusal", member=member, code=code, reason=reason, unsaid=unsaid, **more)
