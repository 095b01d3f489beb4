"""Deliberations as the HTTP front shows them: those that run here, and those that have ended."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from consensus.bodies import Content, Note, TaskOpen
from consensus.deliberation.notes import heard, slate_notes
from consensus.envelope import Kind, Stage, TaskId
from consensus.policy import ONE
from consensus.verdict import Bundle, Release

from .accounts import account
from .api import seen
from .api.contract import Absent, Account
from .archive import asked
from .damage import UNREADABLE, Damaged
from .endings import REASONS
from .entrance import pruned_text
from .excerpts import shown_answers
from .live import Live
from .log import get_logger
from .opened import OpenedRound, abstentions, named
from .rounds import Committee, cut, round_seen
from .store.contract import BadReference, Store
from .store.records import TaskState, VerdictEntry
from .wire import codec

if TYPE_CHECKING:
    from .runner import Runner
    from .wire.watch import Event

log = get_logger("api")

EXCERPT: Final = 280
"""Most characters of a question in a list."""

ENDED: Final = 64
"""Of this many tasks that came last, those that ended without a verdict are listed too."""

DEGRADED: Final = "degraded"
"""The code of what a reply lacks, as in a verdict (E3)."""

_STEPS: Final = {
    "committed": "drafted",
    "proposed": "shown",
    "judged": "judged",
    "opened": "opened",
}
"""Events that are a member's step in a round, and what the step is called."""


_WITHOUT: Final[Mapping[TaskState, seen.State]] = {
    TaskState.REFUSED: "refused",
    TaskState.EXPIRED: "expired",
}
"""How a task ends without a verdict."""


@dataclass(slots=True)
class _Marks:
    """Who has done what in one round, gathered."""

    done: dict[str, set[str]] = field(
        default_factory=lambda: {name: set() for name in _STEPS.values()}
    )
    abstained: dict[tuple[str, str], str] = field(default_factory=dict)
    decided: list[str] = field(default_factory=list)
    views: int = 0

    def plain(self, round_: int) -> seen.Steps:
        """For the reply."""
        return seen.Steps(
            round=round_,
            **{name: sorted(members) for name, members in self.done.items()},
            abstained=[
                seen.Abstained(
                    member=member,
                    stage="draft" if stage == "draft" else "judge",
                    reason=cut(reason),
                )
                for (member, stage), reason in sorted(self.abstained.items())
            ],
            decided=self.decided,
            views=self.views,
        )


