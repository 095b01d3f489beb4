"""Seeded schedules: no two honest members decide differently, and all decide.

Each is a committee with a Byzantine minority, delay, loss, copies, reordering, partitions, crashes,
torn writes, wall clocks that jump, wrong news about links and hanging models. Checked as it runs:
every point of every round, one envelope a slot, nobody honest convicted or struck, and what
`node.sim.promises` lists; and at its end every honest member's verdict.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from consensus.agreement.validity import Valid
from consensus.deliberation.requests import DraftRequest, JudgeRequest
from consensus.policy import RULES, STOPS
from node.sim.choices import fewest
from node.sim.mallory import HABITS
from node.sim.member import LivenessError, SafetyError, SimNode
from node.sim.people import FORGED_NOTES
from node.sim.replay import agree, play, shrink, smallest
from node.sim.schedule import TWINS, Crash, Schedule
from node.sim.trial import PATIENCE_MS, Trial
from tests.harness.scale import scaled

CHUNKS = 8
AMOUNTS = {
    (agree, 4): scaled(quick=400, commit=20_000, night=1_000_000),
    (agree, 7): scaled(quick=40, commit=2_000, night=100_000),
    (agree, 16): scaled(quick=8, commit=200, night=10_000),
    (play, 4): scaled(quick=64, commit=3_000, night=150_000),
    (play, 7): scaled(quick=8, commit=300, night=15_000),
}
"""Schedules by game and members."""


def held(game: Callable[[int, int], bytes], seed: int, members: int) -> None:
    """Play a seed. A failure says how to play it again, and tells it with the fewest faults."""
    try:
        game(seed, members)
    except Exception as error:
        for line in smallest(seed, members, agreement=game is agree):
            error.add_note(line)
        raise


@pytest.mark.adversary
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize(
    ("game", "members"), AMOUNTS, ids=[f"{game.__name__}-{n}" for game, n in AMOUNTS]
)
def test_honest_members_decide_and_decide_the_same(
    game: Callable[[int, int], bytes], members: int, chunk: int
) -> None:
    for seed in range(chunk, AMOUNTS[game, members], CHUNKS):
        held(game, seed, members)


@pytest.mark.parametrize("game", [agree, play], ids=["agree", "play"])
def test_schedule_is_a_function_of_its_seed(game: Callable[..., bytes]) -> None:
    lines: list[list[str]] = [[], []]
    ids = [game(7, write=into.append) for into in lines]
    assert ids[0] == ids[1]
    assert lines[0] == lines[1]
    assert len(lines[0]) > 20


@pytest.mark.parametrize("members", [4, 7, 16])
def test_schedules_have_as_many_byzantine_members_as_are_tolerated(members: int) -> None:
    drawn = [Schedule.drawn(seed, members) for seed in range(40)]
    assert all(len(one.mallories) == (members - 1) // 3 for one in drawn)
    assert all(crash.position in one.good for one in drawn for crash in one.crashes)


def test_every_habit_and_every_kind_of_fault_is_drawn() -> None:
    drawn = [Schedule.drawn(seed) for seed in range(400)]
    habits = {habit for one in drawn for _, some in one.mallories for habit in some}
    assert habits == {*HABITS, TWINS, FORGED_NOTES}
    assert any(crash.torn for one in drawn for crash in one.crashes)
    assert all(any(getattr(one, name) for one in drawn) for name in ("jumps", "flaps", "hangs"))
    barriers = [barrier for one in drawn for barrier in one.weather.barriers]
    assert any(one.kinds for one in barriers)
    assert any(one.views for one in barriers)
    assert {one.policy.endorsements for one in drawn} == {"scaled", "credits"}
    assert {one.policy.rule for one in drawn} == {*RULES}
    assert {stop for one in drawn for stop in one.policy.stop_names} == {*STOPS}
    assert {one.policy.dials for one in drawn} == {"follow", "maci", "ucb"}
    assert any(one.budget.tokens for one in drawn if one.policy.dials == "ucb")


def test_every_way_of_handing_in_a_note_is_drawn_and_most_schedules_have_no_speakers() -> None:
    drawn = [Schedule.drawn(seed) for seed in range(400)]
    assert sum(not one.speakers for one in drawn) > 200
    assert {len(one.said) for one in drawn if one.speakers} == {0, 1, 2, 3}
    assert {len(one.speakers) for one in drawn} == {0, 1, 2, 3}
    said = [note for one in drawn for note in one.said]
    assert any(len({to.face for to in note.handed}) == 2 for note in said)
    assert {len(note.handed) for note in said} == {1, 2, 4}
    assert any(to.at_ms > 3_000 for note in said for to in note.handed)
    assert any(len(face) > 1_000 for note in said for face in note.faces)
    assert {note.number for note in said} == {1, 2, 3}
    forgers = [one for one in drawn for _, habits in one.mallories if FORGED_NOTES in habits]
    assert forgers and all(one.speakers for one in forgers)


def test_schedules_that_name_no_speakers_are_what_they_were_without_any() -> None:
    """Notes are drawn by themselves, last: nothing else of a schedule depends on them."""
    plain = [Schedule.drawn(seed) for seed in range(60)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.sim.people.SPOKEN", 1.0)
        spoken = [Schedule.drawn(seed) for seed in range(60)]
    for one, other in zip(plain, spoken, strict=True):
        assert other.speakers
        bad = tuple((at, habits - {FORGED_NOTES}) for at, habits in other.mallories)
        ours = tuple((at, habits - {FORGED_NOTES}) for at, habits in one.mallories)
        assert replace(other, speakers=(), said=(), mallories=bad) == replace(
            one, speakers=(), said=(), mallories=ours
        )


def test_models_are_told_notes_whole_and_cut_in_all_ways_of_asking() -> None:
    """The checks of what is told check something."""
    told: list[tuple[type, bool]] = []

    class Listening(Trial):
        def asked(self, node: SimNode, request: DraftRequest | JudgeRequest) -> None:
            super().asked(node, request)
            told.extend((type(request), said.cut) for said in request.remarks.told)

    seeds = (seed for seed in range(400) if Schedule.drawn(seed).said)
    wanted = {(DraftRequest, False), (JudgeRequest, False), (DraftRequest, True)}
    for seed in seeds:
        Listening(Schedule.drawn(seed)).play()
        if wanted <= set(told):
            break
    assert wanted <= set(told)


@pytest.mark.parametrize(("game", "flag"), [(agree, " --agreement"), (play, "")])
def test_failing_schedule_says_how_to_play_it_again(
    game: Callable[[int, int], bytes], flag: str
) -> None:
    def broken(_: object) -> bytes:
        raise SafetyError("told so")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.sim.agreements.Arena.play", broken)
        patch.setattr("node.sim.trial.Trial.play", broken)
        with pytest.raises(SafetyError) as caught:
            game(41, 7)
    line = f"python -m node.sim{flag} --seed 41 --members 7 --shrink"
    assert any(line in note for note in caught.value.__notes__)


def test_fewest_faults_that_still_fail_are_found() -> None:
    faults = [str(number) for number in range(40)]
    tried: list[frozenset[str]] = []

    def fails(only: frozenset[str]) -> bool:
        tried.append(only)
        return {"3", "17", "31"} <= only

    assert fewest(faults, fails) == ["3", "17", "31"]
    assert len(tried) < 150


def test_failing_schedule_shrinks_to_faults_that_it_takes() -> None:
    """Where every value is valid, a few lies have nonsense decided."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.sim.agreements.VALUES", (b"red",))
        patch.setattr("node.sim.agreements.Arena.check", lambda *_: Valid())
        found = (shrink(seed, 4, agreement=True) for seed in range(200))
        faults = next(faults for faults, failure in found if failure is SafetyError)
    assert 1 <= len(faults) < 20
    assert any(name.startswith("lie") for name in faults)


def test_failing_seed_is_told_by_one_line_that_plays_it_again_and_a_shrunk_trace() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.sim.agreements.VALUES", (b"red",))
        patch.setattr("node.sim.agreements.Arena.check", lambda *_: Valid())
        failing = (seed for seed in range(200) if smallest(seed, 4, agreement=True))
        seed = next(failing)
        whole: list[str] = []
        with pytest.raises(SafetyError):
            agree(seed, write=whole.append)
        with pytest.raises(SafetyError) as caught:
            held(agree, seed, 4)
    described, *told, last = caught.value.__notes__
    assert f"python -m node.sim --agreement --seed {seed} --members 4" in described
    assert last.startswith("SafetyError takes ")
    assert told[-1].startswith("SafetyError: ")
    assert 1 < len(told) < len(whole)


def test_two_dead_of_four_leave_no_quorum_and_are_noticed() -> None:
    """The checks check."""
    dead = tuple(Crash(position=at, persist=1, at_ms=0, away_ms=10 * PATIENCE_MS) for at in (0, 1))
    schedule = replace(Schedule.drawn(0), mallories=(), crashes=dead, flaps=(), jumps=())
    with pytest.raises(LivenessError, match="undecided after all that time: alice, bob"):
        Trial(schedule).play()
