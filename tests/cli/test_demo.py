"""`quorate demo` where it does not even begin; tests/e2e has it running."""

import sys
from pathlib import Path

import pytest

from tests.harness.command import Command


def test_files_of_others_are_left_alone(quorate: Command, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    ran = quorate("demo", "--keep", tmp_path)
    assert ran.code == 2
    assert "name another directory with --keep" in ran.err
    assert ran.out == ""
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--cases", 2),
        ("--cases", 1_001),
        ("--seed", -1),
        ("--concurrency", 0),
        ("--concurrency", 33),
    ],
)
def test_what_is_out_of_range_is_refused(
    quorate: Command, tmp_path: Path, wrong: tuple[str, int]
) -> None:
    ran = quorate("demo", "--keep", tmp_path / "out", *wrong)
    assert ran.code == 2
    assert wrong[0] in ran.err
    assert not (tmp_path / "out").exists()


def test_the_exam_has_no_draw(quorate: Command, tmp_path: Path) -> None:
    ran = quorate("demo", "--task", "hle", "--seed", 1, "--keep", tmp_path / "out")
    assert ran.code == 2
    assert "the exam has no draw: leave --seed out" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_task_that_is_not_there_is_refused_with_those_that_are(
    quorate: Command, tmp_path: Path
) -> None:
    ran = quorate("demo", "--task", "chess", "--keep", tmp_path / "out")
    assert ran.code == 2
    assert "'digits', 'hle'" in ran.err


def test_without_the_classifier_extra_it_says_what_to_install(
    quorate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("node.demo.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    ran = quorate("demo", "--keep", tmp_path / "out")
    assert ran.code == 2
    assert "pip install 'quorate[classifier]'" in ran.err
    assert not (tmp_path / "out").exists()
