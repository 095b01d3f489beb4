"""Notes from people on running daemons: from one member's door to all models (R1c)."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus.bodies import NOTES_EACH, Note
from consensus.deliberation.notes import Heard
from consensus.envelope import Envelope
from consensus.verdict import Bundle, verify
from node import notes
from node.cli import exits
from node.deliberations import Deliberations
from node.wire import codec
from node.wire.control import Ask, ControlError
from node.wire.frames import Frame, TaskNote
from tests.harness.command import Command
from tests.harness.daemons import Grove
from tests.harness.llm_server import LlmServer
from tests.harness.offices import Listener, Office

PAIR = ("alice", "bob")
MODELS = {name: {"line": {"answer": "a"}} for name in PAIR}
SLOW = {"draft_ms": 60_000, "judge_ms": 60_000, "deadline_ms": 600_000}
"""Deadlines that no test waits for."""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Alice alone is up: a task of hers waits for bob."""
    async with Grove(tmp_path, *PAIR, models=MODELS) as grove:
        found = Office(grove, tmp_path)
        await grove.start("alice")
        yield found


def asked(office: Office, *speakers: str, members: tuple[str, ...] = PAIR, **policy: Any) -> Ask:
    return replace(office.grove.ask(*members, **policy), speakers=speakers)


def said(office: Office, name: str, task: bytes, text: str, number: int = 1) -> bytes:
    """A note of somebody's, as it is handed in."""
    key, at_ms = office.keys[name].signing, office.grove.nodes["alice"].runner.releases.now()
    return notes.statement(task, notes.sign(key, task, number=number, at_ms=at_ms, text=text))


async def heard(office: Office, name: str, opened: Envelope) -> tuple[Heard, ...]:
    """The notes in the verdict that a member holds, verified."""
    end = await office.grove.last(name, opened)
    assert end.kind == "verdict"
    data = await office.grove.nodes[name].verdict(end.detail["verdict"])
    pin = office.grove.federation.floor_problem
    return verify(Bundle.decode(data), codec.reader(), pin).notes


async def test_a_note_handed_to_one_member_is_in_all_prompts_of_round_2_and_in_the_verdict(
    tmp_path: Path,
) -> None:
    names = ("alice", "bob", "carol")
    with LlmServer({"alice": "a", "bob": "b", "carol": "c"}) as server:
        server.gate.clear()  # no model answers until the note is there
        models = {
            name: {"retries": 0, "deployments": [server.deployment("openai", who=name)]}
            for name in names
        }
        async with Grove(tmp_path, *names, models=models, backend="litellm") as grove:
            office = Office(grove, tmp_path)
            await grove.start(*names)
            await grove.linked()
            policy = {**SLOW, "rounds": 2, "near_consensus": 0}
            opened = grove.open("alice", asked(office, "eve", members=names, **policy))
            told = await grove.nodes["alice"].feedback(
                said(office, "eve", opened.id, "The pier was measured anew.")
            )
            assert (told["new"], told["number"]) == (True, 1)
            server.gate.set()
            found = [await heard(office, name, opened) for name in names]
    assert len(set(found)) == 1
    assert [(one.round, one.by) for one in found[0]] == [(1, "eve")]
    prompts: dict[str, list[str]] = {name: [] for name in names}
    for path, _, body in server.requests:
        who = path.split("/")[3]
        prompts[who].append(body["messages"][-1]["content"])
    label = "statement by eve (a person, not a candidate)"
    for texts in prompts.values():
        drafts = {
            round_: text
            for text in texts
            for round_ in re.findall(r"YOUR TASK is to answer the question in round (\d)", text)
        }
        assert label not in drafts["1"]
        marked = re.search(rf"<<<(\w+) {re.escape(label)}\n\1 \| (.*)\n\1>>> ", drafts["2"])
        assert marked is not None
        assert marked[2] == "The pier was measured anew."
        judgings = [text for text in texts if text not in drafts.values()]
        assert judgings
        assert all(label in text for text in judgings)


