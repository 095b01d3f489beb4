"""Finished tasks: what late and restarted members are caught up from (rules A14, T2)."""

from collections import OrderedDict
from dataclasses import dataclass

from consensus.bodies import TaskOpen
from consensus.committee import Committee
from consensus.envelope import Envelope, Kind, TaskId
from consensus.verdict import Bundle

from .store.contract import Store
from .wire import codec
from .wire.frames import Digest
from .wire.limits import ID_PREFIX
from .wire.watch import Event

KEPT = 32
"""Verdicts kept decoded: those that stragglers ask about, seconds after they were reached."""
KNOWN = 100_000
"""Finished tasks remembered by id, so that a late message about one is not a stranger's."""
TOLD = 64
"""Finished tasks told to a member whose link comes up: what a short absence can have missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One finished task."""

    bundle: Bundle
    committee: Committee

    def lacking(self, round_: int, prefixes: frozenset[bytes]) -> list[Envelope]:
        """What a member in `round_` that holds `prefixes` lacks of that round.

        A member that is still opening (0) is given round 1: t of its signers let it enter.
        """
        index = max(round_, 1) - 1
        if index >= len(self.bundle.rounds):
            return []
        envelopes = self.bundle.rounds[index].envelopes()
        return [item for item in envelopes if item.id[:ID_PREFIX] not in prefixes]

    def find(self, item: bytes) -> Envelope | None:
        """An envelope of the verdict by id."""
        if item == self.bundle.task:
            return self.bundle.opened
        for part in self.bundle.rounds:
            for envelope in part.envelopes():
                if envelope.id == item:
                    return envelope
        return None

    def digest(self) -> Digest:
        """What is told of the task: it has this verdict."""
        rounds = len(self.bundle.rounds)
        return Digest(task=self.bundle.task, round=rounds, verdict=self.bundle.id)


class Archive:
    """Finished tasks over the store, the latest in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[bytes, Past] = OrderedDict()
        self._known: OrderedDict[bytes, bytes] = OrderedDict()

    async def open(self) -> None:
        """Remember which tasks are finished."""
        for brief in reversed(await self._store.recent(KNOWN)):
            if brief.verdict:
                self._known[brief.task] = brief.verdict

    def keep(self, bundle: Bundle, committee: Committee) -> Past:
        """Add a finished task."""
        past = Past(bundle=bundle, committee=committee)
        self._kept[bundle.task] = past
        self._kept.move_to_end(bundle.task)
        self._known[bundle.task] = bundle.id
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return past

    def knows(self, task: bytes) -> bool:
        """Whether a task is finished here, as far as is remembered."""
        return task in self._known

    def verdict(self, task: bytes) -> bytes:
        """The verdict id of a finished task, empty if it is none."""
        return self._known.get(task, b"")

    def committee(self, task: bytes) -> Committee | None:
        """The committee of a finished task that is in memory."""
        past = self._kept.get(task)
        return past.committee if past is not None else None

    def past(self, task: bytes) -> Past | None:
        """A finished task that is in memory."""
        return self._kept.get(task)

    async def load(self, task: bytes) -> Past | None:
        """A finished task from memory or from the store."""
        if task in self._kept:
            return self._kept[task]
        row = await self._store.verdict(TaskId(task))
        if row is None:
            return None
        bundle = Bundle.decode(row.bundle)
        spec = codec.decode(Kind.TASK_OPEN, bundle.opened.payload)
        assert isinstance(spec, TaskOpen)
        return self.keep(bundle, spec.committee)

    async def last_event(self, task: bytes) -> Event | None:
        """The event that ends following a finished task, or None if it is not finished."""
        row = await self._store.verdict(TaskId(task))
        if row is None:
            return None
        detail = {"verdict": row.verdict.hex(), **row.summary}
        rounds = row.summary.get("rounds", 0)
        return Event(task=task, round=rounds, kind="verdict", detail=detail)

    def recent(self) -> list[Digest]:
        """The last finished tasks, newest first, as a returning member is told of them."""
        last = list(self._known.items())[-TOLD:]
        return [Digest(task=task, round=0, verdict=verdict) for task, verdict in reversed(last)]
