"""Finished tasks: what late and restarted members are caught up from (rules A14, T2)."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from consensus.bodies import TaskOpen
from consensus.committee import Committee
from consensus.envelope import Envelope, Kind, Stage, TaskId
from consensus.verdict import Bundle

from .damage import of_task, reading
from .store.contract import Store
from .store.records import TaskRow, VerdictRow, listed
from .watchers import opening
from .wire import codec
from .wire.frames import Digest
from .wire.limits import ID_PREFIX
from .wire.watch import Event

KEPT = 32
"""Verdicts kept decoded: those that stragglers ask about, seconds after they were reached."""
KNOWN = 200_000
"""Tasks remembered by id until their not-after, so that none is taken up twice. Past it no new
one is taken: forgetting one that can still be played again would be worse. Those on one
member's account may be half of what others' leave, so that nobody fills it for all."""
TOLD = 64
"""Finished tasks told to a member whose link comes up, at least: what it may have missed while
nobody noticed its absence."""
TOLD_MOST = 4_096
"""Finished tasks told at most: what its link's absence was long enough for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One finished task."""

    bundle: Bundle
    spec: TaskOpen

    @property
    def committee(self) -> Committee:
        """Who decided it."""
        return self.spec.committee

    def lacking(self, round_: int, prefixes: frozenset[bytes]) -> list[Envelope]:
        """What a member in `round_` that holds `prefixes` lacks of that round.

        A member that is still opening (0) is given round 1: t of its signers let it enter.
        """
        index = max(round_, 1) - 1
        if index >= len(self.bundle.rounds):
            return []
        return [
            item
            for item in self.bundle.rounds[index].envelopes()
            # A proposal is taken by those alone who ask for it by id.
            if item.kind != Kind.PROPOSAL and item.id[:ID_PREFIX] not in prefixes
        ]

    def find(self, items: Iterable[bytes]) -> list[Envelope]:
        """Those envelopes of the verdict that have these ids."""
        known: dict[bytes, Envelope] = {self.bundle.task: self.bundle.opened}
        for part in self.bundle.rounds:
            known.update((envelope.id, envelope) for envelope in part.envelopes())
        return [known[item] for item in dict.fromkeys(items) if item in known]

    def digest(self) -> Digest:
        """What is told of the task: it has this verdict."""
        rounds = len(self.bundle.rounds)
        return Digest(task=self.bundle.task, round=rounds, verdict=self.bundle.id)


def asked(task: bytes, row: TaskRow) -> TaskOpen:
    """What the stored `task` asks for. Raises `Damaged`."""
    with reading(of_task("question", task)):
        if row.opening.id != task:
            raise ValueError("its bytes are another's")
        return codec.task_open(row.opening)


def past_of(row: VerdictRow) -> Past:
    """A stored verdict. Raises `Damaged`."""
    with reading(of_task("verdict", row.task)):
        bundle = Bundle.decode(row.bundle)
        if (bundle.task, bundle.id) != (row.task, row.verdict):
            raise ValueError("its bytes are another's")
        return Past(bundle=bundle, spec=codec.task_open(bundle.opened))


