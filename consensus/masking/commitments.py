"""What hides a proposal's author and a ballot's content until the openings (R2, R6, R8).

Every hash is domain-separated by its own tag, with each part behind its length, and binds
the ctx, so nothing that was committed or claimed in one instance opens in another.
"""

from ..envelope import MessageId, tagged_hash


def commitment(
    ctx_bytes: bytes, member: bytes, alias_public: bytes, proposal_id: MessageId, nonce: bytes
) -> bytes:
    """The 32 bytes of a commit: ctx, member, alias key, proposal id, 32-byte nonce (R2).

    `proposal_id` is the message id of the alias-signed PROPOSAL, a SHA-256 over its payload
    with its own ctx and signer.
    """
    _sized(nonce, "nonce")
    return tagged_hash("commitment", ctx_bytes, member, alias_public, proposal_id, nonce)


def seal(ctx_bytes: bytes, member: bytes, ballot_bytes: bytes, salt: bytes) -> bytes:
    """The 32 bytes that stand for a hidden ballot: ctx, member, ballot, 32-byte salt (R6)."""
    _sized(salt, "salt")
    return tagged_hash("seal", ctx_bytes, member, ballot_bytes, salt)


def alias_claim(ctx_bytes: bytes, member: bytes) -> bytes:
    """What the alias key signs to say whose it is: a 32-byte hash of ctx and member (R8).

    An envelope's preimage is longer, so no claim is ever the preimage of a proposal.
    """
    return tagged_hash("alias-claim", ctx_bytes, member)


def _sized(value: bytes, name: str) -> None:
    if len(value) != 32:
        raise ValueError(f"a {name} is 32 bytes, not {len(value)}")
