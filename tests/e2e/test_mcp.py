"""`quorate mcp` as a process, with the official client and a committee of processes."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
import typer
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from node.cli.main import app
from node.wire.watch import Event
from tests.harness.readme import Page
from tests.harness.real_nodes import QUORATE, ROOT, WAIT_S, RealNode, RealSwarm

QUESTION = {"question": "Which of the two?", "options": ["a", "b"], "policy": {"rounds": 1}}


@asynccontextmanager
async def agent(node: RealNode) -> AsyncIterator[Client]:
    """A client of the server for `node`, which is a process of its own."""
    command, *arguments = [*QUORATE, "mcp", str(node.home)]
    parameters = StdioServerParameters(command=command, args=arguments, cwd=ROOT)
    with (node.home / "mcp.log").open("w+") as log:
        async with asyncio.timeout(WAIT_S), Client(stdio_client(parameters, log)) as client:
            yield client
        log.seek(0)
        assert log.read() == ""  # nothing went wrong that nobody was told


class Asking:
    """A call of `ask` that is under way: its steps, and what it came to."""

    def __init__(self, client: Client) -> None:
        self.steps: list[str] = []
        self._news = asyncio.Event()
        self.call = asyncio.create_task(
            client.call_tool("ask", QUESTION, progress_callback=self._step)
        )

    async def _step(self, number: float, total: float | None, line: str | None) -> None:
        assert line is not None
        assert number == len(self.steps) + 1
        self.steps.append(line)
        self._news.set()

    async def until(self, part: str) -> str:
        """The first step that holds `part`."""
        while not (found := [line for line in self.steps if part in line]):
            self._news.clear()
            await self._news.wait()
        return found[0]


def said(result: types.CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text


async def test_an_agent_asks_follows_the_steps_and_verifies_the_verdict(
    orchard: RealSwarm,
) -> None:
    async with agent(orchard["alice"]) as client:
        asking = Asking(client)
        result = await asking.call
        assert not result.is_error, said(result)
        found = result.structured_content
        shown = await client.call_tool("verdict", {"id": found["task"]})
        assert shown.structured_content["verdict"] == found["verdict"]
        checked = await client.call_tool("verify", {"id": found["verdict"]})
        assert checked.structured_content["state"] == "valid"
        (status,) = (await client.read_resource("quorate://status")).contents
        assert isinstance(status, types.TextResourceContents)
        assert json.loads(status.text)["name"] == "alice"
    assert (found["told_by"], found["last_round"]["round"]) == ("alice", 1)
    assert f"Verdict {found['verdict']}" in said(result)
    assert asking.steps[0] == f"task {found['task']} is open: alice, bob, carol, dave"
    points = [f"round 1: the {point} is agreed on" for point in ("slate", "freeze", "outcome")]
    assert [line for line in asking.steps if "agreed" in line] == points
    assert "round 1: alice drafted" in asking.steps


async def test_an_ask_goes_on_with_another_member_when_its_node_is_killed(
    orchard: RealSwarm,
) -> None:
    alice, late = orchard["alice"], (orchard["carol"], orchard["dave"])
    for node in late:  # two of four decide nothing: the task stays open for as long
        node.freeze()
    async with agent(alice) as client:
        asking = Asking(client)
        await asking.until("is open")
        alice.kill()
        await asking.until("alice went away; going on with")
        for node in late:
            node.thaw()
        result = await asking.call
        assert not result.is_error, said(result)
        assert result.structured_content["told_by"] != "alice"
        assert "says so. Once alice runs again, check it" in said(result)
        again = await client.call_tool("ask", QUESTION)
        assert again.is_error
        assert f"its operator starts it with `quorate serve {alice.home}`" in said(again)


async def test_a_cancelled_ask_is_followed_no_more_and_decided_all_the_same(
    orchard: RealSwarm,
) -> None:
    alice, late = orchard["alice"], (orchard["carol"], orchard["dave"])
    for node in late:
        node.freeze()
    async with agent(alice) as client:
        asking = Asking(client)
        task = (await asking.until("is open")).split()[1]
        asking.call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking.call
        early = await client.call_tool("verdict", {"id": task})
        assert early.is_error
        assert f"the task {task[:16]} is under way" in said(early)
        heard = len(asking.steps)
        for node in late:
            node.thaw()
        opened = Event(task=bytes.fromhex(task), round=0, kind="open", detail={})
        decided = await alice.decided(opened)
        shown = await client.call_tool("verdict", {"id": task})
        assert shown.structured_content["verdict"] == decided.detail["verdict"]
        assert len(asking.steps) == heard


# -- the README -------------------------------------------------------------------------


def block(name: str) -> str:
    blocks = Page.read(ROOT / "README.md").blocks
    (found,) = [item for item in blocks if (item.word, item.of) == ("file", name)]
    return found.text


def test_the_readmes_program_asks_and_verifies(orchard: RealSwarm, tmp_path: Path) -> None:
    program = tmp_path / "asking.py"
    program.write_text(block("asking.py"), encoding="utf-8")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, program],
        cwd=orchard.home,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == 0, done.stderr
    *steps, answer, state = done.stdout.splitlines()
    assert steps[0].endswith("is open: alice, bob, carol, dave")
    assert (answer, state) == ("Answer: Lisbon", "The verdict is valid")


def test_the_readmes_entry_for_agents_starts_the_server() -> None:
    entry = json.loads(block("mcp.json"))["mcpServers"]["quorate"]
    assert entry["command"] == "quorate"
    command: Any = typer.main.get_command(app)
    name, *rest = entry["args"]
    found = command.get_command(typer.Context(command), name)
    directory = found.make_context(name, rest).params["directory"]
    assert Path(directory).is_absolute()  # a host starts it wherever it likes
