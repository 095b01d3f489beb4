"""A verdict as a file: the TaskOpen, and for each round what was agreed and on what (E1).

The file is one canonical JSON object: a byte changed anywhere either breaks the form or changes
something that is signed. Only the order in which a round's envelopes and a point's precommits are
listed says nothing, and is nobody's to sign: the verdict's id is the same in any.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from .. import canonical
from ..agreement.instance import value_id
from ..bodies import BodyError, Propose
from ..deliberation.effects import Finish
from ..deliberation.points import PointValue
from ..envelope import CTX_SIZE, POINTS, Envelope, Stage
from .release import MAX_STATEMENT, Statement

FORMAT = "quorate-verdict/1"
"""The first words of every verdict file."""

MAX_FILE = 268_435_456
"""Largest file that is read, in bytes: three rounds, the default, of the largest committee, every
word of theirs as long as it may be. Reading it takes some times its size in memory, so a task
whose verdict could be larger is not admitted (S7, `node.wire.bounds.rounds_max`)."""

MAX_RELEASE = 256
"""Most approvers' words in a file: as many as a federation has clients."""

SPAN = 32
"""Bytes for each value in a file of envelopes, at least: one has six, in over 300 bytes."""

STRUCTURE = 128
"""Bytes of names and brackets around a file, a round or a point, at least."""

_OPENING_WORDS = b'{"format":"' + FORMAT.encode() + b'"'


