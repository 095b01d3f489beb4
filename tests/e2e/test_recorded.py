"""Five recorded members as processes of their own, and the exam at a small scale."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from node.demo.hle import POOLS
from node.demo.run import document
from node.models.recordings import load
from tests.harness.demo import ROOT, WAIT_S, command
from tests.harness.once import once
from tests.harness.real_nodes import RealSwarm, quorate, told

NODES = load("hle_weighted_consensus", Path())
(PANEL,) = NODES.pools
FIVE = NODES.pools[PANEL][:5]
CASES = 3


def test_five_recorded_members_decide_and_anyone_verifies_it(tmp_path: Path) -> None:
    models = {
        member.replace("#", "-"): {"data": NODES.name, "pool": PANEL, "member": member}
        for member in FIVE
    }
    asked = [item for item in NODES.judged_by(PANEL) if item.gold is not None][:2]
    with RealSwarm(tmp_path, models, backend="recorded") as swarm:
        swarm.all_up()
        for opener, item in zip(swarm.nodes.values(), asked, strict=False):
            letters = ",".join(NODES.letters)
            ran = quorate(
                *("ask", opener.home, f"{item.id}: which letter?", "--options", letters),
                *("--policy", "rounds=1", "--json"),
            )
            found = told(ran)
            assert found["status"] == "decided"
            assert found["answer"] in {item.answers[member] for member in FIVE}
            shown = told(quorate("verdict", "show", opener.home, found["task"], "--json"))
            (round_,) = shown["rounds"]
            said = {m: s["answer"] for s in round_["standings"] for m in s["members"]}
            assert said == {m.replace("#", "-"): item.answers[m] for m in FIVE}


def sit(base: Path) -> None:
    """The exam in `base`, as the command has it sat."""
    done = subprocess.run(
        command("--task", "hle", "--json", "--cases", CASES, "--keep", base / "out"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 0, done.stderr
    (base / "said.json").write_text(done.stdout)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Any:
    base = once(tmp_path_factory, worker_id, "exam", sit)
    said = json.loads((base / "said.json").read_text())
    assert json.loads((base / "out" / "report.json").read_text()) == said
    return said


def test_each_pool_decides_its_questions_in_both_ways(report: Any) -> None:
    assert report["ok"]
    assert [(part["name"], part["way"]) for part in report["reports"]] == [
        (pool, way) for pool in POOLS for way in ("blend", "bradley_terry")
    ]
    for part in report["reports"]:
        assert part["decided"] == part["asked"] == part["verified"]["valid"] == CASES
        assert part["cost"]["rounds"] == 1


def test_the_exams_figures_are_those_of_its_cases(report: Any) -> None:
    for part in report["reports"]:
        first = [case["tied"] or [case["answer"]] for case in part["cases"]]
        truths = [case["truth"] for case in part["cases"]]
        split = sum((t in f) / len(f) for t, f in zip(truths, first, strict=True))
        assert part["split"]["right"] == pytest.approx(split)
        assert part["oracle"]["right"] == sum(
            case["truth"] in case["drafts"].values() for case in part["cases"]
        )


def test_a_document_without_failures_is_well() -> None:
    assert document("hle", [])["ok"]
