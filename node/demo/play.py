"""What is played: who takes part, what is decided, and how. The demonstration knows no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consensus.bodies import AnswerSpec, Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One organisation: its name, the backend of its model and the settings of that.

    `kind` is the model's family. `about` says in a line what it starts with.
    """

    name: str
    kind: str
    backend: str
    options: Mapping[str, str]
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be decided, and what is right."""

    content: Content
    truth: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of deciding all cases: `policy` holds what differs from the default policy."""

    name: str
    title: str
    policy: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One federation's work: every case is decided once in each of `ways`.

    `name` is the federation's. With `drill`, a member is killed and comes back in each way.
    """

    name: str
    domain: str
    answer: AnswerSpec
    actors: tuple[Actor, ...]
    cases: tuple[Case, ...]
    ways: tuple[Way, ...]
    drill: bool
