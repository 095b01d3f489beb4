"""Holds the golden vectors against the core: `python -m tests.vectors.check`.

Needs nothing but the standard library, so that any supported interpreter can run it bare.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consensus import canonical
from consensus.bodies import Note, Propose, Vote
from consensus.committee import Committee, FaultMode, Quorum
from consensus.envelope import Ctx, Envelope, Kind, Stage, length_prefixed, tagged_hash

HERE = Path(__file__).parent


def load(name: str) -> Any:
    """One vector file."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def differences() -> Iterator[str]:
    """What differs, one sentence each; nothing if all holds."""
    yield from _envelopes()
    yield from _committees()
    yield from _votes()
    yield from _encodings()


def _differ(what: str, found: object, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{what} is {found}, the vector says {expected}"


def _envelopes() -> Iterator[str]:
    for name, vector in load("envelopes.json").items():
        ctx = Ctx(
            network=bytes.fromhex(vector["network"]),
            committee=bytes.fromhex(vector["committee"]),
            task=bytes.fromhex(vector["task"]),
            round=vector["round"],
            stage=Stage(vector["stage"]),
        )
        envelope = Envelope(
            kind=vector["kind"],
            ctx=ctx.pack(),
            payload=bytes.fromhex(vector["payload"]),
            signer=bytes.fromhex(vector["signer"]),
            signature=bytes.fromhex(vector["signature"]),
        )
        yield from _differ(f"{name}: kind", Kind(vector["kind"]).name, vector["kind_name"])
        yield from _differ(f"{name}: ctx", envelope.ctx.hex(), vector["ctx"])
        yield from _differ(f"{name}: ctx read back", Ctx.unpack(envelope.ctx), ctx)
        yield from _differ(f"{name}: preimage", envelope.preimage.hex(), vector["preimage"])
        yield from _differ(f"{name}: id", envelope.id.hex(), vector["id"])


def _committees() -> Iterator[str]:
    vectors = load("committees.json")
    for name, vector in vectors["committees"].items():
        descriptor = vector["descriptor"].encode()
        committee = Committee.parse(descriptor)
        yield from _differ(f"{name}: descriptor", committee.descriptor, descriptor)
        yield from _differ(f"{name}: hash", committee.hash.hex(), vector["hash"])
    for row in vectors["quorums"]:
        size = Quorum.of(row["n"], FaultMode(row["mode"]))
        found = {"mode": row["mode"], "n": size.n, "f": size.f, "q": size.q, "t": size.t}
        yield from _differ(f"quorum of {row['n']}", found, row)


def _votes() -> Iterator[str]:
    vectors = load("votes.json")
    for row in vectors["votes"]:
        vote = Vote(view=row["view"], value=bytes.fromhex(row["value"]))
        yield from _differ("vote", vote.pack().hex(), row["bytes"])
        yield from _differ("vote read back", Vote.unpack(vote.pack()), vote)
    for row in vectors["notes"]:
        note = Note(
            author=bytes.fromhex(row["author"]),
            number=row["number"],
            at_ms=row["at_ms"],
            text=row["text"],
            signature=bytes(64),
        )
        task = bytes.fromhex(row["task"])
        yield from _differ("note", note.preimage(task).hex(), row["preimage"])
        yield from _differ("note's id", note.id(task).hex(), row["id"])
    for row in vectors["proposes"]:
        item = Propose(
            view=row["view"], valid_view=row["valid_view"], value=bytes.fromhex(row["value"])
        )
        yield from _differ("propose", item.pack().hex(), row["bytes"])
        yield from _differ("propose read back", Propose.unpack(item.pack()), item)


def _encodings() -> Iterator[str]:
    vectors = load("encodings.json")
    for row in vectors["canonical"]:
        data = bytes.fromhex(row["bytes"])
        yield from _differ("canonical bytes", canonical.encode(row["value"]).hex(), row["bytes"])
        yield from _differ("canonical value", canonical.decode(data), row["value"])
    for row in vectors["length_prefixed"]:
        parts = [part.encode() for part in row["parts"]]
        yield from _differ("length prefixes", length_prefixed(*parts).hex(), row["bytes"])
        yield from _differ("tagged hash", tagged_hash("vector", *parts).hex(), row["tagged_hash"])
    yield from _differ("stages", {stage.name: int(stage) for stage in Stage}, vectors["stages"])
    yield from _differ("kinds", {kind.name: int(kind) for kind in Kind}, vectors["kinds"])


if __name__ == "__main__":
    found = list(differences())
    version = ".".join(map(str, sys.version_info[:3]))
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"golden vectors {'differ' if found else 'hold'} on Python {version}\n")
    sys.exit(bool(found))
