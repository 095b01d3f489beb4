"""From a counterexample of `agreement.pml` to a schedule of messages for the Python core.

The model fires a rule once the votes it asks for are cast. A schedule says which messages
bring that about: those of the honest members that cast them, and the Byzantine member's own.
"""

from collections.abc import Iterable
from typing import Any

NAMES = {0: "none", 1: "nil", 2: "red", 3: "blue", 4: "junk"}
QUORUM = 3

Step = list[Any]


def schedule(trail: Iterable[str], *, bad: int) -> list[Step]:
    """Steps of a replay (see `replay.py`) that bring about the events of a trail."""
    made = _Schedule(bad)
    for line in trail:
        who, what, view, value, valid = line.split()
        made.event(int(who), what, int(view), int(value), int(valid))
    return made.steps


class _Schedule:
    def __init__(self, bad: int) -> None:
        self.steps: list[Step] = []
        self._bad = bad
        self._cast: dict[tuple[str, int, int], str] = {}
        self._offers: dict[int, tuple[str, int]] = {}

    def event(self, who: int, what: str, view: int, value: int, valid: int) -> None:
        name = NAMES[value]
        match what:
            case "propose":
                self._offers[view] = (name, valid - 1)
                self.steps.append(["build", who, view, name])
            case "prevote":
                if name == "nil":
                    self.steps.append(["expire", who, "propose", view])
                else:
                    if valid:
                        self._quorum(who, "prevote", valid - 1, name)
                    self._offer(who, view, name, valid - 1)
                self._cast["prevote", view, who] = name
            case "lock" | "remember":
                self._offer(who, view, name, -1)
                self._quorum(who, "prevote", view, name)
                self._cast.setdefault(("precommit", view, who), name)
            case "precommit":
                self._anything(who, "prevote", view)
                self.steps.append(["expire", who, "prevote", view])
                self._cast["precommit", view, who] = "nil"
            case "next":
                self._anything(who, "precommit", view)
                self.steps.append(["expire", who, "precommit", view])
            case "catch_up":
                for (kind, at, signer), cast in self._cast.items():
                    if at >= view and signer != who:
                        self.steps.append(["deliver", who, signer, kind, at, cast])
                        break
                self.steps.append(["deliver", who, "byzantine", "precommit", view, "nil"])
            case "decide":
                self._offer(who, view, name, -1)
                for (kind, at, signer), cast in self._cast.items():  # A8 forbids counting these
                    if kind == "precommit" and at != view and cast == name and signer != who:
                        self.steps.append(["deliver", who, signer, kind, at, cast])
                self._quorum(who, "precommit", view, name)
            case "restart":
                self.steps.append(["restart", who])
            case "nil_first":
                kind = ("prevote", "precommit")[value]
                self.steps.append(["deliver", who, "byzantine", kind, view, "nil"])
            case _:  # calm
                if not self.steps or self.steps[-1] != ["calm"]:
                    self.steps.append(["calm"])

    def _offer(self, to: int, view: int, value: str, valid: int) -> None:
        """The proposal of a view comes in; an equivocating leader makes one to measure."""
        if view == self._bad:
            self.steps.append(["deliver", to, "byzantine", "propose", view, value, valid])
            return
        leader = view if view < self._bad else view - 1
        if leader != to:
            self.steps.append(["deliver", to, leader, "propose", view, value])

    def _quorum(self, to: int, kind: str, view: int, value: str) -> None:
        """Every honest vote for the value, and the Byzantine one if those are too few."""
        named = [who for who in range(3) if self._cast.get((kind, view, who)) == value]
        self.steps += [["deliver", to, who, kind, view, value] for who in named if who != to]
        if len(named) < QUORUM:
            self.steps.append(["deliver", to, "byzantine", kind, view, value])

    def _anything(self, to: int, kind: str, view: int) -> None:
        """Votes for anything start the timer: as few as will do, and the Byzantine one for nil."""
        others = [who for who in range(3) if who != to and (kind, view, who) in self._cast]
        others.sort(key=lambda who: self._cast[kind, view, who] != "nil")
        enough = QUORUM - 1 - ((kind, view, to) in self._cast)
        for who in others[:enough]:
            self.steps.append(["deliver", to, who, kind, view, self._cast[kind, view, who]])
        self.steps.append(["deliver", to, "byzantine", kind, view, "nil"])
