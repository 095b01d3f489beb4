"""The federation file and member cards (rules S3, S6)."""

import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.committee import MAX_FAMILY, MAX_MEMBERS, FaultMode
from consensus.envelope import Member
from consensus.policy import Policy
from node import card, certificates, federation, federation_file, federation_text
from node.federation import Client, Federation, FederationError, FederationMember, Floors
from tests.harness.cast import ALICE, BOB, CAROL, DAVE, MALLORY, key
from tests.harness.federations import Named, entry, person
from tests.harness.federations import federation as joined

SMALL_ORDER = [
    bytes(32),
    bytes([1]) + bytes(31),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]


def member(name: str, port: int = 0) -> FederationMember:
    """The entry of a member of the cast, whose identity lives nowhere."""
    return FederationMember(
        name=name,
        key=Member(key(name).public),
        address=f"{name}.example:{port or 7000}",
        family=f"family of {name}",
        certificate=certificates.ca_certificate(Named(name).draw(32)),
    )


FOUR = joined(*map(member, ("alice", "bob", "carol", "dave")))


def changed(what: str, into: str, count: int = 1) -> bytes:
    """The file of the four with one piece of text replaced."""
    text = federation_text.render(FOUR).decode()
    assert what in text
    return text.replace(what, into, count).encode()


def test_what_is_rendered_is_parsed_back() -> None:
    assert federation_text.parse(federation_text.render(FOUR)) == FOUR


def test_the_hash_is_the_same_for_the_same_words_in_another_order() -> None:
    other = replace(FOUR, members=FOUR.members[::-1])
    assert other.hash == FOUR.hash


def test_the_hash_is_fixed() -> None:
    assert FOUR.hash.hex() == "8ee196bf139a725deabe2cb491420ff3fbe2f74fec4c7977ee310a3231f4026e"


@pytest.mark.parametrize(
    "other",
    [
        replace(FOUR, epoch=2),
        replace(FOUR, name="meadow"),
        replace(FOUR, network=bytes(32)),
        replace(FOUR, floors=Floors(fault_mode=FaultMode.CRASH)),
        replace(FOUR, floors=Floors(min_committee=2)),
        replace(FOUR, floors=Floors(min_rounds=2)),
        replace(FOUR, members=FOUR.members[:3]),
        joined(member("alice", 7001), *FOUR.members[1:]),
        joined(replace(FOUR.members[0], family="other"), *FOUR.members[1:]),
        joined(replace(FOUR.members[0], name="alicia"), *FOUR.members[1:]),
    ],
)
def test_the_hash_covers_everything_the_file_says(other: Federation) -> None:
    assert other.hash != FOUR.hash


