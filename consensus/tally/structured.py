"""JSON answers: one spelling of equal values, without a schema (rule O1).

The form is that of RFC 8785 (JSON Canonicalization Scheme): no white space, keys in the order of
their UTF-16 code units, strings escaped only where JSON must. It departs in numbers, which here
are exact: `1`, `1.0` and `10e-1` are one, 0.1 is a tenth, and an integer of sixty digits keeps
them all, where the scheme takes every number for a double. Strings compare as written; composing
letters or folding case would merge values that a program tells apart.
"""

import json
import re
from fractions import Fraction
from typing import Any, Final

from .numbers import NotNumber, decimal, spell

MAX_DEPTH: Final = 16
"""Deepest nesting of objects and arrays: as deep as what members agree on may be, and far less
than any Python's reader can go."""

_NUMBER: Final = re.compile(r"-?(?P<digits>[0-9]+(?:\.[0-9]+)?)(?:[eE](?P<exponent>[+-]?[0-9]+))?")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class NotJson(ValueError):  # noqa: N818  named for what was found
    """A text is no JSON answer; the text says why, ready to follow the answer."""


def canonical_json(text: str) -> str:
    """The one spelling of the JSON value in `text`. Raises `NotJson`.

    Refused are a key that an object has twice, nesting beyond `MAX_DEPTH`, NaN and infinities,
    an exponent beyond `numbers.MAX_EXPONENT`, and half of a surrogate pair.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_constant,
        )
    except json.JSONDecodeError:  # what it says differs between Pythons, and reasons are signed
        raise NotJson("is not JSON") from None
    except RecursionError:
        raise _too_deep() from None
    return spelled(value)


def spelled(value: Any) -> str:
    """The one spelling of `value`: None, booleans, strings, rationals, lists, and dictionaries
    with strings for keys. Raises `NotJson`; a fraction that no decimal ends has no spelling."""
    return _spelled(value, MAX_DEPTH)


def _spelled(value: Any, depth: int) -> str:
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return _string(value)
        case int() | Fraction():
            written = spell(Fraction(value))
            if "/" in written:
                raise NotJson(f"holds {written[:40]}, which no decimal ends")
            return written
        case list() | dict() if depth == 0:
            raise _too_deep()
        case list():
            return f"[{','.join(_spelled(item, depth - 1) for item in value)}]"
        case dict():
            keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
            items = (f"{_string(key)}:{_spelled(value[key], depth - 1)}" for key in keys)
            return f"{{{','.join(items)}}}"
    raise TypeError(f"no JSON value: {type(value).__name__}")


def _string(text: str) -> str:
    if _SURROGATE.search(text):
        raise NotJson("holds half of a surrogate pair")
    return json.dumps(text, ensure_ascii=False)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotJson(f"has the key {name[:40]!a} twice in one object")
        found[name] = value
    return found


def _number(text: str) -> Fraction:
    found = _NUMBER.fullmatch(text)
    if found is None:  # a digit of another script, which one of Python's readers lets through
        raise NotJson("is not JSON")
    try:
        value = decimal(found["digits"], int(found["exponent"] or "0"))
    except NotNumber as fault:
        raise NotJson(f"holds a number that {fault}") from None
    return -value if text.startswith("-") else value


def _constant(name: str) -> Any:
    raise NotJson(f"holds {name}, which is no JSON value")


def _too_deep() -> NotJson:
    return NotJson(f"is nested deeper than {MAX_DEPTH}")
