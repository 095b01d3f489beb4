"""Evidence of equivocation that stands by itself (rules S4, A15)."""

from ..bodies import BodyError, Propose, Vote
from ..envelope import VOTES, Envelope, Kind
from ..ports import Reader


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
    if kind is Kind.REPORT:
        return "two REPORTs of one member are not equivocation (V1b)"
    if kind in VOTES or kind is Kind.PROPOSE:
        views = {body.view for body in bodies if isinstance(body, Vote | Propose)}
        if len(views) != 1:
            return "the votes are of different views"
    return None
