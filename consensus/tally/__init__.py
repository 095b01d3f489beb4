"""The tally: pure functions of the agreed candidates and ballots (rules O1 to O6)."""

from .answers import AnswerClass, Classes, Void, classes, named, normalise
from .ballots import Candidate, Claims, CountedBallot
from .baselines import Baselines
from .belief import Opinion
from .result import ClassFigures, Status, Tally, tally
from .robust import Robustness
from .weights import NEUTRAL, Weights, weigh

__all__ = [
    "NEUTRAL",
    "AnswerClass",
    "Baselines",
    "Candidate",
    "Claims",
    "ClassFigures",
    "Classes",
    "CountedBallot",
    "Opinion",
    "Robustness",
    "Status",
    "Tally",
    "Void",
    "Weights",
    "classes",
    "named",
    "normalise",
    "tally",
    "weigh",
]
