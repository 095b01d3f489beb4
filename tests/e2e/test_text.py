"""A question of free text, put to five real nodes by the command (O1, E3a)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli import exits
from tests.harness.real_nodes import RealSwarm, quorate

LISBON = ("Lisbon", "It is Lisbon.", "Lisbon,\nthe capital of Portugal.")
PORTO = ("Porto \x1b[31m, surely",)
ANSWERS = {
    "alice": (LISBON[0], "Ministries sit there."),
    "bob": (LISBON[1], "Everybody knows."),
    "carol": (LISBON[2], "It has been since 1255."),
    "dave": (LISBON[1], ""),
    "mallory": (PORTO[0], "Portus \x1b]0;cale\x07 gave its name."),
}


@pytest.fixture(scope="module")
def capital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSwarm]:
    """Four that mean Lisbon, three of them in words of their own, and one that means Porto."""
    models = {
        name: {
            "line": {"answer": answer, "rationale": why, "confidence": 9_000},
            "same": [list(LISBON), list(PORTO)],
        }
        for name, (answer, why) in ANSWERS.items()
    }
    with RealSwarm(tmp_path_factory.mktemp("capital"), models) as swarm:
        swarm.all_up()
        yield swarm


def test_five_nodes_decide_a_free_text_and_a_stranger_verifies_it(
    capital: RealSwarm, tmp_path: Path
) -> None:
    alice = capital["alice"].home
    asked = quorate("ask", alice, "What is the capital of Portugal?", "--text", "--json")
    assert asked.code == exits.OK, asked.err
    assert asked.data["answer"] in LISBON
    assert asked.data["status"] == "decided"
    assert asked.data["dissent"]["answer"] == PORTO[0]
    assert asked.data["dissent"]["members"] == ["mallory"]
    assert asked.data["dissent"]["argued_by"] == "mallory"
    (first, second) = asked.data["last_round"]["standings"]
    assert (first["members"], second["members"]) == (["alice", "bob", "carol", "dave"], ["mallory"])
    assert asked.data["reason"] == "unanimity"
    assert "\x1b" not in asked.err

    file = tmp_path / "verdict.json"
    wrote = quorate("verdict", "export", capital["bob"].home, asked.data["verdict"], "--to", file)
    assert wrote.code == exits.OK, wrote.err
    checked = quorate("verify", file, "--federation", capital.federation_path)
    assert checked.code == exits.OK, checked.out
    assert "Dissent    Porto \N{REPLACEMENT CHARACTER}[31m, surely, by mallory" in checked.out
    assert "mallory argued: Portus" in checked.out
    assert "\x1b" not in checked.out
    found = quorate("verify", file, "--federation", capital.federation_path, "--json")
    assert found.data[0]["answer"] == asked.data["answer"]
    assert found.data[0]["dissent"] == asked.data["dissent"]

    shown = quorate("verdict", "show", capital["carol"].home, asked.data["verdict"])
    assert shown.code == exits.OK, shown.err
    assert "mallory argued: Portus" in shown.out
    assert "Answer     " in shown.out
    assert "\x1b" not in shown.out
    listed = quorate("verdict", "list", capital["dave"].home, "--json")
    assert listed.data[0]["answer"] == asked.data["answer"]
