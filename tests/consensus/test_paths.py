"""Paths of the mix: disjoint, the same for all, uniform; and the bound on naming (R3)."""

from collections import Counter
from fractions import Fraction
from itertools import combinations

import pytest

from consensus.committee import Committee, FaultMode, Quorum
from consensus.envelope import tagged_hash
from consensus.masking import exposure, naming_bound, path_count, paths
from tests.harness import cast


def committee(size: int, mode: FaultMode = FaultMode.BYZANTINE) -> Committee:
    return cast.committee(*(cast.key(f"member {place}") for place in range(size)), mode=mode)


def slate(number: int) -> bytes:
    return tagged_hash("a slate", number.to_bytes(4, "big"))


@pytest.mark.parametrize("mode", FaultMode)
@pytest.mark.parametrize("size", range(4, 20))
def test_paths_are_disjoint_and_one_more_than_faults_where_there_is_room(
    size: int, mode: FaultMode
) -> None:
    of = committee(size, mode)
    for number in range(20):
        drawn = paths(of, slate(number))
        on = [member for path in drawn for member in (path.entry, path.exit)]
        assert len(set(on)) == len(on) and set(on) <= set(of.members)
        assert len(drawn) == min(of.quorum.f + 1, size // 2)
        assert paths(of, slate(number)) == drawn
    assert mode is FaultMode.CRASH or path_count(of.quorum) == of.quorum.f + 1


@pytest.mark.parametrize("size", [1, 2, 3])
def test_up_to_three_members_have_no_mix(size: int) -> None:
    assert paths(committee(size), slate(0)) == ()


def test_a_slate_is_named_by_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 5"):
        paths(committee(4), b"short")


def test_every_member_is_as_often_entry_and_exit_of_each_path() -> None:
    of = committee(5)
    places: Counter[tuple[int, str, bytes]] = Counter()
    for number in range(2_000):
        for index, path in enumerate(paths(of, slate(number))):
            places[index, "entry", path.entry] += 1
            places[index, "exit", path.exit] += 1
    assert len(places) == 2 * 2 * 5
    # 400 expected with a deviation of 18; the slates are fixed, so this never wavers
    assert all(310 < count < 490 for count in places.values())


@pytest.mark.parametrize(
    ("size", "expected"), [(4, Fraction(1, 3)), (5, Fraction(1, 4)), (7, Fraction(11, 35))]
)
def test_the_bound_of_the_committees_that_are_measured(size: int, expected: Fraction) -> None:
    quorum = committee(size).quorum
    assert naming_bound(quorum, quorum.f, size - quorum.f) == expected


@pytest.mark.parametrize("size", [4, 5, 6, 7, 8, 9, 10])
def test_exposure_is_what_counting_every_coalition_gives(size: int) -> None:
    for mode in FaultMode:
        quorum = Quorum.of(size, mode)
        pairs = [{2 * number, 2 * number + 1} for number in range(path_count(quorum))]
        for colluding in range(size + 1):
            groups = [set(group) for group in combinations(range(size), colluding)]
            caught = sum(any(pair <= group for pair in pairs) for group in groups)
            assert exposure(quorum, colluding) == Fraction(caught, len(groups))


def test_senseless_coalitions_are_refused() -> None:
    quorum = Quorum.of(4, FaultMode.BYZANTINE)
    with pytest.raises(ValueError, match="cannot collude"):
        exposure(quorum, 5)
    with pytest.raises(ValueError, match="no honest author"):
        naming_bound(quorum, 1, 0)
