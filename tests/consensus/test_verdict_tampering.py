"""Verdicts of every kind, changed in thousands of ways: none is taken for valid (E2).

A change that `verify` accepts has to be one that says nothing: the id, every outcome and the task
are then what they were (a view of a carrier, the order in which envelopes are listed).
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import cycle, islice
from random import Random
from typing import Any

import pytest

from consensus.bodies import AnswerKind, AnswerSpec, Speaker
from consensus.committee import FaultMode
from consensus.policy import Policy
from consensus.verdict import Bundle, BundleError, VerdictError, verify
from node.sim.minds import hanging, opinionated, phrased
from tests.harness.scale import scaled
from tests.harness.swarms import ORDERS, QUICK, SmallSwarm
from tests.harness.tampering import Tampering, tamperings
from tests.harness.verdicts import Verdict

SAYS_NOTHING = re.compile(
    r"stranger: round \d's (envelopes (reversed|turned)|\w+ precommits reversed)"
    r"|member: round \d's \w+ (carrier, in another view|precommit \d+ by another member)"
)
"""All that may be changed: orders, and what does not enter the value that q members precommitted;
a precommit by another member is that member's own word for the same value."""

JSON_DRAFTS = ('{"a":1}', '{"a":2}', '{"a":1.0}', "[3]")


def swarm(seed: int, count: int = 4, *, policy: Policy = QUICK, **options: Any) -> SmallSwarm:
    """A small swarm of members who disagree."""
    return SmallSwarm(count, seed=seed, policy=policy, **options)


def texts(seed: int) -> SmallSwarm:
    """Free text: members see through each other's wording."""
    rng = Random(5)
    minds = [phrased(rng, ("north", "south"), name, odd=False) for name in "abcd"]
    return swarm(
        seed, minds=[replace(one, delay=5) for one in minds], spec=AnswerSpec(kind=AnswerKind.TEXT)
    )


def objects(seed: int) -> SmallSwarm:
    """JSON answers, two of them equal in other spellings."""
    minds = [opinionated([one, *JSON_DRAFTS]) for one in JSON_DRAFTS]
    return swarm(seed, minds=minds, spec=AnswerSpec(kind=AnswerKind.JSON))


def silent(seed: int) -> SmallSwarm:
    """Degraded: one member's model hangs."""
    minds = [opinionated(ORDERS[at]) for at in range(4)]
    return swarm(seed, minds=[hanging(minds[0]), *minds[1:]])


class Spoken(SmallSwarm):
    """Two people may speak: one twice through one member, the other through another."""

    def speakers(self) -> tuple[Speaker, ...]:
        return tuple(Speaker(name=one, key=self.ring.identity(one)) for one in ("ann", "ben"))

    def boot(self) -> None:
        super().boot()
        ann, ben = (one.key for one in self.speakers())
        for at, author, number in ((0, ann, 1), (0, ann, 2), (1, ben, 1)):
            text = f"Word {number}."
            self.nodes[at].noted(self.ring.note(author, self.opened.id, text, number=number))


MADE: dict[str, Callable[[int], SmallSwarm]] = {
    "plain": swarm,
    "several rounds": lambda seed: swarm(seed, policy=replace(QUICK, rounds=3)),
    "free text": texts,
    "JSON": objects,
    "credits": lambda seed: swarm(seed, policy=replace(QUICK, endorsements="credits", credits=9)),
    "class mask": lambda seed: swarm(seed, policy=replace(QUICK, mask="class")),
    "a bandit and a mixture": lambda seed: swarm(
        seed,
        policy=replace(
            QUICK, rounds=3, rule="adaptive", dials="ucb", stops="seat", plan_below=10_000
        ),
    ),
    "released by hand": lambda seed: swarm(
        seed,
        policy=replace(
            QUICK, rounds=2, rule="adaptive_capped", dials="maci", stops="maci", approvals=1
        ),
    ),
    "degraded": silent,
    "a self-vote struck": lambda seed: swarm(seed, habits=frozenset({"self_vote"})),
    "seven members": lambda seed: swarm(seed, 7),
    "people's notes": lambda seed: Spoken(4, seed=seed, policy=QUICK),
    "three in crash mode": lambda seed: swarm(seed, 3, mode=FaultMode.CRASH),
}
"""Kinds of verdicts; a seed gives another task of the same committee."""


@cache
def verdict(name: str, seed: int = 1) -> Verdict:
    """A verdict of that kind."""
    return Verdict(MADE[name](seed))


@cache
def changes(name: str) -> tuple[Tampering, ...]:
    """All tamperings of it, in an order of chance."""
    made = tamperings(verdict(name), verdict(name, 2))
    Random(name).shuffle(made)
    return tuple(made)


def judged(name: str, tampering: Tampering) -> str:
    """The rule that a changed verdict breaks, or "" if it is the verdict that it was."""
    true = verdict(name)
    data = tampering.make()
    try:
        checked = verify(Bundle.decode(data), true.reader, None)
    except BundleError:
        return "E1"
    except VerdictError as error:
        return error.rule
    was = verified(name)
    assert (checked.id, checked.task, checked.opener, checked.outcomes, checked.spec) == (
        was.id, was.task, was.opener, was.outcomes, was.spec,
    ), "a verdict that was changed is taken for valid"  # fmt: skip
    return ""


@cache
def verified(name: str) -> Any:
    """What the true verdict says."""
    return verdict(name).verify()


def test_kinds_of_verdicts_are_what_they_are_called() -> None:
    assert len(verdict("several rounds").bundle.rounds) > 1
    assert verified("degraded").decision["status"] == "degraded"
    assert len(verdict("seven members").committee.members) == 7
    assert verified("a self-vote struck").outcomes[-1]["strikes"]
    warned = dict(verified("three in crash mode").decision["warnings"])
    assert {"crash_mode", "unmasked"} <= warned.keys()
    assert len(verified("people's notes").notes) == 3


@pytest.mark.adversary
@pytest.mark.parametrize("name", MADE)
def test_tampered_verdict_is_refused_by_rule_or_says_what_it_said(name: str) -> None:
    known = changes(name)
    amount = scaled(quick=60, commit=1_000, night=len(known))
    rules, harmless = Counter[str](), Counter[str]()
    for tampering in islice(cycle(known), min(amount, len(known))):
        try:
            rule = judged(name, tampering)
        except BaseException as error:
            error.add_note(f"{name}: {tampering.who}: {tampering.what}")
            raise
        if rule:
            assert re.fullmatch(r"[A-Z]\d+[a-z]?", rule)
            rules[rule] += 1
        else:
            harmless[f"{tampering.who}: {tampering.what}"] += 1
    assert {"S1", "V5"} <= rules.keys()
    assert all(map(SAYS_NOTHING.fullmatch, harmless)), harmless
