"""Outcomes that stand without any f members: why ledgers do not learn from them (L2).

`python -m tests.bench.stream --standing` measures it; reputation/README.md has what came of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.policy import RULES, Policy
from consensus.tally.count import Count
from tests.bench.stream.standing import stands
from tests.harness.tallies import Round, ballot, candidate, rounds


def without(of: Round, members: Iterable[int]) -> Count:
    """The count of what everybody else proposed and judged."""
    gone = frozenset(members)
    return of.count(
        candidates=tuple(item for item in of.candidates if item.author not in gone),
        ballots=tuple(item for item in of.ballots if item.voter not in gone),
    )


def standing(of: Round) -> bool:
    """Whether what wins here stands without any f members."""
    return stands(of.tally(), lambda members: without(of, members), (of.n - 1) // 3)


def drafted(*answers: str) -> Round:
    """One draft a member, counted by majority; all ballots are there and silent."""
    candidates = tuple(candidate(at, answer) for at, answer in enumerate(answers))
    return Round(
        n=len(answers),
        candidates=candidates,
        ballots=tuple(ballot(at, candidates) for at in range(len(answers))),
        policy=Policy(rule="majority"),
    )


@settings(max_examples=40)
@given(rounds(least=4, most=7), st.sampled_from(RULES), st.data())
def test_what_stands_is_what_the_others_alone_would_choose_whoever_is_faulty(
    of: Round, rule: str, data: st.DataObject
) -> None:
    of = replace(of, policy=Policy(rule=rule))
    found, f = of.tally(), (of.n - 1) // 3
    if not standing(of):
        assert found.winner is None or set(choices(of, f)) != {found.winner}
        return
    faulty = data.draw(st.lists(st.integers(0, of.n - 1), max_size=f, unique=True))
    assert alone(without(of, faulty)) == found.winner


def choices(of: Round, f: int) -> Iterator[str | None]:
    """What wins alone without each set of up to f, None where nothing does; a naive twin."""
    for mask in range(1 << of.n):
        gone = [at for at in range(of.n) if mask >> at & 1]
        if len(gone) <= f:
            yield alone(without(of, gone))


def alone(count: Count) -> str | None:
    """The answer that is alone in first place."""
    if count.winner is None or sorted(count.scores)[-2:].count(max(count.scores)) > 1:
        return None
    return count.classes.items[count.winner].answer


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("red red red green", True),
        ("red red green blue", False),
        ("red red red red red green green", True),
        ("red red red red green green blue", False),
        ("red red red red red red", True),
        ("red green blue", False),
    ],
    ids=["3:1", "a tie without one", "5:2", "a tie without two", "all", "drawn by lot"],
)
def test_a_winner_stands_if_it_leads_by_more_than_f(answers: str, said: bool) -> None:
    assert standing(drafted(*answers.split())) is said


def test_what_a_lone_author_proposed_does_not_stand_without_it() -> None:
    of = drafted("red", "red", "red", "red")
    assert not standing(
        Round(n=4, candidates=of.candidates[:1], ballots=of.ballots, policy=of.policy)
    )


@pytest.mark.parametrize(("narrow", "wide"), [("red", "green"), ("green", "red")])
def test_the_f_choose_which_of_the_others_narrow_choices_stand(narrow: str, wide: str) -> None:
    """Three of five for one answer, whichever: with two who join it it stands, with two against it
    does not. So those two have ledgers learn of the choices that they like, and of no others."""
    others = [narrow] * 3 + [wide] * 2
    joined, opposed = drafted(*others, narrow, narrow), drafted(*others, wide, wide)
    assert without(joined, [5, 6]).winner is not None
    assert standing(joined)
    assert not standing(opposed)
    # O5 lets neither teach: to be not fragile, the others' own lead has to be over f.
    assert joined.tally().robustness.fragile


def test_what_is_not_fragile_by_majority_leads_by_f_among_any_others() -> None:
    """By answering otherwise f close a lead of 2f. Of a lead over that, f who leave take f."""
    of = drafted(*["red"] * 6, "green")
    assert not of.tally().robustness.fragile
    for gone in ([0, 1], [5, 6]):
        red, green = (*without(of, gone).votes, 0)[:2]
        assert abs(red - green) > 2
