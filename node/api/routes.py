"""Every route of the front, as a table: what it takes, what it gives, and how it may fail.

The application is built from this table and `openapi` is written from it, so neither can say what
the other does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec

from consensus.verdict import MAX_STATEMENT

from . import asking, seen
from .keys import Scope

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
VIEW: Final = "application/vnd.quorate.verdict-view+json"
"""How to ask for a verdict in words and figures rather than for its file."""

PAGE_MAX: Final = 100
FACTS_MAX: Final = 500


class Empty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class Paging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of a list."""

    limit: Annotated[
        int, msgspec.Meta(ge=1, le=PAGE_MAX, description="Most entries of the page.")
    ] = 20
    after: Annotated[
        str,
        msgspec.Meta(
            pattern="^([0-9a-f]{64})?$",
            description="`next` of the page before; empty for the first.",
        ),
    ] = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many facts."""

    limit: Annotated[
        int, msgspec.Meta(ge=0, le=FACTS_MAX, description="Most facts, the newest first.")
    ] = 50


class Budgeted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a task may spend in all; 0 is no limit."""

    tokens: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    usd: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0.0


class NewDeliberation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question to the committee. The answer is one of `options`, `number`, `json` or `text`."""

    question: Annotated[
        str, msgspec.Meta(min_length=1, description="The question, with all that its answer needs.")
    ]
    options: Annotated[
        list[str], msgspec.Meta(description="The possible answers, if they are known.")
    ] = []
    number: Annotated[bool, msgspec.Meta(description="The answer is a number.")] = False
    unit: Annotated[str, msgspec.Meta(description="With `number`: the unit of answers.")] = ""
    json: Annotated[bool, msgspec.Meta(description="The answer is a JSON value.")] = False
    text: Annotated[
        bool, msgspec.Meta(description="The answer is free text; members judge what says the same.")
    ] = False
    policy: Annotated[
        str | dict[str, int | str],
        msgspec.Meta(description="The name of a policy (`GET /v1/models`), or fields of one."),
    ] = "quorate"
    members: Annotated[
        list[str], msgspec.Meta(description="Names of the members to ask; all if left out.")
    ] = []
    domain: Annotated[
        str, msgspec.Meta(description="What it is about: members are trusted by domain.")
    ] = ""
    budget: Budgeted = Budgeted()
    timeout_s: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=86_400, description="Seconds after which it is given up; 0: `api.timeout_s`."
        ),
    ] = 0


class NewStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client's signed word: on a verdict, on its release, or a note for a task that runs."""

    statement: Annotated[
        bytes,
        msgspec.Meta(
            description="The bytes, in base64, as they are handed in over gRPC.",
            extra_json_schema={"maxLength": 4 * -(-MAX_STATEMENT // 3)},
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathParam:
    """A part of a path: its name, what it may be, what it is.

    `whole` is the length of a whole one, where a shorter one finds what others asked: that takes a
    key that may read it.
    """

    name: str
    pattern: str
    text: str
    whole: int = 0


TASK: Final = PathParam(name="task", pattern="^[0-9a-f]{64}$", text="A task's id.")
REFERENCE: Final = PathParam(
    name="id",
    pattern="^[0-9a-fA-F]{4,64}$",
    text="The first digits of a verdict's or a task's id; all of them without the scope `read`.",
    whole=64,
)
MEMBER: Final = PathParam(
    name="member",
    pattern="^[A-Za-z0-9._-]{1,64}$",
    text="A member's name, or its key's first digits.",
)
MODEL: Final = PathParam(name="model", pattern="^[^?#]{1,200}$", text="A policy's name.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path.

    `name` is the operation's, and what `Front` calls its handler. `may` are the scopes of keys any
    of which will do, none where every key does. `query`, `body` are structs.
    `content` is what a good reply holds: by content type a struct, or a JSON Schema where OpenAI's
    own clients say what it is. `headers` are those of the request that it heeds, each with what it
    is for. `also` are good replies without a body, `errors` the statuses of its own; those in
    `EVERYWHERE` come on top.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    text: str
    content: Mapping[str, Any]
    may: tuple[Scope, ...] = ()
    status: int = 200
    parts: tuple[PathParam, ...] = ()
    query: type[msgspec.Struct] = Empty
    body: type[msgspec.Struct] | None = None
    headers: Mapping[str, str] | None = None
    also: Mapping[int, str] | None = None
    errors: tuple[int, ...] = ()


EVERYWHERE: Final = (400, 401, 403, 429, 500)
"""Statuses of errors that the gate itself gives, and a fault of ours."""

ERRORS: Final[Mapping[int, str]] = {
    400: "The request is wrong; `param` says where.",
    401: "No API key, or none that counts.",
    403: "The request is of another host or another site's page, its API key may not do that, or "
    "a statement is not signed by whom it takes.",
    404: "There is no such thing here.",
    406: "None of the content types that are asked for.",
    408: "The body was not here in time.",
    409: "The idempotency key was used with another request; or a statement comes too late, is one "
    "too many, or does not fit the task.",
    413: "The request is larger than any task.",
    415: "The body is not JSON.",
    422: "The committee's answer is none, or does not fit the schema.",
    429: "The client has spent what it may ask for, or the node is full.",
    500: "A fault of ours; the log has it.",
    502: "No answer, as models failed.",
    503: "The committee, or this node, cannot take or finish a task now.",
    504: "No answer in time.",
}

_OPENS: Final = (408, 409, 413, 415, 503)
_IDEMPOTENT: Final = {
    "Idempotency-Key": "The same request under the same key opens no second task."
}
_OBJECT: Final = {"type": "object"}
_ASKS: Final = (Scope.ASK,)
_READS: Final = (Scope.READ,)
_OWN: Final = (Scope.ASK, Scope.READ)
"""By the whole id, which who asked has; see `keys`."""


def _event(data: Any) -> Mapping[str, Any]:
    """One server-sent event, for a schema: OpenAPI 3.1 has no word for a stream of them."""
    held = {"type": "string", "contentMediaType": JSON, "contentSchema": data}
    named = {"id": {"type": "string"}, "event": {"type": "string"}, "data": held}
    return {"type": "object", "properties": named, "required": ["data"]}


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/models",
        name="models",
        text="The policies, each as a model of OpenAI's API.",
        content={JSON: _OBJECT},
    ),
    Endpoint(
        method="GET",
        path="/v1/models/{model}",
        name="model",
        text="One policy.",
        parts=(MODEL,),
        content={JSON: _OBJECT},
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/v1/chat/completions",
        name="chat",
        may=_ASKS,
        text="A question to the committee, as OpenAI's clients put it, whole or as a stream.",
        body=asking.ChatRequest,
        content={JSON: _OBJECT, EVENTS: _event(_OBJECT)},
        headers=_IDEMPOTENT,
        errors=(404, 422, 502, 504, *_OPENS),
    ),
    Endpoint(
        method="GET",
        path="/v1/deliberations",
        name="deliberations",
        may=_READS,
        text="Deliberations: those that run, then the decided ones, the newest first, a page at a "
        "time.",
        query=Paging,
        content={JSON: seen.Listed},
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/v1/deliberations",
        name="open",
        may=_ASKS,
        text="Put a question to the committee. The reply comes at once: follow its events.",
        body=NewDeliberation,
        status=201,
        content={JSON: seen.Deliberation},
        headers=_IDEMPOTENT,
        errors=(404, *_OPENS),
    ),
    Endpoint(
        method="GET",
        path="/v1/deliberations/{task}",
        name="deliberation",
        may=_OWN,
        text="A deliberation: its case, who has done what, and each round that has its outcome.",
        parts=(TASK,),
        content={JSON: seen.Deliberation},
        errors=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/deliberations/{task}/events",
        name="events",
        may=_OWN,
        text="Its steps as server-sent events, from the first on, or after `Last-Event-ID`. Each "
        "event's data is a `Told`. An id of another time begins with the first event again.",
        parts=(TASK,),
        content={EVENTS: _event(seen.Told)},
        headers={"Last-Event-ID": "The id of the last event that was received."},
        also={204: "The last event was received: nothing more will come."},
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/v1/deliberations/{task}/statements",
        name="say",
        may=_ASKS,
        text="Hand in a word that a client of the federation file has signed: whether the verdict "
        "was right (feedback), whether its outcome may be told (approval), or a note while it "
        "runs. It is stored, and goes to all members.",
        parts=(TASK,),
        body=NewStatement,
        content={JSON: seen.Heard},
        errors=(404, 408, 409, 413, 415),
    ),
    Endpoint(
        method="GET",
        path="/v1/verdicts/{id}",
        name="verdict",
        may=_OWN,
        text=f"A verdict: its file, byte for byte as it is stored, or (`Accept: {VIEW}`) what it "
        "says.",
        parts=(REFERENCE,),
        content={JSON: _OBJECT, VIEW: seen.Deliberation},
        headers={"Accept": "The file, or the view of it."},
        errors=(404, 406),
    ),
    Endpoint(
        method="POST",
        path="/v1/verdicts/{id}/check",
        name="check",
        may=_OWN,
        text="Check a verdict with nothing but its file and the federation file: every signature, "
        "mask and figure, a step at a time. A check on this node is this node's word: whoever "
        "doubts it runs `quorate verify` elsewhere.",
        parts=(REFERENCE,),
        content={JSON: seen.Check},
        errors=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/members",
        name="members",
        may=_READS,
        text="The members: families, links, exclusions, and scores by domain.",
        content={JSON: seen.Members},
    ),
    Endpoint(
        method="GET",
        path="/v1/members/{member}",
        name="member",
        may=_READS,
        text="A member, and the facts behind its scores.",
        parts=(MEMBER,),
        query=Facts,
        content={JSON: seen.MemberFacts},
        errors=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/node",
        name="node",
        may=_READS,
        text="How this node is doing.",
        content={JSON: seen.NodeSeen},
    ),
)
