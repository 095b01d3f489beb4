"""The recorded data's baselines come out of the real members and the real tally, exactly."""

import hashlib
from fractions import Fraction
from importlib import resources
from pathlib import Path

import pytest

from consensus.policy import Policy
from node.demo.hle import DATA, PLAIN, POLICY, POOLS
from node.models.recordings import SHIPPED, Recording, load
from tests.harness import recorded

COUNCIL = load(DATA, Path())
NODES = load("hle_weighted_consensus", Path())
(PANEL,) = NODES.pools
BLEND = Policy(**POLICY)
PLAIN_POLICY = Policy(**POLICY, **PLAIN)
CONTESTED = {pool: COUNCIL.judged_by(pool) for pool in POOLS}


def clean(pool: str) -> list[Recording]:
    """The questions to which all members of the pool gave a letter."""
    members = COUNCIL.pools[pool]
    return [q for q in COUNCIL.questions.values() if all(q.answers[m] for m in members)]


def percent(right: Fraction | int, asked: int) -> str:
    return f"{float(Fraction(100 * right, asked)):.1f}"


@pytest.mark.parametrize("name", SHIPPED)
def test_the_data_is_what_its_notice_says(name: str) -> None:
    folder = resources.files("node") / "data" / "recorded"
    digest = hashlib.sha256((folder / f"{name}.jsonl.gz").read_bytes()).hexdigest()
    notice = (folder / "NOTICE").read_text("utf-8")
    assert f"{name}.jsonl.gz" in notice
    assert digest in notice


@pytest.mark.parametrize(
    ("pool", "contested", "best", "most", "oracle"),
    [("near_equals", 140, "47.1", "46.4", "79.3"), ("with_fable", 130, "66.2", "46.0", "80.0")],
)
def test_the_baselines_of_the_contested_questions(
    pool: str, contested: int, best: str, most: str, oracle: str
) -> None:
    members, questions = COUNCIL.pools[pool], CONTESTED[pool]
    assert len(questions) == contested
    assert all(len({q.answers[m] for m in members}) > 1 for q in questions)
    alone = [sum(q.answers[m] == q.gold for q in questions) for m in members]
    assert percent(max(alone), contested) == best
    assert percent(sum(recorded.majority(q, members) for q in questions), contested) == most
    found = sum(any(q.answers[m] == q.gold for m in members) for q in questions)
    assert percent(found, contested) == oracle


@pytest.mark.parametrize(
    ("pool", "right", "contested_shown", "asked", "shown"),
    [
        ("near_equals", Fraction(70), "50.0", 295, "54.9"),
        ("with_fable", Fraction(135, 2), "51.9", 284, "60.0"),
    ],
)
async def test_plain_bradley_terry_of_a_real_committee_gives_the_datas_own_figure(
    pool: str, right: Fraction, contested_shown: str, asked: int, shown: str
) -> None:
    members, questions = COUNCIL.pools[pool], CONTESTED[pool]
    cast = await recorded.cast(DATA, pool, members)
    tallies = await recorded.decide(cast, COUNCIL, questions, PLAIN_POLICY)
    found = sum(
        recorded.share(tallied, q.gold) for tallied, q in zip(tallies, questions, strict=True)
    )
    assert found == right
    assert percent(right, len(questions)) == contested_shown
    # With those on which all agree, which no way of counting ballots can change.
    whole = clean(pool)
    agreed = [q for q in whole if len({q.answers[m] for m in members}) == 1]
    assert len(whole) == asked == len(agreed) + len(questions)
    right += sum(q.answers[members[0]] == q.gold for q in agreed)
    assert percent(right, asked) == shown


async def test_the_six_nodes_that_vote_come_close_to_their_datas_figure() -> None:
    """The data has 23.0 (82 right), which counts a vote for another against the class that the
    judge alone wrote. Here nobody compares its own proposal (R9)."""
    members = NODES.pools[PANEL]
    known = [q for q in NODES.questions.values() if q.gold is not None]
    voted = [q for q in known if PANEL in q.judged]
    cast = await recorded.cast("hle_weighted_consensus", PANEL, members)
    policy = Policy(**POLICY, rule="bradley_terry")
    tallies = await recorded.decide(cast, NODES, voted, policy)
    found = sum(recorded.share(t, q.gold) for t, q in zip(tallies, voted, strict=True))
    found += sum(recorded.majority(q, members) for q in known if PANEL not in q.judged)
    assert len(known) == 357
    assert (found, percent(found, 357)) == (Fraction(499, 6), "23.3")
    alone = [sum(q.answers[m] == q.gold for q in known) for m in members]
    # "Best single" is the better model's mean over its three nodes.
    better = Fraction(sum(sorted(alone)[3:]), 3)
    most = sum(recorded.majority(q, members) for q in known)
    oracle = sum(any(q.answers[m] == q.gold for m in members) for q in known)
    assert [percent(n, 357) for n in (better, most, oracle)] == ["20.3", "16.3", "45.1"]
