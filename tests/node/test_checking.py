"""A verdict is checked a step at a time, and the step that fails is named (E2)."""

from dataclasses import replace
from functools import cache

import pytest

from consensus.envelope import Kind
from consensus.policy import Policy
from consensus.verdict import STEPS, Bundle
from node.api import seen
from node.checking import check
from tests.harness.swarms import QUICK, SmallSwarm
from tests.harness.verdicts import Verdict


@cache
def decided() -> Verdict:
    return Verdict(SmallSwarm(4, seed=1, policy=Policy(**{**QUICK.to_dict(), "rounds": 2})))


def checked(bundle: Bundle) -> seen.Check:
    return check(bundle.encode(), None, decided().reader)


def states(found: seen.Check) -> dict[tuple[int, int], str]:
    return {(one.number, one.round): one.state for one in found.steps}


def with_round(number: int, **changes: object) -> Bundle:
    bundle = decided().bundle
    rounds = list(bundle.rounds)
    rounds[number - 1] = replace(rounds[number - 1], **changes)  # type: ignore[arg-type]
    return replace(bundle, rounds=tuple(rounds))


def test_every_step_of_a_valid_verdict_holds_but_the_one_that_was_not_asked() -> None:
    found = checked(decided().bundle)
    assert (found.valid, found.pinned, found.verdict) == (True, False, decided().bundle.id.hex())
    assert {one.number for one in found.steps} == set(STEPS)
    assert states(found).pop((2, 0)) == "not asked"
    assert {state for at, state in states(found).items() if at != (2, 0)} == {"holds"}
    assert [one.title for one in found.steps if one.number == 5] == [STEPS[5][1]] * len(
        decided().bundle.rounds
    )


def test_a_signature_that_does_not_hold_fails_the_fourth_step_and_ends_the_check() -> None:
    named = decided().bundle.rounds[0].named
    at = next(at for at, one in enumerate(named) if one.kind == Kind.OPENING)
    forged = replace(named[at], signature=bytes(64))
    found = checked(with_round(1, named=(*named[:at], forged, *named[at + 1 :])))
    failed = [one for one in found.steps if one.state == "fails"]
    assert not found.valid and [(one.number, one.round, one.rule) for one in failed] == [
        (4, 1, "S1")
    ]
    assert failed[0].message == forged.id.hex() and "signature" in failed[0].text
    assert states(found)[5, 1] == states(found)[7, 1] == "not reached"
    assert states(found)[1, 0] == "holds"


def test_a_vote_too_few_fails_the_fifth_step() -> None:
    points = decided().bundle.rounds[0].points
    short = replace(points[0], precommits=points[0].precommits[1:])
    found = checked(with_round(1, points=(short, *points[1:])))
    assert [(one.number, one.rule) for one in found.steps if one.state == "fails"] == [(5, "A8")]


@pytest.mark.parametrize("kept", [0, 1])
def test_rounds_that_are_missing_fail_the_third_step(kept: int) -> None:
    bundle = decided().bundle
    assert len(bundle.rounds) == 2
    found = checked(replace(bundle, rounds=bundle.rounds[:kept]))
    assert [(one.number, one.round) for one in found.steps if one.state == "fails"] == [(3, kept)]
