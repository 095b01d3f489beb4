"""Real nodes: `quorate serve` in processes of their own, on loopback, with scripted models.

A node is waited for by what it says: the line that it is ready, and its log's lines about
links. Nothing here sleeps, and every wait has an end.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from consensus.bodies import AnswerKind, AnswerSpec, Budget, Content
from consensus.committee import FaultMode
from node import config, config_text, federation_file, files, identity
from node.config import CONFIG_FILE, Config, ModelConfig
from node.entropy import SystemEntropy
from node.federation import Federation, Floors
from node.identity import Identity
from node.wire.control import Ask, ControlClient
from node.wire.watch import Event, WatchRequest

from .command import Ran
from .federations import entry, federation, free_address

ROOT: Final = Path(__file__).parents[2]
QUORATE: Final = (sys.executable, "-m", "node.cli.main")
MORTAL: Final = (sys.executable, "-m", "tests.harness.mortal")

WAIT_S: Final = 180.0
"""Seconds after which a wait is given up: far more than anything here takes."""


class NodeError(AssertionError):
    """A node did not do what was waited for. The text ends with what it said last."""


def quorate(*arguments: object) -> Ran:
    """Run one command line in a fresh process, to its end."""
    done = subprocess.run(
        [*QUORATE, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    return Ran(code=done.returncode, out=done.stdout, err=done.stderr)


def told(ran: Ran) -> Any:
    """What a command that has to succeed told programs."""
    if ran.code:
        raise NodeError(f"exit code {ran.code}; it said:\n{ran.err}")
    return ran.data


class Command:
    """A command that runs while the test goes on; `until` waits for what it says."""

    def __init__(self, *arguments: object, program: tuple[str, ...] = QUORATE) -> None:
        self.process = subprocess.Popen(
            [*program, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._news = threading.Condition()
        self._open = 2
        self._readers = [
            threading.Thread(target=self._read, args=(source, lines), daemon=True)
            for source, lines in (
                (self.process.stdout, self.out),
                (self.process.stderr, self.err),
            )
        ]
        for reader in self._readers:
            reader.start()

    def until(self, found: Callable[[], bool]) -> None:
        """Wait until `found` holds, asked again with each line. Raises `NodeError`."""
        with self._news:
            self._news.wait_for(lambda: found() or not self._open, timeout=WAIT_S)
            if not found():
                last = "\n".join([*self.out[-5:], *self.err[-20:]])
                raise NodeError(f"process {self.process.pid} never said it; it said:\n{last}")

    def end(self) -> Ran:
        """Wait for the process to end by itself."""
        code = self.process.wait(WAIT_S)
        for reader in self._readers:
            reader.join(WAIT_S)
        return Ran(code=code, out="\n".join(self.out), err="\n".join(self.err))

    async def died(self) -> None:
        """Wait for the process to be gone; unlike a thread that waits, this can be called off."""
        gone, loop = asyncio.Event(), asyncio.get_running_loop()
        process = os.pidfd_open(self.process.pid)
        loop.add_reader(process, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(process)
            os.close(process)

    def kill(self) -> None:
        """SIGKILL, frozen or not, and wait for the process to be gone."""
        self.process.kill()
        self.end()

    def _read(self, source: IO[str], lines: list[str]) -> None:
        with source:
            for line in source:
                with self._news:
                    lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._open -= 1
            self._news.notify_all()


class RealNode:
    """One node: its directory, and its process while there is one."""

    def __init__(self, me: Identity, home: Path, program: tuple[str, ...] = QUORATE) -> None:
        self.me = me
        self.home = home
        self._program = program
        self.name = home.name
        self.frozen = False
        self._serving: Command | None = None

    @property
    def config(self) -> Config:
        """Its configuration, as it reads it."""
        return config.load(self.home)

    @property
    def serving(self) -> Command:
        """Its process, or the last one it had."""
        assert self._serving is not None
        return self._serving

    @property
    def started(self) -> bool:
        """Whether it ever had a process."""
        return self._serving is not None

    @property
    def running(self) -> bool:
        """Whether it has a process that lives."""
        return self._serving is not None and self._serving.process.poll() is None

    def start(self) -> None:
        """Start its process; `ready` waits for it."""
        assert not self.running
        self._serving = Command("serve", self.home, program=self._program)

    def ready(self) -> None:
        """Wait for the line that says that it is ready."""
        self.serving.until(lambda: any(" is ready at " in line for line in self.serving.out))

    def linked(self, names: Iterable[str]) -> None:
        """Wait until it has links with exactly these members."""
        wanted = set(names)
        self.serving.until(lambda: _links(self.serving.err) == wanted)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log about `event`, since it was started last."""
        return [line for line in map(_parsed, self.serving.err) if line.get("event") == event]

    def kill(self) -> None:
        """SIGKILL: it gets no chance to say or store anything more."""
        self.serving.kill()
        self.frozen = False

    def stop(self) -> Ran:
        """SIGTERM; what it came to."""
        self.serving.process.terminate()
        return self.serving.end()

    def freeze(self) -> None:
        """SIGSTOP: it stands still, its connections open."""
        self.serving.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        self.serving.process.send_signal(signal.SIGCONT)
        self.frozen = False

    async def ask(self, text: str, members: Iterable["RealNode"], **policy: int) -> Event:
        """Open a task of the options a and b here; its first event. It goes on by itself."""
        asked = Ask(
            messages=(Content(text=text),),
            answer=AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b")),
            domain="",
            members=tuple(node.me.public for node in members),
            policy=policy,
            mode="",
            not_after_s=int(WAIT_S),
            budget=Budget(),
        )
        async with ControlClient(config.control_socket(self.config)) as client:
            async for event in client.ask(asked):
                return event
        raise NodeError(f"{self.name} told nothing of the task")

    async def events(self, opened: Event) -> AsyncIterator[Event]:
        """The events of a task as this node sees them, from its first."""
        request = WatchRequest(task=opened.task, open=opened.open)
        async with ControlClient(config.control_socket(self.config)) as client:
            async with asyncio.timeout(WAIT_S):
                async for event in client.watch(request):
                    yield event

    async def decided(self, opened: Event) -> Event:
        """Wait for the verdict of a task at this node: its last event."""
        async for event in self.events(opened):
            last = event
        if last.kind != "verdict":
            raise NodeError(f"{self.name} has no verdict, but: {last.kind} {last.detail}")
        return last


