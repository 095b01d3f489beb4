"""What the core is handed instead of reaching out: pure callables and verified messages.

Encoding, Ed25519 and key derivation are deterministic functions of their arguments, so the
core stays pure while calling them; who provides them (protobuf and libsodium in the daemon,
a table in a test) is none of its business.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .bodies import Body
from .envelope import Ctx, Envelope, Kind, MessageId


@dataclass(frozen=True, kw_only=True)
class Message:
    """An envelope whose signature held, with its decoded ctx and body.

    `parts` are the verified proposals inside a BATCH, in its order; empty for other kinds.
    """

    envelope: Envelope
    kind: Kind
    ctx: Ctx
    body: Body
    parts: "tuple[Message, ...]" = ()

    @property
    def id(self) -> MessageId:
        """The envelope's message id."""
        return self.envelope.id

    @property
    def signer(self) -> bytes:
        """The envelope's signer, 32 bytes."""
        return self.envelope.signer


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasKey:
    """A one-time key pair: the public half and a signing callable (preimage to 64 bytes)."""

    public: bytes
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What it takes to read messages of others.

    `decode(kind, payload)` gives the body or raises `BodyError`; `verify(signer, preimage,
    signature)` says whether an Ed25519 signature holds (rule S5).
    """

    decode: Callable[[Kind, bytes], Body]
    verify: Callable[[bytes, bytes, bytes], bool]

    def checked(self, envelope: Envelope) -> Message:
        """The message in an envelope that was checked before: what one wrote oneself, stored with
        it, or took into a BATCH. No signature is looked at. Raises `ValueError`, `BodyError`."""
        kind = Kind(envelope.kind)
        return Message(
            envelope=envelope,
            kind=kind,
            ctx=Ctx.unpack(envelope.ctx),
            body=self.decode(kind, envelope.payload),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """What it takes to write one's own messages.

    `encode(body)` gives payload bytes (a Ballot's are the bytes that are sealed);
    `sign(preimage)` the identity's signature; `alias(seed)` the one-time key pair that
    grows from 32 secret bytes; `public` is the identity's public key.
    """

    public: bytes
    encode: Callable[[Body], bytes]
    sign: Callable[[bytes], bytes]
    alias: Callable[[bytes], AliasKey]
