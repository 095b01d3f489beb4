"""JSON Schemas of clients: made closed and small before anything is checked against them.

A client writes them, so they may not make the node work at will: no regular expressions, no
references out of the schema, and what its own references unfold to is bounded.
"""

from collections.abc import Mapping
from typing import Any, Final

NODES_MAX: Final = 2_000
"""Most subschemas once references are unfolded."""

_DEPTH_MAX: Final = 64

_PLAIN: Final = frozenset(
    {
        "type", "enum", "const", "required", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems",
        "uniqueItems", "minProperties", "maxProperties", "title", "description", "default",
        "examples", "format", "deprecated", "readOnly", "writeOnly", "nullable",
    }
)  # fmt: skip
_ONE: Final = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames"})
_MANY: Final = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
_DROPPED: Final = frozenset({"$defs", "definitions", "$schema", "$id", "$comment", "$anchor"})


class SchemaError(ValueError):
    """A schema that the front does not take. The text names the place and the reason."""


def closed(schema: Any) -> dict[str, Any]:
    """`schema` with its references unfolded. Raises `SchemaError`."""
    if not isinstance(schema, dict):
        raise SchemaError("the schema is not an object")
    unfolded = _Unfolding(schema).of(schema, "#", 0)
    assert isinstance(unfolded, dict)
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError as Unfit

    try:
        Draft202012Validator.check_schema(unfolded)
    except Unfit as error:
        raise SchemaError(f"{error.json_path}: {error.message}") from None
    return unfolded


def misfit(schema: Mapping[str, Any], value: Any) -> str:
    """In what `value` does not fit a `closed` schema, or ""."""
    from jsonschema import Draft202012Validator

    found = next(Draft202012Validator(dict(schema)).iter_errors(value), None)
    return "" if found is None else f"{found.json_path}: {found.message[:200]}"


class _Unfolding:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._nodes = 0

    def of(self, schema: Any, at: str, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > NODES_MAX or depth > _DEPTH_MAX:
            raise SchemaError(f"{at}: the schema is too large, or refers to itself")
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise SchemaError(f"{at} is no schema")
        if "$ref" in schema:
            target = self.of(self._find(schema["$ref"], at), at, depth + 1)
            rest = {name: item for name, item in schema.items() if name != "$ref"}
            if not rest:
                return target
            return {**self.of(rest, at, depth + 1), "allOf": [target, *rest.get("allOf", [])]}
        made: dict[str, Any] = {}
        for name, item in schema.items():
            place = f"{at}/{name}"
            if name in _DROPPED:
                continue
            if name in _PLAIN:
                made[name] = item
            elif name in _ONE:
                made[name] = self.of(item, place, depth + 1)
            elif name in _MANY and isinstance(item, list):
                made[name] = [self.of(one, place, depth + 1) for one in item]
            elif name == "properties" and isinstance(item, dict):
                made[name] = {
                    key: self.of(one, f"{place}/{key}", depth + 1) for key, one in item.items()
                }
            else:
                raise SchemaError(f"{place}: this keyword is not supported")
        return made

    def _find(self, reference: Any, at: str) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise SchemaError(f"{at}/$ref: a reference must stay within the schema")
        found: Any = self._root
        for part in reference[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        if found is None:
            raise SchemaError(f"{at}/$ref: {reference[:80]} is not in the schema")
        return found
