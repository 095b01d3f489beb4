"""REST over a real committee: three honest daemons, and one whose judge hangs."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jsonschema
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from consensus.verdict import Bundle
from node.api.openapi import document
from node.api.routes import ENDPOINTS, VIEW
from node.doorway import Doorway
from tests.harness.daemons import QUICK, Grove
from tests.harness.fronts import front, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

HONEST = ["alice", "bob", "carol"]
PATIENT = {
    **QUICK,
    **dict.fromkeys(("accept_ms", "draft_ms", "exchange_ms", "judge_ms"), 3_600_000),
    "deadline_ms": 3_600_000,
}


class Orchard:
    """The grove, alice's front, and one task that was decided there."""

    def __init__(self, grove: Grove, asking: httpx.AsyncClient) -> None:
        self.grove, self.asking = grove, asking
        self.task = ""

    async def open(self, question: str = "Which?", **more: Any) -> dict[str, Any]:
        asked = {"question": question, "options": ["a", "b"], "members": HONEST, **more}
        reply = await self.asking.post("deliberations", json=asked)
        assert reply.status_code == 201, reply.text
        made: dict[str, Any] = reply.json()
        assert reply.headers["location"] == f"/v1/deliberations/{made['task']}"
        return made

    async def told(self, task: str, last: str = "") -> list[tuple[str, dict[str, Any]]]:
        """Every event that comes of a task, with its id."""
        sent = {"last-event-id": last} if last else {}
        reply = await self.asking.get(f"deliberations/{task}/events", headers=sent)
        assert reply.headers["content-type"].startswith("text/event-stream"), reply.text
        found = []
        for block in reply.text.split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
            if lines:
                found.append((lines["id"], json.loads(lines["data"])))
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def orchard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Orchard]:
    models: dict[str, Any] = {
        name: {"line": {"answer": "a", "rationale": f"as {name} sees it"}} for name in HONEST
    }
    models["carol"] = {"line": {"answer": "b", "rationale": "as carol sees it", "later": ["a"]}}
    models["dave"] = {"line": {"answer": "b"}, "faults": [{"how": "judge_hangs"}]}
    home = tmp_path_factory.mktemp("orchard")
    async with Grove(home, *HONEST, "dave", models=models) as grove:
        base = front(grove, "alice")
        await grove.start(*HONEST, "dave")
        await grove.linked()
        async with plain(base) as asking:
            made = Orchard(grove, asking)
            made.task = (await made.open(policy=QUICK))["task"]
            await made.told(made.task)
            yield made


def fits(of: str, data: Any, status: int = 200) -> Any:
    """`data`, once it fits what the document says of the operation `of`."""
    paths = document()["paths"].values()
    found = next(one for path in paths for one in path.values() if one["operationId"] == of)
    content = found["responses"][str(status)]["content"]
    schema = next(iter(content.values()))["schema"]
    whole = {**schema, "components": document()["components"]}
    jsonschema.validate(data, whole, cls=Draft202012Validator)
    return data


async def test_a_question_is_opened_followed_and_shown(orchard: Orchard) -> None:
    opened = fits("open", await orchard.open(policy="quorate-fast"), 201)
    assert (opened["state"], opened["opener"]) == ("running", "alice")
    assert sorted(opened["members"]) == HONEST
    events = await orchard.told(opened["task"])
    kinds = [told["kind"] for _, told in events]
    assert (kinds[0], kinds[-1]) == ("open", "verdict")
    assert {told["detail"]["member"] for _, told in events if told["kind"] == "opened"} == {*HONEST}
    found = fits(
        "deliberation", (await orchard.asking.get(f"deliberations/{opened['task']}")).json()
    )
    assert (found["state"], found["policy"]["rounds"]) == ("decided", 1)
    assert found["outcome"]["verdict"] == events[-1][1]["detail"]["verdict"]
    matrix = found["rounds"][0]["matrix"]
    assert matrix["authors"] == [row["voter"] for row in matrix["rows"]] == HONEST
    for at, row in enumerate(matrix["rows"]):
        assert [cell["masked"] for cell in row["cells"]] == [at == other for other in range(3)]
    assert {one["author"]: one["rationale"] for one in found["rounds"][0]["drafts"]} == {
        name: f"as {name} sees it" for name in HONEST
    }