class Deliberations:
    """What a daemon knows of its tasks, for whoever may read it."""

    def __init__(self, runner: "Runner", store: Store, naming: Callable[[str], str]) -> None:
        self._runner = runner
        self._store = store
        self._naming = naming
        self._federation = runner.federation
        self._damage: set[str] = set()

    def degraded(self, damage: str) -> seen.Warned:
        """What a reply says first of what the store has lost; the log says it once."""
        if damage not in self._damage:
            self._damage.add(damage)
            log.error(UNREADABLE, reason=damage)
        return seen.Warned(code=DEGRADED, text=damage)

    # -- lists ------------------------------------------------------------------------

    async def listed(self, limit: int, after: str) -> seen.Listed:
        """A page of at most `limit`: those that run, those that ended without a verdict, then the
        decided ones, each the newest first. Raises `Absent`."""
        ahead = [*self._running(), *await self._ended()]
        places = {brief.task: place for place, brief in enumerate(ahead, 1)}
        begin = places.get(after, len(ahead)) if after else 0
        found = ahead[begin : begin + limit]
        room = limit - len(found)
        try:
            past = TaskId(bytes.fromhex(after)) if after and after not in places else None
            entries = await self._store.verdicts(room + 1, after=past)
        except BadReference as error:
            raise Absent(str(error)) from None
        found += [await self._decided(entry) for entry in entries[:room]]
        more = begin + limit < len(ahead) or len(entries) > room
        return seen.Listed(deliberations=found, next=found[-1].task if more else None)

    def _running(self) -> list[seen.Brief]:
        """Those that run, the newest first."""
        return [
            self._brief(
                live.task.id,
                live.task.spec,
                bytes(live.task.opened.signer),
                state="running",
                phase=live.task.phase.name.lower(),
                round=live.task.round.number if live.task.rounds else 0,
            )
            for live in sorted(self._runner.live.values(), key=lambda live: -live.began_ms)
        ]

    async def _ended(self) -> list[seen.Brief]:
        """Those of the last ones that ended without a verdict."""
        found = []
        for brief in await self._store.recent(ENDED):
            if brief.damage and not brief.verdict and brief.task not in self._runner.live:
                found.append(_unknown(brief.task, "expired", self.degraded(brief.damage)))
                continue
            if brief.state is None or (state := _WITHOUT.get(brief.state)) is None:
                continue
            try:
                row = await self._store.task(brief.task)
                if row is None:
                    continue
                spec = asked(brief.task, row)
            except Damaged as error:
                found.append(_unknown(brief.task, state, self.degraded(str(error))))
                continue
            found.append(self._brief(brief.task, spec, bytes(row.opening.signer), state=state))
        return found

    async def _decided(self, entry: VerdictEntry) -> seen.Brief:
        """A decided task in short. Its question says whether it waits for approvers: where that
        is not there, or not readable, nothing is told of its outcome (E4)."""
        told: dict[str, Any] = {
            "verdict": entry.verdict.hex(),
            "decided_at_ms": entry.decided_at_ms,
        }
        try:
            row = await self._store.task(entry.task)
            if row is None:
                gone = (
                    self.degraded(entry.damage)
                    if entry.damage
                    else seen.Warned(code="pruned", text="it was pruned here a moment ago")
                )
                return _unknown(entry.task, "decided", gone, **told)
            spec = asked(entry.task, row)
        except Damaged as error:
            return _unknown(entry.task, "decided", self.degraded(str(error)), **told)
        summary, stands = entry.summary, self._runner.releases.stands(entry.task, spec)
        if entry.damage:
            told["warnings"] = [self.degraded(entry.damage)]
        elif not stands.open:  # E4
            told |= {
                "status": str(stands.state),
                "round": summary["rounds"],
                "warnings": [self._unreleased(stands)],
            }
        else:
            told |= {
                "status": summary["status"],
                "answer": summary["answer"],
                "probability": summary["probability"] / ONE,
                "reason": summary["reason"],
                "round": summary["rounds"],
                "warnings": self._warned(summary["warnings"]),
            }
        return self._brief(entry.task, spec, bytes(row.opening.signer), state="decided", **told)

    def _brief(self, task: bytes, spec: TaskOpen, opener: bytes, **more: Any) -> seen.Brief:
        return seen.Brief(
            task=task.hex(),
            question=_question(spec.messages),
            domain=spec.domain,
            opener=self._federation.label(opener),
            members=[self._federation.label(key) for key in spec.committee.members],
            opened_at_ms=spec.opened_at_ms,
            **more,
        )

    # -- one of them ------------------------------------------------------------------

    async def one(self, task: bytes) -> seen.Deliberation:
        """A task by its whole id. Raises `Absent`, `Damaged`."""
        live = self._runner.live.get(task)
        if live is not None:
            return self._live(live)
        past = await self._runner.archive.load(task)
        if past is not None:
            return self.past(past.bundle)
        row = await self._store.task(TaskId(task))
        if row is None:
            gone = await self._store.find_pruned(task.hex())
            raise Absent(
                f"no task {task.hex()[:16]} is known here" if gone is None else pruned_text(gone)
            )
        state = _WITHOUT.get(row.state)
        if state is None:  # decided this moment, or about to be dropped
            raise Absent(f"task {task.hex()[:16]} is between two states here: ask again")
        return self._whole(task, asked(task, row), bytes(row.opening.signer), state=state)

    def past(self, bundle: Bundle) -> seen.Deliberation:
        """A decided task, from its verdict."""
        spec = codec.task_open(bundle.opened)
        told: dict[str, Any] = {
            "state": "decided",
            "round": len(bundle.rounds),
            "notes": _notes(_slates(bundle), spec, bundle.task),
            "steps": self._signed(bundle),
        }
        stands = self._runner.releases.stands(bundle.task, spec)
        if not stands.open:  # E4
            told["phase"] = self._runner.releases.reason(stands)
        else:
            committee = self._committee(spec)
            opened = [
                OpenedRound.signed(number, part) for number, part in enumerate(bundle.rounds, 1)
            ]
            told["rounds"] = [round_seen(one, committee) for one in opened]
            told["outcome"] = self._outcome(bundle, opened[-1], committee.names)
        return self._whole(bundle.task, spec, bundle.opened.signer, **told)

    def _live(self, live: Live) -> seen.Deliberation:
        committee = self._committee(live.task.spec)
        accepted, steps = self._watched(live.watchers.history)
        return self._whole(
            live.task.id,
            live.task.spec,
            bytes(live.task.opened.signer),
            state="running",
            phase=live.task.phase.name.lower(),
            round=live.task.round.number if live.task.rounds else 0,
            accepted=accepted,
            notes=_notes(
                [
                    slate_notes(state.values[Stage.SLATE].ids, state.lookup)
                    for state in live.task.rounds
                    if Stage.SLATE in state.settled
                ],
                live.task.spec,
                live.task.id,
            ),
            steps=steps,
            rounds=[]  # E4
            if live.task.policy.approvals
            else [round_seen(one, committee) for one in _opened(live)],
        )

    def _whole(
        self, task: bytes, spec: TaskOpen, opener: bytes, *, state: seen.State, **more: Any
    ) -> seen.Deliberation:
        committee, answer = spec.committee, spec.answer
        told: dict[str, Any] = {
            "phase": None, "round": 0, "accepted": [], "notes": [], "steps": [], "rounds": [],
            "outcome": None,
        }  # fmt: skip
        return seen.Deliberation(
            task=task.hex(),
            state=state,
            case=[
                seen.Part(role=part.role, text=part.text, numbers=len(part.vector))
                for part in spec.messages
            ],
            asked=seen.Asked(
                kind=answer.kind.name.lower(), options=list(answer.options), unit=answer.unit
            ),
            domain=spec.domain,
            opener=self._federation.label(opener),
            members=[self._federation.label(key) for key in committee.members],
            families=list(committee.families),
            mode=str(committee.mode),
            tolerates=committee.quorum.tolerates(),
            policy=committee.policy.to_dict(),
            opened_at_ms=spec.opened_at_ms,
            not_after_ms=spec.not_after_ms,
            **{**told, **more},
        )

    # -- parts ------------------------------------------------------------------------

    def _committee(self, spec: TaskOpen) -> Committee:
        keys = tuple(map(bytes, spec.committee.members))
        return Committee(
            keys=keys,
            names=tuple(map(self._federation.label, keys)),
            policy=spec.committee.policy,
        )

    def _watched(self, events: Iterable["Event"]) -> tuple[list[str], list[seen.Steps]]:
        """Who takes part, and each round's steps, as this node saw them."""
        accepted: set[str] = set()
        rounds: dict[int, _Marks] = {}
        for event in events:
            detail = event.detail
            if event.kind == "accepted":
                accepted.add(self._name(detail["member"]))
            if not event.round:
                continue
            marks = rounds.setdefault(event.round, _Marks())
            if event.kind in _STEPS:
                member = self._name(detail["member"])
                marks.done[_STEPS[event.kind]].add(member)
                if detail.get("abstain"):
                    marks.abstained[member, "draft"] = detail["abstain"]
            elif event.kind == "decided":
                marks.decided.append(detail["point"])
            elif event.kind == "view":
                marks.views += 1
        return sorted(accepted), [rounds[round_].plain(round_) for round_ in sorted(rounds)]

    def _signed(self, bundle: Bundle) -> list[seen.Steps]:
        """Each round's steps, as the verdict shows them."""
        words = {Kind.COMMIT: "drafted", Kind.SEAL: "judged", Kind.OPENING: "opened"}
        found = []
        for number, part in enumerate(bundle.rounds, 1):
            marks = _Marks(decided=["slate", "freeze", "outcome"])
            messages = named(part, *words)
            for message in messages:
                marks.done[words[message.kind]].add(self._federation.label(message.signer))
            for member, stage, reason in abstentions(messages):
                marks.abstained[self._federation.label(member), stage] = reason
            found.append(marks.plain(number))
        return found

    def _outcome(self, bundle: Bundle, last: OpenedRound, names: Sequence[str]) -> seen.Outcome:
        decision, tally = last.figures["decision"], last.figures["tally"]
        shown = shown_answers(tally)
        majority, said = tally["baselines"]["majority"], decision["dissent"]
        books: Account = account(bundle, self._federation.label)
        return seen.Outcome(
            verdict=bundle.id.hex(),
            status=decision["status"],
            answer=decision["answer"],
            probability=decision["probability"] / ONE,
            majority=None if majority is None else shown.get(majority, majority),
            reason=decision["reason"],
            why=REASONS.get(decision["reason"], decision["reason"]),
            rounds=last.number,
            warnings=self._warned(decision["warnings"]),
            dissent=None
            if said is None
            else seen.Dissent(
                answer=said["answer"],
                members=sorted(names[at] for at in said["members"]),
                belief=said["belief"] / ONE,
                argument=cut(said["argument"]),
                by=None if said["by"] is None else names[said["by"]],
            ),
            costs=[
                seen.Spent(
                    member=cost.member,
                    tokens=cost.tokens_in + cost.tokens_out + cost.unsplit,
                    usd=cost.micros / 1_000_000,
                )
                for cost in books.costs
            ],
            faults=[
                seen.Failed(
                    member=one.member,
                    doing=one.doing,
                    provider=one.provider,
                    model=one.model,
                    reason=one.reason,
                    code=one.code,
                )
                for one in books.faults
            ],
        )

    def _unreleased(self, stands: Release) -> seen.Warned:
        code = str(stands.state).replace(" ", "_")
        return seen.Warned(code=code, text=self._runner.releases.reason(stands))

    def _warned(self, warnings: Iterable[Sequence[str]]) -> list[seen.Warned]:
        return [seen.Warned(code=code, text=self._naming(text)) for code, text in warnings]

    def _name(self, key: str) -> str:
        return self._federation.label(bytes.fromhex(key))


