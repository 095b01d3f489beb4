"""Records to and from rows of the schema in `migrations/`. Pure: no connection here."""

import json
from contextlib import suppress
from typing import Any

import msgspec

from consensus.envelope import Envelope, Stage, TaskId

from ..damage import Damaged, of_task, reading
from .records import (
    Batch,
    FactRow,
    NoteRow,
    Role,
    Slot,
    Summary,
    TaskBrief,
    TaskRow,
    TaskState,
    VerdictEntry,
    VerdictRow,
)

TASKS = (
    "SELECT kind, ctx, payload, signer, signature, secret, role, opened_at_ms, not_after_ms, "
    "state, verdict FROM tasks"
)
SLOTS = "SELECT kind, ctx, payload, signer, signature, task, round, stage, view, secret FROM slots"
ENTRIES = "SELECT task, id, size, decided_at_ms, summary FROM verdicts"
UNLEARNT = (
    "SELECT task FROM verdicts WHERE task NOT IN (SELECT task FROM facts WHERE kind = ?) "
    "ORDER BY seq"
)
FACTS = "SELECT seq, id, kind, task, body, proof, head FROM facts"
NOTES = "SELECT task, id, body FROM notes"
VERDICTS = "SELECT task, id, bundle, decided_at_ms, summary FROM verdicts"

