"""Whether this node takes part in a task (rule S7): a reason to refuse, or none.

A refusal is signed and remembered like an acceptance, so refusals cost something too. What one
member opens is therefore bounded twice: past the first bound its tasks are refused, past the
second they get no answer. Neither takes a place that another's tasks need.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from consensus.bodies import TaskOpen
from consensus.ports import Message

from .config import LimitsConfig
from .federation import Federation
from .quota import Quota

MINUTE_MS = 60_000

FOLLOWED: Final = 64
"""Undecided tasks that are followed without taking part on one member's account: refused ones
on their opener's, those that came after their not-after on that of who brought them."""

REFUSALS: Final = 2
"""How many times its quota an opener's tasks are answered in a minute, refusals included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Undecided tasks here: those taken part in by opener, those only followed by whose
    account they are on."""

    running: Counter[bytes]
    followed: Counter[bytes]


@dataclass(kw_only=True)
class Intake:
    """Applies the federation's floors and this node's limits to a TaskOpen.

    `skew_ms` is by how much wall clocks may differ; `signs_after_ms` is set where the
    database was not always the identity's: older tasks may hold votes of ours that it never
    saw, so they are only followed (A13).
    """

    federation: Federation
    limits: LimitsConfig
    skew_ms: int
    signs_after_ms: int = 0
    quota: Quota = field(default_factory=Quota)
    used: Callable[[], int] = int
    """Bytes that the store takes on the disk now."""
    _openings: dict[bytes, deque[int]] = field(default_factory=dict)

    def may_sign(self, spec: TaskOpen) -> bool:
        """A13: False for a task opened before this node's memory begins."""
        return spec.opened_at_ms >= self.signs_after_ms

    def full(self) -> str:
        """Why nothing new is stored at all, or ""."""
        return self.quota.brimming(self.used())

    def ignored(self, opened: Message, load: Load, wall_ms: int) -> str:
        """Why `opened`, which is not taken part in, gets no answer at all, or "" if it does."""
        if brimming := self.full():
            return brimming
        if self.federation.member(opened.signer) is None:
            return f"its opener {opened.signer.hex()[:16]} is not a member of the federation"
        if load.followed[opened.signer] >= FOLLOWED:
            return f"{FOLLOWED} tasks of its opener are followed here already"
        most = REFUSALS * self.limits.opener_tasks_per_minute
        if self._recent(opened.signer, wall_ms) >= most:
            return f"{most} tasks of its opener were answered in the last minute"
        return ""

    def took(self, opened: Message, wall_ms: int) -> None:
        """Count `opened` as answered, or as opened here."""
        self._openings.setdefault(opened.signer, deque()).append(wall_ms)

    def problem(self, opened: Message, load: Load, wall_ms: int) -> str:
        """The signed reason to refuse `opened`, or "" to accept it.

        `wall_ms` is this node's wall clock.
        """
        spec = opened.body
        assert isinstance(spec, TaskOpen)
        floor = self.federation.floor_problem(spec.committee)
        if floor is not None:
            return floor
        if (stranger := self.federation.speaker_problem(spec.speakers)) is not None:
            return stranger
        if wall_ms > spec.not_after_ms:
            return f"the task expired {wall_ms - spec.not_after_ms} ms ago"
        if spec.opened_at_ms > wall_ms + self.skew_ms:
            return f"the task was opened {spec.opened_at_ms - wall_ms} ms in the future"
        life = spec.not_after_ms - spec.opened_at_ms
        if life > self.limits.task_life_s * 1_000:
            return f"the task lives {life} ms; this member keeps votes {self.limits.task_life_s} s"
        running, own = load.running.total(), load.running[opened.signer]
        if running >= self.limits.tasks:
            return f"over quota: {running} tasks are undecided here"
        if own >= self.limits.tasks - running:  # half of what the others leave
            return f"over quota: {own} tasks of this opener are undecided here"
        recent = self._recent(opened.signer, wall_ms)
        if recent >= self.limits.opener_tasks_per_minute:
            return f"over quota: {recent} tasks of this opener in the last minute"
        return self.quota.problem(self.used())

    def _recent(self, opener: bytes, wall_ms: int) -> int:
        """How many tasks of `opener` were answered in the last minute."""
        answered = self._openings.get(opener, deque())
        while answered and answered[0] < wall_ms - MINUTE_MS:
            answered.popleft()
        return len(answered)
