"""JSON answers have one spelling for equal values (O1)."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import MAX_ANSWER, AnswerKind, AnswerSpec, BodyError
from consensus.tally import Status, classes, named, normalise
from consensus.tally.result import EXCERPT
from consensus.tally.structured import MAX_DEPTH, NotJson, canonical_json, spelled
from tests.harness.tallies import ALICE, BOB, CAROL, DAVE, SEED, Round, ballot, candidate

JSON = AnswerSpec(kind=AnswerKind.JSON)


@pytest.mark.parametrize(
    ("alike", "canonical"),
    [
        (('{"b": 1, "a": [true, null]}', '{"a":[true,null],"b":1}'), '{"a":[true,null],"b":1}'),
        (("1", "1.0", "10e-1", "0.1E1", " 1\n"), "1"),
        (("-0", "0.0", "-0e5", "0"), "0"),
        (("0.1", "1e-1", "0.10"), "0.1"),
        (("12345678901234567890123", "1.2345678901234567890123e22"), "12345678901234567890123"),
        (('"\\u0041\\/"', '"A/"'), '"A/"'),
        (('"\\ud83d\\ude00"', '"\U0001f600"'), '"\U0001f600"'),
        (('"\\u000a\\u0001"', '"\\n\\u0001"'), '"\\n\\u0001"'),
        (("[ ]", "[]"), "[]"),
        (("{}", "{ \t\r\n}"), "{}"),
    ],
)
def test_equal_values_have_one_spelling(alike: tuple[str, ...], canonical: str) -> None:
    assert [normalise(JSON, text) for text in alike] == [(canonical, "")] * len(alike)


def test_keys_stand_in_the_order_of_their_utf_16_code_units() -> None:
    # RFC 8785, section 3.2.3: by code points the last two would stand the other way round.
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    text = json.dumps(dict.fromkeys(keys, 0))
    order = list(json.loads(canonical_json(text)))
    assert order == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", '"1"'),
        ("[1,2]", "[2,1]"),
        ("null", '"null"'),
        ("0", "false"),
        ("1", "true"),
        ('"a"', '"A"'),
        ('"a"', '"a "'),
        ('"\u00e9"', '"e\u0301"'),
        ("{}", "[]"),
        ("0.1", "0.1000000000000000055511151231257827"),  # one double
        ("9007199254740992", "9007199254740993"),  # one double
        ('{"a":null}', "{}"),
    ],
)
def test_what_a_program_tells_apart_stays_apart(one: str, other: str) -> None:
    first, second = canonical_json(one), canonical_json(other)
    assert first != second


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("{a: 1}", "is not JSON"),
        ("{'a': 1}", "is not JSON"),
        ("[1,]", "is not JSON"),
        ("01", "is not JSON"),
        ("+1", "is not JSON"),
        (".5", "is not JSON"),
        ("1 2", "is not JSON"),
        ("// x\n1", "is not JSON"),
        ('"a\nb"', "is not JSON"),
        ("\u0661", "is not JSON"),
        ("1\u0661", "is not JSON"),
        ("\ufeff1", "is not JSON"),
        ("\u00a01", "is not JSON"),
        ("```json\n1\n```", "is not JSON"),
        ("NaN", "holds NaN, which is no JSON value"),
        ("[-Infinity]", "holds -Infinity, which is no JSON value"),
        ("1e100", "holds a number that has an exponent beyond 99"),
        ("1e999999999999", "holds a number that has an exponent beyond 99"),
        ('{"a":1,"a":1}', "has the key 'a' twice in one object"),
        ('{"a":1,"\\u0061":2}', "has the key 'a' twice in one object"),
        ('[{"b":{"\u202e":1,"\\u202e":2}}]', "has the key '\\u202e' twice in one object"),
        ('"\\ud800"', "holds half of a surrogate pair"),
        ('{"\\udc00":1}', "holds half of a surrogate pair"),
    ],
)
def test_what_is_not_strictly_one_json_value_is_void(text: str, reason: str) -> None:
    assert normalise(JSON, text) == (None, reason)


def test_nesting_ends_where_it_is_said_to() -> None:
    for opening, middle, closing in (("[", "[]", "]"), ('{"a":', "{}", "}")):
        at = opening * (MAX_DEPTH - 1) + middle + closing * (MAX_DEPTH - 1)
        assert normalise(JSON, at) == (at, "")
        past = opening + at + closing
        assert normalise(JSON, past) == (None, "is nested deeper than 16")
    assert normalise(JSON, "[" * 2_000 + "]" * 2_000) == (None, "is nested deeper than 16")


def test_an_answer_ends_where_a_page_does_before_and_after_it_is_written_out() -> None:
    longest = json.dumps("x" * (MAX_ANSWER - 2))
    assert normalise(JSON, longest) == (longest, "")
    assert normalise(JSON, longest[:-1] + 'x"') == (None, "has 4001 characters, over 4000")
    grown = "[" + ",".join(["1e99"] * 41) + "]"
    spelled_, reason = normalise(JSON, grown)
    assert (spelled_, reason) == (None, "has 4142 characters when written out, over 4000")


letters = st.characters(exclude_categories=("Cs",))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.decimals(-1000, 1000, places=6)
    | st.text(letters, max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(letters, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def loose(value: Any, order: Sequence[int]) -> str:
    """`value` as JSON with white space, escapes and its keys in another order."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (order[len(key) % len(order)], key), reverse=True)
        items = " , ".join(f"{json.dumps(key)} : {loose(value[key], order)}" for key in keys)
        return f"{{ {items} }}"
    if isinstance(value, list):
        return "[\n" + ",\r".join(loose(item, order) for item in value) + "\t]"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return json.dumps(value)


