"""The gate between a model's code and the protocol: deadlines, checks, one kind of error.

A backend can be anybody's code. Whatever it raises, returns or never returns, the runner
sees a well-formed answer, a `ModelError`, or its own cancellation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from consensus.bodies import BodyError, Preference, Proposal, Usage
from consensus.deliberation.requests import (
    Case,
    DraftRequest,
    JudgeRequest,
    Judgment,
    LetteredMark,
    LetteredPair,
)
from consensus.policy import ONE
from consensus.tally.answers import normalise

from .base import (
    Accounting,
    Description,
    Failure,
    Model,
    ModelError,
    Spent,
    Triable,
    Tried,
)

_Answer = TypeVar("_Answer")
_Request = TypeVar("_Request", DraftRequest, JudgeRequest)


class Guarded:
    """A `Model` that keeps the promises of the interface whatever `model` does."""

    def __init__(self, name: str, model: Model) -> None:
        self._name = name
        self._model = model
        self._spent: dict[str, Spent] = {}

    async def draft(self, request: DraftRequest) -> Proposal:
        """The model's draft in its canonical spelling (O1), checked; `ModelError` otherwise."""
        proposal = await self._call("draft", self._model.draft, request)
        self._refuse("draft", proposal_fault(request.case, proposal))
        self._count(proposal.usage)
        answer, fault = normalise(request.case.answer, proposal.answer)
        self._refuse("draft", fault and f"the answer {proposal.answer[:60]!r} {fault}")
        assert answer is not None
        return replace(proposal, answer=answer)

    async def judge(self, request: JudgeRequest) -> Judgment:
        """The model's judgment, checked against the candidates; `ModelError` otherwise."""
        judgment = await self._call("judge", self._model.judge, request)
        self._refuse("judge", judgment_fault(request, judgment))
        self._count(judgment.usage)
        return judgment

    def describe(self) -> Description:
        """What the model says of itself."""
        return self._model.describe()

    def spent(self) -> Mapping[str, Spent]:
        """What was used since the start, by the name of what served it."""
        return self._model.spent() if isinstance(self._model, Accounting) else self._spent

    async def tries(self) -> tuple[Tried, ...] | None:
        """Each place that serves the model, asked once; None if it has none to ask."""
        return await self._model.tries() if isinstance(self._model, Triable) else None

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()

    def _count(self, usage: Usage) -> None:
        if usage.tokens_in or usage.tokens_out or usage.micros:
            described = self.describe()
            spent = self._spent.setdefault(described.served or described.name, Spent())
            spent.add(usage)

    def _refuse(self, doing: str, fault: str) -> None:
        if fault:
            raise self._error(doing, Failure.ANSWER, fault)

    async def _call(
        self, doing: str, ask: Callable[[_Request], Awaitable[_Answer]], request: _Request
    ) -> _Answer:
        limit = asyncio.timeout(request.deadline_ms / 1000)
        try:
            async with limit:
                return await ask(request)
        except ModelError:
            raise
        except BodyError as error:
            raise self._error(doing, Failure.ANSWER, str(error)) from error
        except Exception as error:
            if limit.expired():
                cause = f"no answer within {request.deadline_ms} ms"
                raise self._error(doing, Failure.TIMEOUT, cause) from None
            cause = f"{type(error).__name__}: {error}"
            raise self._error(doing, Failure.FAILED, cause) from error

    def _error(self, doing: str, failure: Failure, cause: str) -> ModelError:
        return ModelError(
            model=self._name,
            doing=doing,
            failure=failure,
            cause=cause,
            served=self.describe().served,
        )


def proposal_fault(case: Case, proposal: object) -> str:
    """What is wrong with `proposal` as an answer to `case`; empty if nothing is.

    Shapes and ranges are the body's own affair, the answer's spelling is the tally's; this adds
    what depends on the case, and integers, since a float in range passes every comparison.
    """
    if not isinstance(proposal, Proposal):
        return f"a Proposal is needed, not {type(proposal).__name__}"
    if not all(_whole(share) for share in (*proposal.belief, proposal.confidence)):
        return "belief and confidence are whole basis points; a figure is not an integer"
    options = case.answer.options
    if len(proposal.answer) > case.answer.most_chars:
        return f"a {case.answer.kind} answer has at most {case.answer.most_chars} characters"
    if not options:
        if proposal.belief or proposal.unseen:
            return f"a {case.answer.kind} has no options, so neither belief nor unseen options"
        return ""
    if proposal.belief and len(proposal.belief) != len(options):
        return f"the belief has {len(proposal.belief)} entries for {len(options)} options"
    if any(not _whole(option) or option >= len(options) for option in proposal.unseen):
        return f"unseen names an option that does not exist: {list(proposal.unseen)}"
    return ""


def judgment_fault(request: JudgeRequest, judgment: object) -> str:
    """What is wrong with `judgment` of the request's candidates; empty if nothing is."""
    if not isinstance(judgment, Judgment):
        return f"a Judgment is needed, not {type(judgment).__name__}"
    letters = {candidate.letter for candidate in request.candidates}
    orders: set[tuple[str, str]] = set()
    for pair in judgment.pairs:
        fault = _pair_fault(pair, letters)
        if not fault and (pair.first, pair.second) in orders:
            fault = "is judged twice in one order"
        if fault:
            return f"the pair {pair.first}, {pair.second} {fault}"
        orders.add((pair.first, pair.second))
    marked: set[str] = set()
    for mark in judgment.marks:
        fault = _mark_fault(mark, letters)
        if not fault and mark.letter in marked:
            fault = "comes twice"
        if fault:
            return f"the mark on {mark.letter} {fault}"
        marked.add(mark.letter)
    if not isinstance(judgment.usage, Usage):
        return "usage is not a Usage"
    return ""


def _pair_fault(pair: LetteredPair, letters: set[str]) -> str:
    if not {pair.first, pair.second} <= letters:
        return f"names a candidate that is not there (there are {', '.join(sorted(letters))})"
    if pair.first == pair.second:
        return "compares a candidate with itself"
    if not isinstance(pair.preference, Preference):
        return f"has an unknown preference {pair.preference!r}"
    if not _whole(pair.confidence) or not 0 <= pair.confidence <= ONE:
        return f"has confidence {pair.confidence!r}, not an integer of 0..{ONE}"
    return ""


def _mark_fault(mark: LetteredMark, letters: set[str]) -> str:
    if mark.letter not in letters:
        return f"is for no candidate (there are {', '.join(sorted(letters))})"
    for name, low in (("endorsement", -100), ("evidence", 0), ("argument", 0)):
        value = getattr(mark, name)
        if not _whole(value) or not low <= value <= 100:
            return f"has {name} {value!r}, not an integer of {low}..100"
    return ""


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
