"""Rounds that are judged one after the other, and traces of belief, for the plateau's tests."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from consensus import canonical
from consensus.bodies import Ballot, Budget, Mark
from consensus.plateau import Plateau, assess
from consensus.policy import ONE, Policy
from consensus.tally import Claims, CountedBallot
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    CHOICE,
    DAVE,
    Round,
    ballot,
    candidate,
    id_of,
    quorum,
)

FAMILIES = ("oak", "elm", "ash", "fir", "yew")


def judge(of: Round, before: Plateau | None = None, **changes: Any) -> Plateau:
    """The plateau of that round, after the agreed bytes of the one before."""
    given_: dict[str, Any] = {
        "policy": of.policy,
        "quorum": quorum(of.n),
        "spec": of.spec,
        "budget": Budget(),
        "tally": of.tally(),
        "candidates": of.candidates,
        "ballots": of.ballots,
        "claims": Claims(),
        "families": FAMILIES[: of.n],
        "previous": (
            None if before is None else canonical.decode(canonical.encode(before.to_dict()))
        ),
        "round_": 1 if before is None else before.round + 1,
    }
    return assess(**(given_ | changes))


def believing(*beliefs: tuple[int, ...], policy: Policy | None = None) -> Round:
    """A round in which each member proposes what it believes most, and votes say nothing."""
    candidates = tuple(
        candidate(at, CHOICE.options[belief.index(max(belief))], belief=belief)
        for at, belief in enumerate(beliefs)
    )
    return Round(
        n=len(beliefs),
        candidates=candidates,
        ballots=tuple(ballot(voter, candidates) for voter in range(len(beliefs))),
        policy=policy or Policy(rounds=9),
    )


RED, GREEN = (ONE, 0, 0, 0), (0, ONE, 0, 0)
APART = believing(RED, RED, RED, GREEN, GREEN)
LEANING = believing(*[(7_000, 3_000, 0, 0)] * 3, *[(4_000, 6_000, 0, 0)] * 2)
AGREED = believing(*[RED] * 5)


def scored(voter: int, of: Round, **scores: tuple[int, int]) -> CountedBallot:
    """A ballot with evidence and argument scores by author's name."""
    names = {"alice": ALICE, "bob": BOB, "carol": CAROL, "dave": DAVE}
    held = tuple(sorted(item.id for item in of.candidates))
    marks = tuple(
        Mark(
            candidate=held.index(id_of(names[name])),
            endorsement=0,
            evidence=evidence,
            argument=argument,
        )
        for name, (evidence, argument) in scores.items()
    )
    return CountedBallot(voter=voter, ballot=Ballot(held=held, marks=marks))


def play(rounds: Sequence[Round], policy: Policy, **changes: Any) -> list[Plateau]:
    """Plateaus of these rounds under `policy`, the last one again where they run out, until one
    gives a reason to stop."""
    found: list[Plateau] = []
    while not found or found[-1].reason is None:
        of = replace(rounds[min(len(found), len(rounds) - 1)], policy=policy)
        found.append(judge(of, found[-1] if found else None, **changes))
    return found


def towards(beliefs: Sequence[Sequence[int]], step: Fraction) -> list[tuple[int, ...]]:
    """Gated averaging (MACI, eq. 13, without noise): each belief goes `step` of the way to the
    mean of all. In bp, the largest share takes what rounding leaves."""
    count = len(beliefs)
    mean = [Fraction(sum(column), count) for column in zip(*beliefs, strict=True)]
    found = []
    for belief in beliefs:
        moved = [
            int((1 - step) * one + step * middle) for one, middle in zip(belief, mean, strict=True)
        ]
        moved[moved.index(max(moved))] += ONE - sum(moved)
        found.append(tuple(moved))
    return found


def most_rounds(*thresholds: int) -> int:
    """The most rounds that a plateau takes where no signal ever rises, without any cap.

    `thresholds` are the signals' relative gains in bp, above zero. A signal in whole bp gains no
    more often than it takes from 10,000 down to nothing; between two gains lies one flat round at
    most, and two flat ones are the plateau.
    """
    gains = 0
    for threshold in thresholds:
        level = ONE
        while level:
            level = level * (ONE - threshold) // ONE
            gains += 1
    return 1 + 2 * gains + 2
