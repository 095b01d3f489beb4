"""What a client wants for an answer, as a kind of answer that a committee votes on, and back.

A committee counts equal answers, so it must know what an answer is. `response_format` says so to
an OpenAI client: a closed list of values is a choice, a lone number a number, any other schema a
JSON value that is held against the schema once it has won. Without one an answer is free text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from consensus.bodies import AnswerKind, AnswerSpec, BodyError

from .errors import ApiError, invalid
from .schemas import SchemaError, closed, misfit

_WHERE: Final = "response_format"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A kind of answer. `told` is what members are told of it beside the question.

    `schema` is None where the answer is handed out as it stands. Else it is handed out as JSON
    that fits `schema`: `values` are the options' own values, `field` the one property around it.
    """

    answer: AnswerSpec
    told: str = ""
    schema: Mapping[str, Any] | None = None
    field: str = ""
    values: tuple[Any, ...] = ()

    def content(self, answer: str) -> str:
        """The winning answer as the client reads it. Raises `ValueError` if it fits no schema."""
        if self.schema is None:
            return answer
        match self.answer.kind:
            case AnswerKind.CHOICE:
                value = self.values[self.answer.options.index(answer)]
            case AnswerKind.NUMBER:
                exact = Fraction(answer)
                value = int(exact) if exact.denominator == 1 else float(exact)
            case _:
                value = json.loads(answer)
        whole = {self.field: value} if self.field else value
        if problem := misfit(self.schema, whole):
            raise ValueError(problem)
        return json.dumps(whole, ensure_ascii=False)


def of_format(given: Mapping[str, Any] | None) -> Shape:
    """The shape behind `response_format`. Raises `ApiError`."""
    kind = "text" if given is None else given.get("type")
    match kind:
        case "text":
            return Shape(answer=AnswerSpec(kind=AnswerKind.TEXT))
        case "json_object":
            return Shape(answer=AnswerSpec(kind=AnswerKind.JSON))
        case "json_schema":
            asked = (given or {}).get("json_schema")
            if not isinstance(asked, Mapping) or "schema" not in asked:
                raise invalid("json_schema holds no schema", f"{_WHERE}.json_schema.schema")
            return _of_schema(asked["schema"], str(asked.get("description") or ""))
        case _:
            raise invalid(
                f"response_format.type is {kind!r}; it can be text, json_object or json_schema",
                f"{_WHERE}.type",
            )


def _of_schema(given: Any, described: str) -> Shape:
    where = f"{_WHERE}.json_schema.schema"
    try:
        schema = closed(given)
    except (SchemaError, RecursionError) as error:
        raise invalid(f"the schema cannot be used: {error}", where, "invalid_schema") from None
    try:
        return _lone(schema, schema, "", described) or _wrapped(schema, described) or _any(schema)
    except BodyError as error:
        raise invalid(f"the schema's answers cannot be voted on: {error}", where) from None


def _wrapped(schema: dict[str, Any], described: str) -> Shape | None:
    """An object of one required property that is a closed list or a number."""
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, dict) or len(properties) != 1:
        return None
    ((name, inner),) = properties.items()
    if name not in schema.get("required", ()) or not isinstance(inner, dict):
        return None
    return _lone(inner, schema, name, described)


def _lone(inner: dict[str, Any], schema: dict[str, Any], name: str, described: str) -> Shape | None:
    """A closed list of values, or a number."""
    words = [word for word in (described, str(inner.get("description") or "")) if word]
    told = f"Asked for is {json.dumps(name, ensure_ascii=False)}" if name else ""
    told = ": ".join(part for part in (told, " ".join(words)) if part)
    kind = inner.get("type")
    values = [True, False] if kind == "boolean" else inner.get("enum")
    if isinstance(values, list) and len(values) > 1:
        spelled = [one if isinstance(one, str) else json.dumps(one) for one in values]
        if len(set(spelled)) == len(spelled) and all(one.strip() == one != "" for one in spelled):
            answer = AnswerSpec(kind=AnswerKind.CHOICE, options=tuple(spelled))
            return Shape(answer=answer, told=told, schema=schema, field=name, values=tuple(values))
    elif kind in ("number", "integer"):
        return Shape(
            answer=AnswerSpec(kind=AnswerKind.NUMBER), told=told, schema=schema, field=name
        )
    return None


def _any(schema: dict[str, Any]) -> Shape:
    told = f"The answer is one JSON value that fits this JSON Schema: {json.dumps(schema)}"
    return Shape(answer=AnswerSpec(kind=AnswerKind.JSON), told=told, schema=schema)


def of_extension(options: list[str], labels: bool, number: bool, unit: str) -> Shape | None:
    """The shape that the extension `quorate` asks for, None if it says nothing of it.

    Raises `ApiError`.
    """
    if options and number:
        raise invalid("an answer is one of quorate.options or quorate.number, not both", "quorate")
    if unit and not number:
        raise invalid("quorate.unit is of a number: say quorate.number too", "quorate.unit")
    if labels and not options:
        raise invalid("quorate.labels is of quorate.options: give them too", "quorate.labels")
    try:
        if options:
            kind = AnswerKind.LABEL if labels else AnswerKind.CHOICE
            return Shape(answer=AnswerSpec(kind=kind, options=tuple(options)))
        if number:
            return Shape(answer=AnswerSpec(kind=AnswerKind.NUMBER, unit=unit))
    except BodyError as error:
        raise invalid(str(error), "quorate") from None
    return None


def mismatch(problem: str, about: Mapping[str, Any]) -> ApiError:
    """The committee agreed on an answer that does not fit the client's schema."""
    return ApiError(
        422,
        "schema_mismatch",
        f"the committee's answer does not fit the schema: {problem}",
        kind="answer_error",
        param=_WHERE,
        about=about,
    )
