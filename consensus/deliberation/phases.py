"""The phase table of a round: how each phase is entered and what closes it (rules R, R0)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from ..agreement.effects import SetTimer, TimerKey
from ..bodies import Acceptance
from ..envelope import Kind, Stage

if TYPE_CHECKING:
    from .task import Task

ABSTAIN_SHARE = 80
"""Percent of a stage's deadline after which a member whose model has not answered abstains,
so that its abstention arrives before the others' deadlines (R0)."""


class Phase(IntEnum):
    """Where a task stands; within a round the order of R."""

    OPENING = 0
    DRAFT = 1
    SLATE = 2
    EXCHANGE = 3
    JUDGE = 4
    FREEZE = 5
    REVEAL = 6
    OUTCOME = 7
    DONE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSpec:
    """A row of the phase table: what to do on entry, and whether the phase has closed."""

    enter: Callable[["Task"], None]
    closed: Callable[["Task"], bool]


AFTER = {Stage.SLATE: Phase.EXCHANGE, Stage.FREEZE: Phase.REVEAL, Stage.OUTCOME: Phase.DONE}
"""The phase that a decided point leads to, whatever phase it finds a member in (R0)."""


# -- the phase table --------------------------------------------------------------------


def _enter_opening(task: "Task") -> None:
    key = TimerKey(round=0, stage=Stage.OPEN, name="close")
    task.out.append(SetTimer(key=key, delay_ms=task.policy.accept_ms))
    if not task.mute:
        task.submit(Stage.OPEN, Kind.ACCEPTANCE, Acceptance(refusal=task.refusal))


def _enter_draft(task: "Task") -> None:
    if not task.rounds:
        task.enter_round(1)
        return
    task.set_timer(Stage.SLATE, "close", task.policy.draft_ms)
    task.desk.ask_draft(task.policy.draft_ms * ABSTAIN_SHARE // 100)


def _enter_exchange(task: "Task") -> None:
    task.set_timer(Stage.EXCHANGE, "close", task.policy.exchange_ms)
    task.desk.put_on_table(task.policy.exchange_ms)


def _enter_judge(task: "Task") -> None:
    task.set_timer(Stage.FREEZE, "close", task.policy.judge_ms)
    task.desk.ask_judgment(task.policy.judge_ms * ABSTAIN_SHARE // 100)


def _enter_reveal(task: "Task") -> None:
    task.set_timer(Stage.OUTCOME, "close", task.policy.open_ms)
    task.desk.open()


def _closed_reveal(task: "Task") -> bool:
    owing = task.desk.authors(task.round) | task.desk.voters(task.round)
    there = task.round.content(Kind.OPENING, Stage.OUTCOME)
    return task.everyone(Stage.OUTCOME, set(there) | (set(task.committee.members) - owing))


def _undecided(_: "Task") -> bool:
    """A point closes by its decision alone (`_skip`)."""
    return False


PHASES: dict[Phase, PhaseSpec] = {
    Phase.OPENING: PhaseSpec(enter=_enter_opening, closed=lambda task: task.accepted()),
    Phase.DRAFT: PhaseSpec(
        enter=_enter_draft,
        closed=lambda task: task.everyone(
            Stage.SLATE, task.round.content(Kind.COMMIT, Stage.SLATE)
        ),
    ),
    Phase.SLATE: PhaseSpec(enter=lambda task: task.deciding.start(Stage.SLATE), closed=_undecided),
    Phase.EXCHANGE: PhaseSpec(enter=_enter_exchange, closed=lambda task: task.exchange.closed()),
    Phase.JUDGE: PhaseSpec(
        enter=_enter_judge,
        closed=lambda task: task.everyone(
            Stage.FREEZE, task.round.content(Kind.SEAL, Stage.FREEZE)
        ),
    ),
    Phase.FREEZE: PhaseSpec(
        enter=lambda task: task.deciding.start(Stage.FREEZE), closed=_undecided
    ),
    Phase.REVEAL: PhaseSpec(enter=_enter_reveal, closed=_closed_reveal),
    Phase.OUTCOME: PhaseSpec(
        enter=lambda task: task.deciding.start(Stage.OUTCOME), closed=_undecided
    ),
}
