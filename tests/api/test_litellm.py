"""litellm as a client, and a committee one of whose models is litellm's: usage, and who failed."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio

from tests.harness.daemons import Grove
from tests.harness.fronts import client, front
from tests.harness.llm_server import LlmServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]

NAMES = ("alice", "bob", "carol", "dave")
ASK: dict[str, Any] = {
    "model": "quorate-fast",
    "messages": [{"role": "user", "content": "Which?"}],
}
OPTIONS = ["a", "b"]


class Served:
    """A committee of four whose dave is a language model on a loopback provider."""

    def __init__(self, base: str, provider: LlmServer) -> None:
        self.base, self.provider = base, provider

    async def alone(self, **more: Any) -> Any:
        """What dave answers by himself."""
        async with client(self.base) as asking:
            extra = {"quorate": {"options": OPTIONS, "members": ["dave"], **more}}
            return await asking.chat.completions.create(**ASK, extra_body=extra)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    with LlmServer({"dave": "b"}) as provider:
        options = {
            "family": "yew",
            "retries": 0,
            "deployments": [provider.deployment("openai", who="dave")],
        }
        async with Grove(tmp_path_factory.mktemp("served"), *NAMES) as grove:
            model = {"backend": "litellm", "options": options}
            base = front(grove, "dave", model=model)
            await grove.start(*NAMES)
            await grove.linked()
            yield Served(base, provider)


async def test_litellm_asks_a_committee_and_reads_all_members_tokens(served: Served) -> None:
    import litellm

    made = await litellm.acompletion(
        model="openai/quorate-fast",
        messages=ASK["messages"],
        api_base=served.base,
        api_key="none",
        extra_body={"quorate": {"options": OPTIONS}},
        num_retries=0,
    )
    assert made.choices[0].message.content == "a"
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens > 0
    cost = made.quorate["cost"]
    by_member = {item["member"]: item["tokens"] for item in cost["members"]}
    assert sum(by_member.values()) == made.usage.total_tokens == by_member["dave"]
    assert 0 < cost["unsplit_tokens"] < made.usage.prompt_tokens  # the draft went through the mix
    assert cost["usd"] > 0

    stream = await litellm.acompletion(
        model="openai/quorate-fast",
        messages=ASK["messages"],
        api_base=served.base,
        api_key="none",
        extra_body={"quorate": {"options": OPTIONS}},
        stream=True,
    )
    said, thought = "", ""
    async for chunk in stream:
        delta = chunk.choices[0].delta
        said += delta.content or ""
        thought += getattr(delta, "reasoning_content", None) or ""
    assert said == "a"
    assert "carol has judged" in thought


async def test_a_provider_that_is_down_is_named_with_model_and_member(served: Served) -> None:
    served.provider.force["dave"] = "busy"
    try:
        with pytest.raises(openai.InternalServerError) as caught:
            await served.alone()
    finally:
        served.provider.force.clear()
    assert (caught.value.status_code, caught.value.code) == (502, "provider_failed")
    assert "dave could not draft: openai toy-1: server error 503" in str(caught.value)
    assert isinstance(caught.value.body, dict)
    (fault, *_) = caught.value.body["quorate"]["faults"]
    assert (fault["member"], fault["provider"], fault["model"], fault["code"]) == (
        "dave",
        "openai",
        "toy-1",
        "server",
    )


async def test_a_budget_that_is_spent_is_no_reason_to_try_again(served: Served) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        await served.alone(budget={"tokens": 1})
    assert caught.value.code == "budget_spent"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "dave could not draft" in str(caught.value)


async def test_a_prompt_that_is_too_long_for_the_model_is_told_as_such(served: Served) -> None:
    served.provider.force["dave"] = "long"
    try:
        with pytest.raises(openai.BadRequestError) as caught:
            await served.alone()
    finally:
        served.provider.force.clear()
    assert caught.value.code == "context_length_exceeded"
