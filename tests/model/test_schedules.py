"""What spin found in faulty models happens to the core with the same fault, and not without."""

import json
from typing import Any

import pytest

from tests.harness.mutants import apply
from tests.model.mutants import AGREEMENT, FAULTS, HERE, ROUND, Fault
from tests.model.replay import Replay
from tests.model.round_replay import RoundReplay
from tests.model.round_trails import schedule

CORE = [fault for fault in FAULTS if fault.search.model == AGREEMENT]
ROUNDS = [fault for fault in FAULTS if fault.search.model == ROUND]


def _told(fault: Fault) -> Any:
    return json.loads((HERE / "schedules" / f"{fault.search.name.lower()}.json").read_text())


def _played(fault: Fault) -> Replay:
    told = _told(fault)
    replay = Replay(told["byzantine_leads"])
    replay.play(told["steps"])
    return replay


@pytest.mark.parametrize("fault", CORE, ids=lambda fault: fault.search.name.lower())
def test_a_counterexample_breaks_the_core_with_the_fault_in_it(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(fault.changes, monkeypatch)
    replay = _played(fault)
    assert replay.missed == 0  # all that the model did, the core did
    match fault.breaks:
        case "fork":
            assert replay.decided == {b"red", b"blue"}
        case "junk":
            assert b"junk" in replay.decided
        case _:
            assert not replay.all_decided


@pytest.mark.parametrize("fault", CORE, ids=lambda fault: fault.search.name.lower())
def test_a_counterexample_leaves_the_core_as_it_is_agreed_and_deciding(fault: Fault) -> None:
    replay = _played(fault)
    assert len(replay.decided) <= 1
    assert b"junk" not in replay.decided
    replay.calm()
    assert replay.all_decided
    assert len(replay.decided) == 1


@pytest.mark.parametrize("fault", ROUNDS, ids=lambda fault: fault.search.name.lower())
def test_a_counterexample_of_a_round_breaks_its_promise_with_the_fault_in_the_code(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(fault.changes, monkeypatch)
    replay = RoundReplay()
    replay.play(_told(fault)["steps"])
    assert replay.missed == 0  # all that the model did, the code did
    replay.calm()
    assert replay.broken == {fault.breaks}


@pytest.mark.parametrize("fault", ROUNDS, ids=lambda fault: fault.search.name.lower())
def test_a_counterexample_of_a_round_leaves_the_code_as_it_is_with_its_promises_and_a_verdict(
    fault: Fault,
) -> None:
    replay = RoundReplay()
    replay.play(_told(fault)["steps"])
    assert not replay.broken
    replay.calm()
    assert not replay.broken
    assert replay.over


def test_a_calm_round_of_the_replay_breaks_nothing() -> None:
    replay = RoundReplay()
    replay.calm()
    assert replay.over
    assert (replay.broken, replay.missed) == (set(), 0)


def test_a_trail_of_a_round_becomes_steps_with_names() -> None:
    trail = (
        "0 commit 0 1", "1 report 0 1", "3 commit 0 8", "2 leaves 0 0", "0 seal 1 1",
        "1 carried 0 3", "2 carried 0 0", "3 carried 0 9", "0 decided 0 1",
        "3 carried 0 0", "0 decided 0 39",
    )  # fmt: skip
    assert schedule(trail) == [
        ["commit", 0],
        ["close", 1, "slate", [0]],
        ["commit", "byzantine", "early one"],
        ["leaves", 2],
        ["seal", 0],
        ["decide", "slate", [1, 2], [0, "early one"], [0]],
        ["decide", "slate", [], None, [0, 1, 2, "late"]],
    ]


def test_every_schedule_belongs_to_a_fault() -> None:
    names = {path.stem for path in (HERE / "schedules").glob("*.json")}
    assert names == {fault.search.name.lower() for fault in FAULTS}
