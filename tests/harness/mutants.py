"""One-line faults of the real code, applied to a running process and taken back again.

A mutant is a line of source and what stands there instead. The function around it is compiled
again and put in the place of the real one, wherever that was imported. A line that is not there
exactly once is an error, so the table cannot go stale.
"""

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest

from node.sim.agreements import Arena

ROOMS = ("consensus", "node", "tests")


@dataclass(frozen=True, kw_only=True)
class Change:
    """In the function at `where` (module:qualified name) the text `old` becomes `new`."""

    where: str
    old: str
    new: str
    names: dict[str, Any] = field(default_factory=dict)
    """What `new` names beside the module's own names."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault: `kills` plays the schedule of a number and fails if it notices anything.

    It must fail within `within` schedules; `gate` is what people call it. `seen` is the schedule
    at which it was seen to die: tried first, so that the way there is walked again only when a
    change of the code has drawn other schedules.
    """

    name: str
    changes: tuple[Change, ...]
    gate: str
    kills: Callable[[int], object]
    within: int
    seen: int


def apply(changes: tuple[Change, ...], patch: pytest.MonkeyPatch) -> None:
    """Put the faults in. `patch` takes them back."""
    patch.setattr(Arena, "_committees", {})  # a quorum is computed once a committee
    for change in changes:
        _apply(change, patch)


def killed(mutant: Mutant, most: int) -> tuple[int, str] | None:
    """A schedule of the first `most`, counted from 1, at which the gate fails, and how; or None."""
    for number in dict.fromkeys((min(mutant.seen, most) - 1, *range(most))):
        try:
            mutant.kills(number)
        except Exception as error:  # noqa: BLE001
            return number + 1, f"{type(error).__name__}: {error}"
    return None


def _apply(change: Change, patch: pytest.MonkeyPatch) -> None:
    module_name, _, qualified = change.where.partition(":")
    module = import_module(module_name)
    *outer, name = qualified.split(".")
    owner: Any = module
    for part in outer:
        owner = getattr(owner, part)
    real = inspect.getattr_static(owner, name)
    plain = getattr(real, "__func__", real)
    source = textwrap.dedent(inspect.getsource(plain))
    if source.count(change.old) != 1:
        raise LookupError(f"{change.where} has {change.old!r} {source.count(change.old)} times")
    space: dict[str, Any] = {}
    names = vars(module) | change.names
    exec(
        compile(source.replace(change.old, change.new), module.__file__ or "", "exec"), names, space
    )
    made = space[name]
    if inspect.isfunction(made):
        # What the tests patch in the module later on, the mutant must see too.
        made = _within(made, module, change.names)
    if outer:
        patch.setattr(owner, name, made)
        return
    for other in list(sys.modules.values()):
        if getattr(other, "__name__", "").split(".")[0] in ROOMS:
            for key, value in list(vars(other).items()):
                if value is real:
                    patch.setattr(other, key, made)


def _within(made: Any, module: Any, names: dict[str, Any]) -> Any:
    if names:
        return made
    function = type(made)(
        made.__code__, vars(module), made.__name__, made.__defaults__, made.__closure__
    )
    function.__kwdefaults__ = made.__kwdefaults__
    return function
