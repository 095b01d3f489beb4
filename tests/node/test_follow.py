"""Following a task to its end while members go away (node/follow.py), over real TLS."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from consensus.bodies import AnswerKind, AnswerSpec, Budget, Content
from consensus.envelope import Kind
from node import config_text, federation_file, follow
from node.config import CONFIG_FILE, Config, load
from node.follow import MOVED, FollowError
from node.wire.control import Ask, ControlServer, ControlUnreachable
from node.wire.limits import Limits
from node.wire.visits import CALL, RATE
from node.wire.watch import Event, WatchRequest
from tests.harness import cast
from tests.harness.meshes import Orchard, ShiftedClock

OPEN = cast.signed(cast.ALICE, Kind.TASK_OPEN, cast.ctx(cast.committee()), b"made up")
REQUEST = WatchRequest(task=OPEN.id, open=OPEN)
ASK = Ask(
    messages=(Content(text="Which?"),),
    answer=AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b")),
    domain="",
    members=(),
    policy={},
    mode="",
    not_after_s=60,
    budget=Budget(),
)


def told(kind: str, **detail: Any) -> Event:
    return Event(task=OPEN.id, round=1, kind=kind, detail=detail)


class RunOut(ShiftedClock):
    """A clock by which no time is left once it was read `readings` times."""

    def __init__(self, readings: int) -> None:
        super().__init__()
        self.readings = readings

    def monotonic_ns(self) -> int:
        self.readings -= 1
        return 0 if self.readings >= 0 else 3_600_000_000_000


async def collect(
    grove: Orchard, *names: str, clock: ShiftedClock | None = None, until_ms: int = 60_000
) -> list[tuple[str, str]]:
    """What alice is told by these members: kinds of events, and whom she moved to."""
    events = follow.elsewhere(
        grove.people["alice"],
        grove.federation,
        REQUEST,
        [grove.key(name) for name in names],
        reason="alice went away",
        until_ms=until_ms,
        clock=clock or RunOut(1_000_000),
        limits=Limits(),
    )
    return [(event.kind, event.detail.get("member", "")) async for event in events]


async def test_the_next_member_is_followed_to_the_last_event(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as grove:
        await grove.start("bob")
        grove.heard["bob"].events = [told("open"), told("verdict")]
        found = await collect(grove, "bob")
        assert found == [(MOVED, "bob"), ("open", ""), ("verdict", "")]
        assert grove.heard["bob"].watches == [(grove.key("alice"), REQUEST)]


async def test_a_dead_member_is_passed_over(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob", "carol") as grove:
        await grove.start("carol")
        grove.heard["carol"].events = [told("verdict")]
        found = await collect(grove, "bob", "carol")
        assert found == [(MOVED, "bob"), (MOVED, "carol"), ("verdict", "")]


async def test_a_member_that_does_not_know_the_task_is_passed_over(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob", "carol") as grove:
        await grove.start("bob", "carol")
        grove.heard["bob"].events = [told("unknown", reason="not here")]
        grove.heard["carol"].events = [told("verdict")]
        found = await collect(grove, "bob", "carol")
        assert found == [(MOVED, "bob"), (MOVED, "carol"), ("verdict", "")]


async def test_a_member_that_ends_the_watch_early_is_followed_by_the_next(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob", "carol") as grove:
        await grove.start("bob", "carol")
        grove.heard["bob"].events = [told("open"), told("committed")]
        grove.heard["carol"].events = [told("open"), told("committed"), told("verdict")]
        found = await collect(grove, "bob", "carol")
        assert [kind for kind, _ in found].count("committed") == 2
        assert found[-1] == ("verdict", "")


async def test_members_are_asked_again_until_the_time_is_up(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as grove:
        await grove.start("bob")
        grove.heard["bob"].events = [told("unknown", reason="not here")]
        with pytest.raises(FollowError, match="the last one said: bob: not here"):
            await collect(grove, "bob", clock=RunOut(1))
        assert len(grove.heard["bob"].watches) == 2


def test_all_that_may_follow_at_once_call_less_often_than_a_member_may() -> None:
    first = list(islice(follow.pauses(), 6))
    assert first == [0.5, 1, 2, 4, 4, 4]
    assert Limits().watches * CALL / first[-1] < RATE


class Console:
    """A node beside the command line that tells `events`, and then goes away."""

    def __init__(self, *events: Event) -> None:
        self.events = events
        self.asked: list[Ask] = []
        self.gone = asyncio.Event()

    async def ask(self, asked: Ask) -> AsyncIterator[Event]:
        self.asked.append(asked)
        for event in self.events:
            yield event
        self.gone.set()
        await asyncio.Event().wait()


async def node_of(grove: Orchard, home: Path, console: Any) -> tuple[Config, Path, ControlServer]:
    """Alice's directory, and a control socket at which `console` answers."""
    federation_file.save(home / "federation.toml", grove.federation)
    text = config_text.render(config_text.EXAMPLE).encode()
    (home / CONFIG_FILE).write_bytes(text)
    config = load(home)
    (config.identity).symlink_to(grove.people["alice"].directory)
    socket = home / "control.sock"
    return config, socket, await ControlServer.open(socket, console)


async def test_whoever_asked_goes_on_with_another_member(tmp_path: Path) -> None:
    async with Orchard(tmp_path, "alice", "bob") as grove:
        await grove.start("bob")
        members = [key.hex() for key in (grove.key("alice"), grove.key("bob"))]
        first = Event(task=OPEN.id, round=0, kind="open", detail={"members": members}, open=OPEN)
        console = Console(first, told("committed"))
        config, socket, server = await node_of(grove, tmp_path, console)
        grove.heard["bob"].events = [first, told("committed"), told("verdict")]

        async def die() -> None:
            await console.gone.wait()
            await server.stop(0)

        dying = asyncio.create_task(die())
        events = follow.ask(config, socket, ASK, clock=ShiftedClock(), limits=Limits())
        found = [event.kind async for event in events]
        await dying
        assert found == ["open", "committed", MOVED, "open", "committed", "verdict"]
        assert grove.heard["bob"].watches == [(grove.key("alice"), REQUEST)]


async def test_a_node_that_dies_before_it_opened_the_task_leaves_nothing_to_follow(
    tmp_path: Path,
) -> None:
    async with Orchard(tmp_path, "alice", "bob") as grove:
        console = Console()
        config, socket, server = await node_of(grove, tmp_path, console)

        async def die() -> None:
            await console.gone.wait()
            await server.stop(0)

        dying = asyncio.create_task(die())
        with pytest.raises(ControlUnreachable):
            async for _ in follow.ask(config, socket, ASK, clock=ShiftedClock(), limits=Limits()):
                pass
        await dying
