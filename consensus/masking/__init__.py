"""Alias commitments, sealed ballots, shuffles and the diagonal mask (R2, R5, R6, R8, R9)."""

from .commitments import alias_claim, commitment, seal
from .diagonal import strike
from .round_secrets import RoundSecrets
from .shuffle import judging_order, letters, record_order, shuffled

__all__ = [
    "RoundSecrets",
    "alias_claim",
    "commitment",
    "judging_order",
    "letters",
    "record_order",
    "seal",
    "shuffled",
    "strike",
]
