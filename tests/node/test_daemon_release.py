"""Outcomes that wait for a person, on running daemons: who hears what, and when (E4)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consensus.verdict import Approval, State, Statement, until
from node.cli import exits, mcp_tools
from node.cli.exits import CliError
from node.ledger import STATEMENTS
from node.proofs import prove
from node.wire.control import ControlError
from reputation import ApprovalFact, FactKind
from tests.harness.command import Command
from tests.harness.daemons import QUICK, Grove, Turned
from tests.harness.offices import OFFICERS, Listener, Office, checked

NAMES = OFFICERS
MODELS = {name: {"line": {"answer": "a"}} for name in NAMES}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        found = Office(grove, tmp_path)
        await grove.start(*NAMES)
        await grove.linked()
        yield found


async def test_no_outcome_is_told_before_an_approver_releases_it_and_the_word_reaches_all(
    office: Office,
) -> None:
    alices, bobs = await office.decide()
    for one in (alices, bobs):
        assert "outcome" not in one.kinds
        assert "verdict" not in one.kinds
    waits = alices.heard[-1].detail
    assert waits["reason"] == "awaiting approval: 0 of 1 so far"
    node = office.grove.nodes["alice"]
    assert checked(office, await node.verdict(waits["verdict"])) is State.AWAITING
    told = await node.feedback(office.word("ann", alices.task, waits["verdict"], note="Fine."))
    assert (told["new"], told["state"]) == (True, "approved")
    for one in (alices, bobs):  # bob's node fetches the word from alice's
        last = await one.until("verdict")
        assert one.kinds[-2:] == ["outcome", "verdict"]
        assert last.detail["answer"] == "a"
        assert [word["note"] for word in last.detail["release"]["approved"]] == ["Fine."]
    for name in NAMES:
        data = await office.grove.nodes[name].verdict(waits["verdict"])
        assert checked(office, data) is State.APPROVED


async def test_a_refusal_withholds_the_outcome_with_its_reason_and_stands(office: Office) -> None:
    alices, bobs = await office.decide(approvals=2)
    node, verdict = office.grove.nodes["bob"], alices.heard[-1].detail["verdict"]
    await node.feedback(office.word("ann", alices.task, verdict))
    assert (await bobs.until("awaiting")).detail["yes"] == 1
    await node.feedback(office.word("ben", alices.task, verdict, False, note="The case is open."))
    for one in (alices, bobs):
        last = await one.until("withheld")
        assert last.detail["reason"] == "rejected by ben: The case is open."
        assert "figures" not in last.detail
        assert "outcome" not in one.kinds
    after = await node.feedback(office.word("ben", alices.task, verdict, True))
    assert after["state"] == "rejected"


async def test_past_its_time_an_outcome_is_unapproved_and_no_word_is_taken_in(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        office, clock = Office(grove, tmp_path), Turned()
        await grove.start("alice", clock=clock)
        await grove.start("bob")
        await grove.linked()
        alices, _ = await office.decide(approval_ms=600_000)
        verdict = alices.heard[-1].detail["verdict"]
        dated = office.word("ann", alices.task, verdict)
        clock.ahead_ms += 600_001
        grove.nodes["alice"].runner.releases.news()
        last = await alices.until("withheld")
        assert (last.detail["state"], last.detail["release"]["approved"]) == ("unapproved", [])
        for late in (dated, office.word("ann", alices.task, verdict)):
            with pytest.raises(ControlError, match="the time to approve this outcome is over"):
                await grove.nodes["alice"].feedback(late)
        assert checked(office, await grove.nodes["alice"].verdict(verdict)) is State.UNAPPROVED


async def test_forged_replayed_and_uncalled_for_words_are_refused(office: Office) -> None:
    alices, _ = await office.decide()
    other, _ = await office.decide()
    free = await office.grove.decide(*NAMES)
    node, verdict = office.grove.nodes["alice"], alices.heard[-1].detail["verdict"]
    true = Statement.decode(office.word("ann", alices.task, verdict))
    forged = Statement(approval=true.approval, signature=bytes(64)).encode()
    moved = Statement(
        approval=Approval(
            task=other.task,
            verdict=bytes.fromhex(other.heard[-1].detail["verdict"]),
            approver=true.approval.approver,
            approve=True,
            note="",
            at_ms=true.approval.at_ms,
        ),
        signature=true.signature,
    ).encode()
    freed = (await office.grove.last("alice", free)).detail["verdict"]
    for said, why in (
        (forged, "the approver's signature does not hold"),
        (moved, "the approver's signature does not hold"),
        (office.word("eve", alices.task, verdict), "is no approver in the federation file"),
        (office.word("ann", alices.task, "00" * 32), "another verdict than that which it names"),
        (office.word("ann", b"\x01" * 32, verdict), "no verdict is held here"),
        (office.word("ann", free.id, freed), "the task's policy asks for no approvals"),
        (office.word("ann", alices.task, verdict, at_ms=2**52), "the time to approve"),
    ):
        with pytest.raises(ControlError, match=why):
            await node.feedback(said)
    assert not node.runner.ledger.book.approvals(alices.task)
    said = true.encode()
    assert [(await node.feedback(said))["new"] for _ in range(2)] == [True, False]
    await alices.until("verdict")
    assert other.kinds[-1] == "awaiting"


async def test_one_approvers_words_on_one_task_are_bounded(office: Office) -> None:
    alices, _ = await office.decide(approvals=2)
    node, verdict = office.grove.nodes["alice"], alices.heard[-1].detail["verdict"]
    now = node.runner.releases.now()
    for earlier in range(STATEMENTS):
        said = office.word("ann", alices.task, verdict, at_ms=now - earlier)
        assert (await node.feedback(said))["new"]
    with pytest.raises(ControlError, match=f"{STATEMENTS} statements of this approver"):
        await node.feedback(office.word("ann", alices.task, verdict, at_ms=now - STATEMENTS))
    assert len(node.runner.ledger.book.approvals(alices.task)) == 1
    no = office.word("ann", alices.task, verdict, False, at_ms=now - STATEMENTS)
    assert (await node.feedback(no))["state"] == "rejected"


async def test_a_no_that_comes_too_late_takes_back_no_approval(office: Office) -> None:
    """Members fetch it from each other whatever its date (L1): it counts for nothing (E4)."""
    alices, _ = await office.decide()
    node, verdict = office.grove.nodes["alice"], alices.heard[-1].detail["verdict"]
    await node.feedback(office.word("ann", alices.task, verdict))
    await alices.until("verdict")
    past = await node.runner.archive.load(alices.task)
    assert past is not None
    late = office.word("ann", alices.task, verdict, False, at_ms=until(past.spec) + 1)
    fact = prove(FactKind.APPROVAL, late, node.federation.network)
    assert isinstance(fact, ApprovalFact)
    assert node.runner.ledger.enter(fact, late)
    assert node.runner.releases.stands(alices.task, past.spec).state is State.APPROVED
    assert checked(office, await node.verdict(verdict)) is State.APPROVED


async def test_a_restart_waits_on_and_knows_what_was_said(office: Office) -> None:
    grove = office.grove
    alices, bobs = await office.decide(approvals=2)
    verdict = alices.heard[-1].detail["verdict"]
    await grove.nodes["alice"].feedback(office.word("ann", alices.task, verdict))
    await grove.stop("alice")
    await grove.start("alice")
    await grove.linked()
    again = Listener(grove, "alice", alices.task)
    waits = await again.until("awaiting", "verdict")
    assert (waits.kind, waits.detail["yes"]) == ("awaiting", 1)
    assert "outcome" not in again.kinds
    await grove.nodes["bob"].feedback(office.word("ben", alices.task, verdict))
    for one in (again, bobs):
        assert (await one.until("verdict")).detail["answer"] == "a"
    await grove.stop("alice")
    await grove.start("alice")
    assert (await Listener(grove, "alice", alices.task).until("awaiting", "verdict")).kind == (
        "verdict"
    )


async def test_a_policy_that_asks_more_than_there_are_approvers_opens_nothing(
    office: Office,
) -> None:
    with pytest.raises(ControlError, match=r"asks for 3 approvals; orchard has 2 approvers"):
        office.grove.nodes["alice"].spec(office.grove.ask(*NAMES, approvals=3))


async def test_the_command_approves_and_what_is_exported_verifies(
    tmp_path: Path, quorate: Command, office: Office
) -> None:
    alices, _ = await office.decide()
    verdict, home = alices.heard[-1].detail["verdict"], tmp_path / "alice"
    file, pin = tmp_path / "verdict.json", office.grove.federation_path

    def run(*words: object) -> Any:
        return asyncio.to_thread(quorate, *words)

    await run("verdict", "export", home, verdict, "--to", file)
    found = await run("verify", file, "--federation", pin)
    assert found.code == exits.OK
    assert found.out.startswith("warning: awaiting_approval: 0 of 1 so far")
    refused = await run("approve", verdict, "yes", "--node", home, "--client", tmp_path / "eve")
    assert (refused.code, refused.out) == (exits.UNUSABLE, "")
    assert "no approver in the federation file" in refused.err
    ran = await run(
        "approve", verdict, "yes", "--note", "Fine.", "--node", home, "--client", tmp_path / "ann"
    )
    assert ran.code == exits.OK
    assert ran.out == f"Task {alices.task.hex()[:16]} is approved by ann.\n"
    await alices.until("verdict")
    shown = await run("verdict", "show", home, verdict)
    assert "Release    approved by ann: Fine." in shown.out
    await office.grove.stop("alice")  # and from the store, without a daemon
    await run("verdict", "export", home, verdict, "--to", file, "--force")
    found = await run("verify", file, "--federation", pin, "--json")
    assert found.data[0]["release"]["state"] == "approved"
    assert found.data[0]["state"] == "valid"
    assert not [item for item in found.data[0]["warnings"] if "appro" in item["code"]]


async def test_the_tools_of_mcp_tell_no_outcome_that_waits_or_was_refused(office: Office) -> None:
    """Whoever calls them is a client, though the node's operator lets it in."""
    alices, _ = await office.decide()
    node, verdict = office.grove.nodes["alice"], alices.heard[-1].detail["verdict"]
    lines: list[str] = []

    async def step(line: str) -> None:
        lines.append(line)
        if "awaiting approval" in line:
            task = bytes.fromhex(lines[0].split()[1])
            held = {one["task"]: one["verdict"] for one in await node.verdicts(9)}
            await node.feedback(office.word("ben", task, held[task.hex()], False, note="No."))

    for tool in (mcp_tools.verdict, mcp_tools.check):
        with pytest.raises(CliError, match="not released: awaiting approval"):
            await tool(node.config, {"id": verdict}, step)
    await node.feedback(office.word("ann", alices.task, verdict))
    await alices.until("verdict")
    told = await mcp_tools.verdict(node.config, {"id": verdict}, step)
    assert (told.data["answer"], told.data["release"]["state"]) == ("a", "approved")
    asked = {"question": "?", "options": ["a", "b"], "policy": {**QUICK, "approvals": 1}}
    refused = await mcp_tools.ask(node.config, asked, step)
    assert (refused.data["status"], refused.data["answer"]) == ("rejected", None)
    assert "rejected by ben: No." in refused.text
