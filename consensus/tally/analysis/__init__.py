"""Bradley-Terry by NumPy, for analysis: fast, not exact to the last bit, and never signed (O2, V5).

Nothing else in the core may use NumPy, and nothing that is signed may import this folder:
what committees sign is computed by `bradley_terry` and its neighbours.
"""

from .batch import Batch, solve_batch
from .davidson import Ties, solve_ties
from .graph import Listed, Matrix, NoMaximumError, Wins, wins
from .newman import Solution, solve
from .spread import best_of, best_probabilities, covariance, standard_errors

__all__ = [
    "Batch",
    "Listed",
    "Matrix",
    "NoMaximumError",
    "Solution",
    "Ties",
    "Wins",
    "best_of",
    "best_probabilities",
    "covariance",
    "solve",
    "solve_batch",
    "solve_ties",
    "standard_errors",
    "wins",
]