def hex_of(name: str) -> str:
    return key(name).public.hex()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff", "line 1: not UTF-8"),
        (b"name = \n", r"not readable as TOML: .*line 1"),
        (b"", "does not say format"),
        (changed("federation/1", "federation/2"), "does not say format"),
        (changed("epoch = 1", "epoch = 0"), "epoch is 0"),
        (changed("epoch = 1", "epoch = 1.5"), r"Expected `int`, got `float` - at `\$.epoch`"),
        (changed("epoch = 1", "epoch = 9007199254740993"), "epoch is 9007199254740993"),
        (changed("epoch = 1", "epoch = 1\nepochs = 2"), "unknown field `epochs`"),
        (changed('name = "orchard"\n', ""), "missing required field `name`"),
        (changed("orchard", ""), "name '' must be"),
        (changed(FOUR.network.hex(), "ab"), "network is 1 bytes, not 32"),
        (changed(FOUR.network.hex(), "xy"), "network is not lower-case hex: 'xy'"),
        (changed("byzantine", "lazy"), r"Invalid enum value 'lazy' - at `\$.floors.fault_mode`"),
        (changed("min_rounds = 1", "min_rounds = 17"), "floors.min_rounds must be 1 to 16"),
        (changed("min_rounds", "max_rounds"), "unknown field `max_rounds`"),
        (
            changed('name = "bob"', 'name = "bob"\ncolour = "red"'),
            r"line 18, member 2 \(bob\): Object contains unknown field `colour`",
        ),
        (changed('name = "bob"', "name = 7"), r"line 18, member 2: Expected `str`, got `int`"),
        (changed('name = "bob"', 'name = "b b"'), r"line 18, member 2 \(b b\): name 'b b' must"),
        (
            changed('name = "bob"', 'name = "Alice"'),
            r"line 18, member 2 \(Alice\): the name Alice is taken already",
        ),
        (
            changed("bob.example", "Alice.example"),
            r"line 18, member 2 \(bob\): the address Alice.example:7000 is that of alice",
        ),
        (changed(hex_of("bob"), "zz"), r"line 18, member 2 \(bob\): key is not lower-case hex"),
        (changed(hex_of("bob"), "abc"), r"member 2 \(bob\): key is not lower-case hex: 'abc'"),
        (changed(hex_of("bob"), "ab"), r"member 2 \(bob\): key is 1 bytes, not 32"),
        (
            changed(hex_of("bob"), hex_of("mallory")),
            rf"member 2 \(bob\): the certificate does not belong to the key {hex_of('mallory')}",
        ),
        (changed("bob.example:7000", "bob.example"), r"member 2 \(bob\): address 'bob.example' is"),
        (changed("bob.example:7000", ":7000"), "address ':7000' is not host:port"),
        (changed("bob.example:7000", "bob.example:0"), "the port must be 1 to 65535"),
        (changed("bob.example:7000", "bob.example:65536"), "the port must be 1 to 65535"),
        (changed("bob.example:7000", "b/ob:70"), "is not host:port"),
        (changed("family of bob", ""), r"member 2 \(bob\): family must be 1 to 64 printable"),
        (changed("family of bob", "a\\u0007"), r"member 2 \(bob\): family must be 1 to 64"),
        (changed('certificate = "', 'certificate = "?'), r"\(alice\): certificate is not base64"),
        (changed('certificate = "', 'certificate = "AAAA'), r"\(alice\): the certificate does not"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(data: bytes, problem: str) -> None:
    with pytest.raises(FederationError, match=problem):
        federation_text.parse(data)


def test_a_member_listed_twice_is_refused() -> None:
    text = federation_text.render(FOUR).decode()
    again = text[text.index("[[members]]") :].split("\n\n")[0]
    renamed = again.replace('"alice"', '"twin"').replace("alice.example", "twin.example")
    with pytest.raises(
        FederationError, match=r"member 5 \(twin\): the key of twin is the key of alice"
    ):
        federation_text.parse((text + "\n" + renamed).encode())


@pytest.mark.parametrize("small", SMALL_ORDER, ids=["zero", "one", "order-8"])
def test_a_key_of_small_order_is_refused_by_name(small: bytes) -> None:
    with pytest.raises(FederationError, match=rf"member 2 \(bob\): key {small.hex()} is of small"):
        federation_text.parse(changed(hex_of("bob"), small.hex()))


def test_members_in_an_inline_array_are_named_without_a_line() -> None:
    fields = re.search(
        r"\[\[members\]\]\n(.*?)\n\n", federation_text.render(FOUR).decode(), re.DOTALL
    )
    assert fields
    inline = ", ".join(fields[1].replace("alice.example:7000", "nowhere").splitlines())
    head = federation_text.render(replace(FOUR, members=())).decode().replace("members = []\n", "")
    data = head.replace("[floors]", f"members = [{{{inline}}}]\n[floors]").encode()
    with pytest.raises(FederationError, match=r"\Amember 1 \(alice\): address 'nowhere'"):
        federation_text.parse(data)


def test_the_file_may_be_as_large_as_its_bound_and_no_larger() -> None:
    data = federation_text.render(FOUR)
    full = data + b"#" * (federation_text.FILE_MAX - len(data))
    assert federation_text.parse(full) == FOUR
    with pytest.raises(FederationError, match="over 1048576"):
        federation_text.parse(full + b"#")


def test_a_federation_takes_its_bound_of_members_and_not_one_more() -> None:
    crowd = tuple(member(f"m{number}") for number in range(federation.FEDERATION_MAX + 1))
    full = replace(FOUR, members=crowd[:-1])
    assert federation_text.parse(federation_text.render(full)) == full
    with pytest.raises(FederationError, match="257 members; a federation has at most 256"):
        replace(FOUR, members=crowd)


def test_a_federation_takes_its_bound_of_clients_and_not_one_more() -> None:
    crowd = tuple(
        Client(name=f"c{number}", key=key(f"client {number}").public)
        for number in range(federation.CLIENTS_MAX + 1)
    )
    full = replace(FOUR, clients=crowd[:-1])
    assert federation_text.parse(federation_text.render(full)) == full
    with pytest.raises(FederationError, match="257 clients; at most 256"):
        replace(FOUR, clients=crowd)


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises(FederationError, match="not readable as TOML"):
        federation_text.parse(b"a = " + b"[" * 100_000)


def test_a_members_words_may_be_as_long_as_their_bounds_and_no_longer() -> None:
    alice = FOUR.members[0]
    host = "h" * (federation.ADDRESS_MAX - len(":65535"))
    for field, most in (
        ("name", "n" * federation.NAME_MAX),
        ("family", "f" * MAX_FAMILY),
        ("address", f"{host}:65535"),
    ):
        assert replace(alice, **{field: most})
        with pytest.raises(FederationError, match=field):
            replace(alice, **{field: f"x{most}"})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("host:1", ("host", 1)),
        ("10.0.0.1:65535", ("10.0.0.1", 65_535)),
        ("[2001:db8::1]:7000", ("[2001:db8::1]", 7000)),
    ],
)
def test_an_address_is_host_and_port(text: str, parts: tuple[str, int]) -> None:
    assert federation.split_address(text) == parts


