"""Daemons of the cast in one process, over real TLS on loopback, each with its own store.

What no peer may cause is remembered: an exception that nobody caught, a line of a fault in a
log. `Grove.sound` says so, and a test calls it last.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from consensus.agreement.instance import point_seed, proposer_order
from consensus.bodies import AnswerKind, AnswerSpec, Budget, Content
from consensus.envelope import ZERO, Envelope, Kind, Stage
from node import config, config_text, federation_file
from node.clock import Clock, SystemClock
from node.config import CONFIG_FILE, Config, LimitsConfig, LogConfig, ModelConfig
from node.daemon import Daemon
from node.federation import Federation, Floors
from node.identity import Identity
from node.wire.control import Ask
from node.wire.frames import Frame, Hello, LinkRefusal
from node.wire.limits import Limits
from node.wire.watch import Event, WatchRequest

from .cast import ctx, signed
from .federations import FAMILIES, entry, federation, free_address, person
from .loglines import captured
from .meshes import PATIENCE_S
from .rogue import Rogue

OPTIONS = ("a", "b", "c")
QUICK = {
    "rounds": 1,
    "accept_ms": 500,
    "draft_ms": 500,
    "exchange_ms": 500,
    "judge_ms": 500,
    "open_ms": 500,
    "propose_ms": 500,
    "propose_step_ms": 500,
    "vote_ms": 500,
}
"""A policy whose deadlines a test can wait for: mallory's link is up, and mallory silent."""

NEARBY = Limits(backoff_ms=100)


Bend = Callable[[bytes, Envelope], Iterable[Envelope]]
"""What a bent daemon sends to a member in place of an envelope."""


