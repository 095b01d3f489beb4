"""A member that offers facts that are none: each is refused with its code, and none enters (L1)."""

import asyncio
import os
from pathlib import Path

import pytest

from consensus.bodies import Acceptance
from consensus.envelope import Kind, pack
from consensus.verdict import encode_evidence
from node import proofs, sharing
from node.wire.frames import Frame
from node.wire.ledger import ProvenFact
from reputation import LEAF, AcceptanceFact, EvidenceFact, FactKind, FeedbackFact
from tests.harness.cast import ctx, key, signed
from tests.harness.daemons import Grove, Node
from tests.harness.meshes import PATIENCE_S
from tests.harness.rogue import Rogue

NAMES = ("alice", "bob", "carol")


async def test_forged_facts_are_refused_with_their_codes(tmp_path: Path) -> None:
    async with Grove(tmp_path, *NAMES, rogues=["mallory"]) as grove:
        await grove.start(*NAMES)
        await grove.linked()
        rogue = await grove.rogue()
        ours = await grove.decide(*NAMES)
        foreign = await grove.decide("bob", "carol")
        alice = grove.nodes["alice"]
        await alice.settled()
        held = alice.runner.ledger.book.digest
        committee = alice.spec(grove.ask(*NAMES)).committee
        bob = grove.people["bob"].signing
        answers = [
            signed(bob, Kind.ACCEPTANCE, ctx(committee, task=ours.id), Acceptance(refusal=said))
            for said in ("", "no")
        ]
        stranger = [
            signed(
                key("zoe"), Kind.ACCEPTANCE, ctx(committee, task=ours.id), Acceptance(refusal=no)
            )
            for no in ("", "no")
        ]
        elsewhere = [
            signed(bob, Kind.ACCEPTANCE, ctx(committee, task=ours.id).pack()[::-1], item.payload)
            for item in answers
        ]
        listed = proofs.sign_feedback(
            FeedbackFact(task=ours.id, client=rogue.public, right=True, answer="", at_ms=1),
            key("mallory"),
        )
        unknown = proofs.sign_feedback(
            FeedbackFact(task=bytes(32), client=rogue.public, right=True, answer="", at_ms=1),
            key("mallory"),
        )
        bundle = await grove.nodes["bob"].verdict(foreign.id.hex())
        fact = grove.nodes["bob"].runner.ledger.book.verdict(foreign.id)
        assert fact is not None
        evidence = encode_evidence(*answers)
        offers = [
            (FactKind.FEEDBACK, listed, proofs.prove(FactKind.FEEDBACK, listed, b"").id),
            (FactKind.FEEDBACK, unknown, proofs.prove(FactKind.FEEDBACK, unknown, b"").id),
            (FactKind.FEEDBACK, listed[:-1] + b"x", b"1" * 32),
            (FactKind.FEEDBACK, bytes(proofs.STATEMENT_MAX + 1), b"2" * 32),
            (FactKind.VERDICT, bundle, fact.id),
            (FactKind.VERDICT, bundle[:-1], b"3" * 32),
            (
                FactKind.ACCEPTANCE,
                pack(answers[0]),
                AcceptanceFact(task=ours.id, member=grove.key("bob")).id,
            ),
            (FactKind.ACCEPTANCE, pack(answers[1]), b"4" * 32),
            (FactKind.EVIDENCE, evidence, b"5" * 32),  # sound, but under another id
            (FactKind.EVIDENCE, evidence.replace(b'"kind":2', b'"kind":3'), b"6" * 32),
            (FactKind.EVIDENCE, encode_evidence(answers[0], answers[0]), b"7" * 32),
            (
                FactKind.EVIDENCE,
                encode_evidence(*stranger),
                EvidenceFact(member=key("zoe").public).id,
            ),
            (FactKind.EVIDENCE, encode_evidence(*elsewhere), b"8" * 32),
        ]
        for kind, proof, fact_id in offers:
            rogue.heard.ids.add(fact_id)
            rogue.heard.facts[fact_id] = ProvenFact(kind=int(kind), proof=proof)
        rogue.send(grove.key("alice"), Frame(ledger=rogue.heard.ids.digest))
        codes = {
            "not_a_client",
            "no_verdict",
            "bad_proof",
            "not_our_committee",
            "not_needed",
            "not_asked",
            "not_a_member",
        }
        await rogue.heard.until(lambda: len(rogue.heard.lacking) >= len(offers))
        while pulls := alice.runner.sharing.pulls._running[rogue.public]:
            await asyncio.wait(pulls, timeout=PATIENCE_S)
        assert {line["code"] for line in grove.logged("refusal")} >= codes
        assert alice.runner.ledger.book.digest == held
        assert not alice.runner.ledger.book.excluded(grove.key("bob"))
        # The same pair under its own id is taken: it is the pair that convicts, not who gives it.
        own = EvidenceFact(member=grove.key("bob")).id
        rogue.heard.ids.add(own)
        rogue.heard.facts[own] = ProvenFact(kind=int(FactKind.EVIDENCE), proof=evidence)
        rogue.send(grove.key("alice"), Frame(ledger=rogue.heard.ids.digest))
        await alice.until(lambda: alice.runner.ledger.book.excluded(grove.key("bob")))


