"""Each rule that can name the winner, against its paper and a naive twin (O7)."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus import policy
from consensus.bodies import Ballot
from consensus.exact import GRID, LN_UNIT, log_sum
from consensus.policy import ONE, Policy
from consensus.tally import Weights
from consensus.tally.answers import AnswerClass, Classes
from consensus.tally.belief import Opinion
from consensus.tally.readings import Comparison, Reading
from consensus.tally.rules import RULES
from consensus.tally.rules.copeland import copeland
from consensus.tally.rules.kemeny import MOST_EXACT, kemeny
from consensus.tally.rules.latent_truth import NODES, latent_truth, said_by_answers, ways
from consensus.tally.rules.log_odds import log_odds
from consensus.tally.rules.margins import Margins, margins, smith
from consensus.tally.rules.model_switch import consistency, early_end, model_switch
from consensus.tally.rules.reconcile import reconcile, rescaled
from consensus.tally.rules.self_org import self_org
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    FIRST,
    Round,
    ballot,
    candidate,
    id_of,
    rounds,
)


def groups(*authors: Sequence[int]) -> Classes:
    """Classes with these authors, no candidate in common, no options."""
    return Classes(
        items=tuple(
            AnswerClass(
                answer=str(at),
                text=str(at),
                option=None,
                candidates=tuple(id_of(author) for author in mine),
                authors=tuple(mine),
                tie=bytes([at]),
                spellings=(str(at),),
            )
            for at, mine in enumerate(authors)
        ),
        void=(),
        of={},
        order=tuple(range(len(authors))),
    )


def believing(voter: int, *shares: int) -> Opinion:
    return Opinion(voter=voter, shares=shares, known=(True,) * len(shares))


def word(voter: int, *pairs: tuple[int, int, float]) -> Reading:
    """A reading by `voter`: class, class, and the share that the first wins."""
    return Reading(
        voter=voter,
        ballot=Ballot(held=()),
        comparisons=tuple(
            Comparison(first=first, second=second, won=round(ONE * share), of=ONE)
            for first, second, share in pairs
        ),
        pairs=(),
        votes=(),
    )


def test_a_policy_names_the_rules_that_there_are() -> None:
    assert tuple(RULES) == policy.RULES


@given(rounds(), st.sampled_from(policy.RULES))
def test_the_score_that_decides_is_signed_with_the_figures(of: Round, rule: str) -> None:
    found = of.tally(policy=Policy(rule=rule))
    scores = {item.answer: item.score for item in found.classes}
    assert all(abs(score) < 2**53 for score in scores.values())
    if found.winner is not None:
        assert scores[found.winner] == max(scores.values())


# -- majorities, Copeland, Kemeny -----------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn, most: int = 6) -> Margins:
    """Majorities of up to `most` classes, with ties."""
    count = draw(st.integers(0, most))
    table = [[0] * count for _ in range(count)]
    for one, other in combinations(range(count), 2):
        table[one][other] = draw(st.integers(-3, 3))
        table[other][one] = -table[one][other]
    return tuple(map(tuple, table))


def test_margins_are_ordinal_weighted_and_ties_count_for_neither() -> None:
    readings = (word(0, (0, 1, 0.6)), word(1, (0, 1, 0.0)), word(2, (0, 1, 0.5)))
    table = margins(readings, (10_000, 4_000, 9_000), 2)
    assert table == ((0, 6_000 * ONE), (-6_000 * ONE, 0))


@given(tables())
def test_the_smith_set_is_the_least_that_beats_all_others(table: Margins) -> None:
    members = range(len(table))
    dominating = [
        set(chosen)
        for size in range(1, len(table) + 1)
        for chosen in combinations(members, size)
        if all(table[a][b] > 0 for a in chosen for b in members if b not in chosen)
    ]
    assert set(smith(table)) == (min(dominating, key=len) if dominating else set())


def test_copeland_gives_a_condorcet_winner_most_and_ties_a_cycle() -> None:
    assert copeland(((0, 1, 1), (-1, 0, 5), (-1, -5, 0))) == (4, 2, 0)
    assert copeland(((0, 9, -1), (-9, 0, 2), (1, -2, 0))) == (2, 2, 2)
    assert copeland(((0, 0), (0, 0))) == (1, 1)


@given(tables())
def test_kemeny_agrees_with_every_ranking_tried(table: Margins) -> None:
    def agreement(ranking: Sequence[int]) -> int:
        return sum(table[a][b] for a, b in combinations(ranking, 2))

    found = kemeny(table)
    if not table:
        assert found == ()
        return
    best = max(map(agreement, permutations(range(len(table)))))
    winners = {
        ranking[0] for ranking in permutations(range(len(table))) if agreement(ranking) == best
    }
    assert {at for at, score in enumerate(found) if score == max(found)} == winners


def test_kemeny_finds_a_cycles_weakest_link() -> None:
    # 0 over 1 by 8, 1 over 2 by 6, 2 over 0 by 2: the least to give up is the last.
    found = kemeny(((0, 8, -2), (-8, 0, 6), (2, -6, 0)))
    assert found == (12, 0, 4)


@pytest.mark.parametrize("size", [MOST_EXACT, MOST_EXACT + 1])
def test_kemeny_is_exact_up_to_its_bound_and_defined_past_it(size: int) -> None:
    table = [[0] * size for _ in range(size)]
    for one, other in combinations(range(size), 2):  # a cycle: each beats the next half
        lead = 2 if other - one <= size // 2 else -2
        table[one][other], table[other][one] = lead, -lead
    table[0][1], table[1][0] = 9, -9
    found = kemeny(tuple(map(tuple, table)))
    assert len(smith(tuple(map(tuple, table)))) == size
    assert max(range(size), key=found.__getitem__) == 0


def test_past_the_bound_a_condorcet_winner_still_wins_kemeny() -> None:
    size = MOST_EXACT + 4
    table = [[0] * size for _ in range(size)]
    for one, other in combinations(range(size), 2):
        lead = 50 if (one + other) % 3 else -50
        table[one][other], table[other][one] = lead, -lead
    for other in range(size):
        if other != 5:
            table[5][other], table[other][5] = 1, -1
    found = kemeny(tuple(map(tuple, table)))
    assert max(range(size), key=found.__getitem__) == 5


# -- weights of authors: log odds, ReConcile, ModelSwitch, SelfOrg ----------------------------


@given(st.integers(1, ONE), st.integers(2, 10))
def test_log_odds_of_equal_members_are_the_majority(score: int, places: int) -> None:
    assert log_odds(groups((0, 3), (1,), (2, 4, 5)), (score,) * 6, places, 1) == (
        2 * ONE,
        ONE,
        3 * ONE,
    )


def test_log_odds_weigh_as_nitzan_and_paroush_have_it() -> None:
    scores, places = (9_000, 6_000, 7_000), 2
    found = log_odds(groups((0,), (1,), (2,)), scores, places, 0)
    nats = [math.log(score / (ONE - score)) for score in scores]
    assert found == pytest.approx([ONE * 3 * one / sum(nats) for one in nats], abs=2)
    assert found[0] > found[1] + found[2]  # 0.9 alone is right more often than both
    among_five = log_odds(groups((0,), (1,), (2,)), scores, 5, 0)
    nats = [math.log(4 * score / (ONE - score)) for score in scores]
    assert among_five == pytest.approx([ONE * 3 * one / sum(nats) for one in nats], abs=2)


def test_log_odds_are_capped_and_bad_repute_does_not_silence() -> None:
    found = log_odds(groups((0,), (1,), (2,), (3,)), (9_999, 5_000, 5_000, 100), 2, 1)
    assert 2 * found[0] < sum(found)
    assert found[3] > 0


@pytest.mark.parametrize(
    ("confidence", "tenths"),
    [
        (10_000, 10),
        (9_999, 8),
        (9_000, 8),
        (8_999, 5),
        (8_000, 5),
        (7_999, 3),
        (6_001, 3),
        (6_000, 1),
        (0, 1),
    ],
)
def test_confidence_is_rescaled_in_reconciles_five_steps(confidence: int, tenths: int) -> None:
    assert rescaled(confidence) == tenths


def test_reconcile_lets_one_who_is_certain_outvote_two_who_are_not() -> None:
    opinions = (
        believing(0, 10_000, 0),
        believing(1, 3_000, 7_000),
        believing(2, 2_500, 7_500),
    )
    assert reconcile(groups((0,), (1, 2)), opinions, (ONE, ONE, ONE)) == (10 * ONE, 6 * ONE)
    assert reconcile(groups((0,), (1, 2)), opinions, (5_000, ONE, ONE))[0] == 5 * ONE


def test_consistency_goes_from_one_place_of_k_to_one() -> None:
    assert consistency(believing(0, 2_500, 2_500, 2_500, 2_500)) == GRID // 4
    assert consistency(believing(0, 10_000, 0, 0, 0)) == GRID
    assert consistency(believing(0, 10_000)) == GRID


@given(st.lists(st.integers(0, 5_000), min_size=2, max_size=8).filter(any))
def test_consistency_is_what_modelswitch_has_it(shares: list[int]) -> None:
    k, whole = len(shares), sum(shares)
    spread = -sum(one / whole * math.log(one / whole) for one in shares if one)
    expected = 1 / k + (1 - 1 / k) * (1 - spread / math.log(k))
    assert consistency(believing(0, *shares)) / GRID == pytest.approx(expected, abs=1e-8)


def test_modelswitch_pools_beliefs_by_consistency() -> None:
    opinions = (believing(0, 10_000, 0), believing(1, 4_000, 6_000))
    found = model_switch(groups((0,), (1,)), opinions, (ONE, ONE))
    twin = consistency(opinions[1]) / GRID
    assert found == pytest.approx((ONE * (ONE + 4_000 * twin), ONE * 6_000 * twin), abs=2)


def test_the_early_end_asks_until_one_is_certain_and_never_takes_the_last_alone() -> None:
    classes = groups((0, 2), (1,))
    sure, unsure = believing(1, 0, 10_000), believing(0, 6_000, 4_000)
    found = early_end(classes, (unsure, sure, believing(2, 10_000, 0)), (0, 1, 2))
    assert (found.asked, found.settled, found.at) == (2, True, 1)
    found = early_end(classes, (unsure, sure), (0, 1))
    assert (found.asked, found.settled, found.at) == (2, False, None)


@given(
    st.lists(
        st.lists(st.integers(0, ONE), min_size=3, max_size=3).filter(any), min_size=1, max_size=5
    )
)
def test_selforg_weighs_by_the_cosine_to_the_mean(shares: list[list[int]]) -> None:
    n = len(shares)
    classes = groups(tuple(range(n)), (), ())
    opinions = tuple(believing(at, *one) for at, one in enumerate(shares))
    mean = [sum(one[place] for one in shares) for place in range(3)]
    cosines = [
        sum(a * b for a, b in zip(one, mean, strict=True)) / (math.hypot(*one) * math.hypot(*mean))
        for one in shares
    ]
    expected = [
        sum(c * one[place] for c, one in zip(cosines, shares, strict=True)) / sum(cosines) / ONE
        for place in range(3)
    ]
    found = self_org(classes, opinions, (ONE,) * n)
    assert [one / GRID for one in found] == pytest.approx(expected, abs=1e-8)


def test_without_beliefs_selforg_and_modelswitch_order_classes_as_the_majority_does() -> None:
    classes = groups((0, 3), (1,), (2, 4, 5))
    sure = ((ONE, 0, 0), (0, ONE, 0), (0, 0, ONE), (ONE, 0, 0), (0, 0, ONE), (0, 0, ONE))
    opinions = tuple(believing(at, *one) for at, one in enumerate(sure))
    for found in (
        self_org(classes, opinions, (ONE,) * 6),
        model_switch(classes, opinions, (ONE,) * 6),
    ):
        assert found[2] > found[0] > found[1] > 0


@pytest.mark.parametrize("rule", ["log_odds", "reconcile", "model_switch", "self_org"])
def test_rules_over_answers_do_not_read_ballots(rule: str) -> None:
    table = (candidate(ALICE, "red"), candidate(BOB, "red"), candidate(CAROL, "green"))
    of = Round(n=3, candidates=table, ballots=(), policy=Policy(rule=rule))
    against = ballot(ALICE, table, [(CAROL, BOB, FIRST, ONE)], {CAROL: 100})
    assert of.count(ballots=(against,)).scores == of.count().scores


@pytest.mark.parametrize(
    "rule", ["majority", "log_odds", "reconcile", "model_switch", "self_org", "latent_truth"]
)
def test_rules_that_count_authors_are_moved_by_more_of_them(rule: str) -> None:
    """An answer given by more members is more often right: here clones do gain, by nature."""
    table = (candidate(ALICE, "red"), candidate(BOB, "green"), candidate(CAROL, "green"))
    more = tuple(candidate(author, "red") for author in (3, 4, 5))
    of = Round(n=6, candidates=table, ballots=(), policy=Policy(rule=rule))
    assert [of.count(candidates=cast).winner for cast in (table, table + more)] == [1, 0]


# -- the latent truth -----------------------------------------------------------------------


def twin(
    classes: Classes, readings: Sequence[Reading], weights: Sequence[int], judging: Sequence[int]
) -> list[float]:
    """The model as its docstring has it, in floating point and without any care for speed."""
    count = len(classes.items)
    own = {author: at for at, item in enumerate(classes.items) for author in item.authors}
    members = len(own)
    odds = [won / lost for won, lost in NODES]
    logs = []
    for true in range(count):
        answered = 0.0
        for r in odds:
            every = sum(  # all ways in which they could have given these classes and no others
                r ** answers.count(true)
                for answers in product(range(count), repeat=members)
                if len(set(answers)) == count
            )
            mean = sum(weights[author] for author in own) / ONE / members
            mine = sum(weights[author] for author, at in own.items() if at == true) / ONE
            answered += r**mine / every**mean
        judged = 0.0
        for t in odds:
            for s in odds:
                likely = 1.0
                for reading in readings:
                    seen = {end for one in reading.comparisons for end in (one.first, one.second)}
                    parts = {at: {at} for at in seen}
                    for one in reading.comparisons:
                        joined = parts[one.first] | parts[one.second]
                        parts.update(dict.fromkeys(joined, joined))
                    free = len(seen) - len({id(part) for part in parts.values()})
                    mine = own.get(reading.voter)
                    for one in reading.comparisons:
                        ratio = t ** ((one.first == true) - (one.second == true))
                        ratio *= s ** ((one.first == mine) - (one.second == mine))
                        p, q = ratio / (1 + ratio), one.won / one.of
                        power = judging[reading.voter] / ONE * free / len(reading.comparisons)
                        likely *= (q * p + (1 - q) * (1 - p)) ** power
                judged += likely
        logs.append(math.log(answered * judged))
    whole = math.log(sum(map(math.exp, logs))) if logs else 0.0
    return [log - whole for log in logs]


@settings(max_examples=40)
@given(rounds(least=2, most=4))
def test_the_latent_truth_is_what_its_model_says(of: Round) -> None:
    count = of.count()
    found = latent_truth(count.classes, count.readings, count.weights, count.judging)
    expected = twin(count.classes, count.readings, count.weights, count.judging)
    assert [one / GRID for one in found] == pytest.approx(expected, abs=1e-7)
    if found:
        assert sum(math.exp(one / GRID) for one in found) == pytest.approx(1.0)


def test_a_word_against_ones_own_answer_weighs_more_than_one_for_it() -> None:
    classes = groups((0,), (1,))

    def lead(voter: int, share: float) -> int:
        """How much voter's word moves the first class over the second, beside its answer."""
        plain = latent_truth(classes, (), (ONE, ONE), (ONE, ONE))
        said = latent_truth(classes, (word(voter, (0, 1, share)),), (ONE, ONE), (ONE, ONE))
        return (said[0] - said[1]) - (plain[0] - plain[1])

    against, for_it = lead(1, 1.0), lead(0, 1.0)
    assert against > for_it > 0
    assert lead(0, 0.0) == -against


