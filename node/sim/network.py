"""A seeded network with a virtual clock: delay, loss, reordering, partitions."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How the network behaves until `calm_at` (virtual ms); from then on it delivers.

    `delay` and `calm_delay` are (least, most) milliseconds, drawn evenly for each message,
    so messages overtake each other; `loss` is a probability; `split` separates members by
    position into two groups until `calm_at`.
    """

    delay: tuple[int, int] = (1, 20)
    loss: float = 0.0
    split: frozenset[int] = frozenset()
    calm_at: int = 0
    calm_delay: tuple[int, int] = (1, 20)


class Clock:
    """Virtual milliseconds; things happen in order of time, then of scheduling."""

    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, delay: int, act: Callable[[], None]) -> None:
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

    def __init__(self, clock: Clock, weather: Weather, rng: random.Random) -> None:
        self._clock = clock
        self._weather = weather
        self._rng = rng
        self.carried = 0

    def carry(self, origin: int, goal: int, deliver: Callable[[], None]) -> None:
        """Deliver after a delay, or lose it."""
        weather = self._weather
        calm = self._clock.now >= weather.calm_at
        apart = (origin in weather.split) != (goal in weather.split)
        if not calm and (apart or self._rng.random() < weather.loss):
            return
        low, high = weather.calm_delay if calm else weather.delay
        self.carried += 1
        self._clock.after(self._rng.randint(low, high), deliver)
