"""How a setting is declared: meaning, unit and bounds beside its type (`config`)."""

from typing import Any

import msgspec


def meta(meaning: str, *, unit: str = "", **bounds: Any) -> msgspec.Meta:
    """What a setting means, what its number counts, and msgspec's bounds on it."""
    return msgspec.Meta(description=meaning, extra={"unit": unit}, **bounds)