async def test_evidence_is_found_behind_ids_that_were_ground_to_hide_it(tmp_path: Path) -> None:
    async with Grove(tmp_path, *NAMES, rogues=["mallory"]) as grove:
        await grove.start("alice")
        rogue = await grove.rogue()
        alice = grove.nodes["alice"]
        own = EvidenceFact(member=rogue.public).id
        at = ctx(alice.spec(grove.ask(*NAMES)).committee)
        pair = [
            signed(key("mallory"), Kind.ACCEPTANCE, at, Acceptance(refusal=said))
            for said in ("", "no")
        ]
        # A client knows the id of the evidence against it, and can grind its statements' ids.
        for number in range(LEAF + 1):
            rogue.heard.ids.add(own[:2] + number.to_bytes(4, "big") + bytes(26))
        rogue.heard.ids.add(own)
        proof = encode_evidence(*pair)
        rogue.heard.facts[own] = ProvenFact(kind=int(FactKind.EVIDENCE), proof=proof)
        rogue.send(grove.key("alice"), Frame(ledger=rogue.heard.ids.digest))
        await alice.until(lambda: alice.runner.ledger.book.excluded(rogue.public))


async def compared(alice: Node, rogue: Rogue) -> set[bytes]:
    """Have alice compare ledgers with mallory; the ids that she asks for."""
    marker = b"\x01" + os.urandom(31)  # without a proof: it is asked for whenever the rest is
    rogue.heard.ids.add(marker)
    rogue.heard.lacking.clear()
    rogue.send(alice.runner.me, Frame(ledger=rogue.heard.ids.digest))
    await rogue.heard.until(lambda: marker in rogue.heard.lacking)
    while pulls := alice.runner.sharing.pulls._running[rogue.public]:
        await asyncio.wait(pulls, timeout=PATIENCE_S)
    return set(rogue.heard.lacking)


@pytest.mark.parametrize("count", [3, 4])
async def test_so_many_refused_facts_are_remembered_and_of_more_the_oldest_costs_a_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(sharing, "TURNED_AWAY", 3)
    async with Grove(tmp_path, *NAMES, rogues=["mallory"]) as grove:
        await grove.start("alice")
        rogue, alice = await grove.rogue(), grove.nodes["alice"]
        at = ctx(alice.spec(grove.ask(*NAMES)).committee)
        strangers = [key(f"stranger {number}") for number in range(count)]
        offered = set()
        for stranger in strangers:
            pair = [
                signed(stranger, Kind.ACCEPTANCE, at, Acceptance(refusal=said))
                for said in ("", "no")
            ]
            fact = EvidenceFact(member=stranger.public).id
            proof = encode_evidence(*pair)
            rogue.heard.ids.add(fact)
            rogue.heard.facts[fact] = ProvenFact(kind=int(FactKind.EVIDENCE), proof=proof)
            offered.add(fact)
        assert offered <= await compared(alice, rogue)
        assert bool(offered & await compared(alice, rogue)) is (count > 3)


@pytest.mark.parametrize(("most", "found"), [(3, LEAF + 1), (2, LEAF // 2 + 1)])
async def test_a_comparison_asks_so_many_questions_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, found: int
) -> None:
    monkeypatch.setattr(sharing, "SUMMARIES", most)
    async with Grove(tmp_path, *NAMES, rogues=["mallory"]) as grove:
        await grove.start("alice")
        rogue, alice = await grove.rogue(), grove.nodes["alice"]
        for number in range(LEAF):  # with the marker one more than a summary lists: it has parts
            rogue.heard.ids.add(bytes([number % 2]) + number.to_bytes(31))
        assert len(await compared(alice, rogue)) == found
