"""How much of something in any stretch of time. Pure: time comes in."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000


@dataclass(slots=True)
class Window:
    """At most `limit` events in any `span_ms` milliseconds; 0 is no limit, and not counted."""

    span_ms: int
    _times: deque[int] = field(default_factory=deque)

    def wait_ms(self, limit: int, now_ms: int) -> int:
        """Take one, and 0; or, if there is none to take, milliseconds until there is."""
        if not limit:
            return 0
        while self._times and self._times[0] <= now_ms - self.span_ms:
            self._times.popleft()
        if len(self._times) >= limit:
            return self._times[len(self._times) - limit] + self.span_ms - now_ms
        self._times.append(now_ms)
        return 0

    def give_back(self) -> None:
        """The last one that was taken came to nothing."""
        if self._times:
            self._times.pop()
