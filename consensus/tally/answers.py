"""Typed answers: their one spelling, and the classes of equal ones (rule O1).

Normalising is strict. An answer that does not fit its type exactly, or by the few
liberties listed here, makes its candidate void with a reason; nothing is guessed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from ..bodies import AnswerKind, AnswerSpec
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """A candidate that does not enter the tally, with the reason."""

    id: MessageId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerClass:
    """Candidates with equal answers: the canonical answer, ids ascending, authors alike.

    `option` is the index of the answer among the task's options, None for a number.
    `tie` is H(seed, answer): of classes with equal scores the lowest wins (O6).
    """

    answer: str
    option: int | None
    candidates: tuple[MessageId, ...]
    authors: tuple[int, ...]
    tie: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """All classes of a round, in the order of the options, or of the numbers' size.

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
    as a plain decimal where that ends, else as a reduced fraction.
    """
    match spec.kind:
        case AnswerKind.CHOICE | AnswerKind.LABEL:
            return _option(spec, answer)
        case AnswerKind.NUMBER:
            return _number(answer.strip(_BLANKS))
    assert_never(spec.kind)


def classes(spec: AnswerSpec, candidates: Sequence[Candidate], seed: bytes) -> Classes:
    """Group `candidates` by their normalised answers; order and ties as `Classes` says."""
    grouped: dict[str, list[Candidate]] = {}
    void = []
    for candidate in sorted(candidates, key=lambda item: item.id):
        answer, reason = normalise(spec, candidate.proposal.answer)
        if answer is None:
            void.append(Void(id=candidate.id, reason=reason))
        else:
            grouped.setdefault(answer, []).append(candidate)
    items = tuple(
        AnswerClass(
            answer=answer,
            option=spec.options.index(answer) if spec.options else None,
            candidates=tuple(candidate.id for candidate in grouped[answer]),
            authors=tuple(sorted(candidate.author for candidate in grouped[answer])),
            tie=tagged_hash("tie", seed, answer.encode("utf-8")),
        )
        for answer in sorted(grouped, key=lambda text: _place(spec, text))
    )
    return Classes(
        items=items,
        void=tuple(void),
        of={id_: at for at, item in enumerate(items) for id_ in item.candidates},
        order=tuple(sorted(range(len(items)), key=lambda at: items[at].tie)),
    )


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


def _place(spec: AnswerSpec, answer: str) -> Fraction:
    if spec.options:
        return Fraction(spec.options.index(answer))
    return Fraction(answer)
