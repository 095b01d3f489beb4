"""The tally of a round: who wins, when nobody does, and what is recorded beside (O4, O6, R9a)."""

from dataclasses import replace

import pytest

from consensus import canonical
from consensus.policy import ONE, RULES, Policy
from consensus.tally import CountedBallot, Status, Weights
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    CHOICE,
    DAVE,
    FIRST,
    MALLORY,
    NUMBER,
    Round,
    ballot,
    candidate,
)

BY_ANSWERS = ("majority", "log_odds", "reconcile", "model_switch", "self_org")
"""Rules that read what members answer themselves, and no ballot."""

TABLE = (
    candidate(ALICE, "red"),
    candidate(BOB, "red"),
    candidate(CAROL, "green"),
    candidate(DAVE, "green"),
)


def backing(voter: int, answer: str) -> CountedBallot:
    """A ballot that prefers and endorses `answer` wherever it may."""
    good = [item.author for item in TABLE if item.proposal.answer == answer]
    bad = [item.author for item in TABLE if item.proposal.answer != answer]
    return ballot(
        voter,
        TABLE,
        [(one, other, FIRST, ONE) for one in good for other in bad if voter not in (one, other)],
        {author: 100 for author in good if author != voter},
    )


FOUR = Round(
    n=4,
    candidates=TABLE,
    ballots=(
        backing(ALICE, "red"),
        backing(BOB, "red"),
        backing(CAROL, "red"),
        backing(DAVE, "green"),
    ),
)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in BY_ANSWERS])
def test_ballots_decide_where_proposals_are_even(rule: str) -> None:
    found = FOUR.tally(policy=Policy(rule=rule))
    assert (found.status, found.winner, found.tied) == (Status.DECIDED, "red", ())
    assert found.rule == rule


def test_the_rule_names_the_figure_that_decides() -> None:
    # Most propose red, most ballots are for green, and by a wide margin.
    table = (candidate(ALICE, "red"), candidate(BOB, "red"), candidate(CAROL, "green"))
    of = Round(
        n=3,
        candidates=table,
        ballots=(
            ballot(ALICE, table, [(CAROL, BOB, FIRST, ONE)], {CAROL: 90}),
            ballot(BOB, table, [(CAROL, ALICE, FIRST, ONE)], {CAROL: 90}),
            ballot(CAROL, table, [], {}),
        ),
    )
    winners = {rule: of.tally(policy=Policy(rule=rule)).winner for rule in RULES}
    assert winners == {rule: "red" if rule in BY_ANSWERS else "green" for rule in RULES}


def test_figures_of_a_class_stand_together() -> None:
    red, green = FOUR.tally().classes
    assert (red.answer, green.answer) == ("red", "green")
    assert red.belief + green.belief == red.strength + green.strength == ONE
    assert red.proposals == green.proposals == 5_000
    # Three ballots of four for red, each a whole vote; one for green.
    assert (red.support, green.support) == (7_500, 2_500)
    assert (red.conviction, green.conviction) == (7_500, 2_500)
    assert (red.borda, green.borda) == (7_500, 2_500)
    assert (red.votes, green.votes) == (2, 2)
    assert red.strength > green.strength
    assert red.error == green.error > 0


def test_nothing_is_decided_under_a_quorum_of_ballots() -> None:
    found = FOUR.tally(ballots=FOUR.ballots[:2])
    assert (found.status, found.winner, found.belief) == (Status.NO_QUORUM, None, 0)
    assert found.ballots == 2
    assert [item.answer for item in found.classes] == ["red", "green"]
    assert FOUR.tally(ballots=FOUR.ballots[:3]).status is Status.DECIDED


def test_an_abstaining_ballot_is_none() -> None:
    silent = ballot(DAVE, TABLE, abstain="the model timed out")
    two = FOUR.tally(ballots=FOUR.ballots[:2])
    assert FOUR.tally(ballots=(*FOUR.ballots[:2], silent)) == two


def test_without_candidates_there_is_nothing_to_decide() -> None:
    found = FOUR.tally(candidates=(), ballots=tuple(ballot(at, ()) for at in range(4)))
    assert (found.status, found.winner, found.classes) == (Status.NO_CANDIDATES, None, ())
    assert found.converged
    assert found.baselines.majority is None
    assert canonical.encode(found.to_dict())


