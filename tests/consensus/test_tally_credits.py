"""Votes that cost their square, within a budget (O3a)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import Ballot, Mark
from consensus.envelope import MessageId
from consensus.policy import ONE, Policy
from consensus.tally import CountedBallot, Status
from consensus.tally.credits import MOST_VOTES, Refused, afford, cost, refused
from tests.harness.tallies import ALICE, BOB, CAROL, DAVE, Round, ballot, candidate, id_of, rounds

TABLE = (
    candidate(ALICE, "red"),
    candidate(BOB, "red"),
    candidate(CAROL, "green"),
    candidate(DAVE, "blue"),
)
CREDITS = Policy(rule="quadratic", endorsements="credits", credits=25)


def voting(voter: int, **votes: int) -> CountedBallot:
    places = {"alice": ALICE, "bob": BOB, "carol": CAROL, "dave": DAVE}
    return ballot(voter, TABLE, marks={places[name]: count for name, count in votes.items()})


FOUR = Round(
    n=4,
    candidates=TABLE,
    ballots=(
        voting(ALICE, carol=3, dave=-4),
        voting(BOB, alice=5),
        voting(CAROL, alice=3, bob=3, dave=4),
        voting(DAVE, alice=2, bob=4, carol=-4),
    ),
    policy=CREDITS,
)


def test_a_vote_counts_in_parts_of_what_all_credits_buy() -> None:
    blue, green, red = FOUR.count().support[2], FOUR.count().support[1], FOUR.count().support[0]
    # red: 5 + 3 + (2 + 4) / 2 votes of 5 x 4; green: 3 - 4; blue: 4 - 4
    assert (red, green, blue) == (5_500, -500, 0)
    assert FOUR.count().conviction == (5_500, 3_500, 4_000)


def test_a_ballot_may_spend_all_and_not_one_credit_more() -> None:
    grouped = FOUR.count().classes
    assert [int(cost(item, grouped)) for item in FOUR.ballots] == [25, 25, 25, 25]
    assert FOUR.tally().refused == ()
    over = voting(CAROL, alice=3, bob=4, dave=4)
    found = FOUR.tally(ballots=(*FOUR.ballots[:2], over, FOUR.ballots[3]))
    reason = "its votes cost 29 credits, over the policy's 25"
    assert found.refused == (Refused(voter=CAROL, reason=reason),)
    assert found.to_dict()["refused"] == [{"voter": CAROL, "reason": reason}]
    assert found.ballots == 3


def test_a_refused_ballot_is_as_one_that_was_not_cast() -> None:
    over = voting(DAVE, alice=100)
    with_it = FOUR.tally(ballots=(*FOUR.ballots[:3], over)).to_dict()
    without = FOUR.tally(ballots=FOUR.ballots[:3]).to_dict()
    assert with_it.pop("refused") != without.pop("refused")
    assert with_it == without
    two = FOUR.tally(ballots=(*FOUR.ballots[:2], voting(CAROL, dave=99), over))
    assert two.status is Status.NO_QUORUM


def test_scaled_endorsements_have_no_budget() -> None:
    scaled = replace(FOUR.policy, endorsements="scaled")
    assert refused([voting(DAVE, alice=100)], FOUR.count().classes, scaled) == ()


def test_clones_cost_nothing_more_and_an_answer_costs_its_mean() -> None:
    grouped = FOUR.count().classes
    assert cost(voting(CAROL, alice=3, bob=3), grouped) == 9
    assert cost(voting(CAROL, alice=5, bob=-5), grouped) == 0


def test_marks_on_what_has_no_answer_cost_nothing() -> None:
    table = (*TABLE[:3], candidate(DAVE, "mauve"))
    of = replace(FOUR, candidates=table)
    assert cost(ballot(ALICE, table, marks={DAVE: 100}), of.count().classes) == 0


names = st.sampled_from(["red", "green", "blue", None])


@given(
    st.dictionaries(st.integers(0, 7), st.tuples(st.integers(-100, 100), names), max_size=8),
    st.integers(1, ONE),
)
def test_what_endorsements_buy_is_within_the_budget_and_says_the_same(
    said: dict[int, tuple[int, str | None]], budget: int
) -> None:
    given_ = {id_of(at): endorsement for at, (endorsement, _) in said.items()}
    answers = {id_of(at): answer for at, (_, answer) in said.items()}
    votes = afford(given_, answers, budget)
    assert votes.keys() == given_.keys()
    by_answer: dict[str, set[int]] = {}
    sums: dict[str, int] = {}
    for id_, answer in answers.items():
        if answer is None:
            assert votes[id_] == 0
        else:
            by_answer.setdefault(answer, set()).add(votes[id_])
            sums[answer] = sums.get(answer, 0) + given_[id_]
    assert all(len(alike) == 1 for alike in by_answer.values())
    bought = {answer: alike.pop() for answer, alike in by_answer.items()}
    assert sum(vote * vote for vote in bought.values()) <= budget
    assert all(abs(vote) <= MOST_VOTES for vote in bought.values())
    for answer, vote in bought.items():
        assert vote * sums[answer] >= 0
    if any(sums.values()):
        assert any(bought.values())  # a voter with an opinion always says something


@given(rounds(least=2, most=4), st.integers(1, ONE))
def test_what_an_honest_member_affords_is_never_refused(of: Round, budget: int) -> None:
    policy = Policy(endorsements="credits", credits=budget)
    grouped = of.count().classes
    names = {id_: grouped.items[at].answer for id_, at in grouped.of.items()}
    for counted in of.ballots:
        held = counted.ballot.held
        given_: dict[MessageId, int] = {
            held[mark.candidate]: mark.endorsement for mark in counted.ballot.marks
        }
        votes = afford(given_, {id_: names.get(id_) for id_ in given_}, budget)
        marks = tuple(
            Mark(candidate=held.index(id_), endorsement=vote) for id_, vote in votes.items()
        )
        cast = CountedBallot(voter=counted.voter, ballot=Ballot(held=held, marks=marks))
        assert refused([cast], of.count(policy=policy).classes, policy) == ()


@pytest.mark.parametrize("budget", [1, 2, 3, 8, 99, 100])
def test_two_equal_opinions_spend_all_that_whole_votes_can(budget: int) -> None:
    ids = {id_of(0): "red", id_of(1): "blue"}
    votes = afford({id_of(0): 50, id_of(1): -50}, dict(ids), budget)
    spent = sum(vote * vote for vote in votes.values())
    least = min(abs(vote) for vote in votes.values())
    assert spent <= budget < spent + 2 * least + 1


@pytest.mark.parametrize("rule", ["blend", "quadratic", "adaptive"])
def test_votes_that_cancel_out_leave_a_tally_when_one_of_their_candidates_withdraws(
    rule: str,
) -> None:
    """For and against two of one answer cost nothing; without one of them they are over the
    budget, and the search for robustness (O5) asks what would be then. They are worth no more
    than all credits buy."""
    bent = voting(CAROL, alice=100, bob=-100)
    of = replace(FOUR, policy=replace(CREDITS, rule=rule))
    found = of.tally(ballots=(*FOUR.ballots[:2], bent, FOUR.ballots[3]))
    assert found.refused == ()
    assert found.status is Status.DECIDED
    without = tuple(item for item in TABLE if item.author != ALICE)
    left = of.count(candidates=without, ballots=(bent,))
    assert left.support == tuple(
        -ONE if item.authors == (BOB,) else 0 for item in left.classes.items
    )