def test_a_committee_in_which_all_favour_their_own_teaches_that_such_words_are_cheap() -> None:
    classes = groups((0,), (1,), (2,), (3,))
    judging = (ONE,) * 4
    loyal = tuple(
        word(voter, *((voter, at, 1.0) for at in range(4) if at > voter)) for voter in (0, 1)
    )
    loyal += (word(2, (0, 2, 0.0), (1, 2, 0.0), (2, 3, 1.0)),)

    def lead(readings: Sequence[Reading]) -> int:
        found = latent_truth(classes, readings, judging, judging)
        return found[3] - found[0]

    switch = word(3, (0, 3, 1.0), (1, 3, 0.0), (2, 3, 0.0))  # 3 prefers 0's answer to its own
    alone = lead(()) - lead((switch,))
    among = lead(loyal) - lead((*loyal, switch))
    assert among > alone > 0


def test_ties_and_silence_say_nothing_of_the_truth() -> None:
    classes = groups((0, 1), (2,), (3,))
    plain = latent_truth(classes, (), (ONE,) * 4, (ONE,) * 4)
    tied = latent_truth(classes, (word(3, (0, 1, 0.5)), word(0)), (ONE,) * 4, (ONE,) * 4)
    assert tied == plain
    assert plain[0] > plain[1] == plain[2]
    assert latent_truth(groups(), (), (), ()) == ()


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))
def test_ways_are_counted_as_a_list_of_them_counts(
    members: int, count: int, won: int, lost: int
) -> None:
    every = sum(
        math.prod(won if answer == 0 else lost for answer in answers)
        for answers in product(range(count), repeat=members)
        if len(set(answers)) == count
    )
    assert ways(won, lost, members, count) == every


