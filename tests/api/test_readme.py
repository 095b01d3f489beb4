"""The README's page on OpenAI's clients, run as it stands, against two daemons."""

import asyncio
import os
import sys
from pathlib import Path

from tests.harness.daemons import Grove
from tests.harness.fronts import front
from tests.harness.readme import Page, unsaid

ROOT = Path(__file__).parents[2]
README = Page.read(ROOT / "README.md")
WRITTEN = "127.0.0.1:7480"


async def ran(command: list[str], home: Path) -> str:
    """What a program says that ends well, in `home`, with this environment's commands first."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_the_readmes_clients_get_their_answers(tmp_path: Path) -> None:
    models = {name: {"line": {"answer": "Lisbon"}} for name in ("alice", "bob")}
    async with Grove(tmp_path, "alice", "bob", models=models) as grove:
        address = front(grove, "alice").removeprefix("http://").removesuffix("/v1")
        await grove.start("alice", "bob")
        await grove.linked()
        said, count = "", 0
        for block in README.blocks:
            text = block.text.replace(WRITTEN, address)
            if block.word == "api":
                shell = ["sh", "-ec", text] if block.of == "sh" else [sys.executable, "-c", text]
                said = await ran(shell, tmp_path)
            elif block.word == "api says":
                assert not unsaid(block.text, said), f"README.md:{block.line}: {said}"
                count += 1
        assert count == 4
