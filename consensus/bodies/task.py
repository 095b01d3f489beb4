"""A task and a member's answer to it (rules S7, O1)."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from ..committee import Committee
from .fields import COUNT_CAP, MAX_LABEL, MAX_REASON, check, check_length, check_range, check_text

MAX_OPTIONS = 256
"""Most options of one task: a belief over them travels in every proposal."""
MAX_MESSAGES = 64
"""Most parts of a task's case; a longer one belongs in fewer, longer parts."""
MAX_VECTOR = 65_536
"""Most numbers in one feature vector: half a megabyte of doubles."""
MAX_TEXT = 262_144
"""Most characters of one text part of a case."""
MAX_ANSWER = 4_000
"""Most characters of an answer that is free text or JSON, a page and a half: a judge reads all of
a round's side by side, the next draft all of them again, and of the widest letters it takes a
quarter of the default `policy.proposal_bytes`. What is longer belongs in the rationale."""
MAX_UNIT = 32
"""Most characters of the unit of a number."""
MAX_SPEAKERS = 8
"""Most people who may speak in a task: as many as `MAX_NOTES`, so that each is heard (R1c)."""
MAX_SPEAKER = 64
"""Most characters of a speaker's name, as of a member's."""
_UNICODE = unicodedata.ucd_3_2_0


def _plain(letter: str) -> bool:
    """Whether everybody sees it, by the Unicode table that every Python carries unchanged."""
    return letter == " " or _UNICODE.category(letter)[0] not in "CZ"


class AnswerKind(StrEnum):
    """What an answer is in version 1: four typed ones, and free text (rule O1)."""

    CHOICE = "choice"
    LABEL = "label"
    NUMBER = "number"
    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSpec:
    """What an answer may be.

    `options` are distinct, and only a choice or a label has them. `unit` is what a number counts,
    as answers may spell it beside the number; empty where the task names none.
    """

    kind: AnswerKind
    options: tuple[str, ...] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        if self.unit:
            check(self.kind is AnswerKind.NUMBER, f"a {self.kind} answer takes no unit")
            check_text(self.unit, MAX_UNIT, "unit")
            check(self.unit.strip(" ") == self.unit, "the unit is padded with space")
            odd = [letter for letter in self.unit if not _plain(letter)]
            check(not odd, f"the unit holds {odd[:1]!a}, which cannot be shown")
        if self.kind not in (AnswerKind.CHOICE, AnswerKind.LABEL):
            check(not self.options, f"a {self.kind} answer takes no options")
            return
        check(2 <= len(self.options) <= MAX_OPTIONS, f"options: 2 to {MAX_OPTIONS} are needed")
        check(len(set(self.options)) == len(self.options), "options must be distinct")
        for option in self.options:
            check(option.strip() == option != "", "an option is empty or padded with space")
            check_text(option, MAX_LABEL, "option")

    @property
    def long(self) -> bool:
        """Whether answers may be as long as a page: figures then name them by their hash."""
        return self.kind in (AnswerKind.TEXT, AnswerKind.JSON)

    @property
    def most_chars(self) -> int:
        """Most characters of an answer."""
        return MAX_ANSWER if self.long else MAX_LABEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One part of the case: `text`, or a feature `vector` of finite doubles, or both."""

    role: str = "user"
    text: str = ""
    vector: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_text(self.role, MAX_LABEL, "role")
        check_text(self.text, MAX_TEXT, "text")
        check(bool(self.text.strip()) or bool(self.vector), "the prompt is empty")
        check(len(self.vector) <= MAX_VECTOR, f"vector: at most {MAX_VECTOR} numbers")
        check(all(value - value == 0.0 for value in self.vector), "vector holds NaN or infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a task may spend in all; 0 means no limit. Tokens, and micros of a US dollar."""

    tokens: int = 0
    micros: int = 0

    def __post_init__(self) -> None:
        check_range(self.tokens, 0, COUNT_CAP, "budget.tokens")
        check_range(self.micros, 0, COUNT_CAP, "budget.micros")


_SPEAKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A person who may put notes into a task (R1c): a 32-byte key, and the name that models and
    readers are told, which is the opener's to say."""

    name: str
    key: bytes

    def __post_init__(self) -> None:
        check_length(self.key, 32, "speaker.key")
        check_text(self.name, MAX_SPEAKER, "speaker.name")
        plain = _SPEAKER.fullmatch(self.name) is not None
        check(plain, "speaker.name must be letters, digits, dots, dashes or underscores")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOpen:
    """A task (rule S7). Times are wall-clock milliseconds since 1970, claims of the opener.

    `speakers` may put notes into it (R1c): whose notes are valid is the same for all members,
    whichever federation file they hold. With none, nobody may.
    """

    committee: Committee
    messages: tuple[Content, ...]
    answer: AnswerSpec
    domain: str
    opened_at_ms: int
    not_after_ms: int
    budget: Budget
    nonce: bytes
    speakers: tuple[Speaker, ...] = ()

    def __post_init__(self) -> None:
        check(len(self.speakers) <= MAX_SPEAKERS, f"speakers: at most {MAX_SPEAKERS}")
        for of in ("name", "key"):
            distinct = len({getattr(one, of) for one in self.speakers})
            check(distinct == len(self.speakers), f"two speakers have one {of}")
        check(1 <= len(self.messages) <= MAX_MESSAGES, f"messages: 1 to {MAX_MESSAGES}")
        check_text(self.domain, MAX_LABEL, "domain")
        check_range(self.opened_at_ms, 0, COUNT_CAP, "opened_at_ms")
        check_range(self.not_after_ms, self.opened_at_ms + 1, COUNT_CAP, "not_after_ms")
        check_length(self.nonce, 16, "nonce")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A member's answer to a TaskOpen: `refusal` is empty for ACCEPT, else the reason."""

    refusal: str = ""

    def __post_init__(self) -> None:
        check_text(self.refusal, MAX_REASON, "refusal")
