"""A chat completion: one question to the committee, from the request to the verdict."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..clock import Clock
from ..log import get_logger
from . import asking, replies
from .asking import Asked
from .catalogue import Catalogue
from .contract import Absent, Account, Door, Fault, Step
from .errors import ApiError, unavailable
from .keys import Client
from .opening import TRY_S, Openings
from .shapes import mismatch
from .sse import EventStream, Tell, hung_up
from .stages import line

log = get_logger("api")

GONE: Final = 499
"""What is logged for a client that hung up; nobody reads it."""

Heard = Callable[[Step], Awaitable[None]]
"""Takes each step of a task that has no answer yet."""

_BUDGETS: Final = frozenset({"task_budget", "day_budget"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A task that has its answer."""

    content: str
    more: dict[str, Any]
    account: Account


class Chats:
    """Every chat completion of a node."""

    def __init__(
        self,
        door: Door,
        *,
        catalogue: Catalogue,
        openings: Openings,
        clock: Clock,
        life_s: int,
        keep_alive_s: float,
    ) -> None:
        self._door = door
        self._catalogue = catalogue
        self._openings = openings
        self._clock = clock
        self._life_s = life_s
        self._keep_alive_s = keep_alive_s
        self._listeners: Counter[bytes] = Counter()
        self._kept: set[bytes] = set()

    async def complete(self, request: Request, client: Client, body: bytes) -> Response:
        """The reply to one request. Raises `ApiError`."""
        asked = asking.read(body, self._catalogue, life_s=self._life_s)
        key = request.headers.get("idempotency-key", "")
        task, kept = self._openings.task(asked.question, client, key, body, model=asked.model)
        created = self._clock.wall_ms() // 1_000
        left = self._listen(task, kept)
        if asked.stream:
            return EventStream(
                lambda tell: self._stream(task, asked, created, tell, left),
                keep_alive_s=self._keep_alive_s,
                left=lambda: left(True),
            )
        work = asyncio.create_task(self._decide(task, asked, _unheard))
        gone = asyncio.create_task(hung_up(request.receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                left(True)
                log.info("client left", task=task.hex()[:8], client=client.name)
                return Response(status_code=GONE)
            ended = work.result()
            made = replies.completion(
                task, asked, created, ended.content, ended.more, ended.account
            )
            return JSONResponse(made)
        finally:
            left(False)
            for running in (work, gone):
                running.cancel()
                with suppress(asyncio.CancelledError, ApiError):
                    await running

    # -- listening --------------------------------------------------------------------

    def _listen(self, task: bytes, kept: bool) -> Callable[[bool], None]:
        """Count a listener in; what is returned counts it out once, and says if it hung up.

        A cancel ends nothing at the committee: the task was signed by this node and is every
        member's. But once the last listener hung up, this node asks its own model nothing more,
        unless an idempotency key says that its client may come back.
        """
        self._listeners[task] += 1
        if kept:
            self._kept.add(task)
        out = False

        def left(hung_up_: bool) -> None:
            nonlocal out
            if out:
                return
            out = True
            self._listeners[task] -= 1
            if self._listeners[task]:
                return
            del self._listeners[task]
            kept_ = task in self._kept
            self._kept.discard(task)
            if hung_up_ and not kept_:
                self._door.withdraw(task)

        return left

    # -- deciding ---------------------------------------------------------------------

    async def _decide(self, task: bytes, asked: Asked, tell: Heard) -> Ended:
        """Follow a task to its answer. Raises `ApiError` if it has none in time."""
        refusals: dict[str, str] = {}
        waits = False
        try:
            async with asyncio.timeout(self._life_s):
                async for step in self._door.follow(task):
                    if step.kind == "verdict":
                        return await self._ended(task, asked, step)
                    if step.kind == "withheld":
                        raise self._withheld(task, step)
                    waits = step.kind == "awaiting"
                    if step.kind in ("expired", "abandoned", "unknown"):
                        raise self._without(task, step, refusals)
                    if step.kind == "refused":
                        refusals[self._door.naming(step.detail["member"])] = step.detail["reason"]
                    await tell(step)
        except TimeoutError:
            pass
        if waits:
            raise ApiError(
                504,
                "awaiting_approval",
                f"decided, and not released within {self._life_s} s: an approver's word is still "
                "missing",
                kind="timeout_error",
                about={"task": task.hex()},
            )
        away = [peer for peer in self._door.committee(task) if not peer.up]
        listed = ", ".join(f"{peer.name} ({peer.address})" for peer in away)
        raise ApiError(
            504,
            "deadline_exceeded",
            f"no verdict within {self._life_s} s; the task goes on"
            + (f"; {self._door.name} does not reach {listed}" if away else ""),
            kind="timeout_error",
            about={"task": task.hex(), "members": [peer.name for peer in away]},
        )

    def _withheld(self, task: bytes, step: Step) -> ApiError:
        """E4: the committee decided, and the outcome was not released."""
        detail = step.detail
        text = f"the outcome is not released: {detail['reason']}"
        about = {
            "task": task.hex(),
            "verdict": detail["verdict"],
            "status": detail["state"],
            "release": detail["release"],
        }
        if detail["state"] == "rejected":
            return ApiError(403, "outcome_rejected", text, kind="answer_error", about=about)
        return ApiError(403, "outcome_unapproved", text, kind="answer_error", about=about)

    def _without(self, task: bytes, step: Step, refusals: Mapping[str, str]) -> ApiError:
        reason = self._door.naming(str(step.detail.get("reason", step.kind)))
        if refusals:  # nothing was decided, so it may well be asked again
            said = "; ".join(f"{name} refuses: {why}" for name, why in sorted(refusals.items()))
            return unavailable(
                "members_refused",
                f"the task ended without a verdict, since {reason}: {said}",
                again_s=TRY_S,
                about={"task": task.hex(), "members": sorted(refusals)},
            )
        return unavailable(
            "no_verdict",
            f"the task ended without a verdict: {reason}",
            again_s=None,
            about={"task": task.hex()},
        )

    async def _ended(self, task: bytes, asked: Asked, step: Step) -> Ended:
        try:
            account = await self._door.account(task)
        except Absent as error:
            raise unavailable("no_verdict", str(error), again_s=None) from None
        decision = step.detail["figures"]["decision"]
        warnings = [(code, self._door.naming(text)) for code, text in decision["warnings"]]
        more = replies.extension(task, step, account, asked, warnings)
        if decision["answer"] is None:
            raise _unanswered(decision["status"], dict(warnings), account.faults, more)
        try:
            content = asked.shape.content(decision["answer"])
        except (ValueError, RecursionError, OverflowError) as error:
            raise mismatch(str(error), more) from None
        return Ended(content=content, more=more, account=account)

    async def _stream(
        self, task: bytes, asked: Asked, created: int, tell: Tell, left: Callable[[bool], None]
    ) -> None:
        """Tell a task as chunks: its steps as reasoning, then the answer, or an error."""

        async def say(delta: dict[str, Any] | None, **more: Any) -> None:
            await tell(replies.chunk(task, asked, created, delta, **more))

        async def step(of: Step) -> None:
            more = {"quorate": replies.awaiting(task, of)} if of.kind == "awaiting" else {}
            if words := line(of, self._door.naming):
                await say({"reasoning_content": words}, **more)

        await say({"role": "assistant", "content": ""}, quorate={"task": task.hex()})
        try:
            ended = await self._decide(task, asked, step)
        except ApiError as error:  # the status was sent long ago: the error is an event
            await tell(error.plain())
        except Exception:
            log.exception("internal error in a stream", task=task.hex()[:8])
            fault = ApiError(500, "internal_error", "internal error", kind="api_error")
            await tell(fault.plain())
        else:
            await say({"content": ended.content})
            await say({}, finish=True, quorate=ended.more)
            if asked.usage:
                await say(None, usage=replies.usage(ended.account))
        left(False)


async def _unheard(_: Step) -> None:
    """A step that its client does not wait for."""


# -- why there is no answer ---------------------------------------------------------------


def _unanswered(
    status: str, warnings: dict[str, str], faults: tuple[Fault, ...], more: dict[str, Any]
) -> ApiError:
    """A verdict that names no answer, as the error nearest to its cause."""
    told = [one for one in faults if one.code] or faults  # the others follow from these
    codes = {one.code for one in told}
    said = "; ".join(f"{one.member} could not {one.doing}: {one.reason}" for one in told)
    if status == "undecided":
        return ApiError(
            422,
            "undecided",
            "the members disagree, and no lot settles it",
            kind="answer_error",
            about=more,
        )
    if not faults:
        text = f"no answer: {warnings.get('degraded', status)}"
        return unavailable("too_few_members", text, again_s=None, about=more)
    text = f"no answer: {said}"
    if codes <= _BUDGETS:
        return ApiError(429, "budget_spent", text, kind="insufficient_quota", about=more)
    if codes == {"too_long"}:
        return ApiError(400, "context_length_exceeded", text, param="messages", about=more)
    if codes == {"timeout"}:
        return ApiError(504, "provider_timeout", text, kind="provider_error", about=more)
    return ApiError(502, "provider_failed", text, kind="provider_error", about=more)
