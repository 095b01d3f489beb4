"""Which pairs a judge compares: what each design covers, and how it ends (R5)."""

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import AnswerKind, AnswerSpec, Preference
from consensus.policy import ONE, Policy
from consensus.tally import classes
from consensus.tally.asked import most_pairs
from consensus.tally.bradley_terry import covariance, fit, standard_errors
from consensus.tally.design import SEARCH, Asked, Design, Said, _matched, follow
from consensus.tally.readings import HALF, read
from tests.harness.tallies import FIRST, SEED, ballot, candidate

DESIGNS = ("all", "ring", "swiss", "information")
ADAPTIVE = ("swiss", "information")
WON, EVEN, LOST = 2 * HALF, HALF, 0

orders = st.integers(0, 2**32).map(Random)


def stronger(one: int, other: int) -> int:
    """The word of a judge for whom the lower position is the better, without doubt."""
    return WON if one < other else LOST


def noisy(random: Random) -> Callable[[int, int], int]:
    return lambda one, other: random.choice((WON, EVEN, LOST, 12_345))


def design(pairs: str, count: int, random: Random, **more: int) -> Design:
    return Design(pairs=pairs, order=tuple(random.sample(range(count), count)), **more)


def met(said: list[Said]) -> list[frozenset[int]]:
    """The pairs that were asked, either order, each once."""
    return list(dict.fromkeys(frozenset((item.first, item.second)) for item in said))


def meetings(said: list[Said], count: int) -> list[int]:
    found = Counter(at for pair in met(said) for at in pair)
    return [found[at] for at in range(count)]


def pieces(said: list[Said], names: list[int]) -> int:
    """Into how many pieces what was compared falls; `names` are the candidates' answers."""
    group = {name: {name} for name in names}
    for item in said:
        one, other = group[names[item.first]], group[names[item.second]]
        if one is not other:
            one |= other
            group.update(dict.fromkeys(other, one))
    return len({id(item) for item in group.values()})


def test_a_policy_names_the_designs_there_are() -> None:
    for name in DESIGNS:
        assert Policy(pairs=name).pairs == name
        assert Design(pairs=name).ask(4, []) != ()
    assert Policy().pairs == Design().pairs == "all"
    with pytest.raises(ValueError, match="no design of pairs 'coin'"):
        Design(pairs="coin").ask(4, [])


@pytest.mark.parametrize("pairs", DESIGNS)
@pytest.mark.parametrize("count", [0, 1])
def test_with_less_than_two_candidates_nothing_is_asked(pairs: str, count: int) -> None:
    assert Design(pairs=pairs).ask(count, []) == ()


@pytest.mark.parametrize("pairs", DESIGNS)
def test_two_candidates_meet(pairs: str) -> None:
    asked = Design(pairs=pairs).ask(2, [])
    assert {frozenset(pair) for pair in asked} == {frozenset((0, 1))}
    assert len(asked) == (2 if pairs == "ring" else 1)


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_all_is_every_pair_once_in_the_candidates_order(count: int) -> None:
    said = follow(Design(order=tuple(reversed(range(count)))), count, stronger)
    assert [(item.first, item.second) for item in said] == list(combinations(range(count), 2))


def test_a_limit_on_all_takes_pairs_that_hang_together() -> None:
    assert len(Design(most=15).ask(6, [])) == 15
    few = follow(Design(most=6), 6, stronger)
    assert meetings(few, 6) == [2] * 6
    assert pieces(few, list(range(6))) == 1


@given(st.integers(5, 20), orders)
def test_on_the_ring_each_stands_first_three_times_and_second_three_times(
    count: int, random: Random
) -> None:
    said = follow(design("ring", count, random), count, stronger)
    assert len(said) == len({(item.first, item.second) for item in said}) == 3 * count
    assert set(Counter(item.first for item in said).values()) == {3}
    assert set(Counter(item.second for item in said).values()) == {3}
    assert len(set(meetings(said, count))) == 1
    assert pieces(said, list(range(count))) == 1


@given(st.integers(3, 20), orders)
def test_on_the_ring_neighbours_meet_in_both_orders(count: int, random: Random) -> None:
    ring = design("ring", count, random)
    asked = set(ring.ask(count, []))
    for at in range(count):
        one, other = ring.order[at], ring.order[at - 1]
        assert {(one, other), (other, one)} <= asked
        across = ring.order[(at + count // 2) % count]
        assert (one, across) in asked


@pytest.mark.parametrize("count", [3, 4])
def test_a_small_ring_is_every_pair_in_both_orders(count: int) -> None:
    asked = Design(pairs="ring").ask(count, [])
    assert len(asked) == len(set(asked)) == count * (count - 1)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=12), orders)
def test_equal_answers_never_meet_and_the_ring_stays_in_one_piece(
    names: list[int], random: Random
) -> None:
    count = len(names)
    for pairs in ("ring", *ADAPTIVE):
        of = Design(
            pairs=pairs, order=tuple(random.sample(range(count), count)), alike=tuple(names)
        )
        said = follow(of, count, noisy(random))
        assert all(names[item.first] != names[item.second] for item in said)
        if pairs == "ring":
            assert pieces(said, names) == 1


