"""The rules that mix others: what they add up, who can move them, and how far (O7a, R2b, L3)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.policy import EXPERTS, MIXED, ONE, Policy
from consensus.tally import Status, Weights, tally
from consensus.tally.count import Count, best_first
from consensus.tally.rules import RULES
from consensus.tally.rules.adaptive import PRIOR, combined, leading, say
from tests.harness.tallies import ALICE, BOB, CAROL, DAVE, Round, ballot, candidate, quorum, rounds

BEST = len(EXPERTS) - 1
weights = st.lists(st.integers(0, ONE), min_size=len(EXPERTS), max_size=len(EXPERTS)).map(tuple)


TABLE = (
    candidate(ALICE, "red"),
    candidate(BOB, "red"),
    candidate(CAROL, "green"),
    candidate(DAVE, "green"),
)
TWO_TO_TWO = Round(n=4, candidates=TABLE, ballots=tuple(ballot(voter, TABLE) for voter in range(4)))
THREE = (TABLE[0], candidate(BOB, "green"), *TABLE[2:])
ONE_TO_THREE = Round(
    n=4, candidates=THREE, ballots=tuple(ballot(voter, THREE) for voter in range(4))
)


def mixed(of: Round, experts: tuple[int, ...], rule: str = "adaptive") -> Count:
    return replace(of.count(policy=Policy(rule=rule)), experts=experts)


def only(*names: str) -> tuple[int, ...]:
    return tuple(ONE * (name in names) for name in EXPERTS)


def test_every_other_rule_and_the_best_member_are_heard() -> None:
    assert {*EXPERTS} == {*RULES} - {*MIXED} | {"best_member"}


@settings(max_examples=40)
@given(rounds(), st.sampled_from([name for name in EXPERTS if name != "best_member"]))
def test_with_all_weight_on_one_rule_that_rule_decides(of: Round, rule: str) -> None:
    alone = of.count(policy=Policy(rule=rule))
    found = mixed(of, only(rule))
    assert found.winner == alone.winner
    assert found.ranking[:1] == alone.ranking[:1]


@settings(max_examples=40)
@given(rounds(), weights, st.sampled_from(MIXED))
def test_the_search_that_ends_early_finds_the_winner(
    of: Round, experts: tuple[int, ...], rule: str
) -> None:
    found = mixed(of, experts, rule)
    ranked = best_first(found.scores, found.classes.order)
    assert found.winner == (ranked[0] if ranked else None)
    assert leading(found) in (None, found.winner)


def test_half_of_the_weight_ends_the_search_at_its_first_expert() -> None:
    found = mixed(ONE_TO_THREE, PRIOR)
    assert leading(found) == found.winner == 1
    assert "picks" not in vars(found)  # the other rules were never asked


@settings(max_examples=40)
@given(rounds(), weights)
def test_a_class_scores_what_those_who_name_it_weigh(of: Round, experts: tuple[int, ...]) -> None:
    found = mixed(of, experts)
    heard = say(experts, capped=False)
    assert sum(found.scores) <= ONE * sum(heard)
    for picked in found.picks:
        shares = [share for _, share in picked]
        assert bool(shares) == bool(found.classes.items)
        assert not shares or ONE - len(found.classes.items) <= sum(shares) <= ONE


def test_the_best_member_speaks_alone_and_equals_share() -> None:
    scores = (9_000, 5_000, 5_000, 5_000)
    found = replace(mixed(TWO_TO_TWO, only("best_member")), standing=scores)
    assert found.scores[found.winner or 0] == ONE * ONE
    assert found.classes.items[found.winner or 0].answer == "red"
    three = replace(found, standing=(9_000, 9_000, 9_000, 5_000))
    assert sorted(three.picks[BEST]) == [(0, ONE * 2 // 3), (1, ONE // 3)]


@settings(max_examples=40)
@given(rounds(least=2), weights, st.data())
def test_capped_no_members_word_alone_outweighs_all_rules(
    of: Round, experts: tuple[int, ...], data: st.DataObject
) -> None:
    """L3: an answer that only the best member gives never beats one that all rules give."""
    found = mixed(of, experts, "adaptive_capped")
    if not found.classes.items:
        return
    lone = {at for at, _ in found.picks[BEST]}
    others = {at for picked in found.picks[:BEST] for at, _ in picked}
    if len(others) == 1 and not lone & others:
        assert found.winner in others
    heard = say(experts, capped=True)
    assert 2 * heard[BEST] < sum(heard)


def test_uncapped_the_best_member_can_stand_against_all_and_is_called_fragile() -> None:
    of = replace(
        ONE_TO_THREE,
        weights=Weights(scores=(9_000, 5_000, 5_000, 5_000), weights=(ONE,) * 4),
    )
    trusting = (*([0] * BEST), ONE)

    def tallied(rule: str) -> tuple[str | None, bool]:
        found = tally(
            spec=of.spec,
            policy=Policy(rule=rule),
            quorum=quorum(4),
            candidates=of.candidates,
            ballots=of.ballots,
            weights=of.heard,
            seed=of.seed,
            first_vote=None,
            experts=trusting,
        )
        assert found.status is Status.DECIDED
        return found.winner, found.robustness.fragile

    assert tallied("adaptive") == ("red", True)
    assert tallied("adaptive_capped")[0] == "green"


# -- weights from views -----------------------------------------------------------------------


@given(st.lists(weights, min_size=1, max_size=10), st.data())
def test_no_f_members_move_a_weight_past_what_honest_ones_say(
    views: list[tuple[int, ...]], data: st.DataObject
) -> None:
    f = (len(views) - 1) // 3
    liars = data.draw(st.lists(weights | st.just(()), min_size=f, max_size=f))
    honest = views[f:]
    found = combined([*liars, *honest])
    for at, figure in enumerate(found):
        said = [view[at] for view in honest]
        assert min(said) <= figure <= max(said)


def test_a_view_that_is_missing_or_of_other_rules_counts_as_the_start() -> None:
    assert combined([(), (1, 2), PRIOR]) == PRIOR
    assert combined([()]) == PRIOR
    agreed = tuple(range(len(EXPERTS)))
    assert combined([agreed, agreed, agreed, ()]) == agreed


def test_weights_of_nothing_are_those_of_the_start() -> None:
    assert say((0,) * len(EXPERTS), capped=False) == PRIOR
    assert say(only("best_member"), capped=True)[:BEST] == PRIOR[:BEST]


@settings(max_examples=40)
@given(rounds(), weights, st.sampled_from(MIXED))
def test_the_figures_say_what_was_mixed(of: Round, experts: tuple[int, ...], rule: str) -> None:
    figures = of.tally(policy=Policy(rule=rule)).to_dict()
    assert figures["mixed"]["weights"] == list(PRIOR)
    assert len(figures["mixed"]["picks"]) == len(EXPERTS)
    assert "mixed" not in of.tally(policy=Policy()).to_dict()


@pytest.mark.parametrize("rule", MIXED)
@given(st.lists(st.booleans(), min_size=len(EXPERTS), max_size=len(EXPERTS)), weights)
def test_the_vote_is_wrong_only_where_half_of_the_weight_is(
    rule: str, right: list[bool], experts: tuple[int, ...]
) -> None:
    """What ties the vote's mistakes to the draw's expected ones: at most twice as many."""
    heard = say(experts, capped=rule == "adaptive_capped")
    truth = sum(weight for weight, good in zip(heard, right, strict=True) if good)
    found = mixed(TWO_TO_TWO, experts, rule)
    vars(found)["picks"] = tuple(((0 if good else 1, ONE),) for good in right)
    wrong = found.scores[0] <= found.scores[1]
    assert not wrong or 2 * truth <= sum(heard)
