"""A person's note for a task (rule R1c)."""

import hashlib
from dataclasses import dataclass

from ..envelope import DOMAIN, length_prefixed
from .fields import COUNT_CAP, check, check_length, check_range, check_text

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
        check_length(self.author, 32, "note.author")
        check_length(self.signature, 64, "note.signature")
        check_range(self.number, 1, NOTES_EACH, "note.number")
        check_range(self.at_ms, 0, COUNT_CAP, "note.at_ms")
        check_text(self.text, MAX_NOTE, "note.text")
        check(self.text.strip() != "", "a note is empty")
        size = len(self.text.encode("utf-8"))
        check(size <= MAX_NOTE_BYTES, f"note.text is {size} bytes, over {MAX_NOTE_BYTES}")

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
