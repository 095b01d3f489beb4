"""Everything that is read from outside, with samples of the real thing and what it may raise."""

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError

from consensus import canonical
from consensus.bodies import AnswerKind, AnswerSpec, BodyError, Budget, Content, Note
from consensus.committee import Committee
from consensus.deliberation.points import POINT_NAME, PointValue
from consensus.envelope import POINTS, Kind, pack
from consensus.tally.answers import normalise
from consensus.verdict import (
    Approval,
    Bundle,
    BundleError,
    Statement,
    VerdictError,
    decode_evidence,
    encode_evidence,
    evidence_problem,
    verify,
)
from node import (
    card,
    certificates,
    config,
    config_text,
    federation,
    federation_text,
    identity,
    notes,
    proofs,
)
from node.config import Config, ConfigError, ModelConfig
from node.federation import FederationError
from node.identity import IdentityError
from node.models import recordings
from node.models.base import ModelSetupError
from node.models.recordings import RecordingError
from node.models.shard import read_shard
from node.pb import control_pb2, peer_pb2, watch_pb2
from node.wire import codec, control, frames, ledger, watch
from node.wire.control import Ask, ControlError
from node.wire.frames import (
    Digest,
    FetchRequest,
    Frame,
    FrameError,
    Hello,
    LinkRefusal,
    Offer,
    Packet,
    TaskNote,
    Want,
)
from node.wire.limits import Limits
from node.wire.watch import Event, WatchError, WatchRequest
from reputation import FactKind, FeedbackFact
from reputation.digests import Summary
from reputation.facts import FactError, parse
from tests.harness import ledgers
from tests.harness.cast import ALICE, NETWORK
from tests.harness.federations import entry, person
from tests.harness.real_ring import real_envelopes, real_evidence, real_verdict