def test_a_member_is_found_by_name_and_by_the_start_of_its_key() -> None:
    assert FOUR.find("carol").key == CAROL.public
    assert FOUR.find(CAROL.public.hex()[:8]).name == "carol"
    for text in ("", "nobody"):
        with pytest.raises(FederationError, match="the members are: alice, bob, carol, dave"):
            FOUR.find(text)


def test_people_read_names_and_strangers_are_hex() -> None:
    assert FOUR.label(DAVE.public) == "dave"
    assert FOUR.label(MALLORY.public) == MALLORY.public.hex()[:16]


def test_a_committee_has_the_families_of_the_file_in_key_order() -> None:
    committee = FOUR.committee([DAVE.public, ALICE.public], FaultMode.BYZANTINE, Policy())
    assert committee.members == tuple(sorted((ALICE.public, DAVE.public)))
    for place, public in enumerate(committee.members):
        found = FOUR.member(public)
        assert found is not None
        assert committee.families[place] == found.family
    everyone = FOUR.committee(None, FaultMode.BYZANTINE, Policy())
    assert set(everyone.members) == {one.public for one in (ALICE, BOB, CAROL, DAVE)}


def test_a_committee_with_a_stranger_is_refused() -> None:
    with pytest.raises(FederationError, match=f"not in .* orchard: {MALLORY.public.hex()[:16]}"):
        FOUR.committee([ALICE.public, MALLORY.public], FaultMode.BYZANTINE, Policy())


def test_an_empty_and_an_oversize_committee_are_refused() -> None:
    with pytest.raises(FederationError, match="1 to 64 members"):
        FOUR.committee([], FaultMode.BYZANTINE, Policy())
    crowd = joined(*(member(f"m{number}") for number in range(MAX_MEMBERS + 1)))
    keys_of_crowd = sorted(one.key for one in crowd.members)
    crowd.committee(keys_of_crowd[:-1], FaultMode.BYZANTINE, Policy())
    with pytest.raises(FederationError, match="1 to 64 members"):
        crowd.committee(None, FaultMode.BYZANTINE, Policy())


STRICT = replace(FOUR, floors=Floors(min_committee=3, min_rounds=2))


@pytest.mark.parametrize(
    ("names", "mode", "rounds", "problem"),
    [
        ("alice bob carol", FaultMode.BYZANTINE, 2, None),
        ("alice bob carol", FaultMode.CRASH, 2, "orchard insists on fault mode byzantine"),
        ("alice bob", FaultMode.BYZANTINE, 2, "insists on 3 members; the task names 2"),
        ("alice bob carol", FaultMode.BYZANTINE, 1, "insists on 2 rounds; the task allows 1"),
    ],
)
def test_a_committee_below_a_floor_is_refused_with_the_floor(
    names: str, mode: FaultMode, rounds: int, problem: str | None
) -> None:
    lax = replace(FOUR, floors=Floors(fault_mode=FaultMode.CRASH))
    members = [key(name).public for name in names.split()]
    committee = lax.committee(members, mode, Policy(rounds=rounds))
    assert lax.floor_problem(committee) is None
    found = STRICT.floor_problem(committee)
    assert (found is None) == (problem is None)
    assert (problem or "") in (found or "")


def test_a_committee_of_another_network_a_stranger_or_a_false_family_is_refused() -> None:
    good = FOUR.committee(None, FaultMode.BYZANTINE, Policy())
    assert "of network 0000" in (FOUR.floor_problem(replace(good, network=bytes(32))) or "")
    fewer = replace(FOUR, members=FOUR.members[1:])
    assert "is not a member of orchard" in (fewer.floor_problem(good) or "")
    false = replace(good, families=("elm",) * 4)
    assert "not of elm" in (FOUR.floor_problem(false) or "")


