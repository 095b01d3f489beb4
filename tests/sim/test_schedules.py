"""Two thousand seeded schedules: no two honest members decide differently, and all decide.

Each is a committee with a Byzantine minority, delay, loss, reordering, partitions, crashes,
wrong news about links and hanging models. Checked as it runs: every point of every round, one
envelope a slot, nobody honest convicted; and at its end every honest member's verdict.
"""

from dataclasses import replace

import pytest

from node.sim.member import SafetyError
from node.sim.schedule import PATIENCE_MS, Crash, LivenessError, Schedule, Trial, play

SCHEDULES = 2_000
CHUNK = 50


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_honest_members_decide_and_decide_the_same(first: int) -> None:
    for seed in range(first, first + CHUNK):
        play(seed)  # a failure says how to play its seed again


def test_schedule_is_a_function_of_its_seed() -> None:
    lines: list[list[str]] = [[], []]
    ids = [play(7, write=into.append) for into in lines]
    assert ids[0] == ids[1]
    assert lines[0] == lines[1]
    assert len(lines[0]) > 20


def test_most_schedules_have_four_members_and_every_one_a_byzantine_minority() -> None:
    drawn = [Schedule.drawn(seed) for seed in range(SCHEDULES)]
    sizes = [schedule.members for schedule in drawn]
    assert sizes.count(4) > SCHEDULES * 4 // 5
    assert {4, 5, 7} == set(sizes)
    assert all(len(one.mallories) == (one.members - 1) // 3 for one in drawn)


def test_failing_schedule_names_its_seed() -> None:
    class Broken(Trial):
        def play(self) -> bytes:
            raise SafetyError("told so")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.sim.schedule.Trial", Broken)
        with pytest.raises(SafetyError) as caught:
            play(41)
    assert any("python -m node.sim --seed 41" in note for note in caught.value.__notes__)


def test_two_dead_of_four_leave_no_quorum_and_are_noticed() -> None:
    """The checks check."""
    dead = tuple(Crash(position=at, persist=1, at_ms=0, away_ms=10 * PATIENCE_MS) for at in (0, 1))
    schedule = replace(Schedule.drawn(0), members=4, mallories=(), crashes=dead, flaps=())
    with pytest.raises(LivenessError, match="undecided after all that time: alice, bob"):
        Trial(schedule).play()
