"""OpenAI's own client and outcomes that wait for a person (E4)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from node.api.server import FrontServer
from node.clock import SystemClock
from node.config_api import ApiConfig
from node.doorway import Doorway
from node.wire.watch import Event
from tests.harness.daemons import QUICK, Grove, Turned
from tests.harness.federations import free_address
from tests.harness.fronts import client, front, plain
from tests.harness.offices import OFFICERS, Office

ASKED: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Which?"}],
    "extra_body": {"quorate": {"options": ["a", "b"], "members": list(OFFICERS)}},
}
MODELS = {name: {"line": {"answer": "a"}} for name in OFFICERS}


class Counter:
    """Alice's front, whose policy `careful` asks for an approval, and her clock."""

    def __init__(self, office: Office, base: str, clock: Turned) -> None:
        self.office, self.base, self.clock = office, base, clock
        self.node = office.grove.nodes["alice"]

    async def stream(self) -> AsyncIterator[tuple[str, str, dict[str, Any]]]:
        """The pieces of a streamed reply: content, reasoning, and `quorate`."""
        async with client(self.base) as asking:
            stream = await asking.chat.completions.create(model="careful", stream=True, **ASKED)
            async for chunk in stream:
                more = (chunk.model_extra or {}).get("quorate") or {}
                for choice in chunk.choices:
                    thought = (choice.delta.model_extra or {}).get("reasoning_content", "")
                    yield choice.delta.content or "", thought, more

    async def say(self, more: dict[str, Any], yes: bool, note: str) -> None:
        """Ann's word on the task that waits."""
        task = bytes.fromhex(more["task"])
        await self.node.feedback(self.office.word("ann", task, more["verdict"], yes, note=note))

    async def verdict(self, id_: str) -> httpx.Response:
        async with plain(self.base.removesuffix("/v1")) as reading:
            return await reading.get(f"/v1/verdicts/{id_}")


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    async with Grove(tmp_path, *OFFICERS, models=MODELS) as grove:
        office, clock = Office(grove, tmp_path), Turned()
        base = front(grove, "alice", policies={"careful": {**QUICK, "approvals": 1}})
        await grove.start("alice", clock=clock)
        await grove.start("bob")
        await grove.linked()
        yield Counter(office, base, clock)


async def test_a_stream_says_that_it_waits_and_tells_the_answer_once_it_is_released(
    counter: Counter,
) -> None:
    answer, thoughts = "", ""
    async for content, thought, more in counter.stream():
        answer, thoughts = answer + content, thoughts + thought
        if more.get("status") == "awaiting approval":
            assert answer == ""
            assert "believed" not in thoughts
            assert thoughts.endswith("decided; awaiting approval: 0 of 1 so far\n")
            hidden = await counter.verdict(more["verdict"])
            assert hidden.status_code == 404
            assert "awaiting approval" in hidden.text
            async with plain(counter.base) as reading:
                seen = (await reading.get(f"deliberations/{more['task']}")).json()
                assert (seen["rounds"], seen["outcome"]) == ([], None)
                (listed,) = (await reading.get("deliberations")).json()["deliberations"]
                assert (listed["status"], listed["answer"]) == ("awaiting approval", None)
                facts = (await reading.get("members/alice")).json()["facts"]
                assert [(one["answer"], one["winner"]) for one in facts] == [(None, None)]
            await counter.say(more, True, "Fine.")
    assert answer == "a"
    assert "'a', believed" in thoughts
    assert [word["note"] for word in more["release"]["approved"]] == ["Fine."]
    assert (await counter.verdict(more["verdict"])).status_code == 200
    async with plain(counter.base) as reading:
        seen = (await reading.get(f"deliberations/{more['task']}")).json()
        assert seen["outcome"]["answer"] == "a"
        checked = (await reading.post(f"verdicts/{more['verdict']}/check")).json()
        assert checked["valid"], checked
        assert checked["steps"][-1]["rule"] == "E4"


Act = Callable[[dict[str, Any]], Awaitable[None]]


async def streamed(counter: Counter, act: Act) -> None:
    """A reply to its end, with `act` done once it waits; nothing of the answer is in it."""
    async for content, _, more in counter.stream():
        assert content == ""
        if more.get("status") == "awaiting approval":
            await act(more)


async def test_a_refused_outcome_is_an_error_with_the_approvers_reason(counter: Counter) -> None:
    seen: list[str] = []

    async def refuse(more: dict[str, Any]) -> None:
        seen.append(more["verdict"])
        await counter.say(more, False, "Not yet.")

    with pytest.raises(openai.APIError) as refused:
        await streamed(counter, refuse)
    assert refused.value.code == "outcome_rejected"
    assert "rejected by ann: Not yet." in str(refused.value)
    assert (await counter.verdict(seen[0])).status_code == 404


async def test_an_outcome_that_nobody_released_in_time_is_an_error(counter: Counter) -> None:
    async def go_home(_: dict[str, Any]) -> None:
        counter.clock.ahead_ms = 86_400_001
        counter.node.runner.releases.news()

    with pytest.raises(openai.APIError) as refused:
        await streamed(counter, go_home)
    assert refused.value.code == "outcome_unapproved"


class Waiting(Doorway):
    """A door behind which everything waits for an approver who is on holiday."""

    async def follow(self, task: bytes) -> AsyncIterator[Event]:  # type: ignore[override]
        detail = {"verdict": "", "reason": "awaiting approval", "release": {}}
        yield Event(task=task, round=1, kind="awaiting", detail=detail)
        await asyncio.get_running_loop().create_future()


async def test_a_client_that_waited_long_enough_is_told_what_for(counter: Counter) -> None:
    door = Waiting(counter.node, since_ms=0, stopping=lambda: False)
    address = free_address()
    server = FrontServer.open(
        door, counter.node.window(door), ApiConfig(listen=address, timeout_s=1), SystemClock()
    )
    running = asyncio.create_task(server.run())
    try:
        async with client(f"http://{address}/v1") as asking:
            with pytest.raises(openai.InternalServerError) as late:
                await asking.chat.completions.create(model="quorate-fast", **ASKED)
    finally:
        await server.stop(running, 1)
    assert (late.value.status_code, late.value.code) == (504, "awaiting_approval")