# Only what is there already may be passed over: a trigger catches what contradicts it.
_ADD_TASK = (
    "INSERT INTO tasks (id, kind, ctx, payload, signer, signature, secret, role, opened_at_ms, "
    "not_after_ms, state, verdict) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)
_ADD_SLOT = (
    "INSERT INTO slots (kind, ctx, payload, signer, signature, task, round, stage, view, secret) "
    "VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)
_ADD_VERDICT = (
    "INSERT INTO verdicts (task, id, bundle, decided_at_ms, summary, size) "
    "VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)
# No row is ever passed over: a second one of its number or id would fork the chain.
_ADD_FACT = "INSERT INTO facts (seq, id, kind, task, body, proof, head) VALUES (?,?,?,?,?,?,?)"
_ADD_NOTE = "INSERT INTO notes (task, id, body) VALUES (?,?,?) ON CONFLICT DO NOTHING"
_DECIDE = "UPDATE tasks SET state = 'decided', verdict = ? WHERE id = ?"
_CLOSE = "UPDATE tasks SET state = ? WHERE id = ? AND state = 'undecided'"

_TIMES_END = 253_402_300_800_000
"""Milliseconds from 1970 to the year 10000, which no date can show."""

Statement = tuple[str, list[tuple[Any, ...]]]
"""SQL with one tuple of parameters a row."""


def statements(batch: Batch) -> list[Statement]:
    """What writes `batch`, in its order; nothing for what it has none of."""
    tasks: list[tuple[Any, ...]] = [
        (
            row.task,
            *_columns(row.opening),
            row.secret,
            row.role.value,
            row.opened_at_ms,
            row.not_after_ms,
            row.state.value,
            row.verdict,
        )
        for row in batch.tasks
    ]
    slots: list[tuple[Any, ...]] = [
        (*_columns(slot.envelope), *slot.key[:4], slot.secret) for slot in batch.slots
    ]
    verdicts: list[tuple[Any, ...]] = [
        (
            row.task,
            row.verdict,
            row.bundle,
            row.decided_at_ms,
            json.dumps(row.summary, sort_keys=True),
            len(row.bundle),
        )
        for row in batch.verdicts
    ]
    found: list[Statement] = [
        (_ADD_TASK, tasks),
        (_ADD_SLOT, slots),
        (_ADD_VERDICT, verdicts),
        (_DECIDE, [(row.verdict, row.task) for row in batch.verdicts]),
        (_CLOSE, [(item.state.value, item.task) for item in batch.closed]),
        (_ADD_FACT, [_fact_columns(row) for row in batch.facts]),
        (_ADD_NOTE, [(row.task, row.id, row.body) for row in batch.notes]),
    ]
    return [(sql, rows) for sql, rows in found if rows]


def _fact_columns(row: FactRow) -> tuple[Any, ...]:
    return (row.seq, row.id, row.kind, row.task, row.body, row.proof, row.head)


def to_fact(row: Any) -> FactRow:
    """The fact in a row of `FACTS`."""
    seq, _, kind, *_ = row
    id_, task, body, proof, head = (_blob(row[at]) for at in (1, 3, 4, 5, 6))
    return FactRow(seq=seq, id=id_, kind=kind, task=task, body=body, proof=proof, head=head)


def _blob(value: Any) -> bytes:
    """Bytes, whatever another program's SQL may have made of the column."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def _columns(envelope: Envelope) -> tuple[Any, ...]:
    return (
        int(envelope.kind),
        envelope.ctx,
        envelope.payload,
        envelope.signer,
        envelope.signature,
    )


def _envelope(row: Any) -> Envelope:
    """The envelope in the first five columns of `row`."""
    kind, ctx, payload, signer, signature = row[:5]
    return Envelope(kind=kind, ctx=ctx, payload=payload, signer=signer, signature=signature)


def to_task(row: Any) -> TaskRow:
    """The task in a row of `TASKS`."""
    secret, role, opened_at_ms, not_after_ms, state, verdict = row[5:]
    return TaskRow(
        opening=_envelope(row),
        secret=secret,
        role=Role(role),
        opened_at_ms=opened_at_ms,
        not_after_ms=not_after_ms,
        state=TaskState(state),
        verdict=verdict,
    )


def to_known_task(task: bytes, row: Any) -> TaskRow:
    """The row of `task`. Raises `Damaged`."""
    with reading(of_task("row", task)):
        return to_task(row)


def to_slot(row: Any) -> Slot:
    """The slot in a row of `SLOTS`."""
    task, round_, stage, view, secret = row[5:]
    return Slot(
        task=TaskId(task),
        round=round_,
        stage=Stage(stage),
        view=view,
        envelope=_envelope(row),
        secret=secret,
    )


def to_note(row: Any) -> NoteRow:
    """The note in a row of `NOTES`."""
    task, id_, body = row
    return NoteRow(task=TaskId(task), id=id_, body=body)


def to_brief(row: Any) -> TaskBrief:
    """The task in a row of what `Store.recent` lists; one that cannot be read says so."""
    _, task, opener, word, not_after_ms, verdict = row
    task, state, damage = _blob(task), None, ""
    try:
        with reading(of_task("state", task)):
            state = TaskState(word)
            if not isinstance(not_after_ms, int):
                raise TypeError("its not-after is no number")
    except Damaged as error:
        state, not_after_ms, damage = None, _TIMES_END, str(error)
    return TaskBrief(
        task=TaskId(task),
        opener=_blob(opener),
        state=state,
        not_after_ms=not_after_ms,
        verdict=_blob(verdict),
        damage=damage,
    )


def to_entry(row: Any) -> VerdictEntry:
    """The verdict in a row of `ENTRIES`; one whose columns cannot be read says so."""
    task, verdict, size, decided_at_ms, text = row
    task, verdict, damage = _blob(task), _blob(verdict), ""
    summary: dict[str, Any] = {}
    try:
        with reading(of_task("summary", task)):
            if not (isinstance(size, int) and isinstance(decided_at_ms, int)):
                raise TypeError("its size or its time is no number")
            if not 0 <= decided_at_ms < _TIMES_END:
                raise ValueError("its time is none")
            summary = _summary(text)
    except Damaged as error:
        size, decided_at_ms, damage = 0, 0, str(error)
    return VerdictEntry(
        task=TaskId(task),
        verdict=verdict,
        size=size,
        decided_at_ms=decided_at_ms,
        summary=summary,
        damage=damage,
    )


def _summary(text: Any) -> dict[str, Any]:
    """The summary of a verdict. Raises `ValueError`, `TypeError`."""
    found = json.loads(text)
    msgspec.convert(found, Summary)
    return dict(found)


def to_verdict(row: Any) -> VerdictRow:
    """The verdict in a row of `VERDICTS`. Raises `Damaged`.

    Its summary repeats what the bundle says, for lists: without it the verdict is whole.
    """
    task, verdict, bundle, decided_at_ms, text = row
    task, summary = _blob(task), {}
    with suppress(ValueError, TypeError):
        summary = _summary(text)
    with reading(of_task("verdict", task)):
        return VerdictRow(
            task=TaskId(task),
            verdict=_blob(verdict),
            bundle=_blob(bundle),
            decided_at_ms=decided_at_ms,
            summary=summary,
        )
