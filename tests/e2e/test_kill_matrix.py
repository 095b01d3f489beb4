"""Any member dies at any of its durable writes, while the others cannot do without it.

Four members tolerate one fault, and it is spent beforehand: a second member is down for the
whole task. So the victim's part is needed, and when it comes back it has its disk and nothing
else: it says again what it said, opens what it committed to, and nobody is convicted.
"""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from consensus.envelope import Kind
from consensus.verdict import Bundle
from node.config import control_socket
from node.store import rows
from node.wire.control import ControlClient, ControlError
from node.wire.watch import Event
from tests.harness.mortal import Moment, arm, disarm
from tests.harness.real_nodes import MORTAL, WAIT_S, NodeError, RealNode, RealSwarm

NAMES = ("alice", "bob", "carol", "dave")
MODELS = {name: {"line": {"answer": "ab"[at % 2]}} for at, name in enumerate(NAMES)}
QUICK = {"rounds": 1, "accept_ms": 2_000, "exchange_ms": 20_000}
"""The absent member can spoil one path of the mix and the victim the other: it must be back before
the exchange ends, on a busy machine too."""

WHOLE = os.environ.get("KILL_MATRIX") == "whole"
"""Whether to try every write; else one in `STEP`, another one for each victim and moment."""
STEP = 6
LEAST = 9
"""Fewest commits that taking part in a round takes: what is signed at one time is stored
together, but each of the points and what leads to it wants a commit of its own."""


@pytest.fixture(scope="module")
def mortals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSwarm]:
    with RealSwarm(tmp_path_factory.mktemp("mortals"), MODELS, MORTAL) as swarm:
        yield swarm


@dataclass(kw_only=True)
class Cell:
    """One death: `victim` dies at its `write`-th commit of a task, on one side of it."""

    swarm: RealSwarm
    victim: RealNode
    others: list[RealNode]
    write: int
    moment: Moment
    opened: Event | None = None
    before: dict[object, bytes] = field(default_factory=dict)

    async def play(self) -> bool:
        """Have it happen, and check what came of it; False if there is no such write."""
        asker = [self.victim, *self.others][self.write % 3]
        arm(self.victim.home, self.write, self.moment)
        with suppress(ControlError, NodeError):  # the asker can be the one that dies
            self.opened = await self._ask(asker)
        if self.opened is not None and not await self._died(self.opened):
            return False
        self.before = self._slots()
        self.victim.start()
        self.victim.ready()
        if self.opened is None:  # no client knows of it: it asks somebody else
            self.opened = await self._ask(self.others[0])
        there = [self.victim, *self.others]
        ends = await asyncio.gather(*(node.decided(self.opened) for node in there))
        assert len({event.detail["verdict"] for event in ends}) == 1
        await self._check(ends[0].detail["figures"])
        return True

    async def _ask(self, asker: RealNode) -> Event:
        text = f"{self.victim.name}, {self.write}, {self.moment}"
        return await asker.ask(text, self.swarm.nodes.values(), **QUICK)

    async def _died(self, opened: Event) -> bool:
        """Wait until the victim is dead, or has done all that it does in the task."""

        async def over() -> None:
            ends = [node.decided(opened) for node in (self.victim, *self.others)]
            await asyncio.gather(*ends)

        serving = self.victim.serving
        dying, ending = asyncio.create_task(serving.died()), asyncio.create_task(over())
        await asyncio.wait((dying, ending), return_when=asyncio.FIRST_COMPLETED)
        lives = ending.done() and not ending.exception() and disarm(self.victim.home)
        (dying if lives else ending).cancel()
        await asyncio.gather(ending, return_exceptions=True)
        if lives:
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(dying, WAIT_S)
        assert serving.process.poll() == -9, "neither dead nor done"
        self.victim.serving.end()
        return True

    def _slots(self) -> dict[object, bytes]:
        """What the victim's disk holds of what it signed in the task: slot to message id."""
        path = f"file:{self.victim.config.store}?mode=ro"
        connection = sqlite3.connect(path, uri=True)
        try:
            found = connection.execute(rows.SLOTS + " ORDER BY seq").fetchall()
        finally:
            connection.close()
        task = self.opened.task if self.opened else b""
        slots = [rows.to_slot(row) for row in found]
        return {slot.key: slot.envelope.id for slot in slots if slot.task == task}

    async def _check(self, figures: dict[str, object]) -> None:
        assert self.opened is not None
        names = [node.name for node in (self.victim, *self.others)]
        at = sorted(node.me.public for node in self.swarm.nodes.values()).index
        there = sorted(at(self.swarm[name].me.public) for name in names)
        assert figures["ballots"] == there  # all three opened, the victim among them
        authors = set(figures["authors"])  # type: ignore[call-overload]
        assert authors <= set(there)  # a proposal that was on the way may miss the exchange
        assert authors >= {at(node.me.public) for node in self.others}
        (absent,) = set(range(4)) - set(there)
        assert figures["strikes"] == [[absent, "no_show"]]

        after = self._slots()
        assert self.before.items() <= after.items()
        async with ControlClient(control_socket(self.others[0].config)) as client:
            bundle = Bundle.decode(await client.verdict(self.opened.task.hex()))
        said = [
            envelope
            for part in bundle.rounds
            for envelope in part.envelopes()
            if envelope.signer == self.victim.me.public
        ]
        assert {Kind(envelope.kind) for envelope in said} >= {Kind.COMMIT, Kind.SEAL, Kind.OPENING}
        assert {envelope.id for envelope in said} <= set(after.values())
        for node in (self.victim, *self.others):
            shelf = node.config.store.parent / "evidence"
            assert not shelf.exists() or not list(shelf.iterdir())


def _three(swarm: RealSwarm, victim: RealNode) -> list[RealNode]:
    """See to it that the victim and two others are up and linked, and the fourth is down."""
    at = NAMES.index(victim.name)
    absent = swarm[NAMES[(at + 2) % 4]]
    others = swarm.but(victim.name, absent.name)
    if absent.running:
        absent.kill()
    for node in (victim, *others):
        disarm(node.home)
        if not node.running:
            node.start()
    for node in (victim, *others):
        node.ready()
    for node in (victim, *others):
        node.linked({one.name for one in (victim, *others)} - {node.name})
    return others


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("name", NAMES)
async def test_a_member_killed_at_a_write_resumes_with_the_bytes_it_had(
    mortals: RealSwarm, name: str, moment: Moment
) -> None:
    victim = mortals[name]
    first = 1 + (2 * NAMES.index(name) + list(Moment).index(moment)) % STEP
    write, step = (1, 1) if WHOLE else (first, STEP)
    deaths = 0
    while True:
        others = _three(mortals, victim)
        cell = Cell(swarm=mortals, victim=victim, others=others, write=write, moment=moment)
        if not await cell.play():
            break
        write, deaths = write + step, deaths + 1
    sys.stdout.write(f"{name} died {deaths} times, {moment}\n")
    assert write > LEAST, f"only {write - 1} commits in a whole round"
