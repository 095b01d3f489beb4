"""A recorded member says what was recorded, of the question that is asked, and nothing more."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from consensus.bodies import Preference
from consensus.policy import ONE
from node.models import recordings, registry
from node.models.base import Failure, ModelError, ModelSetupError
from node.models.guard import Guarded
from node.models.recordings import RecordingError, load
from tests.harness.requests import case, draft_request, judge_request, labels

ABCD = labels("A", "B", "C", "D")
FIRST, SECOND, TIE, SAME = Preference
LETTERS = {"m/one": "A", "m/two": "B", "n/three": "B", "n/four": "C"}


def line(id_: str = "q1", **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": id_,
        "gold": "A",
        "answers": {model: {"answer": letter} for model, letter in LETTERS.items()},
        "rankings": {
            "pool": {
                "ballots": {
                    "m/one": ["m/two", "m/one", "n/four", "n/three"],
                    "m/two": ["n/four", "n/three", "m/one", "m/two"],
                }
            }
        },
    }
    return found | changes


def voted(**changes: Any) -> dict[str, Any]:
    nodes = [{"node": f"n#{at}", "answer": letter} for at, letter in enumerate("ABC")]
    votes = [{"judge": at, "vote": [0.0, 0.5, 0.25]} for at in range(3)]
    return {"id": "v1", "answers": nodes, "votes": {"panel": votes}} | changes


def write(folder: Path, *lines: Any) -> Path:
    path = folder / "data.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    return path


async def member(folder: Path, name: str = "m/one", *lines: Any, pool: str = "pool") -> Guarded:
    path = write(folder, *(lines or [line()]))
    options = {"data": path.name, "pool": pool, "member": name}
    return await registry.load("recorded", options, folder)


async def test_the_draft_is_the_recorded_letter_as_a_vote_in_every_round(tmp_path: Path) -> None:
    model = await member(tmp_path)
    for round_ in (1, 2):
        proposal = await model.draft(draft_request(case(ABCD, "of q1: which?"), round=round_))
        assert (proposal.answer, proposal.belief, proposal.confidence) == ("A", (), ONE)


async def test_nothing_in_a_proposal_tells_whose_of_two_equal_answers_it_is(
    tmp_path: Path,
) -> None:
    request = draft_request(case(ABCD, "q1"))
    two = await (await member(tmp_path, "m/two")).draft(request)
    judge = {"m/two": ["m/one", "m/two", "n/three", "n/four"]}
    lines = line(rankings={"pool": {"ballots": judge}})
    three = await (await member(tmp_path, "n/three", lines)).draft(request)
    assert two == three


async def test_candidates_are_judged_by_letter_and_equal_letters_share_their_places(
    tmp_path: Path,
) -> None:
    # Recorded: two, (one), four, three. Two and three gave B, four gave C.
    model = await member(tmp_path)
    judgment = await model.judge(judge_request(case(ABCD, "q1"), {"x": "B", "y": "C", "z": "b"}))
    said = [(p.first, p.second, p.preference) for p in judgment.pairs]
    assert said == [("x", "y", TIE), ("x", "z", SAME), ("y", "z", TIE)]
    assert judgment.marks == ()


async def test_the_own_recorded_answer_stands_for_no_candidate(tmp_path: Path) -> None:
    # Two ranked four, three, one, (two): its own B came last, another's B second.
    model = await member(tmp_path, "m/two")
    asked = judge_request(case(ABCD, "q1"), {"x": "B", "y": "A", "z": "C"})
    said = {(p.first, p.second): p.preference for p in (await model.judge(asked)).pairs}
    assert said == {("x", "y"): FIRST, ("x", "z"): SECOND, ("y", "z"): SECOND}


async def test_a_letter_that_nobody_else_gave_is_left_out(tmp_path: Path) -> None:
    model = await member(tmp_path)
    judgment = await model.judge(judge_request(case(ABCD, "q1"), {"x": "A", "y": "C", "z": "D"}))
    assert judgment.pairs == ()


async def test_a_vote_compares_by_shares_and_is_silent_on_what_has_none(tmp_path: Path) -> None:
    model = await member(tmp_path, "n#0", voted(), pool="panel")
    asked = judge_request(case(ABCD, "v1"), {"x": "B", "y": "C"})
    (pair,) = (await model.judge(asked)).pairs
    assert (pair.preference, pair.confidence) == (FIRST, 3_333)  # 0.5 of 0.75
    nothing = [{"judge": at, "vote": [1.0, 0.0, 0.0]} for at in range(3)]
    model = await member(tmp_path, "n#0", voted(votes={"panel": nothing}), pool="panel")
    assert (await model.judge(asked)).pairs == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("q9: which?", "names no question"),
        ("q1, q2: which?", "names 2 recorded questions, q1 first"),
    ],
)
async def test_a_case_that_names_no_single_question_is_refused(
    tmp_path: Path, text: str, why: str
) -> None:
    model = await member(tmp_path, "m/one", line("q1"), line("q2"))
    with pytest.raises(ModelError, match=why) as caught:
        await model.draft(draft_request(case(ABCD, text)))
    assert caught.value.failure is Failure.CASE
    with pytest.raises(ModelError, match=why):
        await model.judge(judge_request(case(ABCD, text), {"x": "B", "y": "C"}))


async def test_a_missing_answer_ballot_or_option_is_an_abstention(tmp_path: Path) -> None:
    silent = {**line()["answers"], "m/one": {"answer": "[no letter found]"}}
    model = await member(tmp_path, "m/one", line(answers=silent))
    with pytest.raises(ModelError, match="no answer of m/one to q1 is recorded"):
        await model.draft(draft_request(case(ABCD, "q1")))
    model = await member(tmp_path, "n/four")
    with pytest.raises(ModelError, match="C, recorded for q1, is no option of the task"):
        await model.draft(draft_request(case(labels("A", "B"), "q1")))
    with pytest.raises(ModelError, match="no judgment by n/four on q1 is recorded") as caught:
        await model.judge(judge_request(case(ABCD, "q1"), {"x": "A", "y": "B"}))
    assert caught.value.failure is Failure.CASE


async def test_the_description_names_family_model_and_source(tmp_path: Path) -> None:
    found = (await member(tmp_path)).describe()
    assert (found.family, found.name) == ("m", "recorded m/one")
    assert found.detail == {
        "data": "data.jsonl.gz",
        "pool": "pool",
        "questions": "1",
        "judged": "1",
    }


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"data": "nowhere"}, "cannot be read: .*hle_council, hle_weighted_consensus"),
        ({"pool": "p"}, "has no pool 'p'; it has: (near_equals|with_fable), "),
        ({"member": "x"}, "'x' is no member of near_equals; its members are: anthropic/"),
        ({"chair": "x"}, "chair"),
    ],
)
async def test_wrong_options_say_what_there_is(
    tmp_path: Path, changes: dict[str, str], why: str
) -> None:
    options = {"data": "hle_council", "pool": "near_equals", "member": "x-ai/grok-4.5"}
    with pytest.raises(ModelSetupError, match=why):
        await registry.load("recorded", options | changes, tmp_path)


BALLOT = ["m/one", "m/two", "n/three", "n/four"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"id": "two words"}, "no single word"),
        ({"gold": "AB"}, "'AB' is no letter"),
        ({"answers": {}}, "0 answers; 1 to"),
        ({"answers": {f"m{at}": {"answer": "A"} for at in range(65)}}, "65 answers; 1 to 64"),
        ({"rankings": {"pool": {"ballots": {"m/one": [*BALLOT, "m/one"]}}}}, "twice"),
        ({"rankings": {"pool": {"ballots": {"m/one": [*BALLOT, "x"]}}}}, "without answer"),
        ({"rankings": {"pool": {"ballots": {"m/one": BALLOT[1:]}}}}, "lacks its own"),
        (
            {"rankings": {"pool": {"ballots": {"m/one": BALLOT, "m/two": BALLOT[:3]}}}},
            "other members",
        ),
        ({"answers": voted()["answers"] * 2}, "two answers are of one node"),
        (
            voted(id="q2", rankings={}, votes={"p": [{"judge": 3, "vote": [1, 0, 0]}] * 3}),
            "judge 3 votes",
        ),
        (
            voted(id="q2", rankings={}, votes={"p": [{"judge": 0, "vote": [1, 0]}] * 3}),
            "no share of 0 to 1",
        ),
        (
            voted(id="q2", rankings={}, votes={"p": [{"judge": 0, "vote": [2, 0, 0]}] * 3}),
            "no share of 0 to 1",
        ),
    ],
)
def test_a_line_that_cannot_be_is_named(tmp_path: Path, wrong: Any, why: str) -> None:
    path = write(tmp_path, line("q1"), line("q2", **wrong))
    with pytest.raises(RecordingError, match=rf"line 2: .*{why}.*mend or drop the line"):
        load(path.name, tmp_path)


def test_a_question_that_is_there_twice_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, line("q1"), line("q1"))
    with pytest.raises(RecordingError, match="line 2: the question q1 is there twice"):
        load(path.name, tmp_path)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "holds no question"),
        (b"{]\n", "line 1"),
        (gzip.compress(b"x" * 100, mtime=0)[:-9], "cannot be unpacked"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(RecordingError, match=why):
        load("f", tmp_path)


def test_a_file_is_read_up_to_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = write(tmp_path, line())
    text = gzip.decompress(packed.read_bytes())
    size = len(packed.read_bytes())
    monkeypatch.setattr(recordings, "TEXT_MAX", len(text))
    monkeypatch.setattr(recordings, "FILE_MAX", size)
    assert load(packed.name, tmp_path).questions
    monkeypatch.setattr(recordings, "TEXT_MAX", len(text) - 1)
    with pytest.raises(RecordingError, match="unpacks to over"):
        load(packed.name, tmp_path)
    monkeypatch.setattr(recordings, "FILE_MAX", size - 1)
    with pytest.raises(RecordingError, match="is over"):
        load(packed.name, tmp_path)
