"""A client's pass: whose it is, for whom, until when, each bound at it and one past."""

from pathlib import Path

import pytest

from node.federation import Client, Federation
from node.identity import Identity
from node.wire import passes
from node.wire.passes import LIFE_MS, PassError
from tests.harness.federations import entry, federation, person

NOW = 1_800_000_000_000
SKEW_MS = 60_000


@pytest.fixture
def desk(tmp_path: Path) -> Identity:
    return person(tmp_path, "desk")


@pytest.fixture
def alice(tmp_path: Path) -> Identity:
    return person(tmp_path, "alice")


@pytest.fixture
def orchard(alice: Identity, desk: Identity) -> Federation:
    return federation(entry(alice, address="127.0.0.1:7400")).with_client(
        Client(name="desk", key=desk.public)
    )


def shown(desk: Identity, alice: Identity, orchard: Federation, wall_ms: int = NOW) -> bytes:
    return passes.sign(desk.signing, network=orchard.network, member=alice.public, wall_ms=wall_ms)


def caller(data: bytes, orchard: Federation, member: bytes, wall_ms: int = NOW) -> bytes:
    return passes.check(data, federation=orchard, member=member, wall_ms=wall_ms, skew_ms=SKEW_MS)


def test_a_pass_names_its_client(desk: Identity, alice: Identity, orchard: Federation) -> None:
    data = shown(desk, alice, orchard)
    assert data.hex()[:64] == desk.public.hex()
    assert caller(data, orchard, alice.public) == desk.public


@pytest.mark.parametrize("late_ms", [0, LIFE_MS, LIFE_MS + SKEW_MS, -SKEW_MS])
def test_a_pass_holds_as_long_as_it_says_by_clocks_that_differ(
    desk: Identity, alice: Identity, orchard: Federation, late_ms: int
) -> None:
    data = shown(desk, alice, orchard)
    assert caller(data, orchard, alice.public, NOW + late_ms) == desk.public


@pytest.mark.parametrize(
    ("late_ms", "problem"),
    [
        (LIFE_MS + SKEW_MS + 1, "the pass ended 60001 ms ago: check the wall clocks"),
        (-SKEW_MS - 1, "the pass lasts 120001 ms; at most 60000"),
    ],
)
def test_a_pass_past_its_time_or_made_to_last_is_void(
    desk: Identity, alice: Identity, orchard: Federation, late_ms: int, problem: str
) -> None:
    with pytest.raises(PassError, match=problem):
        caller(shown(desk, alice, orchard), orchard, alice.public, NOW + late_ms)


def test_a_pass_for_another_member_or_network_is_void(
    desk: Identity, alice: Identity, orchard: Federation
) -> None:
    data = shown(desk, alice, orchard)
    with pytest.raises(PassError, match="not signed for this member of this network"):
        caller(data, orchard, desk.public)
    other = passes.sign(desk.signing, network=bytes(32), member=alice.public, wall_ms=NOW)
    with pytest.raises(PassError, match="not signed for this member of this network"):
        caller(other, orchard, alice.public)


def test_whoever_is_no_client_has_no_pass_not_even_a_member(
    alice: Identity, desk: Identity, orchard: Federation, tmp_path: Path
) -> None:
    for stranger in (alice, person(tmp_path, "mallory")):
        with pytest.raises(PassError, match="quorate federation add-client"):
            caller(shown(stranger, alice, orchard), orchard, alice.public)


def test_any_changed_byte_of_a_pass_is_noticed(
    desk: Identity, alice: Identity, orchard: Federation
) -> None:
    data = shown(desk, alice, orchard)
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(PassError):
            caller(changed, orchard, alice.public)


@pytest.mark.parametrize("size", [0, 103, 105])
def test_what_has_not_the_size_of_a_pass_is_none(
    desk: Identity, alice: Identity, orchard: Federation, size: int
) -> None:
    data = (shown(desk, alice, orchard) + b"x")[:size]
    with pytest.raises(PassError, match=f"a pass is 104 bytes, not {size}"):
        caller(data, orchard, alice.public)
