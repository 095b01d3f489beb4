"""The retrieval plan of a verdict that stays unsure (P5)."""

from dataclasses import replace
from typing import Any

from consensus import canonical
from consensus.bodies import Ballot, Mark
from consensus.bodies.ballot import MAX_CRITIQUE
from consensus.deliberation.plan import CLAIM_CAP, EACH, retrieval_plan
from consensus.policy import ONE
from consensus.tally import CountedBallot
from tests.harness.plateaus import AGREED, APART
from tests.harness.swarms import QUICK, SmallSwarm, decided
from tests.harness.tallies import ALICE, BOB, CAROL, DAVE, MALLORY, SEED, Round, id_of


def judged(of: Round, *words: tuple[int, int, int, str]) -> Round:
    """The round with critiques: (judge, author, argument points, words)."""
    held = tuple(sorted(item.id for item in of.candidates))
    return replace(
        of,
        ballots=tuple(
            CountedBallot(
                voter=voter,
                ballot=Ballot(
                    held=held,
                    marks=tuple(
                        Mark(
                            candidate=held.index(id_of(author)),
                            endorsement=0,
                            argument=points,
                            critique=text,
                        )
                        for who, author, points, text in words
                        if who == voter
                    ),
                ),
            )
            for voter in range(of.n)
        ),
    )


def citing(of: Round, **sources: tuple[str, ...]) -> Round:
    names = {"alice": ALICE, "bob": BOB, "carol": CAROL, "dave": DAVE, "mallory": MALLORY}
    by = {names[name]: given for name, given in sources.items()}
    return replace(
        of,
        candidates=tuple(
            replace(one, proposal=replace(one.proposal, evidence=by.get(one.author, ())))
            for one in of.candidates
        ),
    )


def plan(of: Round, below: int = ONE) -> Any:
    found = retrieval_plan(of.tally(), of.candidates, of.ballots, SEED, below)
    return canonical.decode(canonical.encode(found))


def test_the_rivals_are_winner_and_runner_up_with_their_beliefs() -> None:
    tally, found = APART.tally(), plan(APART)
    assert [item["answer"] for item in found["rivals"]] == [tally.winner, tally.runner_up]
    assert [item["belief"] for item in found["rivals"]] == [
        next(one.belief for one in tally.classes if one.answer == name)
        for name in (tally.winner, tally.runner_up)
    ]
    assert sum(item["share"] for item in found["rivals"]) == ONE


def test_a_sure_winner_and_one_without_a_rival_have_no_plan() -> None:
    assert plan(APART, below=APART.tally().belief) is None
    assert plan(APART, below=APART.tally().belief + 1) is not None
    assert plan(AGREED) is None


def test_questions_come_from_critiques_of_what_judges_disagree_on_first() -> None:
    of = judged(
        APART,
        (DAVE, ALICE, 90, "agreed by all"),
        (MALLORY, ALICE, 80, "nearly so"),
        (DAVE, BOB, 90, "it is red by daylight"),
        (MALLORY, BOB, 10, "the  lamp\nwas red"),
        (ALICE, DAVE, 50, "who saw it?"),
    )
    assert [(item["by"], item["for"], item["text"]) for item in plan(of)["questions"]] == [
        (MALLORY, 1, 'Does this hold against "red": the lamp was red'),
        (DAVE, 1, 'Does this hold against "red": it is red by daylight'),
        (ALICE, 0, 'Does this hold against "green": who saw it?'),
    ]


def test_without_critiques_the_question_is_what_would_tell_them_apart() -> None:
    assert plan(APART)["questions"] == [
        {
            "by": None,
            "for": None,
            "text": 'What would be seen if "red" were so, and not if "green" were?',
        }
    ]


def test_what_is_cited_for_one_rival_alone_is_to_be_fetched() -> None:
    of = citing(APART, alice=("both", "r1"), bob=("r2", "r1"), dave=("both", "g"), mallory=("g",))
    found = plan(of)["fetch"]
    assert [(item["source"], item["for"]) for item in found] == [("r1", 0), ("r2", 0), ("g", 1)]
    assert found[0]["text"] == 'Read r1: cited for "red" by 2, for the other by nobody'


def test_where_no_source_separates_one_is_to_be_found() -> None:
    for of, why in (
        (APART, "nobody cites anything"),
        (citing(APART, alice=("a",), dave=("a",)), "both cite"),
    ):
        (item,) = plan(of)["fetch"]
        assert item["source"] is None
        assert why in item["text"]


def test_a_plan_is_short_whatever_members_say() -> None:
    of = judged(
        APART,
        *(
            (who, author, who, f"{who}" + "x" * (MAX_CRITIQUE - 1))
            for who in range(5)
            for author in range(5)
            if who != author
        ),
    )
    of = citing(of, alice=tuple(f"{at}" for at in range(200)), dave=("g",))
    found = plan(of)
    assert len(found["questions"]) == 2 * EACH
    assert len(found["fetch"]) == EACH + 1
    assert all(len(item["text"]) < CLAIM_CAP + 100 for item in found["questions"])


def test_the_last_outcome_alone_has_a_plan() -> None:
    checked = decided(SmallSwarm(policy=replace(QUICK, rounds=2, stops="", plan_below=ONE)))
    first, last = (outcome["decision"] for outcome in checked.outcomes)
    assert (first["kind"], first["plan"]) == ("continue", None)
    assert len(last["plan"]["rivals"]) == 2
