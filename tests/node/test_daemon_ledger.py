"""Ledgers of running daemons: facts with the verdict, sets that converge, words and evidence."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from consensus.bodies import Acceptance
from consensus.deliberation.points import PointValue
from consensus.envelope import Envelope, Kind, Stage
from consensus.policy import EXPERTS
from consensus.ports import Message
from consensus.tally.rules.adaptive import PRIOR
from consensus.verdict import Bundle
from node import federation_file, identity, proofs
from node.cli import exits
from node.entropy import SystemEntropy
from node.facts import Decided
from node.federation import Client
from node.ledger import STATEMENTS
from node.store.records import Pruned
from node.wire.control import ControlError
from reputation import Book, EvidenceFact, FactKind, FeedbackFact, VerdictFact, link
from tests.harness.cast import ctx, signed
from tests.harness.command import Command, Ran
from tests.harness.daemons import Grove, Node, Turned
from tests.harness.meshes import PATIENCE_S

NAMES = ("alice", "bob", "carol", "dave", "mallory")
MODELS = {
    name: {"line": {"answer": answer, "confidence": 9_000}}
    for name, answer in zip(NAMES, "aaaab", strict=True)
}

WAITING = dict.fromkeys(("accept_ms", "draft_ms", "exchange_ms", "judge_ms", "open_ms"), 60_000)
"""Deadlines that no busy machine misses, for what every member has to have said."""


def book(node: Node) -> Book:
    return node.runner.ledger.book


async def alike(grove: Grove, *names: str) -> None:
    """Wait until these ledgers hold the same facts, and all of them are stored."""
    nodes = [grove.nodes[name] for name in names]
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for node in nodes:
                await node.settled()
            if len({book(node).digest for node in nodes}) == 1:
                return
            news = [asyncio.ensure_future(node.until_news()) for node in nodes]
            _, waiting = await asyncio.wait(news, return_when=asyncio.FIRST_COMPLETED)
            for one in waiting:
                one.cancel()


def statement(grove: Grove, name: str, task: bytes, **fields: object) -> bytes:
    """A signed word on a task."""
    said = {"right": True, "answer": "", "at_ms": 1, **fields}
    fact = FeedbackFact(task=task, client=grove.key(name), **said)  # type: ignore[arg-type]
    return proofs.sign_feedback(fact, grove.people[name].signing)


def figures(data: bytes) -> dict[str, Any]:
    """The last figures of a verdict file."""
    point = Bundle.decode(data).rounds[-1].points[-1]
    found = PointValue.decode(
        point.value, stage=Stage.OUTCOME, round_=len(Bundle.decode(data).rounds)
    ).figures
    assert found is not None
    return found


def pair(grove: Grove, name: str) -> tuple[Envelope, Envelope]:
    """Two answers of `name` to one task: equivocation."""
    opened = grove.nodes["alice"].spec(grove.ask(*grove.nodes))
    at = ctx(opened.committee)
    one, other = (
        signed(grove.people[name].signing, Kind.ACCEPTANCE, at, Acceptance(refusal=reason))
        for reason in ("", "no")
    )
    return one, other


async def test_five_ledgers_are_alike_also_after_one_was_away(tmp_path: Path) -> None:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        await grove.start(*NAMES)
        await grove.linked()
        await grove.decide(*NAMES)
        await grove.stop("mallory")
        missed = await grove.decide(*NAMES, by="alice")
        grove.nodes["bob"].runner.sharing.append(
            grove.nodes["bob"].runner.ledger.convict(*pair(grove, "dave"))
        )
        await grove.nodes["bob"].feedback(statement(grove, "alice", missed.id))
        await grove.start("mallory")
        await grove.linked()
        await alike(grove, *NAMES)
        late = book(grove.nodes["mallory"])
        assert {type(fact).__name__ for fact in late} >= {
            "VerdictFact",
            "EvidenceFact",
            "FeedbackFact",
        }
        assert late.verdict(missed.id) is not None
        for node in grove.nodes.values():
            assert book(node).excluded(grove.key("dave"))
            views = node.runner.ledger.views(node.spec(grove.ask(*NAMES)))
            place = node.spec(grove.ask(*NAMES)).committee.position(grove.key("dave"))
            assert place is not None
            assert (views.authors[place], views.judges[place]) == (0, 0)
        scores = [
            [book(node).score(grove.key(name), "", late.latest_ms()) for name in NAMES]
            for node in grove.nodes.values()
        ]
        assert scores == [scores[0]] * len(NAMES)


async def test_a_clients_word_moves_scores_in_every_node_and_views_follow(tmp_path: Path) -> None:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        client = identity.create(tmp_path / "client", SystemEntropy())
        grove.federation = grove.federation.with_client(Client(name="desk", key=client.public))
        federation_file.save(grove.federation_path, grove.federation)
        await grove.start(*NAMES)
        await grove.linked()
        opened = await grove.decide(*NAMES, **WAITING)
        await alike(grove, *NAMES)
        at_ms = book(grove.nodes["alice"]).latest_ms()
        before = book(grove.nodes["alice"]).score(grove.key("alice"), "", at_ms)
        fact = FeedbackFact(task=opened.id, client=client.public, right=False, answer="b", at_ms=1)
        await grove.nodes["carol"].feedback(proofs.sign_feedback(fact, client.signing))
        await alike(grove, *NAMES)
        for node in grove.nodes.values():
            assert fact.id in book(node)
            assert book(node).score(grove.key("alice"), "", at_ms).author < before.author
        after = await grove.decide(*NAMES)
        for name in NAMES:
            data = await grove.nodes[name].verdict(after.id.hex())
            tally = figures(data)["tally"]
            assert len(set(tally["scores"])) > 1
            right = (
                grove.nodes[name].spec(grove.ask(*NAMES)).committee.position(grove.key("mallory"))
            )
            assert tally["scores"][right] == max(tally["scores"])


async def test_what_moves_of_the_dials_earned_goes_on_from_task_to_task(tmp_path: Path) -> None:
    """R2b: a bandit's arms come out of every ledger, by round 1's commits, into the outcome."""
    bandit = {"rounds": 3, "stops": "", "dials": "ucb"}
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        await grove.start(*NAMES)
        await grove.linked()
        for task in range(2):
            opened = await grove.decide(*NAMES, **bandit)
            await alike(grove, *NAMES)
            outcomes = Decided.of(
                Bundle.decode(await grove.nodes["bob"].verdict(opened.id.hex()))
            ).figures
            # Three rounds, so two moves were made; the first task's are known to the second.
            arms = [one["plateau"]["bandit"]["arms"] for one in outcomes]
            tries = [sum(count for count, _, _ in known) for known in arms]
            assert tries == [2 * task, 2 * task + 1, 2 * task + 2]
        for node in grove.nodes.values():
            views = node.runner.ledger.views(node.spec(grove.ask(*NAMES, **bandit)))
            assert list(views.arms) == [part for arm in arms[-1] for part in arm]
            assert node.runner.ledger.views(node.spec(grove.ask(*NAMES))).arms == ()


async def test_a_clients_word_moves_what_rules_weigh_in_the_next_verdict(tmp_path: Path) -> None:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        client = identity.create(tmp_path / "client", SystemEntropy())
        grove.federation = grove.federation.with_client(Client(name="desk", key=client.public))
        federation_file.save(grove.federation_path, grove.federation)
        await grove.start(*NAMES)
        await grove.linked()
        opened = await grove.decide(*NAMES, rule="adaptive")
        await alike(grove, *NAMES)
        first = figures(await grove.nodes["alice"].verdict(opened.id.hex()))["tally"]
        assert first["mixed"]["weights"] == list(PRIOR)
        known = book(grove.nodes["bob"]).verdict(opened.id)
        assert known is not None
        assert len(known.picks) == len(EXPERTS)
        fact = FeedbackFact(task=opened.id, client=client.public, right=False, answer="b", at_ms=1)
        await grove.nodes["carol"].feedback(proofs.sign_feedback(fact, client.signing))
        await alike(grove, *NAMES)
        after = await grove.decide(*NAMES, rule="adaptive")
        mixed = {
            str(figures(await grove.nodes[name].verdict(after.id.hex()))["tally"]["mixed"])
            for name in NAMES
        }
        assert len(mixed) == 1
        assert str(list(PRIOR)) not in mixed.pop()
        plain = await grove.decide(*NAMES)
        assert "mixed" not in figures(await grove.nodes["bob"].verdict(plain.id.hex()))["tally"]


async def test_who_is_taken_off_the_file_takes_its_words_out_of_every_ledger(
    tmp_path: Path, quorate: Command
) -> None:
    names = NAMES[:4]
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        client = identity.create(tmp_path / "client", SystemEntropy())
        before = grove.federation
        grove.federation = before.with_client(Client(name="desk", key=client.public))
        federation_file.save(grove.federation_path, grove.federation)
        await grove.start(*names)
        await grove.linked()
        opened = await grove.decide(*names)
        digest = book(grove.nodes["alice"]).digest
        fact = FeedbackFact(task=opened.id, client=client.public, right=False, answer="b", at_ms=1)
        await grove.nodes["alice"].feedback(proofs.sign_feedback(fact, client.signing))
        await alike(grove, *names)
        assert book(grove.nodes["bob"]).digest != digest
        for name in names:
            await grove.stop(name)
        grove.federation = before
        federation_file.save(grove.federation_path, before)
        await grove.start(*names)
        await grove.linked()
        assert {book(grove.nodes[name]).digest for name in names} == {digest}
        await grove.stop("alice")
    for what in (("rebuild",), ("show",)):
        found = await asyncio.to_thread(quorate, "reputation", *what, tmp_path / "alice", "--json")
        assert found.code == exits.OK
        assert found.data["digest"] == digest.hex()


async def test_ledgers_that_differ_agree_and_a_policy_may_weigh_all_alike(tmp_path: Path) -> None:
    names = NAMES[:4]
    async with Grove(tmp_path, *names, models=MODELS) as grove:
        await grove.start(*names)
        await grove.linked()
        ledgers = [grove.nodes[name].runner.ledger for name in names]
        for ledger, convicted in zip(ledgers, ["bob", "carol", "dave", "bob"], strict=True):
            ledger.book.add(EvidenceFact(member=grove.key(convicted)))
        opened = await grove.decide(*names)
        told = figures(await grove.nodes["alice"].verdict(opened.id.hex()))["tally"]
        committee = sorted(grove.keys(*names))
        # Of bob two say 0 and one, carol, has him neutral: the lower median is 0.
        assert told["scores"][committee.index(grove.key("bob"))] == 0
        assert told["weights"][committee.index(grove.key("bob"))] < 10_000
        equal = await grove.decide(*names, weights="equal")
        told = figures(await grove.nodes["bob"].verdict(equal.id.hex()))["tally"]
        assert told["scores"][committee.index(grove.key("bob"))] == 0
        assert told["weights"] == told["judge_weights"] == [10_000] * 4


async def test_words_that_do_not_count_are_refused_with_a_reason(tmp_path: Path) -> None:
    names = NAMES[:4]
    async with Grove(tmp_path, *names, models=MODELS) as grove:
        await grove.start(*names)
        await grove.linked()
        opened = await grove.decide(*names, by="alice")
        alice = grove.nodes["alice"]
        said = statement(grove, "alice", opened.id)
        for proof, reason in (
            (statement(grove, "bob", opened.id), "is no client"),
            (said[:-1] + bytes([said[-1] ^ 1]), "signature does not hold"),
            (said + b"x", "cut short"),
            (said + bytes(4), "3 parts, not 2"),
            (said[:-9], "cut short"),
            (bytes(proofs.STATEMENT_MAX + 1), "over 8192"),
            (statement(grove, "alice", bytes(32)), "no verdict is held"),
            (statement(grove, "alice", opened.id, answer="q"), "is no answer to the task"),
            (statement(grove, "alice", opened.id, answer="B"), "spelled 'b'"),
        ):
            with pytest.raises(ControlError, match=reason):
                await alice.feedback(proof)
        assert (await alice.feedback(said))["new"]
        assert not (await alice.feedback(said))["new"]
        for at_ms in range(2, STATEMENTS + 1):
            assert (await alice.feedback(statement(grove, "alice", opened.id, at_ms=at_ms)))["new"]
        with pytest.raises(ControlError, match="16 statements of this client"):
            await alice.feedback(statement(grove, "alice", opened.id, at_ms=99))


async def missed_by_alice(grove: Grove) -> tuple[Envelope, bytes, VerdictFact]:
    """A task that bob, carol and dave decided without her, and stopped: its verdict, its fact."""
    names = ("bob", "carol", "dave")
    await grove.start(*names)
    await grove.linked()
    opened = await grove.decide(*names, "alice", by="bob")
    data = await grove.nodes["bob"].verdict(opened.id.hex())
    fact = book(grove.nodes["bob"]).verdict(opened.id)
    assert fact is not None
    for name in names:
        await grove.stop(name)
    return opened, data, fact


async def test_a_task_that_comes_in_while_its_verdict_is_fetched_is_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = NAMES[:4]
    async with Grove(tmp_path, *names, models=MODELS) as grove:
        opened, data, fact = await missed_by_alice(grove)
        await grove.start("alice")
        alice = grove.nodes["alice"]
        admitted = alice.runner.gate.admit(opened)
        assert isinstance(admitted, Message)
        looked = alice._store.find_pruned

        async def late(prefix: str) -> Pruned | None:
            alice.runner.entrance.offered(admitted, grove.key("bob"))
            return await looked(prefix)

        monkeypatch.setattr(alice._store, "find_pruned", late)
        await alice.runner.sharing._take_verdict(data, frozenset({fact.id}))
        await alice.settled()
        assert alice.runner.failure is None
        assert opened.id in alice.runner.live


async def test_an_expired_task_is_not_followed_when_its_verdict_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, clock = NAMES[:4], Turned()
    async with Grove(tmp_path, *names, models=MODELS) as grove:
        opened, data, fact = await missed_by_alice(grove)
        clock.ahead_ms = 86_400_000
        await grove.start("alice", clock=clock)
        alice = grove.nodes["alice"]
        admitted = alice.runner.gate.admit(opened)
        assert isinstance(admitted, Message)
        looked = alice._store.find_pruned

        async def late(prefix: str) -> Pruned | None:
            monkeypatch.setattr(alice._store, "find_pruned", looked)
            await alice.runner.sharing._take_verdict(data, frozenset({fact.id}))
            return None  # as of when it was asked for

        monkeypatch.setattr(alice._store, "find_pruned", late)
        await alice.runner.entrance._follow_late(admitted, grove.key("bob"))
        await alice.settled()
        assert opened.id not in alice.runner.live
        assert alice.runner.failure is None


async def test_what_a_kill_came_between_is_made_up_for_at_the_start(tmp_path: Path) -> None:
    names = NAMES[:4]
    async with Grove(tmp_path, *names, models=MODELS) as grove:
        await grove.start(*names)
        await grove.linked()
        await grove.decide(*names)
        alice = grove.nodes["alice"]
        digest = book(alice).digest
        alice._shelf.keep(*pair(grove, "bob"))
        await grove.stop("alice")
        with sqlite3.connect(alice.config.store) as raw:  # as a node of before the ledger left it
            raw.executescript("DROP TRIGGER fact_kept; DELETE FROM facts;")
        raw.close()
        await grove.start("alice")
        again = book(grove.nodes["alice"])
        assert again.excluded(grove.key("bob"))
        assert Book(fact for fact in again if fact.kind is FactKind.VERDICT).digest == digest
        rows = await grove.nodes["alice"]._store.facts()
        assert [row.seq for row in rows] == [1, 2]


SPOILS = {
    "seq": "UPDATE facts SET seq = 9 WHERE seq = 3",
    "id": "UPDATE facts SET id = randomblob(32) WHERE seq = 2",
    "kind": "UPDATE facts SET kind = 2 WHERE seq = 1",
    "task": "UPDATE facts SET task = randomblob(32) WHERE seq = 3",
    "body": "UPDATE facts SET body = replace(body, '\"winner\":0', '\"winner\":1') WHERE seq = 1",
    "proof": "UPDATE facts SET proof = randomblob(90) WHERE seq = 3",
    "head": "UPDATE facts SET head = randomblob(32) WHERE seq = 2",
}
"""A change of each column of the table of facts."""

VERDICT_SPOILS = {
    "id": "UPDATE verdicts SET id = randomblob(32)",
    "bundle": "UPDATE verdicts SET bundle = substr(bundle, 1, length(bundle) - 9)",
    "task": "UPDATE verdicts SET task = randomblob(32)",
}
"""A change of each column of a verdict that scores follow from."""


async def test_a_tampered_row_is_named_with_its_field(tmp_path: Path, quorate: Command) -> None:
    names, rebuild = NAMES[:4], ("reputation", "rebuild", tmp_path / "alice")
    async with Grove(tmp_path, *names, models={**MODELS, "dave": MODELS["mallory"]}) as grove:
        await grove.start(*names)
        await grove.linked()
        opened = await grove.decide(*names, by="alice")
        alice = grove.nodes["alice"]
        alice.runner.sharing.append(alice.runner.ledger.convict(*pair(grove, "bob")))
        await alice.feedback(statement(grove, "alice", opened.id))
        beside = await asyncio.to_thread(quorate, *rebuild)
        assert beside.code == exits.OK, beside.out
        digest = book(alice).digest.hex()
        await grove.stop("alice")
    path = alice.config.store
    good = await asyncio.to_thread(quorate, *rebuild, "--json")
    assert (good.code, good.data["digest"], good.data["rows"]) == (exits.OK, digest, 3)
    assert good.data["same"]
    whole = path.read_bytes()
    for table, spoils in (("facts", SPOILS), ("verdicts", VERDICT_SPOILS)):
        for field, sql in spoils.items():
            path.write_bytes(whole)
            with sqlite3.connect(path) as raw:
                raw.executescript(f"DROP TRIGGER fact_fixed; {sql};")
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            raw.close()
            found = await asyncio.to_thread(quorate, *rebuild, "--json")
            assert found.code == exits.NEGATIVE, (table, field)
            named = {(one["row"].split()[0], one["field"]) for one in found.data["damage"]}
            assert named == {(table, field)}, (table, field, found.data["damage"])
            plain = await asyncio.to_thread(quorate, *rebuild)
            assert f"damaged: {table} row" in plain.out
            assert f"field {field}" in plain.out


async def test_a_row_that_nothing_proves_is_named_though_the_chain_holds(
    tmp_path: Path, quorate: Command
) -> None:
    names, rebuild = NAMES[:4], ("reputation", "rebuild", tmp_path / "alice", "--json")
    async with Grove(tmp_path, *names, models=MODELS) as grove:
        await grove.start(*names)
        await grove.linked()
        opened = await grove.decide(*names, by="alice")
        alice = grove.nodes["alice"]
        await grove.stop("alice")
    path = alice.config.store
    whole, digest = path.read_bytes(), book(alice).digest.hex()
    for fact in (
        EvidenceFact(member=grove.key("bob")),
        FeedbackFact(task=opened.id, client=grove.key("alice"), right=True, answer="", at_ms=1),
    ):
        path.write_bytes(whole)
        with sqlite3.connect(path) as raw:
            ((seq, head),) = raw.execute("SELECT max(seq) + 1, head FROM facts")
            task = getattr(fact, "task", b"")
            row = (seq, fact.id, fact.kind, task, fact.body, b"", link(head, seq, fact.id, b""))
            raw.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            raw.commit()
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        found = await asyncio.to_thread(quorate, *rebuild)
        assert found.code == exits.NEGATIVE
        (damage,) = found.data["damage"]
        assert (damage["row"], damage["field"]) == ("facts row 2", "proof")
        assert found.data["digest"] == digest  # what follows from the proofs


async def test_scores_are_shown_with_the_facts_that_make_them(
    tmp_path: Path, quorate: Command
) -> None:
    names = NAMES[:4]
    async with Grove(tmp_path, *names, models={**MODELS, "dave": MODELS["mallory"]}) as grove:
        await grove.start(*names)
        await grove.linked()
        opened = await grove.decide(*names, by="alice")
        home = tmp_path / "alice"
        task = opened.id.hex()[:12]

        async def run(*arguments: object) -> Ran:
            return await asyncio.to_thread(quorate, *arguments)

        said = await run("feedback", task, "wrong", "--answer", "B", "--node", home)
        assert said.code == exits.OK, said.err
        assert "was wrong" in said.out
        shown = await run("reputation", "show", home, "--explain", "--json")
        dave = next(one for one in shown.data["scores"] if one["member"] == "dave")
        assert dave["author"] > 0.5
        (fact,) = dave["facts"]
        assert fact["task"] == opened.id.hex()
        assert fact["feedback"][0]["answer"] == "b"
        people = await run("reputation", "show", home, "--explain", "--member", "bob")
        assert "alice says wrong, right is b" in people.out
        assert "bob" in people.out
        refused = await run("feedback", task, "right", "--answer", "b", "--node", home)
        assert refused.code == exits.UNUSABLE
        stranger = await run(
            "feedback", task, "right", "--node", home, "--client", tmp_path / "bob"
        )
        assert "is no client" in stranger.err
        nobody = await run("reputation", "show", home, "--member", "zoe")
        assert nobody.code == exits.UNUSABLE
