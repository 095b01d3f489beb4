"""OpenAI's own client and a real committee: three honest daemons, and one whose model hangs."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Literal

import openai
import pydantic
import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletionMessageParam

from consensus.bodies import TaskOpen
from consensus.envelope import Kind
from consensus.verdict import Bundle, verify
from node.consult import WITHDRAWN
from node.federation import Floors
from node.wire import codec
from node.wire.watch import WatchRequest
from tests.harness.daemons import QUICK, Grove
from tests.harness.fronts import client, front, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

HONEST = ["alice", "bob", "carol"]
LONG_MS = 600_000
WHICH: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Which?"}]
CHOICE = {"options": ["a", "b", "c"], "members": HONEST}


class Orchard:
    """The grove, and where its fronts are."""

    def __init__(self, grove: Grove, alice: str, dave: str) -> None:
        self.grove, self.alice, self.dave = grove, alice, dave


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def orchard(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Orchard]:
    said: dict[str, Any] = {
        "cases": {
            "Part us": {"answer": "b"},
            'Asked for is "n"\nHow many?': {"answer": "1/2"},
        },
        "line": {"answer": "a"},
    }
    alone = {**said, "cases": {**said["cases"], "Part us": {"answer": "a"}}}
    models = {"alice": alone, "bob": said, "carol": alone, "dave": {"delay_ms": LONG_MS}}
    async with Grove(
        tmp_path_factory.mktemp("orchard"),
        *HONEST,
        "dave",
        models=models,
        floors=Floors(min_committee=2),
    ) as grove:
        alice = front(grove, "alice", policies={"swift": {**QUICK, "rounds": 2}})
        dave = front(grove, "dave")
        await grove.start(*HONEST, "dave")
        await grove.linked()
        yield Orchard(grove, alice, dave)


async def test_each_policy_is_a_model(orchard: Orchard) -> None:
    async with client(orchard.alice) as asking:
        found = [model.id async for model in asking.models.list()]
        assert found == ["quorate", "quorate-fast", "quorate-deep", "swift"]
        assert (await asking.models.retrieve("swift")).owned_by == "alice"
        with pytest.raises(openai.NotFoundError, match="no model 'gpt-5'"):
            await asking.models.retrieve("gpt-5")


async def test_a_completion_is_a_verdict_that_anyone_can_verify(orchard: Orchard) -> None:
    async with client(orchard.alice) as asking:
        made = await asking.chat.completions.create(
            model="quorate-fast", messages=WHICH, temperature=0.2, extra_body={"quorate": CHOICE}
        )
        said = (made.model_extra or {})["quorate"]
        assert (made.choices[0].message.content, made.choices[0].finish_reason) == ("a", "stop")
        assert made.id == f"chatcmpl-{said['task']}"
        assert (said["answer"], said["majority"], said["probability"]) == ("a", "a", 1.0)
        assert (said["rounds"], said["stop_reason"]) == (1, "unanimity")
        assert [item["code"] for item in said["warnings"]] == ["unmasked"]
        assert said["ignored"] == ["temperature"]
        assert [item["member"] for item in said["cost"]["members"]] == HONEST
    async with plain(orchard.alice.removesuffix("/v1")) as asking_plainly:
        file = await asking_plainly.get(said["verdict_url"])
    bundle = Bundle.decode(file.content)
    checked = verify(bundle, codec.reader(), orchard.grove.federation.floor_problem)
    assert (bundle.id.hex(), checked.spec.committee.policy.rounds) == (said["verdict"], 1)


async def test_a_stream_tells_the_stages_as_reasoning_before_the_answer(orchard: Orchard) -> None:
    async with client(orchard.alice) as asking:
        stream = await asking.chat.completions.create(
            model="swift",
            messages=WHICH,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"quorate": CHOICE},
        )
        chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    thought = "".join((delta.model_extra or {}).get("reasoning_content", "") for delta in deltas)
    assert deltas[0].role == "assistant"
    assert "bob has drafted" in thought
    assert "Round 1: agreed on whose" not in thought
    assert thought.index("bob takes part") < thought.index("agreed whose drafts count")
    assert "".join(delta.content or "" for delta in deltas) == "a"
    assert [bool(delta.content) for delta in deltas].index(True) == len(deltas) - 2
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-2].model_extra or {})["quorate"]["answer"] == "a"
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


class Pick(pydantic.BaseModel):
    """What to pick."""

    pick: Literal["a", "b"]


async def test_the_synchronous_client_parses_a_typed_answer(orchard: Orchard) -> None:
    def ask() -> Pick | None:
        with openai.OpenAI(base_url=orchard.alice, api_key="none", max_retries=0) as asking:
            made = asking.chat.completions.parse(
                model="swift",
                messages=WHICH,
                response_format=Pick,
                extra_body={"quorate": {"members": HONEST}},
            )
            return made.choices[0].message.parsed

    assert await asyncio.to_thread(ask) == Pick(pick="a")


async def test_every_turn_reaches_the_committee_with_its_role(orchard: Orchard) -> None:
    turns: list[ChatCompletionMessageParam] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "How many?"},
    ]
    async with client(orchard.alice) as asking:
        made = await asking.chat.completions.create(
            model="swift", messages=turns, extra_body={"quorate": {"members": HONEST}}
        )
    past = orchard.grove.nodes["alice"].runner.archive.past(bytes.fromhex(made.id[9:]))
    assert past is not None
    spec = codec.decode(Kind.TASK_OPEN, past.bundle.opened.payload)
    assert isinstance(spec, TaskOpen)
    assert [(part.role, part.text) for part in spec.messages] == [
        ("developer", "Be brief."),
        ("user", "Hello"),
        ("assistant", "Hello."),
        ("user", "How many?"),
    ]


async def test_a_number_comes_as_json_where_a_schema_asks_for_one(orchard: Orchard) -> None:
    shape = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    async with client(orchard.alice) as asking:
        made = await asking.chat.completions.create(
            model="swift",
            messages=[{"role": "user", "content": "How many?"}],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "count", "schema": shape},
            },
            extra_body={"quorate": {"members": HONEST}},
        )
    told = (made.model_extra or {})["quorate"]
    assert told["status"] in ("decided", "degraded")
    assert json.loads(made.choices[0].message.content or "") == {"n": 0.5}


async def test_an_idempotency_key_finds_the_task_that_it_opened(orchard: Orchard) -> None:
    async with client(orchard.alice) as asking:

        async def ask(model: str) -> str:
            made = await asking.chat.completions.create(
                model=model,
                messages=WHICH,
                extra_body={"quorate": CHOICE},
                extra_headers={"Idempotency-Key": "once"},
            )
            return made.id

        first, second = await asyncio.gather(ask("swift"), ask("swift"))
        assert first == second == await ask("swift")
        with pytest.raises(openai.ConflictError, match="used with another request"):
            await ask("quorate-fast")


async def test_two_that_disagree_are_an_error_with_its_verdict(orchard: Orchard) -> None:
    async with client(orchard.alice) as asking:
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            await asking.chat.completions.create(
                model="quorate-fast",
                messages=[{"role": "user", "content": "Part us"}],
                extra_body={"quorate": {**CHOICE, "members": ["alice", "bob"]}},
            )
    assert caught.value.code == "undecided"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["quorate"]["verdict"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_ends_only_this_nodes_model_calls(
    orchard: Orchard, stream: bool
) -> None:
    dave, carol = orchard.grove.nodes["dave"], orchard.grove.nodes["carol"]

    async def ask() -> None:
        async with client(orchard.dave) as asking:
            made: Any = await asking.chat.completions.create(
                model="quorate-fast",
                messages=WHICH,
                stream=stream,
                extra_body={"quorate": {"options": ["a", "b"]}},
            )
            async for _ in made:
                pass

    known = set(carol.runner.live)
    asking = asyncio.create_task(ask())
    await carol.until(lambda: set(carol.runner.live) - known)
    (task,) = set(carol.runner.live) - known
    await dave.until(lambda: dave.runner.live[task].calls)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    steps = [step async for step in carol.watch(WatchRequest(task=task))]
    assert steps[-1].kind == "verdict"
    assert steps[-1].detail["answer"] == "a"
    assert WITHDRAWN in str(steps[-1].detail["warnings"])


REFUSED: list[tuple[str, dict[str, Any] | bytes, int, str, str | None]] = [
    ("no JSON", b"{", 400, "invalid_json", None),
    ("no object", b"[]", 400, "invalid_json", None),
    ("an empty body", b"", 400, "invalid_json", None),
    ("no model", {"messages": WHICH}, 400, "invalid_value", None),
    ("an unknown model", {"model": "gpt-5"}, 404, "model_not_found", "model"),
    ("no message", {"messages": []}, 400, "invalid_value", "messages"),
    (
        "an empty message",
        {"messages": [{"role": "user", "content": " "}]},
        400,
        "invalid_value",
        "messages[0].content",
    ),
    (
        "a role of nobody",
        {"messages": [{"role": "tool", "content": "x"}]},
        400,
        "invalid_value",
        "messages[0].role",
    ),
    (
        "a picture",
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        400,
        "invalid_value",
        "messages[0].content",
    ),
    (
        "too many messages",
        {"messages": WHICH * 65},
        400,
        "context_length_exceeded",
        "messages",
    ),
    (
        "a message that is too long",
        {"messages": [{"role": "user", "content": "x" * 262_145}]},
        400,
        "context_length_exceeded",
        "messages",
    ),
    (
        "messages that are too long together",
        {"messages": [{"role": "user", "content": "x" * 262_144}] * 17},
        400,
        "context_length_exceeded",
        "messages",
    ),
    ("tools", {"tools": [{"type": "function"}]}, 400, "invalid_value", "tools"),
    ("two answers", {"n": 2}, 400, "invalid_value", "n"),
    ("sound", {"modalities": ["audio"]}, 400, "invalid_value", "modalities"),
    (
        "an unknown format",
        {"response_format": {"type": "xml"}},
        400,
        "invalid_value",
        "response_format.type",
    ),
    (
        "a schema that is none",
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "x"}}}},
        400,
        "invalid_schema",
        "response_format.json_schema.schema",
    ),
    ("a lone option", {"quorate": {"options": ["a"]}}, 400, "invalid_value", "quorate"),
    ("a stranger", {"quorate": {"members": ["zoe"]}}, 400, "invalid_value", None),
    ("too few members", {"quorate": {"members": ["alice"]}}, 400, "invalid_value", None),
    ("no policy", {"quorate": {"policy": {"rounds": 0}}}, 400, "invalid_value", "quorate.policy"),
    ("a debt", {"quorate": {"budget": {"usd": -1}}}, 400, "invalid_value", "quorate.budget"),
    ("a misspelt extension", {"quorate": {"optoins": []}}, 400, "invalid_value", "quorate"),
]


@pytest.mark.parametrize(("what", "body", "status", "code", "param"), REFUSED)
async def test_a_request_that_is_wrong_names_what_and_opens_no_task(
    orchard: Orchard,
    what: str,
    body: dict[str, Any] | bytes,
    status: int,
    code: str,
    param: str | None,
) -> None:
    if isinstance(body, dict):
        base = {"messages": WHICH} if what == "no model" else {"model": "swift", "messages": WHICH}
        body = json.dumps({**base, **body}).encode()
    live = set(orchard.grove.nodes["alice"].runner.live)
    async with plain(orchard.alice) as asking:
        reply = await asking.post(
            "chat/completions", content=body, headers={"content-type": "application/json"}
        )
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (status, code, param), error
    assert reply.headers["x-should-retry"] == "false"
    assert set(orchard.grove.nodes["alice"].runner.live) <= live


async def test_what_no_api_client_sends_is_refused(orchard: Orchard) -> None:
    async with plain(orchard.alice) as asking:
        other = await asking.get("models", headers={"host": "rebound.example"})
        for host in ("localhost", "localhost:7480", "[::1]", "[::1]:7480", "127.0.0.1"):
            assert (await asking.get("models", headers={"host": host})).status_code == 200
        typed = await asking.post("chat/completions", content=b"{}")
        large = await asking.post(
            "chat/completions",
            content=bytes(8_388_609),
            headers={"content-type": "application/json"},
        )
        lost = await asking.get("nothing")
        wrong = await asking.get("chat/completions")
        no_verdict = await asking.get("verdicts/abcdef")
    found = [
        (reply.status_code, reply.json()["error"]["code"])
        for reply in (other, typed, large, lost, wrong, no_verdict)
    ]
    assert found == [
        (403, "wrong_host"),
        (415, "wrong_content_type"),
        (413, "context_length_exceeded"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (404, "verdict_not_found"),
    ]
