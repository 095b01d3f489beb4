"""How few members could have changed the winner, where ballots make the classes too (O5)."""

from collections.abc import Iterable, Sequence
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.policy import ONE, Policy
from consensus.tally import CountedBallot, Robustness, Status
from consensus.tally.count import Count
from consensus.tally.robust import MOST_READINGS, sets_up_to
from consensus.tally.turned_texts import Turn, turn_texts
from tests.harness.tallies import (
    FIRST,
    SAME,
    TEXT,
    TIE,
    Preference,
    Round,
    Word,
    ballot,
    candidate,
    quorum,
)

SECOND = Preference.SECOND


def meant(texts: Sequence[str], order: Sequence[str], confidence: int = ONE) -> Round:
    """Members that say `texts`, whose first letter is what they mean, and prefer by `order`."""
    n = len(texts)
    table = tuple(candidate(at, text) for at, text in enumerate(texts))

    def word(one: int, other: int, liking: str) -> Word:
        places = [liking.index(texts[at][0]) for at in (one, other)]
        if places[0] == places[1]:
            return one, other, SAME, ONE
        return one, other, FIRST if places[0] < places[1] else SECOND, confidence

    def judged(voter: int) -> CountedBallot:
        others = [at for at in range(n) if at != voter]
        pairs = [word(one, other, order[voter]) for one, other in combinations(others, 2)]
        marks = {at: 100 - 100 * order[voter].index(texts[at][0]) for at in others}
        return ballot(voter, table, pairs, marks)

    return Round(
        spec=TEXT, n=n, candidates=table, ballots=tuple(judged(voter) for voter in range(n))
    )


def test_one_text_said_by_all_can_be_beaten_by_nobody() -> None:
    of = meant(["L"] * 4, ["L"] * 4)
    assert of.tally().robustness == Robustness(least=None, tried=4, fragile=False)


def test_one_class_of_several_texts_is_searched_since_ballots_hold_it_together() -> None:
    """One that denies all still leaves its own text linked to each, which it cannot judge."""
    found = meant(["L1", "L2", "L3", "L4"], ["L"] * 4).tally()
    assert len(found.classes) == 1
    assert found.robustness == Robustness(least=2, tried=1, fragile=False)


def test_a_class_of_four_members_falls_apart_if_one_with_another_answer_denies_it() -> None:
    """A pair is judged by two there, of whom t = 2 have to call it the same."""
    found = meant(["L1", "L2", "L3", "P"], ["LP"] * 4).tally()
    assert sorted(item.votes for item in found.classes) == [1, 3]
    assert found.robustness == Robustness(least=1, tried=0, fragile=True)


def test_seven_that_mean_the_same_in_their_own_words_are_not_fragile() -> None:
    found = meant([f"L{at}" for at in range(7)], ["L"] * 7).tally()
    assert len(found.classes) == 1
    assert not found.robustness.fragile


def test_six_against_one_in_their_own_words_are_not_fragile() -> None:
    found = meant([f"L{at}" for at in range(6)] + ["P"], ["LP"] * 6 + ["PL"]).tally()
    assert [item.votes for item in found.classes if item.answer == found.winner] == [6]
    assert not found.robustness.fragile


def test_a_winner_that_a_bridge_holds_together_hangs_on_the_bridge() -> None:
    """Two camps and a text that both call their own: P1 speaks for all, but L has the votes."""
    texts = ("L1", "L2", "L3", "B", "P1", "P2")
    table = tuple(candidate(at, text) for at, text in enumerate(texts))

    def judged(voter: int) -> CountedBallot:
        others = [at for at in range(6) if at != voter]
        pairs: list[Word] = [
            (one, other, SECOND if one < 3 < other else SAME, ONE)
            for one, other in combinations(others, 2)
        ]
        return ballot(voter, table, pairs)

    of = Round(
        spec=TEXT,
        n=6,
        candidates=table,
        ballots=tuple(map(judged, range(6))),
        policy=Policy(rule="majority"),
    )
    (only,) = of.count().classes.items
    assert only.text in ("P1", "P2")
    assert of.tally().robustness.least == 1


def test_another_wording_of_the_same_class_is_no_other_winner() -> None:
    """The text that speaks changes when its author leaves; the answer does not."""
    of = meant(["L1", "L2", "L2", "L2", "P"], ["LP"] * 5)
    found = of.tally()
    assert found.status is Status.DECIDED
    left = of.count(
        candidates=of.candidates[1:], ballots=tuple(b for b in of.ballots if b.voter != 0)
    )
    assert left.winner is not None
    assert not changed(left, of.count())


