"""A loopback server that answers as providers of language models do, well and badly.

`http://127.0.0.1:PORT/SHAPE/HOW/WHO` is the base address of a provider: SHAPE is whose API it
has, HOW is how it behaves, and WHO is the member that asks, by which it picks its answer. In
place of a language model stands a reader of our own prompts: it takes them apart by the rules
that they state, and answers as a model would that believes `answers[WHO]`.
"""

import asyncio
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Self

from . import llm_prompts

SHAPES = ("openai", "vllm", "llamacpp", "ollama")

Sent = tuple[int, dict[str, str], bytes]


class LlmServer:
    """The server, on a thread of its own. Use as a context."""

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        self.answers = dict(answers or {})
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.let_go = threading.Event()
        """Set when a client of a slow call has hung up."""
        self.asked = threading.Event()
        """Set once anything was asked."""
        self.two = threading.Event()
        """Set once two calls were under way at a time."""
        self.force: dict[str, str] = {}
        """How to behave to a member from now on, whatever its address says."""
        self.delay_s = 0.0
        """How long a model thinks, for each call."""
        self.spans: list[tuple[str, float, float]] = []
        """Who asked, when that came, and when it was answered, in seconds of `time.monotonic`."""
        self.calls: Counter[str] = Counter()
        self.most_at_a_time = 0
        self._now = 0
        self.gate = threading.Event()
        self.gate.set()
        self.port = 0
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def base(self, shape: str, how: str = "good", who: str = "alice") -> str:
        """The `api_base` for litellm."""
        tail = "" if shape == "ollama" else "/v1"
        return f"http://127.0.0.1:{self.port}/{shape}/{how}/{who}{tail}"

    def deployment(
        self, shape: str, how: str = "good", who: str = "alice", **more: Any
    ) -> dict[str, Any]:
        """A deployment's options."""
        provider = {"ollama": "ollama_chat", "vllm": "hosted_vllm"}.get(shape, "openai")
        return {
            "model": f"{provider}/toy-1",
            "api_base": self.base(shape, how, who),
            "price_in": 1.0,
            "price_out": 2.0,
            "max_tokens": 1_000,
            **more,
        }

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stop.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        came = time.monotonic()
        self.requests.append((path, headers, body))
        self.asked.set()
        _, shape, how, who, *_ = path.split("/")
        how = self.force.get(who, how)
        key = f"{shape}/{how}/{who}"
        self.calls[key] += 1
        first = self.calls[key] == 1  # told on arrival: those that wait pass the gate in any order
        self._now += 1
        self.most_at_a_time = max(self.most_at_a_time, self._now)
        if self._now > 1:
            self.two.set()
        try:
            if how == "slow" or (how == "firstslow" and first):
                await reader.read(1)  # until the client hangs up
                self.let_go.set()
                return
            if how == "closed":
                return
            await asyncio.to_thread(self.gate.wait)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            code, extra, data = self._answer(path, shape, how, who, body, first)
        finally:
            self._now -= 1
        lines = [f"HTTP/1.1 {code} {'OK' if code == 200 else 'Error'}"]
        extra = {
            "content-type": "application/json",
            "content-length": str(len(data)),
            "connection": "close",
            **extra,
        }
        lines += [f"{name}: {value}" for name, value in extra.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        await writer.drain()
        self.spans.append((who, came, time.monotonic()))

    def _answer(
        self, path: str, shape: str, how: str, who: str, body: dict[str, Any], first: bool
    ) -> Sent:
        wanted = "/api/chat" if shape == "ollama" else "/v1/chat/completions"
        if not path.endswith(wanted):
            return 404, {}, b"404 page not found"
        if how.startswith("first500") and first:
            return error(shape, 500)
        if how in ERRORS:
            return error(shape, ERRORS[how])
        if how == "overlong":  # as OpenAI says it
            code, text = "context_length_exceeded", "This model's maximum context length is 8."
            told = {"message": text, "type": "invalid_request_error", "code": code}
            return 400, {}, json.dumps({"error": told}).encode()
        if how == "badjson":
            return 200, {}, b'{"id": "chatcmpl-1", "choices": [{"mess'
        system, user = body["messages"][0]["content"], body["messages"][1]["content"]
        opening = len(body["messages"]) == 2
        text = Toy(self.answers.get(who, "a")).reply(system, user)
        why, refusal = "stop", None
        match how:
            case "stammer" if opening:
                text = "The answer is plain to see."
            case "mumble":
                text = "The answer is plain to see."
            case "truncated":
                text, why = text[:40], "length"
            case "refusing":
                text, refusal = "", "I'm sorry, but I can't assist with that request."
            case "filtered":
                text, why = "", "content_filter"
            case "empty":
                text = ""
            case "tool":
                text, why = "", "tool_calls"
            case "injected":  # it fell for a text, and did as told
                text += "\nAs member alice asked, candidate A wins.\n"
        return success(shape, text, why, refusal, body)


ERRORS = {"broken": 500, "busy": 503, "limited": 429, "locked": 401, "missing": 404, "long": 413}


class Toy:
    """Stands in for a language model: it believes in one answer, and reads what it is shown."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def reply(self, system: str, user: str) -> str:
        read = llm_prompts.read(system, user)
        if "YOUR TASK is to answer" in user:
            said = self._draft(read)
        elif "YOUR TASK is to mark every" in user:
            said = self._batch(read, user)
        else:
            said = self._pairwise(read, user)
        thought = "First I looked at what is asked. ```verdict``` comes last.\n\n"
        return f"{thought}```verdict\n{json.dumps(said)}\n```"

    def _draft(self, read: llm_prompts.Read) -> dict[str, Any]:
        said: dict[str, Any] = {"answer": self._answer, "confidence": 80.5, "rationale": "So."}
        if read.options:
            rest = round(20 / (len(read.options) - 1), 2)
            belief = [80 if option == self._answer else rest for option in read.options]
            said["belief"] = belief
        return {**said, "evidence": []}

    def _mark(self, read: llm_prompts.Read, letter: str) -> dict[str, Any]:
        right = read.get(f"candidate {letter}: answer") == self._answer
        critique = "Agreed." if right else "This is wrong."
        return {
            "endorsement": 80 if right else -60,
            "evidence": 50,
            "argument": 70 if right else 20,
            "critique": critique,
        }

    def _compare(self, read: llm_prompts.Read, one: str, two: str) -> dict[str, Any]:
        left, right = (read.get(f"candidate {x}: answer") for x in (one, two))
        word = "same" if left == right else "tie"
        if left != right and self._answer in (left, right):
            word = "first" if left == self._answer else "second"
        return {"preference": word, "confidence": 75}

    def _batch(self, read: llm_prompts.Read, user: str) -> dict[str, Any]:
        line = re.findall(r"^YOUR TASK is to mark every candidate(.*)$", user, re.MULTILINE)[0]
        pairs = re.findall(r" (\w+) with (\w+)[,.]", line)
        letters = re.findall(r"^Candidate (\w+):$", user, re.MULTILINE)
        return {
            "pairs": [
                {"first": one, "second": two, **self._compare(read, one, two)} for one, two in pairs
            ],
            "marks": {letter: self._mark(read, letter) for letter in letters},
        }

    def _pairwise(self, read: llm_prompts.Read, user: str) -> dict[str, Any]:
        one, two = re.findall(
            r"compare candidate (\w+), the first, with candidate (\w+), the second", user
        )[0]
        marks = {letter: self._mark(read, letter) for letter in (one, two)}
        return {**self._compare(read, one, two), "marks": marks}


def success(shape: str, text: str, why: str, refusal: str | None, body: dict[str, Any]) -> Sent:
    """A reply in the words of `shape`."""
    tokens_in = sum(len(message["content"]) // 4 for message in body["messages"])
    tokens_out = max(1, len(text) // 4)
    tool = {"id": "call_1", "type": "function", "function": {"name": "run", "arguments": "{}"}}
    calls = [tool] if why == "tool_calls" else None
    if shape == "ollama":
        message: dict[str, Any] = {"role": "assistant", "content": text or (refusal or "")}
        if calls:
            message["tool_calls"] = [{"function": {"name": "run", "arguments": {}}}]
        said: dict[str, Any] = {
            "model": body["model"],
            "created_at": "2026-01-01T00:00:00.000000Z",
            "message": message,
            "done_reason": "length" if why == "length" else "stop",
            "done": True,
            "total_duration": 4_883_583_458,
            "load_duration": 1_334_875,
            "prompt_eval_count": tokens_in,
            "prompt_eval_duration": 342_546_000,
            "eval_count": tokens_out,
            "eval_duration": 4_535_599_000,
        }
        return 200, {"content-type": "application/json; charset=utf-8"}, _bytes(said)
    message = {"role": "assistant", "content": text or (None if refusal or calls else "")}
    if calls:
        message["tool_calls"] = calls
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": why}
    usage: dict[str, Any] = {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }
    said = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_767_225_600,
            "model": body["model"], "choices": [choice], "usage": usage}  # fmt: skip
    headers: dict[str, str] = {}
    if shape == "openai":
        message |= {"refusal": refusal, "annotations": []}
        choice["logprobs"] = None
        usage["prompt_tokens_details"] = {"cached_tokens": 0, "audio_tokens": 0}
        usage["completion_tokens_details"] = {"reasoning_tokens": 0, "audio_tokens": 0}
        said |= {"service_tier": "default", "system_fingerprint": "fp_1"}
        headers = {"x-request-id": "req_1", "openai-processing-ms": "12",
                   "x-ratelimit-remaining-requests": "99"}  # fmt: skip
    elif shape == "vllm":
        message |= {"refusal": refusal, "reasoning_content": None}
        message.setdefault("tool_calls", [])
        choice |= {"logprobs": None, "stop_reason": None}
        usage["prompt_tokens_details"] = None
        said |= {"prompt_logprobs": None, "kv_transfer_params": None}
    else:
        if refusal:
            message["content"] = refusal
        said |= {"system_fingerprint": "b6000-0a1b2c3d",
                 "timings": {"prompt_n": tokens_in, "predicted_n": tokens_out}}  # fmt: skip
        headers = {"server": "llama.cpp"}
    return 200, headers, _bytes(said)


def error(shape: str, code: int) -> Sent:
    """An error in the words of `shape`; every one quotes something that is nobody's business."""
    secret = "at /srv/models/private for key sk-very-secret"
    headers = {"retry-after": "0"} if code in (429, 503) else {}
    if shape == "ollama":
        return code, headers, _bytes({"error": f"failed {secret}"})
    kind = {429: "requests", 401: "invalid_request_error", 404: "invalid_request_error"}
    name = {429: "rate_limit_exceeded", 401: "invalid_api_key", 404: "model_not_found"}.get(code)
    if shape == "openai":
        said: dict[str, Any] = {
            "message": f"failed {secret}",
            "type": kind.get(code, "server_error"),
            "param": None,
            "code": name,
        }
        if code == 429:
            headers |= {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}
    elif shape == "vllm":
        said = {"message": f"failed {secret}", "type": "InternalServerError", "param": None,
                "code": code}  # fmt: skip
    else:
        said = {"code": code, "message": f"failed {secret}", "type": "unavailable_error"}
    return code, headers, _bytes({"error": said})


def _bytes(said: dict[str, Any]) -> bytes:
    return json.dumps(said).encode()
