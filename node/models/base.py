"""What the daemon expects of a model, whoever wrote it.

A backend is a class that follows `Backend`; its instances follow `Model`. The words they are
asked in and answer in are the core's own (`consensus.deliberation.requests`,
`consensus.bodies.Proposal`): a model never meets an envelope, a key or another member's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from consensus.bodies import Proposal
from consensus.deliberation.requests import DraftRequest, JudgeRequest, Judgment

GROUP = "quorate.models"
"""The entry point group under which an installed package offers a backend."""


class Failure(StrEnum):
    """Why a model gave nothing usable. The value is fit for other members' eyes."""

    CASE = "the model cannot take this case"
    TIMEOUT = "the model gave no answer in time"
    FAILED = "the model failed"
    ANSWER = "the model's answer was not usable"


class ModelError(Exception):
    """A model gave nothing usable for one request; the member abstains with `public`.

    `model` names the backend, `doing` is "draft" or "judge", `cause` says in full what
    happened and is for this node's own log: it can quote paths or a provider's words, which
    are nobody else's business. `public` says only which `Failure` it was.
    """

    def __init__(self, *, model: str, doing: str, failure: Failure, cause: str) -> None:
        super().__init__(f"{model} could not {doing}: {cause}")
        self.model = model
        self.doing = doing
        self.failure = failure
        self.cause = cause

    @property
    def public(self) -> str:
        """The reason as an abstention may carry it (R0)."""
        return self.failure.value


class ModelSetupError(ValueError):
    """A model cannot be opened as configured; the node does not serve.

    The text names the backend, the option or file at fault, and what to do.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a model says of itself, for `status`, `doctor` and the log of its own node.

    `family` is what makes errors correlate (R11 asks for two of them); the federation file
    is what counts, so a node compares the two at start. `detail` holds short facts by name.
    """

    family: str
    name: str
    detail: Mapping[str, str] = field(default_factory=dict)


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


class Backend(Protocol):
    """What an entry point of `quorate.models` names: a class that opens models."""

    @classmethod
    async def open(cls, options: Mapping[str, object], base: Path) -> Self:
        """A model ready for calls.

        `options` is the model's own table of the node's configuration, unread so far;
        relative paths in it stand against the folder `base`. Raises `ModelSetupError`.
        """
        ...
