"""Free text through whole rounds: what a verdict carries, what one member can do (O1, E3a)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from consensus.bodies import MAX_ANSWER, MAX_VALUE, AnswerKind, AnswerSpec, Proposal
from consensus.deliberation.dissent import ARGUMENT_CAP
from consensus.deliberation.eligible import proposal_problem, same_answer
from consensus.deliberation.requests import DraftRequest, JudgeRequest, Judgment
from consensus.tally.result import EXCERPT
from consensus.verdict import Bundle
from node.sim.member import Mind
from node.sim.minds import first_word, opinionated
from node.wire import bounds
from tests.harness.swarms import QUICK, SmallSwarm, decided

ONE = ("one family",) * 4
"""Of one family nobody is unanimous (R11), so that a second round follows."""
TEXT = AnswerSpec(kind=AnswerKind.TEXT)


def says(order: str, wording: str, **fields: Any) -> Mind:
    return opinionated(order, wording=wording, meaning=first_word, **fields)


WORDINGS = ("{}", "{} it is", "{}, of course", "{}\n\nas far as I can tell", "{} and nothing else")


def swarm(orders: str, **fields: Any) -> SmallSwarm:
    """Members that hold these answers best, each in its own words."""
    minds = [
        says(best + "".join(x for x in "abc" if x != best), WORDINGS[at])
        for at, best in enumerate(orders)
    ]
    return SmallSwarm(len(orders), minds=minds, spec=TEXT, **fields)


def test_paraphrases_are_one_class_and_its_strongest_text_is_the_answer() -> None:
    checked = decided(swarm("aaab"))
    tally = checked.outcomes[-1]["tally"]
    assert sorted(item["votes"] for item in tally["classes"]) == [1, 3]
    assert checked.decision["answer"] in {wording.format("a") for wording in WORDINGS[:3]}
    assert checked.decision["dissent"] == {
        "answer": WORDINGS[3].format("b"),
        "argument": f"{WORDINGS[3].format('b')} it is",
        "belief": next(
            item["belief"] for item in tally["classes"] if item["answer"] == tally["runner_up"]
        ),
        "by": 3,
        "members": [3],
    }


def test_a_committee_that_means_the_same_is_unanimous_in_its_first_round() -> None:
    checked = decided(swarm("aaaaa", policy=replace(QUICK, rounds=3)))
    assert checked.decision["reason"] == "unanimity"
    assert (checked.decision["dissent"], len(checked.outcomes)) == (None, 1)


def test_a_winner_stands_if_a_text_of_its_class_is_said_again() -> None:
    """In round 2 all but one take over what the record endorses most, word for word."""
    minds = [
        says("abc", WORDINGS[0], stubborn=True),
        *(says("abc", WORDINGS[at], stubborn=False) for at in (1, 2)),
        says("bca", WORDINGS[3], stubborn=True),
    ]
    checked = decided(
        SmallSwarm(minds=minds, spec=TEXT, policy=replace(QUICK, rounds=3), families=ONE)
    )
    stood = [outcome["plateau"]["stood"] for outcome in checked.outcomes]
    assert stood[:2] == [1, 2]


def test_members_that_say_the_same_word_for_word_need_no_model_to_judge() -> None:
    def judge(request: JudgeRequest) -> Judgment:
        raise AssertionError("R11: nothing to ask")

    def mind(answer: str) -> Mind:
        return Mind(draft=lambda _: Proposal(answer=answer), judge=judge)

    minds = [mind(answer) for answer in ("It is\u00a0a.", "It  is a.", "It is a.\n", "It is a.")]
    checked = decided(SmallSwarm(minds=minds, spec=TEXT))
    assert first_word(checked.decision["answer"]) == "It"
    assert checked.decision["reason"] == "unanimity"


def test_texts_are_equal_but_for_space_and_composition_and_nothing_else() -> None:
    def of(text: str) -> Proposal:
        return Proposal(answer=text)

    assert same_answer(TEXT, [of("caf\u00e9 "), of(" cafe\u0301")])
    assert not same_answer(TEXT, [of("Caf\u00e9"), of("caf\u00e9")])


@pytest.mark.parametrize(
    ("proposal", "problem"),
    [
        (Proposal(answer="a", belief=(10_000,)), "the belief has 1 entries for 0 options"),
        (Proposal(answer="a", unseen=(0,)), "unseen names option 0 of 0"),
        (Proposal(answer="\x00\x1b[31m\u202e"), ""),
    ],
)
def test_what_makes_a_free_text_void(proposal: Proposal, problem: str) -> None:
    assert proposal_problem(TEXT, proposal) == problem


@pytest.mark.parametrize(
    "habit", ["no_answer", "self_vote", "odd_ballot", "two_openings", "silent"]
)
def test_an_odd_member_among_four_stops_no_free_text(habit: str) -> None:
    checked = decided(swarm("aaab", habits=frozenset({habit})), limit=600_000)
    assert checked.decision["status"] in ("decided", "degraded")


def test_the_record_of_the_next_round_holds_answers_whole() -> None:
    longest = ("a " + "x" * MAX_ANSWER)[:MAX_ANSWER]
    seen: list[str] = []
    mind = says("abc", "{}")

    def draft(request: DraftRequest) -> Proposal:
        seen.extend(entry.proposal.answer for entry in request.record)
        return Proposal(answer=longest)

    minds = [Mind(draft=draft, judge=mind.judge), *(says("bca", WORDINGS[at]) for at in (1, 2, 3))]
    decided(SmallSwarm(minds=minds, spec=TEXT, policy=replace(QUICK, rounds=2), families=ONE))
    assert longest in seen


def test_the_longest_texts_fit_an_outcome_with_room_to_spare() -> None:
    """Two of them stand in it, in letters that JSON spells in six, with the longest argument."""
    texts = [f"{at}".rjust(MAX_ANSWER, "\x01") for at in range(4)]
    judge = opinionated("0123", meaning=lambda text: text[-1]).judge

    def mind(text: str) -> Mind:
        return Mind(
            draft=lambda _: Proposal(answer=text, rationale="\x01" * 8_000 + "."), judge=judge
        )

    run = SmallSwarm(minds=[mind(text) for text in texts], spec=TEXT)
    checked = decided(run)
    finish = run.nodes[0].finish
    assert finish is not None
    largest = max(len(point.value) for point in finish.rounds[0].points)
    assert largest > 2 * 6 * MAX_ANSWER + 6 * ARGUMENT_CAP + 4 * 6 * EXCERPT
    assert largest < bounds.value_max(4) < MAX_VALUE
    assert checked.decision["dissent"]["argument"] == "\x01" * ARGUMENT_CAP
    assert len(checked.decision["answer"]) == MAX_ANSWER
    assert json.loads(Bundle.of(finish).encode())
