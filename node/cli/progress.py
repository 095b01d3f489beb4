"""Live progress of a task on standard error: who has done what, and each round's vote.

At a terminal the members' steps of the current round stand in a grid that is drawn again as
they come; anywhere else a line is written as each point is decided. What is out of the
ordinary (a refusal, an abstention, a lost view, a member gone) gets a line of its own in both.
"""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..follow import MOVED
from .tables import Roll, RoundView, tame

if TYPE_CHECKING:
    from ..federation import Federation
    from ..wire.watch import Event

STEPS: Final = {
    "accepted": "accepted",
    "committed": "drafted",
    "proposed": "shown",
    "judged": "judged",
    "opened": "opened",
}
"""Events that are a member's step, and what people call it."""

_SHOWN_WITH: Final = {"slate": ("drafted",), "freeze": ("shown", "judged"), "outcome": ("opened",)}
"""The steps that a decided point closes."""

DONE: Final = "\N{CHECK MARK}"
ABSTAINED: Final = "-"


class Progress:
    """Draws the events of one task; use as a context, so that the terminal is left tidy."""

    def __init__(self, console: Console, federation: "Federation", teller: str) -> None:
        self._console = console
        self._federation = federation
        self._teller = teller
        self._roll = Roll(keys=(), names=())
        self._seen: set[tuple[Any, ...]] = set()
        self._steps: dict[str, dict[str, str]] = {}
        self._round = 0
        self._live = (
            Live(console=console, transient=True, refresh_per_second=8, get_renderable=self._grid)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    @property
    def roll(self) -> Roll:
        """The committee, once the task is known to be open."""
        return self._roll

    @property
    def teller(self) -> str:
        """The member whose events these are."""
        return self._teller

    def tell(self, event: "Event") -> None:
        """Show an event, unless another member has told it already."""
        detail = event.detail
        if event.kind == MOVED:
            self._teller = detail["member"]
            self._say(f"{detail['reason']}; going on with {self._teller}")
            return
        told = (detail.get(name) for name in ("member", "point", "view", "yes", "by", "text"))
        key = (event.kind, event.round, *told)
        if key in self._seen:
            return
        self._seen.add(key)
        if event.round > self._round:
            self._enter(event.round)
        self._show(event)

    def _show(self, event: "Event") -> None:
        detail = event.detail
        match event.kind:
            case "open":
                self._roll = Roll.of(detail["members"], self._federation)
                self._say(
                    f"task {event.task.hex()} is open: {self._roll.listed(self._roll.keys)}; "
                    f"{detail['tolerates']}"
                )
            case "accepted" | "committed" | "proposed" | "judged" | "opened":
                self._step(event)
            case "refused":
                self._say(f"{self._roll.name(detail['member'])} refuses: {detail['reason']}")
            case "waiting":
                self._say(f"still waiting for {self._roll.listed(detail['members'])} to accept")
            case "model_failed":
                what = "judgment" if detail["stage"] == "judge" else "draft"
                self._say(f"the model of {self._teller} gave no {what}", event.round)
            case "view":
                problem = f"the {detail['point']} was not agreed on in view {detail['view'] - 1}"
                self._say(f"{problem}; the next member proposes", event.round)
            case "decided":
                self._decided(event)
            case "noted":
                self._say(f"{detail['by']} says to all: {detail['text']}", event.round)
            case "awaiting":
                self._say(f"decided; {detail['reason']}")
            case "outcome":
                view = RoundView.of(event.round, detail["figures"], self._roll)
                self._console.print(Text(view.heading, style="bold"), view.table(), Text())
                if view.reason is None:
                    self._enter(event.round + 1)
            case _:
                pass

    def _enter(self, round_: int) -> None:
        if self._live is None and self._round == 0:
            self._say(f"accepted by {self._who('accepted')}")
        self._round = round_
        self._steps = {"accepted": self._steps.get("accepted", {})}

    def _step(self, event: "Event") -> None:
        key, reason = event.detail["member"], event.detail.get("abstain", "")
        self._steps.setdefault(STEPS[event.kind], {})[key] = ABSTAINED if reason else DONE
        if reason:
            self._say(f"{self._roll.name(key)} drafted nothing: {reason}", event.round)

    def _decided(self, event: "Event") -> None:
        if self._live is None:
            for step in _SHOWN_WITH[event.detail["point"]]:
                self._say(f"{step} by {self._who(step)}", event.round)

    def _who(self, step: str) -> str:
        marks = self._steps.get(step, {})
        return self._roll.listed(key for key, mark in marks.items() if mark == DONE)

    def _say(self, text: str, round_: int = 0) -> None:
        place = f"round {round_}: " if round_ else ""
        self._console.print(Text(f"{place}{tame(text)}"))

    def _grid(self) -> Table:
        """Members by steps, for the round that runs."""
        title = f"Round {self._round}" if self._round else "Opening"
        grid = Table(box=None, pad_edge=False, title=title, title_justify="left")
        grid.add_column("", overflow="fold")
        shown = list(STEPS.values()) if self._round <= 1 else list(STEPS.values())[1:]
        for step in shown:
            grid.add_column(step, justify="center", no_wrap=True)
        for key in sorted(self._roll.keys, key=self._roll.name):
            marks = (self._steps.get(step, {}).get(key, "") for step in shown)
            grid.add_row(self._roll.name(key), *marks)
        return grid
