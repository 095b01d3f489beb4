"""The `litellm` backend on a server that has each provider's shapes, well and badly behaved."""

import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus.bodies import Content, Preference
from consensus.tally.design import Design, follow
from node.models import registry
from node.models.base import Failure, ModelError, ModelSetupError, public_name
from node.models.guard import Guarded
from tests.harness.llm_server import SHAPES, LlmServer
from tests.harness.loglines import captured
from tests.harness.requests import TEXT, case, draft_request, judge_request, labels

AB = case(labels("a", "b"))
JUDGE = judge_request(AB, {"A": "a", "B": "b", "C": "a"})


@pytest.fixture(scope="module")
def server() -> Iterator[LlmServer]:
    with LlmServer() as running:
        yield running


@asynccontextmanager
async def model(home: Path, *deployments: dict[str, Any], **more: Any) -> AsyncIterator[Guarded]:
    options = {"family": "toy", "retries": 0, "deployments": list(deployments), **more}
    opened = await registry.load("litellm", options, home)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("how", ["good", "stammer"])
async def test_a_provider_of_every_shape_drafts_and_judges(
    server: LlmServer, tmp_path: Path, shape: str, how: str
) -> None:
    async with model(tmp_path, server.deployment(shape, how)) as toy:
        proposal = await toy.draft(draft_request(AB))
        judgment = await toy.judge(JUDGE)
    assert (proposal.answer, proposal.belief, proposal.confidence) == ("a", (8_000, 2_000), 8_050)
    assert proposal.prompt.startswith("quorate.draft.")
    assert judgment.prompt.startswith("quorate.batch.")
    assert {(p.first, p.second): p.preference for p in judgment.pairs} == {
        ("A", "B"): Preference.FIRST,
        ("A", "C"): Preference.SAME,
        ("B", "C"): Preference.SECOND,
    }
    assert [mark.endorsement for mark in judgment.marks] == [80, -60, 80]
    usage = proposal.usage  # of both tries, where there were two
    assert usage.micros == usage.tokens_in + 2 * usage.tokens_out


@pytest.mark.parametrize("way", ["batch", "pairwise"])
async def test_free_text_is_drafted_and_judged_with_same(
    server: LlmServer, tmp_path: Path, way: str
) -> None:
    asked = case(TEXT)
    judged = judge_request(asked, {"A": "a", "B": "b, rather", "C": "a"})
    words = "whoever acts on one does what the other says, however differently they are worded"
    async with model(tmp_path, server.deployment("openai"), judge=way) as toy:
        began = len(server.requests)
        proposal = await toy.draft(draft_request(asked))
        judgment = await toy.judge(judged)
    assert (proposal.answer, proposal.belief, proposal.confidence) == ("a", (), 8_050)
    assert {(p.first, p.second): p.preference for p in judgment.pairs} == {
        ("A", "B"): Preference.FIRST,
        ("A", "C"): Preference.SAME,
        ("B", "C"): Preference.SECOND,
    }
    draft, *judging = (body["messages"][1]["content"] for _, _, body in server.requests[began:])
    assert "spelled as the option is" not in draft
    assert "belief" not in draft
    assert judging
    assert all(words in text for text in judging)


