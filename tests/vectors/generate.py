"""Writes the golden vectors: `python -m tests.vectors.generate`.

A difference in what it writes is a difference in what is signed: a new wire version.
"""

import json
from pathlib import Path
from typing import Any

from consensus import canonical
from consensus.bodies import Propose, Vote
from consensus.committee import FaultMode, Quorum
from consensus.envelope import Ctx, Envelope, Kind, Stage, length_prefixed, tagged_hash
from consensus.policy import Policy
from tests.harness import cast

from . import examples

HERE = Path(__file__).parent


def envelope(of: Envelope) -> dict[str, Any]:
    """One envelope with everything that its signature covers."""
    ctx = Ctx.unpack(of.ctx)
    return {
        "kind": int(of.kind),
        "kind_name": Kind(of.kind).name,
        "network": ctx.network.hex(),
        "committee": ctx.committee.hex(),
        "task": ctx.task.hex(),
        "round": ctx.round,
        "stage": int(ctx.stage),
        "ctx": of.ctx.hex(),
        "payload": of.payload.hex(),
        "signer": of.signer.hex(),
        "preimage": of.preimage.hex(),
        "signature": of.signature.hex(),
        "id": of.id.hex(),
    }


def envelopes() -> Any:
    """Every kind of envelope: ctx, payload, preimage, signature, id."""
    return {name: envelope(of) for name, of in examples.envelopes().items()}


def committees() -> Any:
    """Descriptors and their hashes, and the sizes that follow from N (rules S3, S6)."""
    four = {
        "byzantine": examples.COMMITTEE,
        "crash": cast.committee(mode=FaultMode.CRASH),
        "alone": cast.committee(cast.ALICE, policy=Policy(rounds=1, share="answer")),
    }
    return {
        "committees": {
            name: {"descriptor": of.descriptor.decode(), "hash": of.hash.hex()}
            for name, of in four.items()
        },
        "quorums": [
            {"mode": str(mode), "n": n, "f": size.f, "q": size.q, "t": size.t}
            for mode in FaultMode
            for n in range(1, 11)
            for size in (Quorum.of(n, mode),)
        ],
    }


def votes() -> Any:
    """The fixed binary layouts (rules S4, R1c)."""
    value = bytes(range(32))
    return {
        "votes": [
            {"view": vote.view, "value": vote.value.hex(), "bytes": vote.pack().hex()}
            for vote in (
                Vote(view=0, value=bytes(32)),
                Vote(view=1, value=value),
                Vote(view=2**31 - 1, value=value[::-1]),
            )
        ],
        "notes": [
            {
                "task": task.hex(),
                "author": note.author.hex(),
                "number": note.number,
                "at_ms": note.at_ms,
                "text": note.text,
                "preimage": note.preimage(task).hex(),
                "id": note.id(task).hex(),
            }
            for task in (bytes(32), value)
            for note in (examples.note(task),)
        ],
        "proposes": [
            {
                "view": item.view,
                "valid_view": item.valid_view,
                "value": item.value.hex(),
                "bytes": item.pack().hex(),
            }
            for item in (
                Propose(view=0, valid_view=-1, value=b"{}"),
                Propose(view=7, valid_view=6, value=examples.VALUE),
            )
        ],
    }


def encodings() -> Any:
    """Canonical bytes, length prefixes and tagged hashes (rules S1, V5)."""
    values = [
        None,
        True,
        [],
        {},
        {"b": 1, "a": [-(2**53), 2**53, 0]},
        {"text": 'quote " backslash \\ newline \n nul \x00 手書き \U0001f522'},
        {"A": 1, "a": 2, "~": 3, " ": 4},
    ]
    parts = [[], [""], ["", ""], ["a", "bc"], ["ab", "c"]]
    return {
        "canonical": [{"value": value, "bytes": canonical.encode(value).hex()} for value in values],
        "length_prefixed": [
            {
                "parts": items,
                "bytes": length_prefixed(*(item.encode() for item in items)).hex(),
                "tagged_hash": tagged_hash("vector", *(item.encode() for item in items)).hex(),
            }
            for items in parts
        ],
        "stages": {stage.name: int(stage) for stage in Stage},
        "kinds": {kind.name: int(kind) for kind in Kind},
    }


FILES = {
    "envelopes.json": envelopes,
    "committees.json": committees,
    "votes.json": votes,
    "encodings.json": encodings,
}


def render(name: str) -> str:
    """The text of one vector file."""
    return json.dumps(FILES[name](), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file in FILES:
        (HERE / file).write_text(render(file), encoding="utf-8")
