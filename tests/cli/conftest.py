"""The command line for every test here, and nodes that have decided something."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.config import CONFIG_FILE
from tests.harness import real_nodes
from tests.harness.command import Command, command
from tests.harness.once import once
from tests.harness.real_nodes import RealSwarm

MODELS = {
    "alice": {"line": {"answer": "a"}},
    "bob": {"line": {"answer": "a"}},
    "carol": {"line": {"answer": "b"}},
    "dave": {"faults": [{"how": "draft_raises"}]},
}

LONG = ("--timeout", "3600")
"""Tasks that can be played again for longer than a test run takes."""

SAID = "said.json"
"""What the nodes answered."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """Four nodes, stopped since, that have two verdicts: `first` and `second`, by id.

    The first is a member's alone; in the second dave drafts nothing, and it is in `file`.
    """

    folder: Path
    first: str
    second: str
    task: str

    @property
    def home(self) -> Path:
        """Alice's directory."""
        return self.folder / "alice"

    @property
    def federation(self) -> Path:
        """The federation file."""
        return self.folder / "orchard.toml"

    @property
    def file(self) -> Path:
        """The second verdict."""
        return self.folder / "verdict.json"


@pytest.fixture
def quorate(capsys: pytest.CaptureFixture[str]) -> Command:
    return command(capsys)


def decide(folder: Path) -> None:
    """Have four nodes in `folder` decide twice, and stop them."""
    with RealSwarm(folder, MODELS) as swarm:
        swarm.all_up()
        where, more = (
            swarm["alice"].home,
            ("--options", "a,b", "--policy", "rounds=2", *LONG, "--json"),
        )
        alone = ("--member", "alice")
        first = real_nodes.told(real_nodes.quorate("ask", where, "Alone?", *more, *alone))
        second = real_nodes.told(real_nodes.quorate("ask", where, "Which of the two?", *more))
        real_nodes.quorate("verdict", "export", where, "--to", folder / "verdict.json")
        for node in swarm.nodes.values():
            node.stop()
    said = {"first": first["verdict"], "second": second["verdict"], "task": second["task"]}
    (folder / SAID).write_text(json.dumps(said))


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Decided:
    made = once(tmp_path_factory, worker_id, "decided", decide)
    folder = tmp_path_factory.mktemp("decided") / "mine"  # tests serve and rebuild these nodes
    shutil.copytree(made, folder)
    for node in MODELS:
        path = folder / node / CONFIG_FILE
        path.write_text(path.read_text().replace(str(made), str(folder)))
    return Decided(folder=folder, **json.loads((folder / SAID).read_text()))
