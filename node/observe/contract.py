"""What is seen of a node: its tasks as they go on, and its state when somebody asks.

Plain types: the room knows no wire and no store. `node.vitals` is where the daemon meets it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from consensus.bodies import Usage

MIXED_FROM = 4
"""Members from which on proposals pass a mix (R3): what a draft took would point at its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A task that begins here. `task` is its id; `resumed` says that a restart took it up again."""

    task: bytes
    members: int
    opener: bool
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A task that ended here. `reason` is why: a key of `endings.REASONS`, or `expired`,
    `abandoned`. Of a verdict besides: members by name and stage (`draft`, `judge`, `open`) that
    its rounds lack, or that abstained there."""

    task: bytes
    reason: str
    rounds: int
    missing: tuple[tuple[str, str], ...] = ()
    abstained: tuple[tuple[str, str], ...] = ()


class Observer(Protocol):
    """Somebody who watches this node's tasks. Called on the event loop: it must not block.

    Times are nanoseconds of the monotonic clock. A member makes one draft and one judgment a
    round, so task, round and `doing` name a call of the model.
    """

    def opened(self, opened: Opened, at_ns: int) -> None:
        """A task begins here."""
        ...

    def entered(self, task: bytes, round_: int, stage: str, at_ns: int) -> None:
        """A task enters a stage, one of `STAGES`; round 0 is before the first."""
        ...

    def view_lost(self, task: bytes, point: str, at_ns: int) -> None:
        """A view of the agreement on `point` ended without a decision."""
        ...

    def asked(self, task: bytes, round_: int, doing: str, at_ns: int) -> None:
        """The model is called, to `draft` or to `judge`."""
        ...

    def answered(
        self,
        task: bytes,
        round_: int,
        doing: str,
        usage: Usage | None,
        failure: str,
        at_ns: int,
    ) -> None:
        """The model answered; or `failure` names why not, in words of a fixed vocabulary."""
        ...

    def ended(self, ended: Ended, at_ns: int) -> None:
        """A task ended here."""
        ...


STAGES = ("opening", "draft", "slate", "exchange", "judge", "freeze", "reveal", "outcome")
"""Where an undecided task stands, in order: the phases of the core by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkVitals:
    """How the link with one member stands, and what went over it since the start."""

    member: str
    up: bool
    rtt_ms: int | None
    skew_ms: int | None
    queued_bytes: int
    bytes_in: int
    bytes_out: int
    envelopes_in: int
    envelopes_out: int
    ends: Mapping[str, int]
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVitals:
    """What one served model has used since the start: tokens, millionths of a US dollar."""

    model: str
    tokens_in: int
    tokens_out: int
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What keeps a node from being ready: one word for programs, a sentence for people."""

    what: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """A node's state at one moment. Times are wall-clock milliseconds, sizes bytes."""

    node: str
    version: str
    family: str
    began_ms: int
    running: Mapping[str, int] = field(default_factory=dict)
    """Undecided tasks by stage."""
    refusals: Mapping[str, int] = field(default_factory=dict)
    """Messages that the gate refused since the start, by code."""
    links: tuple[LinkVitals, ...] = ()
    queues: Mapping[str, int] = field(default_factory=dict)
    store_bytes: int = 0
    store_limit: int = 0
    facts: int = 0
    calls_running: int = 0
    calls_waiting: int = 0
    models: tuple[ModelVitals, ...] = ()
    reached: int = 1
    """Members with a link, this one included."""
    quorum: int = 1
    """Members that a committee of all needs."""
    lacks: tuple[Lack, ...] = ()


class Source(Protocol):
    """The node as the probes see it."""

    def vitals(self) -> Vitals:
        """Its state now. Costs no model call and no query of the store."""
        ...

    def lacks(self) -> Iterable[Lack]:
        """What keeps it from being ready."""
        ...
