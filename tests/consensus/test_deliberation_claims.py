"""What members claim of time and spending, and how far it goes (rule P2a)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.bodies import COUNT_CAP, Budget, Report
from consensus.deliberation.opened import Facts
from consensus.deliberation.outcome import figures
from consensus.deliberation.points import PointValue
from consensus.envelope import MessageId, Stage
from consensus.ports import Message
from tests.harness.swarms import QUICK, SmallSwarm, decided

Claim = Mapping[str, int]
"""What one REPORT claims: deadline, tokens, micros, ms."""

MODEST = {"deadline": False, "tokens": 40, "micros": 4, "ms": 900}
COUNTED = st.integers(0, COUNT_CAP)
CLAIMS = st.fixed_dictionaries(
    {"deadline": st.booleans(), "tokens": COUNTED, "micros": COUNTED, "ms": COUNTED}
)


@cache
def finished(count: int) -> tuple[PointValue, Facts]:
    """The outcome of round 1 of two, which no stop rule ended, and what it is a function of."""
    swarm = SmallSwarm(count, policy=replace(QUICK, rounds=2, stops=""))
    decided(swarm)
    task = swarm.nodes[0].task
    assert task is not None
    state = task.rounds[0]
    return state.values[Stage.OUTCOME], task.desk.facts(state)


def claimed(count: int, claims: Sequence[Claim], budget: Budget | None = None) -> dict[str, Any]:
    """The plateau of that outcome, had the first of its REPORTs claimed this, and no others
    been carried."""
    value, facts = finished(count)
    reports = value.reports[: len(claims)]
    said = dict(zip(reports, claims, strict=True))

    def lookup(item: MessageId) -> Message | None:
        message = facts.lookup(item)
        if message is None or item not in said:
            return message
        assert isinstance(message.body, Report)
        return replace(message, body=replace(message.body, **said[item]))

    spec = replace(facts.spec, budget=budget or Budget())
    made = figures(replace(value, reports=reports), replace(facts, lookup=lookup, spec=spec))
    assert isinstance(made, dict)
    return made["plateau"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("count", [4, 7])
def test_time_is_up_once_t_say_so_and_not_one_fewer(count: int) -> None:
    size = finished(count)[1].spec.committee.quorum
    late = MODEST | {"deadline": True}
    for said, reason in ((size.t - 1, None), (size.t, "deadline")):
        claims = [late] * said + [MODEST] * (size.q - said)
        assert claimed(count, claims)["reason"] == reason


@pytest.mark.parametrize("claim", [0, COUNT_CAP])
def test_a_task_spends_n_times_what_the_median_member_says(claim: int) -> None:
    odd = MODEST | {"tokens": claim, "micros": claim, "ms": claim}
    found = claimed(4, [odd, MODEST, MODEST])
    assert (found["tokens"], found["micros"], found["ms"]) == (160, 16, 900)


def test_the_median_of_an_even_number_is_the_lower() -> None:
    claims = [MODEST | {"tokens": tokens} for tokens in (30, 10, 40, 20)]
    assert claimed(5, claims)["tokens"] == 5 * 20


@pytest.mark.parametrize(("spent", "reason"), [(99, None), (100, "budget")])
def test_a_budget_is_spent_when_the_median_says_so(spent: int, reason: str | None) -> None:
    claims = [MODEST | {"tokens": tokens} for tokens in (spent, spent, COUNT_CAP)]
    assert claimed(4, claims, Budget(tokens=400))["reason"] == reason


@pytest.mark.parametrize("count", [4, 7])
@settings(max_examples=40)
@given(data=st.data())
def test_no_f_liars_move_a_claim_past_what_honest_members_say(
    count: int, data: st.DataObject
) -> None:
    size = finished(count)[1].spec.committee.quorum
    honest = data.draw(st.lists(CLAIMS, min_size=size.q - size.f, max_size=size.q - size.f))
    lies = data.draw(st.lists(CLAIMS, min_size=size.f, max_size=size.f))
    found = claimed(count, data.draw(st.permutations([*honest, *lies])))
    for name, times in (("tokens", count), ("micros", count), ("ms", 1)):
        said = [min(COUNT_CAP, times * claim[name]) for claim in honest]
        assert min(said) <= found[name] <= max(said)
    if not any(claim["deadline"] for claim in honest):
        assert found["reason"] is None
