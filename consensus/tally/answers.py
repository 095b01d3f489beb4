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

from ..bodies import MAX_LABEL, AnswerKind, AnswerSpec
from ..envelope import MessageId, tagged_hash
from .ballots import Candidate

MAX_EXPONENT = 99
"""Largest power of ten a number may carry: its canonical form writes the digits out."""

_BLANKS = " \t\r\n\u00a0"
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<over>[0-9]+)/(?P<under>[0-9]+)"
    r"|(?P<digits>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE](?P<exponent>[+-]?[0-9]{1,3}))?)\Z"
)
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

    `answer` is what figures call it: the canonical answer, but of a free text the hash of it,
    since figures name an answer many times. `text` is the answer in full, a free text as its
    candidate wrote it. `option` is the index of the answer among the task's options, None
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
    around and without regard to case, if just one. `number`: integer, decimal (with an
    exponent of at most `MAX_EXPONENT`) or fraction in ASCII, without blanks around; written
    as a plain decimal where that ends, else as a reduced fraction. `text`: any but an empty
    one, each run of white space one blank, and letters composed (NFC) as far as they stand in
    Unicode 3.2, which every Python knows alike. Case and all else is kept.
    """
    if spec.kind is not AnswerKind.TEXT and len(answer) > MAX_LABEL:
        return None, f"has {len(answer)} characters, over {MAX_LABEL}"
    match spec.kind:
        case AnswerKind.CHOICE | AnswerKind.LABEL:
            return _option(spec, answer)
        case AnswerKind.NUMBER:
            return _number(answer.strip(_BLANKS))
        case AnswerKind.TEXT:
            return _free(answer)
    assert_never(spec.kind)


def named(spec: AnswerSpec, answer: str) -> str:
    """What figures call the canonical answer `answer`: itself, but a free text by its hash."""
    if spec.kind is AnswerKind.TEXT:
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
    folded = _fold(answer.strip(_BLANKS))
    fitting = [option for option in spec.options if _fold(option) == folded]
    if len(fitting) == 1:
        return fitting[0], ""
    if fitting:
        return None, "equals several options but for case"
    return None, "is none of the options"


def _fold(text: str) -> str:
    return "".join(letter.casefold() if letter < _FOLDS_BELOW else letter for letter in text)


def _number(text: str) -> tuple[str | None, str]:
    found = _NUMBER.match(text)
    if found is None:
        return None, "is not a number: an integer, a decimal or a fraction is needed"
    if found["under"] is not None:
        if int(found["under"]) == 0:
            return None, "is a fraction over zero"
        value = Fraction(int(found["over"]), int(found["under"]))
    else:
        exponent = int(found["exponent"] or "0")
        if abs(exponent) > MAX_EXPONENT:
            return None, f"has an exponent beyond {MAX_EXPONENT}"
        whole, _, part = found["digits"].partition(".")
        value = Fraction(int(whole + part), 10 ** len(part)) * Fraction(10) ** exponent
    return _spell(-value if found["sign"] == "-" else value), ""


def _spell(value: Fraction) -> str:
    twos, fives, rest = 0, 0, value.denominator
    while rest % 2 == 0:
        twos, rest = twos + 1, rest // 2
    while rest % 5 == 0:
        fives, rest = fives + 1, rest // 5
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    if places == 0:
        return str(value.numerator)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def _place(spec: AnswerSpec, item: AnswerClass) -> tuple[Fraction, bytes]:
    """What classes are ordered by: ids have no part in it, since their authors draw them."""
    if item.option is not None:
        return Fraction(item.option), b""
    if spec.kind is AnswerKind.NUMBER:
        return Fraction(item.answer), b""
    return Fraction(0), item.tie
