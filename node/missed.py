"""Tasks that this node missed: others say that they are finished, and it never saw them.

Pure bookkeeping of what is asked for next. A few tasks are taken up at a time, oldest first:
whoever comes back first takes part in what is being decided now, and reads up on the rest.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

MOST: Final = 4_096
"""Tasks that are remembered as missed. Past it the oldest go: they can still be asked for by id."""

AGAIN_MS: Final = 1_000
"""Milliseconds after which a task that was asked for and has not come is asked for again."""

TRIES: Final = 8
"""How often a task is asked for: one that nobody gives is not for this node, or does not exist."""


@dataclass(slots=True)
class _Task:
    said: list[bytes] = field(default_factory=list)
    tries: int = 0
    asked_ms: int | None = None


class Missed:
    """The tasks, oldest first, and which members say that each is finished."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[bytes, _Task] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tasks)

    def heard(self, task: bytes, member: bytes) -> None:
        """`member` says that it holds the verdict of `task`."""
        found = self._tasks.setdefault(task, _Task())
        if member not in found.said:
            found.said.append(member)
        while len(self._tasks) > MOST:
            self._tasks.popitem(last=False)

    def take(self, task: bytes) -> tuple[bytes, ...]:
        """Who said that `task` is finished; it is no longer missed."""
        found = self._tasks.pop(task, None)
        return tuple(found.said) if found is not None else ()

    def due(self, room: int, up: Collection[bytes], now_ms: int) -> list[tuple[bytes, bytes]]:
        """Tasks to ask for now, and whom: so many that at most `room` are under way.

        The members that said so are asked in turn, as far as they are among `up`.
        """
        asks = []
        for task, found in list(self._tasks.items()):
            if room <= 0:
                break
            if found.asked_ms is not None and now_ms - found.asked_ms < AGAIN_MS:
                room -= 1
                continue
            there = [member for member in found.said if member in up]
            if found.tries >= TRIES:
                del self._tasks[task]
            elif there:
                asks.append((task, there[found.tries % len(there)]))
                found.tries, found.asked_ms = found.tries + 1, now_ms
                room -= 1
        return asks
