"""A store with damaged rows, asked over HTTP: one row takes nothing else with it, and lays
nothing open that waits for a person (E4)."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from consensus.bodies import TaskOpen
from node.api.routes import VIEW
from node.archive import Archive
from node.store.records import VerdictEntry
from tests.harness.daemons import Grove
from tests.harness.fronts import front, plain
from tests.harness.offices import Office

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNREADABLE = "zeroblob(9)"


class Worn:
    """A committee of one, its front, and two decided tasks: one waits for a person."""

    def __init__(self, office: Office, asking: httpx.AsyncClient, home: Path) -> None:
        self.office, self.asking = office, asking
        self.node = office.grove.nodes["alice"]
        self.path = home / "alice" / "store" / "quorate.db"
        self.plain = self.waits = ""

    async def decide(self, **policy: Any) -> str:
        """A task that is decided, and asked for again: nothing of it is in memory any more."""
        opened = self.office.grove.open("alice", self.office.grove.ask("alice", **policy))
        live = self.node.runner.live[opened.id]
        await live.watchers.ended()
        return opened.id.hex()

    def spoil(self, table: str, column: str, task: str, value: str = UNREADABLE) -> None:
        """Make a column of a task's row what it is not, and forget what was read before."""
        key = {"tasks": "id", "verdicts": "task"}[table]
        with sqlite3.connect(self.path, timeout=30) as raw:
            raw.execute("PRAGMA ignore_check_constraints = ON")  # as a disk ignores them
            sql = f"UPDATE {table} SET {column} = {value} WHERE {key} = x'{task}'"
            assert raw.execute(sql).rowcount == 1
        raw.close()
        self.forget()

    def forget(self) -> None:
        self.node.runner.archive._kept.clear()
        self.node.runner.releases._free.clear()

    async def get(self, path: str, **sent: Any) -> httpx.Response:
        return await self.asking.get(path, **sent)

    async def listed(self) -> dict[str, Any]:
        reply = await self.get("deliberations")
        assert reply.status_code == 200, reply.text
        return {one["task"]: one for one in reply.json()["deliberations"]}


@pytest_asyncio.fixture(loop_scope="module")
async def worn(tmp_path: Path) -> AsyncIterator[Worn]:
    async with Grove(tmp_path, "alice", models={"alice": {"line": {"answer": "a"}}}) as grove:
        office = Office(grove, tmp_path)
        base = front(grove, "alice")
        await grove.start("alice")
        async with plain(base) as asking:
            found = Worn(office, asking, tmp_path)
            found.plain = await found.decide()
            found.waits = await found.decide(approvals=1)
            grove.expected.add("a stored row cannot be read")
            yield found


async def test_a_verdict_that_cannot_be_decoded_is_in_no_facts_way(worn: Worn) -> None:
    worn.spoil("verdicts", "bundle", worn.waits)
    reply = await worn.get("members/alice")
    assert reply.status_code == 200, reply.text
    by_task = {fact["task"]: fact for fact in reply.json()["facts"]}
    assert by_task[worn.plain]["answer"] == "a"
    assert (by_task[worn.waits]["answer"], by_task[worn.waits]["winner"]) == (None, None)


async def test_a_question_that_cannot_be_decoded_is_named_first_and_its_answer_withheld(
    worn: Worn,
) -> None:
    worn.spoil("tasks", "payload", worn.waits)
    reply = await worn.get("members/alice")
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert next(iter(found)) == "warnings"
    (warned,) = found["warnings"]
    assert warned["code"] == "degraded"
    assert f"the stored question of task {worn.waits[:16]} cannot be read" in warned["text"]
    by_task = {fact["task"]: fact for fact in found["facts"]}
    assert by_task[worn.plain]["answer"] == "a"
    assert (by_task[worn.waits]["answer"], by_task[worn.waits]["winner"]) == (None, None)
    listed = await worn.listed()
    assert listed[worn.plain]["answer"] == "a"
    assert listed[worn.waits]["warnings"][0] == warned
    assert (listed[worn.waits]["answer"], listed[worn.waits]["status"]) == (None, None)


async def test_a_summary_that_cannot_be_decoded_takes_no_list_with_it(worn: Worn) -> None:
    worn.spoil("verdicts", "summary", worn.plain)
    listed = await worn.listed()
    assert [*listed] == [worn.waits, worn.plain]
    (warned,) = listed[worn.plain]["warnings"]
    assert warned["code"] == "degraded"
    assert f"the stored summary of task {worn.plain[:16]} cannot be read" in warned["text"]
    entries = await worn.node.verdicts(9)
    assert [entry["task"] for entry in entries if "damage" in entry] == [worn.plain]


