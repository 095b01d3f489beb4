"""Deciding the cases: several at once, through changing members, one of them killed half-way."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Final, Protocol

from consensus.bodies import Budget

from .. import follow
from ..clock import Clock, monotonic_ms
from ..watchers import LAST
from ..wire.control import Ask, ControlError, ControlUnreachable, NotFound
from ..wire.limits import Limits
from .nodes import Node, NodeError
from .play import Case, Play, Way
from .reading import Reading, read

LIFE_S: Final = 90
"""Seconds after which an undecided task is given up."""

HELD_MS: Final = 30_000
"""Milliseconds in which a member must come to hold what the others decided."""

POLL_S: Final = 0.1


class CaseError(Exception):
    """A case has no verdict. The text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decided case. `ms` is the client's time from asking to the verdict.

    `moved` names the members that the client went on with when one had gone away, `exporter`
    the member whose verdict file lies at `path`.
    """

    number: int
    truth: str
    opener: str
    moved: tuple[str, ...]
    ms: int
    exporter: str
    path: Path
    reading: Reading

    @property
    def majority_right(self) -> float:
        """Whether round 1's majority was right; a tie counts by its share."""
        return self._share(self.reading.majority)

    @property
    def right(self) -> float:
        """Whether the first place was right; a tie counts by its share, whichever was drawn."""
        answer = self.reading.answer
        return self._share(self.reading.tied or ((answer,) if answer is not None else ()))

    def _share(self, first: tuple[str, ...]) -> float:
        return 1 / len(first) if self.truth in first else 0.0