@pytest.mark.parametrize(
    ("n", "size", "fits"),
    [(5, 2, True), (6, 2, True), (7, 2, True), (7, 3, False), (8, 2, False), (14, 1, True)],
)
def test_sets_of_free_texts_authors_are_tried_as_far_as_stated(
    n: int, size: int, fits: bool
) -> None:
    assert ((1 + len(Turn)) * sets_up_to(n, size) * n <= 2 * MOST_READINGS) == fits


def test_a_winner_of_two_equal_texts_falls_if_one_voter_parts_the_runner_ups() -> None:
    """Both of the runner-up's texts lose by the pairs of the two; one of them alone would win."""
    of = meant(["A3", "B2", "B1", "A3"], ["CAB"] * 4, confidence=6_000)
    of = Round(
        spec=TEXT,
        n=4,
        candidates=of.candidates,
        ballots=of.ballots,
        policy=Policy(rule="bradley_terry"),
    )
    assert of.tally().robustness.least == 1


@pytest.mark.parametrize("way", list(Turn))
def test_a_turned_ballot_says_nothing_of_its_own_and_denies_what_the_winner_is(way: Turn) -> None:
    of = meant(["L1", "L2", "L3", "P1", "Q1"], ["LPQ"] * 5)
    first = of.count()
    for voter in range(5):
        turned = turn_texts(voter, of.candidates, first, way).ballot
        own = turned.held.index(of.candidates[voter].id)
        assert own not in {at for pair in turned.pairs for at in (pair.first, pair.second)}
        assert own not in {mark.candidate for mark in turned.marks}
        assert len(turned.pairs) == 6
        same = {
            frozenset((turned.held[pair.first], turned.held[pair.second]))
            for pair in turned.pairs
            if pair.preference is SAME
        }
        winners = {of.candidates[at].id for at in range(3)}
        if way is Turn.ALL:
            assert len(same) == 6
        elif way in (Turn.RUNNER_UP, Turn.ALONE):
            assert same == set()
        elif way is Turn.RIVALS:
            assert all(not pair & winners for pair in same)
        else:
            assert all(pair <= winners for pair in same)


# -- against brute force ----------------------------------------------------------------------


def changed(again: Count, first: Count) -> bool:
    """Whether the winner is another, by what the classes hold."""
    assert first.winner is not None and again.winner is not None
    old, new = first.classes.items[first.winner], again.classes.items[again.winner]
    stands = any(old.answer in item.spellings for item in again.classes.items)
    return new.answer not in old.spellings or (stands and old.answer not in new.spellings)


def worst(of: Round, member: int) -> Iterable[Count]:
    """What one member of four can make of a round: by leaving, or with any sure ballot at all."""
    kept = tuple(item for item in of.ballots if item.voter != member)
    left = tuple(item for item in of.candidates if item.author != member)
    if left:
        yield of.count(candidates=left, ballots=kept)
    others = [item.author for item in of.candidates if item.author != member]
    pairs = list(combinations(others, 2))
    for words in product((SAME, FIRST, SECOND), repeat=len(pairs)):
        for marks in product((100, -100), repeat=len(others)):
            said = [(*pair, word, ONE) for pair, word in zip(pairs, words, strict=True)]
            cast = ballot(member, of.candidates, said, dict(zip(others, marks, strict=True)))
            yield of.count(ballots=(*kept, cast))


@st.composite
def opinions(draw: st.DrawFn) -> Round:
    """Four members that see sameness rightly nine times in ten, and like answers in some order."""
    texts = draw(
        st.lists(st.sampled_from(["A1", "A2", "A3", "B1", "B2", "C1"]), min_size=4, max_size=4)
    )
    order = draw(st.lists(st.sampled_from(["ABC", "ACB", "BAC", "CAB"]), min_size=4, max_size=4))
    of = meant(texts, order, confidence=draw(st.integers(1_000, ONE)))
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, 3))
        dull: list[Word] = [
            (a, b, TIE, ONE) for a, b in combinations(range(4), 2) if at not in (a, b)
        ]
        ballots = list(of.ballots)
        ballots[at] = ballot(at, of.candidates, dull)
        of = Round(spec=TEXT, n=4, candidates=of.candidates, ballots=tuple(ballots))
    return of


@settings(max_examples=12, deadline=None)
@given(opinions(), st.sampled_from(["blend", "bradley_terry", "quadratic"]))
def test_fragile_is_not_understated_by_any_sure_ballot_of_one_of_four(of: Round, rule: str) -> None:
    """Every way in which a member can call pairs the same or not, with every mark in full."""
    of = Round(
        spec=TEXT, n=4, candidates=of.candidates, ballots=of.ballots, policy=Policy(rule=rule)
    )
    first = of.count()
    assert quorum(4).f == 1
    if not of.tally().robustness.fragile:
        for member in range(4):
            assert not any(changed(count, first) for count in worst(of, member)), member
