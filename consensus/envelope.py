"""Envelopes, instances and message ids (rules S1, S2, S4).

An envelope is carried as the bytes that were signed: `ctx` and `payload` are opaque here
and nothing is serialised again before a signature is checked.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NewType

DOMAIN = b"quorate/v1"
"""Domain tag of every signature and hash of this protocol version."""

MessageId = NewType("MessageId", bytes)
"""SHA-256 of an envelope's preimage, 32 bytes."""

Member = NewType("Member", bytes)
"""A member's Ed25519 public key, 32 bytes."""

TaskId = NewType("TaskId", bytes)
"""Message id of the TaskOpen, 32 bytes."""

ZERO = bytes(32)
"""Thirty-two zero bytes: the task of a TaskOpen's own ctx, and the nil vote."""


class Kind(IntEnum):
    """What an envelope carries. The numbers are on the wire and never reused."""

    TASK_OPEN = 1
    ACCEPTANCE = 2
    COMMIT = 3
    PROPOSAL = 4
    BATCH = 5
    SEAL = 6
    OPENING = 7
    REPORT = 8
    PROPOSE = 9
    PREVOTE = 10
    PRECOMMIT = 11
    PACKET = 12
    BUNDLE = 13


class Stage(IntEnum):
    """The part of a round that an envelope belongs to (rule S2).

    SLATE, FREEZE and OUTCOME are the three agreed points of a round; their votes, value
    proposals and REPORTs carry the point's stage, and so does what the point decides on:
    commits (SLATE), sealed ballots (FREEZE), openings (OUTCOME).
    """

    OPEN = 0
    SLATE = 1
    EXCHANGE = 2
    FREEZE = 3
    OUTCOME = 4


POINTS = (Stage.SLATE, Stage.FREEZE, Stage.OUTCOME)
"""The agreed points of a round, in order."""

STAGE_OF = {
    Kind.TASK_OPEN: (Stage.OPEN,),
    Kind.ACCEPTANCE: (Stage.OPEN,),
    Kind.COMMIT: (Stage.SLATE,),
    Kind.PROPOSAL: (Stage.EXCHANGE,),
    Kind.BATCH: (Stage.EXCHANGE,),
    Kind.PACKET: (Stage.EXCHANGE,),
    Kind.BUNDLE: (Stage.EXCHANGE,),
    Kind.SEAL: (Stage.FREEZE,),
    Kind.OPENING: (Stage.OUTCOME,),
    Kind.REPORT: POINTS,
    Kind.PROPOSE: POINTS,
    Kind.PREVOTE: POINTS,
    Kind.PRECOMMIT: POINTS,
}
"""The stages in which each kind may appear; anything else is refused at the gate."""

VOTES = (Kind.PREVOTE, Kind.PRECOMMIT)

_CTX = struct.Struct(">32s32s32sIB")

CTX_SIZE = _CTX.size
"""Bytes of a packed ctx: 101."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ctx:
    """The instance a message belongs to: 32-byte ids, `round` from 1 (0 while opening)."""

    network: bytes
    committee: bytes
    task: bytes
    round: int
    stage: Stage

    def pack(self) -> bytes:
        """The 101 bytes that are signed: network, committee, task, round, stage."""
        return _CTX.pack(self.network, self.committee, self.task, self.round, self.stage)

    @classmethod
    def unpack(cls, data: bytes) -> "Ctx":
        """The inverse of `pack`. Raises `ValueError` on a wrong length or unknown stage."""
        if len(data) != _CTX.size:
            raise ValueError(f"ctx is {len(data)} bytes, not {_CTX.size}")
        network, committee, task, round_, stage = _CTX.unpack(data)
        return cls(
            network=network, committee=committee, task=task, round=round_, stage=Stage(stage)
        )


def length_prefixed(*parts: bytes) -> bytes:
    """Concatenation of `parts`, each behind its length in 4 big-endian bytes."""
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])


def split_prefixed(data: bytes, count: int | None = None) -> tuple[bytes, ...]:
    """The inverse of `length_prefixed`. Raises `ValueError` if `data` is cut short, or is not of
    `count` parts where it is known how many there are."""
    parts, at = [], 0
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data) or start > len(data):
            raise ValueError("a part is cut short")
        parts.append(data[start:at])
    if count not in (None, len(parts)):
        raise ValueError(f"{len(parts)} parts, not {count}")
    return tuple(parts)


def tagged_hash(tag: str, *parts: bytes) -> bytes:
    """SHA-256 over the domain tag, `tag` and `parts`, each length-prefixed."""
    return hashlib.sha256(length_prefixed(DOMAIN, tag.encode("ascii"), *parts)).digest()


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A signed message as it travels (rule S1).

    `kind` is an int so that an envelope of an unknown kind can be carried to the gate and
    refused there by name. `ctx` is the packed `Ctx`, `signer` 32 bytes, `signature` 64.
    """

    kind: int
    ctx: bytes
    payload: bytes
    signer: bytes
    signature: bytes

    @cached_property
    def preimage(self) -> bytes:
        """The bytes under the signature."""
        return preimage(kind=self.kind, ctx=self.ctx, signer=self.signer, payload=self.payload)

    @cached_property
    def id(self) -> MessageId:
        """SHA-256 of the preimage."""
        return MessageId(hashlib.sha256(self.preimage).digest())


def preimage(*, kind: int, ctx: bytes, signer: bytes, payload: bytes) -> bytes:
    """The length-prefixed preimage of a signature: domain tag, kind, ctx, signer, payload."""
    return length_prefixed(DOMAIN, bytes([kind]), ctx, signer, payload)


def pack(envelope: Envelope) -> bytes:
    """A whole envelope: length-prefixed kind, ctx, payload, signer, signature."""
    return length_prefixed(
        bytes([envelope.kind]),
        envelope.ctx,
        envelope.payload,
        envelope.signer,
        envelope.signature,
    )


def unpack(data: bytes) -> Envelope:
    """The inverse of `pack`. Raises `ValueError` if it is not that; no signature is checked."""
    kind, ctx, payload, signer, signature = split_prefixed(data, 5)
    if len(kind) != 1:
        raise ValueError(f"an envelope's kind is {len(kind)} bytes, not 1")
    return Envelope(kind=kind[0], ctx=ctx, payload=payload, signer=signer, signature=signature)


def pack_all(envelopes: Iterable[Envelope]) -> bytes:
    """Whole envelopes in one string of bytes, for a member's own store."""
    return length_prefixed(*map(pack, envelopes))


def unpack_all(data: bytes) -> tuple[Envelope, ...]:
    """The inverse of `pack_all`. Raises `ValueError` if it is not that."""
    return tuple(map(unpack, split_prefixed(data)))
