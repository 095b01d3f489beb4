"""Whole committees on answers of every open kind, over the real codec and offline checks (O1)."""

import pytest

from consensus.bodies import AnswerKind, AnswerSpec
from consensus.tally import named, normalise
from node.sim.minds import opinionated
from tests.harness.swarms import SmallSwarm, decided

JSON = AnswerSpec(kind=AnswerKind.JSON)


@pytest.mark.parametrize(
    ("spec", "said", "answer"),
    [
        (
            AnswerSpec(kind=AnswerKind.NUMBER, unit="km"),
            ("7 km", "\\boxed{7}\\text{ km}", "14/2", "8"),
            "7",
        ),
        (JSON, ('{"a":1,"b":[2]}', '{"b": [2.0], "a": 1}', "[]", '{"a":1,"b":[2e0]}'), None),
    ],
    ids=["a number with a unit", "json"],
)
def test_equal_answers_in_other_spellings_win_together_and_the_verdict_verifies(
    spec: AnswerSpec, said: tuple[str, ...], answer: str | None
) -> None:
    def meaning(text: str) -> str:
        return normalise(spec, text)[0] or text

    minds = [
        opinionated([one, *dict.fromkeys(map(meaning, (one, *said)))], meaning=meaning)
        for one in said
    ]
    swarm = SmallSwarm(minds=minds, spec=spec)
    figures = decided(swarm).outcomes[-1]
    expected = answer or '{"a":1,"b":[2]}'
    assert figures["decision"]["answer"] == expected
    assert figures["tally"]["winner"] == named(spec, expected)
    votes = {item["votes"] for item in figures["tally"]["classes"]}
    assert votes == {3, 1}
