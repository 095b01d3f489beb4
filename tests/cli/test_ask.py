"""`quorate ask`: every mistake is named before a task is opened."""

from pathlib import Path

import pytest

from consensus.bodies import AnswerKind
from node.cli import exits
from node.cli.question import compose
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
