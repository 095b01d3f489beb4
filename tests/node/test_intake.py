"""Which tasks a member takes part in, refuses with a signature, or leaves unanswered (S7, T3)."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from consensus.bodies import AnswerKind, AnswerSpec, Budget, Content, Speaker, TaskOpen
from consensus.committee import Committee, FaultMode
from consensus.envelope import Ctx, Kind
from consensus.ports import Message
from node.config import LimitsConfig
from node.federation import Client, Federation
from node.intake import FOLLOWED, MINUTE_MS, REFUSALS, Intake, Load
from node.keys import SigningKey
from node.wire import codec
from tests.harness.cast import ALICE, BOB, CAROL, DAVE, MALLORY, committee, ctx, key, signed
from tests.harness.federations import entry, federation, person

NOW = 1_700_000_000_000
LIMITS = LimitsConfig(tasks=8, opener_tasks_per_minute=5, task_life_s=600)
IDLE = Load(running=Counter(), followed=Counter())


@pytest.fixture(scope="module")
def orchard(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    home = tmp_path_factory.mktemp("people")
    people = [person(home, name) for name in ("alice", "bob", "carol", "dave")]
    return federation(
        *(entry(one, address=f"127.0.0.1:{7400 + at}") for at, one in enumerate(people))
    )


@pytest.fixture
def intake(orchard: Federation) -> Intake:
    return Intake(federation=orchard, limits=LIMITS, skew_ms=60_000)


def task(
    orchard: Federation, *, by: SigningKey = ALICE, of: Committee | None = None, **changes: Any
) -> Message:
    """A TaskOpen of `by`, as it comes out of the gate."""
    chosen = of or orchard.committee(
        [key.public for key in (ALICE, BOB, CAROL, DAVE)], FaultMode.BYZANTINE, committee().policy
    )
    spec = TaskOpen(
        committee=chosen,
        messages=(Content(text="?"),),
        answer=AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b")),
        domain="",
        opened_at_ms=NOW,
        not_after_ms=NOW + 60_000,
        budget=Budget(),
        nonce=bytes(16),
    )
    spec = replace(spec, **changes)
    envelope = signed(by, Kind.TASK_OPEN, ctx(chosen), spec)
    body = codec.decode(Kind.TASK_OPEN, envelope.payload)
    return Message(envelope=envelope, kind=Kind.TASK_OPEN, ctx=Ctx.unpack(envelope.ctx), body=body)


def load(running: dict[SigningKey, int], followed: dict[SigningKey, int] | None = None) -> Load:
    """So many tasks here of each opener."""
    return Load(
        running=Counter({key.public: count for key, count in running.items()}),
        followed=Counter({key.public: count for key, count in (followed or {}).items()}),
    )


def test_a_task_within_all_bounds_is_taken(intake: Intake, orchard: Federation) -> None:
    assert intake.problem(task(orchard), IDLE, NOW) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"opened_at_ms": NOW - 9, "not_after_ms": NOW - 1}, "the task expired 1 ms ago"),
        (
            {"opened_at_ms": NOW + 60_001, "not_after_ms": NOW + 60_002},
            "the task was opened 60001 ms in the future",
        ),
        (
            {"not_after_ms": NOW + 600_001},
            "the task lives 600001 ms; this member keeps votes 600 s",
        ),
    ],
)
def test_a_task_out_of_its_time_is_refused_with_the_figures(
    intake: Intake, orchard: Federation, changes: dict[str, int], reason: str
) -> None:
    assert intake.problem(task(orchard, **changes), IDLE, NOW) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"not_after_ms": NOW + 600_000},
        {"opened_at_ms": NOW + 60_000, "not_after_ms": NOW + 60_001},
        {"opened_at_ms": NOW - 9, "not_after_ms": NOW},
    ],
)
def test_a_task_at_its_bounds_in_time_is_taken(
    intake: Intake, orchard: Federation, changes: dict[str, int]
) -> None:
    assert intake.problem(task(orchard, **changes), IDLE, NOW) == ""


def test_a_committee_with_a_stranger_or_with_a_wrong_family_is_refused(
    intake: Intake, orchard: Federation
) -> None:
    stranger = task(orchard, of=committee(ALICE, BOB, MALLORY))
    assert "is not a member of orchard" in intake.problem(stranger, IDLE, NOW)
    relabelled = task(orchard, of=committee(ALICE, BOB))
    assert "is of family" in intake.problem(relabelled, IDLE, NOW)


def test_places_are_full_at_the_bound_and_not_one_before(
    intake: Intake, orchard: Federation
) -> None:
    asked = task(orchard, by=DAVE)
    others = {ALICE: 3, BOB: 2, CAROL: 2}
    assert intake.problem(asked, load(others), NOW) == ""
    others[CAROL] = 3
    assert intake.problem(asked, load(others), NOW) == "over quota: 8 tasks are undecided here"


def test_one_opener_gets_half_of_what_others_leave(intake: Intake, orchard: Federation) -> None:
    alices = task(orchard)
    assert intake.problem(alices, load({ALICE: 3}), NOW) == ""
    refused = "over quota: 4 tasks of this opener are undecided here"
    assert intake.problem(alices, load({ALICE: 4}), NOW) == refused
    assert intake.problem(task(orchard, by=BOB), load({ALICE: 4}), NOW) == ""
    assert intake.problem(alices, load({ALICE: 2, BOB: 4}), NOW) != ""


def test_tasks_that_are_only_followed_take_no_place_of_others(
    intake: Intake, orchard: Federation
) -> None:
    followed = load({}, {ALICE: FOLLOWED, BOB: FOLLOWED})
    assert intake.problem(task(orchard), followed, NOW) == ""


def test_an_opener_is_refused_past_its_quota_of_a_minute_and_unanswered_past_the_second(
    intake: Intake, orchard: Federation
) -> None:
    alices, bobs = task(orchard), task(orchard, by=BOB)
    for _ in range(4):
        intake.took(alices, NOW)
    assert intake.problem(alices, IDLE, NOW) == ""
    intake.took(alices, NOW)
    refused = "over quota: 5 tasks of this opener in the last minute"
    assert intake.problem(alices, IDLE, NOW) == refused
    assert intake.problem(bobs, IDLE, NOW) == ""
    for _ in range(4):
        intake.took(alices, NOW)
    assert intake.ignored(alices, IDLE, NOW) == ""
    intake.took(alices, NOW)
    assert REFUSALS == 2
    assert "10 tasks of its opener were answered" in intake.ignored(alices, IDLE, NOW)
    assert intake.ignored(bobs, IDLE, NOW) == ""
    later = NOW + MINUTE_MS + 1
    assert (
        intake.problem(task(orchard, opened_at_ms=later, not_after_ms=later + 9), IDLE, later) == ""
    )


def test_refused_tasks_of_one_opener_are_followed_up_to_the_bound(
    intake: Intake, orchard: Federation
) -> None:
    alices = task(orchard)
    assert intake.ignored(alices, load({}, {ALICE: FOLLOWED - 1}), NOW) == ""
    full = load({}, {ALICE: FOLLOWED})
    assert "tasks of its opener are followed here already" in intake.ignored(alices, full, NOW)
    assert intake.ignored(task(orchard, by=BOB), full, NOW) == ""


def test_a_stranger_who_opens_a_task_gets_no_answer(intake: Intake, orchard: Federation) -> None:
    opened = task(orchard, by=MALLORY, of=committee(ALICE, MALLORY))
    assert "is not a member of the federation" in intake.ignored(opened, IDLE, NOW)


def test_nothing_is_signed_for_a_task_older_than_the_database(orchard: Federation) -> None:
    intake = Intake(federation=orchard, limits=LIMITS, skew_ms=60_000, signs_after_ms=NOW)
    assert intake.may_sign(task(orchard).body)  # type: ignore[arg-type]
    older = task(orchard, opened_at_ms=NOW - 1).body
    assert not intake.may_sign(older)  # type: ignore[arg-type]


def test_a_speaker_who_is_no_client_by_that_name_is_refused(orchard: Federation) -> None:
    """R1c: whoever opens a task puts no words into anybody's mouth."""
    ann, eve = key("ann").public, key("eve").public
    knowing = orchard.with_client(Client(name="ann", key=ann))
    there = Intake(federation=knowing, limits=LIMITS, skew_ms=60_000)

    def problem(*named: Speaker) -> str:
        return there.problem(task(knowing, speakers=named), IDLE, NOW)

    assert problem(Speaker(name="ann", key=ann)) == ""
    for one in (Speaker(name="ann", key=eve), Speaker(name="eve", key=ann)):
        assert problem(one) == (
            f"orchard has no client {one.name} of key {one.key.hex()[:16]}, who is to speak"
        )
