"""Driving the three points of a round: what is proposed, checked and decided (rules A, V).

The instances of agreement know nothing of tasks; here they are given this round's building
and validity functions, and what they decide is recorded.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..agreement.effects import AgreementEffect, Decided, SetTimer, TimerKey, Want
from ..agreement.instance import Instance, point_seed, value_id
from ..agreement.validity import Invalid, Pending, Validity
from ..bodies import COUNT_CAP, Propose, Report, Vote
from ..envelope import POINTS, ZERO, Kind, MessageId, Stage, pack_all
from ..ports import Message
from .effects import PointRecord
from .outcome import build_outcome, check_outcome
from .points import CONTENT, POINT_NAME, SLOT_IDS, PointValue, build_set, check_set, closure
from .round import RoundState

if TYPE_CHECKING:
    from .task import Task


class Deciding:
    """The agreement side of a `Task`."""

    def __init__(self, task: "Task") -> None:
        self._task = task

    def instance(self, state: RoundState, stage: Stage) -> Instance:
        """The instance of a point, taken up where stored votes left it (A13)."""
        task = self._task

        def sign(kind: Kind, body: Propose | Vote) -> Message:
            return task.scribe.sign(state.number, stage, kind, body)

        return Instance(
            committee=task.committee,
            round_=state.number,
            stage=stage,
            me=task.me,
            sign=sign if task.active else None,
            check=lambda value: self._check(state, stage, value),
            build=lambda: self._build(state, stage),
            grounds=lambda value: self._grounds(state, stage, value),
            timing=task.timing,
            restored=task.scribe.votes(state.number, stage),
            proven=tuple(map(task.reader.checked, task.scribe.proofs(state.number, stage))),
        )

    def _grounds(self, state: RoundState, stage: Stage, value: bytes) -> list[Message]:
        """What of others' a valid value stands on and this member has not stored yet (A13)."""
        decoded = PointValue.decode(value, stage=stage, round_=state.number)
        stored = state.stored | {one.id for one in self._task.scribe.grounds(state.number)}
        fresh = [
            message
            for message in map(state.lookup, closure(decoded, state.lookup))
            if message is not None and message.signer != self._task.me and message.id not in stored
        ]
        state.stored |= {message.id for message in fresh}  # a later lock needs them no second time
        return fresh

    def start(self, stage: Stage) -> None:
        """Open a point: say what is held where that is needed (V1), and take part."""
        task = self._task
        state = task.round
        content = state.content(CONTENT[stage], stage)
        if stage is Stage.OUTCOME or len(content) < task.quorum.n:
            self.report_held(stage)
        earlier = [point for point in POINTS if point < stage]
        previous = value_id(state.points[earlier[-1]].value) if earlier else ZERO
        if not earlier and state.number > 1:
            previous = value_id(task.rounds[-2].points[Stage.OUTCOME].value)
        seed = point_seed(task.id, state.number, stage, previous)
        self.absorb(state.instances[stage].links(task.up))
        self.absorb(state.instances[stage].start(seed))

    def _check(self, state: RoundState, stage: Stage, data: bytes) -> Validity:
        """The validity function of a point (V)."""
        task = self._task
        try:
            value = PointValue.decode(data, stage=stage, round_=state.number)
        except ValueError as error:
            return Invalid(rule="V5", text=str(error))
        ctx = task.scribe.ctx(state.number, stage)
        validity = check_set(value, committee=task.committee, ctx=ctx, lookup=state.lookup)
        if isinstance(validity, Pending | Invalid) or stage is not Stage.OUTCOME:
            return validity
        return check_outcome(value, task.desk.facts(state))

    def _build(self, state: RoundState, stage: Stage) -> bytes | None:
        """A valid value from what is held (A2), or None."""
        task = self._task
        value = build_set(
            stage=stage,
            round_=state.number,
            committee=task.committee,
            content=state.content(CONTENT[stage], stage),
            reports=state.reports(stage),
            lookup=state.lookup,
        )
        if value is None or stage is not Stage.OUTCOME:
            return None if value is None else value.encode()
        built = build_outcome(value, task.desk.facts(state))
        if isinstance(built, Pending):
            self.seek(state, built.ids)
            return None
        return built.encode()

    def absorb(self, effects: Iterable[AgreementEffect]) -> None:
        """Take over an instance's effects; a decision is recorded here."""
        task = self._task
        for effect in effects:
            match effect:
                case Decided():
                    self._decided(effect)
                case Want():
                    self.seek(task.round, effect.ids)
                case SetTimer(key=key) if key.name == "propose" and key.view > 0:
                    task.out.append(effect)
                    self._view_changed(key)
                case _:
                    task.out.append(effect)

    def _view_changed(self, key: TimerKey) -> None:
        """A view was lost: its proposer may lack what only a REPORT can tell it (V1)."""
        task = self._task
        task.report("view", point=POINT_NAME[key.stage], view=key.view)
        self.report_held(key.stage)

    def _decided(self, decided: Decided) -> None:
        task, state, stage = self._task, self._task.round, decided.stage
        carrier, *_ = state.instances[stage].certificate()
        state.points[stage] = PointRecord(
            stage=stage, value=decided.value, carrier=carrier, precommits=decided.precommits
        )
        state.decided_at[stage] = task.now
        try:
            value = PointValue.decode(decided.value, stage=stage, round_=state.number)
        except ValueError as error:
            self._broken(stage, str(error))
            return
        state.values[stage] = value
        task.report("decided", point=POINT_NAME[stage], view=decided.view, count=len(value.ids))
        if value.figures is not None:
            task.report("outcome", figures=value.figures)
        absent = state.absent(stage)
        if absent:
            self.seek(state, absent)

    def settle(self, stage: Stage) -> bool:
        """Whether a point is decided with all that it names in hand, and the next may begin.

        An honest quorum decides nothing that is not valid. Where others did, more than f of
        them are faulty, and no verdict of theirs would verify.
        """
        state = self._task.round
        if stage not in state.values or state.absent(stage):
            return False
        match state.instances[stage].validity(state.points[stage].value):
            case Pending(ids=ids):
                self.seek(state, ids)
                return False
            case Invalid(rule=rule, text=text):
                self._broken(stage, f"{rule}: {text}")
                return False
            case _:
                state.settled.add(stage)
                if stage is Stage.SLATE:
                    self._task.desk.tell_notes()
                return True

    def _broken(self, stage: Stage, text: str) -> None:
        article = "an" if stage is Stage.OUTCOME else "a"
        what = f"{article} {POINT_NAME[stage]} that is not valid"
        self._task.give_up(f"a quorum decided {what}: {text}")

    def seek(self, state: RoundState, ids: tuple[MessageId, ...]) -> None:
        """Something held names `ids`: keep them when they come, and ask for them once (A11)."""
        task = self._task
        fresh = state.need(ids)
        if fresh:
            task.out.append(Want(ids=fresh))

    def report_held(self, stage: Stage) -> None:
        """Say what this member held when the stage closed (V1), once."""
        task = self._task
        if not task.active:
            return
        state = task.round
        held = [
            message
            for messages in state.content(CONTENT[stage], stage).values()
            for message in messages[:SLOT_IDS]  # V1a
        ]
        body = Report(ids=tuple(sorted(message.id for message in held)))
        if stage is Stage.OUTCOME:  # P2a
            assert task.began is not None
            age = task.now - task.began
            spent = task.desk.spent
            body = replace(
                body,
                deadline=age >= task.policy.deadline_ms,
                tokens=min(COUNT_CAP, spent.tokens_in + spent.tokens_out),
                micros=spent.micros,
                ms=max(0, age),
            )
        # A13: nobody else may hold what its signer gave to this member alone, and then the REPORT
        # counts nowhere, here neither (V1a).
        others = pack_all(one.envelope for one in held if one.signer != task.me)
        task.submit(stage, Kind.REPORT, body, others)
