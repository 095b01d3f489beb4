"""How few members could have changed the result (O5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from consensus.bodies import AnswerKind, Proposal
from consensus.policy import ONE, RULES, Policy
from consensus.tally import Candidate, CountedBallot, Robustness, Status
from consensus.tally.count import Count
from consensus.tally.robust import MOST_READINGS, sets_up_to
from consensus.tally.turned import BY_ANSWERS, turn
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    CHOICE,
    DAVE,
    FIRST,
    Round,
    ballot,
    candidate,
    id_of,
    rounds,
)


def camps(red: int, green: int, policy: Policy | None = None, confidence: int = ONE) -> Round:
    """`red` members propose and back red, `green` the other."""
    n = red + green
    candidates = tuple(candidate(at, "red" if at < red else "green") for at in range(n))

    def vote(voter: int) -> CountedBallot:
        mine = range(red) if voter < red else range(red, n)
        theirs = range(red, n) if voter < red else range(red)
        return ballot(
            voter,
            candidates,
            [(one, other, FIRST, confidence) for one in mine for other in theirs if one != voter],
            {at: 100 if at in mine else -100 for at in range(n) if at != voter},
        )

    return Round(
        n=n,
        candidates=candidates,
        ballots=tuple(vote(voter) for voter in range(n)),
        policy=policy or Policy(),
    )


def test_a_lead_of_all_against_one_is_not_fragile() -> None:
    found = camps(4, 1).tally().robustness
    assert found.least is not None
    assert found.least > 1
    assert not found.fragile


def test_a_lead_of_one_is_fragile() -> None:
    of = camps(3, 2, Policy(rule="bradley_terry"))
    assert of.tally().winner == "red"
    assert of.tally().robustness == Robustness(least=1, tried=0, fragile=True)


def test_one_class_can_be_beaten_by_nobody() -> None:
    found = camps(4, 0).tally().robustness
    assert found == Robustness(least=None, tried=4, fragile=False)


def test_a_winner_with_a_lone_author_hangs_on_that_author() -> None:
    candidates = (candidate(ALICE, "red"), *(candidate(at, "green") for at in (BOB, CAROL, DAVE)))
    of = Round(
        n=4,
        candidates=candidates,
        ballots=tuple(
            ballot(
                voter,
                candidates,
                [(ALICE, at, FIRST, ONE) for at in (BOB, CAROL, DAVE) if at != voter],
                {ALICE: 100},
            )
            for voter in (BOB, CAROL, DAVE)
        ),
    )
    assert of.tally().winner == "red"
    assert of.tally().robustness == Robustness(least=1, tried=0, fragile=True)


@pytest.mark.parametrize(("members", "size", "sets"), [(5, 2, 15), (7, 3, 63), (10, 3, 175)])
def test_sets_are_counted(members: int, size: int, sets: int) -> None:
    assert sets_up_to(members, size) == sets


@pytest.mark.parametrize(
    ("n", "size", "fits"),
    [(7, 3, True), (8, 3, False), (9, 2, True), (10, 3, False), (24, 1, True), (25, 1, False)],
)
def test_sets_are_tried_as_far_as_stated(n: int, size: int, fits: bool) -> None:
    assert (sets_up_to(n, size) * n <= MOST_READINGS) == fits


def test_beyond_what_is_tried_an_upper_bound_is_found() -> None:
    found = camps(8, 2, Policy(rule="bradley_terry")).tally().robustness
    # Three turned make five to five; no two of ten do.
    assert found == Robustness(least=4, tried=2, fragile=False)
    large = camps(20, 8, Policy(rule="bradley_terry")).tally().robustness
    assert large.tried == 0
    assert large == Robustness(least=7, tried=0, fragile=True)


def test_a_turned_ballot_does_all_it_can_and_nothing_about_its_own() -> None:
    of = camps(2, 2)
    grouped = of.count().classes
    turned = turn(DAVE, of.candidates, grouped, "red", "green").ballot
    own = next(item.id for item in of.candidates if item.author == DAVE)
    assert {turned.held[mark.candidate]: mark.endorsement for mark in turned.marks} == {
        item.id: 100 if item.author == CAROL else -100
        for item in of.candidates
        if item.author != DAVE
    }
    named = {turned.held[at] for pair in turned.pairs for at in (pair.first, pair.second)}
    assert own not in named
    assert len(turned.pairs) == 2


@settings(max_examples=60)
@given(
    rounds(least=2, most=4),
    st.sampled_from(RULES),
    st.sampled_from(["all", "trimmed", "median_of_means"]),
)
def test_the_search_agrees_with_brute_force(of: Round, rule: str, heard: str) -> None:
    assume(of.spec.kind is not AnswerKind.TEXT)  # they have a twin in test_tally_robust_text.py
    of = replace(of, policy=Policy(rule=rule, ballots=heard))
    found = of.tally()
    if found.status is not Status.DECIDED:
        assert found.robustness == Robustness(least=None, tried=0, fragile=False)
        return
    twin = brute_force(of)
    least, tried = found.robustness.least, found.robustness.tried
    if least is not None and least <= tried + 1:
        assert twin == least
    else:
        assert twin is None or twin > tried
        assert least is None or (twin is not None and twin <= least)
    f = (of.n - 1) // 3
    assert found.robustness.fragile == (twin is not None and twin <= f)


def brute_force(of: Round) -> int | None:
    """Every set of members of any size, in every way that O5 names, with nothing carried over."""
    first = of.count()
    answers = [first.classes.items[at].answer for at in first.ranking]
    if len(answers) < 2:
        return None
    members = sorted({item.author for item in of.candidates} | {item.voter for item in of.ballots})
    for size in range(1, len(members) + 1):
        for chosen in combinations(members, size):
            for candidates, ballots in worst(of, first, answers, frozenset(chosen)):
                again = of.count(candidates=candidates, ballots=ballots)
                if again.winner is not None:
                    if again.classes.items[again.winner].answer != answers[0]:
                        return size
    return None


def worst(
    of: Round, first: Count, answers: Sequence[str], chosen: frozenset[int]
) -> Iterator[tuple[tuple[Candidate, ...], tuple[CountedBallot, ...]]]:
    """What these members can make of the round: by leaving, by ballots, by other answers."""
    kept = tuple(item for item in of.ballots if item.voter not in chosen)
    yield tuple(item for item in of.candidates if item.author not in chosen), kept
    said = {
        item.author: first.classes.items[first.classes.of[item.id]].answer
        for item in of.candidates
        if item.id in first.classes.of
    }
    for number, rival in enumerate(answers[1:]):
        for words in wordings(
            answers, rival, of.policy.rule, of.policy.ballots, nearest=number == 0
        ):
            yield (
                of.candidates,
                kept
                + tuple(
                    cast(of.candidates, said, voter, words, (rival, answers[0])) for voter in chosen
                ),
            )
        moved = tuple(item for item in of.candidates if item.author not in chosen) + tuple(
            next(
                (
                    replace(item, proposal=sure(rival))
                    for item in of.candidates
                    if item.author == author and said.get(author) == rival
                ),
                Candidate(id=id_of(author, "unjudged"), author=author, proposal=sure(rival)),
            )
            for author in chosen
        )
        words = next(wordings(answers, rival, "borda", nearest=False))
        after = said | dict.fromkeys(chosen, rival)
        yield (
            moved,
            kept + tuple(cast(moved, after, voter, words, (rival, answers[0])) for voter in chosen),
        )


def sure(answer: str) -> Proposal:
    """A proposal of that answer and nothing else; the tests' choices are the options of CHOICE."""
    belief = tuple(ONE if option == answer else 0 for option in CHOICE.options)
    return Proposal(answer=answer, belief=belief if answer in CHOICE.options else ())


