"""Whose turn it is at the model: accounts share its calls by the time that theirs took (T3)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from consensus.bodies import Proposal
from consensus.deliberation.effects import Draft, Drafted, Judged
from consensus.deliberation.requests import Case, DraftRequest, JudgeRequest, Judgment
from consensus.plateau import Dials
from node.clock import SystemClock
from node.consult import Consultant
from node.live import Live
from node.models.base import Description
from node.observe.observers import Observers
from tests.harness.tables import SPEC, Table


class Slow:
    """A model whose calls end when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gates: list[asyncio.Event] = []
        self.news = asyncio.Event()

    async def draft(self, request: DraftRequest) -> Proposal:
        self.asked.append(request.task)
        gate = asyncio.Event()
        self.gates.append(gate)
        self.news.set()
        await gate.wait()
        return Proposal(answer="a")

    async def judge(self, request: JudgeRequest) -> Judgment:
        raise NotImplementedError

    def describe(self) -> Description:
        return Description(family="slow", name="slow")

    async def close(self) -> None:
        pass


class Room:
    """A consultant with so many calls at a time, and tasks of several accounts."""

    def __init__(self, calls: int) -> None:
        self.model = Slow()
        self.answers: list[Drafted | Judged] = []
        self.observers = Observers(SystemClock())
        self.consultant = Consultant(
            self.model, calls, self._answered, SystemClock(), self.observers
        )
        self._task = Table().make().task
        self._request = DraftRequest(
            case=Case(messages=(), answer=SPEC, domain=""),
            round=1,
            record=(),
            dials=Dials(),
            deadline_ms=600_000,
        )

    def _answered(self, _: bytes, answer: Drafted | Judged) -> None:
        self.answers.append(answer)
        self.model.news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds, looking at every call and answer."""
        while not condition():
            self.model.news.clear()
            await self.model.news.wait()

    def ask(self, account: str, *, ended: bool = False) -> Live:
        """One more draft on that account, of a task that runs or has just ended."""
        live = Live(
            task=self._task,
            row=cast(Any, None),
            stored=True,
            account=account.encode(),
            began_ms=0,
            news_ms=0,
        )
        if ended:
            live.cancel()
        self.consultant.ask(live, Draft(request=replace(self._request, task=account)))
        return live

    async def begun(self, count: int) -> None:
        """Wait until so many calls have begun."""
        await self.until(lambda: len(self.model.asked) >= count)

    async def end(self, number: int) -> None:
        """Let a call end, and whoever is next begin."""
        answers = len(self.answers)
        self.model.gates[number].set()
        await self.until(lambda: len(self.answers) > answers)


async def test_anothers_one_draft_is_next_however_many_one_opener_has_waiting() -> None:
    room = Room(1)
    for _ in range(50):
        room.ask("mallory")
    await room.begun(1)
    room.ask("alice")
    await asyncio.sleep(0)
    await room.end(0)
    await room.begun(2)
    assert room.model.asked == ["mallory", "alice"]
    await room.end(1)
    await room.begun(3)
    assert room.model.asked[2] == "mallory"  # nobody else waits


async def test_no_more_calls_are_under_way_than_there_is_room_for() -> None:
    room = Room(3)
    for name in ("alice", "bob") * 10:
        room.ask(name)
    for number in range(20):
        await room.begun(min(20, number + 3))
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(room.model.asked) - number <= 3
        await room.end(number)
    assert len(room.answers) == 20
    assert room.consultant._room == 3


async def test_who_leaves_the_line_keeps_nobody_from_a_seat() -> None:
    room = Room(1)
    lives = [room.ask("mallory") for _ in range(10)]
    await room.begun(1)
    room.ask("alice")
    await asyncio.sleep(0)
    for live in lives[1:]:
        room.consultant.withdraw(live)
    await room.until(lambda: len(room.answers) == 9)
    await room.end(0)
    await room.begun(2)
    assert room.model.asked == ["mallory", "alice"]
    await room.end(1)
    assert room.consultant._room == 1


async def test_a_seat_that_comes_as_its_waiter_goes_is_passed_on() -> None:
    room = Room(1)
    room.ask("mallory")
    await room.begun(1)
    late = room.ask("alice")
    room.ask("bob")
    await asyncio.sleep(0)
    room.consultant._leave()  # alice's turn, which it has not taken yet
    room.consultant.withdraw(late)
    await room.begun(2)
    assert room.model.asked == ["mallory", "bob"]


async def test_of_a_task_that_ended_meanwhile_the_model_is_asked_nothing() -> None:
    room = Room(1)
    room.ask("gone", ended=True)
    room.ask("here")
    await room.begun(1)
    assert room.model.asked == ["here"]
    await room.end(0)
    assert room.observers.figures.calls == {("draft", "ok"): 1}
