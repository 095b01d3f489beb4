"""litellm as a client, and a committee one of whose models is litellm's: usage, and who failed."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest
import pytest_asyncio

from tests.harness.daemons import Grove
from tests.harness.fronts import client, front
from tests.harness.llm_server import LlmServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning"),  # litellm's
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
    """A committee of four: dave and carol are language models on a loopback provider, and carol's
    budget is too small for any task."""

    def __init__(self, bases: dict[str, str], provider: LlmServer) -> None:
        self.bases, self.provider = bases, provider

    @contextmanager
    def forced(self, name: str, how: str) -> Iterator[None]:
        """Have the provider answer a member in that way."""
        self.provider.force[name] = how
        try:
            yield
        finally:
            self.provider.force.clear()

    async def alone(self, name: str = "dave") -> Any:
        """What a member answers by itself."""
        async with client(self.bases[name]) as asking:
            extra = {"quorate": {"options": OPTIONS, "members": [name]}}
            return await asking.chat.completions.create(**ASK, extra_body=extra)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    with LlmServer({"dave": "b", "carol": "b"}) as provider:
        async with Grove(tmp_path_factory.mktemp("served"), *NAMES) as grove:
            bases = {}
            for name, budget in (("dave", {}), ("carol", {"tokens": 1})):
                options = {
                    "family": name,
                    "retries": 0,
                    "task_budget": budget,
                    "deployments": [provider.deployment("openai", who=name)],
                }
                bases[name] = front(grove, name, model={"backend": "litellm", "options": options})
            await grove.start(*NAMES)
            await grove.linked()
            yield Served(bases, provider)


async def test_litellm_asks_a_committee_and_reads_all_members_tokens(served: Served) -> None:
    import litellm

    made = await litellm.acompletion(
        model="openai/quorate-fast",
        messages=ASK["messages"],
        api_base=served.bases["dave"],
        api_key="none",
        extra_body={"quorate": {"options": OPTIONS}},
        num_retries=0,
    )
    assert made.choices[0].message.content == "a"
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens > 0
    cost = made.quorate["cost"]
    by_member = {item["member"]: item["tokens"] for item in cost["members"]}
    assert sum(by_member.values()) == made.usage.total_tokens == by_member["dave"]
    # Its draft went through the mix, and the outcome need not name its report.
    assert cost["unsplit_tokens"] < made.usage.prompt_tokens
    assert cost["usd"] > 0

    stream = await litellm.acompletion(
        model="openai/quorate-fast",
        messages=ASK["messages"],
        api_base=served.bases["dave"],
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
    assert "alice has judged" in thought


async def test_a_provider_that_is_down_is_named_with_model_and_member(served: Served) -> None:
    with served.forced("dave", "busy"), pytest.raises(openai.InternalServerError) as caught:
        await served.alone()
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
        await served.alone("carol")
    assert caught.value.code == "budget_spent"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "carol could not draft: openai toy-1: the task's budget is spent" in str(caught.value)


async def test_a_prompt_that_is_too_long_for_the_model_is_told_as_such(served: Served) -> None:
    with served.forced("dave", "overlong"), pytest.raises(openai.BadRequestError) as caught:
        await served.alone()
    assert caught.value.code == "context_length_exceeded"
