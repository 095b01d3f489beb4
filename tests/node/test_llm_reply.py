"""A reply is parsed strictly: what it does not say, it has not said."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import AnswerKind, AnswerSpec, Preference
from node.models.llm.reply import VERDICT_MAX, ReplyError, read_batch, read_draft, read_pairwise
from tests.harness.requests import JSON, NUMBER, labels

YES_NO = labels("yes", "no")
DRAFT = {"answer": "yes", "belief": [70, 30], "confidence": 70, "rationale": "So.", "evidence": []}
MARK = {"endorsement": 10, "evidence": 20, "argument": 30, "critique": "Well."}
PAIR = {"preference": "same", "confidence": 75, "marks": {"A": MARK, "B": MARK}}
BATCH = {
    "pairs": [{"first": "A", "second": "B", "preference": "tie", "confidence": 10}],
    "marks": {"A": MARK, "B": MARK},
}


def fenced(said: Any) -> str:
    return f"I think.\n\n```verdict\n{said if isinstance(said, str) else json.dumps(said)}\n```\n"


def test_figures_become_basis_points_exactly() -> None:
    said = read_draft(fenced({**DRAFT, "belief": [33.34, 66.66], "confidence": 0.29}), YES_NO, 99)
    assert said.belief == (3_334, 6_666)
    assert said.confidence == 29


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=2))
def test_a_belief_that_sums_to_about_100_sums_to_10000_and_any_other_is_refused(
    shares: list[int],
) -> None:
    said = {**DRAFT, "belief": [share / 100 for share in shares]}
    if 9_900 <= sum(shares) <= 10_100:
        assert sum(read_draft(fenced(said), YES_NO, 99).belief) == 10_000
    else:
        with pytest.raises(ReplyError, match="sums to"):
            read_draft(fenced(said), YES_NO, 99)


def test_the_last_fence_counts_and_same_is_a_preference() -> None:
    pair, marks = read_pairwise(fenced({**PAIR, "preference": "first"}) + fenced(PAIR), ("A", "B"))
    assert pair.preference is Preference.SAME
    assert pair.confidence == 7_500
    assert [mark.letter for mark in marks] == ["A", "B"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("yes", "there is no verdict"),
        (json.dumps(DRAFT), "there is no verdict"),
        (f"```json\n{json.dumps(DRAFT)}\n```", "there is no verdict"),
        (fenced(DRAFT) + "Thanks!", "text after the verdict"),
        (fenced("{"), "not JSON"),
        (fenced("[]"), "not a JSON object"),
        (fenced("[" * 100_000), "nested too deeply|not JSON"),
        (fenced('{"answer": "yes", "answer": "no"}'), "'answer' comes twice"),
        (fenced(json.dumps(DRAFT).replace("70,", "NaN,", 1)), "NaN is no figure"),
        (fenced(json.dumps(DRAFT).replace("70,", "Infinity,", 1)), "Infinity is no figure"),
        (fenced({**DRAFT, "answer": "maybe"}), "`answer` 'maybe'"),
        (fenced({**DRAFT, "confidence": 101}), "outside 0..100"),
        (fenced({**DRAFT, "confidence": "70"}), "does not fit"),
        (fenced({**DRAFT, "confidence": True}), "does not fit"),
        (fenced({**DRAFT, "belief": [100]}), "1 entries for 2 options"),
        (fenced({**DRAFT, "belief": []}), "`belief` is missing"),
        (fenced({**DRAFT, "belief": [-1, 101]}), "outside 0..100"),
        (fenced({**DRAFT, "more": 1}), "does not fit"),
        (fenced('{"answer": "\\ud800"}'), "surrogate"),
        (fenced({**DRAFT, "evidence": ["x" * 257]}), "over 256"),
        (fenced({**DRAFT, "rationale": "x" * 8_001}), "does not fit"),
        (fenced({key: DRAFT[key] for key in ("answer", "belief", "evidence")}), "does not fit"),
        (fenced(json.dumps(DRAFT).replace("70,", "1e9999999,", 1)), "no figure of a verdict"),
    ],
)
def test_a_draft_that_is_not_quite_one_is_refused_with_what_is_wrong(reply: str, said: str) -> None:
    with pytest.raises(ReplyError, match=said):
        read_draft(reply, YES_NO, 99)


def test_a_number_is_read_by_the_tally_s_own_rules() -> None:
    said = {"answer": " 0.50 ", "confidence": 50, "rationale": ""}
    assert read_draft(fenced(said), NUMBER, 99).answer == "0.5"
    with pytest.raises(ReplyError):
        read_draft(fenced({**said, "answer": "about 3"}), NUMBER, 99)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pairs": []}, "lacks the comparison of A with B"),
        ({"pairs": BATCH["pairs"] * 2}, "twice"),
        ({"pairs": [{**BATCH["pairs"][0], "second": "Z"}]}, "was not asked"),
        ({"pairs": [{**BATCH["pairs"][0], "preference": "both"}]}, "does not fit"),
        ({"marks": {"A": MARK}}, "lacks candidate 'B'"),
        ({"marks": {"A": MARK, "B": MARK, "C": MARK}}, "unknown candidate 'C'"),
        ({"marks": {"A": MARK, "B": {**MARK, "endorsement": -101}}}, "outside -100..100"),
        ({"marks": {"A": MARK, "B": {**MARK, "critique": "x" * 4_001}}}, "does not fit"),
    ],
)
def test_a_batch_verdict_holds_what_was_asked_and_nothing_else(
    change: dict[str, Any], said: str
) -> None:
    assert len(read_batch(fenced(BATCH), ["A", "B"], [("A", "B")])[1]) == 2
    with pytest.raises(ReplyError, match=said):
        read_batch(fenced({**BATCH, **change}), ["A", "B"], [("A", "B")])


@given(st.text() | st.text().map(fenced))
def test_any_reply_is_read_or_refused(text: str) -> None:
    with pytest.raises(ReplyError):
        read_draft(text, YES_NO, 99)


MANY_KEYS = json.dumps({str(n): 0 for n in range(12_000)})[:-1] + ', "11999": 0}'


@pytest.mark.parametrize("reply", ["```verdict\n" * 100_000, fenced(MANY_KEYS)])
def test_a_reply_made_to_take_long_is_refused_as_fast_as_it_is_read(reply: str) -> None:
    with pytest.raises(ReplyError):
        read_draft(reply, YES_NO, 99)


LETTERS = labels("A", "B", "C")


@pytest.mark.parametrize(
    "answer",
    ["(B)", "B.", "B)", "Answer: B", "**B**", "option 2", "2", "B or C", "\u0412", "\uff22"],
)
def test_a_letter_is_taken_as_the_option_is_spelled_or_asked_for_again(answer: str) -> None:
    said = {**DRAFT, "belief": [20, 70, 10], "answer": answer}
    with pytest.raises(ReplyError, match="is none of the options"):
        read_draft(fenced(said), LETTERS, 99)
    assert read_draft(fenced({**said, "answer": " b "}), LETTERS, 99).answer == "B"


def test_a_number_is_read_with_its_latex_and_with_the_tasks_unit() -> None:
    plain = {key: value for key, value in DRAFT.items() if key != "belief"}
    said = fenced({**plain, "answer": "\\boxed{336^\\circ}"})
    assert read_draft(said, NUMBER, 99).answer == "336"
    km = AnswerSpec(kind=AnswerKind.NUMBER, unit="km")
    assert read_draft(fenced({**plain, "answer": "1,000 km"}), km, 99).answer == "1000"
    with pytest.raises(ReplyError, match=r"`answer` '7 m' is not a number: .* alone or in km"):
        read_draft(fenced({**plain, "answer": "7 m"}), km, 99)


OPEN = {"confidence": 70, "rationale": "So.", "evidence": []}


@pytest.mark.parametrize(
    ("answer", "canonical"),
    [
        ({"b": 1.50, "a": [True, None]}, '{"a":[true,null],"b":1.5}'),
        (7, "7"),
        ("seven", '"seven"'),
        ([], "[]"),
        (None, "null"),
        (False, "false"),
    ],
)
def test_a_json_answer_is_the_value_itself(answer: Any, canonical: str) -> None:
    assert read_draft(fenced({**OPEN, "answer": answer}), JSON, 99).answer == canonical


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"a": 1}', "JSON in a string: write the value itself"),
        ("7", "JSON in a string: write the value itself"),
        ([[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]], "is nested deeper than 16"),
        ("x" * 4_000, "has 4002 characters, over 4000"),
    ],
)
def test_a_json_answer_that_is_none_is_asked_for_again(answer: Any, said: str) -> None:
    with pytest.raises(ReplyError, match=said):
        read_draft(fenced({**OPEN, "answer": answer}), JSON, 99)


def test_a_verdict_may_be_as_long_as_its_bound_and_no_longer() -> None:
    said = json.dumps(DRAFT)
    full = said + " " * (VERDICT_MAX - len(said))
    assert read_draft(fenced(full), YES_NO, 99).answer == "yes"
    with pytest.raises(ReplyError, match=f"has {VERDICT_MAX + 1} characters, over {VERDICT_MAX}"):
        read_draft(fenced(full + " "), YES_NO, 99)
