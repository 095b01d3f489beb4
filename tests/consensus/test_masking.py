"""Commitments, secrets, shuffles, letters and the diagonal mask (R1, R2, R5, R6, R8, R9)."""

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import Ballot, Mark, Pair, Preference
from consensus.envelope import MessageId
from consensus.masking import (
    RoundSecrets,
    alias_claim,
    commitment,
    judging_order,
    letters,
    record_order,
    seal,
    shuffled,
    strike,
)
from tests.harness.tallies import Round, id_of, rounds

SECRET = bytes(range(32))
CTX = b"ctx"
ALICE, BOB = b"a" * 32, b"b" * 32
NONCE = b"n" * 32
IDS = tuple(MessageId(bytes([place]) * 32) for place in range(40))
keys = st.binary(min_size=32, max_size=32)


def test_every_secret_of_every_round_differs() -> None:
    found = {
        part
        for round_ in range(1, 20)
        for secrets in (RoundSecrets.of(SECRET, round_),)
        for part in (secrets.alias_seed, secrets.nonce, secrets.salt, secrets.shuffle, secrets.mix)
    }
    assert len(found) == 19 * 5
    assert all(len(part) == 32 for part in found)


def test_secrets_are_the_same_after_a_restart() -> None:
    assert RoundSecrets.of(SECRET, 3) == RoundSecrets.of(SECRET, 3)
    assert RoundSecrets.of(SECRET, 3) != RoundSecrets.of(SECRET[::-1], 3)


@pytest.mark.parametrize(
    ("secret", "round_", "said"),
    [(b"short", 1, "32 bytes, not 5"), (SECRET, 0, "rounds count from 1, not 0")],
)
def test_a_wrong_secret_or_round_is_refused(secret: bytes, round_: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RoundSecrets.of(secret, round_)


def test_a_commitment_opens_only_as_it_was_made() -> None:
    base = commitment(CTX, ALICE, BOB, IDS[0], NONCE)
    others = [
        commitment(b"other", ALICE, BOB, IDS[0], NONCE),
        commitment(CTX, BOB, BOB, IDS[0], NONCE),
        commitment(CTX, ALICE, ALICE, IDS[0], NONCE),
        commitment(CTX, ALICE, BOB, IDS[1], NONCE),
        commitment(CTX, ALICE, BOB, IDS[0], bytes(32)),
    ]
    assert len({base, *others}) == 6


def test_a_seal_opens_only_as_it_was_made() -> None:
    base = seal(CTX, ALICE, b"ballot", NONCE)
    others = [
        seal(b"other", ALICE, b"ballot", NONCE),
        seal(CTX, BOB, b"ballot", NONCE),
        seal(CTX, ALICE, b"ballots", NONCE),
        seal(CTX, ALICE, b"ballot", bytes(32)),
    ]
    assert len({base, *others}) == 5


def test_parts_that_run_together_hash_apart() -> None:
    assert seal(b"ct", b"x" + ALICE, b"ballot", NONCE) != seal(b"ctx", ALICE, b"ballot", NONCE)
    assert alias_claim(b"ct", b"x" + ALICE) != alias_claim(b"ctx", ALICE)


def test_the_hashes_have_domains_of_their_own() -> None:
    assert seal(CTX, ALICE, IDS[0], NONCE) != commitment(CTX, ALICE, b"", IDS[0], NONCE)
    assert alias_claim(CTX, ALICE) not in {seal(CTX, ALICE, b"", NONCE), ALICE}


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_nonce_or_salt_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"a nonce is 32 bytes, not {size}"):
        commitment(CTX, ALICE, BOB, IDS[0], bytes(size))
    with pytest.raises(ValueError, match=f"a salt is 32 bytes, not {size}"):
        seal(CTX, ALICE, b"ballot", bytes(size))


@given(st.lists(st.integers(), max_size=30, unique=True), keys)
def test_a_shuffle_keeps_what_it_orders(items: list[int], key: bytes) -> None:
    order = shuffled(items, key)
    assert sorted(order) == sorted(items)
    assert order == shuffled(items, key)


def test_every_order_of_four_is_as_likely() -> None:
    # 24 orders, 4,800 keys: each is expected 200 times with a standard deviation of 14.
    seen = Counter(shuffled("abcd", place.to_bytes(32, "big")) for place in range(4_800))
    assert set(seen) == set(permutations("abcd"))
    assert all(120 < times < 280 for times in seen.values())


def test_letters_go_on_after_z() -> None:
    found = letters(26 * 27 + 1)
    assert found[:3] == ("A", "B", "C")
    assert found[25:28] == ("Z", "AA", "AB")
    assert found[-2:] == ("ZZ", "AAA")
    assert len(set(found)) == len(found)
    assert letters(0) == ()


@given(st.sets(st.sampled_from(IDS)), st.none() | st.sampled_from(IDS), keys)
def test_nobody_is_shown_its_own_proposal(
    held: set[MessageId], own: MessageId | None, key: bytes
) -> None:
    shown = judging_order(sorted(held), own, key)
    assert {id_ for _, id_ in shown} == held - {own}
    assert tuple(letter for letter, _ in shown) == letters(len(shown))
    assert shown == judging_order(sorted(held, reverse=True), own, key)


def test_voters_see_orders_of_their_own() -> None:
    orders = {judging_order(IDS[:5], None, bytes([key]) * 32) for key in range(40)}
    assert len(orders) > 20


def test_the_record_has_fresh_letters_each_round() -> None:
    first, second = (record_order(IDS[:6], seed) for seed in (b"round 1", b"round 2"))
    assert {id_ for _, id_ in first} == {id_ for _, id_ in second} == set(IDS[:6])
    assert first != second
    assert first == record_order(IDS[5::-1], b"round 1")


def test_the_mask_strikes_pairs_and_marks_about_the_voters_own() -> None:
    ballot = Ballot(
        held=IDS[:3],
        pairs=(
            Pair(first=0, second=1, preference=Preference.FIRST),
            Pair(first=2, second=0, preference=Preference.SECOND),
            Pair(first=1, second=2, preference=Preference.TIE),
        ),
        marks=(
            Mark(candidate=0, endorsement=100),
            Mark(candidate=1, endorsement=-5),
        ),
    )
    masked, struck = strike(ballot, IDS[0])
    assert struck == 3
    assert masked.held == ballot.held
    assert masked.pairs == (Pair(first=1, second=2, preference=Preference.TIE),)
    assert masked.marks == (Mark(candidate=1, endorsement=-5),)


@pytest.mark.parametrize("own", [None, IDS[2], IDS[9]])
def test_a_ballot_without_own_entries_stays_as_it_is(own: MessageId | None) -> None:
    ballot = Ballot(held=IDS[:3], pairs=(Pair(first=0, second=1, preference=Preference.FIRST),))
    assert strike(ballot, own) == (ballot, 0)


@given(rounds(diagonal=True))
def test_striking_twice_is_striking_once(of: Round) -> None:
    for counted in of.ballots:
        own = id_of(counted.voter)
        once, struck = strike(counted.ballot, own)
        assert strike(once, own) == (once, 0)
        entries = len(counted.ballot.pairs) + len(counted.ballot.marks)
        assert len(once.pairs) + len(once.marks) == entries - struck
        assert own not in {once.held[at] for pair in once.pairs for at in (pair.first, pair.second)}
        assert own not in {once.held[mark.candidate] for mark in once.marks}