class Turned(SystemClock):
    """The host's clocks, both of them turned on by what a test says."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self.ahead_ms * 1_000_000

    def wall_ms(self) -> int:
        return super().wall_ms() + self.ahead_ms


class Node(Daemon):
    """A daemon; a test waits for what its links bring it, and may bend what it sends."""

    bend: Bend | None = None

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._news = asyncio.Event()
        plain = self.mesh.send

        def send(member: bytes, frame: Frame) -> None:
            if self.bend is not None:
                said = [one for given in frame.envelopes for one in self.bend(member, given)]
                frame = replace(frame, envelopes=tuple(said))
            plain(member, frame)

        self.mesh.send = send  # type: ignore[method-assign]
        self._turning = False
        turn_once = self.runner._turn

        async def turn() -> None:
            self._turning = True
            try:
                await turn_once()
            finally:
                self._turning = False
                self._news.set()

        self.runner._turn = turn  # type: ignore[method-assign]

    def link_up(self, member: bytes, hello: Hello) -> None:
        super().link_up(member, hello)
        self._news.set()

    def link_down(self, member: bytes, reason: LinkRefusal) -> None:
        super().link_down(member, reason)
        self._news.set()

    def frame(self, member: bytes, frame: Frame) -> float:
        cost = super().frame(member, frame)
        self._news.set()
        return cost

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds, looking whenever a link brought something."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_news(self) -> None:
        """Wait until a link brings something, or a turn of the queue is over."""
        self._news.clear()
        await self._news.wait()

    async def settled(self) -> None:
        """Wait until all that came in is handled, stored and answered."""
        runner = self.runner
        await self.until(lambda: not (self._turning or runner._queue or runner._wake.is_set()))

    def sizes(self) -> dict[str, int]:
        """How much is held of whatever a peer could make grow, by name."""
        runner, sync = self.runner, self.runner.sync
        return {
            "live": len(runner.live),
            "known": len(runner.archive._known),
            "kept": len(runner.archive._kept),
            "queue": len(runner._queue),
            "out": sum(map(len, runner._out.values())),
            "rates": len(sync._last),
            "declined": len(sync._declined),
            "missed": len(sync.missed),
            "errands": len(sync.lookups) + len(sync.fetches),
            "openings": len(runner.intake._openings),
            "refusals": len(runner.gate.refusals),
            "calls": len(self.mesh._accepted),
            "evidence": len(self.evidence()),
        }

    def evidence(self) -> list[Path]:
        """The evidence files that this node has written."""
        shelf = self.config.store.parent / "evidence"
        return sorted(shelf.iterdir()) if shelf.exists() else []


class Grove:
    """A federation of the cast whose daemons a test starts and stops. Use `async with`.

    `rogues` have an identity and an address like all others, and no daemon.
    """

    def __init__(
        self,
        home: Path,
        *names: str,
        rogues: Iterable[str] = (),
        models: Mapping[str, Mapping[str, Any]] | None = None,
        limits: LimitsConfig = LimitsConfig(stop_s=1),  # noqa: B008
        floors: Floors | None = None,
        backend: str = "scripted",
    ) -> None:
        self.home = home
        everybody = (*names, *rogues)
        self.people: dict[str, Identity] = {name: person(home, name) for name in everybody}
        members = [entry(one, address=free_address()) for one in self.people.values()]
        self.federation: Federation = federation(*members, floors=floors)
        self.nodes: dict[str, Node] = {}
        self.faults: list[str] = []
        self.expected: set[str] = set()
        """Serious log lines that a test means to cause."""
        self._rogues: list[Rogue] = []
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._stack = ExitStack()
        self.federation_path = home / "federation.toml"
        federation_file.save(self.federation_path, self.federation)
        for name in names:
            options = dict((models or {}).get(name, {"line": {"answer": "a"}}))
            written = Config(
                name=name,
                listen=self.federation.find(name).address,
                federation=self.federation_path,
                identity=home / name,
                model=ModelConfig(backend=backend, options={"family": FAMILIES[name], **options}),
                log=LogConfig(),
                limits=limits,
            )
            (home / name / CONFIG_FILE).write_text(config_text.render(written))

    async def __aenter__(self) -> Self:
        self.lines = self._stack.enter_context(captured())
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._escaped)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(self.stop(name) for name in tuple(self.nodes)))
        await asyncio.gather(*(rogue.stop() for rogue in self._rogues))
        self._stack.close()
        if error is None:
            self.sound()

    def key(self, name: str) -> bytes:
        """The public key of a member."""
        return self.people[name].public

    def keys(self, *names: str) -> tuple[bytes, ...]:
        """The public keys of some members."""
        return tuple(map(self.key, names))

    async def start(self, *names: str, clock: Clock | None = None) -> None:
        """Start the daemons of these members, and wait until they serve."""
        await asyncio.gather(*(self._start(name, clock) for name in names))

    async def _start(self, name: str, clock: Clock | None) -> None:
        node = await Node.open(config.load(self.home / name), clock=clock, limits=NEARBY)
        assert isinstance(node, Node)
        ready = asyncio.Event()
        serving = asyncio.create_task(node.serve(ready))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if serving.done():
            serving.result()
        self.nodes[name], self._serving[name] = node, serving

    async def stop(self, name: str) -> None:
        """Stop a daemon in good order; it may be started again."""
        self.nodes.pop(name).stop()
        await self._serving.pop(name)

    async def ended(self, name: str) -> None:
        """Wait until a daemon has ended by itself. Raises what ended it."""
        del self.nodes[name]
        async with asyncio.timeout(PATIENCE_S):
            await self._serving.pop(name)

    async def linked(self, *names: str) -> None:
        """Wait until these daemons, all running ones by default, have links with each other."""
        chosen = names or tuple(self.nodes)
        for name in chosen:
            others = {self.key(other) for other in chosen if other != name}
            await self.nodes[name].until(lambda: others <= self.nodes[name].mesh.up)  # noqa: B023

    async def rogue(self, name: str = "mallory", *, clock: Clock | None = None) -> Rogue:
        """Mallory, linked with every running daemon."""
        rogue = Rogue(self.people[name], self.federation, clock or SystemClock())
        self._rogues.append(rogue)
        await rogue.start()
        await rogue.linked(*(node._me.public for node in self.nodes.values()))
        for node in self.nodes.values():
            await node.until(lambda: rogue.public in node.mesh.up)  # noqa: B023
        return rogue

    async def hear_out(self, rogue: Rogue, name: str) -> None:
        """Wait until `name` has handled all that `rogue` sent, and `rogue` heard the answers."""
        await rogue.through(self.key(name))
        await self.nodes[name].settled()
        await rogue.through(self.key(name))

    def ask(self, *members: str, text: str = "?", not_after_s: int = 120, **policy: Any) -> Ask:
        """A question to these members."""
        return Ask(
            messages=(Content(text=text),),
            answer=AnswerSpec(kind=AnswerKind.CHOICE, options=OPTIONS),
            domain="",
            members=self.keys(*members),
            policy={**QUICK, **policy},
            mode="",
            not_after_s=not_after_s,
            budget=Budget(),
        )

    def open(self, name: str, asked: Ask, *, first: str = "") -> Envelope:
        """Have a task opened by `name`; it goes on by itself. Its TaskOpen.

        With `first`, that member is the first to propose a slate.
        """
        node = self.nodes[name]
        while True:
            spec = node.spec(asked)
            signing = self.people[name].signing
            opened = signed(signing, Kind.TASK_OPEN, ctx(spec.committee), spec)
            seed = point_seed(opened.id, 1, Stage.SLATE, ZERO)
            if not first or proposer_order(spec.committee, seed)[0] == self.key(first):
                return node.runner.entrance.ask(spec).row.opening

    async def followed(self, name: str, opened: Envelope) -> list[Event]:
        """What `name` tells of a task, to its last event."""
        async with asyncio.timeout(PATIENCE_S):
            watching = self.nodes[name].watch(WatchRequest(task=opened.id, open=opened))
            return [event async for event in watching]

    async def last(self, name: str, opened: Envelope) -> Event:
        """The last event of a task at `name`."""
        return (await self.followed(name, opened))[-1]

    async def decide(self, *members: str, by: str = "", **changes: Any) -> Envelope:
        """One honest question, decided by all of its running members alike; its TaskOpen."""
        running = [name for name in members if name in self.nodes]
        opened = self.open(by or running[0], self.ask(*members, **changes))
        ends = await asyncio.gather(*(self.last(name, opened) for name in running))
        assert [event.kind for event in ends] == ["verdict"] * len(ends), ends
        assert len({event.detail["verdict"] for event in ends}) == 1
        return opened

    def logged(self, event: str) -> list[Mapping[str, Any]]:
        """The log lines of all daemons about `event`."""
        return [line for line in self.lines if line["event"] == event]

    def _escaped(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """An exception that nobody caught. All loops of a process share grpc's queue: what was
        meant for a loop of an earlier test, closed by now, is handed out on this one."""
        late = "PollerCompletionQueue._handle_events" in context["message"]
        if not late or str(context.get("exception")) != "Event loop is closed":
            self.faults.append(repr(context))

    def sound(self) -> None:
        """Nothing escaped: no exception uncaught, no fault in a log."""
        assert not self.faults, self.faults
        serious = [line for line in self.lines if line["log_level"] in ("error", "critical")]
        assert not [line for line in serious if line["event"] not in self.expected], serious