@given(values, st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_the_spelling_depends_on_the_value_alone_and_is_its_own(
    value: Any, order: list[int]
) -> None:
    canonical = canonical_json(loose(value, order))
    assert canonical == canonical_json(loose(value, order[::-1]))
    assert canonical_json(canonical) == canonical
    read = json.loads(canonical, parse_float=Decimal, parse_int=Decimal)
    assert read == json.loads(loose(value, order), parse_float=Decimal, parse_int=Decimal)


def test_a_third_has_no_spelling_and_an_object_none_either() -> None:
    with pytest.raises(NotJson, match="which no decimal ends"):
        spelled([Fraction(1, 3)])
    with pytest.raises(TypeError, match="no JSON value: float"):
        spelled(0.5)


def test_json_answers_form_classes_that_figures_name_by_a_hash() -> None:
    table = (
        candidate(ALICE, '{"x": 1, "y": 2}'),
        candidate(BOB, '{"y":2.0,"x":1}'),
        candidate(CAROL, '{"x":2,"y":1}'),
        candidate(DAVE, "{"),
    )
    found = classes(JSON, table, SEED)
    assert {item.authors for item in found.items} == {(ALICE, BOB), (CAROL,)}
    assert [item.reason for item in found.void] == ["is not JSON"]
    both = next(item for item in found.items if len(item.authors) == 2)
    assert both.text == '{"x":1,"y":2}'
    assert both.answer == named(JSON, both.text) != both.text
    assert len(both.answer) == 64


def test_a_round_of_json_answers_is_decided_with_an_excerpt_of_each() -> None:
    long = json.dumps({"text": "x" * 500})
    table = tuple(candidate(at, long if at < 3 else "[]") for at in range(4))
    ballots = tuple(
        ballot(at, table, marks={other: 50 for other in range(3) if other != at}) for at in range(4)
    )
    result = Round(spec=JSON, n=4, candidates=table, ballots=ballots).tally()
    assert result.status is Status.DECIDED
    assert result.winner == named(JSON, canonical_json(long))
    shown = {item.votes: item.excerpt for item in result.classes}
    assert shown[3] == canonical_json(long)[:EXCERPT]
    assert shown[1] == "[]"


def test_json_takes_no_options() -> None:
    with pytest.raises(BodyError, match="takes no options"):
        AnswerSpec(kind=AnswerKind.JSON, options=("a", "b"))
