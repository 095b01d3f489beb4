"""Reading a model's reply: the verdict at its end, strictly, or why there is none (R5).

A reply is only parsed. Its last lines are a fence ```` ```verdict ```` with one JSON object in
it and nothing after it; what stands before is the model's reasoning and is dropped. Figures
are percentages and points as decimals; they become basis points and points exactly. Nothing
is guessed, clipped or filled in: a reply that does not say it has not said it.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from consensus.bodies import (
    MAX_CITATIONS,
    MAX_CRITIQUE,
    MAX_LABEL,
    AnswerKind,
    AnswerSpec,
    Preference,
)
from consensus.deliberation.requests import LetteredMark, LetteredPair
from consensus.policy import ONE
from consensus.tally.answers import normalise
from consensus.tally.structured import NotJson, canonical_json, spelled

VERDICT_MAX = 131_072
"""Most characters of a verdict: 64 critiques of 1,000 characters, with room."""
RATIONALE_CHARS = 8_000
"""Most characters of a rationale: more than others are shown, and it says why."""
NUMBER_CHARS = 40
"""Most digits of a figure, written out."""
BELIEF_SLACK = 1
"""How far from 100 the shares of a belief may sum, for roundings; then they are scaled."""

_OPEN, _CLOSE = "```verdict", "```"
_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_WORDS = {
    "first": Preference.FIRST,
    "second": Preference.SECOND,
    "tie": Preference.TIE,
    "same": Preference.SAME,
}


class ReplyError(ValueError):
    """A reply holds no usable verdict. The text says what is wrong, for the model's next try."""


class DraftVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as read: the canonical answer, belief and confidence in bp."""

    answer: str
    belief: tuple[int, ...]
    confidence: int
    rationale: str
    evidence: tuple[str, ...]


class _Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answer: str
    confidence: Fraction
    rationale: Annotated[str, msgspec.Meta(max_length=RATIONALE_CHARS)]
    belief: tuple[Fraction, ...] = ()
    evidence: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_CITATIONS)] = ()


class _JsonDraft(_Draft, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answer: Any  # whatever JSON value; `structured.spelled` takes it from there


class _Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    endorsement: Fraction
    evidence: Fraction
    argument: Fraction
    critique: Annotated[str, msgspec.Meta(max_length=MAX_CRITIQUE)]


class _Pair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    first: str
    second: str
    preference: Literal["first", "second", "tie", "same"]
    confidence: Fraction


class _Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pairs: tuple[_Pair, ...]
    marks: dict[str, _Mark]


class _Single(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    preference: Literal["first", "second", "tie", "same"]
    confidence: Fraction
    marks: dict[str, _Mark]


def read_draft(reply: str, spec: AnswerSpec, answer_chars: int) -> DraftVerdict:
    """The draft that ends `reply`. Raises `ReplyError`."""
    options = spec.options
    said: _Draft
    if spec.kind is AnswerKind.JSON:
        said = _read(reply, _JsonDraft)
        answer = _json_answer(spec, said.answer)
    elif spec.kind is AnswerKind.TEXT:
        said = _read(reply, _Draft)
        answer = said.answer.strip()
        if not answer or len(answer) > answer_chars:
            raise ReplyError(f"`answer` has {len(answer)} characters, not 1 to {answer_chars}")
    else:
        said = _read(reply, _Draft)
        answer = _typed_answer(spec, said.answer)
    if said.belief and len(said.belief) != len(options):
        raise ReplyError(f"`belief` has {len(said.belief)} entries for {len(options)} options")
    if options and not said.belief:
        raise ReplyError(f"`belief` is missing: {len(options)} figures in the options' order")
    for citation in said.evidence:
        if not citation.strip() or len(citation) > MAX_LABEL:
            raise ReplyError(f"`evidence` holds an id that is empty or over {MAX_LABEL} characters")
    return DraftVerdict(
        answer=answer,
        belief=_belief(said.belief) if said.belief else (),
        confidence=_basis_points(said.confidence, "confidence"),
        rationale=said.rationale,
        evidence=said.evidence,
    )


def _typed_answer(spec: AnswerSpec, said: str) -> str:
    answer, fault = normalise(spec, said)
    if answer is None:
        raise ReplyError(f"`answer` {said[:60]!r} {fault}")
    return answer


def _json_answer(spec: AnswerSpec, said: Any) -> str:
    """The value itself; one that was put into a string by mistake is not taken out of it."""
    try:
        written = spelled(said)
    except NotJson as fault:
        raise ReplyError(f"`answer` {fault}") from None
    if isinstance(said, str):
        try:
            canonical_json(said)
        except NotJson:
            pass
        else:
            raise ReplyError("`answer` is JSON in a string: write the value itself, unquoted")
    return _typed_answer(spec, written)


def read_pairwise(
    reply: str, pair: tuple[str, str]
) -> tuple[LetteredPair, tuple[LetteredMark, ...]]:
    """The comparison that ends `reply`, and the marks on the two. Raises `ReplyError`."""
    said = _read(reply, _Single)
    marks = _marks(said.marks, pair)
    return _pair(pair, said.preference, said.confidence), marks


def read_batch(
    reply: str, letters: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[LetteredPair, ...], tuple[LetteredMark, ...]]:
    """The comparisons and marks that end `reply`: all that were asked for and no others."""
    said = _read(reply, _Batch)
    found: dict[tuple[str, str], _Pair] = {}
    for item in said.pairs:
        key = (item.first, item.second)
        if key not in pairs:
            names = ", ".join(f"{one} with {two}" for one, two in pairs) or "none"
            raise ReplyError(
                f"`pairs` compares {key[0][:8]!r} with {key[1][:8]!r}, which was not asked; "
                f"asked are: {names}"
            )
        if key in found:
            raise ReplyError(f"`pairs` compares {key[0]} with {key[1]} twice")
        found[key] = item
    for key in pairs:
        if key not in found:
            raise ReplyError(f"`pairs` lacks the comparison of {key[0]} with {key[1]}")
    compared = tuple(_pair(key, found[key].preference, found[key].confidence) for key in pairs)
    return compared, _marks(said.marks, letters)


def merged(marks: Sequence[Sequence[LetteredMark]], letters: Sequence[str]) -> list[LetteredMark]:
    """One mark a letter out of several: figures are means to the nearest even integer, and
    the critique is the first that says something."""
    by: dict[str, list[LetteredMark]] = {letter: [] for letter in letters}
    for mark in (mark for group in marks for mark in group):
        by[mark.letter].append(mark)

    def mean(figures: Sequence[int]) -> int:
        return round(Fraction(sum(figures), len(figures)))

    return [
        LetteredMark(
            letter=letter,
            endorsement=mean([mark.endorsement for mark in found]),
            evidence=mean([mark.evidence for mark in found]),
            argument=mean([mark.argument for mark in found]),
            critique=next((mark.critique for mark in found if mark.critique), ""),
        )
        for letter, found in by.items()
        if found
    ]


def _read(reply: str, shape: type[_Shape]) -> _Shape:
    verdict = _last_fence(reply)
    if len(verdict) > VERDICT_MAX:
        raise ReplyError(f"the verdict has {len(verdict)} characters, over {VERDICT_MAX}")
    try:
        plain = json.loads(
            verdict,
            object_pairs_hook=_object,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise ReplyError(f"the verdict is not JSON: {error}") from None
    except RecursionError:
        raise ReplyError("the verdict is nested too deeply") from None
    if not isinstance(plain, dict):
        raise ReplyError("the verdict is not a JSON object")
    _no_surrogates(plain)
    try:
        return msgspec.convert(plain, shape)
    except msgspec.ValidationError as error:
        raise ReplyError(f"the verdict does not fit: {error}") from None


def _last_fence(reply: str) -> str:
    """What stands in the fence that ends `reply`.

    In one pass: whoever can make a model open many fences must not stop this node (T3).
    """
    opened, last = -1, (-1, -1)
    lines = reply.replace("\r\n", "\n").rstrip().split("\n")
    for at, line in enumerate(lines):
        mark = line.rstrip(" \t")
        if opened < 0 and mark == _OPEN:
            opened = at
        elif opened >= 0 and mark == _CLOSE:
            opened, last = -1, (opened, at)
    if last[1] < 0:
        raise ReplyError("there is no verdict: end with a fence that opens with ```verdict")
    if last[1] != len(lines) - 1:
        raise ReplyError("there is text after the verdict: it must be the end of the reply")
    return "\n".join(lines[last[0] + 1 : last[1]])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = Counter(name for name, _ in pairs)
        twice = next(name for name, count in names.items() if count > 1)
        raise ReplyError(f"the key {twice[:40]!r} comes twice")
    return found


def _number(digits: str) -> Fraction:
    """A figure exactly; one that would take much room to write out is none of ours."""
    if len(digits) > NUMBER_CHARS or abs(Decimal(digits).adjusted()) > NUMBER_CHARS:
        raise ReplyError(f"{digits[:20]} is no figure of a verdict")
    return Fraction(digits)


def _constant(name: str) -> Any:
    raise ReplyError(f"{name} is no figure")


def _no_surrogates(value: Any) -> None:
    """JSON can escape half a character, which no message can carry."""
    if isinstance(value, str):
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise ReplyError("a text holds half of a surrogate pair")
    elif isinstance(value, dict):
        for key, item in value.items():
            _no_surrogates(key)
            _no_surrogates(item)
    elif isinstance(value, list):
        for item in value:
            _no_surrogates(item)


def _figure(value: Fraction, low: int, high: int, name: str) -> Fraction:
    if not low <= value <= high:
        raise ReplyError(f"`{name}` is {float(value):g}, outside {low}..{high}")
    return value


def _basis_points(percent: Fraction, name: str) -> int:
    return round(_figure(percent, 0, 100, name) * (ONE // 100))


def _points(value: Fraction, low: int, name: str) -> int:
    return round(_figure(value, low, 100, name))


def _belief(shares: Sequence[Fraction]) -> tuple[int, ...]:
    """Percentages as bp that sum to 10,000, by largest remainder, exactly."""
    exact = [_figure(share, 0, 100, "belief") for share in shares]
    total = sum(exact, Fraction(0))
    if abs(total - 100) > BELIEF_SLACK:
        raise ReplyError(f"`belief` sums to {float(total):g}, not to 100")
    scaled = [share * ONE / total for share in exact]
    floors = [share.numerator // share.denominator for share in scaled]
    rests = [share - floor for share, floor in zip(scaled, floors, strict=True)]
    order = sorted(range(len(rests)), key=lambda index: (-rests[index], index))
    for index in order[: ONE - sum(floors)]:
        floors[index] += 1
    return tuple(floors)


def _pair(letters: tuple[str, str], preference: str, confidence: Fraction) -> LetteredPair:
    return LetteredPair(
        first=letters[0],
        second=letters[1],
        preference=_WORDS[preference],
        confidence=_basis_points(confidence, "confidence"),
    )


def _marks(said: Mapping[str, _Mark], letters: Sequence[str]) -> tuple[LetteredMark, ...]:
    if set(said) != set(letters):
        odd = sorted(set(said) ^ set(letters))[0]
        fault = "lacks" if odd in letters else "names an unknown"
        raise ReplyError(f"`marks` {fault} candidate {odd[:8]!r}; there are: {', '.join(letters)}")
    return tuple(
        LetteredMark(
            letter=letter,
            endorsement=_points(said[letter].endorsement, -100, "endorsement"),
            evidence=_points(said[letter].evidence, 0, "evidence"),
            argument=_points(said[letter].argument, 0, "argument"),
            critique=said[letter].critique,
        )
        for letter in letters
    )