@dataclass(kw_only=True)
class Drill:
    """The death of a member: during which case, and what came of it.

    `away` are the tasks decided between its death and its return, with their verdicts, the
    one in whose middle it died included. `back_ms` is how long it took to be up again,
    `caught_up_ms` how long after that until it held them all.
    """

    case: int
    returns_after: int
    member: str = ""
    task: str = ""
    away: dict[str, str] = field(default_factory=dict)
    back_ms: int | None = None
    caught_up_ms: int | None = None

    @property
    def begun(self) -> bool:
        """Whether the member was killed."""
        return bool(self.member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the session is. Shares are of the cases decided so far; `ms` is per case."""

    total: int
    done: int
    under_way: int
    swarm: float
    majority: float
    rounds: float
    ms: float


class Witness(Protocol):
    """Whoever watches the session."""

    def say(self, text: str) -> None:
        """Something happened."""
        ...

    def show(self, progress: Progress) -> None:
        """A case was begun or decided."""
        ...


class Session:
    """All cases of a play, decided in one way.

    Case n is opened by the n-th node in turn, or by the next that is up.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        play: Play,
        way: Way,
        *,
        verdicts: Path,
        concurrency: int,
        clock: Clock,
        witness: Witness,
    ) -> None:
        self.decided: list[Decision] = []
        self.failures: list[str] = []
        self.drill = Drill(case=0, returns_after=0)
        self._nodes = tuple(nodes)
        self._play = play
        self._way = way
        self._verdicts = verdicts
        self._room = asyncio.Semaphore(concurrency)
        self._under_way = 0
        self._clock = clock
        self._limits = Limits()
        self._witness = witness
        self._total = 0
        self._return: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Decide all cases. What goes wrong is in `failures` afterwards."""
        cases = self._play.cases
        self._total = len(cases)
        if self._play.drill:
            self.drill = Drill(case=len(cases) // 3 + 1, returns_after=max(1, len(cases) // 10))
        async with asyncio.TaskGroup() as group:
            for number, case in enumerate(cases, 1):
                await self._room.acquire()
                self._under_way += 1
                group.create_task(self._decide(number, case))
        self.decided.sort(key=lambda item: item.number)
        if self.drill.begun:
            self._bring_back()
            assert self._return is not None
            await self._return
        elif self._play.drill:
            self.failures.append(f"nobody was killed: case {self.drill.case} did not get that far")
        await self._all_hold()

    # -- one case ---------------------------------------------------------------------

    async def _decide(self, number: int, case: Case) -> None:
        self._show()
        try:
            decision = await self._ask(number, case)
        except (CaseError, ControlError, follow.FollowError) as error:
            self.failures.append(f"case {number} has no verdict: {error}")
        else:
            self.decided.append(decision)
            self._note(decision)
        finally:
            self._under_way -= 1
            self._room.release()
            self._show()

    async def _ask(self, number: int, case: Case) -> Decision:
        asked = Ask(
            messages=(case.content,),
            answer=self._play.answer,
            domain=self._play.domain,
            members=(),
            policy=dict(self._way.policy),
            mode="",
            not_after_s=LIFE_S,
            budget=Budget(),
        )
        began = self._now
        while True:
            opener = self._in_turn(number)
            try:
                task, moved = await self._follow(number, opener, asked)
                break
            except ControlUnreachable as error:  # it died before it had opened the task
                if opener.up:
                    raise CaseError(str(error)) from None
        ms = self._now - began
        exporter, data = await self._export(number, task)
        path = self._verdicts / f"case-{number:03}.json"
        path.write_bytes(data)
        return Decision(
            number=number,
            truth=case.truth,
            opener=opener.name,
            moved=tuple(moved),
            ms=ms,
            exporter=exporter.name,
            path=path,
            reading=read(data),
        )

    async def _follow(self, number: int, opener: Node, asked: Ask) -> tuple[str, list[str]]:
        """Ask `opener`, and go on with others if it dies: the task, and with whom."""
        moved: list[str] = []
        place = opener.place
        async for event in follow.ask(
            place.config, place.socket, asked, clock=self._clock, limits=self._limits
        ):
            match event.kind:
                case "committed" if number == self.drill.case and not self.drill.begun:
                    self._kill(opener, event.task.hex())
                case follow.MOVED:
                    moved.append(event.detail["member"])
                    if number == self.drill.case:
                        self._witness.say(f"whoever asked goes on with {moved[-1]}, by task id")
                case "verdict":
                    return event.task.hex(), moved
                case _ if event.kind in LAST:
                    reason = ", ".join(str(value) for value in event.detail.values())
                    raise CaseError(f"{event.kind} in round {event.round} ({reason})")
        raise CaseError("its events ended")

    async def _export(self, number: int, task: str) -> tuple[Node, bytes]:
        """The verdict file from the next member in turn, once that one has it too."""
        until = self._now + HELD_MS
        while True:
            exporter = self._in_turn(number + 1)
            try:
                return exporter, await exporter.verdict(task)
            except NotFound:
                if self._now > until:
                    raise CaseError(f"{exporter.name} does not come to hold it") from None
            except ControlUnreachable as error:
                if exporter.up:
                    raise CaseError(str(error)) from None
            await asyncio.sleep(POLL_S)

    def _in_turn(self, number: int) -> Node:
        """The node whose turn it is, or the next one that is up."""
        at = (number - 1) % len(self._nodes)
        turn = (*self._nodes[at:], *self._nodes[:at])
        return next((node for node in turn if node.up), turn[0])

    # -- the drill --------------------------------------------------------------------

    def _kill(self, node: Node, task: str) -> None:
        node.kill()
        self.drill.member, self.drill.task = node.name, task
        self._witness.say(
            f"{node.name} killed (SIGKILL) while case {self.drill.case}, which it opened, "
            "is being decided"
        )

    def _note(self, decision: Decision) -> None:
        """Keep what the dead member misses, and bring it back when it has missed enough."""
        drill = self.drill
        if drill.begun and drill.back_ms is None:
            drill.away[decision.reading.task] = decision.reading.verdict
            if len(drill.away) >= drill.returns_after:
                self._bring_back()

    def _bring_back(self) -> None:
        if self._return is None:
            self._return = asyncio.create_task(self._back())

    async def _back(self) -> None:
        """Start the dead member again, and see that it catches up."""
        drill = self.drill
        node = next(node for node in self._nodes if node.name == drill.member)
        count = len(drill.away)
        self._witness.say(
            f"{node.name} started again, {count} case{'s' if count > 1 else ''} later"
        )
        began = self._now
        try:
            node.start()
            await node.ready(len(self._nodes) - 1)
            drill.back_ms = self._now - began
            self._witness.say(f"{node.name} is up and linked after {drill.back_ms / 1000:.1f} s")
            began = self._now
            problem = await self._holds(node, drill.away)
        except NodeError as error:
            self.failures.append(str(error))
            return
        if problem:
            self.failures.append(f"{node.name} did not catch up: {problem}")
            return
        drill.caught_up_ms = self._now - began
        self._witness.say(
            f"{node.name} holds the same verdicts on the {len(drill.away)} cases it missed, "
            f"{drill.caught_up_ms / 1000:.1f} s later"
        )

    async def _all_hold(self) -> None:
        """Every member holds every verdict, by its id."""
        wanted = {item.reading.task: item.reading.verdict for item in self.decided}
        for node in self._nodes:
            try:
                problem = await self._holds(node, wanted)
            except NodeError as error:
                problem = str(error)
            if problem:
                self.failures.append(f"{node.name}: {problem}")

    async def _holds(self, node: Node, wanted: Mapping[str, str]) -> str:
        """Wait for `node` to hold these verdicts (by task); what is wrong, or ""."""
        until = self._now + HELD_MS
        while True:
            held = await node.verdicts()
            other = [task for task in wanted if task in held and held[task] != wanted[task]]
            if other:
                return f"it holds another verdict on task {other[0][:16]}"
            missing = [task for task in wanted if task not in held]
            if not missing:
                return ""
            if self._now > until:
                return (
                    f"it lacks {len(missing)} of {len(wanted)} verdicts after "
                    f"{HELD_MS // 1_000} s, first of task {missing[0][:16]}"
                )
            await asyncio.sleep(POLL_S)

    # -- small things -----------------------------------------------------------------

    def _show(self) -> None:
        done = self.decided
        if not done:
            figures = (0.0, 0.0, 0.0, 0.0)
        else:
            figures = (
                mean(item.right for item in done),
                mean(item.majority_right for item in done),
                mean(item.reading.rounds for item in done),
                mean(item.ms for item in done),
            )
        swarm, majority, rounds, ms = figures
        self._witness.show(
            Progress(
                total=self._total,
                done=len(done),
                under_way=self._under_way,
                swarm=swarm,
                majority=majority,
                rounds=rounds,
                ms=ms,
            )
        )

    @property
    def _now(self) -> int:
        return monotonic_ms(self._clock)
