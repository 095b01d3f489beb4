"""What `ask` is given, as a task that a node can open: every mistake is named before one is."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import msgspec

from consensus.bodies import AnswerKind, AnswerSpec, BodyError, Content
from consensus.policy import Policy, policy_problem

from .. import files
from .exits import CliError

CASE_MAX: Final = 16_777_216
"""Most bytes of a case file: the half million doubles of the largest task, in decimals."""

LABELS_MAX: Final = 1_048_576
"""Most bytes of a file of labels."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    role: str = "user"
    text: str = ""
    vector: list[float] = []


class _Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    messages: list[_Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The part of a task that its asker words. `policy` overrides fields of the default."""

    messages: tuple[Content, ...]
    answer: AnswerSpec
    policy: dict[str, Any] = field(default_factory=dict)


def compose(
    *,
    text: str,
    case: Path | None,
    options: str,
    labels: Path | None,
    number: bool,
    unit: str = "",
    free: bool = False,
    structured: bool = False,
    policy: Iterable[str],
) -> Question:
    """The question behind the arguments of `ask`. Raises `CliError`."""
    try:
        return Question(
            messages=_messages(text, case),
            answer=_answer(options, labels, number, unit, free, structured),
            policy=_policy(policy),
        )
    except BodyError as error:
        raise CliError(str(error)) from None


def _messages(text: str, case: Path | None) -> tuple[Content, ...]:
    parts = [Content(text=text)] if text or case is None else []
    if case is None:
        return tuple(parts)
    try:
        found = msgspec.json.decode(_read(case, CASE_MAX), type=_Case)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CliError(
            f'{case} is not a case: {error}; it looks like {{"messages": [{{"text": "..."}}, '
            '{"vector": [0.5, 1]}]}'
        ) from None
    for place, part in enumerate(found.messages, 1):
        try:
            parts.append(Content(role=part.role, text=part.text, vector=tuple(part.vector)))
        except BodyError as error:
            raise CliError(f"{case}: message {place}: {error}") from None
    if not parts:
        raise CliError(f"{case} holds no message, and no question was given")
    return tuple(parts)


def _answer(
    options: str, labels: Path | None, number: bool, unit: str, free: bool, structured: bool
) -> AnswerSpec:
    given = [bool(options), labels is not None, number, free, structured]
    if sum(given) != 1:
        raise CliError(
            "say what an answer may be, in one way: --options a,b,c or --labels FILE or --number "
            "or --text or --structured"
        )
    if unit and not number:
        raise CliError("--unit is of a number: say --number too")
    if free:
        return AnswerSpec(kind=AnswerKind.TEXT)
    if structured:
        return AnswerSpec(kind=AnswerKind.JSON)
    if number:
        return AnswerSpec(kind=AnswerKind.NUMBER, unit=unit)
    if labels is None:
        return AnswerSpec(kind=AnswerKind.CHOICE, options=_stripped(options.split(",")))
    try:
        text = _read(labels, LABELS_MAX).decode("utf-8")
    except UnicodeDecodeError:
        raise CliError(f"{labels} is not UTF-8; it holds one label a line") from None
    try:
        found = _stripped(line for line in text.splitlines() if line.strip())
        return AnswerSpec(kind=AnswerKind.LABEL, options=found)
    except BodyError as error:
        raise CliError(f"{labels}: {error}") from None


def _policy(pairs: Iterable[str]) -> dict[str, Any]:
    """`NAME=VALUE` pairs; the whole is checked here, so that a mistake opens no task."""
    known = {item.name: item.metadata for item in fields(Policy)}
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not equals:
            raise CliError(f"--policy {pair!r} is not NAME=VALUE")
        if name not in known:
            raise CliError(f"there is no policy field {name!r}; there are: {', '.join(known)}")
        if name in found:
            raise CliError(f"--policy gives {name} twice")
        try:
            found[name] = int(text) if "low" in known[name] else text
        except ValueError:
            unit = known[name]["unit"]
            raise CliError(f"policy.{name} is {text!r}, but must be an integer ({unit})") from None
    if problem := policy_problem(found):
        raise CliError(problem)
    return found


def _stripped(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(item.strip() for item in items)


def _read(path: Path, limit: int) -> bytes:
    try:
        return files.read_bounded(path, limit)
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise CliError(str(error)) from None
