"""`quorate key`: keys of HTTP clients, as their operator makes and ends them."""

from pathlib import Path

import pytest

from node.api import keys
from node.cli import exits
from tests.harness.command import Command


@pytest.fixture
def home(tmp_path: Path, quorate: Command) -> Path:
    made = quorate(
        "init",
        tmp_path / "alice",
        *("--listen", "127.0.0.1:7400", "--family", "oak", "--model", "scripted"),
        *("--api", "127.0.0.1:7480"),
    )
    assert made.code == exits.OK, made.err
    return tmp_path / "alice"


def test_a_key_is_shown_once_listed_without_itself_and_revoked(
    quorate: Command, home: Path
) -> None:
    made = quorate("key", "add", home, "ann", "--tasks-per-day", 5, "--json")
    key = made.data["key"]
    ring = keys.Keyring(home / "api-keys.json")
    ring.refresh()
    found = ring.find(key)
    assert found is not None
    assert (found.tasks_per_day, found.requests_per_minute) == (5, None)
    shown = quorate("key", "list", home)
    assert "ann" in shown.out
    assert key not in shown.out
    assert quorate("key", "revoke", home, "ann").code == exits.OK
    assert quorate("key", "list", home, "--json").data[0]["revoked_ms"]
    ring.refresh()
    assert ring.find(key) is None


def test_what_a_key_may_do_is_chosen_when_it_is_made_and_listed(
    quorate: Command, home: Path
) -> None:
    made = quorate("key", "add", home, "ann")
    assert "may ask." in made.err
    more = quorate("key", "add", home, "prometheus", "--may", "metrics", "--may", "read", "--json")
    assert more.data["may"] == ["metrics", "read"]
    listed = quorate("key", "list", home, "--json").data
    assert [key["may"] for key in listed] == [["ask"], ["read", "metrics"]]
    assert "read, metrics" in quorate("key", "list", home).out
    wrong = quorate("key", "add", home, "bo", "--may", "everything")
    assert wrong.code == exits.UNUSABLE
    assert "'ask', 'read', 'metrics'" in wrong.err


def test_a_key_is_alone_on_standard_output(quorate: Command, home: Path) -> None:
    made = quorate("key", "add", home, "ann")
    assert made.out.startswith("qk-")
    assert made.out.count("\n") == 1
    assert "shown this once" in made.err


def test_what_cannot_be_done_is_one_line(quorate: Command, home: Path) -> None:
    assert "has no API key" in quorate("key", "list", home).err
    ran = quorate("key", "revoke", home, "ann")
    assert (ran.code, ran.err) == (
        exits.UNUSABLE,
        "quorate: 'ann' is the name or id of no key that counts\n",
    )


def test_an_address_of_the_front_that_is_none_is_named_with_its_line(
    quorate: Command, home: Path
) -> None:
    file = home / "quorate.toml"
    file.write_text(file.read_text().replace('"127.0.0.1:7480"', '"7480"'))
    ran = quorate("config", "show", home)
    assert ran.code == exits.UNUSABLE
    assert "api.listen: address '7480' is not host:port" in ran.err
    assert "line " in ran.err
