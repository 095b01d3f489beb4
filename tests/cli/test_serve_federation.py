"""`quorate serve` with a federation file that cannot be: one line, and no node that serves."""

import re
from pathlib import Path

import pytest

from node.cli import exits
from tests.harness.command import Command
from tests.harness.real_nodes import RealNode, RealSwarm

SMALL_ORDER = "01" + "00" * 31


@pytest.fixture
def alice(tmp_path: Path) -> RealNode:
    """A node with a federation of alice and bob, not started."""
    return RealSwarm(tmp_path, {"alice": {}, "bob": {}})["alice"]


def refusal(quorate: Command, node: RealNode, text: str) -> str:
    """The line with which the node does not serve, the federation file being `text`."""
    node.config.federation.write_text(text)
    ran = quorate("serve", node.home)
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("quorate: ")
    return line


def test_a_key_that_stands_twice_is_refused_with_both_names(
    quorate: Command, alice: RealNode
) -> None:
    text = alice.config.federation.read_text()
    first, second = re.findall(r'key = "([0-9a-f]{64})"', text)
    certificates = re.findall(r'certificate = "([^"]+)"', text)
    doubled = text.replace(second, first).replace(certificates[1], certificates[0])
    line = refusal(quorate, alice, doubled)
    assert line.endswith("member 2 (bob): the key of bob is the key of alice")


def test_a_key_of_small_order_is_refused_by_name(quorate: Command, alice: RealNode) -> None:
    text = alice.config.federation.read_text()
    second = re.findall(r'key = "([0-9a-f]{64})"', text)[1]
    line = refusal(quorate, alice, text.replace(second, SMALL_ORDER))
    assert f"key {SMALL_ORDER} is of small order or no Ed25519 key" in line
    assert "bob" in line
