"""Ledgers and keeping house: facts outlive pruned verdicts, a full disk takes none (L1, A13)."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from node import backup, proofs
from node.cli import exits
from node.clock import SystemClock
from node.config import LimitsConfig
from node.entropy import SystemEntropy
from node.quota import MIB
from reputation import Book, FeedbackFact, VerdictFact
from tests.harness.command import Command
from tests.harness.daemons import Grove, Node, Turned
from tests.harness.meshes import PATIENCE_S

NAMES = ("alice", "bob", "carol", "dave")
MODELS = {
    name: {"line": {"answer": answer, "confidence": 9_000}}
    for name, answer in zip(NAMES, "aaab", strict=True)
}
DAY_MS = 86_400_000


def book(node: Node) -> Book:
    return node.runner.ledger.book


async def knows(node: Node, task: bytes) -> None:
    """Wait until the ledger of `node` has a fact of `task`, and it is stored."""
    async with asyncio.timeout(PATIENCE_S):
        while book(node).verdict(task) is None:
            await node.until_news()
    await node.settled()


def raw(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


async def test_facts_outlive_pruned_verdicts_and_a_rebuild_says_which_it_checked_alone(
    tmp_path: Path, quorate: Command
) -> None:
    clock, rebuild = Turned(), ("reputation", "rebuild", tmp_path / "alice")
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        await grove.start(*NAMES, clock=clock)
        await grove.linked()
        opened = await grove.decide(*NAMES)
        alice = grove.nodes["alice"]
        before, verdict = book(alice).digest, (await alice.verdicts(1))[0]["verdict"]
        clock.ahead_ms = DAY_MS
        assert (await alice.house.sweep(0, 0)).verdicts == 1
        later = await grove.decide(*NAMES)
        await grove.stop("alice")
        await grove.start("alice", clock=clock)
        again = book(grove.nodes["alice"])
        assert Book(fact for fact in again if fact.task != later.id).digest == before  # type: ignore[union-attr]
        await grove.stop("alice")
    found = await asyncio.to_thread(quorate, *rebuild, "--json")
    assert (found.code, found.data["damage"], found.data["facts"]) == (exits.OK, [], 2)
    (alone,) = found.data["alone"]
    assert (alone["row"], alone["task"]) == ("facts row 1", opened.id.hex())
    assert (alone["verdict"], alone["pruned_at_ms"] > DAY_MS) == (verdict, True)
    told = await asyncio.to_thread(quorate, *rebuild)
    assert (
        "1 fact checked alone, by id and chain: what it was made of is no longer here" in told.out
    )
    assert f"  facts row 1: verdict {verdict[:16]}, pruned 2" in told.out
    path = tmp_path / "alice" / "store" / "quorate.db"
    raw(path, "UPDATE pruned SET verdict = zeroblob(32)")
    other = await asyncio.to_thread(quorate, *rebuild)
    assert other.code == exits.NEGATIVE
    assert f"facts row 1, field body: the verdict that was pruned is {bytes(8).hex()}" in other.out
    raw(path, "DELETE FROM pruned")
    gone = await asyncio.to_thread(quorate, *rebuild)
    assert "and the store does not say that it was pruned" in gone.out


async def test_ledgers_stay_alike_whoever_pruned_the_verdict_that_a_word_is_about(
    tmp_path: Path,
) -> None:
    clock = Turned()
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        await grove.start(*NAMES, clock=clock)
        await grove.linked()
        opened = await grove.decide(*NAMES, by="dave")
        alice = grove.nodes["alice"]
        clock.ahead_ms = DAY_MS
        assert (await alice.house.sweep(0, 0)).verdicts == 1
        word = FeedbackFact(
            task=opened.id, client=grove.key("dave"), right=False, answer="no option", at_ms=1
        )
        # Who has pruned the verdict cannot tell how its answers are spelled.
        await alice.feedback(proofs.sign_feedback(word, grove.people["dave"].signing))
        async with asyncio.timeout(PATIENCE_S):
            for node in grove.nodes.values():
                while word.id not in book(node):
                    await node.until_news()


async def test_a_fact_of_a_task_pruned_before_there_was_a_ledger_is_learnt_without_its_verdict(
    tmp_path: Path,
) -> None:
    clock = Turned()
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        await grove.start(*NAMES, clock=clock)
        await grove.linked()
        opened = await grove.decide(*NAMES)
        clock.ahead_ms = DAY_MS
        assert (await grove.nodes["alice"].house.sweep(0, 0)).verdicts == 1
        await grove.stop("alice")
        raw(
            tmp_path / "alice" / "store" / "quorate.db",
            "DROP TRIGGER fact_kept; DELETE FROM facts;",
        )
        await grove.start("alice", clock=clock)
        alice = grove.nodes["alice"]
        assert len(book(alice)) == 0
        await grove.linked()
        await knows(alice, opened.id)
        assert [row.task for row in await alice._store.facts()] == [opened.id]
        assert await alice._store.tasks() == []
        assert await alice.verdicts(9) == []
        assert alice.runner.failure is None
        await grove.decide(*NAMES)


async def test_pruning_a_stopped_node_makes_the_facts_of_what_goes_first(
    tmp_path: Path, quorate: Command
) -> None:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        await grove.start(*NAMES)
        await grove.linked()
        opened = await grove.decide(*NAMES)
        held = book(grove.nodes["alice"]).digest.hex()
        await grove.stop("alice")
    raw(  # as a node of before the ledger left it, a day ago
        tmp_path / "alice" / "store" / "quorate.db",
        f"DROP TRIGGER fact_kept; DELETE FROM facts; "
        f"UPDATE verdicts SET decided_at_ms = decided_at_ms - {DAY_MS}; "
        f"UPDATE tasks SET not_after_ms = not_after_ms - {DAY_MS};",
    )
    prune = ("prune", tmp_path / "alice", "--older-than", "1h", "--keep", "0", "--json")
    assert (await asyncio.to_thread(quorate, *prune, "--dry-run")).data["verdicts"] == 1
    assert (await asyncio.to_thread(quorate, *prune)).data["verdicts"] == 1
    found = (
        await asyncio.to_thread(quorate, "reputation", "rebuild", tmp_path / "alice", "--json")
    ).data
    assert (found["rows"], found["digest"], found["same"]) == (1, held, True)
    assert [one["task"] for one in found["alone"]] == [opened.id.hex()]


async def test_far_over_the_quota_no_facts_are_fetched(tmp_path: Path) -> None:
    limits = LimitsConfig(stop_s=1, disk_mib=1)
    async with Grove(tmp_path, *NAMES, models=MODELS, limits=limits) as grove:
        await grove.start("bob", "carol", "dave")
        await grove.linked()
        missed = await grove.decide(*NAMES)
        shelf = tmp_path / "alice" / "store" / "evidence"
        shelf.mkdir(parents=True)
        weight = shelf / "weight.txt"
        weight.write_bytes(bytes(2 * MIB))
        await grove.start("alice")
        alice, bob = grove.nodes["alice"], grove.nodes["bob"]
        await grove.linked()
        assert missed.id in {fact.task for fact in book(bob) if isinstance(fact, VerdictFact)}
        await alice.runner.sharing._pull(grove.key("bob"))
        assert len(book(alice)) == 0
        weight.unlink()
        await alice.house.round()
        await alice.runner.sharing._pull(grove.key("bob"))
        await knows(alice, missed.id)


async def test_a_backup_holds_the_ledger_and_what_came_later_is_fetched_again(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        await grove.start(*NAMES)
        await grove.linked()
        first = await grove.decide(*NAMES)
        alice = grove.nodes["alice"]
        await asyncio.to_thread(
            backup.make,
            alice.config,
            tmp_path / "a.tar",
            with_identity=False,
            clock=SystemClock(),
            entropy=SystemEntropy(),
        )
        later = await grove.decide(*NAMES)
        await grove.stop("alice")
        for path in (tmp_path / "alice" / "store").glob("quorate.db*"):
            path.unlink()
        backup.restore(tmp_path / "a.tar", tmp_path / "alice")
        await grove.start("alice")
        alice = grove.nodes["alice"]
        held = [fact.task for fact in book(alice) if isinstance(fact, VerdictFact)]
        assert held == [first.id]
        await grove.linked()
        await knows(alice, later.id)
        assert book(alice).digest == book(grove.nodes["bob"]).digest
        assert alice.runner.intake.signs_after_ms > 0  # it may have signed since (A13)


async def test_learning_facts_alone_is_no_signing(tmp_path: Path) -> None:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        await grove.start("bob", "carol", "dave")
        await grove.linked()
        missed = await grove.decide(*NAMES)
        await grove.start("alice")
        alice = grove.nodes["alice"]
        await grove.linked()
        await knows(alice, missed.id)
        mark = tmp_path / "alice" / "identity.mark"
        await grove.decide(*NAMES)
        await alice.settled()
        counted = alice._store.signings  # a verdict's own fact is in its commit
        assert counted > 0
        fact = FeedbackFact(task=missed.id, client=grove.key("bob"), right=True, answer="", at_ms=1)
        told = await alice.feedback(proofs.sign_feedback(fact, grove.people["bob"].signing))
        assert told["new"]
        assert alice._store.signings == counted
        assert mark.read_text().split()[1] == f"{counted:020d}"
