"""The models beside plain Bradley-Terry read what is heard: what a mask or a trim leaves out of the
plain model is left out of them too."""

from dataclasses import replace

import pytest

from consensus.policy import Policy
from consensus.tally.contests import contests
from tests.harness.tallies import ALICE, BOB, CAROL, DAVE, FIRST, SECOND, Round, ballot, candidate

TABLE = tuple(
    candidate(author, answer) for author, answer in enumerate(["red", "red", "green", "blue"])
)
ABOUT_OWN = (BOB, CAROL, FIRST, 9_000)
OF_OTHERS = (CAROL, DAVE, SECOND, 7_000)
THE_REST = (
    ballot(CAROL, TABLE, [(ALICE, DAVE, FIRST, 8_000)]),
    ballot(DAVE, TABLE, [(BOB, CAROL, SECOND, 6_000)]),
)
MODELS = [{"ties": "davidson"}, {"position": "fitted"}, {"judges": "discerning"}]


def seen(*words: tuple) -> Round:
    """Alice, whose answer is red, says these words."""
    return Round(n=4, candidates=TABLE, ballots=(ballot(ALICE, TABLE, words), *THE_REST))


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("over", ["classes", "candidates"])
def test_a_masked_word_is_as_if_it_had_not_been_said(model: dict[str, str], over: str) -> None:
    masked = Policy(mask="class", strengths_over=over, **model)
    with_own = seen(ABOUT_OWN, OF_OTHERS).count(policy=masked)
    without = seen(OF_OTHERS).count(policy=masked)
    assert with_own.fit == without.fit
    assert with_own.errors == without.errors
    open_ = replace(masked, mask="proposal")
    assert seen(ABOUT_OWN, OF_OTHERS).count(policy=open_).fit != without.fit


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_trimmed_word_is_not_read_and_the_rest_speaks_for_it(model: dict[str, str]) -> None:
    table = tuple(
        candidate(at, answer) for at, answer in enumerate(["red", "green", *["blue"] * 5])
    )
    says = [FIRST, FIRST, FIRST, SECOND, FIRST]
    of = Round(
        n=7,
        candidates=table,
        ballots=tuple(
            ballot(voter, table, [(0, 1, word, 1_000 * voter)])
            for voter, word in enumerate(says, start=2)
        ),
    )
    policy = Policy(ballots="trimmed", **model)
    counted = of.count(policy=policy)
    found = contests(counted.readings, counted.classes, counted.judging, policy)
    assert len(found) == sum(len(item.comparisons) for item in counted.readings) == 1
    assert {item.judge for item in found} == {3}
    (word,) = found
    assert word.won + word.tied + word.lost == pytest.approx(5)
