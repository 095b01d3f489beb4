"""Work that a peer's word makes: bounded for each member, and a failure is nobody else's (T3)."""

import asyncio
from functools import partial

from node.errands import Errands
from tests.harness.cast import ALICE, MALLORY
from tests.harness.loglines import captured

GOOD, BAD = ALICE.public, MALLORY.public


class Desk:
    """Errands that end when the test says so."""

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self.errands = Errands("lookup", at_once=at_once, waiting=waiting)
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def run(self, member: bytes, name: str) -> None:
        self.gates[name] = asyncio.Event()
        self.errands.run(member, partial(self._work, name))

    async def _work(self, name: str) -> None:
        self.begun.append(name)
        await self.gates[name].wait()

    async def end(self, name: str) -> None:
        self.gates[name].set()
        await turns()


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_member_has_so_many_under_way_and_the_rest_wait_in_order() -> None:
    desk = Desk(at_once=2, waiting=2)
    for name in ("one", "two", "three", "four"):
        desk.run(BAD, name)
    desk.run(GOOD, "other")
    await turns()
    assert desk.begun == ["one", "two", "other"]
    assert len(desk.errands) == 5
    await desk.end("two")
    await desk.end("one")
    assert desk.begun == ["one", "two", "other", "three", "four"]
    for name in ("three", "four", "other"):
        await desk.end(name)
    assert len(desk.errands) == 0
    assert desk.errands.dropped == 0


async def test_one_past_the_queue_is_dropped_and_counted() -> None:
    desk = Desk(at_once=1, waiting=1)
    for name in ("one", "two", "three"):
        desk.run(BAD, name)
    await turns()
    assert len(desk.errands) == 2
    assert desk.errands.dropped == 1
    desk.errands.cancel()
    await turns()
    assert len(desk.errands) == 0


async def test_an_errand_that_fails_is_a_line_in_the_log_and_the_next_one_begins() -> None:
    errands = Errands("lookup", at_once=1, waiting=1)
    done: list[str] = []

    async def fail() -> None:
        raise LookupError("no such row")

    async def work() -> None:
        done.append("work")

    with captured() as lines:
        errands.run(BAD, fail)
        errands.run(BAD, work)
        await turns()
    (line,) = lines
    assert (line["event"], line["what"]) == ("errand failed", "lookup")
    assert line["reason"] == "LookupError: no such row"
    assert done == ["work"]


async def test_what_is_cancelled_begins_nothing_more() -> None:
    desk = Desk(at_once=1, waiting=2)
    for name in ("one", "two"):
        desk.run(BAD, name)
    await turns()
    desk.errands.cancel()
    await turns()
    assert desk.begun == ["one"]
    assert len(desk.errands) == 0
