"""The demonstration at a small scale: what it must show, and how it ends when it is stopped."""

import asyncio
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node import federation_file
from node.clock import SystemClock
from node.demo.deal import LABELS, ORGANISATIONS
from node.demo.processes import Processes
from node.demo.reading import read
from node.demo.run import verify
from tests.harness import demo
from tests.harness.demo import CASES, ROOT, WAIT_S, Played, command
from tests.harness.once import once
from tests.harness.tabulating import Decided, tabulate

NAMES = tuple(organisation.name for organisation in ORGANISATIONS)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    return demo.played(once(tmp_path_factory, worker_id, "demo", demo.play))


@pytest.fixture(scope="module")
def report(played: Played) -> Any:
    assert played.code == 0, played.err
    return played.report


def test_every_case_is_decided_and_every_verdict_valid(report: Any) -> None:
    assert report["ok"]
    assert report["failures"] == []
    assert report["decided"] == report["asked"] == CASES
    assert report["verified"]["valid"] == CASES


def test_a_client_whose_opener_is_killed_goes_on_with_another_member(report: Any) -> None:
    killed = report["killed"]
    case = report["cases"][killed["case"] - 1]
    assert case["opener"] == killed["member"]
    assert case["task"] == killed["task"]
    assert case["moved"]
    assert killed["member"] not in case["moved"]


def test_the_killed_member_comes_to_hold_what_it_missed(report: Any) -> None:
    killed = report["killed"]
    assert killed["decided_without_it"] >= 1
    assert killed["caught_up_ms"] is not None


def test_members_take_turns_to_open_and_to_hand_out(report: Any) -> None:
    openers = {case["opener"] for case in report["cases"]}
    exporters = {case["exporter"] for case in report["cases"]}
    assert len(openers) >= len(NAMES) - 1
    assert len(exporters) >= len(NAMES) - 1


def test_each_node_opened_its_own_shard_and_nothing_of_another_organisation(
    played: Played,
) -> None:
    assert set(played.opened) == set(NAMES)
    homes = {name: (played.folder / name).resolve() for name in NAMES}
    for name, opened in played.opened.items():
        assert homes[name] / "shard.npz" in opened
        for other in set(NAMES) - {name}:
            assert [path for path in opened if homes[other] in path.parents] == []


def test_what_is_private_is_its_owners_alone(played: Played) -> None:
    for name in NAMES:
        home = played.folder / name
        for path in (home / "shard.npz", home / "identity" / "identity.key", *home.glob("store/*")):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_table_counts_what_the_verdicts_record(played: Played, report: Any) -> None:
    federation = federation_file.load(played.folder / "federation.toml")
    cases = []
    for case in report["cases"]:
        found = read((played.folder / "verdicts" / case["file"]).read_bytes())
        drafts = {federation.label(key): draft for key, draft in found.drafts.items()}
        cases.append(Decided(truth=case["truth"], drafts=drafts, swarm=found.answer))
    recount = tabulate(cases, NAMES, LABELS)
    said = {row["name"]: (row["right"], row["asked"]) for row in report["accuracy"]}
    for row in (*recount.alone, recount.majority, recount.swarm):
        assert said[row.name] == (pytest.approx(row.right), row.asked)


def test_a_changed_verdict_fails_the_demonstration(played: Played, report: Any) -> None:
    first, second = (case["file"] for case in report["cases"][:2])
    folder = played.folder / "verdicts"
    data = (folder / first).read_bytes()
    damaged = played.folder / "damaged.json"
    damaged.write_bytes(data.replace(b'"decision"', b'"Decision"', 1).replace(b"A", b"B", 1))
    stage: Any = SimpleNamespace(federation_path=played.folder / "federation.toml")
    reading = SimpleNamespace(verdict=report["cases"][0]["verdict"])
    given: Any = [
        SimpleNamespace(path=path, reading=reading)
        for path in (folder / first, damaged, folder / second)
    ]
    clock = SystemClock()
    with Processes(clock) as processes:
        found = asyncio.run(verify(stage, given, processes, clock))
    assert (found.asked, found.valid) == (3, 1)
    assert any("damaged.json is not valid" in problem for problem in found.problems)
    assert any(f"{second} is another verdict" in problem for problem in found.problems)


def test_progress_goes_to_standard_error_and_one_document_to_standard_output(
    played: Played,
) -> None:
    assert "killed (SIGKILL)" in played.err
    assert f"{CASES} of {CASES} cases decided" in played.err
    assert played.report["folder"] == str(played.folder)


def test_nothing_runs_on_afterwards(played: Played) -> None:
    for name in NAMES:
        assert not (played.folder / name / "control.sock").exists()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command("--cases", CASES, "--keep", tmp_path / "out"),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_demonstration_leaves_no_node_behind(
    running: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    assert running.stderr is not None
    while "trains" not in running.stderr.readline():
        assert running.poll() is None
    running.send_signal(number)
    _, said = running.communicate(timeout=WAIT_S)
    assert running.returncode == 130
    assert "every node that was started has been ended" in said
    assert _processes_of(tmp_path) == []


def _processes_of(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and process.name != str(os.getpid()):
            try:
                line = (process / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue  # it has just ended
            if any(str(folder) in word for word in line):
                found.append(" ".join(line))
    return found
