"""Sets of ids by digest: equal or not, and where they differ (L1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation import DEPTH, LEAF, IdSet

ids = st.binary(min_size=32, max_size=32)


def of(*items: bytes) -> IdSet:
    found = IdSet()
    for item in items:
        found.add(item)
    return found


def spread(count: int, prefix: bytes = b"") -> list[bytes]:
    """That many ids below a prefix, over all of its parts."""
    rest = 32 - len(prefix) - 2
    return [prefix + number.to_bytes(2, "little") + bytes(rest) for number in range(count)]


@given(st.lists(ids, max_size=20), st.lists(ids, max_size=20))
def test_digests_are_equal_just_where_sets_are(one: list[bytes], two: list[bytes]) -> None:
    assert (of(*one).digest == of(*two).digest) == (set(one) == set(two))
    assert of(*one).digest == of(*reversed(one)).digest


@given(st.sets(ids, max_size=20), ids)
def test_what_was_taken_out_again_was_never_there(held: set[bytes], item: bytes) -> None:
    found, before = of(*held), of(*(held - {item})).digest
    found.add(item)
    assert item in found
    found.discard(item)
    assert item not in found
    assert found.digest == before


@pytest.mark.parametrize("prefix", [b"", b"a"])
def test_few_ids_are_listed_and_more_are_told_by_their_parts(prefix: bytes) -> None:
    fits = of(*spread(LEAF, prefix)).summary(prefix)
    assert (len(fits.ids), fits.parts) == (LEAF, ())
    past = of(*spread(LEAF + 1, prefix)).summary(prefix)
    assert (past.ids, len(past.parts), past.count) == ((), 256, LEAF + 1)


def test_at_the_longest_prefix_as_many_are_listed_as_fit() -> None:
    prefix = bytes(DEPTH)
    many = of(*spread(LEAF + 1, prefix)).summary(prefix)
    assert (len(many.ids), many.parts, many.count) == (LEAF, (), LEAF + 1)


def test_a_longer_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match=f"at most {DEPTH} bytes"):
        IdSet().summary(bytes(DEPTH + 1))


@pytest.mark.parametrize("gone", [0, 300, 69_999])
def test_a_difference_is_found_in_three_questions(gone: int) -> None:
    items = [number.to_bytes(3, "little") + bytes(29) for number in range(70_000)]
    mine, theirs = of(*items[:gone], *items[gone + 1 :]), of(*items)
    prefix = b""
    for _ in range(DEPTH + 1):
        there, here = theirs.summary(prefix), mine.summary(prefix)
        if not there.parts:
            break
        differing = [
            at
            for at, digest in enumerate(there.parts)
            if digest != mine.summary(prefix + bytes([at])).digest
        ]
        assert len(differing) == 1
        prefix += bytes(differing)
    assert set(there.ids) - set(here.ids) == {items[gone]}


def test_an_id_is_found_behind_many_that_were_ground_to_stand_before_it() -> None:
    ground = spread(LEAF + 1, b"abc")
    theirs, mine = of(*ground, b"abd" + bytes(29)), of(*ground)
    prefix = b""
    while (there := theirs.summary(prefix)).parts:
        (at,) = [
            at
            for at, digest in enumerate(there.parts)
            if digest != mine.summary(prefix + bytes([at])).digest
        ]
        prefix += bytes([at])
    assert set(there.ids) == {b"abd" + bytes(29)}
