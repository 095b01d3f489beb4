"""The cast of the tests: alice, bob, carol and dave are honest, mallory is not.

Keys grow from the names, so that envelopes, ids and transcripts are the same in every run.
"""

import hashlib

from consensus.bodies import Body
from consensus.committee import Committee, FaultMode
from consensus.envelope import ZERO, Ctx, Envelope, Member, Stage, preimage
from consensus.policy import Policy
from node.keys import SigningKey
from node.wire import codec

NETWORK = hashlib.sha256(b"a test federation").digest()


def key(name: str) -> SigningKey:
    """The key pair of a member of the cast, or of an alias by any other name."""
    return SigningKey(hashlib.sha256(name.encode()).digest())


ALICE, BOB, CAROL, DAVE, MALLORY = map(key, ("alice", "bob", "carol", "dave", "mallory"))
HONEST = (ALICE, BOB, CAROL, DAVE)


def committee(
    *keys: SigningKey,
    mode: FaultMode = FaultMode.BYZANTINE,
    policy: Policy | None = None,
    network: bytes = NETWORK,
) -> Committee:
    """A committee of `keys`, by default of the four honest ones."""
    members = sorted(member.public for member in keys or HONEST)
    return Committee(
        network=network,
        members=tuple(Member(member) for member in members),
        families=tuple(f"family-{place}" for place in range(len(members))),
        mode=mode,
        policy=policy or Policy(),
    )


def ctx(of: Committee, *, task: bytes = ZERO, round: int = 0, stage: Stage = Stage.OPEN) -> Ctx:
    """The ctx of an instance of a task of that committee."""
    return Ctx(network=of.network, committee=of.hash, task=task, round=round, stage=stage)


def signed(by: SigningKey, kind: int, at: Ctx | bytes, body: Body | bytes) -> Envelope:
    """An envelope of `kind` in the instance `at`, signed; raw bytes are taken as they are."""
    packed = at if isinstance(at, bytes) else at.pack()
    payload = body if isinstance(body, bytes) else codec.encode(body)
    image = preimage(kind=kind, ctx=packed, signer=by.public, payload=payload)
    return Envelope(
        kind=kind, ctx=packed, payload=payload, signer=by.public, signature=by.sign(image)
    )
