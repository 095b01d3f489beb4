"""Payload bytes to bodies and back: the one place where a payload gets a meaning.

`encode` and `decode` bound the size first and leave the fields to the pairs of `pairs`.
"""

from typing import assert_never

from google.protobuf.message import Message

from consensus.bodies import (
    Acceptance,
    Ballot,
    Batch,
    Body,
    BodyError,
    Bundle,
    Commit,
    Note,
    Opening,
    Packet,
    Proposal,
    Propose,
    Report,
    Seal,
    TaskOpen,
    Vote,
)
from consensus.committee import MAX_MEMBERS
from consensus.envelope import Envelope, Kind
from consensus.ports import Reader, Writer

from .. import keys
from ..pb import quorate_pb2 as pb
from . import pairs
from .bounds import NOTE_MAX, ballot_max, payload_max


def reader() -> Reader:
    """What the core needs to read others' messages: this codec and libsodium."""
    return Reader(decode=decode, verify=keys.verify)


def writer(key: keys.SigningKey) -> Writer:
    """What the core needs to write messages under the identity `key`."""
    return Writer(public=key.public, encode=encode, sign=key.sign, alias=keys.alias_key)


def encode(body: Body) -> bytes:
    """Payload bytes of `body`; of a Ballot, the bytes that are sealed.

    Raises `BodyError` if they are more than any committee reads.
    """
    match body:
        case Vote() | Propose():
            return body.pack()
        case Packet() | Bundle():
            kind = Kind.PACKET if isinstance(body, Packet) else Kind.BUNDLE
            data = body.pack()
            _bound(data, payload_max(kind), kind.name.lower())
            return data
        case Ballot():
            return _bytes(pairs.ballot_to_proto(body), ballot_max(MAX_MEMBERS), "ballot")
        case TaskOpen():
            return _payload(Kind.TASK_OPEN, pairs.task_open_to_proto(body))
        case Acceptance():
            return _payload(Kind.ACCEPTANCE, pairs.acceptance_to_proto(body))
        case Commit():
            return _payload(Kind.COMMIT, pairs.commit_to_proto(body))
        case Proposal():
            return _payload(Kind.PROPOSAL, pairs.proposal_to_proto(body))
        case Batch():
            return _payload(Kind.BATCH, pairs.batch_to_proto(body))
        case Seal():
            return _payload(Kind.SEAL, pairs.seal_to_proto(body))
        case Opening():
            return _payload(Kind.OPENING, pairs.opening_to_proto(body))
        case Report():
            return _payload(Kind.REPORT, pairs.report_to_proto(body))
    assert_never(body)


def decode(kind: Kind, payload: bytes) -> Body:
    """The body behind `payload`. Raises `BodyError` for anything malformed."""
    _bound(payload, payload_max(kind), kind.name.lower())
    match kind:
        case Kind.PREVOTE | Kind.PRECOMMIT:
            return Vote.unpack(payload)
        case Kind.PACKET:
            return Packet.unpack(payload)
        case Kind.BUNDLE:
            return Bundle.unpack(payload)
        case Kind.PROPOSE:
            return Propose.unpack(payload)
        case Kind.TASK_OPEN:
            return pairs.task_open_from_proto(pairs.parse(pb.TaskOpen, payload))
        case Kind.ACCEPTANCE:
            return pairs.acceptance_from_proto(pairs.parse(pb.Acceptance, payload))
        case Kind.COMMIT:
            return pairs.commit_from_proto(pairs.parse(pb.Commit, payload))
        case Kind.PROPOSAL:
            return pairs.proposal_from_proto(pairs.parse(pb.Proposal, payload))
        case Kind.BATCH:
            return pairs.batch_from_proto(pairs.parse(pb.Batch, payload))
        case Kind.SEAL:
            return pairs.seal_from_proto(pairs.parse(pb.Seal, payload))
        case Kind.OPENING:
            return pairs.opening_from_proto(pairs.parse(pb.Opening, payload))
        case Kind.REPORT:
            return pairs.report_from_proto(pairs.parse(pb.Report, payload))
    assert_never(kind)


def task_open(envelope: Envelope) -> TaskOpen:
    """What a TASK_OPEN's envelope asks for. Raises `BodyError`."""
    body = decode(Kind.TASK_OPEN, envelope.payload)
    assert isinstance(body, TaskOpen)
    return body


def encode_note(note: Note) -> bytes:
    """A person's note by itself, as it travels between members and stands in a store (R1c)."""
    return _bytes(pairs.note_to_proto(note), NOTE_MAX, "note")


def decode_note(data: bytes) -> Note:
    """The note behind its bytes. Raises `BodyError` for anything malformed."""
    _bound(data, NOTE_MAX, "note")
    return pairs.note_from_proto(pairs.parse(pb.Note, data))


def _payload(kind: Kind, message: Message) -> bytes:
    return _bytes(message, payload_max(kind), kind.name.lower())


def _bytes(message: Message, limit: int, name: str) -> bytes:
    data = message.SerializeToString(deterministic=True)
    _bound(data, limit, name)
    return data


def _bound(data: bytes, limit: int, name: str) -> None:
    if len(data) > limit:
        raise BodyError(f"{name} is {len(data)} bytes, over {limit}")
