"""`quorate federation`: making, extending and showing the file that clients pin (S3, S6)."""

from pathlib import Path

import pytest

from node import federation_file
from node.cli import exits
from tests.harness.command import Command

NAMES = ("alice", "bob", "carol", "dave")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orchard.toml"


@pytest.fixture
def cards(quorate: Command, tmp_path: Path) -> list[Path]:
    """Four members' cards, as `init` made them."""
    made = []
    for port, name in enumerate(NAMES, 7400):
        quorate(
            *("init", tmp_path / name, "--listen", f"127.0.0.1:{port}"),
            *("--family", f"{name}s", "--model", "scripted"),
        )
        made.append(tmp_path / name / f"{name}.card")
    return made


def test_a_federation_is_made_and_members_added_by_their_cards(
    quorate: Command, file: Path, cards: list[Path]
) -> None:
    made = quorate("federation", "create", file, "--name", "orchard")
    assert (made.code, made.out) == (0, f"Made the federation orchard in {file}.\n")
    added = quorate("federation", "add", file, *cards)
    assert added.code == 0
    assert "Added alice (alices), bob (bobs)" in added.out
    assert "has 4 members now" in added.out
    found = federation_file.load(file)
    assert [member.name for member in found.members] == list(NAMES)
    assert found.hash.hex() in added.err


def test_showing_names_members_hash_and_what_is_tolerated(
    quorate: Command, file: Path, cards: list[Path]
) -> None:
    quorate("federation", "create", file, "--name", "orchard")
    quorate("federation", "add", file, *cards)
    shown = quorate("federation", "show", file)
    found = federation_file.load(file)
    assert shown.code == 0
    assert found.hash.hex() in shown.out
    assert "any 1 of 4 members may fail" in shown.out
    for member in found.members:
        assert member.key.hex() in shown.out
        assert member.address in shown.out


def test_a_node_directory_stands_for_its_federation_file(
    quorate: Command, tmp_path: Path, cards: list[Path]
) -> None:
    file = tmp_path / "alice" / "federation.toml"
    quorate("federation", "create", file, "--name", "orchard")
    quorate("federation", "add", file, cards[0])
    shown = quorate("federation", "show", tmp_path / "alice", "--json")
    assert [member["name"] for member in shown.data["members"]] == ["alice"]


def test_programs_get_json_from_all_three(quorate: Command, file: Path, cards: list[Path]) -> None:
    floors = ("--fault-mode", "crash", "--min-committee", 2, "--min-rounds", 3)
    made = quorate("federation", "create", file, "--name", "orchard", *floors, "--json").data
    assert made["floors"] == {"fault_mode": "crash", "min_committee": 2, "min_rounds": 3}
    added = quorate("federation", "add", file, cards[0], "--json").data
    assert (added["epoch"], len(added["members"])) == (2, 1)
    assert quorate("federation", "show", file, "--json").data == added


def test_an_empty_federation_says_what_is_missing(quorate: Command, file: Path) -> None:
    quorate("federation", "create", file, "--name", "orchard")
    assert "no members yet" in quorate("federation", "show", file).out


def test_one_member_is_said_to_decide_alone(
    quorate: Command, file: Path, cards: list[Path]
) -> None:
    quorate("federation", "create", file, "--name", "orchard")
    assert "has 1 member now" in quorate("federation", "add", file, cards[0]).out
    assert "one member decides alone" in quorate("federation", "show", file).out


def test_of_several_cards_all_are_added_or_none(
    quorate: Command, file: Path, cards: list[Path]
) -> None:
    quorate("federation", "create", file, "--name", "orchard")
    before = file.read_bytes()
    ran = quorate("federation", "add", file, cards[0], cards[1], cards[0])
    assert ran.code == exits.UNUSABLE
    assert "alice.card: the name alice is taken already" in ran.err
    assert file.read_bytes() == before


def test_a_changed_card_is_refused(quorate: Command, file: Path, cards: list[Path]) -> None:
    quorate("federation", "create", file, "--name", "orchard")
    cards[0].write_text(cards[0].read_text().replace("127.0.0.1:7400", "127.0.0.9:7400"))
    ran = quorate("federation", "add", file, cards[0])
    assert ran.code == exits.UNUSABLE
    assert "is not signed by its own key" in ran.err


def test_a_federation_is_never_overwritten(quorate: Command, file: Path) -> None:
    quorate("federation", "create", file, "--name", "orchard")
    before = file.read_bytes()
    assert "exists already" in quorate("federation", "create", file, "--name", "other").err
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nowhere.toml"), "nowhere.toml is missing"),
        (("add", "nowhere.toml", "x.card"), "nowhere.toml is missing"),
        (("create", "x/y.toml", "--name", "orchard"), "cannot write x/y.toml"),
        (("create", "o.toml", "--name", "or chard"), "must be 1 to 64 letters"),
        (("create", "o.toml", "--name", "o", "--min-committee", "65"), "must be 1 to 64"),
        (("create", "o.toml", "--name", "o", "--fault-mode", "wild"), "--fault-mode"),
    ],
)
def test_what_is_unusable_is_said_in_one_line(
    quorate: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = quorate("federation", *arguments)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
