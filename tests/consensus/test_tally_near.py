"""A hash that groups long texts and judges none (O1)."""

import hashlib

import pytest

from consensus.policy import Policy
from consensus.tally import normalise
from consensus.tally.near import BITS, MIN_WORDS, NEAR, SHINGLE, distance
from tests.harness.tallies import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    FIRST,
    NUMBER,
    SAME,
    TEXT,
    Round,
    Word,
    ballot,
    candidate,
)

WORDS = [hashlib.sha256(b"word %d" % at).hexdigest()[:7].translate(
    str.maketrans("0123456789", "ghijklmnop")) for at in range(400)]  # fmt: skip
HASHED = Policy(near_duplicates="simhash")


def text(words: int = 200, start: int = 0, **changed: str) -> str:
    """A text of that many words, some of them changed by place."""
    found = WORDS[start : start + words]
    for place, word in changed.items():
        found[int(place[1:])] = word
    return " ".join(found)


def naive(words: list[str]) -> int:
    """SimHash, bit by bit."""
    shingles = {" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}
    hashes = [
        int.from_bytes(hashlib.sha256(b"quorate/v1/shingle\0" + one.encode()).digest(), "big")
        for one in shingles
    ]
    return sum(
        (sum(one >> bit & 1 for one in hashes) * 2 > len(hashes)) << bit for bit in range(BITS)
    )


@pytest.mark.parametrize("words", [MIN_WORDS, 51, 90, 199])
def test_the_hash_is_that_of_a_naive_one(words: int) -> None:
    one, other = text(words).split(), text(words, x7="but", x31="else").split()
    assert distance(" ".join(one), " ".join(other)) == (naive(one) ^ naive(other)).bit_count()


def test_the_hash_is_the_same_everywhere() -> None:
    assert distance(text(200), text(200, x7="else")) == 10
    assert distance(text(200), text(200, start=200)) == 132


def test_one_word_of_many_is_near_and_half_of_the_words_are_not() -> None:
    near = distance(text(), text(x50="but"))
    assert near is not None
    assert 0 < near <= NEAR
    far = distance(text(), text(start=100))
    assert far is not None
    assert far > 2 * NEAR
    assert distance(text(), text().upper()) == 0


def test_a_short_text_is_never_near_even_to_itself() -> None:
    assert distance(text(MIN_WORDS - 1), text(MIN_WORDS - 1)) is None
    assert distance(text(MIN_WORDS), text(MIN_WORDS)) == 0


def test_texts_with_different_figures_are_never_near() -> None:
    assert distance(text(x9="12"), text(x9="13")) is None
    assert distance(text(x9="12"), text(x9="12")) == 0
    assert distance(text(x9="12", x80="13"), text(x9="13", x80="12")) is None
    assert distance(text(x9="12"), text()) is None


def test_a_word_that_turns_the_meaning_is_near_all_the_same() -> None:
    """What the hash cannot do, held here so that nobody takes it for a judge."""
    found = distance(text(x50="is"), text(x50="isn't"))
    assert found is not None
    assert found <= NEAR


AB: tuple[Word, ...] = ((ALICE, BOB, SAME, 10_000),)
NOT_AB: tuple[Word, ...] = ((ALICE, BOB, FIRST, 1),)


def joined(*words: tuple[int, tuple[Word, ...]], policy: Policy = HASHED, other: str = "") -> bool:
    table = (
        candidate(ALICE, text()),
        candidate(BOB, other or text(x50="but")),
        candidate(CAROL, text(start=150)),
        candidate(DAVE, "no"),
    )
    ballots = tuple(ballot(voter, table, pairs) for voter, pairs in words)
    found = Round(spec=TEXT, n=4, candidates=table, ballots=ballots, policy=policy).count()
    return (ALICE, BOB) in {item.authors for item in found.classes.items}


def test_near_texts_are_one_class_where_fewer_than_t_ballots_compared_them() -> None:
    assert joined()
    assert joined((CAROL, NOT_AB))
    assert not joined(policy=Policy())
    assert not joined(other=text(start=100))


def test_where_t_ballots_compared_two_texts_the_hash_says_nothing() -> None:
    assert not joined((CAROL, NOT_AB), (DAVE, NOT_AB))
    assert not joined((CAROL, AB), (DAVE, NOT_AB))
    assert joined((CAROL, AB), (DAVE, AB))
    assert joined((CAROL, AB), (DAVE, AB), other=text(start=100))


def test_the_hash_reads_the_canonical_text() -> None:
    spaced = text().replace(" ", " \n\u3000")
    assert normalise(TEXT, spaced)[0] == text()
    assert joined(other=spaced.replace(WORDS[50], "but"))


def test_numbers_are_not_hashed() -> None:
    table = (candidate(ALICE, "7"), candidate(BOB, "8"))
    found = Round(spec=NUMBER, n=4, candidates=table, ballots=(), policy=HASHED).count()
    assert len(found.classes.items) == 2


def test_a_hash_makes_no_class_of_its_own_choosing_stronger() -> None:
    """Of the joined texts the strongest by itself speaks, as with `same` verdicts."""
    table = (candidate(ALICE, text()), candidate(BOB, text(x50="but")), candidate(DAVE, "no"))
    votes = (ballot(CAROL, table, [(BOB, DAVE, FIRST, 10_000), (DAVE, ALICE, FIRST, 10_000)]),)
    found = Round(spec=TEXT, n=4, candidates=table, ballots=votes, policy=HASHED).count()
    speaks = {item.authors: item.text for item in found.classes.items}
    assert speaks[(ALICE, BOB)] == text(x50="but")
