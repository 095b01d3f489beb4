"""What `make bench-tally` measures beside the rules: liars, the early end, own answers."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from consensus.bodies import Preference
from consensus.policy import Policy
from consensus.tally import CountedBallot
from consensus.tally.count import Count
from consensus.tally.davidson import DavidsonFit
from node.models.recordings import load
from tests.bench.rules.adversaries import Plot
from tests.bench.rules.early import early_ends
from tests.bench.rules.liars import ATTACKS, disguised, placed, say
from tests.bench.rules.own_answers import GIVEN, READS, chosen, own_answers
from tests.bench.rules.sets import NODES, recorded_sets
from tests.bench.rules.simulated import committee
from tests.bench.rules.variants import Variant, outcomes
from tests.harness.tallies import Round

PAGE = (Path(__file__).parents[2] / "consensus" / "README.md").read_text("utf-8")

CASES = [committee(7, number) for number in range(8)]


def words(of: Round, honest: Count, cast: CountedBallot) -> list[tuple[str, str, Preference]]:
    """The answers of each pair, the first place's first, and what was said."""
    at = [honest.classes.items[honest.classes.of[id_]].answer for id_ in cast.ballot.held]
    return [(at[item.first], at[item.second], item.preference) for item in cast.ballot.pairs]


def test_a_disguised_liar_contradicts_the_honest_order_on_one_pair_of_answers_alone() -> None:
    for case in CASES:
        honest = case.round.count()
        plot = Plot.against(honest)
        place = {honest.classes.items[at].answer: rank for rank, at in enumerate(honest.ranking)}
        (cast,) = disguised(case.round, honest, [2], Random(0)).values()
        for first, second, said in words(case.round, honest, cast):
            if first == second:
                assert said is Preference.SAME
            elif {first, second} == {plot.winner, plot.rival}:
                assert (first, said) == (plot.rival, Preference.FIRST)
            else:
                assert said is Preference.FIRST
                assert place[first] < place[second]


def test_a_liar_by_place_has_its_favourite_win_from_behind_and_all_else_from_the_front() -> None:
    behind = 0
    for case in CASES:
        honest = case.round.count()
        plot = Plot.against(honest)
        (cast,) = placed(case.round, honest, [2], Random(0)).values()
        for first, second, said in words(case.round, honest, cast):
            if first == second:
                assert said is Preference.SAME
            elif plot.rival in (first, second):
                assert (second, said) == (plot.rival, Preference.SECOND)
                behind += 1
            else:
                assert said is Preference.FIRST
                assert first != plot.winner
    assert behind


def test_every_liar_says_nothing_of_its_own_and_their_part_of_discrimination_is_a_part() -> None:
    for attack in ATTACKS:
        found = say(CASES, attack, 2)
        assert (found.members, found.bad, found.cases) == (7, 2, len(CASES))
        assert 0 < found.percent < 100
    for make in (disguised, placed):
        case = CASES[0]
        (cast,) = make(case.round, case.round.count(), [3], Random(0)).values()
        own = next(item.id for item in case.round.candidates if item.author == 3)
        mine = cast.ballot.held.index(own)
        assert all(mine not in (item.first, item.second) for item in cast.ballot.pairs)


def test_a_fitted_position_is_what_liars_by_place_make_of_it() -> None:
    case, policy = CASES[1], Policy(rule="bradley_terry", position="fitted")
    attack = next(one for one in ATTACKS if one.name == "colluding by place")
    honest = case.round.count(policy=policy)
    after = attack.change(case.round, honest, frozenset(range(7)), Random(0)).count(policy=policy)
    assert isinstance(after.fit, DavidsonFit)
    assert after.fit.place != pytest.approx(1.0, abs=0.05)


def test_the_early_end_is_where_three_samples_agree_and_the_page_has_its_figures() -> None:
    found = early_ends()
    known = [item for item in load(NODES, Path()).questions.values() if item.gold is not None]
    for model, of in found.items():
        agreed = [
            letters[0]
            for item in known
            if len(set(letters := [item.answers[f"{model}#{at}"] for at in range(3)])) == 1
        ]
        assert (of.questions, of.ended) == (len(known), len(agreed))
        assert of.saved.points == pytest.approx(50 * of.ended / of.questions)  # three of six calls
        assert of.cost.points == pytest.approx(of.percent - of.asking_all)
        cells = (
            f"`{model}` first",
            f"{of.ended}",
            f"{of.right_early:.1f}",
            f"{of.saved.points:.1f} [{of.saved.low:.1f}, {of.saved.high:.1f}]",
            f"{of.percent:.1f}",
            f"{of.cost.points:+.1f} [{of.cost.low:.1f}, {of.cost.high:.1f}]",
        )
        assert f"| {' | '.join(cells)} |" in PAGE
    assert len({of.asking_all for of in found.values()}) == 1


def test_own_answers_are_read_in_three_ways_of_which_the_rule_has_the_first() -> None:
    (whole,) = (one for one in recorded_sets() if one.name == "with_fable_contested")
    of = replace(whole, judged=whole.judged[:20], others=())
    found = own_answers(of)
    assert list(found.percent) == list(READS)
    rule = outcomes([Variant(rule="latent_truth")], of.judged)[Variant(rule="latent_truth")]
    assert found.percent[GIVEN] == pytest.approx(of.percent(sum(rule.right, Fraction())))
    assert found.against_rule[GIVEN].points == 0.0


def test_a_free_choice_among_more_options_makes_agreement_tell_more() -> None:
    classes = next(case.round.count().classes for case in CASES)
    most = Counter({at: len(item.authors) for at, item in enumerate(classes.items)})
    (first, _), (last, _) = most.most_common()[0], most.most_common()[-1]

    def lead(places: int) -> int:
        logs = chosen(classes, [10_000] * 7, places)
        return max(logs[first]) - max(logs[last])

    assert lead(30) >= lead(3) > 0
