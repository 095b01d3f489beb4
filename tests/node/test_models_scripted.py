"""The scripted model says what it was told to, and misbehaves when it was told to."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from consensus.bodies import Preference, Proposal
from consensus.policy import ONE
from node.models import registry
from node.models.base import Failure, ModelError
from node.models.guard import Guarded
from tests.harness.requests import NUMBER, TEXT, case, draft_request, judge_request, labels

RGB = labels("red", "green", "blue")


async def scripted(**options: Any) -> Guarded:
    return await registry.load("scripted", options, Path())


async def test_the_first_option_is_the_answer_without_a_script() -> None:
    proposal = await (await scripted()).draft(draft_request(case(RGB)))
    assert (proposal.answer, proposal.belief) == ("red", (8_000, 1_000, 1_000))


async def test_a_case_with_its_own_line_gets_it_and_others_the_default() -> None:
    model = await scripted(
        line={"answer": "green"}, cases={"sky?": {"answer": "blue", "confidence": 9_000}}
    )
    assert (await model.draft(draft_request(case(RGB, "sky?")))).belief == (500, 500, 9_000)
    assert (await model.draft(draft_request(case(RGB, "grass?")))).answer == "green"


async def test_later_rounds_have_later_answers_and_the_last_one_stays() -> None:
    model = await scripted(line={"answer": "red", "later": ["green", "blue"]})
    answers = [
        (await model.draft(draft_request(case(RGB), round=round_))).answer
        for round_ in (1, 2, 3, 4)
    ]
    assert answers == ["red", "green", "blue", "blue"]


async def test_a_belief_can_be_given_in_full_and_options_can_be_unseen() -> None:
    full = await scripted(line={"answer": "red", "belief": [2_000, 7_000, 1_000]})
    assert (await full.draft(draft_request(case(RGB)))).belief == (2_000, 7_000, 1_000)
    partial = await (await scripted(line={"unseen": ["blue"]})).draft(draft_request(case(RGB)))
    assert (partial.belief, partial.unseen) == ((8_000, 2_000, 0), (2,))


async def test_a_free_text_can_be_scripted_and_judged() -> None:
    model = await scripted(
        line={"answer": "It is Lisbon.", "confidence": 7_000},
        same=[["Lisbon", "It is Lisbon."], ["Porto", "Oporto"]],
    )
    asked = case(TEXT)
    assert (await model.draft(draft_request(asked))).answer == "It is Lisbon."
    answers = {"P": " Lisbon ", "Q": "Porto", "R": "Oporto", "S": "Faro", "T": "It is  Lisbon."}
    shown = {letter: Proposal(answer=answer) for letter, answer in answers.items()}
    judgment = await model.judge(judge_request(asked, shown))
    same = {
        (pair.first, pair.second)
        for pair in judgment.pairs
        if pair.preference is Preference.SAME and pair.confidence == ONE
    }
    assert {frozenset(pair) for pair in same} == {frozenset("PT"), frozenset("QR")}
    assert {mark.letter: mark.endorsement for mark in judgment.marks}["P"] == 40


async def test_a_free_text_needs_a_scripted_answer() -> None:
    with pytest.raises(ModelError) as caught:
        await (await scripted()).draft(draft_request(case(TEXT)))
    assert "a text has no options to take" in caught.value.cause


async def test_a_number_can_be_scripted_and_judged() -> None:
    model = await scripted(line={"answer": "42"})
    assert (await model.draft(draft_request(case(NUMBER)))).answer == "42"
    request = judge_request(case(NUMBER), {"A": "41", "B": "42.0", "C": "40", "D": "x"})
    judgment = await model.judge(request)
    words = {(p.first, p.second): p.preference for p in judgment.pairs}
    assert words == {
        ("A", "B"): Preference.SECOND,
        ("A", "C"): Preference.TIE,
        ("B", "C"): Preference.FIRST,
    }


async def test_a_script_that_does_not_fit_the_task_says_so() -> None:
    with pytest.raises(ModelError, match="no answer is scripted") as caught:
        await (await scripted()).draft(draft_request(case(NUMBER)))
    assert caught.value.failure is Failure.CASE
    with pytest.raises(ModelError, match="'mauve' is not one of the task's options"):
        await (await scripted(line={"answer": "mauve"})).draft(draft_request(case(RGB)))


async def test_others_are_judged_by_the_own_belief() -> None:
    own = Proposal(answer="green", belief=(1_000, 7_000, 2_000))
    request = judge_request(case(RGB), {"A": "red", "B": "green"}, own=own)
    [pair] = (await (await scripted()).judge(request)).pairs
    assert (pair.preference, pair.confidence) == (Preference.SECOND, 6_000)


async def test_the_same_request_gets_the_same_answer() -> None:
    model = await scripted()
    request = draft_request(case(RGB))
    assert await model.draft(request) == await model.draft(request)


@pytest.mark.parametrize(
    ("how", "failure", "why"),
    [
        ("draft_raises", Failure.FAILED, "RuntimeError: scripted to raise"),
        ("draft_outside", Failure.ANSWER, "is none of the options"),
        ("draft_nan", Failure.ANSWER, "belief is nan"),
        ("draft_short", Failure.ANSWER, "2 entries for 3 options"),
    ],
)
async def test_a_misbehaving_draft_is_caught(how: str, failure: Failure, why: str) -> None:
    model = await scripted(faults=[{"how": how}])
    with pytest.raises(ModelError, match=why) as caught:
        await model.draft(draft_request(case(RGB)))
    assert caught.value.failure is failure


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("judge_raises", "RuntimeError: scripted to raise"),
        ("judge_stranger", "the mark on nobody is for no candidate"),
    ],
)
async def test_a_misbehaving_judge_is_caught(how: str, why: str) -> None:
    model = await scripted(faults=[{"how": how}])
    with pytest.raises(ModelError, match=why):
        await model.judge(judge_request(case(RGB), {"A": "red", "B": "blue"}))


async def test_a_judge_can_keep_silent_exaggerate_and_contradict_itself() -> None:
    request = judge_request(case(RGB), {"A": "blue", "B": "red"})
    silent = await (await scripted(faults=[{"how": "judge_silent"}])).judge(request)
    assert (silent.pairs, silent.marks) == ((), ())
    extreme = await (await scripted(faults=[{"how": "judge_extreme"}])).judge(request)
    assert [mark.endorsement for mark in extreme.marks] == [100, -100]
    [pair] = extreme.pairs
    assert (pair.preference, pair.confidence) == (Preference.FIRST, 10_000)
    honest = await (await scripted()).judge(request)
    contrary = await (await scripted(faults=[{"how": "judge_contrary"}])).judge(request)
    assert honest.pairs[0].preference is Preference.SECOND
    assert contrary.pairs[0].preference is Preference.FIRST
    assert [m.endorsement for m in contrary.marks] == [-m.endorsement for m in honest.marks]


async def test_a_hanging_model_hangs_until_it_is_cancelled() -> None:
    model = await scripted(faults=[{"how": "draft_hangs"}])
    call = asyncio.ensure_future(model.draft(draft_request(case(RGB))))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not call.done()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_delayed_model_answers_after_its_delay() -> None:
    model = await scripted(delay_ms=3_600_000)
    with pytest.raises(ModelError, match="no answer within 1 ms"):
        await model.draft(draft_request(case(RGB), deadline_ms=1))
    assert (await (await scripted(delay_ms=1)).draft(draft_request(case(RGB)))).answer == "red"


async def test_a_fault_can_be_for_one_round_only() -> None:
    model = await scripted(faults=[{"how": "draft_raises", "round": 2}])
    assert (await model.draft(draft_request(case(RGB), round=1))).answer == "red"
    with pytest.raises(ModelError):
        await model.draft(draft_request(case(RGB), round=2))