async def test_a_note_survives_a_restart_between_its_receipt_and_the_commit(
    office: Office,
) -> None:
    grove = office.grove
    opened = grove.open("alice", asked(office, "ann", **SLOW))
    await grove.nodes["alice"].feedback(said(office, "ann", opened.id, "Kept."))
    await grove.stop("alice")
    await grove.start(*PAIR)
    await grove.linked()
    for name in PAIR:
        assert [one.note.text for one in await heard(office, name, opened)] == ["Kept."]
        node = grove.nodes[name]
        shown = await Deliberations(node.runner, node._store, str).one(opened.id)
        assert [(one.round, one.by, one.text) for one in shown.notes] == [(1, "ann", "Kept.")]


async def test_what_a_member_missed_it_is_told_when_its_link_comes_up(office: Office) -> None:
    grove = office.grove
    opened = grove.open("alice", asked(office, "ann", **SLOW))
    await grove.nodes["alice"].feedback(said(office, "ann", opened.id, "For all."))
    await grove.start("bob")
    listener = Listener(grove, "bob", opened.id, opened)
    assert (await listener.until("noted")).detail["text"] == "For all."
    await listener.until("verdict")


async def test_what_is_no_note_of_the_task_is_refused_by_name(office: Office) -> None:
    grove, node = office.grove, office.grove.nodes["alice"]
    opened = grove.open("alice", asked(office, "ann", **SLOW))
    silent = grove.open("alice", asked(office, **SLOW))
    other = grove.open("alice", asked(office, "ann", **SLOW))
    sound = notes.read_statement(said(office, "ann", opened.id, "So."))
    assert sound is not None
    note = codec.decode_note(sound.note)
    forged = notes.statement(opened.id, replace(note, text="No."))
    replayed = notes.statement(other.id, note)
    oversized = codec.pairs.note_to_proto(note)
    oversized.text = "x" * 2_001
    large = notes.length_prefixed(b"quorate/note", opened.id, oversized.SerializeToString())
    huge = notes.length_prefixed(b"quorate/note", opened.id, bytes(100_000))
    for words, why in (
        (forged, "the signature of a note by .* does not hold for this task"),
        (replayed, "the signature of a note by .* does not hold for this task"),
        (said(office, "ben", opened.id, "So."), "whom the task does not name as a speaker"),
        (said(office, "ann", silent.id, "So."), "whom the task does not name as a speaker"),
        (said(office, "ann", b"\1" * 32, "So."), "no task 0101010101010101 is running here"),
        (large, "note.text is 2001 characters, over 2000"),
        (huge, "note is 100000 bytes, over"),
    ):
        with pytest.raises(ControlError, match=f"the note is not taken: .*{why}"):
            await node.feedback(words)
    assert not node.runner.live[opened.id].notes
    assert (await node.feedback(said(office, "ann", opened.id, "So.")))["new"]


async def test_a_speakers_numbers_are_bounded_and_one_that_is_taken_is_said(
    office: Office,
) -> None:
    node = office.grove.nodes["alice"]
    opened = office.grove.open("alice", asked(office, "ann", "ben", **SLOW))
    first = said(office, "ann", opened.id, "One.")
    assert [(await node.feedback(first))["new"] for _ in range(2)] == [True, False]
    taken = await node.feedback(said(office, "ann", opened.id, "Another one."))
    assert (taken["note"], taken["new"], taken["free"]) == ("", False, 2)
    for number in range(2, NOTES_EACH + 1):
        assert (await node.feedback(said(office, "ann", opened.id, "More.", number)))["new"]
    full = await node.feedback(said(office, "ann", opened.id, "Too much.", NOTES_EACH))
    assert (full["note"], full["free"]) == ("", 0)
    assert (await node.feedback(said(office, "ben", opened.id, "One.")))["new"]
    assert len(node.runner.live[opened.id].notes) == NOTES_EACH + 1


