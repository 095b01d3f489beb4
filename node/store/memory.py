"""The store in memory: for the simulator and for tests. The same contract, nothing durable."""

import json
from dataclasses import replace
from itertools import islice

from consensus.envelope import TaskId

from .contract import (
    FactConflict,
    SlotConflict,
    StoreError,
    TaskConflict,
    VerdictConflict,
    ambiguous,
    checked_prefix,
    no_longer,
)
from .records import (
    VERDICT_FACT,
    Batch,
    FactRow,
    NoteRow,
    Pruned,
    PruneRule,
    Slot,
    SlotKey,
    TaskBrief,
    TaskRow,
    TaskState,
    Toll,
    VerdictEntry,
    VerdictRow,
)


class MemoryStore:
    """`Store` in plain dicts, in order of arrival: a batch is checked whole, then applied."""

    def __init__(self, *, now_ms: int, fresh_id: bytes) -> None:
        self.database_id = fresh_id
        self.created_at_ms = now_ms
        self.since_ms = 0
        self.signings = 0
        self._closed = False
        self._tasks: dict[TaskId, TaskRow] = {}
        self._slots: dict[TaskId, dict[SlotKey, Slot]] = {}
        self._verdicts: dict[TaskId, VerdictRow] = {}
        self._pruned: dict[TaskId, tuple[int, Pruned]] = {}
        self._arrived: dict[TaskId, int] = {}
        self._facts: list[FactRow] = []
        self._notes: dict[TaskId, dict[bytes, NoteRow]] = {}

    async def adopt(self, *, fresh_id: bytes, since_ms: int) -> None:
        """`Store.adopt`."""
        self._check_open()
        self.database_id, self.since_ms = fresh_id, since_ms

    async def commit(self, batch: Batch) -> None:
        """`Store.commit`."""
        self._check_open()
        verdicts = [replace(row, summary=_plain(row.summary)) for row in batch.verdicts]
        self._check(batch)
        self.signings += bool(batch.slots)
        for task in batch.tasks:
            self._tasks.setdefault(task.task, task)
            self._arrived.setdefault(task.task, len(self._arrived))
        for slot in batch.slots:
            self._slots.setdefault(slot.task, {}).setdefault(slot.key, slot)
        for row in verdicts:
            self._verdicts.setdefault(row.task, row)
            self._mark(row.task, TaskState.DECIDED, row.verdict)
        for closed in batch.closed:
            held = self._tasks.get(closed.task)
            if held is not None and held.state is TaskState.UNDECIDED:
                self._mark(closed.task, closed.state)
        self._facts += batch.facts
        for note in batch.notes:
            self._notes.setdefault(note.task, {}).setdefault(note.id, note)

    def _mark(self, task: TaskId, state: TaskState, verdict: bytes = b"") -> None:
        self._tasks[task] = replace(self._tasks[task], state=state, verdict=verdict)

    def _check(self, batch: Batch) -> None:
        """Raise the conflict of `batch` with what is stored or with itself, if any."""
        tasks: dict[TaskId, TaskRow] = {}
        for task in batch.tasks:
            if task.task in self._pruned:
                raise TaskConflict("a batch names a task that was pruned")
            held = self._tasks.get(task.task) or tasks.setdefault(task.task, task)
            if held.secret != task.secret:
                raise TaskConflict(
                    "a batch names a task that is stored with another secret, or forgotten"
                )
        slots: dict[SlotKey, Slot] = {}
        for slot in batch.slots:
            row = self._tasks.get(slot.task) or tasks.get(slot.task)
            if row is None or not row.secret:
                raise TaskConflict("a slot's task is unknown, or its slots are forgotten")
            before = self._slots.get(slot.task, {}).get(slot.key)
            if (before or slots.setdefault(slot.key, slot)) != slot:
                raise SlotConflict.of(slot)
        verdicts: dict[TaskId, bytes] = {}
        for verdict in batch.verdicts:
            if verdict.task not in self._tasks and verdict.task not in tasks:
                raise TaskConflict("a batch names a task that the store does not know")
            stored = self._verdicts.get(verdict.task)
            first = stored.verdict if stored else verdict.verdict
            if verdicts.setdefault(verdict.task, first) != verdict.verdict:
                raise VerdictConflict("a task in the batch has another verdict already")
        for note in batch.notes:
            if note.task not in self._tasks and note.task not in tasks:
                raise TaskConflict("a batch names a task that the store does not know")
        known = {row.id for row in self._facts}
        for seq, fact in enumerate(batch.facts, len(self._facts) + 1):
            if fact.seq != seq or fact.id in known:
                raise FactConflict("a fact does not follow on the last one of the ledger")
            known.add(fact.id)

    async def tasks(self, *, undecided: bool = False) -> list[TaskRow]:
        """`Store.tasks`."""
        self._check_open()
        return [
            row for row in self._tasks.values() if not undecided or row.state is TaskState.UNDECIDED
        ]

    async def task(self, task: TaskId) -> TaskRow | None:
        """`Store.task`."""
        self._check_open()
        return self._tasks.get(task)

    async def slots(self, task: TaskId) -> list[Slot]:
        """`Store.slots`."""
        self._check_open()
        return list(self._slots.get(task, {}).values())

    async def notes(self, task: TaskId) -> list[NoteRow]:
        """`Store.notes`."""
        self._check_open()
        found = self._notes.get(task, {})
        return [found[item] for item in sorted(found)]

    async def verdict(self, task: TaskId) -> VerdictRow | None:
        """`Store.verdict`."""
        self._check_open()
        return self._verdicts.get(task)

    async def find_verdict(self, prefix: str) -> VerdictRow | None:
        """`Store.find_verdict`."""
        self._check_open()
        lowered = checked_prefix(prefix)
        found = [
            row
            for row in self._verdicts.values()
            if row.verdict.hex().startswith(lowered) or row.task.hex().startswith(lowered)
        ]
        if len(found) > 1:
            raise ambiguous(prefix, sorted(row.verdict for row in found))
        return found[0] if found else None

    async def verdicts(self, limit: int, *, after: TaskId | None = None) -> list[VerdictEntry]:
        """`Store.verdicts`."""
        self._check_open()
        rows = sorted(
            enumerate(self._verdicts.values()),
            key=lambda item: (item[1].decided_at_ms, item[0]),
            reverse=True,
        )
        if after is not None:
            if after not in self._verdicts:
                raise no_longer(after)
            place = [row.task for _, row in rows].index(after)
            rows = rows[place + 1 :]
        return [
            VerdictEntry(
                task=row.task,
                verdict=row.verdict,
                size=len(row.bundle),
                decided_at_ms=row.decided_at_ms,
                summary=row.summary,
            )
            for _, row in rows[:limit]
        ]

    async def recent(self, limit: int) -> list[TaskBrief]:
        """`Store.recent`."""
        self._check_open()
        briefs = {
            self._arrived[row.task]: TaskBrief(
                task=row.task,
                opener=row.opening.signer,
                state=row.state,
                not_after_ms=row.not_after_ms,
                verdict=row.verdict,
            )
            for row in self._tasks.values()
        }
        for place, row in self._pruned.values():
            briefs[place] = TaskBrief(
                task=row.task,
                opener=row.opener,
                state=TaskState.DECIDED,
                not_after_ms=row.not_after_ms,
                verdict=b"",
            )
        return [briefs[place] for place in islice(sorted(briefs, reverse=True), limit)]

    async def facts(self) -> list[FactRow]:
        """`Store.facts`."""
        self._check_open()
        return list(self._facts)

    async def fact(self, fact: bytes) -> FactRow | None:
        """`Store.fact`."""
        self._check_open()
        return next((row for row in self._facts if row.id == fact), None)

    async def unlearnt(self) -> list[TaskId]:
        """`Store.unlearnt`."""
        self._check_open()
        learnt = {row.task for row in self._facts if row.kind == VERDICT_FACT}
        return [task for task in self._verdicts if task not in learnt]

    async def forget(self, *, before_ms: int) -> int:
        """`Store.forget`."""
        self._check_open()
        dropped = 0
        for task, row in list(self._tasks.items()):
            if row.state is TaskState.UNDECIDED or not row.secret:
                continue
            if row.not_after_ms >= before_ms:
                continue
            dropped += 1
            self._slots.pop(task, None)
            self._notes.pop(task, None)
            if row.state is TaskState.DECIDED:
                self._tasks[task] = replace(row, secret=b"")
            else:
                del self._tasks[task]
        return dropped

    async def toll(self, rule: PruneRule) -> Toll:
        """`Store.toll`."""
        self._check_open()
        old = self._old(rule)
        over = [row for row in old if self._over(row, rule)]
        return Toll(
            tasks=(),
            verdicts=len(over),
            size=sum(map(self._size, over)),
            held_back=len(old) - len(over),
        )

    async def prune(self, rule: PruneRule, *, now_ms: int) -> Toll:
        """`Store.prune`."""
        self._check_open()
        due = [
            row
            for row in self._old(rule)
            if self._over(row, rule) and not self._tasks[row.task].secret
        ]
        size = sum(map(self._size, due))
        for row in due:
            task = self._tasks.pop(row.task)
            del self._verdicts[row.task]
            tombstone = Pruned(
                task=row.task,
                verdict=row.verdict,
                opener=task.opening.signer,
                not_after_ms=task.not_after_ms,
                decided_at_ms=row.decided_at_ms,
                pruned_at_ms=now_ms,
            )
            self._pruned[row.task] = (self._arrived[row.task], tombstone)
        tasks = tuple(row.task for row in due)
        return Toll(tasks=tasks, verdicts=len(due), size=size, held_back=0)

    def _old(self, rule: PruneRule) -> list[VerdictRow]:
        """Verdicts old enough, but for the newest that are kept whatever their age."""
        rows = sorted(self._verdicts.values(), key=lambda row: row.decided_at_ms)
        rows = rows[: max(0, len(rows) - rule.keep)]
        return [row for row in rows if row.decided_at_ms < rule.decided_before_ms]

    def _over(self, row: VerdictRow, rule: PruneRule) -> bool:
        return self._tasks[row.task].not_after_ms < rule.not_after_before_ms

    def _size(self, row: VerdictRow) -> int:
        return len(row.bundle) + len(self._tasks[row.task].opening.payload)

    async def find_pruned(self, prefix: str) -> Pruned | None:
        """`Store.find_pruned`."""
        self._check_open()
        lowered = checked_prefix(prefix)
        found = [
            row
            for _, row in self._pruned.values()
            if row.verdict.hex().startswith(lowered) or row.task.hex().startswith(lowered)
        ]
        if len(found) > 1:
            raise ambiguous(prefix, sorted(row.verdict for row in found))
        return found[0] if found else None

    async def shrink(self) -> bool:
        """`Store.shrink`: there is no file."""
        self._check_open()
        return False

    async def close(self) -> None:
        """`Store.close`."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store in memory is closed")


def _plain(summary: object) -> dict[str, object]:
    # Through JSON and back, as a file would have it, and apart from the caller's object.
    plain: dict[str, object] = json.loads(json.dumps(summary, sort_keys=True))
    return plain
