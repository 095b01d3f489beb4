"""The `litellm` backend: a language model of any provider as a member's model.

A draft is one call. A judgment follows the request's design, which gives its pairs in one step or
in several, each chosen by what was said before. A step is one call for all of its candidates
(`batch`) or one for each pair (`pairwise`); pairs the other way round (the design's, or all with
`both_orders`) are calls of their own. A reply that cannot be read is answered once with what was
wrong with it; a second one is an abstention, and so is every other failure: no answer is ever made
up. A design of several steps ends with the first step that brings nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from consensus.bodies import Proposal, Usage
from consensus.deliberation.requests import (
    DraftRequest,
    JudgeRequest,
    Judgment,
    LetteredMark,
    LetteredPair,
)
from consensus.tally.design import Asked, Said

from ...clock import Clock, SystemClock, monotonic_ms
from ...log import get_logger
from ..base import Description, Failure, ModelError, Spent, Tried
from .options import NAME, Options, read
from .prompts import ANSWER_CHARS, Prompt, Prompts
from .provider import CallError, Provider
from .reply import ReplyError, merged, read_batch, read_draft, read_pairwise
from .spending import Purse
from .trial import tries

log = get_logger("model")

DEADLINE_SHARE = 0.9
"""The part of a deadline after which a call is given up here, where provider and model can
still be named; at the whole of it the member has abstained already."""

_Read = TypeVar("_Read")
_Judged = tuple[tuple[LetteredPair, ...], tuple[LetteredMark, ...]]


@dataclass(slots=True)
class _Bill:
    """What the calls of one request came to."""

    tokens_in: int = 0
    tokens_out: int = 0
    micros: int = 0
    ms: int = 0
    calls: int = 0

    @property
    def usage(self) -> Usage:
        return Usage(
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            micros=self.micros,
            ms=self.ms,
            calls=self.calls,
        )


class LanguageModel:
    """A member's language model. Calls overlap up to the option `calls`."""

    def __init__(
        self, options: Options, prompts: Prompts, provider: Provider, clock: Clock
    ) -> None:
        self._options = options
        self._prompts = prompts
        self._provider = provider
        self._clock = clock
        self._rendering = asyncio.Lock()

    @classmethod
    async def open(cls, options: Mapping[str, object], base: Path) -> Self:
        """A model that calls the options' deployments. Raises `ModelSetupError`."""
        chosen, clock = read(options), SystemClock()
        prompts = Prompts(base / chosen.prompts if chosen.prompts else None)
        purse = Purse(
            base / chosen.spending,
            clock,
            task=chosen.task_budget.limit,
            day=chosen.day_budget.limit,
        )
        provider = await Provider.open(chosen, base, purse, clock)
        return cls(chosen, prompts, provider, clock)

    async def draft(self, request: DraftRequest) -> Proposal:
        """Ask for an answer (R1). Raises `ModelError`."""
        bill, spec = _Bill(), request.case.answer
        said = await self._asked(
            "draft",
            request,
            lambda: self._prompts.draft(request),
            self._until(request),
            bill,
            lambda reply: read_draft(reply, spec, ANSWER_CHARS),
        )
        return Proposal(
            answer=said.answer,
            belief=said.belief,
            confidence=said.confidence,
            rationale=said.rationale,
            evidence=said.evidence,
            usage=bill.usage,
            prompt=self._prompts.version("draft"),
        )

    async def judge(self, request: JudgeRequest) -> Judgment:
        """Ask for comparisons and marks (R5). Raises `ModelError` if not one call succeeds."""
        letters = [candidate.letter for candidate in request.candidates]
        place = {letter: at for at, letter in enumerate(letters)}
        design = replace(request.design, most=self._options.pairs)
        until, bill = self._until(request), _Bill()
        judged: list[_Judged] = []
        said: list[Said] = []
        shown = letters  # all of them in the first step, whose marks are wanted of all
        while asked := await asyncio.to_thread(design.ask, len(letters), tuple(said)):
            if judged:
                shown = [letter for letter in letters if any(place[letter] in p for p in asked)]
            ways = _ways(asked, self._options.both_orders)
            found = await _all(self._step(request, shown, letters, ways, until, bill))
            brought = [item for item in found if not isinstance(item, ModelError)]
            failed = [item for item in found if isinstance(item, ModelError)]
            if not brought and not judged:
                raise failed[0]
            for error in failed:  # the ballot goes out without it, and nobody else would tell
                log.warning(
                    "a part of a judgment failed",
                    task=request.task,
                    round=request.round,
                    model=error.model,
                    cause=error.cause,
                )
            if not brought:
                break
            judged += brought
            words = {(p.first, p.second): p for compared, _ in brought for p in compared}
            for one, other in (pair for way in ways for pair in way):
                word = words.get((letters[one], letters[other]))
                said.append(
                    Said(first=one, second=other, won=None)
                    if word is None
                    else Said.of(one, other, word.preference, word.confidence)
                )
        if not judged:  # one candidate, or all of one answer: there are marks to give
            judged = [await self._batch(request, letters, [], until, bill)]
        name = "pairwise" if said and self._options.judge == "pairwise" else "batch"
        return Judgment(
            pairs=tuple(pair for compared, _ in judged for pair in compared),
            marks=tuple(merged([marks for _, marks in judged], letters)),
            usage=bill.usage,
            prompt=self._prompts.version(name),
        )

    def _step(
        self,
        request: JudgeRequest,
        shown: Sequence[str],
        letters: Sequence[str],
        ways: Sequence[Sequence[Asked]],
        until: int,
        bill: _Bill,
    ) -> list[Coroutine[Any, Any, _Judged]]:
        """The calls that ask for one step of a design."""
        lettered = [[(letters[one], letters[other]) for one, other in way] for way in ways]
        if self._options.judge == "pairwise":
            return [self._compare(request, p, until, bill) for way in lettered for p in way]
        first, second = lettered
        work = [self._batch(request, shown, first, until, bill)]
        if second:  # everything the other way round, the candidates too
            work.append(self._batch(request, shown[::-1], second[::-1], until, bill))
        return work

    def _until(self, request: DraftRequest | JudgeRequest) -> int:
        """When the calls of a request are given up, on the monotonic clock."""
        return monotonic_ms(self._clock) + int(request.deadline_ms * DEADLINE_SHARE)

    def describe(self) -> Description:
        """The deployments, how they judge, and which prompts; nothing that is secret."""
        options, served = self._options, self._provider.served
        detail = {
            "models": ", ".join(item.public for item in served),
            "judging": options.judge + (", both orders" if options.both_orders else ""),
            "prompts": self._prompts.version(options.judge),
        }
        if any(item.prices is None for item in served):
            detail["prices"] = "not known for every model; money is counted as 0 there"
        for name, budget in (("task", options.task_budget), ("day", options.day_budget)):
            parts = [f"{budget.tokens} tokens"] if budget.tokens is not None else []
            parts += [f"{budget.usd:g} USD"] if budget.usd is not None else []
            if parts:
                detail[f"{name} budget"] = " and ".join(parts)
        return Description(family=options.family, name=NAME, detail=detail, served=served[0].public)

    def spent(self) -> Mapping[str, Spent]:
        """What each deployment's replies took since the start."""
        return self._provider.spent

    async def tries(self) -> tuple[Tried, ...]:
        """Ask each deployment once, outside of the budgets."""
        return await tries(self._provider, self._prompts, self._clock)

    async def close(self) -> None:
        """Close the connections."""
        await self._provider.close()

    async def _batch(
        self,
        request: JudgeRequest,
        letters: Sequence[str],
        pairs: Sequence[tuple[str, str]],
        until: int,
        bill: _Bill,
    ) -> _Judged:
        return await self._asked(
            "judge",
            request,
            lambda: self._prompts.batch(request, letters, pairs),
            until,
            bill,
            lambda reply: read_batch(reply, letters, pairs),
        )

    async def _compare(
        self, request: JudgeRequest, pair: tuple[str, str], until: int, bill: _Bill
    ) -> _Judged:
        def reading(reply: str) -> _Judged:
            compared, marks = read_pairwise(reply, pair)
            return (compared,), marks

        return await self._asked(
            "judge", request, lambda: self._prompts.pairwise(request, pair), until, bill, reading
        )

    async def _asked(
        self,
        doing: str,
        request: DraftRequest | JudgeRequest,
        rendering: Callable[[], Prompt],
        until: int,
        bill: _Bill,
        reading: Callable[[str], _Read],
    ) -> _Read:
        """What `reading` makes of the reply, asked a second time if it cannot read the first."""
        began = monotonic_ms(self._clock)
        # A case may have megabytes, which take seconds to fence: not on the loop that the links
        # live on, and one at a time (T3).
        async with self._rendering:
            messages = (await asyncio.to_thread(rendering)).messages
        fault = ""
        try:
            for _ in range(2):
                reply = await self._provider.ask(messages, task=request.task, until_ms=until)
                bill.calls += 1
                served = reply.served
                bill.tokens_in += reply.tokens_in
                bill.tokens_out += reply.tokens_out
                bill.micros += reply.micros
                if reply.fault is not None:
                    raise CallError(reply.fault[0], served, reply.fault[1])
                try:
                    return reading(reply.text)
                except ReplyError as error:
                    fault = str(error)
                messages = [
                    *messages,
                    {"role": "assistant", "content": reply.text},
                    {
                        "role": "user",
                        "content": "Your reply could not be read: "
                        f"{fault}. Write the verdict again, in the form that was asked for.",
                    },
                ]
            raise CallError(Failure.UNPARSEABLE, served, f"two replies could not be read: {fault}")
        except CallError as error:
            raise ModelError(
                model=NAME,
                doing=doing,
                failure=error.failure,
                cause=f"{error.served.public}: {error.cause}",
                served=error.served.public,
                status=error.status,
            ) from error
        finally:
            bill.ms += monotonic_ms(self._clock) - began


async def _all(work: Sequence[Coroutine[Any, Any, _Judged]]) -> list[_Judged | ModelError]:
    """Every result or `ModelError`, in order; anything else cancels the rest and is raised."""

    async def one(item: Coroutine[Any, Any, _Judged]) -> _Judged | ModelError:
        try:
            return await item
        except ModelError as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in work]
    return [task.result() for task in tasks]


def _ways(asked: Sequence[Asked], both_orders: bool) -> tuple[list[Asked], list[Asked]]:
    """The pairs of a step as they stand, and those that come the other way round besides."""
    first: dict[Asked, None] = {}
    second: dict[Asked, None] = {}
    for pair in asked:
        (second if _turned(pair) in first else first)[pair] = None
    if both_orders:
        second |= {_turned(pair): None for pair in first if _turned(pair) not in second}
    return list(first), list(second)


def _turned(pair: Asked) -> Asked:
    return pair[1], pair[0]
