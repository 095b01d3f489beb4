"""The five nodes: `quorate serve`, started, killed, started again, and asked how they are."""

import asyncio
import subprocess
from typing import Any, Final

from ..clock import Clock, monotonic_ms
from ..wire.control import ControlClient, ControlUnreachable
from .processes import Processes
from .stage import Place

LOG: Final = "serve.log"
"""Where each node's own log lines go, in its directory."""

READY_MS: Final = 60_000
"""Milliseconds within which a node must be up: it reads its shard and trains."""

POLL_S: Final = 0.05


class NodeError(Exception):
    """A node did not do what it must. The text names it and its log."""


class Node:
    """One organisation's daemon. `up` says whether it takes tasks."""

    def __init__(self, place: Place, processes: Processes, clock: Clock) -> None:
        self.place = place
        self.up = False
        self._processes = processes
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The organisation's name."""
        return self.place.name

    def start(self) -> None:
        """Start the process; `ready` waits for it."""
        assert self._process is None
        home = self.place.config.directory
        self._process = self._processes.start("serve", str(home), log=home / LOG)

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self.up = False
        self._processes.kill(self._process)
        self._process = None

    async def ready(self, links: int) -> None:
        """Wait until the node answers and has that many links up. Raises `NodeError`."""
        assert self._process is not None
        until = monotonic_ms(self._clock) + READY_MS
        while True:
            if self._process.poll() is not None:
                raise NodeError(f"{self.name} ended by itself{self._see_log()}")
            status = await self._status()
            found = sum(peer["up"] for peer in status["peers"]) if status else 0
            if status is not None and found >= links:
                self.up = True
                return
            if monotonic_ms(self._clock) > until:
                what = f"has {found} of {links} links" if status else "does not answer"
                seconds = READY_MS // 1_000
                raise NodeError(f"{self.name} {what} after {seconds} s{self._see_log()}")
            await asyncio.sleep(POLL_S)

    async def entries(self) -> list[dict[str, Any]]:
        """The node's list of verdicts, as its operator sees it. Raises `NodeError`."""
        try:
            async with ControlClient(self.place.socket) as client:
                return await client.verdicts(0)
        except ControlUnreachable as error:
            raise NodeError(f"{self.name}: {error}{self._see_log()}") from None

    async def verdicts(self) -> dict[str, str]:
        """Ids of the verdicts that the node holds, by task, in hex. Raises `NodeError`."""
        return {entry["task"]: entry["verdict"] for entry in await self.entries()}

    async def verdict(self, task: str) -> bytes:
        """The verdict file of a task (id in hex), from this node. Raises `ControlError`."""
        async with ControlClient(self.place.socket) as client:
            return await client.verdict(task)

    async def _status(self) -> dict[str, Any] | None:
        try:
            async with ControlClient(self.place.socket) as client:
                return await client.status()
        except ControlUnreachable:
            return None

    def _see_log(self) -> str:
        path = self.place.config.directory / LOG
        lines = [line for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
        return f"; its log {path} ends: {lines[-1][:400]}" if lines else f"; its log is {path}"
