"""What is seen while it runs, on standard error: live at a terminal, plain lines elsewhere."""

from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..clock import Clock, monotonic_ms
from .session import Progress

EVERY_MS: Final = 10_000
"""Milliseconds between two plain lines of progress, where nothing can be redrawn."""

BAR: Final = 36
"""Columns of the bar: with the words beside it, the line fits 80 columns."""


class Screen:
    """Follows a `Session`. Use it as a context: the live part ends with it."""

    def __init__(self, clock: Clock) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._clock = clock
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._began_ms: int | None = None
        self._told_ms = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """One line, above what is live."""
        self._console.print(Text(text))

    def show(self, progress: Progress) -> None:
        """Redraw; elsewhere a line now and then."""
        now = monotonic_ms(self._clock)
        if self._began_ms is None:
            self._began_ms = self._told_ms = now
        over = progress.done == progress.total and not progress.under_way
        if self._console.is_terminal:
            self._live.update(_drawn(progress, (now - self._began_ms) // 1000))
            if over:
                self._live.stop()
            elif not self._live.is_started:
                self._live.start()
        elif over or now - self._told_ms >= EVERY_MS:
            self._told_ms = now
            seconds = (now - self._began_ms) / 1000
            self.say(f"{_counted(progress)} decided in {seconds:.0f} s: {_figures(progress)}")
        if over:
            self._began_ms = None  # what is shown next is counted anew


def _drawn(progress: Progress, seconds: int) -> Group:
    line = Table.grid(padding=(0, 1))
    line.add_row(
        "deciding",
        ProgressBar(total=progress.total, completed=progress.done, width=BAR),
        _counted(progress),
        f"{seconds // 60}:{seconds % 60:02}",
    )
    return Group(line, Text(f"  {_figures(progress)}, {progress.under_way} under way"))


def _counted(progress: Progress) -> str:
    return f"{progress.done} of {progress.total} cases"


def _figures(progress: Progress) -> str:
    if not progress.done:
        return "none decided yet"
    return (
        f"swarm {100 * progress.swarm:.1f} %, majority {100 * progress.majority:.1f} %; "
        f"{progress.rounds:.1f} rounds and {progress.ms / 1000:.1f} s a case"
    )
