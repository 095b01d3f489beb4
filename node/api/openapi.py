"""The front's OpenAPI document, written from the table of routes and the structs it names."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from .errors import RETRY, ErrorReply
from .routes import ENDPOINTS, ERRORS, EVERYWHERE, JSON, Empty, Endpoint, PathParam

VERSION: Final = "3.1.1"
_KEY: Final = (
    "An API key, which may do what its scopes say: any one of those that an operation names will "
    "do. `ask`: put questions, and follow what it knows the whole id of. `read`: read what anybody "
    "asked, members, the node. None is needed on a loopback address until the first key is made."
)
_REF: Final = "#/components/schemas/{name}"


@cache
def document() -> dict[str, Any]:
    """The document, as plain data."""
    structs = list(dict.fromkeys(_structs()))
    schemas, components = msgspec.json.schema_components(structs, ref_template=_REF)
    of = dict(zip(structs, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, of)
    return {
        "openapi": VERSION,
        "info": {
            "title": "quorate",
            "version": "1",
            "description": "A committee of independent models: its deliberations, its verdicts, "
            "its members.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": _KEY}},
        },
        "security": [{"key": []}],
    }


def _structs() -> Iterator[Any]:
    yield ErrorReply
    for endpoint in ENDPOINTS:
        if endpoint.body is not None:
            yield endpoint.body
        for shape in endpoint.content.values():
            yield from _inner(shape)


def _inner(shape: Any) -> Iterator[Any]:
    if _is_struct(shape):
        yield shape
    elif isinstance(shape, Mapping):
        for part in shape.values():
            yield from _inner(part)


def _is_struct(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, msgspec.Struct)


def _operation(endpoint: Endpoint, of: Mapping[Any, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": endpoint.name, "summary": endpoint.text.split(". ")[0]}
    made["description"] = endpoint.text
    if endpoint.may:
        made["security"] = [{"key": [str(scope)]} for scope in endpoint.may]
    parameters = [*_parts(endpoint.parts), *_query(endpoint.query), *_headers(endpoint)]
    if parameters:
        made["parameters"] = parameters
    if endpoint.body is not None:
        made["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": of[endpoint.body]}},
        }
    made["responses"] = {str(status): reply for status, reply in sorted(_replies(endpoint, of))}
    return made


def _replies(endpoint: Endpoint, of: Mapping[Any, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    content = {kind: {"schema": _schema(shape, of)} for kind, shape in endpoint.content.items()}
    yield endpoint.status, {"description": endpoint.text.split(". ")[0], "content": content}
    for status, text in (endpoint.also or {}).items():
        yield status, {"description": text}
    again = {RETRY: {"description": "Whether to try again.", "schema": {"type": "string"}}}
    for status in {*EVERYWHERE, *endpoint.errors}:
        yield (
            status,
            {
                "description": ERRORS[status],
                "headers": again,
                "content": {JSON: {"schema": of[ErrorReply]}},
            },
        )


def _schema(shape: Any, of: Mapping[Any, Any]) -> Any:
    """`shape` with references for its structs."""
    if _is_struct(shape):
        return of[shape]
    if isinstance(shape, Mapping):
        return {name: _schema(part, of) for name, part in shape.items()}
    return shape


def _parts(parts: tuple[PathParam, ...]) -> Iterator[dict[str, Any]]:
    for one in parts:
        yield {
            "name": one.name,
            "in": "path",
            "required": True,
            "description": one.text,
            "schema": {"type": "string", "pattern": one.pattern},
        }


def _query(shape: type[msgspec.Struct]) -> Iterator[dict[str, Any]]:
    if shape is Empty:
        return
    (_,), components = msgspec.json.schema_components([shape], ref_template=_REF)
    for name, schema in components[shape.__name__]["properties"].items():
        text = schema.pop("description", "")
        yield {"name": name, "in": "query", "description": text, "schema": schema}


def _headers(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for name, text in (endpoint.headers or {}).items():
        if name != "Accept":  # OpenAPI has content types for it
            yield {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
