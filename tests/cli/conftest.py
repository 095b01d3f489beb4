"""The command line for every test here, and nodes that have decided something."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness import real_nodes
from tests.harness.command import Command, command
from tests.harness.real_nodes import RealSwarm

MODELS = {
    "alice": {"line": {"answer": "a"}},
    "bob": {"line": {"answer": "a"}},
    "carol": {"line": {"answer": "b"}},
    "dave": {"faults": [{"how": "draft_raises"}]},
}

LONG = ("--timeout", "3600")
"""Tasks that can be played again for longer than a test run takes."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """Four nodes, stopped since, that have two verdicts: `first` and `second`, by id.

    The first is a member's alone; in the second dave drafts nothing, and it is in `file`.
    """

    swarm: RealSwarm
    first: str
    second: str
    task: str
    file: Path

    @property
    def home(self) -> Path:
        """Alice's directory."""
        return self.swarm["alice"].home

    @property
    def federation(self) -> Path:
        """The federation file."""
        return self.swarm.federation_path


@pytest.fixture
def quorate(capsys: pytest.CaptureFixture[str]) -> Command:
    return command(capsys)


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    home = tmp_path_factory.mktemp("decided")
    with RealSwarm(home, MODELS) as swarm:
        swarm.all_up()
        where, more = (
            swarm["alice"].home,
            ("--options", "a,b", "--policy", "rounds=2", *LONG, "--json"),
        )
        first = real_nodes.quorate("ask", where, "Alone?", *more, "--member", "alice").data
        second = real_nodes.quorate("ask", where, "Which of the two?", *more).data
        file = home / "verdict.json"
        real_nodes.quorate("verdict", "export", where, "--to", file)
        for node in swarm.nodes.values():
            node.stop()
    return Decided(
        swarm=swarm,
        first=first["verdict"],
        second=second["verdict"],
        task=second["task"],
        file=file,
    )
