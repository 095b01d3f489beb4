"""What an API key may do, on every route of the front."""

from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest
import pytest_asyncio

from node.api import keys
from node.api.keys import Scope
from node.api.openapi import document
from node.api.routes import ENDPOINTS
from node.entropy import SystemEntropy
from node.observe.probes import METRICS
from tests.harness.daemons import QUICK, Grove
from tests.harness.fronts import front, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY: Final = "every"
"""Where any key will do."""

WANTED: Final[dict[tuple[str, str], set[str]]] = {
    ("GET", "/v1/models"): {EVERY},
    ("GET", "/v1/models/{model}"): {EVERY},
    ("POST", "/v1/chat/completions"): {"ask"},
    ("GET", "/v1/deliberations"): {"read"},
    ("POST", "/v1/deliberations"): {"ask"},
    ("GET", "/v1/deliberations/{task}"): {"ask", "read"},
    ("GET", "/v1/deliberations/{task}/events"): {"ask", "read"},
    ("POST", "/v1/deliberations/{task}/statements"): {"ask"},
    ("GET", "/v1/verdicts/{id}"): {"ask", "read"},
    ("POST", "/v1/verdicts/{id}/check"): {"ask", "read"},
    ("GET", "/v1/members"): {"read"},
    ("GET", "/v1/members/{member}"): {"read"},
    ("GET", "/v1/node"): {"read"},
    ("GET", METRICS): {"metrics"},
}
"""Scopes of which one is enough."""


class Gate:
    """A committee of one, a key for each scope, and a task that was decided."""

    def __init__(self, asking: httpx.AsyncClient, made: dict[Scope, str], task: str) -> None:
        self.asking, self.keys, self.task = asking, made, task

    async def send(self, scope: Scope, method: str, path: str) -> httpx.Response:
        sent = {"authorization": f"Bearer {self.keys[scope]}", "content-type": "application/json"}
        body = b"{" if method == "POST" else None  # read no further than that it may be
        return await self.asking.request(method, f"..{path}", headers=sent, content=body)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    home = tmp_path_factory.mktemp("gate")
    async with Grove(home, "alice", models={"alice": {"line": {"answer": "a"}}}) as grove:
        base = front(grove, "alice")
        await grove.start("alice")
        async with plain(base) as asking:
            asked = {"question": "?", "options": ["a", "b"], "policy": QUICK}
            task = (await asking.post("deliberations", json=asked)).json()["task"]
            await asking.get(f"deliberations/{task}/events")
            path = grove.nodes["alice"].config.api.keys
            made = {
                scope: keys.add(path, scope, now_ms=1, entropy=SystemEntropy(), may=(scope,))
                for scope in Scope
            }
            yield Gate(asking, made, task)


async def test_a_key_opens_what_its_scope_says_and_nothing_else(gate: Gate) -> None:
    assert {(one.method, one.path) for one in ENDPOINTS} | {("GET", METRICS)} == {*WANTED}
    for (method, path), wanted in WANTED.items():
        url = path.format(model="quorate", task=gate.task, id=gate.task, member="alice")
        for scope in Scope:
            reply = await gate.send(scope, method, url)
            refused = reply.status_code == 403
            assert refused == wanted.isdisjoint({EVERY, scope}), (scope, method, path)
            if refused:
                error = reply.json()["error"]
                assert (error["code"], error["type"]) == ("missing_scope", "permission_error")
                assert error["quorate"]["may"] == [scope]
                assert {*error["quorate"]["needed"]} == wanted
                assert f"--may {error['quorate']['needed'][0]}`" in error["message"]
                assert reply.headers["x-should-retry"] == "false"
            else:
                assert reply.status_code < 500


async def test_a_few_digits_find_what_others_asked_and_take_a_key_that_may_read(
    gate: Gate,
) -> None:
    for digits in (8, 63):
        path = f"/v1/verdicts/{gate.task[:digits]}"
        assert (await gate.send(Scope.ASK, "GET", path)).status_code == 403
        assert (await gate.send(Scope.READ, "GET", path)).status_code == 200


async def test_the_document_names_the_scopes_of_each_operation(gate: Gate) -> None:
    served = (await gate.asking.get("../openapi.json")).json()
    assert served == document()
    for (method, path), wanted in WANTED.items():
        if path != METRICS:
            of = served["paths"][path][method.lower()].get("security", [{"key": [EVERY]}])
            assert {scope for one in of for scope in one["key"]} == wanted