LIMITS: Final = Limits()
ID: Final = b"\x07" * 32


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One way in. `samples` gives well-formed bytes, given a directory of the test's own; `read`
    reads bytes, and may raise `refusals` and nothing else."""

    samples: Callable[[Path], list[bytes]]
    read: Callable[[bytes, Path], object]
    refusals: tuple[type[Exception], ...]
    text: bool = False
    slow: bool = False
    """Whether it takes milliseconds: files are written, signatures checked."""


def plainly(read: Callable[[bytes], object]) -> Callable[[bytes, Path], object]:
    """A reader that needs no directory."""
    return lambda data, _: read(data)


# -- the wire -------------------------------------------------------------------------------


def _frames(_: Path) -> list[bytes]:
    some = tuple(one for kind in Kind for one in real_envelopes()[kind][:2])
    hello = Hello(
        versions=(1, 2), network=ID, epoch=3, federation=ID, wall_ms=1_700_000_000_000,
        max_frame=2**20, max_envelope=2**24, software="quorate 0.1",
    )  # fmt: skip
    busy = Frame(
        envelopes=some[:3],
        digests=(
            Digest(task=ID, round=2, held=b"12345678" * 9),
            Digest(task=ID, round=1, verdict=ID),
        ),
        wants=(Want(task=ID, ids=(ID, ID[::-1])), Want(task=ID)),
        offers=(Offer(task=ID, id=ID, size=40_000),),
        ledger=ID,
        notes=(TaskNote(task=ID, note=codec.encode_note(_note())),),
    )
    said = LinkRefusal(code="busy", text="come back later")
    packets = [
        Packet(hello=hello),
        Packet(hello=replace(hello, versions=(1,) * frames.VERSIONS_MAX), refusal=said),
        Packet(frame=busy, ping=5, pong=7),
        *(Packet(frame=Frame(envelopes=(one,))) for one in some),
    ]
    return [frames.encode(packet) for packet in packets]


def _note() -> Note:
    return notes.sign(ALICE, ID, number=2, at_ms=5, text="\u00e9\n")


def _read_note(data: bytes) -> object:
    said = notes.read_statement(data)
    return None if said is None else codec.decode_note(said.note)


def _fetch(data: bytes) -> object:
    return frames.fetch_from_proto(peer_pb2.FetchRequest.FromString(data), LIMITS)


def _fetches(_: Path) -> list[bytes]:
    asked = (FetchRequest(task=ID, round=1), FetchRequest(task=ID, round=0, ids=(ID,) * 40))
    return [frames.fetch_to_proto(one).SerializeToString() for one in asked]


def _summaries(_: Path) -> list[bytes]:
    made = (
        Summary(digest=ID, count=2, ids=(ID, ID[::-1]), parts=()),
        Summary(digest=ID, count=9_000, ids=(), parts=(ID,) * 256),
    )
    return [ledger.summary_to_bytes(one) for one in made]


def _events(_: Path) -> list[bytes]:
    detail: dict[str, Any] = {"answer": "a", "figures": {"x": [1, 2, {"y": None}]}, "p": 0.5}
    made = (
        Event(task=ID, round=1, kind="verdict", detail=detail),
        Event(task=ID, round=0, kind="open", detail={}, open=real_envelopes()[Kind.TASK_OPEN][0]),
    )
    return [watch.event_to_proto(one).SerializeToString() for one in made]


def _watches(_: Path) -> list[bytes]:
    opened = real_envelopes()[Kind.TASK_OPEN][0]
    made = (WatchRequest(task=opened.id, open=opened), WatchRequest(task=ID))
    return [watch.watch_to_proto(one).SerializeToString() for one in made]


def _asks(_: Path) -> list[bytes]:
    ask = Ask(
        messages=(Content(text="which one?"), Content(vector=(1.0, 2.5))),
        answer=AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b")),
        domain="law",
        members=(ID,),
        policy={"rounds": 2, "rule": "borda"},
        mode="crash",
        not_after_s=60,
        budget=Budget(tokens=5),
    )
    return [control._ask_to_proto(ask).SerializeToString()]


def _ask(data: bytes) -> object:
    return control.ask_from_proto(control_pb2.AskRequest.FromString(data))


# -- what is agreed and handed on -----------------------------------------------------------


def _values(_: Path) -> list[bytes]:
    return [point.value for part in real_verdict().bundle.rounds for point in part.points]


def _value(data: bytes) -> object:
    point = data.partition(b'"point":"')[2]
    stage = next((one for one in POINTS if point.startswith(POINT_NAME[one].encode())), POINTS[0])
    return PointValue.decode(data, stage=stage, round_=1 + (b'"round":2' in data))


def _descriptors(_: Path) -> list[bytes]:
    return [real_verdict().committee.descriptor]


def _verdicts(_: Path) -> list[bytes]:
    return [real_verdict().bundle.encode()]


def _verdict(data: bytes) -> object:
    return verify(Bundle.decode(data), codec.reader(), None)


def _evidence(_: Path) -> list[bytes]:
    return [encode_evidence(*real_evidence())]


def _convict(data: bytes) -> object:
    return evidence_problem(*decode_evidence(data), codec.reader())


def _facts(_: Path) -> list[bytes]:
    return [ledgers.verdict(strikes={0: ("unopened",)}).body, _statement().body]


PROVEN: Final = tuple(kind for kind in FactKind if kind is not FactKind.VERDICT)


def _statement() -> FeedbackFact:
    return FeedbackFact(task=ID, client=ALICE.public, right=False, answer="b", at_ms=5)


def _approval() -> bytes:
    word = Approval(
        task=ID, verdict=ID, approver=ALICE.public, approve=True, note="\u00e9\n", at_ms=5
    )
    return Statement(approval=word, signature=ALICE.sign(word.preimage)).encode()


def _proofs(_: Path) -> list[bytes]:
    accepted = real_envelopes()[Kind.ACCEPTANCE][0]
    signed = (
        (FactKind.ACCEPTANCE, pack(accepted)),
        (FactKind.EVIDENCE, encode_evidence(*real_evidence())),
        (FactKind.FEEDBACK, proofs.sign_feedback(_statement(), ALICE)),
        (FactKind.APPROVAL, _approval()),
    )
    return [bytes([PROVEN.index(kind)]) + proof for kind, proof in signed]


def _prove(data: bytes) -> object:
    kind = PROVEN[data[0] % len(PROVEN)] if data else PROVEN[0]
    return proofs.prove(kind, data[1:], real_verdict().committee.network)


def _answers(_: Path) -> list[bytes]:
    return [
        b'{"a":[1,2.50,{"b":null}],"c":"\\u00e9"}', b"$1,234.50", b"\\frac{3}{4}", b"1e5 km",
        b"12 %", b"-0.5", b"\\boxed{12}", b"3 1/2", "twelve \u2212 5".encode(), b"(((1)))" * 9,
    ]  # fmt: skip


def _normalised(data: bytes) -> object:
    text = data.decode("utf-8", "replace")[:4_000]
    for kind, unit in ((AnswerKind.NUMBER, "km"), (AnswerKind.JSON, ""), (AnswerKind.TEXT, "")):
        normalise(AnswerSpec(kind=kind, unit=unit), text)
    return normalise(AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b")), text)


# -- files ----------------------------------------------------------------------------------


def _configs(home: Path) -> list[bytes]:
    options = {"family": "oak", "line": {"answer": "a", "table": [1, 2]}}
    made = Config(
        name="alice", listen="127.0.0.1:7400", directory=home,
        model=ModelConfig(backend="scripted", options=options),
    )  # fmt: skip
    return [config_text.render(made).encode()]


def _config(data: bytes, home: Path) -> object:
    return config.parse(data, home / "quorate.toml")


def _federations(home: Path) -> list[bytes]:
    members = [
        entry(_person(home, name), address=f"127.0.0.1:{7400 + at}")
        for at, name in enumerate(("alice", "bob", "carol"))
    ]
    made = federation.Federation(
        name="orchard", network=NETWORK, epoch=1, floors=federation.Floors(),
        members=tuple(members), clients=(federation.Client(name="shop", key=ALICE.public),),
    )  # fmt: skip
    return [federation_text.render(made)]


def _person(home: Path, name: str) -> identity.Identity:
    return identity.load(home / name) if (home / name).exists() else person(home, name)


def _cards(home: Path) -> list[bytes]:
    alice = _person(home, "alice")
    return [card.make(alice, name="alice", address="alice.example:7400", family="oak")]


def _identity_file(name: str, home: Path) -> list[bytes]:
    _person(home, "alice")
    return [(home / "alice" / name).read_bytes()]


def _identity(name: str, data: bytes, home: Path) -> object:
    path = home / "alice" / name
    good = path.read_bytes()
    try:
        _written(path, data)
        return identity.load(home / "alice")
    finally:
        _written(path, good)


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def _leaves(home: Path) -> list[bytes]:
    alice = _person(home, "alice")
    return [certificates.pem(alice.certificate), alice.leaf(datetime.now(UTC)).certificate]


def _cas(home: Path) -> list[bytes]:
    return [_person(home, "alice").certificate]


def _leaf(data: bytes, home: Path) -> object:
    alice, now = _person(home, "alice").public, datetime.now(UTC)
    return certificates.issued_by(data, [alice], now)


def _ca(data: bytes, home: Path) -> object:
    return certificates.check_ca(data, _person(home, "alice").public)


def _csv(_: Path) -> list[bytes]:
    rows = [f"{at},{at * 0.5},{'abc'[at % 3]}" for at in range(12)]
    return ["\n".join(["x,y,label", *rows]).encode(), b'x,label\n1,"a b"\n2,b\n']


def _npz(_: Path) -> list[bytes]:
    made = []
    for labels in (np.arange(8) % 2, np.array(list("abababab"))):
        for save in (np.savez, np.savez_compressed):
            out = io.BytesIO()
            save(out, x=np.arange(16.0).reshape(8, 2), y=labels)
            made.append(out.getvalue())
    return made


def _shard(suffix: str, data: bytes, home: Path) -> object:
    return read_shard(_written(home / f"shard{suffix}", data))


def _recorded(_: Path) -> list[bytes]:
    ranked = {
        "id": "q1", "gold": "A", "answers": {"m": {"answer": "A"}, "n": {"answer": "B"}},
        "rankings": {"p": {"ballots": {"m": ["m", "n"], "n": ["n", "m"]}}},
    }  # fmt: skip
    voted = {
        "id": "q2", "answers": [{"node": "u", "answer": "C"}, {"node": "v", "answer": "[none]"}],
        "votes": {"2": [{"judge": 0, "vote": [0.5, 0.5]}, {"judge": 1, "vote": [1.0, 0]}]},
    }  # fmt: skip
    text = "\n".join(map(json.dumps, (ranked, voted))).encode()
    return [text, gzip.compress(text, mtime=0)]


def _recording(data: bytes, home: Path) -> object:
    return recordings.load(str(_written(home / "recorded", data)), home)


READERS: Final[dict[str, Reader]] = {
    "frame": Reader(
        samples=_frames,
        read=plainly(lambda data: frames.decode(data, LIMITS)),
        refusals=(FrameError,),
    ),
    "note": Reader(
        samples=lambda _: [notes.statement(ID, _note())],
        read=plainly(_read_note),
        refusals=(BodyError,),
    ),
    "fetch": Reader(samples=_fetches, read=plainly(_fetch), refusals=(FrameError, DecodeError)),
    "summary request": Reader(
        samples=lambda _: [ledger.summary_request_to_bytes(b"abc")],
        read=plainly(ledger.summary_request_from_bytes),
        refusals=(FrameError,),
    ),
    "summary": Reader(
        samples=_summaries, read=plainly(ledger.summary_from_bytes), refusals=(FrameError,)
    ),
    "facts request": Reader(
        samples=lambda _: [ledger.facts_request_to_bytes((ID, ID[::-1]))],
        read=plainly(ledger.facts_request_from_bytes),
        refusals=(FrameError,),
    ),
    "fact on the wire": Reader(
        samples=lambda _: [ledger.fact_to_bytes(ledger.ProvenFact(kind=2, proof=b"p" * 99))],
        read=plainly(lambda data: ledger.fact_from_bytes(data, LIMITS.envelope_bytes)),
        refusals=(FrameError,),
    ),
    "watch": Reader(samples=_watches, read=plainly(watch.watch_from_bytes), refusals=(WatchError,)),
    "event": Reader(
        samples=_events,
        read=plainly(lambda data: watch.event_from_proto(watch_pb2.Event.FromString(data))),
        refusals=(WatchError, DecodeError),
    ),
    "control request": Reader(
        samples=_asks,
        read=plainly(_ask),
        refusals=(BodyError, ControlError, DecodeError),
    ),
    "committee": Reader(
        samples=_descriptors, read=plainly(Committee.parse), refusals=(ValueError,), text=True
    ),
    "agreed value": Reader(
        samples=_values, read=plainly(_value), refusals=(ValueError,), text=True
    ),
    "canonical JSON": Reader(
        samples=_values,
        read=plainly(canonical.decode),
        refusals=(canonical.CanonicalError,),
        text=True,
    ),
    "verdict": Reader(
        samples=_verdicts,
        read=plainly(_verdict),
        refusals=(BundleError, VerdictError),
        text=True,
        slow=True,
    ),
    "evidence": Reader(
        samples=_evidence, read=plainly(_convict), refusals=(BundleError,), text=True
    ),
    "fact": Reader(samples=_facts, read=plainly(parse), refusals=(FactError,), text=True),
    "proof": Reader(samples=_proofs, read=plainly(_prove), refusals=(proofs.BadProof,)),
    "answer": Reader(samples=_answers, read=plainly(_normalised), refusals=(), text=True),
    "configuration": Reader(
        samples=_configs, read=_config, refusals=(ConfigError,), text=True, slow=True
    ),
    "federation file": Reader(
        samples=_federations,
        read=plainly(federation_text.parse),
        refusals=(FederationError,),
        text=True,
        slow=True,
    ),
    "card": Reader(samples=_cards, read=plainly(card.read), refusals=(FederationError,), text=True),
    **{
        f"identity, {name}": Reader(
            samples=partial(_identity_file, name),
            read=partial(_identity, name),
            refusals=(IdentityError,),
            text=True,
            slow=True,
        )
        for name in (identity.KEY_FILE, identity.CERTIFICATE_FILE, identity.RECORD_FILE)
    },
    "leaf certificate": Reader(samples=_leaves, read=_leaf, refusals=(), text=True, slow=True),
    "member certificate": Reader(
        samples=_cas, read=_ca, refusals=(certificates.CertificateError,), slow=True
    ),
    "shard, CSV": Reader(
        samples=_csv,
        read=partial(_shard, ".csv"),
        refusals=(ModelSetupError,),
        text=True,
        slow=True,
    ),
    "shard, NumPy": Reader(
        samples=_npz, read=partial(_shard, ".npz"), refusals=(ModelSetupError,), slow=True
    ),
    "recorded models": Reader(
        samples=_recorded, read=_recording, refusals=(RecordingError,), text=True, slow=True
    ),
}


@cache
def samples(name: str, home: Path) -> list[bytes]:
    """Well-formed bytes of a reader, made once in a directory."""
    made = READERS[name].samples(home)
    assert made
    return made
