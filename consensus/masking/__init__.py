"""Alias commitments, sealed ballots, shuffles, paths and the diagonal mask (R2 to R9)."""

from .commitments import alias_claim, commitment, seal
from .diagonal import strike
from .paths import Path, exposure, naming_bound, path_count, paths
from .round_secrets import RoundSecrets
from .shuffle import judging_order, letters, record_order, shuffled

__all__ = [
    "Path",
    "RoundSecrets",
    "alias_claim",
    "commitment",
    "exposure",
    "judging_order",
    "letters",
    "naming_bound",
    "path_count",
    "paths",
    "record_order",
    "seal",
    "shuffled",
    "strike",
]