def test_a_candidate_without_an_allowed_answer_does_not_enter() -> None:
    odd = candidate(MALLORY, "mauve")
    found = FOUR.tally(n=5, candidates=(*TABLE, odd))
    assert [item.id for item in found.void] == [odd.id]
    assert [item.reason for item in found.void] == ["is none of the options"]
    assert odd.id.hex() not in {id_ for item in found.classes for id_ in item.candidates}
    assert found.to_dict()["void"] == [{"id": odd.id.hex(), "reason": "is none of the options"}]


def test_a_lone_member_is_unjudged() -> None:
    of = Round(n=1, candidates=(candidate(ALICE, "7.0"),), ballots=(), spec=NUMBER)
    found = of.tally()
    assert (found.status, found.winner, found.belief) == (Status.UNJUDGED, "7", ONE)
    assert not found.robustness.fragile


def test_a_lone_member_with_a_void_answer_decides_nothing() -> None:
    of = Round(n=1, candidates=(candidate(ALICE, "seven"),), ballots=(), spec=NUMBER)
    assert of.tally().status is Status.NO_CANDIDATES


@pytest.mark.parametrize("rule", RULES)
def test_two_members_who_disagree_are_undecided_never_a_coin(rule: str) -> None:
    table = (
        candidate(ALICE, "red", belief=(ONE, 0, 0, 0)),
        candidate(BOB, "green", confidence=5_000),
    )
    of = Round(
        n=2,
        candidates=table,
        ballots=(ballot(ALICE, table, marks={BOB: -100}), ballot(BOB, table, marks={ALICE: 100})),
        policy=Policy(rule=rule),
    )
    for place in range(8):
        found = of.tally(seed=bytes([place]) * 32)
        assert (found.status, found.winner, found.belief) == (Status.UNDECIDED, None, 0)


def test_two_members_who_agree_are_decided() -> None:
    table = (candidate(ALICE, "red"), candidate(BOB, "Red"))
    of = Round(n=2, candidates=table, ballots=(ballot(ALICE, table), ballot(BOB, table)))
    assert (of.tally().status, of.tally().winner) == (Status.DECIDED, "red")
    assert of.tally(ballots=of.ballots[:1]).status is Status.NO_QUORUM


def test_three_members_with_three_answers_are_decided_by_their_ballots() -> None:
    table = (candidate(ALICE, "red"), candidate(BOB, "green"), candidate(CAROL, "blue"))
    of = Round(
        n=3,
        candidates=table,
        ballots=(
            ballot(ALICE, table, [(BOB, CAROL, FIRST, 8_000)], {BOB: 60, CAROL: -10}),
            ballot(BOB, table, [(CAROL, ALICE, FIRST, 1_000)], {ALICE: 10}),
            ballot(CAROL, table, [(BOB, ALICE, FIRST, 8_000)], {BOB: 80}),
        ),
    )
    assert of.tally().winner == "green"
    assert of.tally(ballots=of.ballots[:2]).winner is None


@pytest.mark.parametrize("rule", RULES)
def test_ties_fall_by_the_seed_and_not_by_the_answers(rule: str) -> None:
    even = replace(
        FOUR,
        policy=Policy(rule=rule),
        ballots=(
            backing(ALICE, "red"),
            backing(BOB, "green"),
            backing(CAROL, "red"),
            backing(DAVE, "green"),
        ),
    )
    winners = set()
    for place in range(20):
        found = even.tally(seed=bytes([place]) * 32)
        assert found.tied == ("red", "green")
        assert found.baselines.majority_tied == ("red", "green")
        winners.add(found.winner)
    assert winners == {"red", "green"}


def test_an_option_that_nobody_rates_is_not_ranked_last() -> None:
    table = (candidate(ALICE, "red"), candidate(BOB, "green"), candidate(CAROL, "blue"))
    of = Round(
        n=4,
        candidates=table,
        ballots=tuple(
            ballot(voter, table, [(ALICE, BOB, FIRST, ONE)], {ALICE: 50, BOB: -50})
            for voter in (CAROL, DAVE, MALLORY)
        ),
    )
    red, green, blue = replace(of, n=5, ballots=(*of.ballots, ballot(ALICE, table))).tally().classes
    for figure in ("strength", "support", "borda"):
        assert getattr(green, figure) < getattr(blue, figure) < getattr(red, figure)


def test_an_unseen_option_is_no_vote_against_it() -> None:
    sure = candidate(ALICE, "blue", belief=(500, 500, 9_000, 0))
    blind = candidate(BOB, "red", belief=(8_000, 2_000, 0, 0))
    declared = replace(blind, proposal=replace(blind.proposal, unseen=(2,)))
    by_answer = [
        {
            item.answer: item.proposals
            for item in Round(n=4, candidates=of, ballots=()).tally().classes
        }
        for of in ((sure, blind), (sure, declared))
    ]
    assert by_answer[0]["blue"] == round(9_000 / 17_500 * ONE)
    assert by_answer[1]["blue"] == round(9_000 / (9_000 + 4_250) * ONE)


