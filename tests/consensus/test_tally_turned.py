"""Turned ballots and other answers are the strongest there are, where `turned` says so (O5)."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, permutations, product

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from consensus.bodies import AnswerKind, AnswerSpec
from consensus.policy import ONE, RULES, Policy
from consensus.tally import Candidate, CountedBallot
from consensus.tally.count import Count
from consensus.tally.credits import cost
from consensus.tally.turned import (
    BY_ANSWERS,
    BY_ENDS,
    Stance,
    answer_otherwise,
    stances,
    turn,
)
from tests.harness.tallies import (
    CHOICE,
    FIRST,
    SECOND,
    TIE,
    Round,
    Word,
    ballot,
    ballots,
    candidate,
    proposals,
    rounds,
)

THREE = AnswerSpec(kind=AnswerKind.CHOICE, options=("red", "green", "blue"))
EXACT = ("quadratic", "borda", "copeland", "kemeny", "bradley_terry")


def lead(of: Count, winner: str, rival: str) -> tuple[float, ...]:
    """How far `rival` is above `winner`, unrounded: of Borda and Copeland, whose own figures are
    the largest and the least at once, both figures."""
    names = [item.answer for item in of.classes.items]
    w, r = names.index(winner), names.index(rival)
    match of.policy.rule:
        case "quadratic":
            votes = [(of.judging[item.voter], item.votes) for item in of.raw if item.votes]
            return (sum(weight * (given[r] - given[w]) for weight, given in votes),)
        case "bradley_terry":
            return (of.fit.strengths[r] / of.fit.strengths[w],)
        case "borda" | "copeland":
            return of.scores[r], -of.scores[w]
        case _:
            return (led_by(of, r) - led_by(of, w),)


def led_by(of: Count, leader: int) -> int:
    """How well the best ranking with that class in first place agrees with the voters."""
    others = [at for at in range(len(of.classes.items)) if at != leader]
    return max(
        sum(of.margins[one][other] for one, other in combinations((leader, *rest), 2))
        for rest in permutations(others)
    )


def with_ballots(of: Round, cast: Mapping[int, CountedBallot]) -> Count:
    """The round's count with these ballots in place of their voters'."""
    return of.count(ballots=tuple(({item.voter: item for item in of.ballots} | cast).values()))


def turned(of: Round, voters: frozenset[int], winner: str, rival: str) -> Count:
    """The count if they turn, by the first stance."""
    grouped = of.count().classes
    return with_ballots(
        of,
        {
            voter: turn(voter, of.candidates, grouped, winner, rival, of.policy, brief=True)
            for voter in voters
        },
    )


@settings(max_examples=50)
@given(st.data(), rounds(least=2, most=5, specs=(THREE,)), st.sampled_from(EXACT))
def test_no_ballots_bring_a_rival_further_above_the_winner_of_three(
    data: st.DataObject, of: Round, rule: str
) -> None:
    """Any members, whatever they cast, and the rival any of the other answers."""
    policy = Policy(rule=rule, mask=data.draw(st.sampled_from(["proposal", "class"])))
    of = replace(of, policy=policy)
    names = [of.count().classes.items[at].answer for at in of.count().ranking]
    assume(len(names) > 1)
    voters = data.draw(st.frozensets(st.integers(0, of.n - 1), min_size=1))
    cast = {voter: data.draw(ballots(voter, of.candidates)) for voter in voters}
    rival = data.draw(st.sampled_from(names[1:]))
    found = lead(turned(of, voters, names[0], rival), names[0], rival)
    any_ballots = lead(with_ballots(of, cast), names[0], rival)
    for best, other in zip(found, any_ballots, strict=True):
        assert best >= other - 1e-9


@st.composite
def divided(draw: st.DrawFn) -> Round:
    """Five members, of whom four gave as many answers."""
    table = tuple(candidate(at, answer) for at, answer in enumerate(CHOICE.options))
    voters = draw(st.lists(st.integers(0, 4), max_size=3, unique=True))
    return Round(
        n=5,
        candidates=table,
        ballots=tuple(draw(ballots(voter, table)) for voter in voters),
    )


@settings(max_examples=25)
@given(st.data(), divided(), st.sampled_from(sorted(BY_ENDS)))
def test_pairs_of_two_others_do_not_matter_to_borda_copeland_and_votes(
    data: st.DataObject, of: Round, rule: str
) -> None:
    """So there the ballots are the strongest whatever the number of answers."""
    of = replace(of, policy=Policy(rule=rule))
    names = [of.count().classes.items[at].answer for at in of.count().ranking]
    voters = data.draw(st.frozensets(st.integers(0, of.n - 1), min_size=1, max_size=3))
    cast = {voter: data.draw(ballots(voter, of.candidates)) for voter in voters}
    found = lead(turned(of, voters, names[0], names[1]), names[0], names[1])
    for best, other in zip(found, lead(with_ballots(of, cast), names[0], names[1]), strict=True):
        assert best >= other - 1e-9


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.sampled_from(["red", "green", "blue"]), min_size=4, max_size=4),
    st.lists(st.integers(0, 5), min_size=4, max_size=4),
    st.integers(1, 10),
    st.sampled_from(["borda", "copeland", "kemeny", "bradley_terry"]),
)
@example(["red", "green", "blue", "red"], [0, 1, 2, 3], 10, "bradley_terry")
def test_one_of_four_with_any_ballot_changes_no_winner_that_is_not_fragile(
    said: list[str], liking: list[int], tenths: int, rule: str
) -> None:
    """Every ballot of wins, losses, ties and silence on three pairs, by each member."""
    table = tuple(candidate(at, answer) for at, answer in enumerate(said))
    orders = [*map(list, ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)))]

    def judged(voter: int) -> CountedBallot:
        place = dict(zip(("red", "green", "blue"), orders[liking[voter]], strict=True))
        pairs: list[Word] = [
            (one, other, FIRST if place[said[one]] < place[said[other]] else SECOND, tenths * 1_000)
            for one, other in combinations([at for at in range(4) if at != voter], 2)
        ]
        return ballot(voter, table, pairs)

    of = Round(
        n=4,
        candidates=table,
        ballots=tuple(map(judged, range(4))),
        policy=Policy(rule=rule),
    )
    result = of.tally()
    if result.robustness.fragile:
        return
    for voter in range(4):
        others = [at for at in range(4) if at != voter]
        for words in product((FIRST, SECOND, TIE, None), repeat=3):
            pairs = [
                (*pair, word, ONE)
                for pair, word in zip(combinations(others, 2), words, strict=True)
                if word is not None
            ]
            again = with_ballots(of, {voter: ballot(voter, table, pairs)})
            assert again.classes.items[again.ranking[0]].answer == result.winner


@settings(max_examples=40)
@given(
    st.data(),
    rounds(least=2, most=6, specs=(CHOICE,)),
    st.sampled_from(["majority", "log_odds", "reconcile", "model_switch"]),
)
def test_no_proposals_bring_a_rival_further_above_the_winner_by_answers(
    data: st.DataObject, of: Round, rule: str
) -> None:
    of = replace(of, policy=Policy(rule=rule))
    first = of.count()
    names = [first.classes.items[at].answer for at in first.ranking]
    assume(len(names) > 1)
    members = data.draw(st.frozensets(st.integers(0, of.n - 1), min_size=1))
    rival = data.draw(st.sampled_from([first.classes.items[at] for at in first.ranking[1:]]))
    otherwise = of.count(
        candidates=tuple(answer_otherwise(of.candidates, members, rival, len(CHOICE.options)))
    )
    drawn = of.count(
        candidates=tuple(
            replace(item, proposal=data.draw(proposals(CHOICE))) if item.author in members else item
            for item in of.candidates
            if item.author not in members or data.draw(st.booleans())
        )
    )

    def ahead(count: Count) -> int:
        scores = {
            item.answer: score
            for item, score in zip(count.classes.items, count.scores, strict=True)
        }
        return scores.get(rival.answer, 0) - scores.get(names[0], 0)

    assert ahead(otherwise) >= ahead(drawn) - (2 if rule == "model_switch" else 0)


@settings(max_examples=60)
@given(st.integers(1, 10_000), st.integers(0, 3), st.integers(0, 3), st.data())
def test_no_votes_that_can_be_afforded_move_two_answers_further_apart(
    budget: int, good: int, bad: int, data: st.DataObject
) -> None:
    table = tuple(
        candidate(at, "green" if at <= good else "red") for at in range(1, 1 + good + bad)
    )
    policy = Policy(endorsements="credits", credits=budget)
    of = Round(n=8, candidates=table, ballots=(), policy=policy)
    grouped = of.count().classes
    cast = turn(0, table, grouped, "red", "green", policy)
    assert cost(cast, grouped) <= budget

    def apart(item: CountedBallot) -> Fraction:
        total = Fraction()
        for mark in item.ballot.marks:
            author = next(a.author for a in table if a.id == item.ballot.held[mark.candidate])
            size = Fraction(mark.endorsement, good if author <= good else bad)
            total += size if author <= good else -size
        return total

    marks = {
        at: data.draw(st.integers(0, 100)) * (1 if at <= good else -1)
        for at in range(1, 1 + good + bad)
    }
    drawn = ballot(0, table, (), marks)
    while cost(drawn, grouped) > budget:
        marks = {at: int(votes * 0.9) for at, votes in marks.items()}
        drawn = ballot(0, table, (), marks)
    assert apart(cast) >= apart(drawn)


def test_a_turned_ballot_puts_the_winner_under_third_answers_too() -> None:
    table = tuple(candidate(at, answer) for at, answer in enumerate(("red", "green", "blue")))
    of = Round(n=5, candidates=table, ballots=())
    cast = turn(4, table, of.count().classes, "red", "green").ballot
    authors = {item.id: item.author for item in table}
    won = {(authors[cast.held[pair.first]], authors[cast.held[pair.second]]) for pair in cast.pairs}
    assert won == {(1, 0), (1, 2), (2, 0)}
    assert all(pair.preference is FIRST for pair in cast.pairs)


@pytest.mark.parametrize("rule", RULES)
def test_rules_that_read_no_ballots_have_none_turned(rule: str) -> None:
    found = stances(Policy(rule=rule), 5)
    assert (found == ()) == (rule in BY_ANSWERS)
    assert not found or found[0] is Stance.BOTH


@settings(max_examples=15)
@given(rounds(least=3, most=5, specs=(CHOICE,)), st.sampled_from(list(Stance)))
def test_a_brief_ballot_reads_as_a_full_one(of: Round, stance: Stance) -> None:
    first = of.count()
    names = [first.classes.items[at].answer for at in first.ranking]
    assume(len(names) > 1)
    made = [
        with_ballots(
            of,
            {
                0: turn(
                    0,
                    of.candidates,
                    first.classes,
                    names[0],
                    names[1],
                    stance=stance,
                    order=names,
                    brief=brief,
                )
            },
        )
        for brief in (False, True)
    ]
    assert made[0].fit == made[1].fit
    assert made[0].support == made[1].support


def test_who_proposed_the_rival_keeps_what_was_said_of_it() -> None:
    """Else a lone author could wash all words off its answer by proposing it again."""
    table = (candidate(0, "red"), candidate(1, "green", confidence=4_000), candidate(2, "blue"))
    grouped = Round(n=3, candidates=table, ballots=()).count().classes
    green = next(item for item in grouped.items if item.answer == "green")
    after: dict[int, Candidate] = {
        item.author: item for item in answer_otherwise(table, frozenset({1, 2}), green, 4)
    }
    assert after[1].id == table[1].id
    assert after[2].id != table[2].id
    assert after[0] == table[0]
    assert {after[at].proposal.answer for at in (1, 2)} == {"green"}
    assert {after[at].proposal.belief for at in (1, 2)} == {(0, ONE, 0, 0)}
