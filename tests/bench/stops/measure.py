"""What each stop rule saves against a fixed number of rounds, and what it costs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from consensus.policy import STOPS, Policy
from tests.bench.rules.bootstrap import interval

from .traces import CAP, Trace

FIXED: Final = (1, 2, 3, CAP)
"""Rounds of the fixed schedules beside the rules."""

DEFAULT: Final = Policy().stops
COMBINED: Final = " ".join(STOPS)

RULES: Final = {
    **{name: name for name in STOPS},
    "maci, near_consensus": "maci near_consensus",
    "default": DEFAULT,
    "all six": COMBINED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to stop on one set of traces.

    Means over tasks: `rounds`, `right` in %; `saved` are tokens in % of those of `CAP` rounds
    (None where nothing spends any), `points` the difference in % right to `CAP` rounds with its
    95 % interval (`low`, `high`), and `first` the same against a single round. `most` is the
    longest task; `reasons` in % of tasks.
    """

    name: str
    rounds: float
    most: int
    saved: float | None
    right: float
    points: tuple[float, float, float]
    first: tuple[float, float, float]
    reasons: Mapping[str, float]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "rounds": self.rounds,
            "most": self.most,
            "saved": self.saved,
            "right": self.right,
            "points": self.points,
            "first": self.first,
            "reasons": dict(self.reasons),
        }


def rows(traces: Sequence[Trace]) -> list[Row]:
    """The fixed schedules, then each rule alone and some together, on the same traces."""
    found = [
        _row(f"{count} round{'s' * (count > 1)}", traces, [(count, "rounds")] * len(traces))
        for count in FIXED
    ]
    for name, stops in RULES.items():
        policy = Policy(rounds=CAP, stops=stops)
        ends = []
        for trace in traces:
            plateaus = trace.plateaus(policy)
            ends.append((len(plateaus), str(plateaus[-1].reason)))
        found.append(_row(name, traces, ends))
    return found


def _row(name: str, traces: Sequence[Trace], ends: Sequence[tuple[int, str]]) -> Row:
    right = np.array([trace.right(end) for trace, (end, _) in zip(traces, ends, strict=True)])
    spent = sum(trace.tokens(end) for trace, (end, _) in zip(traces, ends, strict=True))
    whole = sum(trace.tokens(CAP) for trace in traces)
    why = Counter(reason for _, reason in ends)
    return Row(
        name=name,
        rounds=float(np.mean([end for end, _ in ends])),
        most=max(end for end, _ in ends),
        saved=100 * (1 - spent / whole) if whole else None,
        right=100 * float(right.mean()),
        points=interval(right - np.array([trace.right(CAP) for trace in traces])),
        first=interval(right - np.array([trace.right(1) for trace in traces])),
        reasons={reason: 100 * count / len(ends) for reason, count in why.most_common()},
    )


def table(title: str, found: Sequence[Row]) -> str:
    """A table in Markdown."""
    lines = [
        f"### {title}",
        "",
        "| stop | rounds (most) | tokens saved | right | against 8 rounds | against 1 | why |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found:
        saved = "" if row.saved is None else f"{row.saved:.0f} %"
        why = ", ".join(f"{share:.0f} {name}" for name, share in row.reasons.items())
        lines.append(
            f"| {row.name} | {row.rounds:.2f} ({row.most}) | {saved} | {row.right:.1f} | "
            f"{_told(row.points)} | {_told(row.first)} | {why} |"
        )
    return "\n".join(lines)


def _told(points: tuple[float, float, float]) -> str:
    middle, low, high = points
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"
