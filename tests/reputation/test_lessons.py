"""What clients' words teach about rules, by (opened-at, id), and what nothing teaches (O7a)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation import PER_OPENER, Book, Fact, FactError, Lesson, VerdictFact, parse
from reputation.decay import HALF_LIFE_MS
from reputation.facts import MAX_EXPERTS, ONE
from reputation.lessons import losses
from tests.harness.ledgers import CLIENTS, MEMBERS, START_MS, verdict, word

DAY = 86_400_000
LATER = START_MS + 900 * DAY
SURE_A, SURE_B, EVEN = ((0, ONE),), ((1, ONE),), ((0, ONE // 2), (1, ONE // 2))
PICKS = (SURE_A, SURE_B, EVEN)


def mixed(number: int = 0, **changes: object) -> VerdictFact:
    """A verdict for a of drafts a, a, a, b, b, and what three rules answered."""
    return replace(verdict(number, **changes), picks=PICKS)  # type: ignore[arg-type]


def lessons(*facts: Fact, at_ms: int = LATER) -> list[Lesson]:
    return Book(facts).lessons("law", at_ms, len(PICKS))


def test_a_rule_loses_what_it_did_not_put_on_the_right_answer() -> None:
    assert losses(mixed(), [word(right=True)]) == (0, ONE, ONE // 2)
    assert losses(mixed(), [word(right=False, answer="b")]) == (ONE, 0, ONE // 2)


def test_a_wrong_verdict_without_the_right_answer_costs_others_half() -> None:
    assert losses(mixed(), [word(right=False)]) == (ONE, ONE // 2, 3 * ONE // 4)


def test_what_nobody_gave_and_what_nobody_said_teaches_nothing() -> None:
    assert losses(mixed(), []) is None
    assert losses(mixed(), [word(right=False, answer="z")]) is None
    assert losses(verdict(), [word(right=True)]) is None
    assert losses(mixed(winner=""), [word(right=True)]) is None
    assert lessons(mixed()) == []


def test_an_openers_word_teaches_nothing_of_rules_and_clients_are_averaged() -> None:
    own = word(right=True, client=MEMBERS[0])
    assert losses(mixed(), [own]) is None
    assert losses(mixed(), [own, word(right=True)]) == (0, ONE, ONE // 2)
    both = [word(right=True), word(right=False, answer="b", client=CLIENTS[1])]
    assert losses(mixed(), both) == (ONE // 2,) * 3


def test_a_lesson_leaves_of_those_before_it_what_decay_does() -> None:
    facts = [mixed(0), mixed(1, day=HALF_LIFE_MS / DAY), word(0), word(1)]
    first, second = lessons(*facts)
    assert (first.kept, second.kept) == (0.0, 0.5)


def test_past_the_openers_cap_and_dated_ahead_nothing_is_learnt() -> None:
    flood = [item for at in range(PER_OPENER + 3) for item in (mixed(at), word(at))]
    assert len(lessons(*flood)) == PER_OPENER
    assert lessons(mixed(day=30), word(), at_ms=START_MS) == []


def test_rules_of_another_number_are_not_these_rules() -> None:
    book = Book([mixed(), word()])
    assert book.lessons("law", LATER, len(PICKS) + 1) == []
    assert book.lessons("digits", LATER, len(PICKS)) == []


@given(st.randoms(use_true_random=False), st.integers(0, 12))
def test_lessons_are_the_same_in_any_order_of_arrival(rng: object, tasks: int) -> None:
    facts: list[Fact] = [
        item
        for at in range(tasks)
        for item in (mixed(at, day=at * 7 % 5), word(at, right=bool(at % 2), answer="b"))
    ]
    other = list(facts)
    rng.shuffle(other)  # type: ignore[attr-defined]
    found = lessons(*facts)
    assert lessons(*other) == found
    assert len(found) == tasks


def test_facts_with_and_without_picks_have_one_form_each() -> None:
    for fact in (mixed(), verdict()):
        assert parse(fact.body) == fact
    assert b"picks" not in verdict().body
    assert mixed().id != verdict().id


@pytest.mark.parametrize(
    ("picks", "said"),
    [
        (((),) * (MAX_EXPERTS + 1), "picks of more than 64 rules"),
        ((((1, ONE), (0, ONE)),), "not ascending"),
        ((((2, ONE),),), "pick.answer is 2"),
        ((((0, 0),),), "pick.share is 0"),
    ],
)
def test_picks_past_their_bounds_make_no_fact(picks: Any, said: str) -> None:
    assert replace(verdict(), picks=((),) * MAX_EXPERTS)
    with pytest.raises(FactError, match=said):
        replace(verdict(), picks=picks)
