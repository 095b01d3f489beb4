"""Asking the model: bounded calls, deadlines, and one kind of answer back to the core.

Where more wait than may be under way, accounts take turns by the time that their calls took
(`fair`): whoever opens a hundred tasks does not have the model to itself.

A provider's failure is named here: in full in this node's log, and in words fit for others
in the abstention that goes out instead of a draft or a ballot (rule R0).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from consensus.bodies import Proposal
from consensus.deliberation.effects import Draft, Drafted, Judge, Judged
from consensus.deliberation.requests import Judgment

from .clock import Clock
from .fair import FairQueue
from .live import Live
from .log import get_logger
from .models.base import Failure, Model, ModelError, public_reason
from .observe.observers import Observers

log = get_logger("model")

WITHDRAWN = "whoever asked has left, and the model is not asked"
"""The reason of a member that abstains because its own client hung up."""

CANCELLED = "cancelled"
"""What a call is counted as that nobody wanted to the end."""

_Answer = TypeVar("_Answer", Proposal, Judgment)

Answer = Callable[[bytes, Drafted | Judged], None]
"""Takes a task's id and the model's answer, or its failure, as an event."""


class Consultant:
    """One node's model with its bound on calls at a time."""

    def __init__(
        self, model: Model, calls: int, answer: Answer, clock: Clock, observers: Observers
    ) -> None:
        self.running = 0
        """Calls under way."""
        self.waiting = 0
        """Calls that wait for room among the others."""
        self._model = model
        self._answer = answer
        self._clock = clock
        self._observers = observers
        self._room = calls
        self._queue: FairQueue[asyncio.Future[None]] = FairQueue()

    def ask(self, live: Live, effect: Draft | Judge) -> None:
        """Call the model in the background; the answer comes back as an event."""
        if live.ended:  # while what this belongs to was being stored
            return
        if live.withdrawn:
            self._decline(live, effect)
            return
        work = self._draft(live, effect) if isinstance(effect, Draft) else self._judge(live, effect)
        call = asyncio.get_running_loop().create_task(work)
        live.calls.add(call)
        call.add_done_callback(lambda done: self._ended(live, effect, done))

    def withdraw(self, live: Live) -> None:
        """Stop asking the model about a task whose asker left: this member abstains at once, and
        the committee goes on without waiting for it."""
        live.withdrawn = True
        for call in tuple(live.calls):
            call.cancel()

    def _ended(self, live: Live, effect: Draft | Judge, call: asyncio.Task[None]) -> None:
        live.calls.discard(call)
        if call.cancelled() and live.withdrawn:
            self._decline(live, effect)

    def _decline(self, live: Live, effect: Draft | Judge) -> None:
        at = effect.request.round
        self._answer(
            live.task.id,
            Drafted(round=at, proposal=None, failure=WITHDRAWN)
            if isinstance(effect, Draft)
            else Judged(round=at, judgment=None, failure=WITHDRAWN),
        )

    async def _draft(self, live: Live, effect: Draft) -> None:
        request = effect.request
        proposal, failure = await self._ask(
            live, "draft", request.round, request.deadline_ms, lambda: self._model.draft(request)
        )
        self._answer(live.task.id, Drafted(round=request.round, proposal=proposal, failure=failure))

    async def _judge(self, live: Live, effect: Judge) -> None:
        request = effect.request
        judgment, failure = await self._ask(
            live, "judge", request.round, request.deadline_ms, lambda: self._model.judge(request)
        )
        self._answer(live.task.id, Judged(round=request.round, judgment=judgment, failure=failure))

    async def _ask(
        self,
        live: Live,
        doing: str,
        round_: int,
        deadline_ms: int,
        call: Callable[[], Awaitable[_Answer]],
    ) -> tuple[_Answer | None, str]:
        """What the model answers, or the reason that an abstention carries."""
        answer, reason, word = None, "", CANCELLED
        self._observers.asked(live.task.id, round_, doing)
        try:
            async with asyncio.timeout(deadline_ms / 1_000), self._seat(live.account):
                answer = await call()
            word = ""
        except Exception as error:  # noqa: BLE001  whatever a third party's model raises
            word, reason = _word(error), self._failed(live, doing, error)
        finally:
            usage = None if answer is None else answer.usage
            self._observers.answered(live.task.id, round_, doing, usage, word)
        return answer, reason

    @asynccontextmanager
    async def _seat(self, account: bytes) -> AsyncIterator[None]:
        """One of the calls at a time, when it is this account's turn."""
        self.waiting += 1
        try:
            await self._turn(account)
        finally:
            self.waiting -= 1
        began = self._clock.monotonic_ns()
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._queue.charge(account, self._clock.monotonic_ns() - began)
            self._leave()

    async def _turn(self, account: bytes) -> None:
        """Wait for a seat, and take it."""
        if self._room:
            self._room -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.put(account, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came too late
                self._leave()
            raise

    def _leave(self) -> None:
        """Give a seat to the next that still waits."""
        while self._queue:
            account, turn = self._queue.take()
            if not turn.done():
                # What the call costs is known at its end; until then it is one call more.
                self._queue.charge(account, 0)
                turn.set_result(None)
                return
        self._room += 1

    def _failed(self, live: Live, doing: str, error: Exception) -> str:
        """The reason an abstention carries; the full cause goes to this node's own log."""
        match error:
            case TimeoutError():
                cause = "no answer in time, the wait for room among other calls included"
                reason = public_reason(self._model.describe().served, Failure.TIMEOUT)
            case ModelError():
                reason, cause = error.public, error.cause
            case _:
                cause = f"{type(error).__name__}: {error}"
                reason = public_reason(self._model.describe().served, Failure.FAILED)
        log.warning(
            "model failed",
            task=live.task.id.hex()[:8],
            round=live.task.round.number,
            doing=doing,
            model=self._model.describe().name,
            cause=cause,
        )
        return reason


def _word(error: Exception) -> str:
    """What a failed call is counted as: the failure's name."""
    match error:
        case TimeoutError():
            return Failure.TIMEOUT.name.lower()
        case ModelError():
            return error.failure.name.lower()
        case _:
            return Failure.FAILED.name.lower()
