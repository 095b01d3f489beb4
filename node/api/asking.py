"""`POST /v1/chat/completions`, read: from the client's bytes to a question and how to answer it."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from consensus.bodies import MAX_MESSAGES, MAX_TEXT, BodyError, Budget, Content
from consensus.policy import policy_problem

from .catalogue import Catalogue
from .contract import Question
from .errors import ApiError, invalid, misfit, no_json, too_long
from .shapes import Shape, of_extension, of_format

BODY_MAX: Final = 8_388_608
"""Most bytes of a request: the largest TaskOpen (4 MiB) in JSON, escapes included."""

IGNORED: Final = frozenset(
    {
        "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens",
        "metadata", "presence_penalty", "prompt_cache_key", "reasoning_effort",
        "safety_identifier", "seed", "service_tier", "stop", "store", "temperature", "top_logprobs",
        "top_p", "user", "verbosity",
    }
)  # fmt: skip
"""Parameters of one model's sampling and the like: each member's own affair, so they are taken and
named in the reply's `quorate.ignored`."""

_NOT_SUPPORTED: Final = ("tools", "functions", "tool_choice", "function_call", "audio",
                         "prediction", "web_search_options")  # fmt: skip


class ContentPart(msgspec.Struct, frozen=True):
    """A part of a message's content; only text is taken."""

    type: str
    text: str = ""


class ChatMessage(msgspec.Struct, frozen=True):
    """A turn: a part of the case."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[ContentPart]
    name: str = ""


class StreamOptions(msgspec.Struct, frozen=True):
    """What a stream holds beside the answer."""

    include_usage: bool = False


class ChatBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a task may spend in all; 0 is no limit."""

    tokens: int = 0
    usd: float = 0.0


class ChatExtension(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What OpenAI's API has no words for: the kind of answer, the policy, who is asked."""

    options: list[str] = []
    labels: bool = False
    number: bool = False
    unit: str = ""
    policy: dict[str, Any] = {}
    members: list[str] = []
    domain: str = ""
    budget: ChatBudget = ChatBudget()


class ChatRequest(msgspec.Struct, frozen=True):
    """A chat completion as it is asked for. Parameters of one model's sampling are taken, and named
    in the reply's `quorate.ignored`."""

    model: str
    messages: list[ChatMessage]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: dict[str, Any] | None = None
    n: int | None = None
    modalities: list[str] | None = None
    quorate: ChatExtension = ChatExtension()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: what to ask, and how its reply is to look."""

    model: str
    question: Question
    shape: Shape
    stream: bool
    usage: bool
    ignored: tuple[str, ...]


def read(body: bytes, catalogue: Catalogue, *, life_s: int) -> Asked:
    """The request in `body`. Raises `ApiError`, which names the parameter at fault."""
    raw, request = _decode(body)
    chosen = catalogue.find(request.model)
    if chosen is None:
        known = ", ".join(catalogue.policies)
        raise ApiError(
            404,
            "model_not_found",
            f"there is no model {request.model[:80]!r}; a model is a policy of the committee, and "
            f"there are: {known}",
            param="model",
        )
    for name in _NOT_SUPPORTED:
        if raw.get(name) not in (None, [], "none", "auto"):
            raise invalid(f"{name} is not supported: a committee answers, it calls nothing", name)
    if request.n not in (None, 1):
        raise invalid("n must be 1: a committee has one answer", "n")
    if request.modalities not in (None, ["text"]):
        raise invalid("modalities: a committee answers in text", "modalities")
    more = request.quorate
    shape = of_extension(more.options, more.labels, more.number, more.unit)
    if shape is not None and request.response_format not in (None, {"type": "text"}):
        raise invalid("say what an answer is once: quorate or response_format", "response_format")
    shape = shape or of_format(request.response_format)
    policy = {**chosen, **more.policy}
    if problem := policy_problem(policy):
        raise invalid(problem, "quorate.policy")
    try:
        budget = Budget(tokens=more.budget.tokens, micros=round(more.budget.usd * 1_000_000))
    except (BodyError, OverflowError, ValueError) as error:
        raise invalid(str(error), "quorate.budget") from None
    question = Question(
        messages=_contents(request.messages, shape.told),
        answer=shape.answer,
        domain=more.domain,
        members=tuple(more.members),
        policy=policy,
        life_s=life_s,
        budget=budget,
    )
    return Asked(
        model=request.model,
        question=question,
        shape=shape,
        stream=bool(request.stream),
        usage=request.stream_options is not None and request.stream_options.include_usage,
        ignored=tuple(sorted(IGNORED & {name for name, item in raw.items() if item is not None})),
    )


def _decode(body: bytes) -> tuple[dict[str, Any], ChatRequest]:
    try:
        raw = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise no_json(error) from None
    try:
        return raw, msgspec.convert(raw, ChatRequest)
    except msgspec.ValidationError as error:
        raise misfit(error) from None


def _contents(messages: list[ChatMessage], told: str) -> tuple[Content, ...]:
    """The turns as parts of the case, each with its role; `told` stands first, as the system's."""
    count = len(messages) + bool(told)
    if not messages:
        raise invalid("messages: there is none", "messages")
    if count > MAX_MESSAGES:
        raise too_long(f"{len(messages)} messages: a task takes at most {MAX_MESSAGES} parts")
    parts = [Content(role="system", text=told)] if told else []
    for place, message in enumerate(messages):
        where = f"messages[{place}].content"
        text = message.content
        if not isinstance(text, str):
            if odd := [part.type for part in text if part.type != "text"]:
                raise invalid(f"{where}: a part of type {odd[0]!r}; only text is taken", where)
            text = "\n".join(part.text for part in text)
        if len(text) > MAX_TEXT:
            raise too_long(f"{where} is {len(text)} characters; a part takes at most {MAX_TEXT}")
        try:
            parts.append(Content(role=message.role, text=text))
        except BodyError as error:
            raise invalid(f"{where}: {error}", where) from None
    return tuple(parts)