def test_heavier_members_count_for_more() -> None:
    even = (backing(ALICE, "red"), backing(BOB, "green"), backing(CAROL, "red"))
    of = replace(FOUR, ballots=(*even, backing(DAVE, "green")))
    heavy = Weights(scores=(5_000,) * 4, weights=(9_000, 11_000, 9_000, 11_000))
    for rule in ("blend", "bradley_terry", "quadratic"):
        assert of.tally(weights=heavy, policy=Policy(rule=rule)).winner == "green"


def test_baselines_say_what_simpler_rules_would_have_said() -> None:
    table = (
        candidate(ALICE, "red", belief=(4_000, 3_000, 3_000, 0)),
        candidate(BOB, "red", belief=(3_500, 3_000, 3_500, 0)),
        candidate(CAROL, "green", belief=(0, 5_000, 5_000, 0)),
    )
    of = Round(
        n=3,
        candidates=table,
        ballots=tuple(ballot(voter, table) for voter in range(3)),
        weights=Weights(scores=(5_000, 5_000, 6_000), weights=(ONE,) * 3),
    )
    found = of.tally().baselines
    assert found.majority == "red"
    assert found.majority_tied == ()
    assert found.best_member == "green"
    # The option that nobody proposed has the highest mean: 11,500 of 30,000.
    assert (found.mean_belief, found.mean_belief_share) == ("blue", 3_833)
    assert found.first_vote == "red"
    assert of.tally(first_vote="grey").baselines.first_vote == "grey"


def test_the_best_member_is_nobody_while_the_best_disagree() -> None:
    assert FOUR.tally().baselines.best_member is None
    same = tuple(candidate(at, "red") for at in range(4))
    assert FOUR.tally(candidates=same).baselines.best_member == "red"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"candidates": (*TABLE, candidate(ALICE, "blue", "again"))}, "more than one candidate"),
        ({"ballots": (FOUR.ballots[0], FOUR.ballots[0])}, "more than one ballot"),
        ({"candidates": (candidate(MALLORY, "red"),)}, "candidate is of no member"),
        ({"ballots": (ballot(MALLORY, TABLE),)}, "ballot is of no member of a committee of 4"),
        ({"weights": Weights.neutral(3)}, "3 weights for a committee of 4"),
    ],
)
def test_what_counts_twice_or_for_nobody_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FOUR.tally(**changes)


def test_all_of_it_is_integers_and_text() -> None:
    data = FOUR.tally().to_dict()
    assert canonical.decode(canonical.encode(data)) == data
    assert CHOICE.options[:2] == tuple(item["answer"] for item in data["classes"])


def test_over_candidates_equal_answers_add_their_strengths() -> None:
    of = Round(
        n=4,
        candidates=(candidate(ALICE, "red"), candidate(BOB, "red"), candidate(CAROL, "green")),
        ballots=(),
    )
    assert of.count().strengths == (5_000, 5_000)
    assert of.count(policy=Policy(strengths_over="candidates")).strengths == (6_667, 3_333)


def test_over_candidates_each_pair_of_a_judge_counts_for_itself() -> None:
    # Alice's red beats green and Bob's loses to it: a draw of the classes.
    table = TABLE[:3]
    said = ballot(DAVE, table, [(ALICE, CAROL, FIRST, ONE), (CAROL, BOB, FIRST, ONE)])
    of = Round(n=4, candidates=table, ballots=(said,))
    assert of.count().strengths == (5_000, 5_000)
    over = of.count(policy=Policy(strengths_over="candidates"))
    assert over.strengths[0] > 6_667  # (x + 1/x) / (x + 1 + 1/x) is least at x = 1


def test_three_equal_strengths_are_a_tie_of_three() -> None:
    even = Round(
        n=4,
        candidates=(candidate(ALICE, "red"), candidate(BOB, "green"), candidate(CAROL, "blue")),
        ballots=tuple(ballot(voter, TABLE[:1]) for voter in (ALICE, BOB, CAROL)),
    )
    found = even.tally(policy=Policy(rule="bradley_terry"))
    assert found.tied == ("red", "green", "blue")
    assert sorted(item.strength for item in found.classes) == [3_333, 3_333, 3_334]
