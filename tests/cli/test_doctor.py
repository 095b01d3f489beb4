"""`quorate doctor`: each thing that a node needs, and what to do where it lacks."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from node import federation_file
from node.cli import exits
from node.federation import split_address
from node.store.lock import StoreLock
from tests.harness.command import Command
from tests.harness.federations import entry, federation, person
from tests.harness.real_nodes import RealNode, RealSwarm
from tests.harness.real_nodes import quorate as in_a_process


@pytest.fixture
def alice(tmp_path: Path) -> RealNode:
    """The only member of a federation; she has not been started."""
    return RealSwarm(tmp_path, {"alice": {}})["alice"]


def levels(quorate: Command, home: Path) -> dict[str, tuple[str, str]]:
    """Level and text of each check, by name."""
    found = quorate("doctor", home, "--json")
    checks = {
        item["name"]: (item["level"], f"{item['text']} / {item['todo']}") for item in found.data
    }
    failed = any(level == "fail" for level, _ in checks.values())
    assert found.code == (exits.NEGATIVE if failed else exits.OK)
    return checks


def test_a_node_that_lacks_nothing_is_well_before_its_first_start(
    quorate: Command, alice: RealNode
) -> None:
    ran = quorate("doctor", alice.home)
    assert (ran.code, ran.err) == (exits.OK, "")
    lines = ran.out.splitlines()
    assert all(line.startswith("ok    ") for line in lines), ran.out
    assert [line.split()[1] for line in lines] == [
        *("configuration", "identity", "federation", "membership", "certificate", "port"),
        *("store", "disk", "model", "quorum"),
    ]
    assert "will be made at the first start" in ran.out
    assert not alice.config.store.parent.exists()


def test_a_configuration_that_is_none_is_all_that_is_said(quorate: Command, tmp_path: Path) -> None:
    ran = quorate("doctor", tmp_path / "nowhere")
    assert ran.code == exits.NEGATIVE
    assert ran.out.startswith("fail  configuration   ")
    assert ran.out.count("\n") == 1
    (found,) = quorate("doctor", tmp_path / "nowhere", "--json").data
    assert found["level"] == "fail"


def test_a_key_open_to_others_fails_and_the_rest_is_looked_at(
    quorate: Command, alice: RealNode
) -> None:
    (alice.home / "identity" / "identity.key").chmod(0o640)
    found = levels(quorate, alice.home)
    assert found["identity"][0] == "fail"
    assert "chmod 600" in found["identity"][1]
    assert "membership" not in found
    assert found["model"][0] == "ok"


def test_a_missing_federation_file_fails(quorate: Command, alice: RealNode) -> None:
    alice.config.federation.unlink()
    found = levels(quorate, alice.home)
    assert found["federation"][0] == "fail"
    assert found["store"][0] == "ok"


def test_a_stranger_to_the_federation_is_told_to_hand_in_its_card(
    quorate: Command, alice: RealNode
) -> None:
    federation_file.save(alice.config.federation, federation())
    level, text = levels(quorate, alice.home)["membership"]
    assert level == "fail"
    assert f"give its keeper the card {alice.home / 'alice.card'}" in text


def test_another_name_in_the_federation_is_a_warning(quorate: Command, alice: RealNode) -> None:
    renamed = entry(alice.me, address=alice.config.listen, name="alison", family="alice's")
    federation_file.save(alice.config.federation, federation(renamed))
    level, text = levels(quorate, alice.home)["membership"]
    assert (level, "alison" in text) == ("warn", True)


def test_another_family_in_the_federation_is_a_warning(quorate: Command, alice: RealNode) -> None:
    other = entry(alice.me, address=alice.config.listen, name="alice", family="oak")
    federation_file.save(alice.config.federation, federation(other))
    level, text = levels(quorate, alice.home)["model"]
    assert level == "warn"
    assert "it is of family alice's; the federation says oak" in text


def test_a_taken_port_fails(quorate: Command, alice: RealNode) -> None:
    with socket.socket() as other:
        other.bind(split_address(alice.config.listen))
        other.listen()
        level, text = levels(quorate, alice.home)["port"]
    assert level == "fail"
    assert f"cannot listen on {alice.config.listen}: " in text


def served(alice: RealNode) -> RealNode:
    """Alice after she has served once."""
    alice.start()
    alice.ready()
    alice.stop()
    return alice


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()


def other_program(path: Path) -> None:
    path.write_bytes(b"not a database at all, but some forty bytes")


@pytest.mark.parametrize(
    ("harm", "said"),
    [(newer, "has version 99, and this program knows"), (other_program, "not a database")],
)
def test_a_store_that_cannot_be_used_fails(
    quorate: Command, alice: RealNode, harm: Callable[[Path], None], said: str
) -> None:
    harm(served(alice).config.store)
    level, text = levels(quorate, alice.home)["store"]
    assert level == "fail"
    assert said in text


def test_a_store_somewhere_unwritable_fails(quorate: Command, alice: RealNode) -> None:
    path = alice.home / "quorate.toml"
    text = path.read_text()
    for place in ("/proc/nowhere/quorate.db", "quorate.toml/quorate.db"):
        path.write_text(text.replace("store/quorate.db", place))
        assert levels(quorate, alice.home)["store"][0] == "fail", place


def test_a_store_that_a_silent_process_holds_fails_with_its_number(
    quorate: Command, alice: RealNode
) -> None:
    path = served(alice).config.store
    lock = StoreLock(path.with_name(path.name + ".lock"))
    try:
        level, text = levels(quorate, alice.home)["store"]
    finally:
        lock.release()
    assert level == "fail"
    assert f"kill {os.getpid()}" in text
    assert levels(quorate, alice.home)["store"][0] == "ok"


def test_a_lost_or_replaced_store_warns_of_lost_votes(quorate: Command, alice: RealNode) -> None:
    store = served(alice).config.store
    assert levels(quorate, alice.home)["memory"][0] == "ok"
    record = alice.home / "identity" / "identity.json"
    named = record.read_text()
    shutil.rmtree(store.parent)
    level, text = levels(quorate, alice.home)["store"]
    assert (level, "past votes" in text) == ("warn", True)
    served(alice)
    record.write_text(named)
    level, text = levels(quorate, alice.home)["memory"]
    assert (level, "rule A13" in text) == ("warn", True)


def test_a_model_that_does_not_open_fails(quorate: Command, alice: RealNode) -> None:
    path = alice.home / "quorate.toml"
    path.write_text(path.read_text().replace('backend = "scripted"', 'backend = "oracle"'))
    assert levels(quorate, alice.home)["model"][0] == "fail"


def test_members_that_are_away_are_named_with_the_reason(quorate: Command, tmp_path: Path) -> None:
    swarm = RealSwarm(tmp_path, {name: {} for name in ("alice", "bob", "carol", "dave")})
    found = levels(quorate, swarm["alice"].home)
    for name in ("bob", "carol", "dave"):
        level, text = found[f"member {name}"]
        assert level == "warn"
        assert f"nothing listens at {swarm[name].config.listen}" in text
    assert found["quorum"][0] == "fail"
    assert "1 of 4 members are here, this one included" in found["quorum"][1]
    assert found["clock"][0] == "warn"


def test_members_that_answer_are_greeted_whoever_of_the_pair_dials(tmp_path: Path) -> None:
    with RealSwarm(tmp_path, {name: {} for name in ("alice", "bob", "carol")}) as swarm:
        bob = swarm["bob"]
        bob.start()
        bob.ready()
        for name in ("alice", "carol"):
            found = in_a_process("doctor", swarm[name].home, "--json")
            checks = {item["name"]: item for item in found.data}
            assert checks["member bob"]["level"] == "ok"
            assert checks["clock"]["text"] == "this node's clock agrees with the others'"
        # Another federation file, which bob has not got yet: he is told apart.
        more = swarm.federation.with_member(
            entry(person(tmp_path, "erin"), address="127.0.0.1:1", family="yew")
        )
        federation_file.save(tmp_path / "other.toml", more)
        path = swarm["alice"].home / "quorate.toml"
        path.write_text(path.read_text().replace("orchard.toml", "other.toml"))
        found = in_a_process("doctor", swarm["alice"].home, "--json")
        checks = {item["name"]: item for item in found.data}
        assert checks["member bob"]["level"] == "warn"
        assert "another federation file (epoch 1)" in checks["member bob"]["text"]
