"""An approver's word beside a verdict: what it does to it, and what no forger can (E4)."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from consensus.envelope import length_prefixed
from consensus.ports import Reader
from consensus.verdict import (
    Approval,
    Bundle,
    BundleError,
    Checked,
    ReleaseError,
    State,
    Statement,
    VerdictError,
    release,
    until,
    verify,
)
from consensus.verdict.bundle import MAX_RELEASE
from consensus.verdict.release import MAX_NOTE, MAX_STATEMENT
from node import keys
from node.keys import SigningKey
from node.sim.minds import opinionated
from tests.harness.swarms import QUICK, SmallSwarm, decided

ANN, BEN, EVE = (SigningKey(hashlib.sha256(name).digest()) for name in (b"ann", b"ben", b"eve"))
APPROVERS = frozenset({ANN.public, BEN.public})


@cache
def swarm(approvals: int = 2) -> SmallSwarm:
    made = SmallSwarm(2, minds=[opinionated("abc")] * 2, policy=replace(QUICK, approvals=approvals))
    decided(made)
    return made


def reader(approvals: int = 2) -> Reader:
    """The simulation's reader, whose members sign in their own way, for approvers' keys too."""
    ring = swarm(approvals).ring.reader()

    def holds(signer: bytes, preimage: bytes, signature: bytes) -> bool:
        check = keys.verify if signer in {*APPROVERS, EVE.public} else ring.verify
        return check(signer, preimage, signature)

    return replace(ring, verify=holds)


def bundle(approvals: int = 2) -> Bundle:
    finish = swarm(approvals).nodes[0].finish
    assert finish is not None
    return Bundle.of(finish)


def word(
    key: SigningKey, yes: bool = True, *, at_ms: int = 0, note: str = "", of: Bundle | None = None
) -> Statement:
    of = of or bundle()
    said = Approval(
        task=of.task, verdict=of.id, approver=key.public, approve=yes, note=note, at_ms=at_ms
    )
    return Statement(approval=said, signature=key.sign(said.preimage))


def checked(*words: Statement, of: Bundle | None = None, pinned: bool = True) -> Checked:
    data = replace(of or bundle(), release=words).encode()
    pin, approver = ((lambda _: None), APPROVERS.__contains__) if pinned else (None, None)
    return verify(Bundle.decode(data), reader(), pin, approver=approver)


def ordered(*words: Statement) -> Iterator[Statement]:
    yield from sorted(words, key=lambda item: item.approval.approver)


def state(*words: Statement, now_ms: int = 0) -> State:
    found = checked(*ordered(*words))
    return release(found.spec, found.release, now_ms).state


def test_it_takes_as_many_as_the_policy_names_and_one_refusal_outweighs_them() -> None:
    assert state() is State.AWAITING
    assert state(word(ANN)) is State.AWAITING
    assert state(word(ANN), word(BEN)) is State.APPROVED
    assert state(word(ANN), word(BEN, False, note="Not now.")) is State.REJECTED
    assert state(word(BEN, False)) is State.REJECTED


def test_past_its_time_an_outcome_is_unapproved_and_what_was_approved_stays_so() -> None:
    last = until(checked().spec)
    assert state(word(ANN), now_ms=last) is State.AWAITING
    assert state(word(ANN), now_ms=last + 1) is State.UNAPPROVED
    assert state(word(ANN), word(BEN, at_ms=last), now_ms=last + 1) is State.APPROVED


def test_a_policy_that_asks_nobody_leaves_the_outcome_free() -> None:
    free = verify(bundle(0), reader(0), None)
    stands = release(free.spec, free.release, 2**52)
    assert (stands.state, stands.open) == (State.FREE, True)


def test_the_verdicts_id_is_the_same_with_approvals_and_without() -> None:
    assert checked(*ordered(word(ANN), word(BEN))).id == bundle().id
    assert Bundle.decode(replace(bundle(), release=()).encode()) == bundle()


def test_a_file_holds_so_many_words_and_not_one_more() -> None:
    full = replace(bundle(), release=(word(ANN),) * MAX_RELEASE)
    assert Bundle.decode(full.encode()) == full
    over = replace(full, release=(*full.release, word(ANN)))
    with pytest.raises(BundleError, match=f"{MAX_RELEASE + 1} words on its release, over"):
        Bundle.decode(over.encode())


@pytest.mark.parametrize("pinned", [True, False])
def test_no_word_counts_that_its_approver_did_not_sign(pinned: bool) -> None:
    true = word(ANN, False)
    turned = replace(true, approval=replace(true.approval, approve=True))
    for forged in (
        turned,
        replace(true, signature=EVE.sign(true.approval.preimage)),
        replace(true, signature=ANN.sign(true.approval.body)),
        replace(true, approval=replace(true.approval, note="Another note.")),
    ):
        with pytest.raises(VerdictError, match=r"E4: the signature of approver") as failed:
            checked(forged, pinned=pinned)
        assert failed.value.rule == "E4"


def test_a_word_on_another_verdict_is_not_one_on_this() -> None:
    said = replace(word(ANN).approval, verdict=bytes(32))
    other = Statement(approval=said, signature=ANN.sign(said.preimage))
    with pytest.raises(VerdictError, match="is on another verdict"):
        checked(other)


def test_who_is_no_approver_of_the_pinned_federation_releases_nothing() -> None:
    with pytest.raises(VerdictError, match=r"is no approver of the pinned federation"):
        checked(word(EVE))
    assert not checked(word(EVE), pinned=False).pinned  # nobody knows whose word it is


@pytest.mark.parametrize(
    "words", [(word(ANN), word(ANN)), (word(ANN, note="a"), word(ANN, False)), "backwards"]
)
def test_an_approver_has_one_word_and_words_have_one_order(
    words: tuple[Statement, ...] | str,
) -> None:
    if isinstance(words, str):
        words = tuple(ordered(word(ANN), word(BEN)))[::-1]
    with pytest.raises(VerdictError, match="distinct and ascending"):
        checked(*words)


def test_a_word_dated_past_the_time_is_refused() -> None:
    with pytest.raises(VerdictError, match="came after the time"):
        checked(word(ANN, at_ms=until(checked().spec) + 1))


def test_approvals_that_nobody_asked_for_are_refused() -> None:
    free = bundle(0)
    with pytest.raises(VerdictError, match="its policy does not ask for"):
        verify(
            replace(free, release=(word(ANN, of=free),)),
            reader(0),
            lambda _: None,
            approver=APPROVERS.__contains__,
        )


def test_a_note_at_its_bound_is_read_and_one_past_it_is_not() -> None:
    longest = word(ANN, note="\x01" * MAX_NOTE)
    assert len(longest.encode()) < MAX_STATEMENT
    assert Statement.decode(longest.encode()) == longest
    with pytest.raises(ReleaseError, match="at most 1000 characters"):
        word(ANN, note="x" * (MAX_NOTE + 1))
    with pytest.raises(ReleaseError, match="over 8192"):
        Statement.decode(bytes(MAX_STATEMENT + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00\x00\x02{}",
        word(ANN).encode() + b"\x00",
        word(ANN).encode()[:-1],
        length_prefixed(word(ANN).approval.body + b" ", bytes(64)),
        length_prefixed(word(ANN).approval.body.replace(b'"approve":1', b'"approve":2'), bytes(64)),
        length_prefixed(word(ANN).approval.body, bytes(63)),
        length_prefixed(b"[1]", bytes(64)),
        length_prefixed(b'"x"', bytes(64)),
        length_prefixed(word(ANN).approval.body.replace(b'"note":""', b'"note":7'), bytes(64)),
        length_prefixed(word(ANN).approval.body.replace(b'"at_ms":0', b'"at_ms":"0"'), bytes(64)),
    ],
)
def test_bytes_in_any_other_form_are_no_statement(data: bytes) -> None:
    with pytest.raises(ReleaseError):
        Statement.decode(data)


@pytest.mark.parametrize("release_", [b"[]", b"{}", b'"x"', b"[1]", b'["!"]', b"7", b"null"])
def test_a_file_whose_release_is_no_list_of_statements_is_damaged(release_: bytes) -> None:
    data = bundle().encode()
    spoiled = data.replace(b',"rounds":[', b',"release":' + release_ + b',"rounds":[', 1)
    assert spoiled != data
    with pytest.raises(BundleError) as failed:
        Bundle.decode(spoiled)
    assert failed.value.damaged
