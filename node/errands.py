"""What a peer's word makes this node do in the background: bounded for each member (T3)."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from .log import get_logger

log = get_logger("errands")

Errand = Callable[[], Coroutine[Any, Any, None]]
"""Makes the work when its turn has come."""


class Errands:
    """Work on behalf of members: `at_once` under way for each, `waiting` in a queue behind.

    Past that an errand is dropped and counted: whoever still needs it asks again. One that
    fails is a line in the log, and nobody else's matter.
    """

    def __init__(self, name: str, *, at_once: int, waiting: int) -> None:
        self.dropped = 0
        self._name = name
        self._at_once = at_once
        self._waiting = waiting
        self._queues: dict[bytes, deque[Errand]] = {}
        self._running: dict[bytes, set[asyncio.Task[None]]] = {}

    def __len__(self) -> int:
        """How many are under way or wait."""
        queued = sum(map(len, self._queues.values()))
        return queued + sum(map(len, self._running.values()))

    def run(self, member: bytes, errand: Errand) -> None:
        """Begin `errand` for `member`, or queue it behind the others of that member."""
        running = self._running.setdefault(member, set())
        queue = self._queues.setdefault(member, deque())
        if len(running) < self._at_once:
            self._begin(member, errand)
        elif len(queue) < self._waiting:
            queue.append(errand)
        else:
            self.dropped += 1

    def cancel(self) -> None:
        """Drop all of it."""
        self._queues.clear()
        for running in self._running.values():
            for task in running:
                task.cancel()

    def _begin(self, member: bytes, errand: Errand) -> None:
        task = asyncio.get_running_loop().create_task(self._carry_out(errand))
        self._running[member].add(task)
        task.add_done_callback(lambda done: self._ended(member, done))

    def _ended(self, member: bytes, task: asyncio.Task[None]) -> None:
        self._running[member].discard(task)
        queue = self._queues.get(member)
        if queue:
            self._begin(member, queue.popleft())

    async def _carry_out(self, errand: Errand) -> None:
        try:
            await errand()
        except Exception as error:  # noqa: BLE001  a peer's word stops no more than this
            reason = f"{type(error).__name__}: {error}"
            log.warning("errand failed", what=self._name, reason=reason)
