"""`quorate ask`: every mistake is named before a task is opened, and how a task may end."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consensus.bodies import AnswerKind
from node import config as node_config
from node import federation_file
from node.cli import ask, exits
from node.cli.question import compose
from node.follow import FollowError
from node.wire.control import ControlError
from node.wire.watch import Event
from tests.cli.conftest import Decided
from tests.harness.command import Command

OPTIONS = ("--options", "a,b")


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


# -- a question as it is composed ---------------------------------------------------------


def test_a_question_takes_its_answers_from_the_command_line() -> None:
    made = compose(
        text="Which?", case=None, options=" a, b ,c", labels=None, number=False, policy=()
    )
    assert [part.text for part in made.messages] == ["Which?"]
    assert (made.answer.kind, made.answer.options) == (AnswerKind.CHOICE, ("a", "b", "c"))
    assert made.policy == {}


def test_labels_come_one_a_line_and_may_hold_commas(tmp_path: Path) -> None:
    labels = written(tmp_path / "labels", "up, or so\n\n  down\n")
    made = compose(text="?", case=None, options="", labels=labels, number=False, policy=())
    assert (made.answer.kind, made.answer.options) == (AnswerKind.LABEL, ("up, or so", "down"))


def test_a_number_needs_no_options() -> None:
    made = compose(text="How many?", case=None, options="", labels=None, number=True, policy=())
    assert (made.answer.kind, made.answer.options) == (AnswerKind.NUMBER, ())


def test_a_free_text_takes_no_options_and_is_one_way_of_five() -> None:
    made = compose(
        text="Why?", case=None, options="", labels=None, number=False, free=True, policy=()
    )
    assert (made.answer.kind, made.answer.options) == (AnswerKind.TEXT, ())
    with pytest.raises(exits.CliError, match=r"in one way: .* or --number or --text"):
        compose(text="Why?", case=None, options="", labels=None, number=True, free=True, policy=())


def test_a_number_may_have_a_unit_and_nothing_else_has_one() -> None:
    asked: dict[str, Any] = {"text": "How far?", "case": None, "labels": None, "policy": ()}
    made = compose(**asked, options="", number=True, unit="km")
    assert (made.answer.kind, made.answer.unit) == (AnswerKind.NUMBER, "km")
    with pytest.raises(exits.CliError, match="--unit is of a number: say --number too"):
        compose(**asked, options="a,b", number=False, unit="km")
    with pytest.raises(exits.CliError, match="the unit is padded with space"):
        compose(**asked, options="", number=True, unit=" km")


def test_an_answer_may_be_a_json_value() -> None:
    asked: dict[str, Any] = {"text": "Which?", "case": None, "labels": None, "policy": ()}
    made = compose(**asked, options="", number=False, structured=True)
    assert (made.answer.kind, made.answer.options) == (AnswerKind.JSON, ())
    with pytest.raises(exits.CliError, match="say what an answer may be, in one way"):
        compose(**asked, options="a,b", number=False, structured=True)


def test_a_case_has_parts_of_text_and_of_numbers_behind_the_question(tmp_path: Path) -> None:
    case = written(
        tmp_path / "case.json",
        '{"messages": [{"role": "system", "text": "A scan."}, {"vector": [0, 0.5, 16]}]}',
    )
    made = compose(
        text="Which digit?", case=case, options="0,1", labels=None, number=False, policy=()
    )
    assert [part.text for part in made.messages] == ["Which digit?", "A scan.", ""]
    assert [part.role for part in made.messages] == ["user", "system", "user"]
    assert made.messages[2].vector == (0.0, 0.5, 16.0)
    alone = compose(text="", case=case, options="0,1", labels=None, number=False, policy=())
    assert len(alone.messages) == 2


def test_policy_fields_are_numbers_or_names() -> None:
    policy = ("rounds=2", " rule = borda ")
    made = compose(text="?", case=None, options="a,b", labels=None, number=False, policy=policy)
    assert made.policy == {"rounds": 2, "rule": "borda"}


# -- mistakes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("?",), "say what an answer may be, in one way"),
        (("?", *OPTIONS, "--number"), "say what an answer may be, in one way"),
        (("?", "--options", "a"), "options: 2 to 256 are needed"),
        (("?", "--options", "a,a"), "options must be distinct"),
        (("?", "--options", "a,,b"), "an option is empty or padded with space"),
        (("", *OPTIONS), "the prompt is empty"),
        (("  ", *OPTIONS), "the prompt is empty"),
        (("?", *OPTIONS, "--policy", "rounds"), "--policy 'rounds' is not NAME=VALUE"),
        (("?", *OPTIONS, "--policy", "round=2"), "there is no policy field 'round'; there are: "),
        (("?", *OPTIONS, "--policy", "rounds=x"), "policy.rounds is 'x', but must be an integer"),
        (("?", *OPTIONS, "--policy", "rounds=99"), "policy.rounds is 99; it must be 1 to 16"),
        (
            ("?", *OPTIONS, "--policy", "rounds=1", "--policy", "rounds=2"),
            "--policy gives rounds twice",
        ),
        (("?", *OPTIONS, "--policy", "rule=best"), "policy.rule is 'best'; it can be: blend"),
        (("?", *OPTIONS, "--member", "eve"), "no member is called 'eve'; the members are: alice"),
        (("?", *OPTIONS, "--mode", "wild"), "--mode"),
        (("?", *OPTIONS, "--timeout", "0"), "--timeout"),
        (("?", "--labels", "nowhere"), "cannot read nowhere: No such file or directory"),
        (("?", *OPTIONS, "--case", "nowhere"), "cannot read nowhere: No such file or directory"),
        (("?", "--task", "abcd"), "--task follows a question that was asked"),
        (("--task", "not hex"), "--task 'not hex' is not the first 4 to 64 hex digits"),
        (("--task", "abcd"), "alice knows no task that begins with abcd: give its whole id"),
    ],
)
def test_a_mistake_is_one_line_and_no_task(
    quorate: Command,
    decided: Decided,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = quorate("ask", decided.home, *arguments)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is not a case: Expected `object`, got `array`; it looks like {"),
        ('{"messages": []}', "holds no message, and no question was given"),
        ('{"messages": [{"text": "x"}, {}]}', "message 2: the prompt is empty"),
        ('{"messages": [{"vector": [1e999]}]}', "out of range"),
        ('{"messages": [{"vector": [NaN]}]}', "is not a case: JSON is malformed"),
        ('{"messages": [{"txt": "x"}]}', "unknown field `txt`"),
        ("{", "is not a case: Input data was truncated"),
    ],
)
def test_a_case_that_is_none_is_named_with_its_file_and_fault(
    quorate: Command, decided: Decided, tmp_path: Path, text: str, said: str
) -> None:
    case = written(tmp_path / "case.json", text)
    ran = quorate("ask", decided.home, *OPTIONS, "--case", case)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert str(case) in ran.err
    assert said in ran.err


def test_labels_that_are_none_are_named_with_their_file(
    quorate: Command, decided: Decided, tmp_path: Path
) -> None:
    labels = written(tmp_path / "labels", "one\none\n")
    ran = quorate("ask", decided.home, "?", "--labels", labels)
    assert ran.err == f"quorate: {labels}: options must be distinct\n"
    labels.write_bytes(b"\xff\n")
    assert "is not UTF-8" in quorate("ask", decided.home, "?", "--labels", labels).err


def test_where_no_node_runs_it_is_said_how_to_start_one(quorate: Command, decided: Decided) -> None:
    ran = quorate("ask", decided.home, "?", *OPTIONS)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert "no node is running here" in ran.err
    assert f"quorate serve {decided.home}" in ran.err


# -- how it ends --------------------------------------------------------------------------

TASK = bytes([5]) * 32
OPEN = Event(task=TASK, round=0, kind="open", detail={"members": [], "tolerates": "nothing at all"})


def reported(decided: Decided, *events: Event | Exception, as_json: bool = False) -> int:
    """The exit code of a task that is told by these events."""

    async def told() -> AsyncIterator[Event]:
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    config, federation = node_config.load(decided.home), federation_file.load(decided.federation)
    return asyncio.run(ask.report(config, federation, told(), as_json))


@pytest.mark.parametrize(("round_", "where"), [(0, "before the first round"), (2, "in round 2")])
def test_a_task_whose_time_ran_out_has_no_answer(
    decided: Decided, capsys: pytest.CaptureFixture[str], round_: int, where: str
) -> None:
    expired = Event(task=TASK, round=round_, kind="expired", detail={"phase": "judge"})
    assert reported(decided, OPEN, expired) == exits.NEGATIVE
    out, err = capsys.readouterr()
    assert out == f"No answer: the time ran out {where} (judge)\nTask       {TASK.hex()}\n"
    assert f"task {TASK.hex()} is open" in err


def test_programs_are_told_of_an_expired_task_as_of_a_verdict(
    decided: Decided, capsys: pytest.CaptureFixture[str]
) -> None:
    expired = Event(task=TASK, round=1, kind="expired", detail={"phase": "judge"})
    assert reported(decided, OPEN, expired, as_json=True) == exits.NEGATIVE
    found = json.loads(capsys.readouterr().out)
    assert (found["warnings"], found["status"], found["answer"]) == ([], "expired", None)
    assert (found["verdict"], found["task"], found["phase"]) == (None, TASK.hex(), "judge")


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (Event(task=TASK, round=0, kind="unknown", detail={"reason": "not here"}), "not here"),
        (FollowError("no other member can be followed"), "no other member can be followed"),
        (ControlError("the task is refused"), "the task is refused"),
    ],
)
def test_a_task_that_cannot_be_followed_is_said_in_one_line(
    decided: Decided, last: Event | Exception, said: str
) -> None:
    with pytest.raises(exits.CliError, match=said) as raised:
        reported(decided, last)
    assert raised.value.code == exits.UNUSABLE
