"""Everybody who watches a node's tasks, told in turn; whoever fails is told nothing more."""

from collections.abc import Callable

from consensus.bodies import Usage

from ..clock import Clock
from ..log import get_logger
from .contract import Ended, Observer, Opened
from .figures import Figures

log = get_logger("observe")


class Observers:
    """The figures, which every node has, and others that its operator wants.

    An observer's fault must not reach the task that it watches: the runner would drop that.
    """

    def __init__(self, clock: Clock) -> None:
        self.figures = Figures()
        self._clock = clock
        self._all: list[Observer] = [self.figures]

    def add(self, observer: Observer) -> None:
        """Tell `observer` too, from now on."""
        self._all.append(observer)

    def opened(self, opened: Opened) -> None:
        """A task begins here."""
        self._tell(lambda one, now: one.opened(opened, now))

    def entered(self, task: bytes, round_: int, stage: str) -> None:
        """A task enters a stage."""
        self._tell(lambda one, now: one.entered(task, round_, stage, now))

    def view_lost(self, task: bytes, point: str) -> None:
        """A view of agreement was lost."""
        self._tell(lambda one, now: one.view_lost(task, point, now))

    def asked(self, task: bytes, round_: int, doing: str) -> None:
        """The model is called."""
        self._tell(lambda one, now: one.asked(task, round_, doing, now))

    def answered(
        self, task: bytes, round_: int, doing: str, usage: Usage | None, failure: str
    ) -> None:
        """The model answered, or failed."""
        self._tell(lambda one, now: one.answered(task, round_, doing, usage, failure, now))

    def ended(self, ended: Ended) -> None:
        """A task ended here."""
        self._tell(lambda one, now: one.ended(ended, now))

    def _tell(self, say: Callable[[Observer, int], None]) -> None:
        now = self._clock.monotonic_ns()
        for observer in tuple(self._all):
            try:
                say(observer, now)
            except Exception:
                log.exception("an observer failed, and is told nothing more")
                self._all.remove(observer)
