"""Canonical bytes for everything that is hashed or compared (rules S3, V5).

The encoding is the part of RFC 8785 (JSON Canonicalization Scheme) that needs no
floating point: objects with ASCII keys in sorted order, arrays, strings, integers
within +-2**53, booleans and null, UTF-8, no white space. Two nodes that mean the same
thing write the same bytes, and any JSON reader can show what was agreed.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

MAX_INT = 2**53
"""Largest magnitude a canonical integer may have: beyond it JSON readers disagree."""

MAX_DEPTH = 16
"""Deepest nesting that is read: no agreed object needs more, and the reader recurses."""

_ASCII_KEY = re.compile(r"[\x20-\x7e]+\Z")


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
    try:
        value = json.loads(data.decode("utf-8"), parse_float=_no_float, parse_constant=_no_float)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CanonicalError(f"not readable as canonical JSON: {error}") from None
    if encode(value) != data:
        raise CanonicalError("readable, but not in canonical form")
    return value


def _no_float(text: str) -> Any:
    raise CanonicalError(f"floating point has no canonical form: {text[:40]}")


def _check(value: Any, depth: int) -> None:
    if depth < 0:
        raise CanonicalError(f"nested deeper than {MAX_DEPTH}")
    if value is None or isinstance(value, (bool, str)):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise CanonicalError("integer beyond 2**53")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not _ASCII_KEY.match(key):
                raise CanonicalError(f"key is not printable ASCII: {key!r}")
            _check(item, depth - 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(item, depth - 1)
    else:
        raise CanonicalError(f"no canonical form for {type(value).__name__}")
