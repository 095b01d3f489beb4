"""Facts from verdicts: which drafts of the first round won, free texts above all (L2, O1)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from consensus.bodies import AnswerKind, AnswerSpec
from consensus.tally import named
from consensus.verdict import Bundle
from node.facts import Decided, answer_named, check_answer, verdict_fact
from node.proofs import BadProof
from node.sim.minds import first_word, opinionated
from reputation import observe
from tests.harness.swarms import QUICK, SmallSwarm, decided

TEXT = AnswerSpec(kind=AnswerKind.TEXT)
WORDINGS = ("{}", "{} it is", "{}, of course", "{} and nothing else", "{}, no doubt")


def read(orders: Sequence[str], spec: AnswerSpec | None = None) -> Decided:
    """A decided round of members that rank the answers so; of free texts in their own words."""
    texts = {"wording": WORDINGS, "meaning": first_word} if spec is TEXT else {}
    minds = [
        opinionated(order, **({**texts, "wording": WORDINGS[at]} if texts else {}))  # type: ignore[arg-type]
        for at, order in enumerate(orders)
    ]
    swarm = SmallSwarm(minds=minds, **({"spec": spec} if spec else {}))
    decided(swarm)
    finish = swarm.nodes[0].finish
    assert finish is not None
    return Decided.of(Bundle.of(finish))


PARAPHRASED = read(("abc", "abc", "abc", "bac", "abc"), TEXT)
"""Four members say a, each in its own words, and the fourth says b."""


def second_round(of: Decided, *texts: str) -> Decided:
    """The same with a second round, in which one class with these texts won."""
    ids = [bytes([at]) * 32 for at in range(len(texts))]
    won = {**of.figures[-1]["tally"]["classes"][0], "candidates": [one.hex() for one in ids]}
    won["answer"] = named(TEXT, texts[0])
    tally: dict[str, Any] = {**of.figures[-1]["tally"], "classes": [won], "winner": won["answer"]}
    return replace(
        of,
        figures=(*of.figures, {**of.figures[-1], "tally": tally}),
        texts={**of.texts, **dict(zip(ids, texts, strict=True))},
    )


def drafted(of: Decided) -> list[bool | None]:
    """For each member whether its draft won; None where nothing is told of it."""
    fact = verdict_fact(of)
    if fact.winner < 0:
        return [None] * len(fact.showings)
    return [showing.answer == fact.winner for showing in fact.showings]


def test_whoever_says_the_same_in_other_words_drafted_what_won() -> None:
    assert drafted(PARAPHRASED) == [True, True, True, False, True]


def test_a_draft_that_is_only_part_of_the_class_that_won_later_won() -> None:
    later = second_round(PARAPHRASED, "a, say three of us", "a it is")
    assert drafted(later) == [True, True, True, False, True]


def test_words_that_nobody_drafted_say_nothing_of_the_drafts() -> None:
    fact = verdict_fact(second_round(PARAPHRASED, "a, say four of us"))
    assert (fact.winner, fact.belief) == (-1, 0)
    assert not any(observe(fact, showing.member) for showing in fact.showings)


def test_a_class_that_joins_what_the_first_judges_told_apart_says_nothing_of_the_drafts() -> None:
    assert drafted(second_round(PARAPHRASED, "a it is", WORDINGS[3].format("b"))) == [None] * 5


def test_a_typed_answer_that_nobody_drafted_makes_every_draft_wrong() -> None:
    plain = read(("abc", "abc", "abc", "bac", "abc"))
    tally = plain.figures[-1]["tally"]
    won = {**tally["classes"][0], "answer": "c"}
    later = {**plain.figures[-1], "tally": {**tally, "classes": [won], "winner": "c"}}
    assert drafted(replace(plain, figures=(*plain.figures, later))) == [False] * 5


def test_what_was_drawn_by_lot_counts_as_fragile() -> None:
    tally = {**PARAPHRASED.figures[-1]["tally"], "robust": {"fragile": False}}
    for tied, fragile in (([], False), (["x", "y"], True)):
        figures = {**PARAPHRASED.figures[-1], "tally": {**tally, "tied": tied}}
        assert verdict_fact(replace(PARAPHRASED, figures=(figures,))).fragile is fragile


def test_a_client_names_a_drafted_text_by_its_words_and_no_other() -> None:
    fact = verdict_fact(PARAPHRASED)
    for text in (WORDINGS[1].format("a"), "  a\n it is "):
        assert answer_named(PARAPHRASED, text) == fact.answers[fact.winner]
    other = answer_named(PARAPHRASED, WORDINGS[3].format("b"))
    assert other in fact.answers
    assert other != fact.answers[fact.winner]
    assert answer_named(PARAPHRASED, other) == other
    check_answer(PARAPHRASED, other)
    with pytest.raises(BadProof, match="is none of the texts that were drafted"):
        answer_named(PARAPHRASED, "a, surely")
    with pytest.raises(BadProof, match="is the hash of none of the texts"):
        check_answer(PARAPHRASED, WORDINGS[3].format("b"))
    with pytest.raises(BadProof, match="is empty"):
        answer_named(PARAPHRASED, " \n")


def test_a_ballot_that_was_refused_shows_nothing_of_its_judge() -> None:
    policy = replace(QUICK, endorsements="credits")
    judged = {}
    for habits in (frozenset[str](), frozenset({"overspent"})):
        swarm = SmallSwarm(policy=policy, habits=habits)
        decided(swarm)
        finish = swarm.nodes[0].finish
        assert finish is not None
        fact = verdict_fact(Decided.of(Bundle.of(finish)))
        judged[bool(habits)] = [bool(item.judged) for item in fact.showings]
    assert judged[False] == [True] * 4
    assert sorted(judged[True]) == [False, True, True, True]
