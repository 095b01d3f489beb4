"""Tasks that this node missed: others say that they are finished, and it never saw them.

Pure bookkeeping of what is asked for next. A few tasks are taken up at a time, oldest first:
whoever comes back first takes part in what is being decided now, and reads up on the rest.
Claims cost nothing, so each member has its own share of what is remembered and of what is
under way: one that claims what does not exist keeps nobody from reading up on what does.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

MOST: Final = 4_096
"""Tasks of one member's claims that are remembered. Past it its oldest go: they can still be
asked for by id."""

AGAIN_MS: Final = 1_000
"""Milliseconds after which a task that was asked for and has not come is asked for again."""

TRIES: Final = 8
"""How often a task is asked for: one that nobody gives is not for this node, or does not exist."""


@dataclass(slots=True)
class _Task:
    said: list[bytes] = field(default_factory=list)
    tries: int = 0
    asked: bytes = b""
    asked_ms: int = 0

    def waits(self, now_ms: int) -> bool:
        """Whether it was asked for, and there was no time yet for it to come."""
        return bool(self.asked) and now_ms - self.asked_ms < AGAIN_MS


class Missed:
    """The tasks, oldest first, and which members say that each is finished."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[bytes, _Task] = OrderedDict()
        self._claims: dict[bytes, OrderedDict[bytes, None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def heard(self, task: bytes, member: bytes) -> None:
        """`member` says that it holds the verdict of `task`."""
        claims = self._claims.setdefault(member, OrderedDict())
        if task in claims:
            return
        claims[task] = None
        self._tasks.setdefault(task, _Task()).said.append(member)
        if len(claims) > MOST:
            self._unsay(next(iter(claims)), member)

    def said(self, task: bytes) -> tuple[bytes, ...]:
        """Who said that `task` is finished."""
        found = self._tasks.get(task)
        return tuple(found.said) if found is not None else ()

    def found(self, task: bytes) -> None:
        """`task` has come: it is no longer missed."""
        for member in self.said(task):
            self._unsay(task, member)

    def due(
        self, places: int, busy: Mapping[bytes, int], up: Collection[bytes], now_ms: int
    ) -> list[tuple[bytes, bytes]]:
        """Tasks to ask for now, and whom.

        Each of the members `up` has an equal share of `places`, one at least, of which as many
        are taken as `busy` says, and as tasks were just asked of it. Those that claim a task
        are asked in turn, as far as they have a place.
        """
        share = max(1, places // max(1, len(up)))
        asking = Counter(found.asked for found in self._tasks.values() if found.waits(now_ms))
        free = {member: share - busy.get(member, 0) - asking[member] for member in up}
        asks = []
        for task, found in list(self._tasks.items()):
            there = [member for member in found.said if free.get(member, 0) > 0]
            if not there or found.waits(now_ms):
                continue
            if found.tries >= TRIES:
                self.found(task)
                continue
            member = there[found.tries % len(there)]
            asks.append((task, member))
            free[member] -= 1
            found.tries, found.asked, found.asked_ms = found.tries + 1, member, now_ms
        return asks

    def _unsay(self, task: bytes, member: bytes) -> None:
        del self._claims[member][task]
        found = self._tasks[task]
        found.said.remove(member)
        if not found.said:
            del self._tasks[task]