async def test_an_event_stream_goes_on_after_the_last_event_that_was_received(
    orchard: Orchard,
) -> None:
    task = (await orchard.open(members=[*HONEST, "dave"], policy=PATIENT))["task"]
    url, before = f"deliberations/{task}/events", []
    async with orchard.asking.stream("GET", url) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("id: "):
                before.append(line.removeprefix("id: "))
            if '"kind":"judged"' in line:
                break
    await orchard.grove.nodes["dave"].until(lambda: _judging(orchard, task))
    async with orchard.asking.stream("GET", url, headers={"last-event-id": before[2]}) as stream:
        again = [line async for line in _until(stream, before[-1])]
    assert again == before[3:]
    _release(orchard, task)
    rest = await orchard.told(task, before[-1])
    assert rest[-1][0] == "end" and not {id_ for id_, _ in rest} & set(before)
    # What the process remembers of it is over: its verdict has a history of its own.
    whole = await orchard.told(task, before[-1])
    assert whole[0][1]["kind"] == "open" and whole[-1][0] == "end"
    done = await orchard.asking.get(url, headers={"last-event-id": "end"})
    assert done.status_code == 204


async def test_nothing_of_an_open_round_says_what_anybody_drafted(orchard: Orchard) -> None:
    task = (await orchard.open(members=[*HONEST, "dave"], policy=PATIENT))["task"]
    lines = []
    async with orchard.asking.stream("GET", f"deliberations/{task}/events") as stream:
        async for line in stream.aiter_lines():
            lines.append(line)
            if sum('"kind":"judged"' in one for one in lines) == 3:
                break
    shown = (await orchard.asking.get(f"deliberations/{task}")).text
    listed = (await orchard.asking.get("deliberations")).json()["deliberations"]
    running = next(one for one in listed if one["task"] == task)
    found = fits("deliberation", json.loads(shown))
    assert found["rounds"] == [] and found["outcome"] is None
    assert found["steps"][0]["judged"] == HONEST and found["steps"][0]["opened"] == []
    assert running["state"] == "running" and running["answer"] is None
    for said in ("sees it", '"a"', '"b"'):
        assert said not in "".join(lines)
        assert said not in shown.replace('"options":["a","b"]', "")
    _release(orchard, task)
    await orchard.told(task)
    found = (await orchard.asking.get(f"deliberations/{task}")).json()
    assert "as bob sees it" in {one["rationale"] for one in found["rounds"][0]["drafts"]}
    assert {one["stage"] for one in found["steps"][0]["abstained"]} == {"judge"}


def _judging(orchard: Orchard, task: str) -> bool:
    live = orchard.grove.nodes["dave"].runner.live.get(bytes.fromhex(task))
    return live is not None and bool(live.calls)


def _release(orchard: Orchard, task: str) -> None:
    """Have dave's model asked nothing more, so that it abstains."""
    runner = orchard.grove.nodes["dave"].runner
    runner.consultant.withdraw(runner.live[bytes.fromhex(task)])


async def _until(stream: httpx.Response, id_: str) -> AsyncIterator[str]:
    async for line in stream.aiter_lines():
        if line.startswith("id: "):
            yield line.removeprefix("id: ")
            if line == f"id: {id_}":
                return


async def test_lists_are_given_a_page_at_a_time(orchard: Orchard) -> None:
    for _ in range(2):
        await orchard.told((await orchard.open(policy=QUICK))["task"])
    seen, after = [], ""
    while True:
        reply = await orchard.asking.get("deliberations", params={"limit": 1, "after": after})
        page = fits("deliberations", reply.json())
        told = [one["decided_at_ms"] for one in page["deliberations"]]
        seen += [at_ms for at_ms in told if at_ms is not None]
        if not page["next"]:
            break
        after = page["next"]
    assert len(seen) >= 3 and seen == sorted(seen, reverse=True)
    lost = await orchard.asking.get("deliberations", params={"after": "0" * 64})
    assert (lost.status_code, lost.json()["error"]["param"]) == (404, "after")


