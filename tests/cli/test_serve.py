"""`quorate serve`: what keeps a node from serving is one clear line; the rest is in `tests/e2e`."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node import federation_file, log
from node.cli import exits
from node.federation import split_address
from node.store.lock import StoreLock
from tests.harness.command import Command
from tests.harness.federations import federation
from tests.harness.real_nodes import ROOT, RealNode, RealSwarm


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Serving sets the process's umask and its logging: here it is this very process."""
    before = os.umask(0o077)
    os.umask(before)
    yield
    os.umask(before)
    log.reset()


@pytest.fixture
def alice(tmp_path: Path) -> RealNode:
    """A node that has not been started."""
    return RealSwarm(tmp_path, {"alice": {}})["alice"]


def refusal(quorate: Command, home: Path) -> str:
    """The one line, after log lines if there are any, with which a node does not serve."""
    ran = quorate("serve", home)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert "Traceback" not in ran.err
    *logged, line = ran.err.splitlines()
    assert all(entry.startswith("{") for entry in logged)
    assert line.startswith("quorate: ")
    return line


def rewrite(node: RealNode, old: str, new: str) -> None:
    """Change the node's configuration file."""
    path = node.home / "quorate.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_malformed_configuration_is_named_with_its_line(
    quorate: Command, alice: RealNode
) -> None:
    path = alice.home / "quorate.toml"
    path.write_text('name = "alice"\nlisten = \n')
    assert refusal(quorate, alice.home).startswith(f"quorate: {path}: not readable as TOML: ")


def test_a_missing_identity_says_how_to_get_one(quorate: Command, alice: RealNode) -> None:
    (alice.home / "identity" / "identity.key").unlink()
    line = refusal(quorate, alice.home)
    assert "identity.key is missing; `quorate init` makes an identity" in line


def test_a_key_that_others_can_read_is_refused(quorate: Command, alice: RealNode) -> None:
    (alice.home / "identity" / "identity.key").chmod(0o644)
    assert "is open to others (mode 0644); run: chmod 600" in refusal(quorate, alice.home)


def test_a_node_that_is_not_in_the_federation_says_what_to_give_to_whom(
    quorate: Command, alice: RealNode
) -> None:
    federation_file.save(alice.config.federation, federation())
    line = refusal(quorate, alice.home)
    assert f"alice's key {alice.me.public.hex()[:16]} is not in {alice.config.federation}" in line
    assert "give the federation's keeper this node's member card" in line


def test_a_missing_federation_file_says_where_it_comes_from(
    quorate: Command, alice: RealNode
) -> None:
    alice.config.federation.unlink()
    assert "is missing; `quorate federation create` makes one" in refusal(quorate, alice.home)


def test_a_port_that_is_taken_is_named(quorate: Command, alice: RealNode) -> None:
    host, port = split_address(alice.config.listen)
    with socket.socket() as other:
        other.bind((host, port))
        other.listen()
        line = refusal(quorate, alice.home)
    assert f"alice cannot serve: cannot listen on {host}:{port}: " in line
    assert "another program or node has that port" in line


def test_a_store_that_cannot_be_written_is_named_with_the_way_out(
    quorate: Command, alice: RealNode
) -> None:
    rewrite(alice, "store/quorate.db", "/proc/nowhere/quorate.db")
    line = refusal(quorate, alice.home)
    assert "cannot write the store /proc/nowhere: " in line
    assert "writable for the user who runs the node" in line


def test_a_store_that_another_process_has_open_is_named_with_the_process(
    quorate: Command, alice: RealNode
) -> None:
    path = alice.config.store
    path.parent.mkdir()
    lock = StoreLock(path.with_name(path.name + ".lock"))
    try:
        line = refusal(quorate, alice.home)
    finally:
        lock.release()
    assert f"is in use by process {os.getpid()}: stop that one first" in line


def test_a_store_of_a_newer_program_is_left_alone(quorate: Command, alice: RealNode) -> None:
    path = alice.config.store
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {0x51524154}")
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    line = refusal(quorate, alice.home)
    assert "has version 99, and this program knows versions up to" in line
    assert "run the newer program that wrote it" in line


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"backend": '"oracle"'}, "no model backend is called 'oracle'; installed are: classifier"),
        ({"delay_ms": "-1"}, "options of the scripted model: "),
    ],
)
def test_a_model_that_cannot_be_opened_says_what_is_wrong(
    quorate: Command, alice: RealNode, model: dict[str, Any], said: str
) -> None:
    if "backend" in model:
        rewrite(alice, 'backend = "scripted"', f"backend = {model['backend']}")
    else:
        rewrite(alice, "[model.options]", f"[model.options]\ndelay_ms = {model['delay_ms']}")
    assert said in refusal(quorate, alice.home)


def test_a_shard_of_one_class_trains_no_member(quorate: Command, alice: RealNode) -> None:
    shard = alice.home / "shard.csv"
    shard.write_text("label,x\none,1\none,2\n")
    shard.chmod(0o600)
    rewrite(alice, 'backend = "scripted"', 'backend = "classifier"')
    rewrite(
        alice,
        '[model.options]\nfamily = "alice\'s"',
        '[model.options]\nkind = "logistic"\nshard = "shard.csv"',
    )
    line = refusal(quorate, alice.home)
    assert f"{shard} holds one class only" in line


def test_what_was_refused_leaves_no_lock_behind(quorate: Command, alice: RealNode) -> None:
    rewrite(alice, 'backend = "scripted"', 'backend = "oracle"')
    refusal(quorate, alice.home)
    path = alice.config.store
    StoreLock(path.with_name(path.name + ".lock")).release()


def test_serving_loads_nothing_that_only_other_commands_need() -> None:
    code = (
        "import sys, node.cli.main, node.cli.serve, node.daemon, node.models.scripted; "
        "slow = {'rich', 'numpy', 'sklearn', 'pydantic', 'node.cli.tables', 'node.demo'}; "
        "print(sorted(slow & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
