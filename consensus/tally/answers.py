"""Answers: their one spelling, and the classes of equal ones (rule O1).

Normalising is strict. An answer that does not fit its type exactly, or by the few
liberties listed here, makes its candidate void with a reason; nothing is guessed.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from typing import assert_never

from ..bodies import AnswerKind, AnswerSpec
from ..envelope import MessageId, tagged_hash
from .ballots import Candidate
from .numbers import BLANKS, NotNumber, number, spell
from .structured import NotJson, canonical_json

_FOLDS_BELOW = "\u0530"
"""Letters from here on compare as written: case folding of newer scripts differs between
the Unicode tables of Python versions, and nodes of mixed versions must agree."""

_SPACE = re.compile(r"[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
"""What counts as space in a free text, by name: the tables behind `str.split` may grow."""

_FIXED = unicodedata.ucd_3_2_0
"""The one Unicode table that every Python carries unchanged. What is assigned there is composed
alike by all later ones (Unicode's stability policy)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """A candidate that does not enter the tally, with the reason."""

    id: MessageId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerClass:
    """Candidates with equal answers: ids ascending, authors alike.

    `answer` is what figures call it: the canonical answer, but of a long one (free text, JSON) the
    hash of it, since figures name an answer many times. `text` is the answer in full, a free text
    as its candidate wrote it. `option` is the index of the answer among the task's options, None
    where there are none. `tie` is H(seed, answer): of classes with equal scores the lowest
    wins (O6). `spellings` are the names of all answers in the class, ascending: its one, but
    of free texts every one that judges called the same.
    """

    answer: str
    text: str
    option: int | None
    candidates: tuple[MessageId, ...]
    authors: tuple[int, ...]
    tie: bytes
    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """All classes of a round, in the order of the options, of the numbers' size, or of `tie`.

    `of` names each candidate's class by position; `order` ranks the positions by `tie`.
    """

    items: tuple[AnswerClass, ...]
    void: tuple[Void, ...]
    of: Mapping[MessageId, int]
    order: tuple[int, ...]


def normalise(spec: AnswerSpec, answer: str) -> tuple[str | None, str]:
    """The canonical spelling of `answer` and "", or None and why it has none (O1).

    `choice`, `label`: the option it equals; else the one option it equals without blanks
    around and without regard to case, if just one. `number`: what `numbers` reads, written as a
    plain decimal where that ends, else as a reduced fraction; without the task's unit. `json`: the
    value in the form of `structured`. `text`: any but an empty one, each run of white space one
    blank, and letters composed (NFC) as far as they stand in Unicode 3.2, which every Python knows
    alike. Case and all else is kept.

    What is longer than the task's kind allows is void, also if only its canonical form is: so a
    canonical spelling is its own canonical spelling.
    """
    if len(answer) > spec.most_chars and spec.kind is not AnswerKind.TEXT:
        return None, f"has {len(answer)} characters, over {spec.most_chars}"
    canonical, reason = _spelled(spec, answer)
    if canonical is not None and len(canonical) > spec.most_chars:
        return None, f"has {len(canonical)} characters when written out, over {spec.most_chars}"
    return canonical, reason


def named(spec: AnswerSpec, answer: str) -> str:
    """What figures call the canonical answer `answer`: itself, but a long one by its hash."""
    if spec.long:
        return tagged_hash("answer", answer.encode("utf-8")).hex()
    return answer


def classes(spec: AnswerSpec, candidates: Sequence[Candidate], seed: bytes) -> Classes:
    """Group `candidates` by their normalised answers; order and ties as `Classes` says.

    Free texts are grouped as far as they are identical; what judges called the same is
    joined by `same.join`.
    """
    grouped: dict[str, list[Candidate]] = {}
    void = []
    for candidate in sorted(candidates, key=lambda item: item.id):
        answer, reason = normalise(spec, candidate.proposal.answer)
        if answer is None:
            void.append(Void(id=candidate.id, reason=reason))
        else:
            grouped.setdefault(answer, []).append(candidate)
    items = [_class(spec, answer, alike, seed) for answer, alike in grouped.items()]
    return arranged(spec, items, void)


def arranged(spec: AnswerSpec, items: Sequence[AnswerClass], void: Sequence[Void]) -> Classes:
    """`items` in the one order of classes, as `Classes` says."""
    items = tuple(sorted(items, key=lambda item: _place(spec, item)))
    return Classes(
        items=items,
        void=tuple(void),
        of={id_: at for at, item in enumerate(items) for id_ in item.candidates},
        order=tuple(sorted(range(len(items)), key=lambda at: items[at].tie)),
    )


def _class(spec: AnswerSpec, answer: str, alike: Sequence[Candidate], seed: bytes) -> AnswerClass:
    """The class of the candidates `alike`, ascending by id, whose canonical answer is `answer`."""
    free, name = spec.kind is AnswerKind.TEXT, named(spec, answer)
    return AnswerClass(
        answer=name,
        text=alike[0].proposal.answer if free else answer,
        option=spec.options.index(answer) if spec.options else None,
        candidates=tuple(candidate.id for candidate in alike),
        authors=tuple(sorted(candidate.author for candidate in alike)),
        tie=tagged_hash("tie", seed, answer.encode("utf-8")),
        spellings=(name,),
    )


def _spelled(spec: AnswerSpec, answer: str) -> tuple[str | None, str]:
    match spec.kind:
        case AnswerKind.CHOICE | AnswerKind.LABEL:
            return _option(spec, answer)
        case AnswerKind.NUMBER:
            return _number(spec, answer)
        case AnswerKind.TEXT:
            return _free(answer)
        case AnswerKind.JSON:
            return _json(answer)
    assert_never(spec.kind)


@lru_cache(maxsize=256)  # a search for how robust a round is asks hundreds of times over (O5)
def _free(answer: str) -> tuple[str | None, str]:
    text = _SPACE.sub(" ", answer).strip(" ")
    parts = groupby(text, key=lambda letter: _FIXED.category(letter) != "Cn")
    composed = "".join(
        unicodedata.normalize("NFC", "".join(run)) if known else "".join(run)
        for known, run in parts
    )
    return (composed, "") if composed else (None, "is empty")


def _option(spec: AnswerSpec, answer: str) -> tuple[str | None, str]:
    if answer in spec.options:
        return answer, ""
    folded = fold(answer.strip(BLANKS))
    fitting = [option for option in spec.options if fold(option) == folded]
    if len(fitting) == 1:
        return fitting[0], ""
    if fitting:
        return None, "equals several options but for case"
    return None, "is none of the options"


def fold(text: str) -> str:
    """`text` without regard to case, as far as every Python folds alike."""
    return "".join(letter.casefold() if letter < _FOLDS_BELOW else letter for letter in text)


def _number(spec: AnswerSpec, answer: str) -> tuple[str | None, str]:
    try:
        return spell(number(answer, spec.unit)), ""
    except NotNumber as fault:
        return None, str(fault)


def _json(answer: str) -> tuple[str | None, str]:
    try:
        return canonical_json(answer), ""
    except NotJson as fault:
        return None, str(fault)


def _place(spec: AnswerSpec, item: AnswerClass) -> tuple[Fraction, bytes]:
    """What classes are ordered by: ids have no part in it, since their authors draw them."""
    if item.option is not None:
        return Fraction(item.option), b""
    if spec.kind is AnswerKind.NUMBER:
        return Fraction(item.answer), b""
    return Fraction(0), item.tie
