"""`quorate policy fit`: a curve out of a node's own past, as fields that `ask` takes."""

import asyncio
import shutil
from pathlib import Path
from random import Random

import pytest

from consensus.policy import Policy
from node import config as node_config
from node.cli import exits
from node.store.records import Batch, FactRow
from node.store.sqlite import SqliteStore
from reputation import START, Fact, link
from tests.cli.conftest import Decided
from tests.harness.command import Command
from tests.harness.ledgers import MEMBERS, verdict, word


def remember(directory: Path, facts: list[Fact]) -> None:
    """Put facts into a node's store, as its ledger would."""

    async def store_all() -> None:
        path = node_config.load(directory).store
        async with await SqliteStore.open(path, now_ms=1, fresh_id=bytes(16)) as store:
            head, rows = START, []
            for seq, fact in enumerate(facts, 1):
                head = link(head, seq, fact.id, b"")
                rows.append(
                    FactRow(
                        seq=seq,
                        id=fact.id,
                        kind=int(fact.kind),
                        task=getattr(fact, "task", b""),
                        body=fact.body,
                        proof=b"",
                        head=head,
                    )
                )
            await store.commit(Batch(facts=tuple(rows)))

    asyncio.run(store_all())


def past(tasks: int) -> list[Fact]:
    """Tasks of three rounds that a quarter of first rounds, and a tenth of third ones, get wrong;
    every opener says what was right."""
    rng, found = Random(7), list[Fact]()
    for number in range(tasks):
        opener = MEMBERS[number % 5]
        course = "".join("ba"[rng.random() < right] for right in (0.75, 0.85, 0.9))
        found.append(verdict(number, "aabbb", winner=course[-1], course=course, opener=opener))
        right = course[-1] == "a"
        found.append(word(number, right=right, answer="" if right else "a", client=opener))
    return found


@pytest.fixture
def home(decided: Decided, tmp_path: Path) -> Path:
    """A copy of alice's directory without her past."""
    shutil.copytree(decided.home, tmp_path / "alice")
    shutil.rmtree(tmp_path / "alice" / "store")
    return tmp_path / "alice"


def test_what_is_fitted_can_be_given_to_ask(quorate: Command, home: Path) -> None:
    remember(home, past(60))
    found = quorate("policy", "fit", home, "--json").data
    policy = Policy(**found["policy"])
    assert found["rounds"][0][1] == 60
    assert policy.curve_generate == 4_007  # two of five drafts, with one on either side
    said = quorate("policy", "fit", home)
    assert said.out.startswith("--policy curve_generate=4007 --policy curve_verify=")
    assert "after 1: " in said.err


def test_a_node_with_little_past_says_how_much_it_takes(quorate: Command, home: Path) -> None:
    remember(home, past(5))
    refused = quorate("policy", "fit", home)
    assert refused.code == exits.NEGATIVE
    assert "5 tasks of more than one round" in refused.err
    assert "0 tasks" in quorate("policy", "fit", home, "--domain", "other").err
