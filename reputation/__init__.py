"""Facts to scores, purely (rules L1 to L3). README.md has the model and its reasons."""

from .book import (
    CHANGE_MOST,
    NEUTRAL,
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
from .observations import Observation, observe

__all__ = [
    "CHANGE_MOST",
    "DEPTH",
    "LEAF",
    "NEUTRAL",
    "PER_OPENER",
    "START",
    "AcceptanceFact",
    "Book",
    "Entry",
    "EvidenceFact",
    "Fact",
    "FactError",
    "FactKind",
    "FeedbackFact",
    "IdSet",
    "Observation",
    "Score",
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