async def test_what_runs_or_came_to_nothing_hides_no_verdict_from_a_small_page(
    orchard: Orchard,
) -> None:
    running = [
        (await orchard.open(members=[*HONEST, "dave"], policy=PATIENT))["task"] for _ in range(2)
    ]
    alice = orchard.grove.nodes["alice"]
    lost = (await orchard.open(members=[*HONEST, "dave"], policy=PATIENT))["task"]
    alice.runner.entrance.expire(alice.runner.live[bytes.fromhex(lost)])
    await alice.settled()
    reply = (await orchard.asking.get("deliberations", params={"limit": 100})).json()
    whole = [one["task"] for one in reply["deliberations"]]
    assert {*running, lost, orchard.task} <= {*whole} and reply["next"] is None
    paged, after = [], ""
    while after is not None:
        asked = {"limit": 2, "after": after}
        page = (await orchard.asking.get("deliberations", params=asked)).json()
        paged += [one["task"] for one in page["deliberations"]]
        after = page["next"]
    assert paged == whole
    for task in running:
        await orchard.grove.nodes["dave"].until(lambda task=task: _judging(orchard, task))
        _release(orchard, task)
        await orchard.told(task)


async def test_a_key_whose_task_is_gone_is_told_so(orchard: Orchard) -> None:
    everybody = [*HONEST, "dave"]
    asked = {"question": "Which?", "options": ["a", "b"], "members": everybody, "policy": PATIENT}
    sent = {"idempotency-key": "gone"}
    first = await orchard.asking.post("deliberations", json=asked, headers=sent)
    task, nodes = first.json()["task"], orchard.grove.nodes
    await nodes["dave"].until(lambda: _judging(orchard, task))
    nodes["alice"].runner.entrance.drop(nodes["alice"].runner.live[bytes.fromhex(task)])
    again = await orchard.asking.post("deliberations", json=asked, headers=sent)
    assert (again.status_code, again.json()["error"]["param"]) == (404, "idempotency-key")
    _release(orchard, task)


async def test_a_check_that_waits_its_turn_holds_no_file(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = orchard.grove.nodes["alice"]
    window = alice.window(Doorway(alice, since_ms=0, stopping=lambda: False))
    read = []

    async def verdict(prefix: str) -> bytes:
        read.append(prefix)
        return await type(alice).verdict(alice, prefix)

    monkeypatch.setattr(alice, "verdict", verdict)
    async with window._checks:
        waiting = asyncio.create_task(window.check(orchard.task))
        await asyncio.sleep(0)
        assert read == []
    assert (await waiting).valid


async def test_facts_are_listed_without_reading_verdicts_that_wait_for_nobody(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def load(_: bytes) -> None:
        raise AssertionError("a verdict was read")

    monkeypatch.setattr(orchard.grove.nodes["alice"].runner.archive, "load", load)
    for _ in range(2):
        shown = await orchard.asking.get("members/bob")
        assert shown.status_code == 200 and shown.json()["facts"]


async def test_a_verdict_is_its_file_or_what_it_says(orchard: Orchard) -> None:
    url = f"verdicts/{orchard.task[:12]}"
    for accept in ("*/*", "application/json", f"{VIEW};q=0.1, application/*;q=0.5"):
        reply = await orchard.asking.get(url, headers={"accept": accept})
        assert reply.headers["content-type"] == "application/json"
        assert Bundle.decode(reply.content).task.hex() == orchard.task
    told = await orchard.asking.get(url, headers={"accept": VIEW})
    assert told.headers["content-type"] == VIEW
    assert fits("deliberation", told.json())["task"] == orchard.task
    assert told.json() == (await orchard.asking.get(f"deliberations/{orchard.task}")).json()
    neither = await orchard.asking.get(url, headers={"accept": "text/html, */*;q=0"})
    assert (neither.status_code, neither.json()["error"]["code"]) == (406, "not_acceptable")


async def test_a_check_lists_its_steps(orchard: Orchard) -> None:
    found = fits("check", (await orchard.asking.post(f"verdicts/{orchard.task}/check")).json())
    assert found["valid"] and found["pinned"] and found["federation"] == "orchard"
    rounds = {one["round"] for one in found["steps"]} - {0}
    assert [one["number"] for one in found["steps"]] == [1, 2, *[4, 5, 6, 7, 3] * len(rounds), 8]
    assert {one["state"] for one in found["steps"]} == {"holds"}
    absent = await orchard.asking.post("verdicts/00000000/check")
    assert (absent.status_code, absent.json()["error"]["code"]) == (404, "verdict_not_found")


async def test_members_are_shown_with_links_scores_and_facts(orchard: Orchard) -> None:
    found = fits("members", (await orchard.asking.get("members")).json())
    by_name = {one["name"]: one for one in found["members"]}
    assert [*by_name] == [*HONEST, "dave"]
    assert by_name["alice"]["me"] and by_name["alice"]["link"] is None
    assert by_name["bob"]["link"]["up"] and not by_name["bob"]["excluded"]
    tasks = sum(one["tasks"] for one in by_name["carol"]["scores"])
    one = fits("member", (await orchard.asking.get("members/carol?limit=1")).json())
    assert len(one["facts"]) == 1 and one["more"] == tasks - 1
    assert one["facts"][0]["why"]
    nobody = await orchard.asking.get("members/mallory")
    assert (nobody.status_code, nobody.json()["error"]["param"]) == (404, "member")
    node = fits("node", (await orchard.asking.get("node")).json())
    assert (node["name"], node["members"], node["up"]) == ("alice", 4, 4)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"question": "?"}, "options"),
        ({"question": "?", "text": True, "number": True}, "options"),
        ({"question": "?", "options": ["a", "a"]}, "options"),
        ({"question": " ", "text": True}, "question"),
        ({"question": "?", "text": True, "unit": "m"}, "unit"),
        ({"question": "?", "text": True, "policy": "none such"}, "policy"),
        ({"question": "?", "text": True, "policy": {"rounds": 99}}, "policy"),
        ({"question": "?", "text": True, "budget": {"tokens": -1}}, "budget.tokens"),
        ({"question": "?", "text": True, "mood": "good"}, None),
    ],
)
async def test_a_question_that_is_none_is_refused_with_its_place(
    orchard: Orchard, body: dict[str, Any], param: str | None
) -> None:
    reply = await orchard.asking.post("deliberations", json=body)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("url", "param"),
    [
        ("deliberations?limit=0", "limit"),
        ("deliberations?limit=1&limit=2", "limit"),
        ("deliberations?page=2", None),
        ("deliberations/abc", "task"),
        ("verdicts/xyz", "id"),
        ("members/a%20b", "member"),
    ],
)
async def test_a_part_or_parameter_that_is_none_is_refused_by_its_name(
    orchard: Orchard, url: str, param: str | None
) -> None:
    reply = await orchard.asking.get(url)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param), reply.text


