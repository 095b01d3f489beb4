"""The store's contract, held against every implementation (rule A13)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consensus.envelope import Kind, Stage
from node.store import (
    BadReference,
    Batch,
    Closed,
    MemoryStore,
    Pruned,
    PruneRule,
    SlotConflict,
    Store,
    StoreError,
    TaskConflict,
    TaskState,
    Toll,
    VerdictConflict,
)
from node.store.records import NoteRow, Slot, TaskBrief, TaskRow
from node.store.sqlite import FORGET_TASKS, SqliteStore
from tests.harness.records import (
    NOT_AFTER_MS,
    NOW_MS,
    hidden,
    opened,
    task,
    verdict,
    vote,
)

DATABASE = b"sixteen bytes id"
FIRST, SECOND, THIRD = task(1), task(2), task(3)


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    if request.param == "sqlite":
        made = await SqliteStore.open(tmp_path / "a.db", now_ms=NOW_MS, fresh_id=DATABASE)
    else:
        made = MemoryStore(now_ms=NOW_MS, fresh_id=DATABASE)
    yield made
    await made.close()


async def test_a_new_store_is_empty_and_says_which_database_it_is(store: Store) -> None:
    assert (store.database_id, store.created_at_ms) == (DATABASE, NOW_MS)
    assert await store.tasks() == []
    assert await store.verdicts(10) == []
    assert await store.recent(10) == []
    assert await store.task(FIRST.task) is None
    assert await store.verdict(FIRST.task) is None
    assert await store.find_verdict("abcd") is None


async def test_what_was_committed_is_read_back_in_order(store: Store) -> None:
    slots = (hidden(FIRST, 1), vote(FIRST, 0), vote(FIRST, 1, "yes"))
    await store.commit(Batch(tasks=(FIRST, SECOND), slots=slots))
    assert await store.tasks() == [FIRST, SECOND]
    assert await store.task(SECOND.task) == SECOND
    assert tuple(await store.slots(FIRST.task)) == slots
    assert await store.slots(SECOND.task) == []


async def test_a_read_back_envelope_has_the_id_it_was_signed_under(store: Store) -> None:
    await store.commit(Batch(tasks=(FIRST,), slots=(vote(FIRST, 0),)))
    [row] = await store.tasks()
    [slot] = await store.slots(FIRST.task)
    assert row.opening.id == FIRST.opening.id
    assert row.task == FIRST.task
    assert slot.envelope.id == vote(FIRST, 0).envelope.id


async def test_writing_the_same_records_again_changes_nothing(store: Store) -> None:
    batch = Batch(
        tasks=(FIRST,),
        slots=(vote(FIRST, 0), hidden(FIRST, 1)),
        verdicts=(verdict(FIRST),),
    )
    await store.commit(batch)
    await store.commit(batch)
    assert len(await store.tasks()) == 1
    assert tuple(await store.slots(FIRST.task)) == batch.slots
    assert len(await store.verdicts(10)) == 1


async def test_one_batch_may_hold_the_same_slot_twice_if_equal(store: Store) -> None:
    await store.commit(Batch(tasks=(FIRST, FIRST), slots=(vote(FIRST, 0), vote(FIRST, 0))))
    assert await store.slots(FIRST.task) == [vote(FIRST, 0)]


async def test_a_second_envelope_for_a_slot_is_refused_and_the_whole_batch_with_it(
    store: Store,
) -> None:
    await store.commit(Batch(tasks=(FIRST,), slots=(vote(FIRST, 0, "yes"),)))
    with pytest.raises(SlotConflict, match=r"prevote of task .*, round 1, slate, view 0"):
        await store.commit(
            Batch(
                tasks=(SECOND,),
                slots=(vote(FIRST, 1), vote(FIRST, 0, "no")),
                verdicts=(verdict(FIRST),),
            )
        )
    assert await store.tasks() == [FIRST]
    assert await store.slots(FIRST.task) == [vote(FIRST, 0, "yes")]
    assert await store.verdicts(10) == []


async def test_two_envelopes_for_one_slot_in_one_batch_are_refused(store: Store) -> None:
    with pytest.raises(SlotConflict):
        await store.commit(
            Batch(tasks=(FIRST,), slots=(vote(FIRST, 0, "yes"), vote(FIRST, 0, "no")))
        )
    assert await store.tasks() == []


async def test_another_secret_for_the_same_envelope_is_refused(store: Store) -> None:
    await store.commit(Batch(tasks=(FIRST,), slots=(hidden(FIRST, 1, b"salt"),)))
    with pytest.raises(SlotConflict, match="seal of task"):
        await store.commit(Batch(slots=(hidden(FIRST, 1, b"pepper"),)))


async def test_slots_differ_by_task_round_stage_view_and_kind(store: Store) -> None:
    slots = (
        vote(FIRST, 0),
        vote(FIRST, 1),
        vote(FIRST, 0, "yes", Kind.PRECOMMIT),
        vote(SECOND, 0, "yes"),
        hidden(FIRST, 1),
        hidden(FIRST, 2),
    )
    await store.commit(Batch(tasks=(FIRST, SECOND), slots=slots))
    assert {*await store.slots(FIRST.task), *await store.slots(SECOND.task)} == set(slots)


async def test_a_conflict_does_not_stop_later_commits(store: Store) -> None:
    await store.commit(Batch(tasks=(FIRST,), slots=(vote(FIRST, 0, "yes"),)))
    with pytest.raises(SlotConflict):
        await store.commit(Batch(slots=(vote(FIRST, 0, "no"),)))
    await store.commit(Batch(slots=(vote(FIRST, 1),)))
    assert len(await store.slots(FIRST.task)) == 2


@pytest.mark.parametrize(
    "batch",
    [Batch(slots=(vote(THIRD, 0),)), Batch(verdicts=(verdict(THIRD),))],
    ids=["slot", "verdict"],
)
async def test_records_of_an_unknown_task_are_refused(store: Store, batch: Batch) -> None:
    with pytest.raises(TaskConflict):
        await store.commit(batch)
    assert await store.slots(THIRD.task) == []


async def test_a_task_keeps_its_secret(store: Store) -> None:
    await store.commit(opened(FIRST))
    again = TaskRow(
        opening=FIRST.opening,
        secret=b"x" * 32,
        role=FIRST.role,
        opened_at_ms=NOW_MS,
        not_after_ms=NOT_AFTER_MS,
    )
    with pytest.raises(TaskConflict):
        await store.commit(opened(again))
    assert await store.task(FIRST.task) == FIRST


async def test_a_verdict_decides_its_task(store: Store) -> None:
    row = verdict(FIRST)
    await store.commit(Batch(tasks=(FIRST, SECOND), verdicts=(row,)))
    decided = await store.task(FIRST.task)
    assert decided is not None
    assert (decided.state, decided.verdict) == (TaskState.DECIDED, row.verdict)
    assert [item.task for item in await store.tasks(undecided=True)] == [SECOND.task]
    assert await store.verdict(FIRST.task) == row


async def test_a_task_has_one_verdict_for_ever(store: Store) -> None:
    await store.commit(Batch(tasks=(FIRST,), verdicts=(verdict(FIRST, 1),)))
    with pytest.raises(VerdictConflict):
        await store.commit(Batch(verdicts=(verdict(FIRST, 2),)))
    kept = await store.verdict(FIRST.task)
    assert kept == verdict(FIRST, 1)


async def test_of_two_bundles_for_one_verdict_the_first_is_kept(store: Store) -> None:
    await store.commit(Batch(tasks=(FIRST,), verdicts=(verdict(FIRST),)))
    await store.commit(Batch(verdicts=(verdict(FIRST, at_ms=NOW_MS + 5),)))
    assert await store.verdict(FIRST.task) == verdict(FIRST)


@pytest.mark.parametrize("state", [TaskState.REFUSED, TaskState.EXPIRED])
async def test_a_closed_task_is_not_taken_up_again(store: Store, state: TaskState) -> None:
    await store.commit(opened(FIRST, SECOND))
    await store.commit(Batch(closed=(Closed(task=FIRST.task, state=state),)))
    assert await store.tasks(undecided=True) == [SECOND]
    row = await store.task(FIRST.task)
    assert row is not None
    assert row.state is state


async def test_a_late_verdict_decides_an_expired_task_but_expiry_no_decided_one(
    store: Store,
) -> None:
    expired = Closed(task=FIRST.task, state=TaskState.EXPIRED)
    await store.commit(Batch(tasks=(FIRST,), closed=(expired,)))
    await store.commit(Batch(verdicts=(verdict(FIRST),)))
    await store.commit(Batch(closed=(expired,)))
    row = await store.task(FIRST.task)
    assert row is not None
    assert row.state is TaskState.DECIDED


def test_a_task_is_not_closed_as_decided() -> None:
    with pytest.raises(ValueError, match="refused or expired"):
        Closed(task=FIRST.task, state=TaskState.DECIDED)


async def test_verdicts_are_listed_newest_first_without_their_bundles(store: Store) -> None:
    tasks = [task(number) for number in range(4)]
    rows = [verdict(tasks[n], n, at_ms=NOW_MS + (5, 9, 9, 1)[n]) for n in range(4)]
    await store.commit(Batch(tasks=tuple(tasks), verdicts=tuple(rows)))
    listed = await store.verdicts(3)
    assert [item.task for item in listed] == [tasks[2].task, tasks[1].task, tasks[0].task]
    assert (listed[0].size, listed[0].summary) == (len(rows[2].bundle), rows[2].summary)
    assert len(await store.verdicts(4)) == 4


async def test_a_list_of_verdicts_goes_on_after_one_of_them(store: Store) -> None:
    tasks = [task(number) for number in range(4)]
    rows = [verdict(tasks[n], n, at_ms=NOW_MS + (5, 9, 9, 1)[n]) for n in range(4)]
    await store.commit(Batch(tasks=tuple(tasks), verdicts=tuple(rows)))
    whole, walked = [item.task for item in await store.verdicts(4)], []
    while page := await store.verdicts(1, after=walked[-1] if walked else None):
        walked.append(page[0].task)
    assert walked == whole
    with pytest.raises(BadReference, match="no verdict of task"):
        await store.verdicts(1, after=task(9).task)


async def test_recent_tasks_are_the_last_to_arrive_and_say_their_verdict(store: Store) -> None:
    for row in (FIRST, SECOND, THIRD):
        await store.commit(opened(row))
    await store.commit(Batch(verdicts=(verdict(SECOND),)))
    assert await store.recent(2) == [
        TaskBrief(
            task=THIRD.task,
            opener=THIRD.opening.signer,
            state=TaskState.UNDECIDED,
            not_after_ms=THIRD.not_after_ms,
            verdict=b"",
        ),
        TaskBrief(
            task=SECOND.task,
            opener=SECOND.opening.signer,
            state=TaskState.DECIDED,
            not_after_ms=SECOND.not_after_ms,
            verdict=verdict(SECOND).verdict,
        ),
    ]


async def test_a_verdict_is_found_by_the_beginning_of_its_id_or_of_its_task(
    store: Store,
) -> None:
    rows = (verdict(FIRST, 0xABCDE111), verdict(SECOND, 0xABCDE222))
    await store.commit(Batch(tasks=(FIRST, SECOND), verdicts=rows))
    assert await store.find_verdict("ABCDE1") == rows[0]
    assert await store.find_verdict("abcde22") == rows[1]
    assert await store.find_verdict(rows[0].verdict.hex()) == rows[0]
    assert await store.find_verdict(SECOND.task.hex()[:9]) == rows[1]
    assert await store.find_verdict("abcde3") is None


async def test_a_prefix_that_fits_several_verdicts_is_refused_with_their_names(
    store: Store,
) -> None:
    rows = (verdict(FIRST, 0xABCDE111), verdict(SECOND, 0xABCDE222))
    await store.commit(Batch(tasks=(FIRST, SECOND), verdicts=rows))
    with pytest.raises(BadReference, match=r"abcde111.*abcde222.*give more"):
        await store.find_verdict("abcde")


@pytest.mark.parametrize("text", ["", "abc", "wxyz", "ab cd", "a" * 65, "abcd%"])
async def test_what_is_no_id_is_refused(store: Store, text: str) -> None:
    with pytest.raises(BadReference):
        await store.find_verdict(text)


async def test_slots_of_a_finished_task_are_kept_until_not_after(store: Store) -> None:
    await store.commit(Batch(tasks=(FIRST,), slots=(vote(FIRST, 0),), verdicts=(verdict(FIRST),)))
    assert await store.forget(before_ms=NOT_AFTER_MS) == 0
    assert await store.slots(FIRST.task) == [vote(FIRST, 0)]


async def test_slots_and_secrets_go_once_not_after_has_passed(store: Store) -> None:
    await store.commit(Batch(tasks=(FIRST,), slots=(hidden(FIRST, 1),), verdicts=(verdict(FIRST),)))
    assert await store.forget(before_ms=NOT_AFTER_MS + 1) == 1
    assert await store.forget(before_ms=NOT_AFTER_MS + 1) == 0
    assert await store.slots(FIRST.task) == []
    row = await store.task(FIRST.task)
    assert row is not None
    assert (row.secret, row.state) == (b"", TaskState.DECIDED)
    assert await store.verdict(FIRST.task) == verdict(FIRST)


async def test_slots_of_an_undecided_task_are_never_forgotten(store: Store) -> None:
    await store.commit(Batch(tasks=(FIRST,), slots=(vote(FIRST, 0),)))
    assert await store.forget(before_ms=2 * NOT_AFTER_MS) == 0
    assert await store.slots(FIRST.task) == [vote(FIRST, 0)]


async def test_refused_tasks_are_known_until_not_after_and_gone_afterwards(
    store: Store,
) -> None:
    refused = Closed(task=FIRST.task, state=TaskState.REFUSED)
    await store.commit(Batch(tasks=(FIRST,), slots=(vote(FIRST, 0),), closed=(refused,)))
    assert await store.forget(before_ms=NOT_AFTER_MS) == 0
    assert await store.task(FIRST.task) is not None
    assert await store.forget(before_ms=NOT_AFTER_MS + 1) == 1
    assert await store.task(FIRST.task) is None
    assert await store.recent(10) == []


async def test_nothing_is_signed_again_for_a_task_whose_slots_are_forgotten(
    store: Store,
) -> None:
    await store.commit(Batch(tasks=(FIRST,), slots=(vote(FIRST, 0),), verdicts=(verdict(FIRST),)))
    await store.forget(before_ms=NOT_AFTER_MS + 1)
    with pytest.raises(TaskConflict):
        await store.commit(Batch(slots=(vote(FIRST, 0, "no"),)))
    with pytest.raises(TaskConflict):
        await store.commit(opened(FIRST))


async def test_forgetting_until_nothing_is_left_drops_many_tasks_with_their_slots(
    store: Store,
) -> None:
    many = tuple(task(number) for number in range(FORGET_TASKS + 1))
    refused = tuple(Closed(task=row.task, state=TaskState.REFUSED) for row in many)
    await store.commit(Batch(tasks=many, slots=tuple(vote(row, 0) for row in many), closed=refused))
    dropped = 0
    while step := await store.forget(before_ms=NOT_AFTER_MS + 1):
        dropped += step
    assert dropped == len(many)
    assert await store.tasks() == []
    assert await store.slots(many[-1].task) == []


OVER = NOT_AFTER_MS + 1
"""The first moment at which the tasks here can no longer be played."""


def rule(decided: int = NOW_MS + 1, over: int = OVER, keep: int = 0) -> PruneRule:
    return PruneRule(decided_before_ms=decided, not_after_before_ms=over, keep=keep)


async def decided(store: Store, *rows: TaskRow) -> None:
    """Have tasks decided one millisecond after the other, and forget their slots if over."""
    await store.commit(
        Batch(
            tasks=rows,
            slots=tuple(vote(row, 0) for row in rows),
            verdicts=tuple(verdict(row, n + 1, at_ms=NOW_MS + n) for n, row in enumerate(rows)),
        )
    )


async def test_a_pruned_verdict_leaves_a_tombstone_and_nothing_else(store: Store) -> None:
    await decided(store, FIRST)
    await store.forget(before_ms=OVER)
    size = len(verdict(FIRST).bundle) + len(FIRST.opening.payload)
    assert await store.toll(rule()) == Toll(tasks=(), verdicts=1, size=size, held_back=0)
    took = await store.prune(rule(), now_ms=OVER + 5)
    assert took == Toll(tasks=(FIRST.task,), verdicts=1, size=size, held_back=0)
    assert (await store.prune(rule(), now_ms=OVER + 5)).verdicts == 0
    tombstone = Pruned(
        task=FIRST.task,
        verdict=verdict(FIRST).verdict,
        opener=FIRST.opening.signer,
        not_after_ms=NOT_AFTER_MS,
        decided_at_ms=NOW_MS,
        pruned_at_ms=OVER + 5,
    )
    assert await store.find_pruned(FIRST.task.hex()[:8]) == tombstone
    assert await store.find_pruned(verdict(FIRST).verdict.hex()) == tombstone
    assert await store.find_pruned("abcd") is None
    assert await store.task(FIRST.task) is None
    assert await store.verdict(FIRST.task) is None
    assert await store.verdicts(10) == []


async def test_vote_records_of_a_task_that_can_be_played_again_are_never_pruned(
    store: Store,
) -> None:
    await decided(store, FIRST)
    for over in (NOT_AFTER_MS, OVER):  # one millisecond before it may go, its slots are held
        held = await store.toll(rule(over=over))
        assert (held.verdicts, held.held_back) == ((0, 1) if over == NOT_AFTER_MS else (1, 0))
        assert (await store.prune(rule(over=over), now_ms=over)).verdicts == 0
        assert await store.slots(FIRST.task) == [vote(FIRST, 0)]
    assert await store.forget(before_ms=OVER) == 1
    assert (await store.prune(rule(over=NOT_AFTER_MS), now_ms=OVER)).verdicts == 0
    assert (await store.prune(rule(over=OVER), now_ms=OVER)).verdicts == 1


async def test_a_verdict_is_pruned_once_it_is_older_than_the_rule_says(store: Store) -> None:
    await decided(store, FIRST, SECOND)
    await store.forget(before_ms=OVER)
    assert (await store.prune(rule(decided=NOW_MS), now_ms=OVER)).verdicts == 0
    assert (await store.prune(rule(decided=NOW_MS + 1), now_ms=OVER)).tasks == (FIRST.task,)
    assert [entry.task for entry in await store.verdicts(10)] == [SECOND.task]


@pytest.mark.parametrize("keep", [0, 1, 2, 3, 4])
async def test_the_newest_verdicts_are_kept_whatever_their_age(store: Store, keep: int) -> None:
    await decided(store, FIRST, SECOND, THIRD)
    await store.forget(before_ms=OVER)
    wanted = rule(decided=NOW_MS + 99, keep=keep)
    assert (await store.toll(wanted)).verdicts == max(0, 3 - keep)
    await store.prune(wanted, now_ms=OVER)
    left = [entry.task for entry in await store.verdicts(10)]
    assert left == [THIRD.task, SECOND.task, FIRST.task][:keep]


async def test_a_pruned_task_is_known_without_a_verdict_and_not_taken_again(store: Store) -> None:
    await decided(store, FIRST, SECOND, THIRD)
    await store.forget(before_ms=OVER)
    await store.prune(rule(decided=NOW_MS + 2), now_ms=OVER)
    briefs = await store.recent(2)
    assert [(brief.task, bool(brief.verdict)) for brief in briefs] == [
        (THIRD.task, True),
        (SECOND.task, False),
    ]
    assert briefs[1].state is TaskState.DECIDED
    assert len(await store.recent(9)) == 3
    with pytest.raises(TaskConflict):
        await store.commit(opened(SECOND))


async def test_tombstones_are_told_apart_by_their_ids(store: Store) -> None:
    await store.commit(
        Batch(
            tasks=(FIRST, SECOND),
            verdicts=(verdict(FIRST, 0xABCDE111), verdict(SECOND, 0xABCDE222)),
        )
    )
    await store.forget(before_ms=OVER)
    await store.prune(rule(), now_ms=OVER)
    with pytest.raises(BadReference, match=r"abcde111.*abcde222"):
        await store.find_pruned("abcde")
    found = await store.find_pruned("abcde2")
    assert found is not None
    assert found.task == SECOND.task


async def test_commits_of_slots_are_counted_and_others_are_not(store: Store) -> None:
    await store.commit(opened(FIRST))
    assert store.signings == 0
    await store.commit(Batch(slots=(vote(FIRST, 0), vote(FIRST, 1))))
    await store.commit(Batch(slots=(vote(FIRST, 2),), verdicts=(verdict(FIRST),)))
    with pytest.raises(SlotConflict):
        await store.commit(Batch(slots=(vote(FIRST, 2, "yes"),)))
    assert store.signings == 2


async def test_an_adopted_database_has_another_id_and_keeps_what_it_holds(store: Store) -> None:
    await decided(store, FIRST)
    await store.adopt(fresh_id=b"another database", since_ms=NOW_MS + 7)
    assert (store.database_id, store.since_ms) == (b"another database", NOW_MS + 7)
    assert await store.verdict(FIRST.task) == verdict(FIRST)


async def test_giving_space_back_comes_to_an_end(store: Store) -> None:
    while await store.shrink():
        pass
    assert await store.tasks() == []


async def test_commits_from_many_callers_at_once_all_hold(store: Store) -> None:
    await store.commit(opened(FIRST))
    await asyncio.gather(
        *(store.commit(Batch(slots=(vote(FIRST, view),))) for view in range(50)),
        *(store.slots(FIRST.task) for _ in range(10)),
    )
    assert {slot.view for slot in await store.slots(FIRST.task)} == set(range(50))


async def test_an_empty_batch_is_fine(store: Store) -> None:
    assert not Batch()
    await store.commit(Batch())
    assert await store.tasks() == []


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.commit(opened(FIRST))
    with pytest.raises(StoreError, match="closed"):
        await store.tasks()


def test_a_slot_is_read_off_its_envelope() -> None:
    prevote = vote(FIRST, 7, "yes")
    assert prevote.key == (FIRST.task, 1, Stage.SLATE, 7, Kind.PREVOTE)
    assert Slot.of(FIRST.opening).task == FIRST.task
    assert hidden(FIRST, 2).key == (FIRST.task, 2, Stage.FREEZE, 0, Kind.SEAL)


def test_secrets_and_verdict_ids_have_their_lengths() -> None:
    for secret in (b"x" * 31, b"x" * 33):
        with pytest.raises(ValueError, match="32 bytes"):
            TaskRow(
                opening=FIRST.opening,
                secret=secret,
                role=FIRST.role,
                opened_at_ms=0,
                not_after_ms=1,
            )


async def test_notes_of_a_task_are_kept_each_once_until_its_slots_are_forgotten(
    store: Store,
) -> None:
    rows = [NoteRow(task=FIRST.task, id=bytes([at]) * 32, body=b"%d" % at) for at in (2, 1)]
    await store.commit(Batch(tasks=(FIRST, SECOND), notes=tuple(rows)))
    await store.commit(Batch(notes=(rows[0],)))
    assert await store.notes(FIRST.task) == rows[::-1]
    assert await store.notes(SECOND.task) == []
    await store.commit(Batch(verdicts=(verdict(FIRST),)))
    assert await store.forget(before_ms=NOT_AFTER_MS + 1)
    assert await store.notes(FIRST.task) == []


async def test_a_note_of_a_task_that_is_not_stored_is_refused(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.commit(Batch(notes=(NoteRow(task=FIRST.task, id=bytes(32), body=b"x"),)))
