"""The decoded payloads of envelopes, and what makes each well-formed on its own.

A body in the core means *verified*: the gateway has checked signature, membership, size and
slot, and the constructor here has checked shapes and ranges. Whatever depends on other
messages (is this pair about a candidate that exists?) is judged where those are known.
All numbers are integers: basis points (bp, 10,000 = 1), points (-100..100 or 0..100),
milliseconds, tokens, and millionths of a US dollar (`micros`).
"""

import hashlib
import re
import struct
import unicodedata
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from .committee import MAX_MEMBERS, Committee
from .envelope import DOMAIN, Envelope, MessageId, length_prefixed
from .policy import ONE

MAX_OPTIONS = 256
"""Most options of one task: a belief over them travels in every proposal."""
MAX_MESSAGES = 64
"""Most parts of a task's case; a longer one belongs in fewer, longer parts."""
MAX_VECTOR = 65_536
"""Most numbers in one feature vector: half a megabyte of doubles."""
MAX_TEXT = 262_144
"""Most characters of one text part of a case."""
MAX_LABEL = 256
"""Most characters of an option, a typed answer, a domain, a prompt version."""
MAX_ANSWER = 4_000
"""Most characters of an answer that is free text or JSON, a page and a half: a judge reads all of
a round's side by side, the next draft all of them again, and of the widest letters it takes a
quarter of the default `policy.proposal_bytes`. What is longer belongs in the rationale."""
MAX_UNIT = 32
"""Most characters of the unit of a number."""
MAX_REASON = 400
"""Most characters of a refusal's or an abstention's reason."""
MAX_CRITIQUE = 4_000
"""Most characters of one critique."""
MAX_CITATIONS = 256
"""Most ids of cited evidence in a proposal."""
MAX_EXPERTS = 64
"""Most rules whose weights a commit can carry; there are as many as `policy.EXPERTS`."""
MAX_SPEAKERS = 8
"""Most people who may speak in a task: as many as `MAX_NOTES`, so that each is heard (R1c)."""
MAX_NOTES = 8
"""Most notes in a commit, and in what models are told of them: a page of a person's words, beside
the record of a whole committee."""
NOTES_EACH = 4
"""Most notes of one speaker in one task; their numbers are 1 to that."""
MAX_NOTE = 2_000
"""Most characters of a note: a few paragraphs."""
MAX_NOTE_BYTES = 3_000
"""Most bytes of a note's text as UTF-8: so that a commit with as many notes as it may have is no
larger than what travels on a link with the votes (T2)."""
MAX_SPEAKER = 64
"""Most characters of a speaker's name, as of a member's."""
MAX_REPORT_IDS = 2 * MAX_MEMBERS
"""At most two ids a slot (rule V1a)."""
ARM_FIGURES = 27
"""Figures of a view of the bandit's arms: three for each of the nine moves of the dials (P3)."""
VIEW_CAP = 2**31 - 1
"""Views and counters fit in 31 bits."""
COUNT_CAP = 2**53
"""Largest claim of tokens, money or time: what canonical bytes can hold."""


_UNICODE = unicodedata.ucd_3_2_0


class BodyError(ValueError):
    """A payload is not well-formed. The text names field and bound."""


def _need(condition: bool, text: str) -> None:
    if not condition:
        raise BodyError(text)


def _length(value: bytes, size: int, name: str) -> None:
    _need(len(value) == size, f"{name} is {len(value)} bytes, not {size}")


def _text(value: str, limit: int, name: str) -> None:
    _need(len(value) <= limit, f"{name} is {len(value)} characters, over {limit}")
    try:
        value.encode("utf-8")  # a hundred times faster than looking at each character
    except UnicodeEncodeError:
        raise BodyError(f"{name} holds a lone surrogate") from None


def _plain(letter: str) -> bool:
    """Whether everybody sees it, by the Unicode table that every Python carries unchanged."""
    return letter == " " or _UNICODE.category(letter)[0] not in "CZ"


