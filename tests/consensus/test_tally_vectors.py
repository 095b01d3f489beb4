"""The golden tallies: what members sign never changes by accident (habit 6, V5)."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from consensus.policy import Policy
from consensus.tally import Status
from tests.vectors import check_tally, generate_tally

TALLIED = ("rule", "weights", "mask", "endorsements", "ballots", "strengths_over")
"""Choices of a policy that change what a tally comes to."""


def test_the_core_gives_the_golden_figures() -> None:
    assert list(check_tally.differences()) == []


@pytest.mark.parametrize("name", list(generate_tally.FILES))
def test_the_generator_writes_what_is_committed(name: str) -> None:
    committed = (check_tally.HERE / name).read_text(encoding="utf-8")
    assert committed == generate_tally.render(name)


def test_the_golden_tallies_cover_every_end_of_a_round() -> None:
    rounds = [
        round_
        for task in check_tally.load("tally.json")["tasks"].values()
        for round_ in task["figures"]
    ]
    statuses = {round_["tally"]["status"] for round_ in rounds}
    assert statuses >= {str(status) for status in Status} - {"no_candidates"}
    assert len({round_["plateau"]["reason"] for round_ in rounds}) >= 4
    assert {round_["tally"]["robust"]["fragile"] for round_ in rounds} == {True, False}
    assert any(round_["tally"]["void"] for round_ in rounds)
    assert any(round_["tally"]["refused"] for round_ in rounds)


def test_the_golden_tallies_cover_every_rule_and_option() -> None:
    tasks = check_tally.load("tally.json")["tasks"].values()
    policies = [Policy(**task["given"]["policy"]) for task in tasks]
    for item in fields(Policy):
        if item.name in TALLIED:
            assert {getattr(policy, item.name) for policy in policies} == set(
                item.metadata["choices"]
            ), item.name


def test_a_changed_figure_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in generate_tally.FILES:
        text = (check_tally.HERE / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace('"ballots": 4', '"ballots": 5'), encoding="utf-8")
    monkeypatch.setattr(check_tally, "HERE", tmp_path)
    found = list(check_tally.differences())
    assert found
    assert all(".tally.ballots is 4, the vector says 5" in line for line in found)


def test_the_check_runs_on_a_bare_interpreter() -> None:
    root = Path(__file__).parents[2]
    code = f"import sys, runpy; sys.path.insert(0, {str(root)!r}); " + (
        "runpy.run_module('tests.vectors.check_tally', run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "golden tallies hold" in ran.stdout
