"""Clients' signed words over HTTP: feedback (L1), approvals (E4) and notes (R1c)."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

import node
from consensus.bodies import NOTES_EACH
from consensus.verdict import MAX_STATEMENT
from node import notes, proofs
from node.identity import Identity
from node.ledger import STATEMENTS
from reputation import FeedbackFact
from tests.harness.daemons import Grove
from tests.harness.federations import person
from tests.harness.fronts import front, plain
from tests.harness.offices import Office
from tests.harness.readme import Page

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = b"\1" * 32
"""A task that is none."""


class Counter:
    """Alice's front, where bob, whom some tasks wait for, is not there.

    `plain` and `waits` are decided, the latter waits for an approver; eve may speak into `runs`.
    """

    def __init__(self, office: Office, asking: httpx.AsyncClient, home: Path) -> None:
        self.office, self.asking, self.home = office, asking, home
        self.node = office.grove.nodes["alice"]
        self.stranger = person(home, "mallory")

    async def open(self) -> None:
        grove = self.office.grove
        self.plain, self.waits = [
            (await grove.decide("alice")).id,
            grove.open("alice", grove.ask("alice", approvals=1)).id,
        ]
        await self.node.runner.live[self.waits].watchers.ended()
        past = await self.node.runner.archive.load(self.waits)
        assert past is not None
        self.verdict = past.bundle.id.hex()
        self.runs = self.running()

    def running(self) -> bytes:
        grove = self.office.grove
        slow = {"accept_ms": 3_600_000, "draft_ms": 3_600_000, "deadline_ms": 3_600_000}
        asked = replace(grove.ask("alice", "bob", **slow), speakers=("eve",))
        return grove.open("alice", asked).id

    def now(self) -> int:
        return self.node.runner.releases.now()

    def rated(self, who: Identity, task: bytes, *, at_ms: int = 0, answer: str = "") -> bytes:
        fact = FeedbackFact(
            task=task,
            client=who.public,
            right=not answer,
            answer=answer,
            at_ms=at_ms or self.now(),
        )
        return proofs.sign_feedback(fact, who.signing)

    def noted(self, who: Identity, task: bytes, number: int = 1, text: str = "So.") -> bytes:
        note = notes.sign(who.signing, task, number=number, at_ms=self.now(), text=text)
        return notes.statement(task, note)

    async def say(self, task: bytes, statement: bytes) -> httpx.Response:
        text = base64.b64encode(statement).decode()
        path = f"deliberations/{task.hex()}/statements"
        return await self.asking.post(path, json={"statement": text})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Counter]:
    home = tmp_path_factory.mktemp("counter")
    async with Grove(home, "alice", "bob", models={"alice": {"line": {"answer": "a"}}}) as grove:
        office = Office(grove, home)
        base = front(grove, "alice", requests_per_minute=0)
        await grove.start("alice")
        async with plain(base) as asking:
            made = Counter(office, asking, home)
            await made.open()
            yield made


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def test_a_word_on_a_verdict_is_taken_once_and_counts(counter: Counter) -> None:
    said = counter.rated(counter.office.keys["ann"], counter.plain, answer="b")
    first = await counter.say(counter.plain, said)
    assert first.status_code == 200, first.text
    told = first.json()
    assert (told["kind"], told["new"], told["task"]) == ("feedback", True, counter.plain.hex())
    assert (await counter.say(counter.plain, said)).json() == {**told, "new": False}
    (fact,) = [
        one
        for one in (await counter.asking.get("members/alice")).json()["facts"]
        if one["task"] == counter.plain.hex()
    ]
    assert ("ann", False, "b") in {
        (word["client"], word["right"], word["answer"]) for word in fact["feedback"]
    }


async def test_an_approver_releases_an_outcome(counter: Counter) -> None:
    grove = counter.office.grove
    task = grove.open("alice", grove.ask("alice", approvals=1)).id
    await counter.node.runner.live[task].watchers.ended()
    listed = (await counter.asking.get("deliberations")).json()["deliberations"]
    (brief,) = [one for one in listed if one["task"] == task.hex()]
    assert (brief["status"], brief["answer"]) == ("awaiting approval", None)
    reply = await counter.say(task, counter.office.word("ann", task, brief["verdict"]))
    told = reply.json()
    assert (told["kind"], told["state"]) == ("approval", "approved")
    assert told["reason"] == "approved by ann"
    shown = (await counter.asking.get(f"deliberations/{task.hex()}")).json()
    assert shown["outcome"]["answer"] == "a"


async def test_a_note_is_held_for_the_task_and_a_taken_number_names_a_free_one(
    counter: Counter,
) -> None:
    eve, task = counter.office.keys["eve"], counter.running()
    first = (await counter.say(task, counter.noted(eve, task))).json()
    assert (first["kind"], first["new"], first["number"]) == ("note", True, 1)
    held = counter.node.runner.live[task].notes
    assert [note.text for note in held.values()] == ["So."]
    again = await counter.say(task, counter.noted(eve, task, text="Not so."))
    assert code(again) == (409, "number_taken")
    assert again.json()["error"]["quorate"] == {"free": 2}
    for number in range(2, NOTES_EACH + 1):
        assert (await counter.say(task, counter.noted(eve, task, number))).status_code == 200
    full = await counter.say(task, counter.noted(eve, task, NOTES_EACH, "Too much."))
    assert code(full) == (409, "too_many_statements")


REFUSED: dict[str, tuple[int, str, str]] = {
    "forged feedback": (403, "bad_signature", "signature does not hold"),
    "forged approval": (403, "bad_signature", "signature does not hold"),
    "forged note": (403, "bad_signature", "does not hold for this task"),
    "a stranger's feedback": (403, "unknown_client", "no client in the federation file"),
    "a client's approval": (403, "unknown_client", "no approver in the federation file"),
    "an unnamed speaker's note": (403, "unknown_client", "does not name as a speaker"),
    "feedback on no task": (404, "not_found", "no verdict is held here"),
    "a note on no task": (404, "not_found", "is running here"),
    "a note after the end": (409, "too_late", "is over"),
    "a late approval": (409, "too_late", "the time to approve this outcome is over"),
    "an approval of another verdict": (409, "not_fitting", "another verdict"),
    "an approval that nobody asked for": (409, "not_fitting", "asks for no approvals"),
    "an answer that is none": (400, "invalid_statement", "is no answer to the task"),
    "a statement on another task": (400, "invalid_statement", "is on task"),
    "noise": (400, "invalid_statement", "cut short"),
    "the longest noise": (400, "invalid_statement", "not taken"),
    "one byte too many": (413, "statement_too_long", f"at most {MAX_STATEMENT}"),
}


def _refused(counter: Counter, what: str) -> tuple[bytes, bytes]:
    """A task and a statement that is not taken."""
    keys, plain_, waits = counter.office.keys, counter.plain, counter.waits
    word: Any = counter.office.word
    day_ms = 86_400_001
    match what:
        case "forged feedback":
            return plain_, _bent(counter.rated(keys["eve"], plain_))
        case "forged approval":
            return waits, _bent(word("ann", waits, counter.verdict))
        case "forged note":
            return counter.runs, _bent(counter.noted(keys["eve"], counter.runs))
        case "a stranger's feedback":
            return plain_, counter.rated(counter.stranger, plain_)
        case "a client's approval":
            return waits, word("eve", waits, counter.verdict)
        case "an unnamed speaker's note":
            return counter.runs, counter.noted(keys["ann"], counter.runs)
        case "feedback on no task":
            return NOBODY, counter.rated(keys["eve"], NOBODY)
        case "a note on no task":
            return NOBODY, counter.noted(keys["eve"], NOBODY)
        case "a note after the end":
            return plain_, counter.noted(keys["eve"], plain_)
        case "a late approval":
            late = counter.now() + day_ms
            return waits, word("ann", waits, counter.verdict, at_ms=late)
        case "an approval of another verdict":
            return waits, word("ann", waits, "0" * 64)
        case "an approval that nobody asked for":
            return plain_, word("ann", plain_, "0" * 64)
        case "an answer that is none":
            return plain_, counter.rated(keys["eve"], plain_, answer="z")
        case "a statement on another task":
            return plain_, counter.rated(keys["eve"], waits)
        case "noise":
            return plain_, b"noise"
        case "the longest noise":
            return plain_, bytes(MAX_STATEMENT)
        case _:
            return plain_, bytes(MAX_STATEMENT + 1)


def _bent(statement: bytes) -> bytes:
    return statement[:-1] + bytes([statement[-1] ^ 1])


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_not_taken_is_refused_by_its_kind(counter: Counter, what: str) -> None:
    task, statement = _refused(counter, what)
    reply = await counter.say(task, statement)
    status, wanted, text = REFUSED[what]
    assert code(reply) == (status, wanted), reply.text
    assert text in reply.json()["error"]["message"]
    assert reply.headers["x-should-retry"] == "false"


async def test_what_is_no_base64_is_refused_by_its_place(counter: Counter) -> None:
    path = f"deliberations/{counter.plain.hex()}/statements"
    reply = await counter.asking.post(path, json={"statement": "~"})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "statement")


async def test_one_clients_words_on_one_task_are_bounded(counter: Counter) -> None:
    ben, now = counter.office.keys["ben"], counter.now()
    for place in range(STATEMENTS):
        said = counter.rated(ben, counter.plain, at_ms=now + place)
        assert (await counter.say(counter.plain, said)).status_code == 200
    over = await counter.say(counter.plain, counter.rated(ben, counter.plain, at_ms=now + 99))
    assert code(over) == (409, "too_many_statements")


async def test_the_rooms_program_hands_in_a_word(counter: Counter) -> None:
    blocks = Page.read(Path(node.__file__).with_name("README.md")).blocks
    (block,) = [item for item in blocks if (item.word, item.of) == ("file", "word.py")]
    program: dict[str, Any] = {}
    exec(block.text, program)
    task = (await counter.office.grove.decide("alice")).id.hex()
    told = await asyncio.to_thread(
        program["rate"],
        str(counter.asking.base_url).removesuffix("/v1/"),
        "",
        counter.home / "eve",
        task,
        right=True,
    )
    assert (told["kind"], told["new"]) == ("feedback", True)
