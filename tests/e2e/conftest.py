"""One swarm of real nodes for the tests here: processes of their own, on loopback."""

import sys
from collections.abc import Iterator

import pytest

from tests.harness.real_nodes import RealSwarm

README = {"cases": {"What is the capital of Portugal?": {"answer": "Lisbon"}}}
"""What all say to the question that the README asks."""

MODELS = {
    "alice": {"line": {"answer": "a"}, **README},
    "bob": {"line": {"answer": "a"}, **README},
    "carol": {"line": {"answer": "b"}, **README},
    # The slowest: what the others did can be seen before the stage closes. In round 3 its
    # model hangs, in a task whose policy allows so many.
    "dave": {
        "line": {"answer": "b"},
        **README,
        "delay_ms": 150,
        "faults": [{"how": "draft_hangs", "round": 3}, {"how": "judge_hangs", "round": 3}],
    },
}


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSwarm]:
    with RealSwarm(tmp_path_factory.mktemp("orchard"), MODELS) as swarm:
        yield swarm


@pytest.fixture
def orchard(nodes: RealSwarm) -> Iterator[RealSwarm]:
    """Alice, bob, carol and dave, all running and linked, whatever a test before did to them."""
    nodes.all_up()
    yield nodes
    sys.stdout.write(nodes.last_words())  # pytest shows it with a failure, and only then