class BundleError(ValueError):
    """The bytes are not a verdict file. `damaged` says that they once may have been."""

    def __init__(self, text: str, *, damaged: bool = False) -> None:
        super().__init__(text)
        self.damaged = damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class PointBundle:
    """A decided point: the PROPOSE that carries its value, and q precommits for it."""

    carrier: Envelope
    precommits: tuple[Envelope, ...]

    @property
    def value(self) -> bytes:
        """The decided bytes. Raises `BodyError` if the carrier is malformed."""
        return Propose.unpack(self.carrier.payload).value


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundBundle:
    """A round: its points in order (slate, freeze, outcome) and every envelope they name."""

    points: tuple[PointBundle, ...]
    named: tuple[Envelope, ...]

    def envelopes(self) -> tuple[Envelope, ...]:
        """All of the round's envelopes, carriers and precommits included."""
        votes = [item for point in self.points for item in (point.carrier, *point.precommits)]
        return (*self.named, *votes)

    def value(self, stage: Stage, number: int) -> PointValue:
        """What was decided at a point of this round, the `number`-th (from 1). Raises `BodyError`,
        and `IndexError` if the point is not there."""
        point = self.points[POINTS.index(stage)]
        return PointValue.decode(point.value, stage=stage, round_=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A verdict, not yet verified. `release` are approvers' words on it (E4), which are no part of
    what was decided: its id is the same without."""

    opened: Envelope
    rounds: tuple[RoundBundle, ...]
    release: tuple[Statement, ...] = ()

    @property
    def task(self) -> bytes:
        """The task's id (S7)."""
        return self.opened.id

    @property
    def id(self) -> bytes:
        """The verdict's id: the hash of the last decided value (E1). Raises `BundleError`."""
        try:
            return value_id(self.rounds[-1].points[-1].value)
        except (BodyError, IndexError) as error:
            raise BundleError(f"the verdict has no last value: {error}", damaged=True) from None

    @classmethod
    def of(cls, finish: Finish) -> "Bundle":
        """The verdict of a finished task."""
        return cls(
            opened=finish.opened.envelope,
            rounds=tuple(
                RoundBundle(
                    points=tuple(
                        PointBundle(
                            carrier=point.carrier.envelope,
                            precommits=tuple(vote.envelope for vote in point.precommits),
                        )
                        for point in record.points
                    ),
                    named=tuple(message.envelope for message in record.named),
                )
                for record in finish.rounds
            ),
        )

    def encode(self) -> bytes:
        """The bytes of the file."""
        release = {"release": [_statement(item) for item in self.release]} if self.release else {}
        return canonical.encode(
            {
                **release,
                "format": FORMAT,
                "opened": to_plain(self.opened),
                "rounds": [
                    {
                        "named": [to_plain(item) for item in part.named],
                        "points": [
                            {
                                "carrier": to_plain(point.carrier),
                                "precommits": [to_plain(vote) for vote in point.precommits],
                            }
                            for point in part.points
                        ],
                    }
                    for part in self.rounds
                ],
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "Bundle":
        """The verdict in a file's bytes. Raises `BundleError`."""
        if len(data) > MAX_FILE:
            raise BundleError(f"{len(data)} bytes are more than a verdict takes ({MAX_FILE})")
        if not data.startswith(_OPENING_WORDS):
            raise BundleError("this is not a verdict file: it does not begin like one")
        try:
            # Its form is checked below, by writing it again.
            plain = canonical.read_sparse(data, SPAN)
            bundle = cls(
                opened=from_plain(plain["opened"]),
                release=tuple(
                    Statement.decode(base64.b64decode(item, validate=True))
                    for item in _words(plain.get("release", []))
                ),
                rounds=tuple(
                    RoundBundle(
                        points=tuple(
                            PointBundle(
                                carrier=from_plain(point["carrier"]),
                                precommits=tuple(map(from_plain, point["precommits"])),
                            )
                            for point in part["points"]
                        ),
                        named=tuple(map(from_plain, part["named"])),
                    )
                    for part in plain["rounds"]
                ),
            )
        except (canonical.CanonicalError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"the verdict file is damaged: {error}", damaged=True) from None
        if bundle.encode() != data:
            text = "the verdict file is not in canonical form, or holds more than a verdict"
            raise BundleError(text, damaged=True)
        return bundle


def envelope_room(payload: int) -> int:
    """Bytes that an envelope with a payload of so many bytes takes in a file, at most."""
    return _BARE + _spelled(payload)


def release_room() -> int:
    """Bytes that approvers' words take in a file, at most."""
    return MAX_RELEASE * (_spelled(MAX_STATEMENT) + len('"",'))


def _spelled(size: int) -> int:
    """Letters of base64 for so many bytes."""
    return 4 * -(-size // 3)


def _words(plain: list[str]) -> list[str]:
    """Approvers' words, before any is read (T3). Raises `ValueError` if they are too many."""
    if len(plain) > MAX_RELEASE:
        raise ValueError(f"{len(plain)} words on its release, over {MAX_RELEASE}")
    return plain


def _statement(item: Statement) -> str:
    """As one text of base64: a note may hold what a file of envelopes has no room for (`SPAN`)."""
    return _base64(item.encode())


def to_plain(envelope: Envelope) -> dict[str, Any]:
    """An envelope as canonical plain data."""
    return {
        "ctx": _base64(envelope.ctx),
        "kind": envelope.kind,
        "payload": _base64(envelope.payload),
        "signature": _base64(envelope.signature),
        "signer": envelope.signer.hex(),
    }


def from_plain(plain: dict[str, Any]) -> Envelope:
    """The inverse of `to_plain`. Raises `ValueError`, `KeyError` or `TypeError`."""
    kind = plain["kind"]
    if type(kind) is not int or not 0 <= kind <= 255:  # true would be another form of 1
        raise ValueError("an envelope's kind is not a small number")
    try:
        return Envelope(
            kind=kind,
            ctx=base64.b64decode(plain["ctx"], validate=True),
            payload=base64.b64decode(plain["payload"], validate=True),
            signer=bytes.fromhex(plain["signer"]),
            signature=base64.b64decode(plain["signature"], validate=True),
        )
    except binascii.Error as error:
        raise ValueError(f"an envelope is not base64: {error}") from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


_BARE = 1 + len(  # and a comma
    canonical.encode(
        to_plain(
            Envelope(
                kind=255, ctx=bytes(CTX_SIZE), payload=b"", signer=bytes(32), signature=bytes(64)
            )
        )
    )
)
"""Bytes of an envelope in a file without its payload."""
