"""Verdicts changed in every way that a stranger, a member, f members or a quorum could.

`tamperings` lists changes of one verdict as thunks: a name, and what makes the file's bytes. They
are grouped by who can make them:

- *stranger*: has files only, its own and another of the same committee, and no key;
- *file*: the same change of mind in the spelling of the file;
- *member*, *few*: sign what they like under the keys of one member, or of f;
- *all*: the whole committee signs an outcome again that does not follow from its envelopes.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from consensus import canonical
from consensus.bodies import Body, Commit, Opening, Propose, Report, Seal, Vote
from consensus.envelope import POINTS, Ctx, Envelope, Kind, Stage, tagged_hash
from consensus.verdict import Bundle, PointBundle

from .verdicts import Verdict

Make = Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering:
    """One change. `who` can make it; `make` gives the file's bytes."""

    who: str
    what: str
    make: Make


# -- where an envelope stands -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a bundle: the TaskOpen (round 0), or in a round a named envelope (point -1), a
    point's carrier (at -1) or one of its precommits."""

    round: int = 0
    point: int = -1
    at: int = -1

    def __str__(self) -> str:
        if not self.round:
            return "the TaskOpen"
        if self.point < 0:
            return f"round {self.round}'s envelope {self.at}"
        part = "carrier" if self.at < 0 else f"precommit {self.at}"
        return f"round {self.round}'s {POINTS[self.point].name} {part}"


def places(bundle: Bundle) -> Iterator[Place]:
    """Every place of a bundle."""
    yield Place()
    for number, part in enumerate(bundle.rounds, 1):
        for at in range(len(part.named)):
            yield Place(number, -1, at)
        for point, one in enumerate(part.points):
            for at in range(-1, len(one.precommits)):
                yield Place(number, point, at)


def found(bundle: Bundle, place: Place) -> Envelope:
    """The envelope at a place."""
    if not place.round:
        return bundle.opened
    part = bundle.rounds[place.round - 1]
    if place.point < 0:
        return part.named[place.at]
    point = part.points[place.point]
    return point.carrier if place.at < 0 else point.precommits[place.at]


def put(bundle: Bundle, place: Place, *some: Envelope) -> Bundle:
    """The bundle with none, one or several envelopes at a place (a lone place takes one)."""
    if not place.round:
        return replace(bundle, opened=some[0])
    part = bundle.rounds[place.round - 1]
    if place.point < 0:
        named = (*part.named[: place.at], *some, *part.named[place.at + 1 :])
        part = replace(part, named=named)
    else:
        point = part.points[place.point]
        if place.at < 0:
            point = replace(point, carrier=some[0])
        else:
            votes = point.precommits
            votes = (*votes[: place.at], *some, *votes[place.at + 1 :])
            point = replace(point, precommits=votes)
        points = (*part.points[: place.point], point, *part.points[place.point + 1 :])
        part = replace(part, points=points)
    rounds = (*bundle.rounds[: place.round - 1], part, *bundle.rounds[place.round :])
    return replace(bundle, rounds=rounds)


def lone(place: Place) -> bool:
    """Whether exactly one envelope stands there in any file."""
    return not place.round or (place.point >= 0 and place.at < 0)


# -- a stranger -------------------------------------------------------------------------------


def _flipped(data: bytes, at: int, by: int = 1) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]


CTX_PARTS = {"network": 5, "committee": 40, "task": 70, "round": 99, "stage": 100}


