"""Every error that the front's page documents: the page, the code and the tests know the same."""

import ast
import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from node.api.app import WORDS
from node.api.contract import Question
from node.api.replays import KEY_MAX
from node.api.server import FrontServer
from node.clock import SystemClock
from node.config_api import ApiConfig
from node.daemon import Daemon
from node.doorway import Doorway
from node.wire import admission
from tests.harness.daemons import Grove
from tests.harness.federations import free_address
from tests.harness.fronts import front, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
MAKERS = {"ApiError": 1, "unavailable": 0, "invalid": 2}
"""What makes an error in `node/api`, and the place of its code among the arguments."""
WHICH: dict[str, Any] = {
    "model": "quorate-fast",
    "messages": [{"role": "user", "content": "Which?"}],
    "quorate": {"options": ["a", "b"]},
}


def documented() -> set[str]:
    """The codes in the page's table of errors."""
    page = (ROOT / "node" / "README.md").read_text()
    _, _, table = page.partition("| status | code | when | again? |\n")
    rows = table.partition("\n\n")[0].splitlines()[1:]
    return {code for row in rows for code in re.findall(r"`(\w+)`", row.split("|")[2])}


def made() -> set[str]:
    """The codes that the front's code makes."""
    given: list[ast.expr] = []
    for path in (ROOT / "node" / "api").rglob("*.py"):
        for part in ast.walk(ast.parse(path.read_text())):
            match part:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in MAKERS:
                    given += [word.value for word in part.keywords if word.arg == "code"]
                    given += part.args[MAKERS[name] : MAKERS[name] + 1]
                case ast.FunctionDef(name=name) if name in MAKERS:
                    given += part.args.defaults
    within = [one for expression in given for one in ast.walk(expression)]
    named = {str(one.value) for one in within if isinstance(one, ast.Constant) and one.value}
    return named | set(WORDS.values())


async def test_the_page_lists_exactly_the_errors_that_the_front_makes() -> None:
    assert documented() == made()


async def test_a_test_provokes_every_error_of_the_page() -> None:
    read = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert {code for code in documented() if f'"{code}"' not in read} == set()


class Alone:
    """Dave by itself, whose model says `"one"` to whatever it is asked, or nothing for long."""

    def __init__(self, grove: Grove, base: str) -> None:
        self.base = base
        self.node = grove.nodes["dave"]

    async def ask(self, base: str = "", key: str = "", **more: Any) -> httpx.Response:
        async with plain(base or self.base) as asking:
            sent = {"idempotency-key": key} if key else {}
            return await asking.post("chat/completions", json={**WHICH, **more}, headers=sent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alone]:
    said = {"line": {"answer": '"one"'}, "cases": {"Slowly": {"answer": "a"}}}
    async with Grove(tmp_path_factory.mktemp("alone"), "dave", models={"dave": said}) as grove:
        base = front(grove, "dave", timeout_s=20)
        await grove.start("dave")
        yield Alone(grove, base)


async def served(door: Doorway, alone: Alone) -> tuple[FrontServer, asyncio.Task[None], str]:
    """Another front of the same node, behind a door of the test's."""
    address = free_address()
    api = ApiConfig(listen=address, keys=alone.node.config.api.keys)
    server = FrontServer.open(door, alone.node.window(door), api, SystemClock())
    return server, asyncio.create_task(server.run()), f"http://{address}/v1"


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def test_an_answer_that_does_not_fit_the_schema_is_an_error_with_its_verdict(
    alone: Alone,
) -> None:
    shape = {"type": "object", "properties": {"count": {"type": "integer"}, "of": {}}}
    form = {"type": "json_schema", "json_schema": {"name": "count", "schema": shape}}
    reply = await alone.ask(response_format=form, quorate={})
    assert code(reply) == (422, "schema_mismatch")
    assert reply.json()["error"]["quorate"]["verdict"]
    assert reply.headers["x-should-retry"] == "false"


async def test_an_idempotency_key_is_for_one_request(alone: Alone) -> None:
    assert (await alone.ask(key="k", quorate={"options": ['"one"', "b"]})).status_code == 200
    reply = await alone.ask(key="k", quorate={"options": ['"one"', "c"]})
    assert code(reply) == (409, "idempotency_key_reused")


async def test_an_idempotency_key_has_as_many_characters_as_its_bound_and_no_more(
    alone: Alone,
) -> None:
    full = "k" * KEY_MAX
    assert (await alone.ask(key=full, quorate={"options": ['"one"', "b"]})).status_code == 200
    reply = await alone.ask(key=full + "k")
    assert code(reply) == (400, "invalid_value")
    assert reply.json()["error"]["param"] == "idempotency-key"


async def test_a_policy_whose_verdict_could_not_be_read_is_the_requests_fault_and_no_long_case(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "rounds_max", lambda *_: 2)
    reply = await alone.ask(quorate={"options": ["a", "b"], "policy": {"rounds": 3}})
    assert code(reply) == (400, "invalid_value")
    assert "policy.rounds is 3; for a committee of 1" in reply.json()["error"]["message"]


async def test_a_node_that_is_stopping_says_so(alone: Alone) -> None:
    door = Doorway(alone.node, since_ms=0, stopping=lambda: True)
    server, running, base = await served(door, alone)
    try:
        reply = await alone.ask(base)
    finally:
        await server.stop(running, 1)
    assert code(reply) == (503, "stopping")
    assert reply.headers["retry-after"] == "5"


class Broken(Doorway):
    """A door with a bug: it opens nothing."""

    def open(self, question: Question) -> bytes:
        raise ZeroDivisionError(question.domain)


class Forgetful(Doorway):
    """A door of a node whose verdicts are pruned the moment that they are there."""

    def __init__(self, node: Daemon) -> None:
        super().__init__(node, since_ms=0, stopping=lambda: False)
        self._node = node

    async def account(self, task: bytes) -> Any:
        return await super().account(bytes(32))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_bug_is_an_internal_error_whose_words_stay_in_the_log(
    alone: Alone, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    door = Broken(alone.node, since_ms=0, stopping=lambda: False)
    server, running, base = await served(door, alone)
    try:
        wanted = {"options": ["a", "b"], "domain": "sly"}
        reply = await alone.ask(base, stream=stream, quorate=wanted)
    finally:
        await server.stop(running, 1)
    assert code(reply) == (500, "internal_error")
    assert "sly" not in reply.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_task_without_a_verdict_here_is_an_error(alone: Alone) -> None:
    server, running, base = await served(Forgetful(alone.node), alone)
    wanted = {"options": ['"one"', "b"]}
    try:
        plainly = await alone.ask(base, quorate=wanted)
        streamed = await alone.ask(base, quorate=wanted, stream=True)
    finally:
        await server.stop(running, 1)
    assert code(plainly) == (503, "no_verdict")
    *_, last, end, _ = streamed.text.split("\n\n")
    assert end == "data: [DONE]"
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "no_verdict"
