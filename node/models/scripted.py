"""The `scripted` backend: a model that says what it was told to, misbehaviour included.

For tests, for trying a federation out before real models are at hand, and for seeing what a
faulty model does to a committee. It decides from the request alone, so the same request
always gets the same answer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self

import msgspec

from consensus.bodies import AnswerKind, AnswerSpec, Preference, Proposal
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

from .base import Description, Failure, ModelError
from .opinion import basis_points, candidate_options, judge_by_belief, of_proposal
from .registry import read_options

NAME = "scripted"
"""The backend's name in configuration and errors."""

Share = Annotated[int, msgspec.Meta(ge=0, le=ONE)]
"""A figure in basis points."""


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to say about a case.

    `answer` in round 1 (empty: the task's first option); `later` in rounds 2, 3, ..., the
    last of them in all further rounds. `confidence` in bp is the belief in the answer, and
    the rest is spread evenly over the other options, unless `belief` gives a figure in bp
    for every option (then of round 1's answer). `unseen` names options it has never met.
    """

    answer: str = ""
    later: tuple[str, ...] = ()
    confidence: Share = 8_000
    belief: tuple[Share, ...] = ()
    unseen: tuple[str, ...] = ()
    rationale: str = ""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to misbehave, in one round or (0) in all.

    `draft_raises`, `judge_raises`: an exception that is no `ModelError`. `draft_hangs`,
    `judge_hangs`: no answer until cancelled. `draft_outside`: an answer that is no option.
    `draft_nan`: a belief that holds NaN. `draft_short`: a belief one entry short.
    `judge_silent`: no pair and no mark. `judge_extreme`: full praise for the first
    candidate, full blame for all others. `judge_contrary`: every preference and endorsement
    turned round. `judge_stranger`: a mark on a letter that is not there.
    """

    how: Literal[
        "draft_raises",
        "draft_hangs",
        "draft_outside",
        "draft_nan",
        "draft_short",
        "judge_raises",
        "judge_hangs",
        "judge_silent",
        "judge_extreme",
        "judge_contrary",
        "judge_stranger",
    ]
    round: Annotated[int, msgspec.Meta(ge=0)] = 0


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a scripted model.

    `same` are groups of free texts that it holds to say the same; identical ones do anyway.
    `line` is what it says about any case, `cases` about the case whose texts, joined by line
    breaks, equal the key. `family` is the model family it passes for; `delay_ms` what every
    call takes; `faults` are the ways it misbehaves.
    """

    family: str = NAME
    line: Line = Line()
    cases: dict[str, Line] = {}
    same: tuple[tuple[str, ...], ...] = ()
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 0
    faults: tuple[Fault, ...] = ()


class Scripted:
    """A scripted model. `draft_now` and `judge_now` answer without an event loop."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @classmethod
    async def open(cls, options: Mapping[str, object], base: Path) -> Self:  # noqa: ARG003
        """A model that follows `options` (see `Options`). Raises `ModelSetupError`."""
        return cls(read_options(NAME, options, Options))

    async def draft(self, request: DraftRequest) -> Proposal:
        """The scripted answer, after the scripted delay."""
        await self._wait("draft", request.round)
        return self.draft_now(request)

    async def judge(self, request: JudgeRequest) -> Judgment:
        """The scripted judgment, after the scripted delay."""
        await self._wait("judge", request.round)
        return self.judge_now(request)

    def describe(self) -> Description:
        """The family it passes for."""
        detail = {"cases": str(len(self._options.cases))}
        if self._options.faults:
            detail["faults"] = ", ".join(fault.how for fault in self._options.faults)
        return Description(family=self._options.family, name=NAME, detail=detail)

    async def close(self) -> None:
        """Nothing to let go of."""

    def draft_now(self, request: DraftRequest) -> Proposal:
        """The scripted answer at once; a scripted hang is only in `draft`."""
        if self._faulty("draft_raises", request.round):
            raise RuntimeError("scripted to raise")
        line = self._line(request.case)
        proposal = self._proposal(line, request.case, request.round)
        if self._faulty("draft_outside", request.round):
            return replace(proposal, answer=proposal.answer + " and then some")
        if self._faulty("draft_nan", request.round):
            shares: Any = (float("nan"), *proposal.belief[1:])
            return replace(proposal, belief=shares)
        if self._faulty("draft_short", request.round):
            return replace(proposal, belief=basis_points([1.0] * (len(proposal.belief) - 1)))
        return proposal

    def judge_now(self, request: JudgeRequest) -> Judgment:
        """The scripted judgment at once; a scripted hang is only in `judge`."""
        if self._faulty("judge_raises", request.round):
            raise RuntimeError("scripted to raise")
        if self._faulty("judge_silent", request.round):
            return Judgment()
        if self._faulty("judge_extreme", request.round):
            return _extreme(request)
        if self._faulty("judge_stranger", request.round):
            return Judgment(marks=(LetteredMark(letter="nobody", endorsement=100),))
        judgment = self._judgment(request)
        return _contrary(judgment) if self._faulty("judge_contrary", request.round) else judgment

    async def _wait(self, stage: Literal["draft", "judge"], round_: int) -> None:
        if self._options.delay_ms:
            await asyncio.sleep(self._options.delay_ms / 1000)
        if self._faulty(f"{stage}_hangs", round_):
            await asyncio.get_running_loop().create_future()

    def _faulty(self, how: str, round_: int) -> bool:
        return any(f.how == how and f.round in (0, round_) for f in self._options.faults)

    def _line(self, case: Case) -> Line:
        text = "\n".join(part.text for part in case.messages)
        return self._options.cases.get(text, self._options.line)

    def _proposal(self, line: Line, case: Case, round_: int) -> Proposal:
        said = (line.answer, *line.later)
        answer = said[min(round_, len(said)) - 1]
        spec = case.answer
        if not spec.options:
            if not answer:
                _refuse("draft", f"no answer is scripted, and a {spec.kind} has no options to take")
            return Proposal(answer=answer, confidence=line.confidence, rationale=line.rationale)
        proposal = Proposal(
            answer=answer or spec.options[0],
            confidence=line.confidence,
            rationale=line.rationale,
            unseen=tuple(k for k, option in enumerate(spec.options) if option in line.unseen),
        )
        opinion = of_proposal(proposal, spec)
        if opinion is None:
            _refuse("draft", f"the scripted answer {answer!r} is not one of the task's options")
        belief = line.belief if line.belief and round_ == 1 else opinion.belief
        return replace(proposal, belief=belief, unseen=opinion.unseen)

    def _judge_open(self, request: JudgeRequest, own: Proposal) -> Judgment:
        """Believe in one's own number or text, and in all others alike."""
        spelled = [self._meaning(request.case.answer, own.answer)]
        places = {}
        for candidate in request.candidates:
            said = self._meaning(request.case.answer, candidate.proposal.answer)
            if said is not None:
                if said not in spelled:
                    spelled.append(said)
                places[candidate.letter] = spelled.index(said)
        others = len(spelled) - 1
        belief = [float(ONE - own.confidence) / others] * others if others else []
        shares = basis_points([own.confidence if others else ONE, *belief])
        return judge_by_belief(shares, places, request)

    def _meaning(self, spec: AnswerSpec, answer: str) -> str | None:
        """The canonical answer; of free texts that say the same the first one's."""
        found = normalise(spec, answer)[0]
        if spec.kind is AnswerKind.TEXT:
            for group in self._options.same:
                texts = [normalise(spec, text)[0] for text in group]
                if found in texts:
                    return texts[0]
        return found

    def _judgment(self, request: JudgeRequest) -> Judgment:
        spec = request.case.answer
        own = request.own or self._proposal(self._line(request.case), request.case, request.round)
        if not spec.options:
            return self._judge_open(request, own)
        opinion = of_proposal(own, spec)
        if opinion is None:
            _refuse("judge", "its own proposal says nothing about the task's options")
        return judge_by_belief(opinion.belief, candidate_options(request, opinion), request)


def _refuse(doing: str, cause: str) -> NoReturn:
    raise ModelError(model=NAME, doing=doing, failure=Failure.CASE, cause=cause)


def _extreme(request: JudgeRequest) -> Judgment:
    letters = [candidate.letter for candidate in request.candidates]
    pairs = tuple(
        LetteredPair(first=letters[0], second=x, preference=Preference.FIRST, confidence=ONE)
        for x in letters[1:]
    )
    marks = tuple(
        LetteredMark(letter=x, endorsement=100 if x == letters[0] else -100) for x in letters
    )
    return Judgment(pairs=pairs, marks=marks)


def _contrary(judgment: Judgment) -> Judgment:
    turned = {Preference.FIRST: Preference.SECOND, Preference.SECOND: Preference.FIRST}
    return Judgment(
        pairs=tuple(
            replace(pair, preference=turned.get(pair.preference, pair.preference))
            for pair in judgment.pairs
        ),
        marks=tuple(replace(mark, endorsement=-mark.endorsement) for mark in judgment.marks),
    )
