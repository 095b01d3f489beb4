"""Which openings count, and which candidates stand behind them (rules R8 and V4)."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from consensus.bodies import Opening
from consensus.deliberation.opened import Facts, Opened, by_position, candidates_of, open_all
from consensus.deliberation.points import PointValue
from consensus.envelope import Kind, MessageId, Stage
from consensus.ports import Message
from tests.harness.swarms import QUICK, SmallSwarm, decided

Change = Callable[[Message], Message]
OTHER = bytes([7])


@cache
def finished(count: int) -> tuple[PointValue, Facts]:
    """The outcome of a round in which everybody counts, and what it is a function of."""
    swarm = SmallSwarm(count, policy=QUICK)
    decided(swarm)
    task = swarm.nodes[0].task
    assert task is not None
    state = task.rounds[0]
    value = state.values[Stage.OUTCOME]
    assert value.figures is not None and value.figures["ballots"] == list(range(count))
    return value, task.desk.facts(state)


def changed(facts: Facts, which: MessageId, change: Change) -> Facts:
    """The facts, had one message said something else."""

    def lookup(item: MessageId) -> Message | None:
        message = facts.lookup(item)
        return message if message is None or item != which else change(message)

    return replace(facts, lookup=lookup)


def opening_of(position: int, count: int = 4) -> Message:
    value, facts = finished(count)
    return by_position(value.ids, facts)[position]


def said(**fields: object) -> Change:
    def change(message: Message) -> Message:
        return replace(message, body=replace(message.body, **fields))  # type: ignore[type-var]

    return change


# -- openings ---------------------------------------------------------------------------------


ODD = {
    "alias": OTHER * 32,
    "alias_signature": OTHER * 64,
    "proposal": OTHER * 32,
    "nonce": OTHER * 32,
    "ballot_bytes": OTHER,
    "salt": OTHER * 32,
}


@pytest.mark.parametrize("field", ODD)
def test_an_opening_counts_whole_or_not_at_all(field: str) -> None:
    value, facts = finished(4)
    mine = opening_of(2)
    opened = open_all(value, changed(facts, mine.id, said(**{field: ODD[field]})))
    assert opened.strikes == {(2, "mismatch")}
    assert set(opened.claims) == set(opened.ballots) == {0, 1, 3}


def test_what_an_alias_key_signed_for_one_member_is_no_other_members_claim() -> None:
    """R8: the claim binds the member."""
    value, facts = finished(4)
    theirs = opening_of(1).body
    assert isinstance(theirs, Opening)
    signature = {"alias_signature": theirs.alias_signature}
    opened = open_all(value, changed(facts, opening_of(2).id, said(**signature)))
    assert opened.strikes == {(2, "mismatch")}


@pytest.mark.parametrize(
    "part", [("alias", "alias_signature", "proposal", "nonce"), ("ballot_bytes", "ballot", "salt")]
)
def test_an_opening_of_half_of_what_is_due_counts_for_nothing(part: tuple[str, ...]) -> None:
    value, facts = finished(4)
    missing: dict[str, object] = {name: None if name == "ballot" else b"" for name in part}
    opened = open_all(value, changed(facts, opening_of(2).id, said(**missing)))
    assert opened.strikes == {(2, "mismatch")}
    assert 2 not in opened.claims and 2 not in opened.ballots


# -- candidates -------------------------------------------------------------------------------


def listed_by(count: int, ballots: int, lists: int) -> bool:
    """Whether member 0's proposal counts where so many ballots were opened, and the first so
    many of them list it."""
    value, facts = finished(count)
    opened = open_all(value, facts)
    mine = opened.claims[0]
    for position in range(count):
        if position >= ballots:
            del opened.ballots[position]
        elif position >= lists:
            ballot = opened.ballots[position]
            held = tuple(item for item in ballot.held if item != mine)
            opened.ballots[position] = replace(ballot, held=held, pairs=(), marks=())
    found = candidates_of(opened, facts)
    assert isinstance(found, tuple)
    return mine in {item.id for item in found}


@pytest.mark.parametrize(
    ("count", "ballots", "least"),
    [(4, 4, 3), (4, 3, 2), (4, 2, 2), (7, 7, 5), (7, 5, 3), (7, 4, 3), (7, 3, 3)],
    ids=lambda value: str(value),
)
def test_a_candidate_is_listed_by_all_but_f_of_the_ballots_and_by_t_at_least(
    count: int, ballots: int, least: int
) -> None:
    assert listed_by(count, ballots, least)
    assert not listed_by(count, ballots, least - 1)


def struck(change: Change) -> Opened:
    """What becomes of the round, had member 2's proposal been like that."""
    value, facts = finished(4)
    opened = open_all(value, facts)
    mine = opened.claims[2]
    found = candidates_of(opened, changed(facts, mine, change))
    assert isinstance(found, tuple)
    assert sorted(item.author for item in found) == [0, 1, 3]
    assert opened.void == {mine}
    return opened


def by_another(message: Message) -> Message:
    return replace(message, envelope=replace(message.envelope, signer=OTHER * 32))


def of_another_round(message: Message) -> Message:
    return replace(message, ctx=replace(message.ctx, round=2))


def of_another_kind(message: Message) -> Message:
    return replace(message, kind=Kind.BATCH)


@pytest.mark.parametrize("change", [by_another, of_another_round, of_another_kind])
def test_a_claim_to_what_is_no_proposal_of_that_alias_is_a_mismatch(change: Change) -> None:
    assert struck(change).strikes == {(2, "mismatch")}


def test_a_proposal_that_answers_nothing_is_void() -> None:
    odd = said(answer="mauve")
    assert struck(odd).strikes == {(2, "void_answer")}