@given(st.sampled_from(ADAPTIVE), st.integers(2, 8), orders)
def test_no_pair_is_asked_twice_and_the_budget_is_met_to_the_pair(
    pairs: str, count: int, random: Random
) -> None:
    every = count * (count - 1) // 2
    default = (count // 2) * (count - 1).bit_length()
    for budget in (0, random.randint(1, every), every + 5):
        said = follow(design(pairs, count, random, budget=budget), count, noisy(random))
        assert len(met(said)) == len(said)
        assert len(said) == min(budget or default, every)


@given(st.sampled_from(DESIGNS), st.integers(2, 9), st.integers(1, 12), orders)
def test_a_judges_own_limit_holds_in_every_design(
    pairs: str, count: int, most: int, random: Random
) -> None:
    whole = follow(design(pairs, count, random), count, stronger)
    few = follow(design(pairs, count, random, most=most), count, stronger)
    assert len(met(few)) == min(most, len(met(whole)))


@given(st.integers(1, 6).map(lambda half: 2 * half), orders)
def test_in_every_round_of_an_even_swiss_design_everybody_meets_somebody_new(
    count: int, random: Random
) -> None:
    of, said = design("swiss", count, random), list[Said]()
    judge = noisy(random)
    for number in range(1, (count - 1).bit_length() + 1):
        asked = of.ask(count, said)
        assert sorted(at for pair in asked for at in pair) == list(range(count))
        said += [Said(first=one, second=other, won=judge(one, other)) for one, other in asked]
        assert meetings(said, count) == [number] * count
    assert of.ask(count, said) == ()


@given(st.integers(1, 7).map(lambda half: 2 * half + 1), orders)
def test_in_an_odd_swiss_design_nobody_sits_out_twice_before_all_others_did(
    count: int, random: Random
) -> None:
    said = follow(design("swiss", count, random), count, noisy(random))
    found = meetings(said, count)
    assert max(found) - min(found) <= 1


def test_swiss_pairs_meet_at_their_own_strength() -> None:
    of, said = Design(pairs="swiss"), list[Said]()
    first = of.ask(8, said)
    assert [set(pair) for pair in first] == [{0, 1}, {2, 3}, {4, 5}, {6, 7}]
    said += [Said(first=one, second=other, won=stronger(one, other)) for one, other in first]
    winners, losers = {0, 2, 4, 6}, {1, 3, 5, 7}
    assert all(set(pair) <= winners or set(pair) <= losers for pair in of.ask(8, said))


def test_a_swiss_design_finds_the_best_in_as_many_rounds_as_the_field_can_be_halved() -> None:
    for seed in range(20):
        random = Random(seed)
        said = follow(design("swiss", 16, random), 16, stronger)
        wins = Counter(min(item.first, item.second) for item in said)
        assert len(said) == 32
        assert wins[0] == 4


@given(st.sampled_from(ADAPTIVE), st.integers(2, 8), orders)
def test_of_two_the_one_that_stood_first_less_often_stands_first(
    pairs: str, count: int, random: Random
) -> None:
    of, said, judge = design(pairs, count, random), list[Said](), noisy(random)
    while asked := of.ask(count, said):
        firsts = Counter(item.first for item in said)
        firsts.subtract(item.second for item in said)
        for one, other in asked:
            assert firsts[one] <= firsts[other]
        said += [Said(first=one, second=other, won=judge(one, other)) for one, other in asked]


@pytest.mark.parametrize("pairs", ADAPTIVE)
def test_what_a_judge_cannot_compare_is_not_asked_again(pairs: str) -> None:
    of = Design(pairs=pairs, budget=10)
    said = follow(of, 5, lambda one, other: None)
    assert len(met(said)) == len(said) == 10


def test_the_first_informative_pairs_leave_no_answer_alone() -> None:
    first = Design(pairs="information").ask(8, [])
    assert sorted(at for pair in first for at in pair) == list(range(8))


def test_an_informative_pair_is_close_or_unknown_rather_than_settled() -> None:
    said = [Said(first=0, second=1, won=WON), Said(first=2, second=3, won=WON)]
    [*pairs] = Design(pairs="information", budget=4).ask(4, said)
    assert {frozenset(pair) for pair in pairs} == {frozenset((0, 2)), frozenset((1, 3))}


def naive(said: list[Said], count: int, left: list[Asked]) -> Asked:
    """The pair whose comparison shrinks the determinant of the covariance most, worked out."""
    wins = [[0.0] * count for _ in range(count)]
    for item in said:
        assert item.won is not None
        wins[item.first][item.second] += item.won / WON
        wins[item.second][item.first] += 1 - item.won / WON
    strengths = fit(wins, 1.0).strengths
    before = covariance(wins, 1.0, strengths)

    def gain(pair: Asked) -> float:
        one, other = pair
        p = strengths[one] / (strengths[one] + strengths[other])
        spread = before[one][one] + before[other][other] - 2 * before[one][other]
        return round(p * (1 - p) * spread, 9)

    return max(left, key=gain)


@given(st.integers(3, 5), orders)
def test_the_next_informative_pair_is_the_one_that_a_naive_search_finds(
    count: int, random: Random
) -> None:
    every = list(combinations(range(count), 2))
    for size in range(1, len(every)):
        asked = random.sample(every, size)
        said = [Said(first=a, second=b, won=random.choice((WON, EVEN, LOST))) for a, b in asked]
        left = [pair for pair in every if pair not in asked]
        next_ = Design(pairs="information", budget=len(every)).ask(count, said)[0]
        assert tuple(sorted(next_)) == naive(said, count, left)


@given(st.sampled_from(DESIGNS), st.integers(2, 10), st.integers(0, 2**32))
def test_a_design_is_a_function_of_what_it_is_given(pairs: str, count: int, seed: int) -> None:
    one, other = (
        follow(design(pairs, count, Random(seed)), count, noisy(Random(seed))) for _ in range(2)
    )
    assert one == other


@given(st.sampled_from(("ring", *ADAPTIVE)), st.integers(3, 9), orders)
def test_the_order_alone_tells_candidates_apart(pairs: str, count: int, random: Random) -> None:
    """Numbering the candidates anew renames the pairs and changes nothing else."""
    named = random.sample(range(count), count)
    order = tuple(random.sample(range(count), count))
    renamed = tuple(named[at] for at in order)
    place = {at: rank for rank, at in enumerate(order)}
    again = {at: rank for rank, at in enumerate(renamed)}

    def judge(places: dict[int, int]) -> Callable[[int, int], int]:
        return lambda one, other: WON if places[one] < places[other] else LOST

    plain = follow(Design(pairs=pairs, order=order), count, judge(place))
    moved = follow(Design(pairs=pairs, order=renamed), count, judge(again))
    assert [(named[item.first], named[item.second]) for item in plain] == [
        (item.first, item.second) for item in moved
    ]


def test_a_word_is_the_fractional_win_of_the_tally() -> None:
    assert Said.of(0, 1, Preference.FIRST, 5_000).won == 15_000
    assert Said.of(0, 1, Preference.SECOND, 10_000).won == LOST
    assert Said.of(0, 1, Preference.SAME, 10_000).won == EVEN


def test_a_round_without_a_way_to_pair_all_pairs_who_it_can() -> None:
    # Two triangles are left of six: nobody can pair all, and two pairs are found.
    met_ = {(one, other) for one in (0, 1, 2) for other in (3, 4, 5)}
    found = _matched(range(6), met_)
    assert found == [(0, 1), (3, 4)]
    everybody = set(combinations(range(40), 2)) - {(0, at) for at in range(1, 40)}
    assert _matched(range(40), everybody) == [(0, 1)]
    assert SEARCH > 40


def test_covariances_are_the_squares_of_the_standard_errors_and_symmetric() -> None:
    wins = [[0.0, 2.0, 0.5], [1.0, 0.0, 0.0], [0.5, 3.0, 0.0]]
    strengths = fit(wins, 0.5).strengths
    found = covariance(wins, 0.5, strengths)
    errors = standard_errors(wins, 0.5, strengths)
    for at in range(3):
        assert found[at][at] == pytest.approx(errors[at] ** 2, rel=1e-12)
        for to in range(3):
            assert found[at][to] == pytest.approx(found[to][at], rel=1e-12)


@pytest.mark.parametrize("count", range(2, 22))
def test_what_a_design_asks_at_most_is_what_its_words_may_weigh(count: int) -> None:
    plain = Design(pairs="ring")
    ring = {frozenset(pair) for pair in plain.ask(count, ())}
    assert len(ring) == most_pairs("ring", 0, count, count)
    for pairs in ADAPTIVE:
        for budget in (0, 1, 7):
            said = follow(Design(pairs=pairs, budget=budget), count, stronger)
            assert len(met(said)) <= most_pairs(pairs, budget, count, count)
    assert most_pairs("all", 3, count, count) == count * (count - 1) // 2


def test_a_judge_that_gives_all_pairs_is_heard_no_louder_than_one_that_keeps_to_the_ring() -> None:
    """O2a: among nine there are 28 pairs of eight others, and the ring asks for twelve."""
    texts = [candidate(author, f"{author}") for author in range(9)]
    grouped = classes(AnswerSpec(kind=AnswerKind.NUMBER), texts, SEED)
    everything = [(one, other, FIRST, ONE) for one, other in combinations(range(1, 9), 2)]
    for pairs, weight in (("all", 28), ("ring", 12)):
        found = read(ballot(0, texts, everything), grouped, Policy(pairs=pairs))
        for said in (found.comparisons, found.pairs):
            assert len(said) == 28
            assert weight - 1 < sum(item.scale for item in said) / ONE <= weight
    kept = read(ballot(0, texts, everything[:12]), grouped, Policy(pairs="ring"))
    assert {item.scale for item in kept.comparisons} == {ONE}