def _unknown(task: bytes, state: seen.State, why: seen.Warned, **more: Any) -> seen.Brief:
    """A task of whose question nothing is known any more."""
    return seen.Brief(
        task=task.hex(),
        state=state,
        question="",
        domain="",
        opener="",
        members=[],
        opened_at_ms=0,
        warnings=[why],
        **more,
    )


def _opened(live: Live) -> list[OpenedRound]:
    """The rounds of a running task that have their outcome, and no other (R3, R9)."""
    found = []
    for state in live.task.rounds:
        value = state.values.get(Stage.OUTCOME)
        if value is None or value.figures is None or state.absent(Stage.OUTCOME):
            continue
        messages = [state.lookup(item) for item in state.named(Stage.OUTCOME)]
        held = [message for message in messages if message is not None]
        found.append(OpenedRound.of(state.number, value, held))
    return found


def _slates(bundle: Bundle) -> list[tuple[Note, ...]]:
    """People's notes in the commits that each round's slate counts (R1c)."""
    found = []
    for number, part in enumerate(bundle.rounds, 1):
        commits = {message.id: message for message in named(part, Kind.COMMIT)}
        found.append(slate_notes(part.value(Stage.SLATE, number).ids, commits.get))
    return found


def _notes(slates: Sequence[Sequence[Note]], spec: TaskOpen, task: bytes) -> list[seen.Said]:
    """What models were told of people's notes (R1c)."""
    return [
        seen.Said(round=item.round, by=item.by, at_ms=item.note.at_ms, text=cut(item.note.text))
        for item in heard(slates, spec.speakers, task)
    ]


def _question(messages: Sequence[Content]) -> str:
    last = next((part for part in reversed(messages) if part.text), None)
    if last is None:
        return f"a vector of {sum(len(part.vector) for part in messages)} numbers"
    return cut(" ".join(last.text.split()), EXCERPT)
