"""Any one of four members dies at any stage: the others decide, and it catches up."""

import asyncio
from collections.abc import Callable

import pytest

from node.wire.watch import Event
from tests.harness.real_nodes import RealNode, RealSwarm

NAMES = ("alice", "bob", "carol", "dave")
SLOWEST = "dave"

Seen = Callable[[Event, bytes, bytes], bool]
"""Whether an event, seen by a survivor, is when to kill: given the victim's and dave's keys."""


def step(kind: str) -> Seen:
    """The victim did this."""
    return lambda event, victim, _: event.kind == kind and event.detail["member"] == victim.hex()


def last(kind: str) -> Seen:
    """The slowest did this, so everybody has: the vote begins."""
    return lambda event, _, slowest: event.kind == kind and event.detail["member"] == slowest.hex()


def decided(point: str) -> Seen:
    """The point is decided."""
    return lambda event, *_: event.kind == "decided" and event.detail["point"] == point


STAGES = {
    "the task is opened": lambda event, *_: event.kind == "open",
    "it drafts": step("accepted"),
    "it has committed": step("committed"),
    "the slate is voted on": last("committed"),
    "proposals are exchanged": decided("slate"),
    "it judges": lambda event, *_: event.kind == "proposed",
    "it has sealed its ballot": step("judged"),
    "the freeze is voted on": last("judged"),
    "ballots are opened": decided("freeze"),
    "it has opened its ballot": step("opened"),
    "the outcome is voted on": last("opened"),
    "the outcome is decided": decided("outcome"),
}


async def seen_by(survivor: RealNode, opened: Event, when: Seen, *keys: bytes) -> None:
    async for event in survivor.events(opened):
        if when(event, *keys):
            return
    raise AssertionError("the task was over before the stage came")


@pytest.mark.parametrize("whose", ["its opener", "another member"])
@pytest.mark.parametrize("stage", STAGES)
async def test_a_member_killed_while(orchard: RealSwarm, stage: str, whose: str) -> None:
    """Three decide one verdict; the killed one, restarted, comes to hold it too."""
    place = list(STAGES).index(stage)  # each of the four has its turns
    opener = orchard[NAMES[place % 4]]
    victim = opener if whose == "its opener" else orchard[NAMES[(place + 1) % 4]]
    survivors = orchard.but(victim.name)
    opened = await opener.ask(f"{stage}, {whose}", orchard.nodes.values(), rounds=1)
    keys = victim.me.public, orchard[SLOWEST].me.public
    await seen_by(survivors[0], opened, STAGES[stage], *keys)
    victim.kill()
    verdicts = await asyncio.gather(*(node.decided(opened) for node in survivors))
    victim.start()
    victim.ready()
    verdicts.append(await victim.decided(opened))
    assert len({event.detail["verdict"] for event in verdicts}) == 1
    assert verdicts[0].detail["answer"] in ("a", "b")
