"""Five nodes with language models, each a process of its own, on a loopback provider."""

import sys
from pathlib import Path

from tests.harness.llm_server import SHAPES, LlmServer
from tests.harness.real_nodes import RealSwarm

ANSWERS = {"alice": "a", "bob": "a", "carol": "a", "dave": "b", "erin": "b"}


async def test_five_language_models_decide_and_one_whose_provider_fails_degrades_the_verdict(
    tmp_path: Path,
) -> None:
    with LlmServer(ANSWERS) as server:
        models = {
            name: {"retries": 0, "deployments": [server.deployment(SHAPES[place % 4], who=name)]}
            for place, name in enumerate(ANSWERS)
        }
        with RealSwarm(tmp_path, models, backend="litellm") as swarm:
            swarm.all_up()
            members = swarm.nodes.values()
            opened = await swarm["alice"].ask("Which one is it?", members, rounds=1)
            well = (await swarm["bob"].decided(opened)).detail
            server.force["erin"] = "busy"
            opened = await swarm["alice"].ask("And which one now?", members, rounds=1)
            ill = (await swarm["bob"].decided(opened)).detail
            sys.stdout.write(swarm.last_words())
    assert well["answer"] == ill["answer"] == "a"
    assert well["status"] == "decided"
    assert {path.split("/")[1] for path, _, _ in server.requests} == set(SHAPES)
    assert "degraded" not in dict(well["warnings"])
    degraded = dict(ill["warnings"])["degraded"]
    assert "openai toy-1: server error 503" in degraded
    assert "secret" not in str(ill)