def wordings(
    answers: Sequence[str], rival: str, rule: str, heard: str = "all", *, nearest: bool
) -> Iterator[set[tuple[str, str]]]:
    """Which answers are put over which, in each way that is tried under a rule."""
    if rule in BY_ANSWERS:
        return
    winner, *others = answers
    others.remove(rival)
    both = {(rival, one) for one in answers if one != rival} | {(one, winner) for one in others}
    yield both
    if nearest and rule not in ("borda", "copeland", "quadratic"):
        if len(answers) > 3:
            yield both | set(combinations(others, 2))
            yield both | set(combinations(others[::-1], 2))
        if rule == "latent_truth" or heard != "all":
            yield {(rival, winner)}
            yield {(rival, one) for one in answers if one != rival}
            yield {(one, winner) for one in answers if one != winner}


def cast(
    candidates: Sequence[Candidate],
    said: Mapping[int, str],
    voter: int,
    words: set[tuple[str, str]],
    ends: tuple[str, str],
) -> CountedBallot:
    """The ballot that says that of every two candidates but its own."""
    others = [item.author for item in candidates if item.author != voter and item.author in said]
    return ballot(
        voter,
        candidates,
        [(a, b, FIRST, ONE) for a in others for b in others if (said[a], said[b]) in words],
        {at: 100 if said[at] == ends[0] else -100 for at in others if said[at] in ends},
    )


def test_only_a_decided_round_is_searched() -> None:
    of = camps(3, 2)
    found = of.tally(ballots=of.ballots[:3])
    assert found.status is Status.NO_QUORUM
    assert found.robustness == Robustness(least=None, tried=0, fragile=False)
