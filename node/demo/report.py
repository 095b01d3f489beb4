"""The account at the end: who was right how often, what it cost, what was checked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from .accuracy import Row, Table
from .play import Way
from .session import Decision, Drill
from .stage import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What fresh processes said of the exported files: how many were valid, in what time."""

    asked: int
    valid: int
    processes: int
    ms: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Means a case, but for the client's times: envelopes and their bytes that the members
    sent each other until they had decided, rounds, and bytes of the verdict file."""

    messages: float
    bytes: float
    rounds: float
    verdict_bytes: float
    ms_median: int
    ms_p95: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A play decided in one `way`; `name` is the play's. It went well if `failures` is empty."""

    folder: Path
    verdicts: Path
    federation: Path
    name: str
    way: Way
    seed: int
    concurrency: int
    places: tuple[Place, ...]
    asked: int
    decided: tuple[Decision, ...]
    table: Table
    cost: Cost
    drill: Drill
    verification: Verification
    decided_in_ms: int
    ms: int
    failures: tuple[str, ...]

    @property
    def warned(self) -> Mapping[str, int]:
        """How many verdicts carry each warning (E3)."""
        return Counter(name for item in self.decided for name in item.reading.warnings)


def table(decided: Sequence[Decision], places: Sequence[Place]) -> Table:
    """Count who was right, from what the verdicts record.

    An organisation alone is asked where its draft of round 1 counted. Majority and mean of
    probabilities are the baselines of round 1; a tied majority is right by its share.
    """
    alone = []
    found = [False] * len(decided)
    for place in places:
        said = {
            at: item.reading.drafts[place.key].answer == item.truth
            for at, item in enumerate(decided)
            if place.key in item.reading.drafts
        }
        alone.append(Row(name=place.name, right=sum(said.values()), asked=len(said)))
        found = [seen or said.get(at, False) for at, seen in enumerate(found)]
    asked = len(decided)
    return Table(
        alone=tuple(alone),
        majority=Row(
            name="majority", right=sum(item.majority_right for item in decided), asked=asked
        ),
        mean=Row(
            name="mean of probabilities",
            right=sum(item.reading.mean == item.truth for item in decided),
            asked=asked,
        ),
        swarm=Row(
            name="swarm",
            right=sum(item.reading.answer == item.truth for item in decided),
            asked=asked,
        ),
        split=Row(name="swarm, ties split", right=sum(item.right for item in decided), asked=asked),
        oracle=Row(name="any right", right=sum(found), asked=asked),
    )


def cost(decided: Sequence[Decision], entries: Sequence[Sequence[Mapping[str, Any]]]) -> Cost:
    """What a case cost; `entries` is every member's list of verdicts, with its traffic."""
    tasks = {item.reading.task for item in decided}
    traffic = [e["traffic"] for listed in entries for e in listed if e["task"] in tasks]
    cases = max(1, len(decided))
    times = sorted(item.ms for item in decided) or [0]
    return Cost(
        messages=sum(item["sent"] for item in traffic) / cases,
        bytes=sum(item["sent_bytes"] for item in traffic) / cases,
        rounds=sum(item.reading.rounds for item in decided) / cases,
        verdict_bytes=sum(item.reading.size for item in decided) / cases,
        ms_median=round(median(times)),
        ms_p95=times[max(0, -(-len(times) * 95 // 100) - 1)],
    )


def plain(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    drill = report.drill
    return {
        "ok": not report.failures,
        "failures": list(report.failures),
        "name": report.name,
        "way": report.way.name,
        "folder": str(report.folder),
        "federation": str(report.federation),
        "seed": report.seed,
        "concurrency": report.concurrency,
        "policy": dict(report.way.policy),
        "asked": report.asked,
        "decided": len(report.decided),
        "warnings": dict(report.warned),
        "accuracy": [_row(row, report) for row in report.table.rows],
        "split": _row(report.table.split, report),
        "oracle": _row(report.table.oracle, report),
        "cost": {
            "messages": report.cost.messages,
            "bytes": report.cost.bytes,
            "rounds": report.cost.rounds,
            "verdict_bytes": report.cost.verdict_bytes,
            "ms_median": report.cost.ms_median,
            "ms_p95": report.cost.ms_p95,
        },
        "killed": {
            "member": drill.member,
            "case": drill.case,
            "task": drill.task,
            "decided_without_it": len(drill.away),
            "back_ms": drill.back_ms,
            "caught_up_ms": drill.caught_up_ms,
        },
        "verified": {
            "asked": report.verification.asked,
            "valid": report.verification.valid,
            "processes": report.verification.processes,
            "ms": report.verification.ms,
        },
        "decided_in_ms": report.decided_in_ms,
        "ms": report.ms,
        "cases": [_case(item, report.places) for item in report.decided],
    }


def _row(row: Row, report: Report) -> dict[str, Any]:
    low, high = row.interval
    kinds = {place.name: place.actor.kind for place in report.places}
    return {
        "name": row.name,
        "kind": kinds.get(row.name),
        "right": row.right,
        "asked": row.asked,
        "share": row.share,
        "low": low,
        "high": high,
    }


def _case(item: Decision, places: Sequence[Place]) -> dict[str, Any]:
    reading = item.reading
    return {
        "case": item.number,
        "truth": item.truth,
        "answer": reading.answer,
        "tied": list(reading.tied),
        "probability": reading.probability,
        "majority": list(reading.majority),
        "mean": reading.mean,
        "drafts": {
            place.name: reading.drafts[place.key].answer
            for place in places
            if place.key in reading.drafts
        },
        "status": reading.status,
        "reason": reading.reason,
        "rounds": reading.rounds,
        "warnings": dict(reading.warnings),
        "opener": item.opener,
        "moved": list(item.moved),
        "ms": item.ms,
        "task": reading.task,
        "verdict": reading.verdict,
        "exporter": item.exporter,
        "file": item.path.name,
    }
