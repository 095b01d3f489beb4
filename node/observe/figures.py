"""Counts of what a node has done since its start: plain integers, added up as it happens.

Nothing here knows Prometheus: what a scrape costs is paid when there is one (`collector`). Labels
are bounded: stages, points, kinds and failures are fixed words, members are the federation's.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

from consensus.bodies import Usage

from .contract import Ended, Opened

SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)
"""Upper bounds of the classes of durations: a stage takes milliseconds to minutes."""


class Histogram:
    """How often a duration fell into which class; the last one is open."""

    __slots__ = ("counts", "total_ns")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total_ns = 0

    def add(self, ns: int) -> None:
        """Count a duration."""
        self.counts[bisect_left(SECONDS, ns / 1e9)] += 1
        self.total_ns += ns

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus' buckets: how many were at most as long as each bound."""
        bounds: Sequence[str] = (*map(str, SECONDS), "+Inf")
        found, total = [], 0
        for bound, count in zip(bounds, self.counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class Figures:
    """An `Observer` that counts. What it remembers of a task goes as the task ends."""

    def __init__(self) -> None:
        self.opened_by: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.rounds = 0
        self.deliberations = Histogram()
        self.stages: dict[str, Histogram] = {}
        self.views_lost: Counter[str] = Counter()
        self.signed: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.missing: Counter[tuple[str, str]] = Counter()
        self.abstained: Counter[tuple[str, str]] = Counter()
        self.equivocations: Counter[str] = Counter()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.call_times: dict[str, Histogram] = {}
        self._began: dict[bytes, int] = {}
        self._at: dict[bytes, tuple[str, int]] = {}
        self._asked: dict[bytes, dict[tuple[int, str], int]] = {}

    def opened(self, opened: Opened, at_ns: int) -> None:
        """A task begins; one that a restart took up was counted before it."""
        if not opened.resumed:
            self.opened_by["self" if opened.opener else "member"] += 1
        self._began[opened.task] = at_ns

    def entered(self, task: bytes, round_: int, stage: str, at_ns: int) -> None:  # noqa: ARG002
        """A stage begins, and the one before is over."""
        self._left(task, at_ns)
        self._at[task] = stage, at_ns

    def view_lost(self, task: bytes, point: str, at_ns: int) -> None:  # noqa: ARG002
        """Count it by its point."""
        self.views_lost[point] += 1

    def asked(self, task: bytes, round_: int, doing: str, at_ns: int) -> None:
        """Remember when."""
        self._asked.setdefault(task, {})[round_, doing] = at_ns

    def answered(
        self,
        task: bytes,
        round_: int,
        doing: str,
        usage: Usage | None,  # noqa: ARG002  what models used they count themselves
        failure: str,
        at_ns: int,
    ) -> None:
        """Count the call by what came of it."""
        self.calls[doing, failure or "ok"] += 1
        began = self._asked.get(task, {}).pop((round_, doing), at_ns)
        self.call_times.setdefault(doing, Histogram()).add(at_ns - began)

    def ended(self, ended: Ended, at_ns: int) -> None:
        """Count the task by its end, and forget it."""
        self._left(ended.task, at_ns)
        self._asked.pop(ended.task, None)
        self.ends[ended.reason] += 1
        self.rounds += ended.rounds
        self.missing.update(ended.missing)
        self.abstained.update(ended.abstained)
        began = self._began.pop(ended.task, None)
        if began is not None:
            self.deliberations.add(at_ns - began)

    def remembered(self) -> int:
        """How many tasks are remembered: those that are under way."""
        return len({*self._began, *self._at, *self._asked})

    def _left(self, task: bytes, at_ns: int) -> None:
        stage, since = self._at.pop(task, ("", 0))
        if stage:
            self.stages.setdefault(stage, Histogram()).add(at_ns - since)