def summary(bundle: Bundle, spec: TaskOpen, figures: Mapping[str, Any]) -> dict[str, Any]:
    """What lists say of a verdict, whose last round has these figures."""
    decision = figures["decision"]
    return {
        "answer": listed(decision["answer"]),
        "domain": spec.domain,
        "probability": decision["probability"],
        "reason": decision["reason"],
        "rounds": len(bundle.rounds),
        "status": decision["status"],
        "warnings": decision["warnings"],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    verdict: bytes
    not_after_ms: int
    account: bytes
    committee: Committee | None = None


class Archive:
    """Finished tasks over the store, the latest in memory."""

    def __init__(self, store: Store, *, known: int = KNOWN) -> None:
        self._store = store
        self._most = known
        self._kept: OrderedDict[bytes, Past] = OrderedDict()
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._by: Counter[bytes] = Counter()
        self.finished = 0
        """Tasks finished since this process began."""

    async def open(self, wall_ms: int) -> None:
        """Remember the tasks that could be played again, and the last verdicts."""
        for place, brief in enumerate(await self._store.recent(self._most)):
            if brief.not_after_ms >= wall_ms or place < TOLD:
                known = _Known(
                    verdict=brief.verdict, not_after_ms=brief.not_after_ms, account=brief.opener
                )
                self._remember(brief.task, known)
                self._known.move_to_end(brief.task, last=False)

    def room(self, account: bytes) -> bool:
        """Whether another task can be remembered on the account of this member."""
        return self._by[account] < self._most - len(self._known)

    def note(self, task: bytes, not_after_ms: int, account: bytes) -> None:
        """Remember that a task was seen, whatever becomes of it (S7)."""
        if task not in self._known:
            known = _Known(verdict=b"", not_after_ms=not_after_ms, account=account)
            self._remember(task, known)

    def keep(self, bundle: Bundle, spec: TaskOpen) -> None:
        """Add a task that has just finished."""
        self._hold(Past(bundle=bundle, spec=spec))
        self.finished += 1
        known = self._known.get(bundle.task)
        account = bundle.opened.signer if known is None else known.account
        self._drop(bundle.task)  # ordered by when they were finished
        self._remember(
            bundle.task,
            _Known(
                verdict=bundle.id,
                not_after_ms=spec.not_after_ms,
                account=account,
                committee=spec.committee,
            ),
        )

    def forget(self, wall_ms: int) -> None:
        """Let go of tasks that their not-after protects by now, but for the last ones."""
        for task in list(self._known)[:-TOLD]:
            if self._known[task].not_after_ms < wall_ms:
                self._drop(task)

    def pruned(self, tasks: Iterable[bytes]) -> None:
        """Their verdicts are gone: go on knowing them, and tell nobody of a verdict."""
        for task in tasks:
            self._kept.pop(task, None)
            known = self._known.get(task)
            if known is not None:
                self._known[task] = replace(known, verdict=b"")

    def _remember(self, task: bytes, known: _Known) -> None:
        self._known[task] = known
        self._by[known.account] += 1

    def _drop(self, task: bytes) -> None:
        known = self._known.pop(task, None)
        if known is not None:
            self._by[known.account] -= 1
            if not self._by[known.account]:
                del self._by[known.account]

    def _hold(self, past: Past) -> Past:
        self._kept[past.bundle.task] = past
        self._kept.move_to_end(past.bundle.task)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return past

    def knows(self, task: bytes) -> bool:
        """Whether a task was seen here, as far as is remembered."""
        return task in self._known

    def verdict(self, task: bytes) -> bytes:
        """The verdict id of a finished task, empty if it is none."""
        known = self._known.get(task)
        return known.verdict if known is not None else b""

    def committee(self, task: bytes) -> Committee | None:
        """The committee of a finished task that is in memory."""
        past = self._kept.get(task)
        return past.committee if past is not None else None

    def past(self, task: bytes) -> Past | None:
        """A finished task that is in memory."""
        return self._kept.get(task)

    async def load(self, task: bytes) -> Past | None:
        """A finished task from memory or from the store. Raises `Damaged`."""
        if task in self._kept:
            return self._kept[task]
        row = await self._store.verdict(TaskId(task))
        return None if row is None else self._hold(past_of(row))

    async def events(self, task: bytes) -> list[Event]:
        """What one who follows a finished task is told; nothing if it is not finished.

        Its opening, the outcome of each round, and the verdict with the last one's figures.
        Raises `Damaged`.
        """
        row = await self._store.verdict(TaskId(task))
        if row is None:
            return []
        past = past_of(row)
        bundle = past.bundle
        told = [opening(bundle.opened, past.spec)]
        figures = None
        for number, part in enumerate(bundle.rounds, 1):
            figures = part.value(Stage.OUTCOME, number).figures
            told.append(Event(task=task, round=number, kind="outcome", detail={"figures": figures}))
        assert figures is not None
        said = {**row.summary, **summary(bundle, past.spec, figures)}
        detail = {"verdict": row.verdict.hex(), **said, "figures": figures}
        told.append(Event(task=task, round=len(bundle.rounds), kind="verdict", detail=detail))
        return told

    def recent(self, since: int, member: bytes) -> list[Digest]:
        """The last finished tasks, oldest first, as a returning member is told of them.

        `since` is what `finished` was when the member's link was last seen up. Tasks of which
        it is known that it is not in their committee are left out.
        """
        count = min(max(self.finished - since, TOLD), TOLD_MOST)
        last = (
            (task, known.verdict)
            for task, known in reversed(self._known.items())
            if known.verdict
            and (known.committee is None or known.committee.position(member) is not None)
        )
        told = [
            Digest(task=task, round=0, verdict=verdict) for task, verdict in islice(last, count)
        ]
        return told[::-1]
