"""Facts to scores, purely (rules L1 to L3). README.md has the model and its reasons."""

from .book import (
    PER_OPENER,
    Book,
    Entry,
    Score,
)
from .chain import START, link
from .courses import Trials, moves, trials
from .digests import DEPTH, LEAF, IdSet, Summary
from .facts import (
    AcceptanceFact,
    ApprovalFact,
    EvidenceFact,
    Fact,
    FactError,
    FactKind,
    FeedbackFact,
    Showing,
    Turn,
    VerdictFact,
    parse,
)
from .lessons import Lesson
from .observations import Observation, observe
from .scoring import CAUGHT, CHANGE_MOST, NEUTRAL, Method, Scoring

__all__ = [
    "CAUGHT",
    "CHANGE_MOST",
    "DEPTH",
    "LEAF",
    "NEUTRAL",
    "PER_OPENER",
    "START",
    "AcceptanceFact",
    "ApprovalFact",
    "Book",
    "Entry",
    "EvidenceFact",
    "Fact",
    "FactError",
    "FactKind",
    "FeedbackFact",
    "IdSet",
    "Lesson",
    "Method",
    "Observation",
    "Score",
    "Scoring",
    "Showing",
    "Summary",
    "Trials",
    "Turn",
    "VerdictFact",
    "link",
    "moves",
    "observe",
    "parse",
    "trials",
]
