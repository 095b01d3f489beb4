"""Canonical bytes: one form for one meaning (rules S3, V5)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.canonical import MAX_DEPTH, MAX_INT, CanonicalError, decode, encode, read

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INT, MAX_INT)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
keys = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def nested(depth: int, inside: Any = 0) -> Any:
    value = inside
    for _ in range(depth):
        value = [value]
    return value


@given(values)
def test_what_is_written_is_read_back_and_any_json_reader_agrees(value: Any) -> None:
    data = encode(value)
    assert decode(data) == read(data) == json.loads(data) == value


@given(st.dictionaries(keys, scalars, max_size=6))
def test_order_of_keys_shows_nowhere(value: dict[str, Any]) -> None:
    assert encode(value) == encode(dict(reversed(value.items())))


def test_tuples_are_lists() -> None:
    assert encode((1, (2,))) == encode([1, [2]]) == b"[1,[2]]"


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"null"),
        (True, b"true"),
        (0, b"0"),
        (-MAX_INT, b"-9007199254740992"),
        ("ü\n\x00", '"ü\\n\\u0000"'.encode()),
        ({"b": 1, "a": {}}, b'{"a":{},"b":1}'),
        ([], b"[]"),
    ],
)
def test_form_is_this_one(value: Any, data: bytes) -> None:
    assert encode(value) == data
    assert decode(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b' {"a":1}',
        b'{"a":1}\n',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'"\\u0061"',
        b'"\\/"',
        b"-0",
        b"01",
        b"+1",
        b'"\\u00fc"',
    ],
)
def test_second_form_of_the_same_thing_is_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{",
        b"nul",
        b"1.0",
        b"1e3",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b'"\\ud800"',
        b'{"\\u00fc":1}',
        b'{"":1}',
        b"9007199254740993",
        b"-9007199254740993",
        b"1" * 5_000,
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000,
    ],
)
def test_what_has_no_canonical_form_is_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        decode(data)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        b"bytes",
        {1: 2},
        {"": 1},
        {"ü": 1},
        {"a\n": 1},
        {"a\x7f": 1},
        "\ud800",
        {"\ud800": 1},
        pytest.param(object(), id="an object"),
        {1, 2},
        MAX_INT + 1,
        -MAX_INT - 1,
    ],
    ids=repr,
)
def test_what_cannot_be_written_says_so(value: Any) -> None:
    for wrapped in (value, [value], {"a": value}):
        with pytest.raises(CanonicalError):
            encode(wrapped)


@pytest.mark.parametrize("inside", [0, "text", None, True])
def test_nesting_at_the_bound_and_one_past_it(inside: Any) -> None:
    deepest = nested(MAX_DEPTH, inside)
    assert decode(encode(deepest)) == deepest
    with pytest.raises(CanonicalError, match="nested deeper"):
        encode([deepest])
    with pytest.raises(CanonicalError, match="nested deeper"):
        encode({"a": deepest})


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_by_name(data: bytes) -> None:
    try:
        value = decode(data)
    except CanonicalError:
        return
    assert encode(value) == data
