"""Facts that rest on signatures alone: ACCEPTs, evidence, clients' and approvers' words (L1, E4).

What a peer or a client sends is checked here and nowhere else: a fact that is refused says why.
Facts of verdicts are made in `facts`.
"""

from typing import Final

from consensus.bodies import Acceptance
from consensus.envelope import Ctx, Kind, length_prefixed, split_prefixed, unpack
from consensus.verdict import (
    MAX_STATEMENT,
    BundleError,
    ReleaseError,
    Statement,
    decode_evidence,
    evidence_problem,
)
from reputation.facts import (
    AcceptanceFact,
    ApprovalFact,
    EvidenceFact,
    FactError,
    FactKind,
    FeedbackFact,
    parse,
)

from . import keys
from .wire import codec
from .wire.bounds import payload_max

STATEMENT_MAX: Final = MAX_STATEMENT
"""Most bytes of a signed statement of any kind: a word's longest answer takes a fifth."""

EVIDENCE_MAX: Final = 4 * (payload_max(Kind.PROPOSE) + 1_024)
"""Most bytes of an evidence pair: two of the largest votes or proposed values, as base64. Pairs
of larger envelopes stay on the shelf of whoever has them."""

_STATEMENT: Final = b"quorate/feedback"

FORGED: Final = "bad_signature"
"""The code of what was not signed by whom it names."""


Signed = AcceptanceFact | EvidenceFact | FeedbackFact | ApprovalFact
"""Facts that rest on signatures alone."""


class BadProof(ValueError):  # noqa: N818  named for what it is
    """Bytes that are to prove a fact do not: `code` for programs, the text for people."""

    def __init__(self, text: str, code: str = "malformed") -> None:
        super().__init__(text)
        self.code = code


def prove(kind: FactKind, proof: bytes, network: bytes) -> Signed:
    """The fact that signed bytes prove, of this network. Raises `BadProof`.

    Not for a verdict, which takes `verify`.
    """
    match kind:
        case FactKind.ACCEPTANCE:
            return _acceptance_fact(proof)
        case FactKind.EVIDENCE:
            return _evidence_fact(proof, network)
        case FactKind.FEEDBACK:
            return _feedback_fact(proof)
        case FactKind.APPROVAL:
            return _approval_fact(proof)
        case _:
            raise BadProof("a verdict is proven by verifying it")


# -- acceptances ------------------------------------------------------------------------------


def _acceptance_fact(proof: bytes) -> AcceptanceFact:
    """The fact that a signed ACCEPT proves. Raises `BadProof`."""
    _within(proof, payload_max(Kind.ACCEPTANCE) + 1_024)
    try:
        envelope = unpack(proof)
    except ValueError as error:
        raise BadProof(f"the acceptance is malformed: {error}") from None
    if envelope.kind != Kind.ACCEPTANCE:
        raise BadProof("the envelope is no acceptance")
    if not keys.verify(envelope.signer, envelope.preimage, envelope.signature):
        raise BadProof("the acceptance's signature does not hold", FORGED)
    try:
        said = codec.reader().checked(envelope)
    except ValueError as error:
        raise BadProof(f"the acceptance is malformed: {error}") from None
    assert isinstance(said.body, Acceptance)
    if said.body.refusal:
        raise BadProof("the envelope is a refusal, not an ACCEPT")
    return AcceptanceFact(task=said.ctx.task, member=envelope.signer)


# -- evidence ---------------------------------------------------------------------------------


def _evidence_fact(proof: bytes, network: bytes) -> EvidenceFact:
    """The fact that an evidence file proves (S4). Raises `BadProof`."""
    _within(proof, EVIDENCE_MAX)
    try:
        first, second = decode_evidence(proof)
    except BundleError as error:
        raise BadProof(str(error)) from None
    problem = evidence_problem(first, second, codec.reader())
    if problem is not None:
        raise BadProof(problem)
    try:
        of = Ctx.unpack(first.ctx).network
    except ValueError as error:
        raise BadProof(f"the evidence is malformed: {error}") from None
    if of != network:
        raise BadProof("the evidence is of another network")
    return EvidenceFact(member=first.signer)


# -- feedback ---------------------------------------------------------------------------------


def sign_feedback(fact: FeedbackFact, key: keys.SigningKey) -> bytes:
    """The client's signed statement: the fact's body and a signature."""
    return length_prefixed(fact.body, key.sign(length_prefixed(_STATEMENT, fact.body)))


def _feedback_fact(proof: bytes) -> FeedbackFact:
    """The fact in a signed statement. Raises `BadProof`."""
    _within(proof, STATEMENT_MAX)
    try:
        body, signature = split_prefixed(proof, 2)
    except ValueError as error:
        raise BadProof(f"the statement is malformed: {error}") from None
    try:
        fact = parse(body)
    except FactError as error:
        raise BadProof(str(error)) from None
    if not isinstance(fact, FeedbackFact):
        raise BadProof("the statement is no feedback")
    if not keys.verify(fact.client, length_prefixed(_STATEMENT, body), signature):
        raise BadProof("the statement's signature does not hold", FORGED)
    return fact


# -- approvals --------------------------------------------------------------------------------


def is_approval(statement: bytes) -> bool:
    """Whether a client's statement is an approver's (E4), as its form shows, and no feedback."""
    try:
        Statement.decode(statement)
    except ReleaseError:
        return False
    return True


def _approval_fact(proof: bytes) -> ApprovalFact:
    """The fact in an approver's signed statement (E4). Raises `BadProof`."""
    try:
        said = Statement.decode(proof)
        word = said.approval
        fact = ApprovalFact(
            task=word.task,
            verdict=word.verdict,
            approver=word.approver,
            approve=word.approve,
            note=word.note,
            at_ms=word.at_ms,
        )
    except (ReleaseError, FactError) as error:
        raise BadProof(str(error)) from None
    if not keys.verify(word.approver, word.preimage, said.signature):
        raise BadProof("the approver's signature does not hold", FORGED)
    return fact


def _within(proof: bytes, limit: int) -> None:
    if len(proof) > limit:
        raise BadProof(f"a proof of {len(proof)} bytes, over {limit}", "too_long")
