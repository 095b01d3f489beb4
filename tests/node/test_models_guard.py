"""Whatever a backend does, the caller sees a sound answer, a ModelError or its own cancel."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from consensus.bodies import Preference, Proposal
from consensus.deliberation.requests import (
    DraftRequest,
    JudgeRequest,
    Judgment,
    LetteredMark,
    LetteredPair,
)
from node.models.base import Description, Failure, Model, ModelError
from node.models.guard import Guarded
from tests.harness.requests import NUMBER, case, draft_request, judge_request, labels

YES_NO = labels("yes", "no")
DRAFT = draft_request(case(YES_NO))
JUDGE = judge_request(case(YES_NO), {"A": "yes", "B": "no"})
PAIR = LetteredPair(first="A", second="B", preference=Preference.FIRST, confidence=1)


class Mallory:
    """A backend that answers whatever it was given, or raises it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def draft(self, request: DraftRequest) -> Any:
        return self._give()

    async def judge(self, request: JudgeRequest) -> Any:
        return self._give()

    def describe(self) -> Description:
        return Description(family="mallory", name="mallory")

    async def close(self) -> None:
        pass

    def _give(self) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Sleeper(Mallory):
    """A backend that never answers; it notes that it was let go."""

    let_go = False

    async def draft(self, request: DraftRequest) -> Any:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.let_go = True


async def refusal_of_draft(answer: Any, request: DraftRequest = DRAFT) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await Guarded("mallory", Mallory(answer)).draft(request)
    return caught.value


async def refusal_of_judgment(answer: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await Guarded("mallory", Mallory(answer)).judge(JUDGE)
    return caught.value


def test_a_guarded_model_is_a_model() -> None:
    assert isinstance(Guarded("mallory", Mallory(None)), Model)


async def test_sound_answers_pass_untouched() -> None:
    proposal = Proposal(answer="yes", belief=(6_000, 4_000))
    assert await Guarded("alice", Mallory(proposal)).draft(DRAFT) == proposal
    judgment = Judgment(pairs=(PAIR,), marks=(LetteredMark(letter="B", endorsement=-5),))
    assert await Guarded("alice", Mallory(judgment)).judge(JUDGE) == judgment


async def test_an_answer_is_handed_on_in_its_canonical_spelling() -> None:
    assert (await Guarded("alice", Mallory(Proposal(answer=" YES\n"))).draft(DRAFT)).answer == "yes"
    request = draft_request(case(NUMBER))
    assert (await Guarded("alice", Mallory(Proposal(answer="1e3"))).draft(request)).answer == "1000"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "a Proposal is needed, not NoneType"),
        (Proposal(answer="maybe"), "'maybe' is none of the options"),
        (Proposal(answer="yes", belief=(10_000,)), "1 entries for 2 options"),
        (Proposal(answer="yes", belief=(5_000.0, 5_000.0)), "not an integer"),  # type: ignore[arg-type]
        (Proposal(answer="yes", confidence=True), "not an integer"),
        (Proposal(answer="yes", unseen=(2,)), "an option that does not exist"),
    ],
)
async def test_an_unusable_draft_is_named(answer: Any, why: str) -> None:
    error = await refusal_of_draft(answer)
    assert error.failure is Failure.ANSWER
    assert why in str(error)
    assert str(error).startswith("mallory could not draft: ")


async def test_a_number_takes_no_belief_and_must_be_one() -> None:
    request = draft_request(case(NUMBER))
    belief = await refusal_of_draft(Proposal(answer="7", belief=(10_000,)), request)
    assert "a number has no options" in str(belief)
    assert "is not a number" in str(await refusal_of_draft(Proposal(answer="seven"), request))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"A": 1}, "a Judgment is needed, not dict"),
        (Judgment(pairs=(replace(PAIR, second="Z"),)), "names a candidate that is not there"),
        (Judgment(pairs=(replace(PAIR, second="A"),)), "compares a candidate with itself"),
        (Judgment(pairs=(PAIR, PAIR)), "judged twice in one order"),
        (Judgment(pairs=(replace(PAIR, confidence=10_001),)), "confidence 10001"),
        (Judgment(pairs=(replace(PAIR, confidence=0.5),)), "confidence 0.5"),  # type: ignore[arg-type]
        (Judgment(pairs=(replace(PAIR, preference=9),)), "unknown preference 9"),  # type: ignore[arg-type]
        (Judgment(marks=(LetteredMark(letter="Z", endorsement=0),)), "is for no candidate"),
        (Judgment(marks=(LetteredMark(letter="A", endorsement=101),)), "endorsement 101"),
        (Judgment(marks=(LetteredMark(letter="A", endorsement=0, argument=-1),)), "argument -1"),
        (Judgment(marks=(LetteredMark(letter="A", endorsement=0),) * 2), "comes twice"),
        (Judgment(usage=None), "usage is not a Usage"),  # type: ignore[arg-type]
    ],
)
async def test_an_unusable_judgment_is_named(answer: Any, why: str) -> None:
    error = await refusal_of_judgment(answer)
    assert error.failure is Failure.ANSWER
    assert why in str(error)


async def test_an_exception_is_named_in_the_log_and_kept_from_the_committee() -> None:
    error = await refusal_of_draft(OSError("/home/alice/key.pem: permission denied"))
    assert error.failure is Failure.FAILED
    assert "OSError: /home/alice/key.pem" in str(error)
    assert error.public == "the model failed"


async def test_a_model_error_passes_as_it_is() -> None:
    said = ModelError(model="litellm", doing="draft", failure=Failure.CASE, cause="too long")
    assert await refusal_of_draft(said) is said


async def test_a_model_that_never_answers_is_let_go_at_its_deadline() -> None:
    sleeper = Sleeper(None)
    with pytest.raises(ModelError, match="no answer within 1 ms") as caught:
        await Guarded("mallory", sleeper).draft(draft_request(case(YES_NO), deadline_ms=1))
    assert caught.value.failure is Failure.TIMEOUT
    assert sleeper.let_go


async def test_a_timeout_of_the_models_own_is_a_failure_and_not_our_deadline() -> None:
    assert (await refusal_of_draft(TimeoutError("upstream"))).failure is Failure.FAILED


async def test_cancelling_a_call_cancels_the_model() -> None:
    sleeper = Sleeper(None)
    call = asyncio.ensure_future(Guarded("mallory", sleeper).draft(DRAFT))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert sleeper.let_go
