"""The verdict's file: one form, every changed byte noticed, nothing but named errors (E1, E2)."""

import base64
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import canonical
from consensus.envelope import POINTS, Kind, Stage
from consensus.verdict import Bundle, BundleError, VerdictError, verify
from tests.harness.verdicts import (
    Verdict,
    long_verdict,
    narcissist_verdict,
    plain_verdict,
    two_faced_verdict,
)

MADE = (plain_verdict, long_verdict, narcissist_verdict, two_faced_verdict)


def read(verdict: Verdict, data: bytes) -> str:
    """What becomes of a file: valid, or the error's name and rule. Anything else raises."""
    try:
        verify(Bundle.decode(data), verdict.reader, None)
    except BundleError as error:
        return "damaged" if error.damaged else "no verdict"
    except VerdictError as error:
        return error.rule
    return "valid"


def test_file_is_read_back_as_it_was_written() -> None:
    for made in MADE:
        data = made().bundle.encode()
        assert Bundle.decode(data) == made().bundle
        assert Bundle.decode(data).encode() == data


@pytest.mark.parametrize("start", range(0, 97, 16))
def test_every_97th_byte_changed_is_noticed(start: int) -> None:
    verdict = plain_verdict()
    data = verdict.bundle.encode()
    for at in range(start, len(data), 97):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(data)
            changed[at] ^= flip
            assert read(verdict, bytes(changed)) != "valid", (at, flip)


def test_changed_file_says_damaged_once_it_begins_like_a_verdict() -> None:
    verdict = plain_verdict()
    data = verdict.bundle.encode()
    assert read(verdict, b"x" + data[1:]) == "no verdict"
    assert read(verdict, data[:-1]) == "damaged"
    assert read(verdict, data + b"\n") == "damaged"
    assert read(verdict, data[:40]) == "damaged"
    assert read(verdict, b"") == "no verdict"


def test_file_larger_than_any_verdict_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = plain_verdict().bundle.encode()
    monkeypatch.setattr("consensus.verdict.bundle.MAX_FILE", len(data))
    assert Bundle.decode(data) == plain_verdict().bundle
    monkeypatch.setattr("consensus.verdict.bundle.MAX_FILE", len(data) - 1)
    with pytest.raises(BundleError, match="are more than a verdict takes"):
        Bundle.decode(data)


def opened_kind(plain: dict[str, Any]) -> None:
    plain["opened"]["kind"] = True  # equals 1, and is another form of it


def upper_signer(plain: dict[str, Any]) -> None:
    plain["opened"]["signer"] = plain["opened"]["signer"].upper()


def more_fields(plain: dict[str, Any]) -> None:
    plain["opened"]["note"] = "hello"


def loose_base64(plain: dict[str, Any]) -> None:
    """Bits that base64 does not use, set."""
    point = plain["rounds"][0]["points"][0]["precommits"][0]
    text = point["signature"]
    assert text.endswith("==")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = letters[letters.index(text[-3]) | 1]
    point["signature"] = text[:-3] + other + "=="
    assert base64.b64decode(point["signature"]) == base64.b64decode(text)


@pytest.mark.parametrize("change", [opened_kind, upper_signer, more_fields, loose_base64])
def test_second_form_of_the_same_verdict_is_none(change: Callable[[dict[str, Any]], None]) -> None:
    verdict = plain_verdict()
    plain = canonical.decode(verdict.bundle.encode())
    change(plain)
    assert canonical.encode(plain) != verdict.bundle.encode()
    assert read(verdict, canonical.encode(plain)) == "damaged"


def test_same_json_written_otherwise_is_damaged() -> None:
    verdict = plain_verdict()
    data = verdict.bundle.encode()
    plain = json.loads(data)
    assert read(verdict, json.dumps(plain, sort_keys=True).encode()) == "no verdict"
    text = data.decode().replace('"kind":1,', '"kind":1 ,', 1)
    assert read(verdict, text.encode()) == "damaged"


# -- fuzz ---------------------------------------------------------------------------------

