"""The decoded payloads of envelopes, and what makes each well-formed on its own.

A body in the core means *verified*: the gateway has checked signature, membership, size and
slot, and the constructor here has checked shapes and ranges. Whatever depends on other
messages (is this pair about a candidate that exists?) is judged where those are known.
All numbers are integers: basis points (bp, 10,000 = 1), points (-100..100 or 0..100),
milliseconds, tokens, and millionths of a US dollar (`micros`).

A module a part of a round: `task`, `note`, `draft`, `mix`, `ballot`, `votes`. The protocol's other
rooms and the daemon import from here.
"""

from .ballot import MAX_CRITIQUE, Ballot, Mark, Opening, Pair, Preference, Seal
from .draft import ARM_FIGURES, MAX_CITATIONS, MAX_EXPERTS, Commit, Proposal, Usage, Views
from .fields import COUNT_CAP, MAX_LABEL, MAX_REASON, VIEW_CAP, BodyError
from .mix import Batch, Bundle, Packet
from .note import MAX_NOTE, MAX_NOTE_BYTES, MAX_NOTES, NOTES_EACH, Note
from .task import (
    MAX_ANSWER,
    MAX_MESSAGES,
    MAX_OPTIONS,
    MAX_SPEAKER,
    MAX_SPEAKERS,
    MAX_TEXT,
    MAX_UNIT,
    MAX_VECTOR,
    Acceptance,
    AnswerKind,
    AnswerSpec,
    Budget,
    Content,
    Speaker,
    TaskOpen,
)
from .votes import MAX_REPORT_IDS, MAX_VALUE, Propose, Report, Vote

__all__ = [
    "ARM_FIGURES",
    "COUNT_CAP",
    "MAX_ANSWER",
    "MAX_CITATIONS",
    "MAX_CRITIQUE",
    "MAX_EXPERTS",
    "MAX_LABEL",
    "MAX_MESSAGES",
    "MAX_NOTE",
    "MAX_NOTES",
    "MAX_NOTE_BYTES",
    "MAX_OPTIONS",
    "MAX_REASON",
    "MAX_REPORT_IDS",
    "MAX_SPEAKER",
    "MAX_SPEAKERS",
    "MAX_TEXT",
    "MAX_UNIT",
    "MAX_VALUE",
    "MAX_VECTOR",
    "NOTES_EACH",
    "VIEW_CAP",
    "Acceptance",
    "AnswerKind",
    "AnswerSpec",
    "Ballot",
    "Batch",
    "Body",
    "BodyError",
    "Budget",
    "Bundle",
    "Commit",
    "Content",
    "Mark",
    "Note",
    "Opening",
    "Packet",
    "Pair",
    "Preference",
    "Proposal",
    "Propose",
    "Report",
    "Seal",
    "Speaker",
    "TaskOpen",
    "Usage",
    "Views",
    "Vote",
]

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
