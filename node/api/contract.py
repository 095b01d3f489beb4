"""What the HTTP front needs of the daemon: a narrow door, of plain types.

The room knows no wire and no store. `node.doorway` is the other side; a test may stand there too.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from consensus.bodies import AnswerSpec, Budget, Content

from . import seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A task that a client words. `members` are names, none for all; `policy` overrides fields of
    the default one; `life_s` is seconds from now after which nobody starts on it."""

    messages: tuple[Content, ...]
    answer: AnswerSpec
    domain: str
    members: tuple[str, ...]
    policy: Mapping[str, Any]
    life_s: int
    budget: Budget


class Cause(StrEnum):
    """Why a question opens no task."""

    INVALID = "invalid"
    TOO_LONG = "too_long"
    BUSY = "busy"
    TOO_FEW = "too_few"
    STOPPING = "stopping"


class Refused(Exception):  # noqa: N818  named for what happened
    """No task was opened. The text says why, and what would be right."""

    def __init__(self, cause: Cause, text: str, members: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.cause = cause
        self.members = members


class Absent(Exception):  # noqa: N818  named for what happened
    """What was asked for is not here; the text says why."""


class Unheard(Exception):  # noqa: N818  named for what happened
    """A client's signed statement is not taken: `code` for programs, the text for people. `free`
    is a number that its author may give a note instead, if that is what was wrong with it."""

    def __init__(self, code: str, text: str, free: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.free = free


class Step(Protocol):
    """One step of a task as this node saw it. `round` is 0 while it is being accepted."""

    @property
    def round(self) -> int:
        """The round, from 1."""
        ...

    @property
    def kind(self) -> str:
        """What happened."""
        ...

    @property
    def detail(self) -> Mapping[str, Any]:
        """Plain data whose fields follow from `kind`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A model that gave nothing, as its member signed it: `code` names the kind of failure, `""`
    where the reason is none that a backend gives. `provider` and `model` are `""` if unsaid."""

    member: str
    doing: str
    provider: str
    model: str
    reason: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a task cost one member by its own signed claim. Tokens, millionths of a US dollar.

    `unsplit` are tokens of which the verdict does not say whether they went in or came out: drafts
    go through the mix without their usage (R3), and only the member's total names them.
    """

    member: str
    tokens_in: int
    tokens_out: int
    unsplit: int
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a verdict says beside its answer."""

    costs: tuple[Cost, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A member of a task's committee, and whether it can be reached from here now."""

    name: str
    address: str
    up: bool


class Door(Protocol):
    """What the daemon offers its HTTP clients."""

    @property
    def name(self) -> str:
        """What this node is called."""
        ...

    @property
    def since_ms(self) -> int:
        """When it began, in wall-clock milliseconds."""
        ...

    def open(self, question: Question) -> bytes:
        """Open a task; its id. Raises `Refused`."""
        ...

    def follow(self, task: bytes) -> AsyncIterator[Step]:
        """The steps of a task from its first to its last."""
        ...

    def withdraw(self, task: bytes) -> None:
        """Ask this node's own model nothing more about a task: its asker has left."""
        ...

    def committee(self, task: bytes) -> tuple[Peer, ...]:
        """The members of a task that is under way here, or all of the federation's."""
        ...

    def naming(self, text: str) -> str:
        """`text` with members' names for the first digits of their keys, or for whole keys."""
        ...

    def history(self, task: bytes) -> str:
        """What tells the steps that `follow` gives now from those of another time or from a
        verdict's: they are numbered alike as long as this stays. Empty if the task is not running.
        """
        ...

    async def hear(self, task: bytes, statement: bytes) -> seen.Heard:
        """Take a client's signed statement on `task`. Raises `Unheard`."""
        ...

    async def account(self, task: bytes) -> Account:
        """What the verdict of a finished task says of costs and faults. Raises `Absent`."""
        ...

    async def verdict(self, reference: str) -> bytes:
        """A verdict file by the first digits of its or its task's id. Raises `Absent`."""
        ...


class Window(Protocol):
    """What the daemon shows its HTTP clients."""

    async def deliberations(self, limit: int, after: str) -> seen.Listed:
        """A page of at most `limit` tasks that follow `after` (a task's id, or "" for the first
        page). Raises `Absent`."""
        ...

    async def deliberation(self, task: bytes) -> seen.Deliberation:
        """A task by its whole id. Raises `Absent`."""
        ...

    async def verdict(self, reference: str) -> seen.Deliberation:
        """The task of a verdict, by the first digits of either's id. Raises `Absent`."""
        ...

    async def check(self, reference: str) -> seen.Check:
        """Check a verdict. Raises `Absent`."""
        ...

    def members(self) -> seen.Members:
        """The federation's members."""
        ...

    async def member(self, name: str, limit: int) -> seen.MemberFacts:
        """A member by name, and its last facts, at most `limit`. Raises `Absent`."""
        ...

    def node(self) -> seen.NodeSeen:
        """How this node is doing."""
        ...
