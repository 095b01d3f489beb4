"""REST over deliberations, verdicts, members and this node: requests read, replies made.

What is shown is what the daemon's `Window` shows; here is only how it is asked for.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from consensus.bodies import AnswerKind, AnswerSpec, BodyError, Budget, Content
from consensus.policy import policy_problem
from consensus.verdict import MAX_STATEMENT

from . import seen
from .catalogue import Catalogue
from .contract import Absent, Door, Question, Step, Unheard, Window
from .errors import ApiError, damaged, invalid, misfit, no_json, too_long
from .keys import Client
from .opening import Openings
from .routes import (
    JSON,
    VIEW,
    Facts,
    NewDeliberation,
    NewStatement,
    Paging,
    PathParam,
)
from .sse import EventStream, Tell

END: Final = "end"
"""The id of a verdict's event: after it nothing comes, at any time."""

_T = TypeVar("_T", bound=msgspec.Struct)


class Rest:
    """The handlers of the REST routes, by the names that `routes` gives them."""

    def __init__(
        self,
        door: Door,
        window: Window,
        *,
        catalogue: Catalogue,
        openings: Openings,
        life_s: int,
        keep_alive_s: float,
    ) -> None:
        self._door = door
        self._window = window
        self._catalogue = catalogue
        self._openings = openings
        self._life_s = life_s
        self._keep_alive_s = keep_alive_s

    # -- deliberations ----------------------------------------------------------------

    async def deliberations(self, request: Request) -> Response:
        """A page of them."""
        asked = query(request, Paging)
        try:
            return reply(await self._window.deliberations(asked.limit, asked.after))
        except Absent as error:
            raise _absent(error, "after") from None

    async def open(self, request: Request, client: Client, body: bytes) -> Response:
        """Open one."""
        question = self._question(body)
        key = request.headers.get("idempotency-key", "")
        task, _ = self._openings.task(question, client, key, body)
        try:
            made = reply(await self._window.deliberation(task), 201)
        except Absent as error:  # opened by the same key before, and gone since
            raise _absent(error, "idempotency-key") from None
        made.headers["location"] = f"/v1/deliberations/{task.hex()}"
        return made

    async def deliberation(self, _: Request, task: str) -> Response:
        """One of them."""
        try:
            return reply(await self._window.deliberation(bytes.fromhex(task)))
        except Absent as error:
            raise _absent(error, "task") from None

    async def events(self, request: Request, task: str) -> Response:
        """Its steps, from the first or from the one after `Last-Event-ID` on.

        An id is `HISTORY.NUMBER`. A running task's history ends with the process and with the
        verdict, which has a shorter one of its own; whoever comes with an id of another history
        hears this one from its first event. Nobody can tell who listens: nothing is held for them.
        """
        last, id_ = request.headers.get("last-event-id", ""), bytes.fromhex(task)
        if last == END:
            return Response(status_code=204)
        history = self._door.history(id_) or "verdict"
        steps = self._door.follow(id_)
        first = await anext(steps)
        if first.kind == "unknown":
            raise _absent(Absent(first.detail["reason"]), "task")

        async def all_() -> AsyncIterator[Step]:
            yield first
            async for step in steps:
                yield step

        async def produce(tell: Tell) -> None:
            before, _, number = last.rpartition(".")
            known = int(number) if before == history and re.fullmatch("[0-9]{1,9}", number) else 0
            at = 0
            async for step in all_():
                # What an outcome waits for is told to whoever comes, and counts for no place (E4).
                waits = step.kind == "awaiting"
                at += not waits
                if at > known or waits:
                    told = seen.Told(
                        task=task, round=step.round, kind=step.kind, detail=self._named(step.detail)
                    )
                    over = step.kind in ("verdict", "withheld")
                    await tell(told, END if over else f"{history}.{at}")

        return EventStream(produce, keep_alive_s=self._keep_alive_s, done=b"")

    def _named(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        """An event's fields, members by their names."""
        named = dict(detail)
        for name in ("member", "opener", "reason"):
            if isinstance(named.get(name), str):
                named[name] = self._door.naming(named[name])
        if isinstance(named.get("members"), list):
            named["members"] = [self._door.naming(key) for key in named["members"]]
        return named

    def _question(self, body: bytes) -> Question:
        try:
            asked = msgspec.json.decode(body, type=NewDeliberation)
        except msgspec.ValidationError as error:
            raise misfit(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise no_json(error) from None
        kinds = {
            AnswerKind.CHOICE: bool(asked.options),
            AnswerKind.NUMBER: asked.number,
            AnswerKind.JSON: asked.json,
            AnswerKind.TEXT: asked.text,
        }
        chosen = [kind for kind, said in kinds.items() if said]
        if len(chosen) != 1:
            raise invalid("an answer is exactly one of options, number, json, text", "options")
        if asked.unit and not asked.number:
            raise invalid("a unit is of a number: say number too", "unit")
        try:
            answer = AnswerSpec(kind=chosen[0], options=tuple(asked.options), unit=asked.unit)
        except BodyError as error:
            raise invalid(str(error), "unit" if asked.number else "options") from None
        try:
            case = Content(role="user", text=asked.question)
        except BodyError as error:
            raise too_long(str(error), "question") from None
        return Question(
            messages=(case,),
            answer=answer,
            domain=asked.domain,
            members=tuple(asked.members),
            policy=self._policy(asked.policy),
            life_s=asked.timeout_s or self._life_s,
            budget=Budget(tokens=asked.budget.tokens, micros=round(asked.budget.usd * 1_000_000)),
        )

    def _policy(self, asked: str | dict[str, int | str]) -> Mapping[str, Any]:
        if isinstance(asked, str):
            found = self._catalogue.find(asked)
            if found is None:
                known = ", ".join(self._catalogue.policies)
                raise invalid(f"there is no policy {asked[:80]!r}; there are: {known}", "policy")
            return found
        if problem := policy_problem(asked):
            raise invalid(problem, "policy")
        return asked

    async def say(self, _: Request, __: Client, body: bytes, task: str) -> Response:
        """Take a client's signed word on one."""
        try:
            said = msgspec.json.decode(body, type=NewStatement).statement
        except msgspec.ValidationError as error:
            raise misfit(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise no_json(error) from None
        if len(said) > MAX_STATEMENT:
            raise ApiError(
                413,
                "statement_too_long",
                f"a statement of {len(said)} bytes; one has at most {MAX_STATEMENT}",
                param="statement",
            )
        try:
            return reply(await self._door.hear(bytes.fromhex(task), said))
        except Unheard as error:
            raise _unheard(error) from None

    # -- verdicts ---------------------------------------------------------------------

    async def verdict(self, request: Request, id: str) -> Response:
        """A verdict's file, or what it says."""
        kind = negotiated(request.headers.getlist("accept"), (JSON, VIEW))
        try:
            if kind == VIEW:
                made = reply(await self._window.verdict(id), kind=VIEW)
            else:
                made = Response(await self._door.verdict(id), media_type=JSON)
        except Absent as error:
            raise ApiError(404, "verdict_not_found", str(error), param="id") from None
        made.headers["vary"] = "accept"
        return made

    async def check(self, _: Request, id: str) -> Response:
        """Check it."""
        try:
            return reply(await self._window.check(id))
        except Absent as error:
            raise ApiError(404, "verdict_not_found", str(error), param="id") from None

    # -- members and the node -----------------------------------------------------------

    async def members(self, _: Request) -> Response:
        """All members."""
        return reply(self._window.members())

    async def member(self, request: Request, member: str) -> Response:
        """One member and its facts."""
        try:
            return reply(await self._window.member(member, query(request, Facts).limit))
        except Absent as error:
            raise _absent(error, "member") from None

    async def node(self, _: Request) -> Response:
        """This node."""
        return reply(self._window.node())


def reply(data: msgspec.Struct, status: int = 200, kind: str = JSON) -> Response:
    """A struct as a reply."""
    made = Response(msgspec.json.encode(data), status, media_type=kind)
    made.headers["cache-control"] = "no-store"
    return made


def query(request: Request, shape: type[_T]) -> _T:
    """The parameters of a query. Raises `ApiError` for an unknown, a repeated or an unfit one."""
    given = request.query_params.multi_items()
    if twice := sorted({name for name, _ in given if sum(name == one for one, _ in given) > 1}):
        raise invalid(f"{twice[0]} is given twice", twice[0])
    try:
        return msgspec.convert(dict(given), shape, strict=False)
    except msgspec.ValidationError as error:
        raise misfit(error) from None


def part(request: Request, of: PathParam) -> str:
    """A part of the path. Raises `ApiError`."""
    given = str(request.path_params[of.name])
    if not re.fullmatch(of.pattern.removeprefix("^").removesuffix("$"), given):
        raise invalid(f"{given[:80]!r} is none of: {of.text}", of.name)
    return given


def negotiated(accept: Sequence[str], offered: Sequence[str]) -> str:
    """Which of the `offered` content types these Accept headers want most, the first of equals.

    Raises `ApiError` if they want none of them (RFC 9110, section 12.5.1).
    """
    wanted = [one.strip() for line in accept for one in line.split(",") if one.strip()]
    best, chosen = 0.0, ""
    for kind in offered:
        weights = [(rank, weight) for one in wanted or ["*/*"] for rank, weight in _fit(one, kind)]
        if weights and (weight := max(weights)[1]) > best:
            best, chosen = weight, kind
    if not chosen:
        raise ApiError(406, "not_acceptable", f"there is {' and '.join(offered)}", param="accept")
    return chosen


def _fit(wanted: str, kind: str) -> list[tuple[int, float]]:
    """How closely a range of an Accept header names `kind`, and its weight; nothing if not."""
    range_, *parameters = (one.strip().casefold() for one in wanted.split(";"))
    ranks = {"*/*": 0, f"{kind.partition('/')[0]}/*": 1, kind: 2}
    if range_ not in ranks:
        return []
    said = [one[2:] for one in parameters if one.startswith("q=")]
    weight = float(said[0]) if said and re.fullmatch(r"[01](\.[0-9]{0,3})?", said[0]) else 1.0
    return [(ranks[range_], min(1.0, weight))]


def _unheard(error: Unheard) -> ApiError:
    text, param = str(error), "statement"
    match error.code:
        case "bad_signature":
            return ApiError(403, "bad_signature", text, param=param)
        case "not_a_client" | "not_an_approver" | "not_a_speaker":
            return ApiError(403, "unknown_client", text, param=param)
        case "no_verdict" | "no_task":
            return ApiError(404, "not_found", text, param="task")
        case "too_late":
            return ApiError(409, "too_late", text, param=param)
        case "too_many":
            return ApiError(409, "too_many_statements", text, param=param)
        case "number_taken":
            return ApiError(409, "number_taken", text, param=param, about={"free": error.free})
        case "other_verdict" | "not_asked_for" | "not_taking_part":
            return ApiError(409, "not_fitting", text, param=param)
        case "damaged":
            return damaged(text)
        case _:
            return invalid(text, param, "invalid_statement")


def _absent(error: Absent, param: str) -> ApiError:
    return ApiError(404, "not_found", str(error), param=param)
