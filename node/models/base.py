"""What the daemon expects of a model, whoever wrote it.

A backend is a class that follows `Backend`; its instances follow `Model`. The words they are
asked in and answer in are the core's own (`consensus.deliberation.requests`,
`consensus.bodies.Proposal`): a model never meets an envelope, a key or another member's name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from consensus.bodies import Proposal, Usage
from consensus.deliberation.requests import DraftRequest, JudgeRequest, Judgment

GROUP = "quorate.models"
"""The entry point group under which an installed package offers a backend."""


class Failure(StrEnum):
    """Why a model gave nothing usable: a fixed vocabulary, fit for other members' eyes."""

    CASE = "the model cannot take this case"
    TIMEOUT = "the model gave no answer in time"
    FAILED = "the model failed"
    ANSWER = "the model's answer was not usable"
    RATE = "rate limited"
    AUTHENTICATION = "authentication failed"
    REFUSED = "content refused"
    TRUNCATED = "reply truncated"
    UNPARSEABLE = "reply unparseable"
    EMPTY = "reply empty"
    TOOL = "asked for a tool"
    NOT_FOUND = "no such model"
    TOO_LONG = "the case is too long for the model"
    REQUEST = "request refused"
    UNREACHABLE = "unreachable"
    SERVER = "server error"
    TASK_BUDGET = "the task's budget is spent"
    DAY_BUDGET = "the day's budget is spent"


_NOT_PUBLIC = re.compile(r"[^A-Za-z0-9._:/@+ -]")
SERVED_MAX = 120
"""Most characters of a provider and model in a public reason, which has 400 in all."""


def public_name(provider: str, model: str) -> str:
    """Provider and model as others may read them: a local path shrinks to its last part."""
    if model.startswith(("/", "~", ".")) or model.count("/") > 3:
        model = model.rstrip("/").rpartition("/")[2]
    return " ".join(_NOT_PUBLIC.sub("_", f"{provider} {model}").split())[:SERVED_MAX]


class ModelError(Exception):
    """A model gave nothing usable for one request; the member abstains with `public`.

    `model` names the backend, `doing` is "draft" or "judge", `cause` says in full what
    happened and is for this node's own log: it can quote paths or a provider's words, which
    are nobody else's business. `public` says which `Failure` it was, with the HTTP `status`
    if there was one, and who `served` the model (`public_name`), if that is not the node itself.
    """

    def __init__(
        self,
        *,
        model: str,
        doing: str,
        failure: Failure,
        cause: str,
        served: str = "",
        status: int = 0,
    ) -> None:
        super().__init__(f"{model} could not {doing}: {cause}")
        self.served = served
        self.status = status
        self.model = model
        self.doing = doing
        self.failure = failure
        self.cause = cause

    @property
    def public(self) -> str:
        """The reason as an abstention may carry it (R0)."""
        return public_reason(self.served, self.failure, self.status)


def public_reason(served: str, failure: Failure, status: int = 0) -> str:
    """A failure in the words that an abstention carries: `openai gpt-5: server error 503`."""
    what = f"{failure} {status}" if failure is Failure.SERVER and status else str(failure)
    return f"{served}: {what}" if served else what


class ModelSetupError(ValueError):
    """A model cannot be opened as configured; the node does not serve.

    The text names the backend, the option or file at fault, and what to do.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a model says of itself, for `status`, `doctor` and the log of its own node.

    `family` is what makes errors correlate (R11 asks for two of them); the federation file
    is what counts, so a node compares the two at start. `detail` holds short facts by name.
    `served` is the provider and model that others may read of in a failure (`public_name`);
    empty for a model that is part of its node.
    """

    family: str
    name: str
    detail: Mapping[str, str] = field(default_factory=dict)
    served: str = ""


@runtime_checkable
class Model(Protocol):
    """One member's model. Calls may overlap; a cancelled call must let go promptly."""

    async def draft(self, request: DraftRequest) -> Proposal:
        """An answer to the case (R1). Raises `ModelError` if there is none to give."""
        ...

    async def judge(self, request: JudgeRequest) -> Judgment:
        """A judgment of others' proposals (R5). Raises `ModelError` if there is none."""
        ...

    def describe(self) -> Description:
        """Family, name and details; constant for the life of the model."""
        ...

    async def close(self) -> None:
        """Let go of threads, files and connections. No call comes after it."""
        ...


@dataclass(slots=True)
class Spent:
    """What was used of one served model since the start: tokens, millionths of a US dollar."""

    tokens_in: int = 0
    tokens_out: int = 0
    micros: int = 0

    def add(self, usage: Usage) -> None:
        """Count what one request took."""
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out
        self.micros += usage.micros


@runtime_checkable
class Accounting(Protocol):
    """A `Model` that is served in several places, and counts what each has used."""

    def spent(self) -> Mapping[str, Spent]:
        """What each has used since the start, by its public name (`public_name`)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One place of a model, asked once. `trouble` names what failed, empty if nothing did;
    `cause` is for this node's operator and can quote the provider; `todo` is what to do."""

    served: str
    ms: int
    tokens: int = 0
    micros: int = 0
    trouble: str = ""
    cause: str = ""
    todo: str = ""


@runtime_checkable
class Triable(Protocol):
    """A `Model` that can be asked whether its providers answer. That may cost money."""

    async def tries(self) -> tuple[Tried, ...]:
        """Ask each place once, none on another's behalf."""
        ...


class Backend(Protocol):
    """What an entry point of `quorate.models` names: a class that opens models."""

    @classmethod
    async def open(cls, options: Mapping[str, object], base: Path) -> Self:
        """A model ready for calls.

        `options` is the model's own table of the node's configuration, unread so far;
        relative paths in it stand against the folder `base`. Raises `ModelSetupError`.
        """
        ...
