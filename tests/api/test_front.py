"""Fronts at their limits: keys, quotas, slow models, missing members, full nodes, addresses."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import openai
import pytest
import pytest_asyncio

from node import config, config_text
from node.api import app, keys
from node.api.contract import Cause, Question, Refused
from node.api.server import FrontError, FrontServer
from node.clock import SystemClock
from node.config import CONFIG_FILE, LimitsConfig
from node.config_api import ApiConfig
from node.daemon import SetupError
from node.doorway import Doorway
from node.entropy import SystemEntropy
from tests.harness.daemons import QUICK, Grove
from tests.harness.federations import free_address
from tests.harness.fronts import client, front, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALONE: dict[str, Any] = {"options": ["a", "b"], "members": ["dave"]}
ASK = {"model": "quorate-fast", "messages": [{"role": "user", "content": "Which?"}]}


class Alone:
    """Dave, whose model takes for ever, in a federation whose other member is not there."""

    def __init__(self, grove: Grove, base: str) -> None:
        self.grove, self.base = grove, base
        self.node = grove.nodes["dave"]

    async def ask(self, key: str = "", base: str = "", **more: Any) -> httpx.Response:
        """What a question is answered with."""
        sent = {"authorization": f"Bearer {key}"} if key else {}
        async with plain(base or self.base) as asking:
            return await asking.post(
                "chat/completions", json={**ASK, "quorate": {**ALONE, **more}}, headers=sent
            )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alone]:
    async with Grove(
        tmp_path_factory.mktemp("alone"),
        "dave",
        "bob",
        models={"dave": {"delay_ms": 600_000}},
        limits=LimitsConfig(stop_s=0, tasks=1),
    ) as grove:
        base = front(grove, "dave")
        await grove.start("dave")
        yield Alone(grove, base)


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def settled(alone: Alone) -> None:
    """Let go of what is under way, so that the one place is free."""
    for live in list(alone.node.runner.live.values()):
        alone.node.runner.consultant.withdraw(live)
        await live.watchers.ended()


async def test_a_model_that_is_slow_is_named(alone: Alone) -> None:
    slow = await alone.ask(policy={**QUICK, "draft_ms": 10})
    assert code(slow) == (504, "provider_timeout")
    assert "dave could not draft" in slow.json()["error"]["message"]
    assert slow.json()["error"]["quorate"]["faults"][0]["member"] == "dave"


async def test_a_task_that_is_late_goes_on_without_its_client(alone: Alone) -> None:
    address = free_address()
    hasty = ApiConfig(listen=address, timeout_s=1, keys=alone.node.config.api.keys)
    door = Doorway(alone.node, since_ms=0, stopping=lambda: False)
    server = FrontServer.open(door, alone.node.window(door), hasty, SystemClock())
    running = asyncio.create_task(server.run())
    late = await alone.ask(base=f"http://{address}/v1")
    await server.stop(running, 1)
    assert code(late) == (504, "deadline_exceeded")
    assert late.headers["x-should-retry"] == "false"
    assert late.json()["error"]["quorate"]["task"] in {
        task.hex() for task in alone.node.runner.live
    }
    await settled(alone)


async def test_too_few_members_are_named_before_a_task_is_opened(alone: Alone) -> None:
    reply = await alone.ask(members=["dave", "bob"])
    assert code(reply) == (503, "too_few_members")
    error = reply.json()["error"]
    assert error["quorate"] == {"members": ["bob"]}
    assert f"bob ({alone.grove.federation.find('bob').address})" in error["message"]
    assert (reply.headers["x-should-retry"], reply.headers["retry-after"]) == ("true", "5")
    assert not alone.node.runner.live


async def test_a_full_node_says_to_come_back(alone: Alone) -> None:
    first = asyncio.create_task(alone.ask())
    await alone.node.until(lambda: alone.node.runner.live)
    full = await alone.ask()
    assert code(full) == (429, "node_busy")
    assert "1 tasks are undecided here" in full.json()["error"]["message"]
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await settled(alone)


async def test_a_stream_ends_with_the_error_of_its_task(alone: Alone) -> None:
    async with client(alone.base) as asking:
        stream: Any = await asking.chat.completions.create(
            **ASK, stream=True, extra_body={"quorate": {**ALONE, "policy": {"draft_ms": 10}}}
        )
        with pytest.raises(openai.APIError, match="dave could not draft"):
            async for _ in stream:
                pass


async def test_keys_and_quotas_count_from_the_next_request_on(alone: Alone) -> None:
    path = alone.node.config.api.keys

    def make(name: str, **quotas: int) -> str:
        return keys.add(path, name, now_ms=1, entropy=SystemEntropy(), **quotas)

    try:
        async with plain(alone.base) as asking:
            assert (await asking.get("models")).status_code == 200
            ann, bo = make("ann", requests_per_minute=2), make("bo", tasks_per_day=1)
            assert code(await asking.get("models")) == (401, "invalid_api_key")
        for wrong in ("qk-00000000-" + "A" * 43, ann[:-1] + "~", "sk-other"):
            async with client(alone.base, wrong) as asked:
                with pytest.raises(openai.AuthenticationError):
                    await asked.models.list()
        async with client(alone.base, ann) as asked:
            for _ in range(2):
                await asked.models.list()
            with pytest.raises(openai.RateLimitError, match="ann may make 2 requests a minute"):
                await asked.models.list()
        refused = await alone.ask(bo, members=["dave", "bob"])
        assert refused.status_code == 503  # what was not opened is not counted
        assert (await alone.ask(bo, policy={"draft_ms": 10})).status_code == 504
        spent = await alone.ask(bo)
        assert code(spent) == (429, "rate_limit_exceeded")
        assert 86_000 < int(spent.headers["retry-after"]) <= 86_400
        keys.revoke(path, "bo", now_ms=2)
        async with client(alone.base, bo) as asked:
            with pytest.raises(openai.AuthenticationError, match="was revoked"):
                await asked.models.list()
    finally:
        path.unlink(missing_ok=True)


async def test_a_key_file_that_is_damaged_locks_nobody_in_or_out(alone: Alone) -> None:
    path = alone.node.config.api.keys
    key = keys.add(path, "cy", now_ms=1, entropy=SystemEntropy())
    alone.grove.expected.add("the API keys cannot be read; those of before count")
    try:
        async with client(alone.base, key) as asking, plain(alone.base) as without:
            await asking.models.list()
            path.write_text("{")
            await asking.models.list()
            assert (await without.get("models")).status_code == 401
    finally:
        path.unlink(missing_ok=True)


async def test_a_body_that_does_not_come_is_waited_for_no_longer(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BODY_S", 0.0)
    host, port = alone.base.removeprefix("http://").removesuffix("/v1").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/deliberations HTTP/1.1\r\nhost: {host}\r\ncontent-length: 9\r\n"
    writer.write(f"{head}content-type: application/json\r\n\r\n{{".encode())
    assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
    assert b'"request_timeout"' in await reader.readuntil(b"}}")
    writer.close()


async def test_one_client_has_its_share_of_requests_and_bytes_and_gives_them_back(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "connections_max", lambda: 2)
    monkeypatch.setattr(app, "BODIES_MAX", 2_000)
    address = free_address()
    door = Doorway(alone.node, since_ms=0, stopping=lambda: False)
    api = ApiConfig(listen=address, keys=alone.node.config.api.keys)
    server = FrontServer.open(door, alone.node.window(door), api, SystemClock())
    running = asyncio.create_task(server.run())
    base = f"http://{address}/v1"
    asked = {**ASK, "stream": True, "quorate": ALONE}
    try:
        async with plain(base) as asking:
            async with asking.stream("POST", "chat/completions", json=asked) as stream:
                assert stream.status_code == 200
                assert code(await asking.get("models")) == (429, "rate_limit_exceeded")
            await settled(alone)
            large = {"content-type": "application/json"}
            for _ in range(2):
                over = await asking.post("deliberations", content=b" " * 1_001, headers=large)
                assert code(over) == (429, "rate_limit_exceeded")
                under = await asking.post("deliberations", content=b" " * 1_000, headers=large)
                assert code(under) == (400, "invalid_json")
    finally:
        await server.stop(running, 0)


async def test_a_stopping_node_opens_no_task(alone: Alone) -> None:

    door = Doorway(alone.node, since_ms=0, stopping=lambda: True)
    asked = alone.grove.ask("dave")
    question = Question(
        messages=asked.messages,
        answer=asked.answer,
        domain="",
        members=("dave",),
        policy={},
        life_s=60,
        budget=asked.budget,
    )
    with pytest.raises(Refused, match="dave is stopping") as caught:
        door.open(question)
    assert caught.value.cause is Cause.STOPPING


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "192.0.2.1", "node.example"])
async def test_an_address_that_others_reach_needs_a_key(alone: Alone, address: str) -> None:

    door = Doorway(alone.node, since_ms=0, stopping=lambda: False)
    listen = ApiConfig(listen=f"{address}:7480", keys=Path(os.devnull).with_name("no-such-file"))
    with pytest.raises(FrontError, match="make one with `quorate key add DIR NAME`"):
        FrontServer.open(door, alone.node.window(door), listen, SystemClock())


async def test_members_that_refuse_a_task_are_named_with_their_reasons(tmp_path: Path) -> None:
    async with Grove(tmp_path, "alice", "bob") as grove:
        base, path = front(grove, "alice"), tmp_path / "bob" / CONFIG_FILE
        shy = msgspec.structs.replace(config.load(path.parent), limits=LimitsConfig(task_life_s=10))
        path.write_text(config_text.render(shy))
        await grove.start("alice", "bob")
        await grove.linked()
        async with plain(base) as asking:
            reply = await asking.post(
                "chat/completions", json={**ASK, "quorate": {"options": ["a", "b"]}}
            )
    assert code(reply) == (503, "members_refused")
    error = reply.json()["error"]
    assert "bob refuses: the task lives" in error["message"]
    assert error["quorate"]["members"] == ["bob"]
    assert reply.headers["x-should-retry"] == "true"


async def test_replies_wait_for_no_acknowledgement(alone: Alone) -> None:
    """A head and a body are two packets, and the second would wait for the first, 40 ms."""
    door = Doorway(alone.node, since_ms=0, stopping=lambda: False)
    listen = ApiConfig(listen=free_address(), keys=alone.node.config.api.keys)
    server = FrontServer.open(door, alone.node.window(door), listen, SystemClock())
    listener = server._listener
    with listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        with listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_node_whose_front_cannot_be_opened_does_not_serve(tmp_path: Path) -> None:
    grove = Grove(tmp_path, "alice")
    front(grove, "alice", policies={"odd": {"rounds": 99}})
    with pytest.raises(SetupError, match=r"api\.policies\.odd"):
        await grove.start("alice")
    assert config.load(tmp_path / "alice").api.policies == {"odd": {"rounds": 99}}