def test_answers_all_different_teach_nothing_of_how_often_answers_are_right() -> None:
    found = said_by_answers(groups((0,), (1,), (2,), (3,)), (ONE,) * 4)
    every = [log for logs in found for log in logs]
    assert max(every) - min(every) < 10  # rounding at thirty digits
    agreed = said_by_answers(groups((0, 1, 2), (3,)), (ONE,) * 4)
    assert list(agreed[0]) == sorted(agreed[0])  # the likelier, the more often members are right


def test_options_that_nobody_gave_do_not_show() -> None:
    classes = groups((0, 1), (2,))
    few, many = (
        [replace(item, option=at) for at, item in zip(options, classes.items, strict=True)]
        for options in ((0, 1), (3, 25))
    )
    found = {
        latent_truth(replace(classes, items=tuple(items)), (), (ONE,) * 3, (ONE,) * 3)
        for items in (few, many)
    }
    assert len(found) == 1


def test_one_class_is_true_for_sure() -> None:
    assert latent_truth(groups((0, 1)), (), (ONE, ONE), (ONE, ONE)) == (0,)


@given(st.lists(st.integers(-300 * LN_UNIT, 300 * LN_UNIT), min_size=1, max_size=6))
def test_log_sum_is_the_logarithm_of_a_sum_of_powers(values: list[int]) -> None:
    top = max(values)
    expected = math.log(sum(math.exp((one - top) / LN_UNIT) for one in values))
    assert (log_sum(values) - top) / LN_UNIT == pytest.approx(expected, abs=1e-12)


def test_log_odds_read_scores_only_where_the_policy_lets_them_weigh() -> None:
    table = (candidate(ALICE, "red"), candidate(BOB, "green"), candidate(CAROL, "green"))
    of = Round(
        n=3,
        candidates=table,
        ballots=tuple(ballot(at, table) for at in range(3)),
        weights=Weights(scores=(9_900, 5_100, 5_100), weights=(ONE,) * 3),
        policy=Policy(rule="log_odds"),
    )
    assert of.tally().winner == "red"
    assert of.tally(policy=replace(of.policy, weights="equal")).winner == "green"
