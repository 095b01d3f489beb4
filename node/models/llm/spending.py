"""Budgets that stop before they are spent.

Before a call its worst case is reserved, and a call whose worst case does not fit is not
made; after it the reservation becomes what the call cost. Calls that run side by side hold
their reservations side by side, so they cannot pass a limit together. What a call cost that
nobody tells (it timed out, or the reply broke off) counts in full: it may have been billed.

The day's spending, open reservations included, is on the disk before a call goes out, so a
node that dies in the middle of one has counted it. Days are UTC's by this machine's clock; a
clock that is set back does not give a day's money back.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import msgspec

from ... import files
from ...clock import Clock
from ..base import ModelSetupError

TASKS_MAX: Final = 10_000
"""Tasks whose spending is remembered: the youngest; a node decides far fewer at a time."""
FILE_MAX: Final = 4_096
"""Most bytes of the file."""
DAY_MS: Final = 86_400_000

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens in and out together, and micros of a US dollar; None is no limit."""

    tokens: int | None = None
    micros: int | None = None


@dataclass(slots=True, kw_only=True)
class Outlay:
    """Tokens and micros, of what is spent and what is reserved."""

    tokens: int = 0
    micros: int = 0

    def takes(self, tokens: int, micros: int, limit: Limit) -> bool:
        """Whether so much more stays within `limit`."""
        return (limit.tokens is None or self.tokens + tokens <= limit.tokens) and (
            limit.micros is None or self.micros + micros <= limit.micros
        )

    def add(self, tokens: int, micros: int) -> None:
        """Count more, or less; never under nothing."""
        self.tokens = max(0, self.tokens + tokens)
        self.micros = max(0, self.micros + micros)


class BudgetSpent(Exception):  # noqa: N818  a state, named as the protocol names it
    """A call was not made. `which` is "task" or "day"."""

    def __init__(self, which: str, text: str) -> None:
        super().__init__(text)
        self.which = which


@dataclass(slots=True, kw_only=True)
class Reservation:
    """What a call may cost at worst, held until it is settled."""

    task: str
    day: int
    tokens: int
    micros: int
    open: bool = field(default=True)


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    day: Count
    tokens: Count
    micros: Count


class Purse:
    """One node's spending. Not for use from several processes at a time: the daemon's alone."""

    def __init__(self, path: Path, clock: Clock, *, task: Limit, day: Limit) -> None:
        """Read the file at `path`, if there is one. Raises `ModelSetupError`."""
        self._path = path
        self._clock = clock
        self._task, self._day = task, day
        self._durable = day != Limit()
        self._tasks: OrderedDict[str, Outlay] = OrderedDict()
        self._today, self._spent = 0, Outlay()
        self._writing = asyncio.Lock()
        if self._durable:
            self._load()

    async def reserve(self, task: str, *, tokens: int, micros: int) -> Reservation:
        """Hold `tokens` and `micros` for one call of `task`. Raises `BudgetSpent`, `OSError`."""
        self._turn()
        spent = self._of(task)
        # From here to the adding up nothing waits, so calls side by side cannot both fit in.
        for which, so_far, limit in (
            ("task", spent, self._task),
            ("day", self._spent, self._day),
        ):
            if not so_far.takes(tokens, micros, limit):
                raise BudgetSpent(which, _told(which, so_far, tokens, micros, limit))
        spent.add(tokens, micros)
        self._spent.add(tokens, micros)
        held = Reservation(task=task, day=self._today, tokens=tokens, micros=micros)
        try:
            await self._save()
        except OSError:
            self._settle(held, 0, 0)
            raise
        return held

    async def settle(self, held: Reservation, *, tokens: int, micros: int) -> None:
        """Count what the call cost instead of what was reserved. Raises `OSError`."""
        self._settle(held, tokens, micros)
        await self._save()

    def today(self) -> Outlay:
        """The day's spending, open reservations included."""
        self._turn()
        return Outlay(tokens=self._spent.tokens, micros=self._spent.micros)

    def _settle(self, held: Reservation, tokens: int, micros: int) -> None:
        if not held.open:
            return
        held.open = False
        self._turn()
        more = tokens - held.tokens, micros - held.micros
        self._of(held.task).add(*more)
        if held.day == self._today:
            self._spent.add(*more)

    def _of(self, task: str) -> Outlay:
        spent = self._tasks.setdefault(task, Outlay())
        self._tasks.move_to_end(task)
        while len(self._tasks) > TASKS_MAX:
            self._tasks.popitem(last=False)
        return spent

    def _turn(self) -> None:
        day = self._clock.wall_ms() // DAY_MS
        if day > self._today:
            self._today, self._spent = day, Outlay()

    def _load(self) -> None:
        cure = (
            "see what your provider has billed today, then put the file right or remove it (the "
            "day then counts from nothing)"
        )
        try:
            data = files.read_bounded(self._path, FILE_MAX)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ModelSetupError(
                f"the day's spending in {self._path} cannot be read: {error.strerror}; {cure}"
            ) from None
        except ValueError as error:
            raise ModelSetupError(f"the day's spending: {error}; {cure}") from None
        try:
            found = msgspec.json.decode(data, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ModelSetupError(
                f"the day's spending in {self._path} is damaged: {error}; {cure}"
            ) from None
        self._today = found.day
        self._spent = Outlay(tokens=found.tokens, micros=found.micros)

    async def _save(self) -> None:
        if not self._durable:
            return
        # A write that has begun ends, whatever becomes of the call that wanted it.
        await asyncio.shield(asyncio.ensure_future(self._write()))

    async def _write(self) -> None:
        async with self._writing:
            spent = self._spent
            data = msgspec.json.encode(
                _File(day=self._today, tokens=spent.tokens, micros=spent.micros)
            )
            await asyncio.to_thread(files.write_atomic, self._path, data + b"\n", 0o600)


def _told(which: str, spent: Outlay, tokens: int, micros: int, limit: Limit) -> str:
    parts = []
    if limit.tokens is not None:
        parts.append(f"{spent.tokens} of {limit.tokens} tokens are spent or reserved, and the call "
                     f"may take {tokens}")  # fmt: skip
    if limit.micros is not None:
        parts.append(f"{spent.micros} of {limit.micros} micros are spent or reserved, and the call "
                     f"may cost {micros}")  # fmt: skip
    return f"the {which}'s budget: {'; '.join(parts)}"
