"""The README's page on watching a node, run as it stands."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from node import config, config_text
from node.config import CONFIG_FILE
from node.config_metrics import MetricsConfig
from tests.harness.daemons import Grove
from tests.harness.federations import free_address
from tests.harness.readme import Page, unsaid

ROOT = Path(__file__).parents[2]
README = Page.read(ROOT / "README.md")
WRITTEN = "127.0.0.1:7490"


async def test_the_readmes_monitors_get_their_answers(tmp_path: Path) -> None:
    (block,) = [block for block in README.blocks if block.word == "watch"]
    (says,) = [block for block in README.blocks if block.word == "watch says"]
    async with Grove(tmp_path, "alice", "bob") as grove:
        where, address = tmp_path / "alice", free_address()
        changed = msgspec.structs.replace(config.load(where), metrics=MetricsConfig(listen=address))
        (where / CONFIG_FILE).write_text(config_text.render(changed))
        await grove.start("alice", "bob")
        await grove.linked()
        shell = await asyncio.create_subprocess_exec(
            *("sh", "-ec", block.text.replace(WRITTEN, address)),
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "COLUMNS": "200",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await shell.communicate()
    assert shell.returncode == 0, out.decode() + err.decode()
    assert not unsaid(says.text, out.decode()), out.decode()
