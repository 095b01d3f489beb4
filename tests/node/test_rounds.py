"""A round as clients see it: whose word counts on what, and figures as shares of one (R9, R9b)."""

from functools import cache

import pytest

from consensus.policy import Policy
from node.api import seen
from node.opened import OpenedRound
from node.rounds import ELLIPSIS, TEXT_MAX, Committee, cut, round_seen
from tests.harness.swarms import QUICK, SmallSwarm
from tests.harness.verdicts import Verdict

NAMES = ("alice", "bob", "carol", "dave")


@cache
def shown(mask: str) -> seen.Round:
    """Round 1 of a verdict of four, where alice and bob give the same answer."""
    policy = Policy(**{**QUICK.to_dict(), "mask": mask})
    verdict = Verdict(SmallSwarm(4, seed=1, policy=policy))
    committee = Committee(
        keys=tuple(map(bytes, verdict.committee.members)), names=NAMES, policy=policy
    )
    return round_seen(OpenedRound.signed(1, verdict.bundle.rounds[0]), committee)


def masked(round_: seen.Round) -> set[tuple[str, str]]:
    """Voters and authors between whom no word counts."""
    matrix = round_.matrix
    return {
        (row.voter, author)
        for row in matrix.rows
        for author, cell in zip(matrix.authors, row.cells, strict=True)
        if cell.masked
    }


def test_a_voter_has_no_word_on_its_own_draft() -> None:
    assert masked(shown("proposal")) == {(name, name) for name in NAMES}


def test_under_the_wider_mask_a_voter_has_no_word_on_its_own_answer() -> None:
    found = shown("class")
    answers = dict(zip(found.matrix.authors, found.matrix.answers, strict=True))
    assert len(set(answers.values())) < len(NAMES)
    assert masked(found) == {
        (voter, author) for voter in NAMES for author in NAMES if answers[voter] == answers[author]
    }


@pytest.mark.parametrize("mask", ["proposal", "class"])
def test_a_masked_cell_says_nothing_and_no_other_is_out_of_bounds(mask: str) -> None:
    for row in shown(mask).matrix.rows:
        for cell in row.cells:
            if cell.masked:
                assert (cell.wins, cell.endorsement) == (None, None)
            else:
                assert cell.wins is not None and 0 <= cell.wins <= 1
                assert cell.endorsement is not None and -1 <= cell.endorsement <= 1


def test_the_winner_stands_first_and_beliefs_are_shares_of_one() -> None:
    found = shown("proposal")
    assert found.standings[0].answer == found.winner
    assert sum(one.belief for one in found.standings) == pytest.approx(1, abs=0.001)
    assert [draft.author for draft in found.drafts] == list(NAMES)


def test_a_text_at_the_limit_is_whole_and_one_past_it_ends_in_an_ellipsis() -> None:
    assert cut("x" * TEXT_MAX) == "x" * TEXT_MAX
    assert cut("x" * (TEXT_MAX + 1)) == "x" * (TEXT_MAX - 1) + ELLIPSIS