ODD = (None, True, False, 0, 1, -1, 2**53, "", "ab", "AB==", [], {}, [[]], {"kind": 3}, "\x00")


def places(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in plain data, as a path."""
    found = [path] if path else []
    if isinstance(plain, dict):
        for key in plain:
            found += places(plain[key], (*path, key))
    elif isinstance(plain, list):
        for at in range(len(plain)):
            found += places(plain[at], (*path, at))
    return found


def mutate(plain: Any, rng: random.Random) -> None:
    """Change something somewhere."""
    path = rng.choice(places(plain))
    holder = plain
    for step in path[:-1]:
        holder = holder[step]
    last = path[-1]
    match rng.randrange(5):
        case 0:
            holder[last] = rng.choice(ODD)
        case 1:
            del holder[last]
        case 2 if isinstance(holder, list):
            holder.insert(last, holder[rng.randrange(len(holder))])
        case 3 if isinstance(holder[last], str) and holder[last]:
            at = rng.randrange(len(holder[last]))
            holder[last] = holder[last][:at] + rng.choice("0aZ=/ ") + holder[last][at + 1 :]
        case _:
            other = plain
            for step in rng.choice(places(plain)):
                other = other[step]
            holder[last] = json.loads(json.dumps(other))


@given(st.integers(0, 2**32))
def test_mutated_file_raises_nothing_but_its_named_errors(seed: int) -> None:
    rng = random.Random(seed)
    verdict = rng.choice(MADE)()
    data = verdict.bundle.encode()
    plain = json.loads(data)
    for _ in range(rng.randint(1, 3)):
        mutate(plain, rng)
    try:
        changed = canonical.encode(plain)
    except canonical.CanonicalError:
        return
    assert read(verdict, changed) != "valid" or changed == data


@given(st.integers(0, 2**32))
def test_value_mutated_by_a_colluding_quorum_raises_nothing_but_a_named_error(seed: int) -> None:
    rng = random.Random(seed)
    verdict = rng.choice(MADE)()
    stage = rng.choice((*POINTS, Stage.OUTCOME))
    number = rng.randint(1, len(verdict.bundle.rounds))
    plain = verdict.plain(stage, number)
    before = canonical.encode(plain)
    for _ in range(rng.randint(1, 2)):
        mutate(plain, rng)
    try:
        changed = canonical.encode(plain)
    except canonical.CanonicalError:
        return
    point = verdict.point(changed, number, stage)
    said = read(verdict, verdict.with_point(stage, point, number).encode())
    assert said not in ("damaged", "no verdict")
    assert said != "valid" or changed == before


@given(st.integers(0, 2**32))
def test_payload_mutated_and_signed_again_raises_nothing_but_a_named_error(seed: int) -> None:
    rng = random.Random(seed)
    verdict = rng.choice(MADE)()
    number = rng.randint(1, len(verdict.bundle.rounds))
    named = list(verdict.round(number).named)
    at = rng.randrange(len(named))
    old = named[at]
    payload = bytearray(old.payload)
    for _ in range(rng.randint(1, 3)):
        where = rng.randrange(len(payload))
        payload[where : where + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 2))
    kind = rng.choice([old.kind, old.kind, old.kind, rng.choice(list(Kind))])
    changed = type(old)(
        kind=int(kind), ctx=old.ctx, payload=bytes(payload), signer=old.signer, signature=b""
    )
    writer = verdict.swarm.ring.writer(old.signer)
    named[at] = type(old)(
        kind=changed.kind,
        ctx=changed.ctx,
        payload=changed.payload,
        signer=changed.signer,
        signature=writer.sign(changed.preimage),
    )
    bundle = verdict.with_round(number, named=tuple(named))
    said = read(verdict, bundle.encode())
    assert said != "valid" or named[at].id == old.id


@given(st.binary(max_size=300))
def test_any_bytes_are_a_named_error(data: bytes) -> None:
    verdict = plain_verdict()
    assert read(verdict, data) in ("no verdict", "damaged")
    head = verdict.bundle.encode()[:29]
    assert read(verdict, head + data) in ("no verdict", "damaged")
