"""What all bodies are checked with, and the bounds that several of them share."""

MAX_LABEL = 256
"""Most characters of an option, a typed answer, a domain, a prompt version."""
MAX_REASON = 400
"""Most characters of a refusal's or an abstention's reason."""
VIEW_CAP = 2**31 - 1
"""Views and counters fit in 31 bits."""
COUNT_CAP = 2**53
"""Largest claim of tokens, money or time: what canonical bytes can hold."""


class BodyError(ValueError):
    """A payload is not well-formed. The text names field and bound."""


def check(condition: bool, text: str) -> None:
    """Raises `BodyError` of that text unless `condition` holds."""
    if not condition:
        raise BodyError(text)


def check_length(value: bytes, size: int, name: str) -> None:
    """Exactly `size` bytes, or `BodyError` naming the field."""
    check(len(value) == size, f"{name} is {len(value)} bytes, not {size}")


def check_text(value: str, limit: int, name: str) -> None:
    """At most `limit` characters that UTF-8 can hold, or `BodyError` naming the field."""
    check(len(value) <= limit, f"{name} is {len(value)} characters, over {limit}")
    try:
        value.encode("utf-8")  # a hundred times faster than looking at each character
    except UnicodeEncodeError:
        raise BodyError(f"{name} holds a lone surrogate") from None


def check_range(value: int, low: int, high: int, name: str) -> None:
    """A number in `low` to `high`, both included, or `BodyError` naming the field."""
    check(low <= value <= high, f"{name} is {value}, outside {low}..{high}")
