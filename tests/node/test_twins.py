"""Twins: two daemons that run on copies of one identity, over real TLS.

Mallory's copy is started first and takes the links with those that mallory dials; carol, who
dials mallory, finds the original. So each of the two is heard by somebody.
"""

import shutil
from pathlib import Path

import msgspec
import pytest

from node import config, config_text
from node.cli import exits
from node.cli.checks import Check, Level, examine
from node.clock import SystemClock
from node.config import CONFIG_FILE
from node.twin import EVENT
from node.wire.limits import Limits
from node.wire.link import Traffic
from tests.harness.command import Command
from tests.harness.daemons import Grove
from tests.harness.federations import free_address

HONEST = ("alice", "bob", "carol")
DIALLED = ("alice", "bob")
"""Those whose keys are larger than mallory's."""
NAMES = (*HONEST, "mallory")
SLOW_MS = 700
"""How long the honest models take: digests have told everybody of both commits by then."""
TASKS = 3
MODELS = {
    name: {"line": {"answer": answer}, "delay_ms": SLOW_MS if name in HONEST else 0}
    for name, answer in zip(NAMES, "abca", strict=True)
}


def copy(grove: Grove) -> None:
    """Copy all that mallory's directory holds, for a daemon at another address."""
    home = grove.home / "twin"
    shutil.copytree(grove.home / "mallory", home)
    written = config.load(home)
    moved = msgspec.structs.replace(written, listen=free_address(), identity=home)
    (home / CONFIG_FILE).write_text(config_text.render(moved))
    grove.people["twin"] = grove.people["mallory"]


async def both(grove: Grove) -> None:
    """Start the copy, then the original, and wait until each has its links."""
    await grove.start("twin")
    twin = grove.nodes["twin"]
    await twin.until(lambda: set(grove.keys(*DIALLED)) <= twin.mesh.up)
    await grove.start("mallory")
    mallory = grove.nodes["mallory"]
    await mallory.until(lambda: grove.key("carol") in mallory.mesh.up)
    for name in HONEST:
        node = grove.nodes[name]
        await node.until(lambda: grove.key("mallory") in node.mesh.up)  # noqa: B023


def traffic(grove: Grove, name: str) -> Traffic:
    """What went over the links of an honest member with mallory, whichever of the two it is."""
    peers = grove.nodes[name].mesh.status()
    (found,) = (peer.traffic for peer in peers if peer.member.name == "mallory")
    return found


async def decided(grove: Grove, by: str) -> None:
    """The honest members come to one verdict of one more task."""
    opened = grove.open(by, grove.ask(*NAMES, draft_ms=5_000, judge_ms=5_000))
    ends = [await grove.last(name, opened) for name in HONEST]
    assert [event.kind for event in ends] == ["verdict"] * 3
    assert len({event.detail["verdict"] for event in ends}) == 1


async def doctor(grove: Grove, name: str) -> dict[str, Check]:
    """What `quorate doctor` finds in a node's directory."""
    found = examine(config.load(grove.home / name), SystemClock(), Limits())
    return {check.name: check async for check in found}


@pytest.mark.parametrize("copied", [False, True], ids=["own store", "copied store"])
async def test_twins_are_convicted_starve_nobody_and_hear_of_each_other(
    tmp_path: Path, quorate: Command, copied: bool
) -> None:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        grove.expected.add(EVENT)
        if copied:
            await grove.start(*NAMES)
            await grove.linked()
            await grove.decide(*NAMES)
            await grove.stop("mallory")
        copy(grove)
        await grove.start(*(name for name in HONEST if name not in grove.nodes))
        await grove.linked(*HONEST)
        await both(grove)
        links = {name: traffic(grove, name).links for name in HONEST}
        for _ in range(TASKS):
            await decided(grove, "alice")
        assert {name: traffic(grove, name).links for name in HONEST} == links

        caught = {line["member"] for line in grove.logged("equivocation")}
        assert caught == {"mallory"}
        for path in (path for name in HONEST for path in grove.nodes[name].evidence()):
            checked = quorate("verify", path, "--federation", grove.federation_path)
            assert checked.code == exits.OK, checked.err
        for name in ("mallory", "twin"):
            node = grove.nodes[name]
            await node.until(lambda: node.runner.twin.seen)  # noqa: B023
            found = await doctor(grove, name)
            assert found["key"].level is Level.FAIL
            assert found["key"].text.startswith(EVENT)
        assert grove.logged(EVENT)


async def test_link_of_one_key_stays_with_whoever_has_it_and_the_other_is_told(
    tmp_path: Path,
) -> None:
    async with Grove(tmp_path, *NAMES, models=MODELS) as grove:
        copy(grove)
        await grove.start(*HONEST)
        await grove.linked(*HONEST)
        await both(grove)
        mallory, twin = grove.nodes["mallory"], grove.nodes["twin"]
        while not all(traffic(grove, name).second_calls for name in DIALLED):
            await mallory.until_news()
        assert mallory.mesh.up == {grove.key("carol")}
        assert twin.mesh.up == set(grove.keys(*DIALLED))
        for name in HONEST:
            node = grove.nodes[name]
            assert grove.key("mallory") in node.mesh.up
            (told,) = (peer for peer in node.status()["peers"] if peer["name"] == "mallory")
            assert told["up"] and told["last_end"] is None
        found = await doctor(grove, "mallory")
        assert "does a second daemon run on your identity?" in found["member alice"].text
        assert "stop the other process" in found["member alice"].todo
        assert "calls with its key" in (await doctor(grove, "alice"))["member mallory"].text

        await grove.stop("mallory")
        found = await doctor(grove, "mallory")
        for name in DIALLED:
            assert found[f"member {name}"].level is Level.FAIL
            assert "another process that has this key" in found[f"member {name}"].text