@pytest.mark.parametrize("value", ["'{}'", "7", "'{\"status\": 3}'"])
async def test_a_summary_that_is_none_takes_neither_a_list_nor_its_verdict_with_it(
    worn: Worn, value: str
) -> None:
    worn.spoil("verdicts", "summary", worn.plain, value)
    listed = await worn.listed()
    assert [warned["code"] for warned in listed[worn.plain]["warnings"]] == ["degraded"]
    for path in ("deliberations/{}", "verdicts/{}", "deliberations/{}/events"):
        reply = await worn.get(path.format(worn.plain))
        assert reply.status_code == 200, reply.text
    *_, last = [line for line in reply.text.splitlines() if line.startswith("data: ")]
    told = msgspec.json.decode(last.removeprefix("data: "))
    assert (told["kind"], told["detail"]["answer"]) == ("verdict", "a")
    reply = await worn.asking.post(f"verdicts/{worn.plain}/check")
    assert reply.json()["valid"]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("tasks", "signer", "'text'"),
        ("tasks", "secret", UNREADABLE),
        ("tasks", "verdict", "-1"),
        ("tasks", "role", "'text'"),
        ("tasks", "state", "'text'"),
        ("tasks", "not_after_ms", "'text'"),
        ("verdicts", "id", "'text'"),
        ("verdicts", "id", UNREADABLE),
        ("verdicts", "decided_at_ms", "'text'"),
    ],
)
async def test_no_column_of_one_task_takes_a_list_with_it(
    worn: Worn, table: str, column: str, value: str
) -> None:
    worn.spoil(table, column, worn.waits, value)
    listed = await worn.listed()
    assert listed[worn.plain]["answer"] == "a"
    assert listed[worn.waits]["answer"] is None
    assert (await worn.get("members/alice")).status_code == 200
    reply = await worn.get(f"verdicts/{worn.waits}")
    assert reply.status_code in (404, 500)
    if reply.status_code == 500:
        assert reply.json()["error"]["code"] == "store_damaged"


async def test_a_task_that_ended_in_a_state_that_cannot_be_read_takes_no_list_with_it(
    worn: Worn,
) -> None:
    with sqlite3.connect(worn.path, timeout=30) as raw:  # as if it had ended without a verdict
        raw.execute(f"DELETE FROM verdicts WHERE task = x'{worn.waits}'")
    raw.close()
    worn.spoil("tasks", "verdict", worn.waits, "x''")
    worn.spoil("tasks", "state", worn.waits, "'text'")
    listed = await worn.listed()
    assert listed[worn.plain]["answer"] == "a"
    (warned,) = listed[worn.waits]["warnings"]
    assert warned["code"] == "degraded"
    assert f"the stored state of task {worn.waits[:16]} cannot be read" in warned["text"]
    assert listed[worn.waits]["question"] == ""


async def test_a_node_begins_over_a_state_that_cannot_be_read_and_still_knows_its_task(
    worn: Worn,
) -> None:
    grove, task = worn.office.grove, bytes.fromhex(worn.plain)
    await grove.stop("alice")
    worn.spoil("tasks", "state", worn.plain, "'text'")
    await grove.start("alice")
    archive = grove.nodes["alice"].runner.archive
    assert archive.knows(task)
    found = await archive.load(task)
    assert found is not None and found.bundle.task == task


@pytest.mark.parametrize("state", ["undecided", "expired"])
async def test_what_waits_for_a_person_waits_in_whatever_state_its_row_is(
    worn: Worn, state: str
) -> None:
    worn.spoil("tasks", "state", worn.waits, f"'{state}'")
    reply = await worn.get(f"verdicts/{worn.waits}")
    assert reply.status_code == 404, reply.text
    assert "awaiting approval" in reply.json()["error"]["message"]
    facts = (await worn.get("members/alice")).json()["facts"]
    assert {fact["task"]: fact["answer"] for fact in facts} == {worn.plain: "a", worn.waits: None}


@pytest.mark.parametrize("shown", ["deliberations/{}", "verdicts/{}", "verdicts/{}/check"])
async def test_whoever_asks_for_the_damaged_verdict_itself_is_told_which_and_what_to_do(
    worn: Worn, shown: str
) -> None:
    worn.spoil("verdicts", "bundle", worn.plain)
    path = shown.format(worn.plain)
    method = "POST" if path.endswith("check") else "GET"
    reply = await worn.asking.request(method, path, headers={"accept": f"{VIEW}, */*;q=0.1"})
    assert reply.status_code == 500
    error = reply.json()["error"]
    assert error["code"] == "store_damaged"
    assert worn.plain[:16] in error["message"] and "cannot be read" in error["message"]
    assert "another member" in error["message"]


async def test_the_events_of_a_damaged_verdict_say_so(worn: Worn) -> None:
    worn.spoil("verdicts", "bundle", worn.plain)
    reply = await worn.get(f"deliberations/{worn.plain}/events")
    assert reply.status_code == 404
    assert f"of task {worn.plain[:16]} cannot be read" in reply.json()["error"]["message"]


async def test_what_is_pruned_while_it_is_listed_shows_no_outcome(
    worn: Worn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it waited for an approver, nobody can tell any more."""
    store = worn.node._store
    entries: list[VerdictEntry] = await store.verdicts(2)
    monkeypatch.setattr(store, "verdicts", _given(entries))
    monkeypatch.setattr(store, "task", _given(None))
    listed = await worn.listed()
    for task in (worn.plain, worn.waits):
        brief = listed[task]
        assert [brief[name] for name in ("status", "answer", "probability", "reason")] == [None] * 4
        assert [warning["code"] for warning in brief["warnings"]] == ["pruned"]


async def test_a_verdict_in_memory_waits_for_its_release_though_its_row_was_pruned(
    worn: Worn, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = bytes.fromhex(worn.waits)
    archive: Archive = worn.node.runner.archive
    past = await archive.load(task)
    assert past is not None and isinstance(past.spec, TaskOpen)
    monkeypatch.setattr(worn.node._store, "task", _given(None))
    assert (await worn.node.runner.releases.withheld(task)).startswith("awaiting approval")


def _given(value: Any) -> Any:
    async def give(*_: Any, **__: Any) -> Any:
        return value

    return give
