"""From a counterexample of `round.pml` to a schedule for a committee of the Python core.

A schedule's step is an event of the model with names for its bits: honest members are 0 to 2, and
the contents of the Byzantine member are called what the model calls them.
"""

from collections.abc import Iterable
from typing import Any

CONTENTS: tuple[int | str, ...] = (0, 1, 2, "early one", "early two", "late")
POINTS = ("slate", "freeze")
BYZANTINE = 3
QUORUM = 3

Step = list[Any]


def schedule(trail: Iterable[str]) -> list[Step]:
    """Steps of a replay (see `round_replay.py`) that bring about the events of a trail."""
    steps: list[Step] = []
    carried: dict[int, int] = {}
    for line in trail:
        who, what, point, bits = line.split()
        at, value = int(who), int(bits)
        match what:
            case "commit" | "seal":
                steps.append([what, at] if at < BYZANTINE else [what, "byzantine", *_names(value)])
            case "report":
                steps.append(["close", at, POINTS[int(point)], _names(value)])
            case "leaves" | "opens":
                steps.append([what, at])
            case "carried":
                carried[at] = value
            case _:  # decided
                steps.append(["decide", POINTS[int(point)], *_carried(carried, value)])
                carried = {}
    return steps


def _carried(carried: dict[int, int], decided: int) -> list[Any]:
    """Whose REPORTs a value carries, what the Byzantine one names, and what the value counts.

    With every honest content in it and fewer than q REPORTs it is the value that needs none (V1).
    """
    counted = _names(decided)
    if len(carried) < QUORUM and decided & 7 == 7:
        return [[], None, counted]
    honest = [who for who in carried if who != BYZANTINE]
    return [honest, _names(carried[BYZANTINE]), counted]


def _names(bits: int) -> list[int | str]:
    return [name for at, name in enumerate(CONTENTS) if bits & 1 << at]
