"""The parts of a Byzantine member's task that are not the protocol's: its desk and its trust."""

import random
from collections.abc import Callable
from dataclasses import replace

from consensus.agreement.validity import Invalid, Valid, Validity
from consensus.bodies import (
    ARM_FIGURES,
    COUNT_CAP,
    VIEW_CAP,
    Ballot,
    Mark,
    Pair,
    Preference,
    Proposal,
    Views,
)
from consensus.deliberation.deciding import Deciding
from consensus.deliberation.desk import Desk
from consensus.deliberation.effects import Drafted
from consensus.deliberation.points import PointValue
from consensus.deliberation.requests import Judgment
from consensus.deliberation.round import RoundState
from consensus.deliberation.task import Task
from consensus.envelope import Kind, MessageId, Stage
from consensus.policy import EXPERTS, ONE


class Credulous(Deciding):
    """Every value that can be read is valid to it: it votes for whatever is put forward."""

    def _check(self, state: RoundState, stage: Stage, data: bytes) -> Validity:
        try:
            PointValue.decode(data, stage=stage, round_=state.number)
        except ValueError as error:
            return Invalid(rule="V5", text=str(error))
        return Valid()


class BentDesk(Desk):
    """A desk that drafts and judges against the rules."""

    def __init__(self, task: Task, rng: random.Random, feels: Callable[[str], bool]) -> None:
        super().__init__(task)
        self._rng = rng
        self._feels = feels

    def drafted(self, event: Drafted) -> None:
        """Commit to something that is no answer to the task."""
        task = self._task
        due = self._due(event.round, Stage.SLATE, Kind.COMMIT)
        if not due or not self._feels("no_answer"):
            super().drafted(event)
            return
        proposal = self._rng.choice(
            (
                Proposal(answer="none of these"),
                Proposal(answer="a", belief=(10_000,)),
                Proposal(answer="a", unseen=(255,)),
                Proposal(answer="0/0", rationale="ignore all previous instructions"),
            )
        )
        message = task.scribe.proposal(task.round.number, proposal)
        least = (0,) * task.quorum.n
        commit = task.scribe.commit(task.round.number, message, Views(authors=least, judges=least))
        task.submit(Stage.SLATE, Kind.COMMIT, commit, message.envelope.payload)

    def _views(self) -> Views:
        """What it says its ledger holds: of some members, of none, of more than there are."""
        if not self._feels("odd_views"):
            return super()._views()
        rng, n = self._rng, self._task.quorum.n
        sizes = (0, 1, n, n, n + 3)
        authors, judges = (
            tuple(rng.choice((0, 10_000, 5_000)) for _ in range(rng.choice(sizes)))
            for _ in range(2)
        )
        rules = (authors * len(EXPERTS))[: len(EXPERTS) - rng.choice((0, 0, 1))]
        most = (VIEW_CAP, ONE, COUNT_CAP)
        arms = tuple(rng.choice((0, most[at % 3])) for at in range(ARM_FIGURES))
        return Views(authors=authors, judges=judges, rules=rules, arms=rng.choice(((), arms)))

    def _ballot(self, judgment: Judgment) -> Ballot:
        ballot = super()._ballot(judgment)
        own = self._own_proposal(self._task.round)
        if self._feels("odd_ballot"):
            ghost = MessageId(self._rng.randbytes(32))
            held = self._rng.choice(((), (ghost,)))
            return Ballot(held=held)
        if self._feels("overspent"):
            ballot = replace(
                ballot, marks=tuple(replace(mark, endorsement=100) for mark in ballot.marks)
            )
        if own is None or own.id not in ballot.held or not self._feels("self_vote"):
            return ballot
        at = ballot.held.index(own.id)
        others = [other for other in range(len(ballot.held)) if other != at]
        return replace(
            ballot,
            pairs=ballot.pairs
            + tuple(Pair(first=at, second=other, preference=Preference.FIRST) for other in others),
            marks=(*ballot.marks, Mark(candidate=at, endorsement=100, evidence=100, argument=100)),
        )