PLAIN = {
    "broken": "server error 500",
    "busy": "server error 503",
    "limited": "rate limited",
    "locked": "authentication failed",
    "missing": "no such model",
    "long": "request refused",
    "badjson": "reply unparseable",
    "closed": "unreachable",
    "mumble": "reply unparseable",
    "injected": "reply unparseable",
    "truncated": "reply truncated",
    "empty": "reply empty",
    "tool": "asked for a tool",
    "filtered": "content refused",
    "refusing": "content refused",
}
TOLD = {  # these two have no field that says so: all they have is the text
    ("llamacpp", "refusing"): "reply unparseable",
    ("ollama", "refusing"): "reply unparseable",
    ("ollama", "filtered"): "reply empty",
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("how", PLAIN)
async def test_a_provider_that_fails_is_named_with_model_and_cause_and_nothing_of_its_words(
    server: LlmServer, tmp_path: Path, shape: str, how: str
) -> None:
    async with model(tmp_path, server.deployment(shape, how)) as toy:
        with pytest.raises(ModelError) as failed:
            await toy.draft(draft_request(AB))
    provider = {"ollama": "ollama_chat", "vllm": "hosted_vllm"}.get(shape, "openai")
    assert failed.value.public == f"{provider} toy-1: {TOLD.get((shape, how), PLAIN[how])}"


# litellm makes some coroutines before it awaits them, and one that is cancelled in between says
# so when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_provider_that_never_answers_is_let_go_at_the_deadline(
    tmp_path: Path, shape: str
) -> None:
    with LlmServer() as server:
        async with model(tmp_path, server.deployment(shape)) as toy:
            await toy.draft(draft_request(AB))  # the first call takes far longer than others
            server.force["alice"] = "slow"
            with pytest.raises(ModelError) as failed:
                await toy.draft(draft_request(AB, deadline_ms=2_000))
        gc.collect()
        assert failed.value.failure is Failure.TIMEOUT
        assert "toy-1" in failed.value.public
        assert await asyncio.to_thread(server.let_go.wait, 30)


async def test_a_cancelled_call_lets_go(tmp_path: Path) -> None:
    with LlmServer() as server:
        async with model(tmp_path, server.deployment("openai", "slow")) as toy:
            call = asyncio.create_task(toy.draft(draft_request(AB)))
            assert await asyncio.to_thread(server.asked.wait, 60)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await asyncio.to_thread(server.let_go.wait, 30)


async def test_a_failing_deployment_is_fallen_back_from_and_both_are_asked(
    server: LlmServer, tmp_path: Path
) -> None:
    bad, good = server.deployment("openai", "locked", "fb"), server.deployment("vllm", who="fb")
    async with model(tmp_path, bad, good) as toy:
        assert (await toy.draft(draft_request(AB))).answer == "a"
    assert server.calls["openai/locked/fb"] == 1


async def test_a_server_error_is_tried_again(server: LlmServer, tmp_path: Path) -> None:
    async with model(tmp_path, server.deployment("openai", "first500"), retries=1) as toy:
        assert (await toy.draft(draft_request(AB))).answer == "a"
    assert server.calls["openai/first500/alice"] == 2


async def test_no_more_requests_a_minute_are_sent_than_the_deployment_allows(
    server: LlmServer, tmp_path: Path
) -> None:
    limited = server.deployment("openai", who="limited") | {"rpm": 2}
    async with model(tmp_path, limited) as toy:
        drafts = (toy.draft(draft_request(AB)) for _ in range(5))
        ends = [await asyncio.gather(draft, return_exceptions=True) for draft in drafts]
    assert any(isinstance(e, ModelError) and e.failure is Failure.RATE for (e,) in ends)
    # The minutes are the clock's: one may end in between.
    assert server.calls["openai/good/limited"] in (2, 3, 4)


async def test_past_its_limit_a_deployment_is_fallen_back_from(
    server: LlmServer, tmp_path: Path
) -> None:
    limited = server.deployment("openai", who="full") | {"rpm": 1}
    async with model(tmp_path, limited, server.deployment("vllm", who="free")) as toy:
        for _ in range(3):
            assert (await toy.draft(draft_request(AB))).answer == "a"
    assert server.calls["openai/good/full"] + server.calls["vllm/good/free"] == 3
    assert server.calls["openai/good/full"] in (1, 2)  # two, where a minute ended in between


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("how", ["pairwise", "batch"])
async def test_judging_pair_by_pair_or_in_both_orders_comes_to_the_same_word(
    server: LlmServer, tmp_path: Path, how: str, both: bool
) -> None:
    async with model(tmp_path, server.deployment("openai"), judge=how, both_orders=both) as toy:
        judgment = await toy.judge(JUDGE)
    found = {(p.first, p.second): p.preference for p in judgment.pairs}
    assert found[("A", "B")] is Preference.FIRST
    assert found.get(("B", "A")) is (Preference.SECOND if both else None)
    assert len(found) == (6 if both else 3)
    assert [mark.endorsement for mark in judgment.marks] == [80, -60, 80]


