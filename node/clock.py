"""The one place of time. Everything else is handed a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings: durations come from `monotonic_ns`, claims to others from `wall_ms`."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary start; never goes back."""
        ...

    def wall_ms(self) -> int:
        """Milliseconds since 1970; may jump when the host's clock is set."""
        ...


class SystemClock:
    """The host's clocks."""

    __slots__ = ()

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary start; never goes back."""
        return time.monotonic_ns()

    def wall_ms(self) -> int:
        """Milliseconds since 1970; may jump when the host's clock is set."""
        return time.time_ns() // 1_000_000


def monotonic_ms(clock: Clock) -> int:
    """Milliseconds of the monotonic clock: the `now_ms` that the core is handed."""
    return clock.monotonic_ns() // 1_000_000