async def test_bad_notes_of_a_member_are_refused_counted_and_paid_for(office: Office) -> None:
    grove, node, bob = office.grove, office.grove.nodes["alice"], office.grove.key("bob")
    opened = grove.open("alice", asked(office, "ann", **SLOW))

    def note(text: str, by: str = "ann") -> Note:
        return notes.sign(office.keys[by].signing, opened.id, number=1, at_ms=1, text=text)

    def bring(*said: Note | bytes, task: bytes = opened.id) -> float:
        raw = (one if isinstance(one, bytes) else codec.encode_note(one) for one in said)
        return node.frame(bob, Frame(notes=tuple(TaskNote(task=task, note=one) for one in raw)))

    two = note("Yes."), note("No.")
    bring(*two, *two)  # an equivocator's two are kept, and each once
    assert {one.text for one in node.runner.live[opened.id].notes.values()} == {"Yes.", "No."}
    bring(note("So."), task=b"\1" * 32)  # of a task that is not known, or over: no fault
    assert node.runner.refused(bob) == {}
    cost = bring(note("Three."), note("So.", by="eve"), replace(two[0], text="Maybe."), b"\xff" * 9)
    assert node.runner.refused(bob) == {"too_many": 1, "bad_note": 2, "malformed": 1}
    assert cost > 4
    assert len(node.runner.live[opened.id].notes) == 2


async def test_a_speaker_whom_the_federation_file_does_not_know_opens_nothing(
    office: Office,
) -> None:
    node = office.grove.nodes["alice"]
    with pytest.raises(ControlError, match="no client 'zoe'; there are: ann, ben, eve"):
        node.spec(asked(office, "zoe"))
    with pytest.raises(ControlError, match="two speakers have one name"):
        node.spec(asked(office, "ann", "ann"))


async def test_the_command_hands_a_note_in_and_verdicts_show_it(
    tmp_path: Path, quorate: Command, office: Office
) -> None:
    grove, home = office.grove, tmp_path / "alice"
    opened = grove.open("alice", asked(office, "ann", **SLOW))
    task = opened.id.hex()

    def run(*words: object, who: str = "ann", json: bool = False) -> Any:
        more = ("--json",) if json else ()
        client = ("--node", home, "--client", tmp_path / who)
        return asyncio.to_thread(quorate, "note", *words, *client, *more)

    ran = await run(task[:12], "Mind the \x1b[31mpier.")
    assert ran.code == exits.OK
    assert ran.out == f"Note 1 of yours for task {task[:16]} is stored and handed on.\n"
    second = await run(task, "And the bridge.", json=True)
    assert (second.data["number"], second.data["new"]) == (2, True)
    for words, who, why in (
        ((task, "So."), "eve", "whom the task does not name as a speaker"),
        (("ffffffffffff", "So."), "ann", "no task that begins with 'ffffffffffff' is running"),
        ((task, "x" * 2_001), "ann", "note.text is 2001 characters, over 2000"),
        ((task, " "), "ann", "a note is empty"),
    ):
        refused = await run(*words, who=who)
        assert (refused.code, refused.out) == (exits.UNUSABLE, "")
        assert why in refused.err
    for text in ("Three.", "Four."):
        assert (await run(task, text)).code == exits.OK
    refused = await run(task, "Five.")
    assert refused.code == exits.UNUSABLE
    assert "you have 4 notes in this task already" in refused.err
    await grove.start("bob")
    await grove.last("alice", opened)
    shown = await asyncio.to_thread(quorate, "verdict", "show", home, task)
    assert "Note       by ann, " in shown.out
    assert "in the slate of round 1: And the bridge." in shown.out
    assert "\x1b" not in shown.out
    plain = (await asyncio.to_thread(quorate, "verdict", "show", home, task, "--json")).data
    assert [(one["round"], one["by"]) for one in plain["notes"]] == [(1, "ann")] * 4
    assert plain["notes"][1]["text"] == "And the bridge."
    assert plain["notes"][1]["author"] == office.keys["ann"].public.hex()
