"""Verdicts: what a task's decision is built into, and how a stranger checks it (rules E)."""

from .bundle import Bundle, BundleError, PointBundle, RoundBundle
from .evidence import decode_evidence, encode_evidence, evidence_problem
from .release import (
    MAX_STATEMENT,
    Approval,
    Release,
    ReleaseError,
    State,
    Statement,
    release,
    until,
)
from .verify import STEPS, Checked, CheckedRound, Step, VerdictError, verify

__all__ = [
    "MAX_STATEMENT",
    "STEPS",
    "Approval",
    "Bundle",
    "BundleError",
    "Checked",
    "CheckedRound",
    "PointBundle",
    "Release",
    "ReleaseError",
    "RoundBundle",
    "State",
    "Statement",
    "Step",
    "VerdictError",
    "decode_evidence",
    "encode_evidence",
    "evidence_problem",
    "release",
    "until",
    "verify",
]
