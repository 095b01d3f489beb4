"""Long texts that are nearly the same words: a hash that groups and never judges (rule O1).

SimHash (Charikar, "Similarity estimation techniques from rounding algorithms", 2002) over the
shingles of a text (Broder 1997: runs of `SHINGLE` words), as Manku, Jain and Das Sarma find
near-duplicates of web pages (2007), with all `BITS` of SHA-256 for their 64: bit k of a text's
hash is 1 if it is 1 in the hashes of more than half of the text's distinct shingles. Two hashes
differ in about acos(s)/pi of their bits, where s is the cosine of the two sets of shingles.

What it is for: copies of one text with a word changed, which a design that leaves pairs out may
never show to a judge together. What it cannot do: tell which word was changed. Texts that say the
opposite by one `not` are as near as texts that differ by one comma. Hence, with the policy
`near_duplicates = simhash`:

- where t ballots compared two texts, at least one honest, their `same` verdicts alone count;
- only texts of at least `MIN_WORDS` words are looked at;
- two texts whose words with digits differ, in order, are never near.
"""

import hashlib
import re
from functools import lru_cache
from itertools import combinations
from typing import Final

from ..bodies import AnswerSpec
from .answers import Classes, fold, normalise

BITS: Final = 256
"""Bits of a text's hash: those of SHA-256."""
SHINGLE: Final = 3
"""Words of a shingle."""
MIN_WORDS: Final = 50
"""Fewest words of a text that is looked at: in a shorter one a single word is a new meaning."""
NEAR: Final = 24
"""Most bits in which near texts differ: a cosine of 0.957, so about one word in seventy."""

_DIGIT: Final = re.compile(r"[0-9]")
_TAG: Final = b"quorate/v1/shingle\0"


Sketch = tuple[int, tuple[str, ...]]
"""A text's hash and its words with digits."""


def distance(one: str, other: str) -> int | None:
    """Bits in which the hashes of two canonical texts differ; None if they are never near."""
    return apart(sketch(one), sketch(other))


def apart(one: Sketch | None, other: Sketch | None) -> int | None:
    """The `distance` of the texts behind two sketches."""
    if one is None or other is None or one[1] != other[1]:
        return None
    return (one[0] ^ other[0]).bit_count()


def near(spec: AnswerSpec, texts: Classes) -> frozenset[tuple[int, int]]:
    """The pairs of `texts`, by position, the lower first, that are nearly the same words."""
    words = [normalise(spec, item.text)[0] or "" for item in texts.items]
    return frozenset(
        (one, other)
        for one, other in combinations(range(len(words)), 2)
        if (bits := distance(words[one], words[other])) is not None and bits <= NEAR
    )


@lru_cache(maxsize=256)  # a search for how robust a round is asks hundreds of times over (O5)
def sketch(text: str) -> Sketch | None:
    """The sketch of a canonical text; None of a short one."""
    words = fold(text).split(" ")
    if len(words) < MIN_WORDS:
        return None
    shingles = {" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}
    # Vertical counters: plane p holds bit p of how often each of the 256 bits was set.
    planes: list[int] = []
    for shingle in shingles:
        carry = int.from_bytes(hashlib.sha256(_TAG + shingle.encode("utf-8")).digest(), "big")
        for at, plane in enumerate(planes):
            planes[at], carry = plane ^ carry, plane & carry
        if carry:
            planes.append(carry)
    found = 0
    for bit in range(BITS):
        ones = sum((plane >> bit & 1) << at for at, plane in enumerate(planes))
        found |= (2 * ones > len(shingles)) << bit
    return found, tuple(word for word in words if _DIGIT.search(word))
