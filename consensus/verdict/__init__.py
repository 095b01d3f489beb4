"""Verdicts: what a task's decision is built into, and how a stranger checks it (rules E)."""

from .bundle import Bundle, BundleError, PointBundle, RoundBundle
from .evidence import decode_evidence, encode_evidence, evidence_problem
from .verify import STEPS, Checked, CheckedRound, Step, VerdictError, verify

__all__ = [
    "STEPS",
    "Bundle",
    "BundleError",
    "Checked",
    "CheckedRound",
    "PointBundle",
    "RoundBundle",
    "Step",
    "VerdictError",
    "decode_evidence",
    "encode_evidence",
    "evidence_problem",
    "verify",
]
