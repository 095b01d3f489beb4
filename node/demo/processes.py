"""The demonstration's processes: started apart from the terminal, and all ended with it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from ..clock import Clock, monotonic_ms

QUORATE: Final = (sys.executable, "-m", "node.cli.main")
"""The command, as this very Python and this very program."""

ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
"""Several nodes share this machine's cores; no model needs more than one."""

STOP_MS: Final = 3_000
"""Milliseconds that processes are given to end after SIGTERM, before SIGKILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command that has ended came to."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """What it said last, which for a command that failed is why."""
        lines = [line for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"exit code {self.code}"


class Processes:
    """Every process that was started; leaving the `with` block ends those that still run.

    Each has a session of its own, so that Ctrl-C reaches this process alone and the end is in
    order.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        """Start `quorate` with `arguments`; what it says on standard error is added to `log`."""
        with log.open("ab") as target:
            return self._start(arguments, out=subprocess.DEVNULL, err=target)

    async def run(self, *arguments: str) -> Ran:
        """Run `quorate` with `arguments` to its end."""
        process = self._start(arguments, out=subprocess.PIPE, err=subprocess.PIPE)
        out, err = await asyncio.to_thread(process.communicate)
        self._running.remove(process)
        return Ran(code=process.returncode, out=out.decode(), err=err.decode())

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL: the process gets no chance to say or store anything more."""
        process.kill()
        process.wait()
        self._running.remove(process)

    def end(self) -> None:
        """End every process: SIGTERM, and SIGKILL to those that take over `STOP_MS`."""
        until = monotonic_ms(self._clock) + STOP_MS
        try:
            for process in self._running:
                process.terminate()
            for process in self._running:
                left = max(0, until - monotonic_ms(self._clock)) / 1_000
                with suppress(subprocess.TimeoutExpired):
                    process.wait(left)
        finally:  # also where a second Ctrl-C cuts the waiting short
            for process in self._running:
                process.kill()
                process.wait()
            self._running.clear()

    def _start(
        self, arguments: Sequence[str], *, out: int | IO[bytes], err: int | IO[bytes]
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            (*QUORATE, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=os.environ | ONE_THREAD,
            start_new_session=True,
        )
        self._running.append(process)
        return process