async def test_the_same_question_under_one_key_is_one_deliberation(orchard: Orchard) -> None:
    asked = {"question": "Once?", "options": ["a", "b"], "members": HONEST, "policy": QUICK}
    sent = {"idempotency-key": "once"}
    first = await orchard.asking.post("deliberations", json=asked, headers=sent)
    again = await orchard.asking.post("deliberations", json=asked, headers=sent)
    assert first.json()["task"] == again.json()["task"]
    other = await orchard.asking.post(
        "deliberations", json={**asked, "question": "Twice?"}, headers=sent
    )
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    await orchard.told(first.json()["task"])


async def test_another_sites_page_makes_this_node_do_nothing(orchard: Orchard) -> None:
    for site in ("cross-site", "same-site"):
        reply = await orchard.asking.post(
            f"verdicts/{orchard.task}/check", headers={"sec-fetch-site": site}
        )
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "wrong_origin")
    host = orchard.asking.base_url.netloc.decode()
    for origin, status in (("http://evil.example", 403), ("null", 403), (f"http://{host}", 200)):
        reply = await orchard.asking.post(
            f"verdicts/{orchard.task}/check", headers={"origin": origin}
        )
        assert reply.status_code == status
    own = await orchard.asking.post(
        f"verdicts/{orchard.task}/check", headers={"sec-fetch-site": "same-origin"}
    )
    assert own.status_code == 200


async def test_the_document_is_of_the_routes_that_are_there(orchard: Orchard) -> None:
    served = (await orchard.asking.get("../openapi.json")).json()
    assert served == document()
    told = {
        (method.upper(), path) for path, methods in served["paths"].items() for method in methods
    }
    assert told == {(one.method, one.path) for one in ENDPOINTS}
    for one in ENDPOINTS:
        path = one.path.format(task="0" * 64, id="0" * 8, member="nobody", model="none")
        other = "POST" if one.method == "GET" else "GET"
        if (other, one.path) not in told:
            reply = await orchard.asking.request(other, f"..{path}")
            assert (reply.status_code, reply.headers["allow"].split(", ")[0]) in (
                (405, "GET"), (405, "HEAD"), (405, "POST"),
            )  # fmt: skip