MANY = dict(zip("ABCDEFGH", "cdaefghi", strict=True))
FIELD = case(labels(*"abcdefghi"))


def calls_of(server: LlmServer, since: int) -> list[str]:
    return [body["messages"][1]["content"] for _, _, body in server.requests[since:]]


@pytest.mark.parametrize("how", ["pairwise", "batch"])
async def test_a_ring_is_asked_in_the_orders_that_it_names_and_no_other_pair_is(
    server: LlmServer, tmp_path: Path, how: str
) -> None:
    ring = Design(pairs="ring", order=(3, 1, 4, 0, 5, 7, 2, 6))
    asked = [("ABCDEFGH"[one], "ABCDEFGH"[other]) for one, other in ring.ask(8, [])]
    request = judge_request(FIELD, MANY, design=ring)
    async with model(tmp_path, server.deployment("openai"), judge=how) as toy:
        began = len(server.requests)
        judgment = await toy.judge(request)
    assert sorted((p.first, p.second) for p in judgment.pairs) == sorted(asked)
    assert judgment.usage.calls == len(calls_of(server, began)) == (24 if how == "pairwise" else 2)
    assert {mark.letter for mark in judgment.marks} == set(MANY)
    wins = [p for p in judgment.pairs if "C" in (p.first, p.second)]
    assert all(
        p.preference is (Preference.FIRST if p.first == "C" else Preference.SECOND) for p in wins
    )


@pytest.mark.parametrize("pairs", ["swiss", "information"])
@pytest.mark.parametrize("how", ["pairwise", "batch"])
async def test_a_design_of_several_steps_asks_each_by_what_was_said_before(
    server: LlmServer, tmp_path: Path, how: str, pairs: str
) -> None:
    design = Design(pairs=pairs, order=(3, 1, 4, 0, 5, 7, 2, 6))
    request = judge_request(FIELD, MANY, design=design)
    async with model(tmp_path, server.deployment("openai"), judge=how) as toy:
        began = len(server.requests)
        judgment = await toy.judge(request)
    answers = list(MANY.values())

    def word(one: int, other: int) -> int:  # the toy is 75 % sure of a, and of nothing else
        return 17_500 if answers[one] == "a" else 2_500 if answers[other] == "a" else 10_000

    wanted = follow(design, 8, word)
    assert [("ABCDEFGH".index(p.first), "ABCDEFGH".index(p.second)) for p in judgment.pairs] == [
        (item.first, item.second) for item in wanted
    ]
    assert len(wanted) == 12
    shown = calls_of(server, began)
    assert judgment.usage.calls == len(shown) == (12 if how == "pairwise" else 3)
    if how == "batch":  # only the first step shows them all
        counts = [len(re.findall(r"^Candidate \w+:$", text, re.MULTILINE)) for text in shown]
        assert counts[0] == 8
        assert max(counts) == 8
    assert {mark.letter for mark in judgment.marks} == set(MANY)


async def test_a_members_own_limit_on_pairs_bounds_every_design(
    server: LlmServer, tmp_path: Path
) -> None:
    async with model(tmp_path, server.deployment("openai"), pairs=5) as toy:
        for pairs in ("all", "ring", "swiss", "information"):
            request = judge_request(FIELD, MANY, design=Design(pairs=pairs))
            judgment = await toy.judge(request)
            assert len({frozenset((p.first, p.second)) for p in judgment.pairs}) == 5


async def test_a_design_ends_with_the_step_that_brings_nothing_and_keeps_the_others(
    tmp_path: Path,
) -> None:
    with LlmServer() as server:
        request = judge_request(FIELD, MANY, design=Design(pairs="swiss"))
        async with model(tmp_path, server.deployment("openai")) as toy:
            await toy.draft(draft_request(FIELD))
            server.gate.clear()
            judging = asyncio.create_task(toy.judge(request))
            while len(server.requests) < 2:
                await asyncio.to_thread(server.asked.wait)
                await asyncio.sleep(0)
            server.force["alice"] = "broken"  # from the second step on
            server.gate.set()
            judgment = await judging
    assert len(judgment.pairs) == 4
    assert judgment.usage.calls == 1
    assert len(judgment.marks) == 8


