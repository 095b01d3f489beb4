"""`quorate init`: what it makes, and that what it refuses leaves nothing behind."""

import stat
from pathlib import Path

import pytest

from node import config, federation_file, identity
from node.cli import exits
from tests.harness.command import Command, Ran

PLAIN = ("--listen", "127.0.0.1:7400", "--family", "oak", "--model", "scripted")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "alice"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused(ran: Ran, home: Path) -> str:
    """The one line of a refusal that left nothing behind."""
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert ran.err.count("\n") == 1
    assert not home.exists()
    return ran.err


def test_a_node_is_made_with_everything_it_needs(quorate: Command, home: Path) -> None:
    made = quorate("init", home, *PLAIN)
    assert made.code == 0, made.err
    found = config.load(home)
    assert (found.name, found.listen) == ("alice", "127.0.0.1:7400")
    assert found.model.backend == "scripted"
    assert found.federation == home / "federation.toml"
    alice = identity.load(found.identity)
    card = federation_file.load_card(home / "alice.card")
    assert (card.key, card.name, card.family) == (alice.public, "alice", "oak")
    assert card.address == "127.0.0.1:7400"
    assert found.store.parent.is_dir()


def test_what_is_secret_is_private(quorate: Command, home: Path) -> None:
    quorate("init", home, *PLAIN)
    assert mode(home) == mode(home / "identity") == mode(home / "store") == 0o700
    assert mode(home / "identity" / "identity.key") == mode(home / "quorate.toml") == 0o600


def test_what_to_do_next_is_said_with_the_real_paths(quorate: Command, home: Path) -> None:
    said = quorate("init", home, *PLAIN).out
    assert f"quorate federation add {home}/federation.toml {home}/alice.card" in said
    assert f"quorate serve {home}" in said


def test_programs_get_what_was_made_as_json(quorate: Command, home: Path) -> None:
    made = quorate("init", home, *PLAIN, "--json")
    assert made.err == ""
    assert made.data["key"] == identity.load(home / "identity").public.hex()
    assert made.data["card"] == str(home / "alice.card")
    assert Path(made.data["configuration"]).is_file()


def test_name_address_and_federation_can_be_given(
    quorate: Command, home: Path, tmp_path: Path
) -> None:
    ran = quorate(
        *("init", home, "--listen", "0.0.0.0:7400", "--family", "oak", "--model", "scripted"),
        *("--name", "al", "--address", "al.example:7400", "--federation", tmp_path / "f.toml"),
    )
    assert ran.code == 0, ran.err
    card = federation_file.load_card(home / "al.card")
    assert (card.name, card.address) == ("al", "al.example:7400")
    found = config.load(home)
    assert (found.listen, found.federation) == ("0.0.0.0:7400", tmp_path / "f.toml")


def test_options_of_the_model_are_toml_or_else_text(quorate: Command, home: Path) -> None:
    options = ("delay_ms=3", "line.answer=yes", "line.confidence = 9000", "faults=['slow']")
    given = [part for option in options for part in ("--option", option)]
    assert quorate("init", home, *PLAIN, *given).code == 0
    assert config.load(home).model.options == {
        "delay_ms": 3,
        "line": {"answer": "yes", "confidence": 9_000},
        "faults": ["slow"],
    }


def test_a_node_is_never_overwritten(quorate: Command, home: Path) -> None:
    quorate("init", home, *PLAIN)
    key = (home / "identity" / "identity.key").read_bytes()
    again = quorate("init", home, *PLAIN)
    assert again.code == exits.UNUSABLE
    assert "exists already; choose another directory" in again.err
    (home / "quorate.toml").unlink()
    assert "already holds an identity" in quorate("init", home, *PLAIN).err
    assert (home / "identity" / "identity.key").read_bytes() == key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--listen", "alice"), "'alice' is not host:port"),
        (("--listen", "alice:0"), "the port must be 1 to 65535"),
        (("--listen", "0.0.0.0:7400"), "name one with --address host:port"),
        (("--listen", "[::]:7400"), "name one with --address host:port"),
        (("--address", "nowhere"), "'nowhere' is not host:port"),
        (("--name", "al ice"), "'name' is \"al ice\", but must be"),
        (("--family", ""), "family must be 1 to 64 printable characters"),
        (("--family", "x" * 65), "family must be 1 to 64 printable characters"),
        (("--model", "oracle"), "no model backend is called 'oracle'; installed are: classifier"),
        (("--option", "delay_ms"), "'delay_ms' is not NAME=VALUE"),
        (("--option", "a=1", "--option", "a=2"), "do not fit together"),
        (("--option", "a b=1"), "do not fit together"),
    ],
)
def test_what_makes_no_node_is_refused_and_leaves_nothing(
    quorate: Command, home: Path, change: tuple[str, ...], said: str
) -> None:
    assert said in refused(quorate("init", home, *PLAIN, *change), home)


def test_a_directory_that_cannot_be_made_is_named(quorate: Command, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    ran = quorate("init", tmp_path / "plain" / "alice", *PLAIN)
    assert ran.code == exits.UNUSABLE
    assert f"{tmp_path}/plain" in ran.err
    assert "Traceback" not in ran.err
