"""What the HTTP front costs beside the models behind it: `python -m tests.bench.door`.

Five nodes in processes of their own, litellm and a loopback provider behind them. First one
question after another, with models that think for two seconds and for half a second; then fifty
at once, with and without clients that stop reading.
"""

import asyncio
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

import openai

from tests.harness.fronts import client, front
from tests.harness.llm_server import LlmServer
from tests.harness.real_nodes import RealSwarm

from .tables import Table, percentile

ANSWERS: Final = {"alice": "a", "bob": "a", "carol": "a", "dave": "b", "erin": "b"}
RUNS: Final = 9
THINKS_S: Final = (2.0, 0.5)
AT_ONCE: Final = 50
STALLED: Final = 4
ASK: Final[dict[str, Any]] = {
    "model": "quorate-fast",
    "stream": True,
    "extra_body": {"quorate": {"options": ["a", "b"]}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Seconds from asking to the first event and to the end."""

    first: float
    whole: float


@contextmanager
def committee(server: LlmServer) -> Iterator[tuple[RealSwarm, list[str]]]:
    """Five nodes that are linked, and where their fronts are."""
    models = {
        name: {
            "retries": 0,
            "calls": AT_ONCE,
            "deployments": [server.deployment("openai", who=name)],
        }
        for name in ANSWERS
    }
    with (
        TemporaryDirectory() as home,
        RealSwarm(Path(home), models, backend="litellm") as swarm,
    ):
        bases = [front(swarm, name, requests_per_minute=0) for name in ANSWERS]
        swarm.all_up()
        yield swarm, bases


async def ask(asking: openai.AsyncOpenAI, number: int) -> Asked:
    """One question, streamed to its end."""
    began, first, answer = time.monotonic(), 0.0, ""
    stream = await asking.chat.completions.create(
        messages=[{"role": "user", "content": f"Which one is it? ({number})"}], **ASK
    )
    async for part in stream:
        first = first or time.monotonic() - began
        answer += part.choices[0].delta.content or "" if part.choices else ""
    if not answer:
        raise RuntimeError(f"question {number} was not answered")
    return Asked(first=first, whole=time.monotonic() - began)


def critical(spans: list[tuple[str, float, float]]) -> float:
    """The slowest draft and then the slowest judgment, as the provider saw them."""
    each: dict[str, list[float]] = {}
    for who, came, went in sorted(spans, key=lambda span: span[1]):
        each.setdefault(who, []).append(went - came)
    if {len(calls) for calls in each.values()} != {2} or len(each) != len(ANSWERS):
        raise RuntimeError(f"not a draft and a judgment of each member: {each}")
    return max(calls[0] for calls in each.values()) + max(calls[1] for calls in each.values())


async def latency(server: LlmServer, base: str) -> Table:
    """One question at a time."""
    rows = []
    async with client(base) as asking:
        await ask(asking, 0)  # fills the caches
        for thinks in THINKS_S:
            server.delay_s = thinks
            found, paths = [], []
            for number in range(RUNS):
                server.spans.clear()
                found.append(await ask(asking, number))
                paths.append(critical(server.spans))
            server.delay_s = 0.0
            ratios = sorted(one.whole / path for one, path in zip(found, paths, strict=True))
            firsts = sorted(one.first * 1e3 for one in found)
            rows.append(
                (
                    f"{thinks:g} s a call",
                    f"{median(paths):.2f}",
                    f"{median(one.whole for one in found):.2f}",
                    f"{median(ratios):.3f}",
                    f"{ratios[0]:.3f}",
                    f"{ratios[-1]:.3f}",
                    f"{median(firsts):.0f}",
                    f"{firsts[-1]:.0f}",
                )
            )
    return Table(
        title="One round through the front, one question at a time",
        how=f"{RUNS} questions of one round to five nodes, streamed, by OpenAI's client. The path "
        "is the slowest draft and the slowest judgment, as the provider saw them; the ratio is of "
        "the whole to it.",
        columns=("", "path s", "whole s", "ratio", "least", "most", "first ms", "most"),
        rows=rows,
    )


def stall(base: str) -> socket.socket:
    """A client that asks for a stream and never reads of it."""
    where = urlsplit(base)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    made.connect((where.hostname, where.port))
    body = (
        b'{"model":"quorate-fast","stream":true,"quorate":{"options":["a","b"]},'
        b'"messages":[{"role":"user","content":"Does anybody read this?"}]}'
    )
    head = (
        f"POST {where.path}/chat/completions HTTP/1.1\r\nhost: {where.netloc}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    made.sendall(head.encode() + body)
    return made


def memory(pid: int) -> tuple[float, float]:
    """MiB that a process holds now, and the most it ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, most = (
        int(re.findall(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)[0]) / 1024
        for name in ("VmRSS", "VmHWM")
    )
    return now, most


async def load(swarm: RealSwarm, server: LlmServer, bases: list[str]) -> Table:
    """Fifty questions at once, ten at each front; then so again beside clients that do not read."""
    server.delay_s = 0.5
    rows = []
    for stalled in (0, STALLED, 0, STALLED):
        before = max(memory(node.serving.process.pid)[0] for node in swarm.nodes.values())
        idle = [stall(bases[at % len(bases)]) for at in range(stalled)]
        clients = [client(base) for base in bases]
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(ask(clients[at % len(clients)], at)) for at in range(AT_ONCE)
            ]
        whole = time.monotonic() - began
        for one in clients:
            await one.close()
        for made in idle:
            made.close()
        times = sorted(task.result().whole for task in asked)
        held = [memory(node.serving.process.pid) for node in swarm.nodes.values()]
        rows.append(
            (
                f"{AT_ONCE} at once, {stalled} that do not read",
                f"{len(times)}",
                f"{median(times):.1f}",
                f"{percentile(times, 95):.1f}",
                f"{whole:.1f}",
                f"{before:.0f}",
                f"{max(now for now, _ in held):.0f}",
                f"{max(most for _, most in held):.0f}",
            )
        )
    return Table(
        title="Many at once",
        how=f"{AT_ONCE} questions of one round at once, spread over the fronts of five nodes on "
        f"{os.cpu_count()} cores, which share them with the provider and the client; models think "
        "for half a second. Memory (VmRSS, and its peak so far VmHWM) is of the largest node; "
        "litellm alone takes some 200 MiB.",
        columns=("", "answered", "median s", "p95 s", "all s", "MiB before", "after", "peak"),
        rows=rows,
    )


async def main() -> None:
    """Print both tables."""
    with LlmServer(ANSWERS) as server, committee(server) as (swarm, bases):
        sys.stdout.write(f"load at the beginning {os.getloadavg()[0]:.1f}\n")
        for made in (latency(server, bases[0]), load(swarm, server, bases)):
            table = await made
            sys.stdout.write("\n" + "\n".join(table.lines()) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