def test_a_card_carries_a_member_from_its_operator_to_the_keeper(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    data = card.make(alice, name="alice", address="alice.example:7000", family="oak")
    assert card.read(data) == entry(alice, address="alice.example:7000")


@pytest.mark.parametrize(
    ("what", "into", "problem"),
    [
        ("alice.example", "mallory.example", "card of alice is not signed by its own key"),
        ('"oak"', '"ivy"', "not signed by its own key"),
        ('signature = "', 'signature = "00', "not signed by its own key"),
        ('signature = "', 'signature = "zz', "not signed by its own key"),
        ("card/1", "card/2", "the card's format is 'quorate-card/2'"),
        ("format", "shape", "not readable as a member card"),
        ("format =", "format ==", "not readable as a member card"),
    ],
)
def test_a_changed_card_is_refused(tmp_path: Path, what: str, into: str, problem: str) -> None:
    alice = person(tmp_path, "alice")
    data = card.make(alice, name="alice", address="alice.example:7000", family="oak")
    with pytest.raises(FederationError, match=problem):
        card.read(data.replace(what.encode(), into.encode()))


def test_a_card_may_be_as_large_as_its_bound_and_no_larger(tmp_path: Path) -> None:
    alice = person(tmp_path, "alice")
    data = card.make(alice, name="alice", address="alice.example:7000", family="oak")
    full = data + b"#" * (card.CARD_MAX - len(data))
    assert card.read(full).name == "alice"
    with pytest.raises(FederationError, match="over 8192"):
        card.read(full + b"#")


def test_a_file_is_created_filled_from_cards_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "orchard.toml"
    made = federation_file.create(
        path, name="orchard", floors=Floors(min_committee=2), entropy=Named("network")
    )
    for name in ("alice", "bob"):
        data = card.make(person(tmp_path, name), name=name, address=f"{name}:7000", family="oak")
        federation_file.save_card(tmp_path / f"{name}.card", data)
        _, added = federation_file.add(path, tmp_path / f"{name}.card")
        assert added.name == name
    loaded = federation_file.load(path)
    assert [one.name for one in loaded.members] == ["alice", "bob"]
    assert (loaded.network, loaded.epoch, loaded.floors) == (made.network, 3, made.floors)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_adding_a_member_twice_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path, card_path = tmp_path / "orchard.toml", tmp_path / "alice.card"
    federation_file.create(path, name="orchard", floors=Floors(), entropy=Named("network"))
    data = card.make(person(tmp_path, "alice"), name="alice", address="alice:7000", family="oak")
    federation_file.save_card(card_path, data)
    federation_file.add(path, card_path)
    before = path.read_bytes()
    with pytest.raises(FederationError, match=r"alice.card: the name alice is taken already"):
        federation_file.add(path, card_path)
    assert path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "alice",
        "alice.card",
        "orchard.toml",
    ]


def test_a_federation_is_not_created_over_another(tmp_path: Path) -> None:
    path = tmp_path / "orchard.toml"
    path.write_text("mine")
    with pytest.raises(FederationError, match="exists already"):
        federation_file.create(path, name="orchard", floors=Floors(), entropy=Named("network"))
    assert path.read_text() == "mine"


def test_file_errors_name_the_path(tmp_path: Path) -> None:
    with pytest.raises(FederationError, match=r"nothing.toml is missing; `quorate federation"):
        federation_file.load(tmp_path / "nothing.toml")
    with pytest.raises(FederationError, match=r"cannot read .*: Is a directory"):
        federation_file.load(tmp_path)
    (tmp_path / "bad.toml").write_bytes(changed("bob.example:7000", "nowhere"))
    with pytest.raises(FederationError, match=r"bad.toml: line 18, member 2 \(bob\): address"):
        federation_file.load(tmp_path / "bad.toml")
    (tmp_path / "big.toml").write_bytes(b"#" * (federation_text.FILE_MAX + 1))
    with pytest.raises(FederationError, match=r"big.toml is over 1048576 bytes"):
        federation_file.load(tmp_path / "big.toml")
    with pytest.raises(FederationError, match=r"cannot write .*no/orchard.toml"):
        federation_file.save(tmp_path / "no" / "orchard.toml", FOUR)
    with pytest.raises(FederationError, match=r"big.toml is over 8192 bytes"):
        federation_file.load_card(tmp_path / "big.toml")
