"""What each client may ask for: requests in a minute, tasks in a day, over sliding windows.

Pure: time comes in. A client's windows hold no more entries than it may make, so their size is
bounded by its own quota, and clients are those who have a key, and one that has none.
"""

from collections import Counter

from ..sliding import DAY_MS, MINUTE_MS, Window


class Quotas:
    """The windows of every client, by its name."""

    def __init__(self) -> None:
        self._requests: dict[str, Window] = {}
        self._tasks: dict[str, Window] = {}

    def request(self, client: str, limit: int, now_ms: int) -> int:
        """Count a request; 0, or milliseconds to wait."""
        return self._requests.setdefault(client, Window(MINUTE_MS)).wait_ms(limit, now_ms)

    def task(self, client: str, limit: int, now_ms: int) -> int:
        """Count a task; 0, or milliseconds to wait."""
        return self._tasks.setdefault(client, Window(DAY_MS)).wait_ms(limit, now_ms)

    def give_back(self, client: str) -> None:
        """The task that was counted last was not opened."""
        self._tasks.setdefault(client, Window(DAY_MS)).give_back()


class Shares:
    """Something that there is `most` of at a time. A client holds at most half of what the others
    leave, so that no number of its requests keeps another out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()

    def take(self, client: str, amount: int = 1) -> bool:
        """Hold `amount` more, if it may."""
        own = self._held[client]
        if 2 * own + amount > self._most - (self._held.total() - own):
            return False
        self._held[client] += amount
        return True

    def give_back(self, client: str, amount: int = 1) -> None:
        """Hold `amount` less."""
        self._held[client] -= amount
        if not self._held[client]:
            del self._held[client]