def _range(value: int, low: int, high: int, name: str) -> None:
    _need(low <= value <= high, f"{name} is {value}, outside {low}..{high}")


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
            _need(self.kind is AnswerKind.NUMBER, f"a {self.kind} answer takes no unit")
            _text(self.unit, MAX_UNIT, "unit")
            _need(self.unit.strip(" ") == self.unit, "the unit is padded with space")
            odd = [letter for letter in self.unit if not _plain(letter)]
            _need(not odd, f"the unit holds {odd[:1]!a}, which cannot be shown")
        if self.kind not in (AnswerKind.CHOICE, AnswerKind.LABEL):
            _need(not self.options, f"a {self.kind} answer takes no options")
            return
        _need(2 <= len(self.options) <= MAX_OPTIONS, f"options: 2 to {MAX_OPTIONS} are needed")
        _need(len(set(self.options)) == len(self.options), "options must be distinct")
        for option in self.options:
            _need(option.strip() == option != "", "an option is empty or padded with space")
            _text(option, MAX_LABEL, "option")

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
        _text(self.role, MAX_LABEL, "role")
        _text(self.text, MAX_TEXT, "text")
        _need(bool(self.text.strip()) or bool(self.vector), "the prompt is empty")
        _need(len(self.vector) <= MAX_VECTOR, f"vector: at most {MAX_VECTOR} numbers")
        _need(all(value - value == 0.0 for value in self.vector), "vector holds NaN or infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a task may spend in all; 0 means no limit. Tokens, and micros of a US dollar."""

    tokens: int = 0
    micros: int = 0

    def __post_init__(self) -> None:
        _range(self.tokens, 0, COUNT_CAP, "budget.tokens")
        _range(self.micros, 0, COUNT_CAP, "budget.micros")


_SPEAKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A person who may put notes into a task (R1c): a 32-byte key, and the name that models and
    readers are told, which is the opener's to say."""

    name: str
    key: bytes

    def __post_init__(self) -> None:
        _length(self.key, 32, "speaker.key")
        _text(self.name, MAX_SPEAKER, "speaker.name")
        plain = _SPEAKER.fullmatch(self.name) is not None
        _need(plain, "speaker.name must be letters, digits, dots, dashes or underscores")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A person's words for a task (R1c), with the Ed25519 signature of the `author` (a key).

    `number` is 1 to `NOTES_EACH`, the author's own count; `at_ms` when it was signed, by the
    author's clock. A note is bound to its task by its signature alone: it travels in what is.
    """

    author: bytes
    number: int
    at_ms: int
    text: str
    signature: bytes

    def __post_init__(self) -> None:
        _length(self.author, 32, "note.author")
        _length(self.signature, 64, "note.signature")
        _range(self.number, 1, NOTES_EACH, "note.number")
        _range(self.at_ms, 0, COUNT_CAP, "note.at_ms")
        _text(self.text, MAX_NOTE, "note.text")
        _need(self.text.strip() != "", "a note is empty")
        size = len(self.text.encode("utf-8"))
        _need(size <= MAX_NOTE_BYTES, f"note.text is {size} bytes, over {MAX_NOTE_BYTES}")

    def preimage(self, task: bytes) -> bytes:
        """The bytes under the signature; no envelope's are like them (S1)."""
        return length_prefixed(
            DOMAIN,
            b"note",
            task,
            self.author,
            self.number.to_bytes(8, "big"),
            self.at_ms.to_bytes(8, "big"),
            self.text.encode("utf-8"),
        )

    def id(self, task: bytes) -> bytes:
        """SHA-256 of the preimage."""
        return hashlib.sha256(self.preimage(task)).digest()


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
        _need(len(self.speakers) <= MAX_SPEAKERS, f"speakers: at most {MAX_SPEAKERS}")
        for of in ("name", "key"):
            distinct = len({getattr(one, of) for one in self.speakers})
            _need(distinct == len(self.speakers), f"two speakers have one {of}")
        _need(1 <= len(self.messages) <= MAX_MESSAGES, f"messages: 1 to {MAX_MESSAGES}")
        _text(self.domain, MAX_LABEL, "domain")
        _range(self.opened_at_ms, 0, COUNT_CAP, "opened_at_ms")
        _range(self.not_after_ms, self.opened_at_ms + 1, COUNT_CAP, "not_after_ms")
        _length(self.nonce, 16, "nonce")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A member's answer to a TaskOpen: `refusal` is empty for ACCEPT, else the reason."""

    refusal: str = ""

    def __post_init__(self) -> None:
        _text(self.refusal, MAX_REASON, "refusal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a request to a model cost: tokens in and out, micros of a US dollar, milliseconds, and
    the calls that were answered for it."""

    tokens_in: int = 0
    tokens_out: int = 0
    micros: int = 0
    ms: int = 0
    calls: int = 0

    def __post_init__(self) -> None:
        for name in ("tokens_in", "tokens_out", "micros", "ms", "calls"):
            _range(getattr(self, name), 0, COUNT_CAP, f"usage.{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What a member's own ledger says of every member, by skill, and of rules (R2b, L2).

    In committee order, own entry included and ignored, in bp with 5,000 as neutral. `authors`
    is how good their drafts are, `judges` how good their judgments. Both empty: no view.
    `rules` is what each of `policy.EXPERTS` should weigh, in bp, where the policy's rule mixes
    them (O7a). `arms` is what it knows of the bandit's arms (P3): count, mean reward in bp and
    largest cost in tokens of each in turn; empty unless the policy has a bandit.
    """

    authors: tuple[int, ...] = ()
    judges: tuple[int, ...] = ()
    rules: tuple[int, ...] = ()
    arms: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, most, of in (
            ("authors", MAX_MEMBERS, "a committee has members"),
            ("judges", MAX_MEMBERS, "a committee has members"),
            ("rules", MAX_EXPERTS, "there can be rules"),
        ):
            views: tuple[int, ...] = getattr(self, name)
            _need(len(views) <= most, f"views.{name}: more than {of}")
            for view in views:
                _range(view, 0, ONE, f"views.{name}")
        _need(len(self.arms) in (0, ARM_FIGURES), f"views.arms: none or {ARM_FIGURES} figures")
        for at, figure in enumerate(self.arms):
            _range(figure, 0, (VIEW_CAP, ONE, COUNT_CAP)[at % 3], "views.arms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A hiding commitment to a proposal (R2), or an abstention with its reason (R0).

    `commitment` is 32 bytes, zero when abstaining. `views` are this member's, in round 1
    only (R2b). `notes` are people's words that no earlier slate has brought (R1c).
    """

    commitment: bytes
    abstain: str = ""
    views: Views = Views()
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        _length(self.commitment, 32, "commitment")
        _text(self.abstain, MAX_REASON, "abstain")
        _need((self.commitment == bytes(32)) == bool(self.abstain), "commit xor abstain")
        _need(len(self.notes) <= MAX_NOTES, f"notes: at most {MAX_NOTES} in a commit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A member's answer under an alias key (R1a).

    An answer has at most `AnswerSpec.most_chars` characters, which the tally sees to (O1): only
    the task says of which kind this one is.
    `belief` is empty, or one bp figure for each option, summing to 10,000. `unseen` lists
    indices of options the model has never met. `confidence` in bp is used where there is no
    belief. `evidence` are cited ids.
    """

    answer: str
    belief: tuple[int, ...] = ()
    confidence: int = ONE
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    unseen: tuple[int, ...] = ()
    usage: Usage = Usage()
    prompt: str = ""

    def __post_init__(self) -> None:
        _text(self.answer, MAX_ANSWER, "answer")
        _need(self.answer.strip() != "", "answer is empty")
        _need(len(self.belief) <= MAX_OPTIONS, "belief: more entries than options allowed")
        for share in self.belief:
            _range(share, 0, ONE, "belief")
        _need(not self.belief or sum(self.belief) == ONE, "belief does not sum to 10000")
        _range(self.confidence, 0, ONE, "confidence")
        _text(self.rationale, MAX_TEXT, "rationale")
        _text(self.prompt, MAX_LABEL, "prompt")
        _need(len(self.evidence) <= MAX_CITATIONS, f"evidence: at most {MAX_CITATIONS} ids")
        for citation in self.evidence:
            _text(citation, MAX_LABEL, "evidence id")
        _need(len(self.unseen) <= MAX_OPTIONS, "unseen: more entries than options allowed")
        _need(list(self.unseen) == sorted(set(self.unseen)), "unseen is not ascending")
        for option in self.unseen:
            _range(option, 0, MAX_OPTIONS - 1, "unseen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Alias-signed proposals that one member puts on the table (R3), ascending by id."""

    entries: tuple[Envelope, ...]

    def __post_init__(self) -> None:
        _need(len(self.entries) <= MAX_MEMBERS, "batch: more entries than members allowed")
        ids = [entry.id for entry in self.entries]
        _need(ids == sorted(set(ids)), "batch entries are not ascending by id")


_PATH = struct.Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A proposal sealed for both hops of the path of that index (R3), for its entry alone."""

    path: int
    box: bytes

    def __post_init__(self) -> None:
        _range(self.path, 0, MAX_MEMBERS - 1, "packet.path")
        _need(len(self.box) > 0, "packet: the box is empty")

    @property
    def view(self) -> int:
        """What tells an author's packets of one round apart, as views tell votes apart."""
        return self.path

    def pack(self) -> bytes:
        """The bytes that are signed: 4 of path, then the box."""
        return _PATH.pack(self.path) + self.box

    @classmethod
    def unpack(cls, data: bytes) -> "Packet":
        """The inverse of `pack`."""
        _need(len(data) > _PATH.size, "packet is cut short")
        return cls(path=_PATH.unpack_from(data)[0], box=data[_PATH.size :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Shuffled boxes of one size that an entry hands to its exit (R3)."""

    boxes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        _need(len(self.boxes) <= MAX_MEMBERS, "bundle: more boxes than members allowed")
        _need(len({len(box) for box in self.boxes} | {0}) <= 2, "bundle: boxes differ in size")
        _need(all(self.boxes), "bundle: a box is empty")

    def pack(self) -> bytes:
        """The bytes that are signed: 4 with the number of boxes, then the boxes."""
        return _PATH.pack(len(self.boxes)) + b"".join(self.boxes)

    @classmethod
    def unpack(cls, data: bytes) -> "Bundle":
        """The inverse of `pack`."""
        _need(len(data) >= _PATH.size, "bundle is cut short")
        count, body = _PATH.unpack_from(data)[0], data[_PATH.size :]
        _range(count, 0, MAX_MEMBERS, "bundle.boxes")
        size = len(body) // count if count else 0
        _need(size * count == len(body), "bundle: boxes differ in size")
        return cls(boxes=tuple(body[at * size : (at + 1) * size] for at in range(count)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The hash of a hidden ballot (R6), 32 bytes."""

    hash: bytes

    def __post_init__(self) -> None:
        _length(self.hash, 32, "seal")


class Preference(IntEnum):
    """A judge's word on a pair (R5). SAME says that both give the same answer."""

    FIRST = 1
    SECOND = 2
    TIE = 3
    SAME = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One comparison: `first` and `second` index the ballot's `held`; confidence in bp."""

    first: int
    second: int
    preference: Preference
    confidence: int = ONE

    def __post_init__(self) -> None:
        _range(self.first, 0, MAX_MEMBERS - 1, "pair.first")
        _range(self.second, 0, MAX_MEMBERS - 1, "pair.second")
        _need(self.first != self.second, "a pair compares a candidate with itself")
        _range(self.confidence, 0, ONE, "pair.confidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A judge's word on one candidate: `candidate` indexes the ballot's `held`."""

    candidate: int
    endorsement: int
    evidence: int = 0
    argument: int = 0
    critique: str = ""

    def __post_init__(self) -> None:
        _range(self.candidate, 0, MAX_MEMBERS - 1, "mark.candidate")
        _range(self.endorsement, -100, 100, "mark.endorsement")
        _range(self.evidence, 0, 100, "mark.evidence")
        _range(self.argument, 0, 100, "mark.argument")
        _text(self.critique, MAX_CRITIQUE, "mark.critique")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """A hidden ballot (R5). `held` lists every proposal the voter held, own included."""

    held: tuple[MessageId, ...]
    pairs: tuple[Pair, ...] = ()
    marks: tuple[Mark, ...] = ()
    abstain: str = ""
    usage: Usage = Usage()
    prompt: str = ""

    def __post_init__(self) -> None:
        _need(len(self.held) <= MAX_MEMBERS, "ballot: more candidates than members allowed")
        for held in self.held:
            _length(held, 32, "held id")
        _need(list(self.held) == sorted(set(self.held)), "held ids are not ascending")
        _text(self.abstain, MAX_REASON, "abstain")
        _text(self.prompt, MAX_LABEL, "prompt")
        _need(not (self.abstain and (self.pairs or self.marks)), "an abstaining ballot has entries")
        seen: set[tuple[int, int]] = set()
        for pair in self.pairs:
            _need(max(pair.first, pair.second) < len(self.held), "a pair names no candidate")
            key = (pair.first, pair.second)
            _need(key not in seen, "a pair is judged twice in one order")
            seen.add(key)
        marked = [mark.candidate for mark in self.marks]
        _need(len(set(marked)) == len(marked), "a candidate is marked twice")
        _need(all(index < len(self.held) for index in marked), "a mark names no candidate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One member's openings (R8); it counts whole or not at all.

    The alias part (`alias`, `alias_signature`, `proposal`, `nonce`) opens a commit and is
    empty for a member that abstained from drafting; the ballot part (`ballot` as sealed
    bytes with its decoded form, `salt`) opens a seal and is empty for one that sealed none.
    """

    alias: bytes = b""
    alias_signature: bytes = b""
    proposal: bytes = b""
    nonce: bytes = b""
    ballot_bytes: bytes = b""
    ballot: Ballot | None = None
    salt: bytes = b""

    def __post_init__(self) -> None:
        claim = (self.alias, self.alias_signature, self.proposal, self.nonce)
        if any(claim):
            for value, size, name in zip(
                claim,
                (32, 64, 32, 32),
                ("alias", "alias_signature", "proposal", "nonce"),
                strict=True,
            ):
                _length(value, size, name)
        _need((self.ballot is not None) == bool(self.salt), "a ballot comes with its salt")
        _need((self.ballot is None) == (not self.ballot_bytes), "a ballot comes with its bytes")
        if self.ballot is not None:
            _length(self.salt, 32, "salt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The ids a member held when a stage closed (V1), with its claims (P2a; outcome only)."""

    ids: tuple[MessageId, ...]
    deadline: bool = False
    tokens: int = 0
    micros: int = 0
    ms: int = 0

    def __post_init__(self) -> None:
        _need(len(self.ids) <= MAX_REPORT_IDS, f"report: at most {MAX_REPORT_IDS} ids")
        for held in self.ids:
            _length(held, 32, "reported id")
        _need(list(self.ids) == sorted(set(self.ids)), "reported ids are not ascending")
        for name in ("tokens", "micros", "ms"):
            _range(getattr(self, name), 0, COUNT_CAP, f"report.{name}")


_VOTE = struct.Struct(">I32s")
_PROPOSE = struct.Struct(">Ii")
MAX_VALUE = 1_048_576
"""Largest agreed value in bytes: an outcome of the largest committee stays far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A prevote or precommit (S4): 4 bytes of view, 32 of value id; zero is nil."""

    view: int
    value: bytes

    def __post_init__(self) -> None:
        _range(self.view, 0, VIEW_CAP, "vote.view")
        _length(self.value, 32, "vote.value")

    def pack(self) -> bytes:
        """The 36 bytes that are signed."""
        return _VOTE.pack(self.view, self.value)

    @classmethod
    def unpack(cls, data: bytes) -> "Vote":
        """The inverse of `pack`."""
        _length(data, _VOTE.size, "vote")
        view, value = _VOTE.unpack(data)
        return cls(view=view, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    """A value put forward in a view (A2): 4 bytes of view, 4 of valid view (or -1), value."""

    view: int
    valid_view: int
    value: bytes

    def __post_init__(self) -> None:
        _range(self.view, 0, VIEW_CAP, "propose.view")
        _range(self.valid_view, -1, self.view - 1, "propose.valid_view")
        _need(0 < len(self.value) <= MAX_VALUE, f"value: 1 to {MAX_VALUE} bytes")

    def pack(self) -> bytes:
        """The bytes that are signed."""
        return _PROPOSE.pack(self.view, self.valid_view) + self.value

    @classmethod
    def unpack(cls, data: bytes) -> "Propose":
        """The inverse of `pack`."""
        _need(len(data) > _PROPOSE.size, "propose is cut short")
        view, valid_view = _PROPOSE.unpack_from(data)
        return cls(view=view, valid_view=valid_view, value=data[_PROPOSE.size :])


Body = (
    TaskOpen
    | Acceptance
    | Commit
    | Proposal
    | Batch
    | Packet
    | Bundle
    | Seal
    | Ballot
    | Opening
    | Report
    | Propose
    | Vote
)
