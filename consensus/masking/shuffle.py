"""Orders and letters: how proposals are shown without saying whose they are (R1, R5).

Each voter's model sees the others' proposals in an order of its own, under letters that
mean nothing outside one request. The agreed record is shown in one order for all, drawn
afresh each round.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import TypeVar

from ..envelope import MessageId, tagged_hash

T = TypeVar("T")

_WORD = 2**64


def shuffled(items: Sequence[T], key: bytes) -> tuple[T, ...]:
    """`items` in an order drawn by `key`, every order equally likely over keys.

    Fisher and Yates (Durstenfeld 1964) on words of HMAC-SHA256(key, counter); a word that
    would bias the draw is passed over.
    """
    order = list(items)
    words = _words(key)
    for last in range(len(order) - 1, 0, -1):
        pick = _below(last + 1, words)
        order[last], order[pick] = order[pick], order[last]
    return tuple(order)


def letters(count: int) -> tuple[str, ...]:
    """The first `count` letters: A, B, ..., Z, AA, AB, ..."""
    return tuple(_letter(place) for place in range(count))


def judging_order(
    held: Sequence[MessageId], own: MessageId | None, key: bytes
) -> tuple[tuple[str, MessageId], ...]:
    """What one voter's model is shown: letters with proposals, in this voter's order (R5).

    The voter's own proposal is left out: its author's model never judges it. The order is
    a function of the set held and of `key` alone.
    """
    others = sorted(set(held) - {own})
    order = shuffled(others, key)
    return tuple(zip(letters(len(order)), order, strict=True))


def record_order(ids: Sequence[MessageId], seed: bytes) -> tuple[tuple[str, MessageId], ...]:
    """Fresh letters for the agreed record, in hash order under a round's agreed seed (R1)."""
    order = sorted(set(ids), key=lambda item: tagged_hash("record-order", seed, item))
    return tuple(zip(letters(len(order)), order, strict=True))


def _letter(place: int) -> str:
    text = ""
    place += 1
    while place:
        place, digit = divmod(place - 1, 26)
        text = chr(ord("A") + digit) + text
    return text


def _words(key: bytes) -> Iterator[int]:
    counter = 0
    while True:
        block = hmac.new(key, counter.to_bytes(8, "big"), hashlib.sha256).digest()
        for start in range(0, 32, 8):
            yield int.from_bytes(block[start : start + 8], "big")
        counter += 1


def _below(bound: int, words: Iterator[int]) -> int:
    fair = _WORD - _WORD % bound
    for word in words:
        if word < fair:
            return word % bound
    raise AssertionError("the stream of words has no end")
