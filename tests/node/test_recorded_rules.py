"""What the rules make of recorded ballots: the data's own figures, and the default's place.

The whole table, with intervals, is `make bench-tally`.
"""

from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from tests.bench.rules.accuracy import Row, measured
from tests.bench.rules.preference import preference
from tests.bench.rules.sets import RecordedSet, recorded_sets
from tests.bench.rules.variants import (
    DEFAULT,
    ELSEWHERE,
    MAJORITY,
    OVER_CLASSES,
    PLAIN,
    Variant,
    choices,
    optional,
    rules,
)

PAGE = Path(__file__).parents[2] / "consensus" / "README.md"


@cache
def sets() -> dict[str, RecordedSet]:
    return {of.name: of for of in recorded_sets()}


@cache
def row(variant: Variant) -> Row:
    (found,) = measured(list(sets().values()), [variant])
    return found


def percent(variant: Variant, name: str) -> str:
    of = sets()[name]
    return f"{of.percent(row(variant).right(of)):.1f}"


@pytest.mark.parametrize(
    ("name", "best", "majority", "chair", "oracle"),
    [
        ("near_equals_contested", "47.1", "46.4", "52.9", "79.3"),
        ("with_fable_contested", "66.2", "46.0", "59.2", "80.0"),
        ("near_equals_clean", "53.6", "53.2", "56.3", "68.8"),
        ("with_fable_clean", "66.5", "57.3", "63.4", "72.9"),
        ("six_nodes", "20.3", "16.3", None, "45.1"),
    ],
)
def test_the_references_are_the_datas_own(
    name: str, best: str, majority: str, chair: str | None, oracle: str
) -> None:
    of = sets()[name]
    assert f"{of.percent(of.best):.1f}" == best
    assert percent(MAJORITY, name) == majority
    assert (None if of.chair is None else f"{of.percent(of.chair):.1f}") == chair
    assert f"{of.percent(of.oracle):.1f}" == oracle


@pytest.mark.parametrize(
    ("name", "right", "shown"),
    [
        ("near_equals_contested", Fraction(70), "50.0"),
        ("with_fable_contested", Fraction(135, 2), "51.9"),
        ("near_equals_clean", Fraction(162), "54.9"),
        ("with_fable_clean", Fraction(341, 2), "60.0"),
    ],
)
def test_plain_bradley_terry_of_the_ballots_as_recorded_is_the_datas_own_figure(
    name: str, right: Fraction, shown: str
) -> None:
    assert row(PLAIN).right(sets()[name]) == right
    assert percent(PLAIN, name) == shown


def test_bradley_terry_over_classes_is_within_the_accounts_range_on_votes() -> None:
    of = sets()["six_nodes"]
    assert row(OVER_CLASSES).right(of) == Fraction(499, 6)
    assert abs(of.percent(row(OVER_CLASSES).right(of)) - 23.0) <= 0.3


@pytest.mark.parametrize(
    "name",
    [
        "near_equals_contested",
        "with_fable_contested",
        "near_equals_clean",
        "with_fable_clean",
        "six_nodes",
    ],
)
@pytest.mark.parametrize("marks", [False, True])
def test_the_default_is_nowhere_more_than_a_point_under_majority(name: str, marks: bool) -> None:
    of, default = sets()[name], Variant(rule=DEFAULT.rule, marks=marks)
    assert of.percent(row(default).right(of)) >= of.percent(row(MAJORITY).right(of)) - 1


def test_the_figures_of_every_rule_are_those_on_the_rooms_page() -> None:
    lines = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("| `")
    ]
    shown = {
        rule: figures
        for rule, *figures in lines
        if len(figures) == len(sets()) and all("," not in figure for figure in figures)
    }
    found = measured(list(sets().values()), [one for one in rules() if not one.marks])
    named = {one.variant.rule: one for one in found if not one.mute}
    assert {one.variant.rule for one in found if one.mute} == {"quadratic"}
    assert {rule: shown.get(rule) for rule in named} == {
        rule: [f"{of.percent(one.right(of)):.1f}" for of in sets().values()]
        for rule, one in named.items()
    }


def test_every_rule_and_every_choice_of_the_policy_is_in_the_table() -> None:
    assert {one.rule for one in rules()} == set(choices()["rule"])
    found = set(optional(mute=()))
    for name in set(choices()) - ELSEWHERE:
        for value in choices()[name][1:]:
            of_all = {Variant(rule=rule, option=(name, value)) for rule in choices()["rule"]}
            assert of_all <= found


@pytest.mark.parametrize(
    ("name", "own", "right", "wrong"),
    [("near_equals_contested", "84", "91", "35"), ("with_fable_contested", "85", "94", "37")],
)
def test_judges_prefer_answers_equal_to_their_own_and_err_with_them(
    name: str, own: str, right: str, wrong: str
) -> None:
    found = preference(sets()[name].judged)
    shown = [found.equal, found.judge_right, found.judge_wrong]
    assert [f"{rate.percent:.0f}" for rate in shown] == [own, right, wrong]
    assert found.matched.part > found.matched_by_others.part
    assert found.seen_class == found.seen_proposal - found.equal.of
