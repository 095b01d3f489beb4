"""What spin found in faulty models happens to the core with the same fault, and not without."""

import json

import pytest

from consensus.agreement.instance import Instance
from tests.model.mutants import AGREEMENT, FAULTS, HERE, Fault
from tests.model.replay import Replay, faulty

CORE = [fault for fault in FAULTS if fault.search.model == AGREEMENT]


def _played(fault: Fault, kind: type[Instance]) -> Replay:
    told = json.loads((HERE / "schedules" / f"{fault.search.name.lower()}.json").read_text())
    replay = Replay(told["byzantine_leads"], kind)
    replay.play(told["steps"])
    return replay


@pytest.mark.parametrize("fault", CORE, ids=lambda fault: fault.search.name.lower())
def test_a_counterexample_breaks_the_core_with_the_fault_in_it(fault: Fault) -> None:
    replay = _played(fault, faulty(fault))
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
    replay = _played(fault, Instance)
    assert len(replay.decided) <= 1
    assert b"junk" not in replay.decided
    replay.calm()
    assert replay.all_decided
    assert len(replay.decided) == 1


def test_every_schedule_belongs_to_a_fault() -> None:
    names = {path.stem for path in (HERE / "schedules").glob("*.json")}
    assert names == {fault.search.name.lower() for fault in CORE}
