"""Clients whose word counts: their keys, the federation file, and feedback to a real node (L1)."""

from dataclasses import replace
from pathlib import Path

import pytest

from node import federation_file, federation_text, identity
from node.cli import exits
from tests.cli.conftest import Decided
from tests.harness.command import Command
from tests.harness.real_nodes import RealSwarm


def made(quorate: Command, directory: Path) -> str:
    """A client's public key, hex, as `client init` shows it."""
    ran = quorate("client", "init", directory, "--json")
    assert ran.code == exits.OK
    return str(ran.data["key"])


def test_a_clients_key_is_made_once_and_is_its_owners_alone(
    quorate: Command, tmp_path: Path
) -> None:
    key = made(quorate, tmp_path / "desk")
    assert identity.load(tmp_path / "desk").public.hex() == key
    files = [path for path in (tmp_path / "desk").rglob("*") if path.is_file()]
    assert any(path.stat().st_mode & 0o077 == 0 for path in files)
    again = quorate("client", "init", tmp_path / "desk")
    assert (again.code, again.out) == (exits.UNUSABLE, "")
    assert identity.load(tmp_path / "desk").public.hex() == key


def test_a_client_in_the_federation_file_is_a_new_epoch_and_shown(
    quorate: Command, tmp_path: Path
) -> None:
    file, key = tmp_path / "orchard.toml", made(quorate, tmp_path / "desk")
    quorate("federation", "create", file, "--name", "orchard")
    before = federation_file.load(file)
    added = quorate("federation", "add-client", file, "desk", key.upper())
    after = federation_file.load(file)
    assert (added.code, after.epoch) == (exits.OK, before.epoch + 1)
    assert f"client desk, key {key}" in quorate("federation", "show", file).out
    assert after.hash != before.hash


def test_an_approver_is_a_client_with_a_role_that_the_file_keeps_and_pins(
    quorate: Command, tmp_path: Path
) -> None:
    file, key = tmp_path / "orchard.toml", made(quorate, tmp_path / "ann")
    quorate("federation", "create", file, "--name", "orchard")
    assert quorate("federation", "add-client", file, "ann", key, "--approver").code == exits.OK
    found = federation_file.load(file)
    assert found.is_approver(bytes.fromhex(key))
    assert f"approver ann, key {key}" in quorate("federation", "show", file).out
    (shown,) = quorate("federation", "show", file, "--json").data["clients"]
    assert shown == {"name": "ann", "key": key, "approver": True}
    plain = replace(found, clients=(replace(found.clients[0], approver=False),))
    assert plain.hash != found.hash
    assert not plain.is_approver(bytes.fromhex(key))
    assert b"approver" not in federation_text.render(plain)


@pytest.mark.parametrize(
    ("name", "key", "said"),
    [
        ("desk", "beef", "client desk: beef is no Ed25519 key"),
        ("desk", "zz" * 32, "the client's key"),
        ("", "ab" * 32, "name"),
    ],
)
def test_what_is_no_client_is_refused_and_the_file_stays(
    quorate: Command, tmp_path: Path, name: str, key: str, said: str
) -> None:
    file = tmp_path / "orchard.toml"
    quorate("federation", "create", file, "--name", "orchard")
    before = file.read_bytes()
    ran = quorate("federation", "add-client", file, name, key)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert file.read_bytes() == before


def test_a_second_client_of_one_name_or_key_is_refused(quorate: Command, tmp_path: Path) -> None:
    file, key = tmp_path / "orchard.toml", made(quorate, tmp_path / "desk")
    quorate("federation", "create", file, "--name", "orchard")
    quorate("federation", "add-client", file, "desk", key)
    before = file.read_bytes()
    for again in (("desk", "ab" * 32), ("other", key)):
        assert quorate("federation", "add-client", file, *again).code == exits.UNUSABLE
    assert file.read_bytes() == before


def test_feedback_to_a_node_that_is_down_says_how_to_start_it(
    quorate: Command, decided: Decided
) -> None:
    ran = quorate("feedback", decided.task, "right", "--node", decided.home)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert "start it with `quorate serve" in ran.err


def test_an_answer_goes_with_wrong_alone(quorate: Command, decided: Decided) -> None:
    ran = quorate("feedback", decided.task, "right", "--answer", "a", "--node", decided.home)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert "--answer goes with `wrong`" in ran.err


def test_a_ledger_is_explained_and_rebuilt_beside_a_stopped_node(
    quorate: Command, decided: Decided
) -> None:
    shown = quorate("reputation", "show", decided.home, "--explain", "--json").data
    assert shown["facts"] >= 1
    tasks = {fact["task"] for line in shown["scores"] for fact in line["facts"]}
    assert decided.task in tasks
    table = quorate("reputation", "show", decided.home, "--member", "dave")
    assert (table.code, "dave" in table.out, "carol" in table.out) == (exits.OK, True, False)
    rebuilt = quorate("reputation", "rebuild", decided.home, "--json")
    assert (rebuilt.code, rebuilt.data["same"]) == (exits.OK, True)
    assert rebuilt.data["digest"] == shown["digest"]


def test_how_independent_members_are_is_shown_as_far_as_it_is_known(
    quorate: Command, decided: Decided
) -> None:
    (found,) = quorate("reputation", "reliability", decided.home, "--json").data["domains"]
    names = [one["member"] for one in found["members"]]
    assert len(names) == 4
    assert {one["drafted"] for one in found["pairs"]} >= {1}  # whoever drafted nothing has none
    assert len(found["pairs"]) == 6
    assert found["error_correlation"] is found["effective_members"] is None
    assert 1 <= found["effective_families"] <= 4
    people = quorate("reputation", "reliability", decided.home)
    assert people.code == exits.OK
    assert all(name in people.out for name in names)
    assert "is not known: that takes 30 tasks" in people.err
    none = quorate("reputation", "reliability", decided.home, "--domain", "nowhere", "--json")
    assert {one["drafted"] for one in none.data["domains"][0]["pairs"]} == {0}


def test_a_listed_clients_word_is_taken_by_a_running_node_and_a_strangers_is_not(
    quorate: Command, tmp_path: Path
) -> None:
    models = {"alice": {"line": {"answer": "a"}}, "bob": {"line": {"answer": "a"}}}
    with RealSwarm(tmp_path / "swarm", models) as swarm:
        key = made(quorate, tmp_path / "desk")
        made(quorate, tmp_path / "stranger")
        quorate("federation", "add-client", swarm.federation_path, "desk", key)
        swarm.all_up()
        alice = swarm["alice"].home
        asked = quorate("ask", alice, "Which?", "--options", "a,b", "--json")
        assert asked.code == exits.OK, asked.err
        task = asked.data["task"]
        for name, code in (("stranger", exits.UNUSABLE), ("desk", exits.OK)):
            ran = quorate(
                *("feedback", task, "wrong", "--answer", "b"),
                *("--node", alice, "--client", tmp_path / name),
            )
            assert ran.code == code, ran.err
        said = quorate("reputation", "show", alice, "--explain", "--json").data
    words = [word for line in said["scores"] for fact in line["facts"] for word in fact["feedback"]]
    assert words
    assert {(word["client"], word["answer"], word["right"]) for word in words} == {
        (key, "b", False)
    }
    assert all(line["author"] < 0.5 for line in said["scores"])
