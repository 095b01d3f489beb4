"""Evidence of equivocation that stands by itself (rules S4, A15)."""

from .. import canonical
from ..bodies import BodyError, Propose, Vote
from ..envelope import VOTES, Envelope, Kind
from ..ports import Reader
from .bundle import SPAN, BundleError, from_plain, to_plain

UNSLOTTED = {
    Kind.TASK_OPEN: "a member opens as many tasks as it likes (S7)",
    Kind.PROPOSAL: "an alias signs what its author likes, and a commit names one of them (R2)",
    Kind.PACKET: "only the first to arrive is passed on (R3)",
    Kind.BUNDLE: "only the first to arrive is opened (R3)",
    Kind.REPORT: "they void neither (V1b)",
}
"""Kinds of which a signer may make several in one ctx, and why."""


def evidence_problem(first: Envelope, second: Envelope, reader: Reader) -> str | None:
    """Why two envelopes do not convict their signer, or None if they do.

    They do if both signatures hold and they fill one slot (ctx, kind, signer, and for votes
    and value proposals the view) with different ids. Nothing else is needed to check it.
    """
    if (first.kind, first.ctx, first.signer) != (second.kind, second.ctx, second.signer):
        return "the envelopes are not of one slot: kind, ctx or signer differ"
    if first.id == second.id:
        return "the envelopes are one and the same message"
    for envelope in (first, second):
        if not reader.verify(envelope.signer, envelope.preimage, envelope.signature):
            return f"the signature of {envelope.id.hex()[:16]} does not hold"
    try:
        kind = Kind(first.kind)
        bodies = [reader.decode(kind, envelope.payload) for envelope in (first, second)]
    except (ValueError, BodyError) as error:
        return f"an envelope is malformed: {error}"
    if kind in UNSLOTTED:
        return f"two {kind.name}s are not equivocation: {UNSLOTTED[kind]}"
    if kind in VOTES or kind is Kind.PROPOSE:
        views = {body.view for body in bodies if isinstance(body, Vote | Propose)}
        if len(views) != 1:
            return "the votes are of different views"
    return None


EVIDENCE_FORMAT = "quorate-evidence/1"
"""The first words of every evidence file."""


def encode_evidence(first: Envelope, second: Envelope) -> bytes:
    """An evidence pair as a file: canonical JSON, the lower message id first."""
    pair = sorted((first, second), key=lambda envelope: envelope.id)
    return canonical.encode(
        {"envelopes": [to_plain(item) for item in pair], "format": EVIDENCE_FORMAT}
    )


def decode_evidence(data: bytes) -> tuple[Envelope, Envelope]:
    """The pair in a file's bytes, which have one form. Raises `BundleError`."""
    try:
        plain = canonical.read_sparse(data, SPAN)
        if plain["format"] != EVIDENCE_FORMAT:
            raise BundleError("this is not an evidence file: it does not say so")
        first, second = map(from_plain, plain["envelopes"])
    except (canonical.CanonicalError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"this is not an evidence file: {error}") from None
    if encode_evidence(first, second) != data:
        raise BundleError("the evidence is not in canonical form, or holds more than two messages")
    return first, second