async def test_a_call_that_fails_among_others_of_a_judgment_is_named(
    server: LlmServer, tmp_path: Path
) -> None:
    deployment = server.deployment("openai", "first500", "parts")
    with captured() as lines:
        async with model(tmp_path, deployment, judge="pairwise") as toy:
            judgment = await toy.judge(JUDGE)
    assert len(judgment.pairs) == 2
    (line,) = [line for line in lines if line["event"] == "a part of a judgment failed"]
    assert line["cause"].startswith("openai toy-1: InternalServerError")


async def test_no_more_calls_run_at_a_time_than_the_option_says(tmp_path: Path) -> None:
    with LlmServer() as server:
        deployment = server.deployment("openai")
        async with model(tmp_path, deployment, judge="pairwise", both_orders=True, calls=2) as toy:
            server.gate.clear()
            judging = asyncio.create_task(toy.judge(JUDGE))
            assert await asyncio.to_thread(server.two.wait, 60)
            server.gate.set()
            await judging
        assert server.most_at_a_time == 2


async def test_a_large_case_does_not_stop_the_loop(server: LlmServer, tmp_path: Path) -> None:
    content = Content(text="<" * 100_000)
    large = replace(AB, messages=(content,) * 2)
    longest, budget = 0.0, {"tokens": 1}

    async def beat() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began)

    async with model(tmp_path, server.deployment("openai"), task_budget=budget) as toy:
        beating = asyncio.create_task(beat())
        await asyncio.sleep(0.05)
        began = time.monotonic()
        with pytest.raises(ModelError, match="budget"):
            await toy.draft(draft_request(large))
        took = time.monotonic() - began
        await asyncio.sleep(0.05)
        beating.cancel()
    assert longest < took / 3


async def test_a_call_that_would_pass_the_budget_is_not_made(tmp_path: Path) -> None:
    with LlmServer() as server:
        async with model(tmp_path, server.deployment("openai"), day_budget={"usd": 0.0001}) as toy:
            with pytest.raises(ModelError) as failed:
                await toy.draft(draft_request(AB))
        assert failed.value.public == "openai toy-1: the day's budget is spent"
        assert not server.requests


async def test_the_days_spending_is_the_providers_and_survives_a_restart(
    server: LlmServer, tmp_path: Path
) -> None:
    budget = {"tokens": 20_000}
    async with model(tmp_path, server.deployment("openai"), day_budget=budget) as toy:
        usage = (await toy.draft(draft_request(AB))).usage
    text = (tmp_path / "spending.json").read_text()
    assert f'"tokens":{usage.tokens_in + usage.tokens_out},' in text
    (tmp_path / "spending.json").write_text(
        text.replace(f'"tokens":{usage.tokens_in + usage.tokens_out}', '"tokens":20000')
    )
    async with model(tmp_path, server.deployment("openai"), day_budget=budget) as toy:
        with pytest.raises(ModelError, match="20000 of 20000 tokens"):
            await toy.draft(draft_request(AB))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("how", "counted"), [("closed", True), ("locked", False), ("away", False)])
async def test_a_call_that_broke_off_counts_in_full_and_one_that_was_not_taken_up_does_not(
    server: LlmServer, tmp_path: Path, shape: str, how: str, counted: bool
) -> None:
    deployment, budget = server.deployment(shape, how), {"tokens": 20_000}
    if how == "away":
        deployment["api_base"] = deployment["api_base"].replace(str(server.port), "9")
    async with model(tmp_path, deployment, day_budget=budget) as toy:
        with pytest.raises(ModelError):
            await toy.draft(draft_request(AB))
    told = json.loads((tmp_path / "spending.json").read_text())
    assert (told["tokens"] > 1_000) == counted


async def test_a_try_that_timed_out_counts_though_the_next_one_is_answered(
    server: LlmServer, tmp_path: Path
) -> None:
    budget = {"tokens": 20_000}
    options: dict[str, Any] = {"day_budget": budget, "retries": 1, "timeout_s": 3.0}
    async with model(tmp_path, server.deployment("openai"), **options) as toy:
        await toy.draft(draft_request(AB))  # the first call takes far longer than others
    (tmp_path / "spending.json").unlink()
    async with model(tmp_path, server.deployment("openai", "firstslow"), **options) as toy:
        usage = (await toy.draft(draft_request(AB))).usage
    told = json.loads((tmp_path / "spending.json").read_text())
    assert told["tokens"] > usage.tokens_in + usage.tokens_out + 1_000


