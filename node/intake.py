"""Whether this node takes part in a task (rule S7): a reason to refuse, or none."""

from collections import deque
from dataclasses import dataclass, field

from consensus.bodies import TaskOpen
from consensus.ports import Message

from .config import LimitsConfig
from .federation import Federation

MINUTE_MS = 60_000


@dataclass(kw_only=True)
class Intake:
    """Applies the federation's floors and this node's limits to a TaskOpen.

    `skew_ms` is by how much wall clocks may differ; `signs_after_ms` is set where the
    database is not the one that the identity names: older tasks may hold votes of ours that
    are lost, so they are only followed (A13).
    """

    federation: Federation
    limits: LimitsConfig
    skew_ms: int
    signs_after_ms: int = 0
    _openings: dict[bytes, deque[int]] = field(default_factory=dict)

    def may_sign(self, spec: TaskOpen) -> bool:
        """A13: False for a task opened before this node's memory begins."""
        return spec.opened_at_ms >= self.signs_after_ms

    def problem(self, opened: Message, *, running: int, wall_ms: int) -> str:
        """The signed reason to refuse `opened`, or "" to accept it.

        `running` counts undecided tasks here, `wall_ms` is this node's wall clock.
        """
        spec = opened.body
        assert isinstance(spec, TaskOpen)
        floor = self.federation.floor_problem(spec.committee)
        if floor is not None:
            return floor
        if wall_ms > spec.not_after_ms:
            return f"the task expired {wall_ms - spec.not_after_ms} ms ago"
        if spec.opened_at_ms > wall_ms + self.skew_ms:
            return f"the task was opened {spec.opened_at_ms - wall_ms} ms in the future"
        life = spec.not_after_ms - spec.opened_at_ms
        if life > self.limits.task_life_s * 1_000:
            return f"the task lives {life} ms; this member keeps votes {self.limits.task_life_s} s"
        if running >= self.limits.tasks:
            return f"over quota: {running} tasks are undecided here"
        recent = self._openings.setdefault(opened.signer, deque())
        while recent and recent[0] < wall_ms - MINUTE_MS:
            recent.popleft()
        if len(recent) >= self.limits.opener_tasks_per_minute:
            return f"over quota: {len(recent)} tasks of this opener in the last minute"
        recent.append(wall_ms)
        return ""
