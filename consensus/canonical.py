"""Canonical bytes for everything that is hashed or compared (rules S3, V5).

The encoding is the part of RFC 8785 (JSON Canonicalization Scheme) that needs no
floating point: objects with ASCII keys in sorted order, arrays, strings, integers
within +-2**53, booleans and null, UTF-8, no white space. Two nodes that mean the same
thing write the same bytes, and any JSON reader can show what was agreed.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

MAX_INT = 2**53
"""Largest magnitude a canonical integer may have: beyond it JSON readers disagree."""

MAX_DEPTH = 16
"""Deepest nesting that is read: no agreed object needs more, and the reader recurses."""


class CanonicalError(ValueError):
    """The bytes are not canonical, or the object has no canonical form."""


def encode(value: Any) -> bytes:
    """Bytes of `value`; equal objects give equal bytes. Raises `CanonicalError`."""
    _check(value, MAX_DEPTH)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CanonicalError(f"text holds a lone surrogate: {error.reason}") from None


def decode(data: bytes) -> Any:
    """The object behind `data`. Raises `CanonicalError` unless `data` is canonical."""
    value = read(data)
    if encode(value) != data:
        raise CanonicalError("readable, but not in canonical form")
    return value


def read(data: bytes) -> Any:
    """The object behind `data`, whose form is not checked. Raises `CanonicalError`.

    For callers who compare `data` with what they encode themselves: that checks the form too.
    """
    try:
        return json.loads(data.decode("utf-8"), parse_float=_no_float, parse_constant=_no_float)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CanonicalError(f"not readable as canonical JSON: {error}") from None


def read_sparse(data: bytes, span: int) -> Any:
    """As `read`, of a file whose values are long: one in `span` bytes and 64 more at most.

    JSON of many short values takes up to thirty times its size in memory, one letter outside of
    ASCII makes a text four times as large, and a file may be large. Only for files whose texts
    are ASCII without brackets, braces, commas and backslashes, such as encoded bytes. Raises
    `CanonicalError`.
    """
    if not data.isascii() or b"\\" in data:
        raise CanonicalError("a file of encoded bytes holds nothing but plain ASCII")
    values = sum(map(data.count, (b"[", b"{", b",")))
    if values > len(data) // span + 64:
        raise CanonicalError(f"{values} values in {len(data)} bytes are more than it can hold")
    return read(data)


def _no_float(text: str) -> Any:
    raise CanonicalError(f"floating point has no canonical form: {text[:40]}")


def _check(value: Any, depth: int) -> None:
    if _is_plain(value):
        return
    if isinstance(value, int):
        raise CanonicalError("integer beyond 2**53")
    if not isinstance(value, (Mapping, list, tuple)):
        raise CanonicalError(f"no canonical form for {type(value).__name__}")
    if value and depth == 0:
        raise CanonicalError(f"nested deeper than {MAX_DEPTH}")
    items: Iterable[Any] = value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or not (key and key.isascii() and key.isprintable()):
                raise CanonicalError(f"key is not printable ASCII: {key!r}")
        items = value.values()
    for item in items:
        if not _is_plain(item):  # most are: figures and ids
            _check(item, depth - 1)


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, str)
        or (isinstance(value, int) and -MAX_INT <= value <= MAX_INT)
        or value is None
    )