async def test_the_key_goes_to_the_provider_and_into_no_error(
    server: LlmServer, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("sk-very-secret\n")
    (tmp_path / "key").chmod(0o600)
    before = len(server.requests)
    async with model(tmp_path, server.deployment("openai", "locked", key_file="key")) as toy:
        assert "secret" not in str(toy.describe())
        with pytest.raises(ModelError) as failed:
            await toy.draft(draft_request(AB))
    assert server.requests[before][1]["authorization"] == "Bearer sk-very-secret"
    assert "sk-very-secret" not in str(failed.value) + failed.value.public


GOOD: dict[str, Any] = {"model": "openai/x", "api_base": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("deployment", "more", "said"),
    [
        ({"model": "nonsense/x"}, {}, "whose provider litellm does not know"),
        ({**GOOD, "key_env": "QUORATE_NO_SUCH_KEY"}, {}, "QUORATE_NO_SUCH_KEY, which is not set"),
        ({**GOOD, "key_file": "none"}, {}, "cannot be read"),
        ({**GOOD, "key_env": "A", "key_file": "b"}, {}, "keep one of the two"),
        ({**GOOD, "price_in": 1.0}, {}, "give both, or none"),
        ({**GOOD, "api_base": "ftp://x"}, {}, "neither http:// nor https://"),
        ({**GOOD, "api_key": "sk-1"}, {}, "unknown field `api_key`"),
        ({**GOOD, "rpm": 0}, {}, "rpm"),
        (GOOD, {"day_budget": {"usd": -1}}, "day_budget.usd"),
        (GOOD, {"day_budget": {"usd": 1}}, "whose price litellm does not know"),
        (GOOD, {"judge": "coin"}, "coin"),
        (GOOD, {"prompts": "nowhere"}, "is no folder"),
        ({"model": "openai/gpt-4o-mini"}, {}, "has no key"),
    ],
)
async def test_an_option_that_cannot_be_is_named_with_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deployment: dict[str, Any],
    more: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelSetupError, match=said):
        async with model(tmp_path, deployment, **more):
            pass


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-1")
    (tmp_path / "key").chmod(0o644)

    async def opened() -> None:
        async with model(tmp_path, {**GOOD, "key_file": "key"}):
            pass

    with pytest.raises(ModelSetupError, match="chmod 600"):
        asyncio.run(opened())


@pytest.mark.parametrize(
    ("model_id", "shown"),
    [
        ("meta-llama/Llama-3.1-8B", "vllm meta-llama/Llama-3.1-8B"),
        ("/home/me/models/x.gguf", "vllm x.gguf"),
        ("a\nb<script>", "vllm a_b_script_"),
        ("x" * 300, "vllm " + "x" * 115),
    ],
)
def test_what_others_read_of_a_model_is_short_and_tame(model_id: str, shown: str) -> None:
    assert public_name("vllm", model_id) == shown


OFFLINE = """
import asyncio, socket, sys
from pathlib import Path
def refused(*a, **k): raise AssertionError("a connection was tried")
socket.socket.connect = refused
socket.getaddrinfo = refused
import node.cli.main, node.daemon, node.models.llm.backend
assert "litellm" not in sys.modules
from node.models import registry
async def main():
    await registry.load("scripted", {}, Path())
    assert "litellm" not in sys.modules
    options = {"family": "x", "deployments": [{"model": "ollama_chat/x", "api_base": "http://h"}]}
    await (await registry.load("litellm", options, Path())).close()
    import litellm
    own = {type(one).__name__ for one in litellm.callbacks}
    assert own == {"ModelRateLimitingCheck"} and litellm.success_callback == []
asyncio.run(main())
"""


def test_opening_the_backend_calls_nobody_and_another_backend_never_loads_litellm() -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LITELLM")}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE], capture_output=True, text=True, check=False, env=clean
    )
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