class RealSwarm:
    """Nodes of one federation. Use as a context: it leaves no process behind."""

    def __init__(
        self,
        home: Path,
        models: Mapping[str, Mapping[str, Any]],
        program: tuple[str, ...] = QUORATE,
        backend: str = "scripted",
    ) -> None:
        """`models` are the options of each member's model, by name."""
        self.home = home
        self.nodes: dict[str, RealNode] = {}
        self.federation_path = home / "orchard.toml"
        members = []
        for name, options in models.items():
            me = identity.create(home / name / "identity", SystemEntropy())
            family = f"{name}'s"
            address = free_address()
            members.append(entry(me, address=address, name=name, family=family))
            written = Config(
                name=name,
                listen=address,
                federation=self.federation_path,
                model=ModelConfig(backend=backend, options={"family": family, **options}),
            )
            text = config_text.render(written)
            files.create_exclusive(home / name / CONFIG_FILE, text.encode(), 0o600)
            self.nodes[name] = RealNode(me, home / name, program)
        # A floor of crash mode takes both modes, so one swarm serves tests of either.
        floors = Floors(fault_mode=FaultMode.CRASH)
        self.federation: Federation = federation(*members, floors=floors)
        federation_file.save(self.federation_path, self.federation)

    def __enter__(self) -> "RealSwarm":
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes.values():
            if node.running:
                with suppress(ProcessLookupError):
                    node.kill()

    def __getitem__(self, name: str) -> RealNode:
        return self.nodes[name]

    def all_up(self) -> None:
        """See to it that every node runs and has a link with every other."""
        for node in self.nodes.values():
            if node.frozen:
                node.thaw()
            if not node.running:
                node.start()
        for node in self.nodes.values():
            node.ready()
        for node in self.nodes.values():
            node.linked(set(self.nodes) - {node.name})

    def last_words(self) -> str:
        """The end of every node's log, for whoever looks into a failure."""
        parts = [
            "\n".join([f"-- {name}", *node.serving.err[-25:]])
            for name, node in self.nodes.items()
            if node.started
        ]
        return "\n".join(parts)

    def but(self, *names: str) -> list[RealNode]:
        """All nodes but these."""
        return [node for name, node in self.nodes.items() if name not in names]


def _links(said: list[str]) -> set[str]:
    up: set[str] = set()
    for line in map(_parsed, said):
        if line.get("event") == "link_up":
            up.add(line["peer"])
        elif line.get("event") == "link_down":
            up.discard(line["peer"])
    return up


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
