"""Facts: one form of bytes each, an id that follows, and bounds at and past (L1, T3)."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from reputation import EvidenceFact, Fact, FactError, Showing, link, parse
from reputation.facts import MAX_ANSWERS, MAX_MEMBERS, MAX_TEXT, MAX_TIME, ONE, encode
from tests.harness.ledgers import MEMBERS, fact_sets, verdict, word


@given(fact_sets(most=3))
def test_a_fact_is_read_back_from_its_bytes(facts: list[Fact]) -> None:
    for fact in facts:
        assert parse(fact.body) == fact
        assert parse(fact.body).id == fact.id


def test_facts_of_different_kinds_never_share_an_id() -> None:
    facts: list[Fact] = [verdict(), word(), EvidenceFact(member=MEMBERS[0])]
    assert len({fact.id for fact in facts}) == 3


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda plain: plain | {"kind": 9}, "not readable"),
        (lambda plain: plain | {"extra": 1}, "not in its one form"),
        (lambda plain: {k: v for k, v in plain.items() if k != "task"}, "not readable"),
        (lambda plain: plain | {"winner": 7}, "winner is 7"),
        (lambda plain: plain | {"belief": True}, "belief is True"),
        (lambda plain: plain | {"fragile": 3}, "not in its one form"),
        (lambda plain: plain | {"task": plain["task"].upper()}, "not in its one form"),
        (lambda plain: plain | {"answers": ["a", "a"]}, "stands twice"),
        (lambda plain: plain | {"showings": plain["showings"][::-1]}, "not ascending"),
        (lambda plain: plain | {"showings": []}, "showings: 1 to"),
    ],
    ids=[
        "kind",
        "spare",
        "lacking",
        "winner",
        "bool",
        "not a flag",
        "upper case",
        "answers",
        "order",
        "nobody",
    ],
)
def test_bytes_that_are_no_fact_are_refused(
    spoil: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    plain = json.loads(verdict().body)
    with pytest.raises(FactError, match=said):
        parse(encode(spoil(plain)))


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b"null", b"[" * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(FactError):
        parse(body)


def showing(number: int) -> Showing:
    key = number.to_bytes(32, "big")
    return Showing(member=key, answer=-1, accepted=True)


@pytest.mark.parametrize(
    ("fits", "past"),
    [
        (
            {"showings": tuple(map(showing, range(MAX_MEMBERS)))},
            {"showings": tuple(map(showing, range(MAX_MEMBERS + 1)))},
        ),
        (
            {"answers": tuple(map(str, range(MAX_ANSWERS)))},
            {"answers": tuple(map(str, range(MAX_ANSWERS + 1)))},
        ),
        ({"domain": "x" * MAX_TEXT}, {"domain": "x" * (MAX_TEXT + 1)}),
        ({"opened_at_ms": MAX_TIME}, {"opened_at_ms": MAX_TIME + 1}),
        ({"belief": ONE}, {"belief": ONE + 1}),
    ],
    ids=["members", "answers", "text", "time", "belief"],
)
def test_each_bound_at_it_and_one_past(fits: dict[str, Any], past: dict[str, Any]) -> None:
    fact = replace(verdict(), **fits)
    assert parse(fact.body) == fact
    with pytest.raises(FactError):
        replace(verdict(), **past)


def test_golden_bytes_digests_and_heads() -> None:
    fact = word(3, right=False, answer="b", at_ms=1_750_000_000_000)
    assert fact.body == (
        b'{"answer":"b","at_ms":1750000000000,'
        b'"client":"' + hashlib.sha256(b"client 0").hexdigest().encode() + b'",'
        b'"kind":4,"right":0,"task":"' + hashlib.sha256(b"task 3").hexdigest().encode() + b'"}'
    )
    framed = b"quorate/fact" + len(fact.body).to_bytes(4, "big") + fact.body
    assert fact.id == hashlib.sha256(framed).digest()
    head = link(bytes(32), 1, fact.id, b"proof")
    parts = bytes(32) + (1).to_bytes(8, "big") + fact.id + hashlib.sha256(b"proof").digest()
    assert head == hashlib.sha256(b"quorate/chain" + parts).digest()
