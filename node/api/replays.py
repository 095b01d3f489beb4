"""Idempotency keys: a request that is sent again follows the task that it opened the first time."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

KEPT: Final = 4_096
"""Requests remembered at most; past it the oldest goes."""

KEPT_MS: Final = 86_400_000
"""How long one is remembered."""

KEY_MAX: Final = 255
"""Most characters of an idempotency key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A request that opened `task`: `digest` is of its body."""

    digest: bytes
    task: bytes
    at_ms: int


class Replays:
    """Requests by client and idempotency key, in memory: a restarted node knows none of them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Replay] = OrderedDict()

    def find(self, client: str, key: str, now_ms: int) -> Replay | None:
        """What this client opened under this key, if it is remembered."""
        found = self._kept.get((client, key))
        if found is None or now_ms - found.at_ms > KEPT_MS:
            return None
        return found

    def keep(self, client: str, key: str, replay: Replay) -> None:
        """Remember a request."""
        self._kept[client, key] = replay
        self._kept.move_to_end((client, key))
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
