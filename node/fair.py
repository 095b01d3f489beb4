"""Work of many accounts, each served in its turn by what it has cost so far.

Start-time fair queueing (Goyal, Vin and Cheng, "Start-time Fair Queuing", 1996, section 2), with
costs known only afterwards: the next piece of work is that of the waiting account which has cost
least. An account that begins to wait starts level with the one that is being served, so it is
neither owed anything for the time when it wanted nothing, nor waits for more than one piece of
each other account. Within an account the order is that of arrival. What one account queues thus
costs another no more than its share, however much that is.
"""

from collections import deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")

LEAST: Final = 10_000
"""Least cost of a piece of work in ns: one that took no time that the clock shows is work too."""


class FairQueue(Generic[T]):
    """Items by account. Weights are the caller's: bytes that an item holds on to, say.

    Accounts are few: whoever could have ever new ones would be served before all others.
    """

    def __init__(self) -> None:
        self.weight = 0
        """Of all that waits."""
        self._items: dict[bytes, deque[tuple[T, int]]] = {}
        self._cost: dict[bytes, int] = {}
        self._level = 0
        self._count = 0

    def __len__(self) -> int:
        """How many items wait."""
        return self._count

    def put(self, account: bytes, item: T, weight: int = 0) -> None:
        """Queue an item behind the others of its account."""
        waiting = self._items.get(account)
        if waiting is None:
            waiting = self._items[account] = deque()
            self._cost[account] = max(self._cost.get(account, 0), self._level)
        waiting.append((item, weight))
        self.weight += weight
        self._count += 1

    def take(self) -> tuple[bytes, T]:
        """The next account in turn and its oldest item. Raises `IndexError` if nothing waits.

        Whoever takes it says by `charge` what it came to.
        """
        if not self._items:
            raise IndexError("nothing waits")
        account = min(self._items, key=self._cost.__getitem__)
        self._level = max(self._level, self._cost[account])
        waiting = self._items[account]
        item, weight = waiting.popleft()
        if not waiting:
            del self._items[account]
        self.weight -= weight
        self._count -= 1
        return account, item

    def charge(self, account: bytes, cost: int) -> None:
        """Put `cost` ns to an account, for an item of its own or anything else done for it."""
        if not self._items:  # nobody waits, so nobody was made to
            self._cost.clear()
            self._level = 0
        else:
            self._cost[account] = max(self._cost.get(account, 0), self._level) + max(cost, LEAST)
