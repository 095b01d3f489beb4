"""schemathesis against a live node: the document says what the node does, and nothing breaks it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from node.api import keys
from node.config import LimitsConfig
from node.entropy import SystemEntropy
from tests.harness.daemons import QUICK, Grove
from tests.harness.fronts import front, plain
from tests.harness.scale import scaled

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
)
"""Not `positive_data_acceptance`: that exactly one kind of answer is asked for, that options differ
and that a member exists is no schema's to say. Not `unsupported_method`: `test_rest` has it."""

SEED: Final = "6"


@pytest_asyncio.fixture
async def alone(tmp_path: Path) -> AsyncIterator[tuple[str, str, str]]:
    """A committee of one, who decides at once: its front, a key, a decided task."""
    async with Grove(
        tmp_path,
        "alice",
        models={"alice": {"line": {"answer": "a"}}},
        limits=LimitsConfig(stop_s=0, tasks=10_000),
    ) as grove:
        base = front(grove, "alice", requests_per_minute=0)
        await grove.start("alice")
        key = keys.add(
            grove.nodes["alice"].config.api.keys,
            "ann",
            now_ms=1,
            entropy=SystemEntropy(),
            may=keys.EVERYTHING,
        )
        async with plain(base) as asking:
            asking.headers["authorization"] = f"Bearer {key}"
            asked: dict[str, Any] = {"question": "?", "options": ["a", "b"], "policy": QUICK}
            task = (await asking.post("deliberations", json=asked)).json()["task"]
            await asking.get(f"deliberations/{task}/events")
        yield base.removesuffix("/v1"), key, task


@pytest.mark.adversary
async def test_schemathesis_finds_nothing_that_the_document_does_not_say(
    alone: tuple[str, str, str], tmp_path: Path
) -> None:
    base, key, task = alone
    (tmp_path / "schemathesis.toml").write_text(
        f'[parameters]\n"path.task" = "{task}"\n"path.id" = "{task[:8]}"\n"path.member" = "alice"\n'
    )
    phases = ("fuzzing", "coverage,fuzzing")[scaled(quick=0, commit=1, night=1)]
    examples = scaled(quick=4, commit=12, night=200)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"),
        f"{base}/openapi.json",
        *("--checks", ",".join(CHECKS), "--phases", phases),
        *("--max-examples", str(examples), "--seed", SEED, "--generation-database", "none"),
        *("--header", f"Authorization: Bearer {key}", "--no-color"),
        *("--continue-on-failure", "--warnings", "off", "--suppress-health-check", "all"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
