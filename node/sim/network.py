"""A seeded network with a virtual clock: delay, loss, copies, reordering, partitions."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

from consensus.envelope import Kind
from consensus.ports import Message

from .choices import Choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """What gets nothing through from `from_ms` until `until_ms`: of the directed `links` (origin,
    goal), only what is of these `kinds` and in one of these `views`; empty means all.

    Digests and requests have neither kind nor view: only a barrier to all stops them.
    """

    from_ms: int
    until_ms: int
    links: frozenset[tuple[int, int]]
    kinds: frozenset[Kind] = frozenset()
    views: frozenset[int] = frozenset()

    def stops(self, now: int, origin: int, goal: int, message: Message | None) -> bool:
        """Whether it stops something on that way at `now`."""
        if not self.from_ms <= now < self.until_ms or (origin, goal) not in self.links:
            return False
        if message is None:
            return not self.kinds and not self.views
        kind = not self.kinds or message.kind in self.kinds
        return kind and (not self.views or getattr(message.body, "view", None) in self.views)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How the network behaves until `calm_at` (virtual ms); from then on it delivers.

    `delay` and `calm_delay` are (least, most) milliseconds, drawn evenly for each message,
    so messages overtake each other; `loss` and `twice` are probabilities of losing a message and
    of delivering it twice; `split` separates members by position into two groups until
    `calm_at`; `barriers` stop part of what is sent.
    """

    delay: tuple[int, int] = (1, 20)
    loss: float = 0.0
    twice: float = 0.0
    split: frozenset[int] = frozenset()
    barriers: tuple[Barrier, ...] = ()
    calm_at: int = 0
    calm_delay: tuple[int, int] = (1, 20)


class Clock:
    """Virtual milliseconds; things happen in order of time, then of scheduling."""

    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0

    def after(self, delay: int, act: Callable[[], object]) -> None:
        """Have `act` happen `delay` ms from now."""
        self._count += 1
        heapq.heappush(self._heap, (self.now + delay, self._count, act))

    def run(self, until: Callable[[], bool], limit: int) -> bool:
        """Let time pass until `until` holds; False if `limit` (ms) comes first."""
        while not until():
            if not self._heap or self._heap[0][0] > limit:
                return False
            self.now, _, act = heapq.heappop(self._heap)
            act()
        return True


class Network:
    """Carries things between positions as the weather allows."""

    def __init__(
        self, clock: Clock, weather: Weather, rng: random.Random, choices: Choices | None = None
    ) -> None:
        self._clock = clock
        self._weather = weather
        self._rng = rng
        self._choices = choices or Choices()
        self.carried = 0

    def carry(
        self,
        origin: int,
        goal: int,
        deliver: Callable[[], None],
        message: Message | None = None,
    ) -> None:
        """Deliver after a delay, or lose it, or deliver it twice; `message` is what it is."""
        weather, rng, now = self._weather, self._rng, self._clock.now
        calm = now >= weather.calm_at
        if not calm:
            apart = (origin in weather.split) != (goal in weather.split)
            lost = rng.random() < weather.loss
            # Each barrier is one fault, however much it stops.
            if apart or any(one.stops(now, origin, goal, message) for one in weather.barriers):
                return
            if lost and self._choices.take(f"loss from {origin} to {goal},"):
                return
            if rng.random() < weather.twice and self._choices.take(f"copy to {goal},"):
                self._clock.after(rng.randint(*weather.delay), deliver)
        low, high = weather.calm_delay if calm else weather.delay
        self.carried += 1
        self._clock.after(rng.randint(low, high), deliver)