def _fields(envelope: Envelope) -> Iterator[tuple[str, Envelope]]:
    """One envelope with each of its fields changed, and no signature made anew."""
    for kind in (envelope.kind % 13 + 1, 14, 255):
        yield f"kind {kind}", replace(envelope, kind=kind)
    for part, at in CTX_PARTS.items():
        yield f"the ctx's {part}", replace(envelope, ctx=_flipped(envelope.ctx, at))
    yield "a short ctx", replace(envelope, ctx=envelope.ctx[:-1])
    if envelope.payload:
        for at in (0, len(envelope.payload) // 2, -1):
            yield f"payload at {at}", replace(envelope, payload=_flipped(envelope.payload, at))
        yield "a payload cut short", replace(envelope, payload=envelope.payload[:-1])
    yield "a longer payload", replace(envelope, payload=envelope.payload + b"\0")
    yield "another signer", replace(envelope, signer=_flipped(envelope.signer, 3))
    yield "no signer", replace(envelope, signer=b"")
    for at in (0, 40):
        yield f"signature at {at}", replace(envelope, signature=_flipped(envelope.signature, at))
    yield "a short signature", replace(envelope, signature=envelope.signature[:-1])


def by_stranger(verdict: Verdict, other: Verdict) -> Iterator[Tampering]:
    """Fields, places and orders, and parts of another verdict of the same committee."""
    bundle = verdict.bundle
    strangers = list(places(other.bundle))

    def made(what: str, changed: Callable[[], Bundle]) -> Tampering:
        return Tampering(who="stranger", what=what, make=lambda: changed().encode())

    for place in places(bundle):
        envelope = found(bundle, place)
        for what, changed in _fields(envelope):
            yield made(f"{place}: {what}", partial(put, bundle, place, changed))
        if not lone(place):
            yield made(f"{place} removed", partial(put, bundle, place))
            yield made(f"{place} doubled", partial(put, bundle, place, envelope, envelope))
            yield made(
                f"{place} joined by the TaskOpen",
                partial(put, bundle, place, envelope, bundle.opened),
            )
        for foreign in strangers:
            same = (foreign.round, foreign.point) == (place.round, place.point)
            if same and foreign.at in (place.at, place.at + 1):
                theirs = found(other.bundle, foreign)
                yield made(f"{place}: another verdict's", partial(put, bundle, place, theirs))
                if not lone(place):
                    yield made(
                        f"{place} joined by another verdict's",
                        partial(put, bundle, place, envelope, theirs),
                    )
    for number, part in enumerate(bundle.rounds, 1):
        for name, order in (
            ("reversed", part.named[::-1]),
            ("turned", part.named[1:] + part.named[:1]),
        ):
            yield made(
                f"round {number}'s envelopes {name}",
                partial(verdict.with_round, number, named=order),
            )
        for at, stage in enumerate(POINTS):
            point = part.points[at]
            turned = replace(point, precommits=point.precommits[::-1])
            yield made(
                f"round {number}'s {stage.name} precommits reversed",
                partial(verdict.with_point, stage, turned, number),
            )
            if number <= len(other.bundle.rounds):
                theirs = other.bundle.rounds[number - 1].points[at]
                mixed = replace(point, precommits=theirs.precommits)
                for what, one in (("point", theirs), ("precommits", mixed)):
                    yield made(
                        f"round {number}'s {stage.name}: another verdict's {what}",
                        partial(verdict.with_point, stage, one, number),
                    )
            for wrong in range(3):
                if wrong != at:
                    yield made(
                        f"round {number}'s {stage.name} replaced by its {POINTS[wrong].name}",
                        partial(verdict.with_point, stage, part.points[wrong], number),
                    )
    rounds = bundle.rounds
    yield made("no rounds", lambda: replace(bundle, rounds=()))
    yield made("a round too many", lambda: replace(bundle, rounds=(*rounds, rounds[-1])))
    yield made("another verdict's TaskOpen", lambda: replace(bundle, opened=other.bundle.opened))
    for number in range(len(rounds)):
        less = rounds[:number] + rounds[number + 1 :]
        yield made(f"without round {number + 1}", partial(replace, bundle, rounds=less))
        foreign_round = other.bundle.rounds[min(number, len(other.bundle.rounds) - 1)]
        swapped = (*rounds[:number], foreign_round, *rounds[number + 1 :])
        yield made(
            f"another verdict's round {number + 1}", partial(replace, bundle, rounds=swapped)
        )


# -- the file ---------------------------------------------------------------------------------


def by_file(verdict: Verdict) -> Iterator[Tampering]:
    """The same verdict in another spelling, and JSON that readers disagree about."""
    data = verdict.bundle.encode()
    plain: dict[str, Any] = canonical.decode(data)
    signer = verdict.bundle.opened.signer.hex().encode()
    kind = b'"kind":1,'
    padded = next(
        text
        for part in plain["rounds"]
        for item in part["named"]
        if (text := item["payload"]).endswith("=")
    ).encode()
    last = bytes([padded.rstrip(b"=")[-1]])
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stray = alphabet[alphabet.index(last) ^ 1 : (alphabet.index(last) ^ 1) + 1]
    loose = padded.rstrip(b"=")[:-1] + stray + b"=" * padded.count(b"=")

    def once(old: bytes, new: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    spellings: Mapping[str, Make] = {
        "a duplicate key": lambda: once(kind, kind + kind),
        "a duplicate key that says otherwise": lambda: once(kind, b'"kind":2,' + kind),
        "two lists of rounds": lambda: data[:-1] + b',"rounds":[]}',
        "another format first": lambda: b'{"format":"x",' + data[1:],
        "NaN": lambda: once(kind, b'"kind":NaN,'),
        "an infinity": lambda: once(kind, b'"kind":1e999,'),
        "a float": lambda: once(kind, b'"kind":1.0,'),
        "an exponent": lambda: once(kind, b'"kind":1e0,'),
        "a negative": lambda: once(kind, b'"kind":-1,'),
        "a big integer": lambda: once(kind, b'"kind":' + b"9" * 50 + b","),
        "an endless integer": lambda: once(kind, b'"kind":' + b"9" * 5_000 + b","),
        "257 for 1": lambda: once(kind, b'"kind":257,'),
        "true for 1": lambda: once(kind, b'"kind":true,'),
        "text for 1": lambda: once(kind, b'"kind":"1",'),
        "null for 1": lambda: once(kind, b'"kind":null,'),
        "01 for 1": lambda: once(kind, b'"kind":01,'),
        "a key too many": lambda: once(kind, b'"kina":0,' + kind),
        "a key too few": lambda: once(kind, b""),
        "a key escaped": lambda: once(b'"kind"', b'"k\\u0069nd"'),
        "a digit escaped": lambda: once(signer[:1], b"\\u%04x" % signer[0]),
        "hex in capitals": lambda: once(signer, signer.upper()),
        "hex with a space": lambda: once(signer, signer[:2] + b" " + signer[2:]),
        "base64 with stray bits": lambda: once(padded, loose),
        "base64 without its padding": lambda: once(padded, padded.rstrip(b"=")),
        "base64 padded twice": lambda: once(padded, padded + b"===="),
        "base64 with a line's end": lambda: once(padded, padded[:4] + b"\\n" + padded[4:]),
        "white space": lambda: once(b":", b": "),
        "a line's end": lambda: data + b"\n",
        "something behind": lambda: data + b"{}",
        "twice": lambda: data + data,
        "a mark of its order": lambda: b"\xef\xbb\xbf" + data,
        "no UTF-8": lambda: once(b"=", b"\xff"),
        "a lone surrogate": lambda: once(padded, b"\\ud800"),
        "a zero": lambda: once(padded, b"\\u0000"),
        "cut short": lambda: data[:-1],
        "half": lambda: data[: len(data) // 2],
        "nothing but its first words": lambda: data[:40],
        "deep": lambda: once(kind, b'"kind":' + b"[" * 50_000 + b"]" * 50_000 + b","),
        "keys in another order": lambda: json.dumps(
            dict(reversed(plain.items())), separators=(",", ":")
        ).encode(),
        "indented": lambda: json.dumps(plain, indent=1, sort_keys=True).encode(),
        "a null round": lambda: canonical.encode({**plain, "rounds": [None]}),
        "rounds as an object": lambda: canonical.encode({**plain, "rounds": {}}),
        "no rounds named": lambda: canonical.encode(
            {key: value for key, value in plain.items() if key != "rounds"}
        ),
        "another version": lambda: once(b"verdict/1", b"verdict/2"),
        "the payload in base64 for the web": lambda: once(
            padded, base64.urlsafe_b64encode(base64.b64decode(padded) + b"\xfb\xff")
        ),
    }
    for what, make in spellings.items():
        yield Tampering(who="file", what=what, make=make)


# -- members ----------------------------------------------------------------------------------


def signed(verdict: Verdict, envelope: Envelope) -> Envelope:
    """The envelope under its signer's own signature."""
    sign = verdict.swarm.ring.writer(envelope.signer).sign
    return replace(envelope, signature=sign(envelope.preimage))


def _said_anew(verdict: Verdict, envelope: Envelope) -> Iterator[tuple[str, Envelope]]:
    """What its signer could have said in its place."""
    body = verdict.reader.decode(Kind(envelope.kind), envelope.payload)
    write = verdict.swarm.ring.writer(envelope.signer).encode
    changed: dict[str, Body] = {}
    match body:
        case Vote():
            changed = {
                "for nothing": replace(body, value=bytes(32)),
                "for another value": replace(body, value=bytes([9]) * 32),
                "in another view": replace(body, view=body.view + 1),
            }
        case Propose():
            changed = {
                "of another value": replace(body, value=body.value + b" "),
                "in another view": replace(body, view=body.view + 3),
            }
        case Commit():
            changed = {
                "to something else": Commit(commitment=bytes([3]) * 32, views=body.views),
                "abstaining": Commit(commitment=bytes(32), abstain="no", views=body.views),
            }
            if body.notes:
                changed["with a note less"] = replace(body, notes=body.notes[1:])
                changed["with other words in a note"] = _misquoting(body)
        case Seal():
            changed = {"of something else": Seal(hash=bytes([3]) * 32)}
        case Report():
            changed = {"naming nothing": Report(ids=())} if body.ids else {}
            if body.ids:
                changed["naming one less"] = replace(body, ids=body.ids[1:])
        case Opening():
            if body.ballot is not None:
                bare = replace(body, ballot=None, ballot_bytes=b"", salt=b"")
                changed["without its ballot"] = bare
                changed["with another salt"] = replace(body, salt=bytes([3]) * 32)
            if body.alias:
                for field, size in (("nonce", 32), ("proposal", 32), ("alias", 32)):
                    changed[f"with another {field}"] = replace(body, **{field: bytes([3]) * size})
        case _:
            pass
    for what, one in changed.items():
        yield what, signed(verdict, replace(envelope, payload=write(one)))
    ctx = Ctx.unpack(envelope.ctx)
    yield (
        "for another round",
        signed(verdict, replace(envelope, ctx=replace(ctx, round=ctx.round + 1).pack())),
    )
    yield (
        "for another task",
        signed(verdict, replace(envelope, ctx=replace(ctx, task=bytes([7]) * 32).pack())),
    )
    yield (
        "for another committee",
        signed(verdict, replace(envelope, ctx=replace(ctx, committee=bytes([7]) * 32).pack())),
    )
    if envelope.payload:
        yield (
            "in other bytes",
            signed(verdict, replace(envelope, payload=envelope.payload + b"\x78\x01")),
        )


def by_members(verdict: Verdict) -> Iterator[Tampering]:
    """One member says something else in place of each of its envelopes; f members decide alone."""
    bundle, quorum = verdict.bundle, verdict.committee.quorum

    def made(who: str, what: str, changed: Callable[[], Bundle]) -> Tampering:
        return Tampering(who=who, what=what, make=lambda: changed().encode())

    for place in places(bundle):
        envelope = found(bundle, place)
        for what, one in _said_anew(verdict, envelope):
            yield made("member", f"{place}, {what}", partial(put, bundle, place, one))
            if not lone(place):
                yield made(
                    "member",
                    f"{place} and another, {what}",
                    partial(put, bundle, place, envelope, one),
                )
        if place.point >= 0 and place.at >= 0:
            stolen = signed(verdict, replace(envelope, signer=verdict.committee.members[-1]))
            yield made("member", f"{place} by another member", partial(put, bundle, place, stolen))
    for number, part in enumerate(bundle.rounds, 1):
        for at, stage in enumerate(POINTS):
            point = part.points[at]
            value = canonical.decode(point.value)
            for few in range(1, quorum.q):
                made_up = canonical.encode({**value, "ids": value["ids"][:-1]})
                yield made(
                    "few",
                    f"{few} of {quorum.n} decide another {stage.name} of round {number}",
                    partial(_alone, verdict, number, stage, point, made_up, few),
                )


def _alone(
    verdict: Verdict, number: int, stage: Stage, point: PointBundle, value: bytes, few: int
) -> Bundle:
    """`few` members precommit another value; the honest precommits of the true one stand by."""
    forged = verdict.point(value, number, stage)
    signers = {vote.signer for vote in forged.precommits[:few]}
    honest = [vote for vote in point.precommits if vote.signer not in signers]
    votes = (*forged.precommits[:few], *honest)[: verdict.committee.quorum.q]
    return verdict.with_point(stage, replace(forged, precommits=votes), number)


# -- a whole committee ------------------------------------------------------------------------


def leaves(plain: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value in plain data, lists and objects included, by its path."""
    if path:
        yield path, plain
    if isinstance(plain, dict):
        for key, value in plain.items():
            yield from leaves(value, (*path, key))
    elif isinstance(plain, list):
        for at, value in enumerate(plain):
            yield from leaves(value, (*path, at))


def _others(value: Any) -> Iterator[tuple[str, Any]]:
    """What could stand in place of a figure."""
    match value:
        case bool() | None:
            yield "turned", not value
        case int():
            yield "more", value + 1
            yield "less", value - 1
            yield "in text", str(value)
        case str():
            yield "another text", value + "x"
            if value:
                yield "no text", ""
        case list():
            if value:
                yield "without its first", value[1:]
                yield "without its last", value[:-1]
                yield "with its last twice", [*value, value[-1]]
            if value != value[::-1]:
                yield "reversed", value[::-1]
        case dict():
            yield "with one more", {**value, "more": 0}
            for key in list(value)[:1]:
                yield f"without {key}", {name: one for name, one in value.items() if name != key}


def _changed(verdict: Verdict, number: int, path: tuple[Any, ...], value: Any) -> bytes:
    def change(plain: dict[str, Any]) -> None:
        at: Any = plain
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return verdict.with_value(Stage.OUTCOME, change, number).encode()


def by_all(verdict: Verdict) -> Iterator[Tampering]:
    """The whole committee signs figures that do not follow, one figure at a time, or openings and
    seals that do not fit, with every REPORT and every value made anew around them."""
    for number in range(1, len(verdict.bundle.rounds) + 1):
        figures = verdict.plain(Stage.OUTCOME, number)["figures"]
        for path, value in leaves(figures, ("figures",)):
            for what, other in _others(value):
                name = ".".join(map(str, path))
                yield Tampering(
                    who="all",
                    what=f"round {number}: {name} {what}",
                    make=partial(_changed, verdict, number, path, other),
                )
        for old in verdict.round(number).named:
            if old.kind in (Kind.COMMIT, Kind.SEAL, Kind.OPENING):
                for what, new in _meant(verdict, number, old):
                    whose = f"{Kind(old.kind).name} of {old.signer.hex()[:8]}"
                    yield Tampering(
                        who="all",
                        what=f"round {number}: {whose} {what}",
                        make=partial(_rebuilt, verdict, number, old, new),
                    )


def _misquoting(commit: Commit) -> Commit:
    """Other words under a person's signature (R1c)."""
    first, *others = commit.notes
    return replace(commit, notes=(replace(first, text="Other words."), *others))


def _meant(verdict: Verdict, number: int, old: Envelope) -> Iterator[tuple[str, Envelope]]:
    """What a member could be made to have said, so that its vote says something else."""
    read, write = verdict.reader.decode, verdict.swarm.ring.writer(old.signer).encode
    body = read(Kind(old.kind), old.payload)
    changed: dict[str, Body] = {}
    if isinstance(body, Commit) and not body.abstain:
        changed["to nothing that is opened"] = replace(body, commitment=bytes([3]) * 32)
        if body.notes:
            changed["with other words in a note"] = _misquoting(body)
    if isinstance(body, Seal):
        mine = next(
            (read(Kind.OPENING, one.payload) for one in verdict.named(Kind.OPENING, number)
             if one.signer == old.signer), None,
        )  # fmt: skip
        changed["of nothing that is opened"] = Seal(hash=bytes([3]) * 32)
        if isinstance(mine, Opening) and mine.ballot is not None:
            ctx = replace(Ctx.unpack(old.ctx), stage=Stage.FREEZE).pack()
            bare = tagged_hash("ballot", ctx, mine.ballot_bytes, mine.salt)
            changed["without its member"] = Seal(hash=bare)
    if isinstance(body, Opening):
        others = [
            read(Kind.OPENING, one.payload)
            for one in verdict.named(Kind.OPENING, number)
            if one.signer != old.signer
        ]
        for at, other in enumerate(others):
            assert isinstance(other, Opening)
            if other.alias and body.alias:
                changed[f"with alias {at}"] = replace(
                    body, alias=other.alias, alias_signature=other.alias_signature,
                    proposal=other.proposal, nonce=other.nonce,
                )  # fmt: skip
            if other.ballot is not None and body.ballot is not None:
                changed[f"with ballot {at}"] = replace(
                    body, ballot=other.ballot, ballot_bytes=other.ballot_bytes, salt=other.salt
                )
        if body.ballot is not None and (body.ballot.marks or body.ballot.pairs):
            less = replace(body.ballot, marks=(), pairs=())
            changed["with an empty ballot"] = replace(body, ballot=less, ballot_bytes=write(less))
    for what, one in changed.items():
        yield what, signed(verdict, replace(old, payload=write(one)))


def _rebuilt(verdict: Verdict, number: int, old: Envelope, new: Envelope) -> bytes:
    """The round with `new` in place of `old`: REPORTs and values name it, and all sign again."""
    read = verdict.reader.decode
    renamed: dict[bytes, bytes] = {old.id: new.id}
    named = []
    for one in verdict.round(number).named:
        if one.id == old.id:
            named.append(new)
            continue
        if one.kind == Kind.REPORT:
            body = read(Kind.REPORT, one.payload)
            assert isinstance(body, Report)
            if old.id in body.ids:
                ids = sorted(renamed.get(item, item) for item in body.ids)
                write = verdict.swarm.ring.writer(one.signer).encode
                again = replace(one, payload=write(replace(body, ids=tuple(ids))))  # type: ignore[arg-type]
                again = signed(verdict, again)
                renamed[one.id] = again.id
                one = again
        named.append(one)
    points = []
    for stage in POINTS:
        plain = verdict.plain(stage, number)
        for key in ("ids", "reports"):
            plain[key] = sorted(
                renamed.get(bytes.fromhex(item), bytes.fromhex(item)).hex() for item in plain[key]
            )
        points.append(verdict.point(canonical.encode(plain), number, stage))
    return verdict.with_round(number, named=tuple(named), points=tuple(points)).encode()


def tamperings(verdict: Verdict, other: Verdict) -> list[Tampering]:
    """All of them, for one verdict and another of the same committee."""
    return [
        *by_stranger(verdict, other), *by_file(verdict), *by_members(verdict), *by_all(verdict)
    ]  # fmt: skip
