"""Machines of a test: network namespaces of Linux, joined by a virtual cable or by nothing.

Each has a network stack of its own (so two of them may use any address) and a home directory
of its own; they share the file system, the processor and the clock. Needs root and iproute2.
"""

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

STOP_S = 15.0
"""Seconds that a process has to end after SIGINT; a daemon's own grace is ten."""


def missing() -> str:
    """What this machine lacks for namespaces, or ""."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need the command ip (iproute2)"
    return ""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a script came to; `out` is what it said on both outputs."""

    code: int
    out: str


class Running:
    """A script that was started and goes on."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def line(self, timeout_s: float) -> str:
        """Its next line on standard output. Raises `AssertionError` if none comes in time."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        line = self._process.stdout.readline() if ready else b""
        assert line.endswith(b"\n"), f"nothing was said; on standard error: {self.errors}"
        return line.decode().rstrip("\n")

    @property
    def errors(self) -> str:
        """What it said on standard error so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """End it as Ctrl-C does, or by SIGKILL if it stays. Its code."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGINT)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                _kill(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self._process.returncode


class Machine:
    """One namespace with a home directory; made by `Machines`."""

    def __init__(self, *, namespace: str, home: Path, environment: Mapping[str, str]) -> None:
        self.namespace = namespace
        self.home = home
        self._environment = {**environment, "HOME": str(home)}
        self._running: list[Running] = []

    def run(self, script: str, timeout_s: float) -> Ended:
        """Run a shell script in the home directory to its end, which must come in time."""
        process = self._start(script, out=subprocess.PIPE, errors=subprocess.STDOUT)
        try:
            out, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            out, _ = process.communicate()
            raise AssertionError(
                f"not done after {timeout_s} s: {script}\n{out.decode(errors='replace')}"
            ) from None
        return Ended(code=process.returncode, out=out.decode())

    def start(self, script: str) -> Running:
        """Start a shell script in the home directory; it ends with this machine at the latest."""
        log = self.home / f"errors-{len(self._running)}.log"
        with log.open("wb") as errors:
            running = Running(self._start(script, out=subprocess.PIPE, errors=errors), log)
        self._running.append(running)
        return running

    def stop(self) -> None:
        """End whatever was started here, and whatever that started."""
        try:
            for running in self._running:
                running.stop()
        finally:  # processes that left their parents' group
            for number in _ip("netns", "pids", self.namespace).split():
                with suppress(ProcessLookupError):
                    os.kill(int(number), signal.SIGKILL)

    def _start(self, script: str, *, out: int, errors: int | IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, "sh", "-e", "-c", script],
            cwd=self.home,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
            bufsize=0,
        )


class Machines(ExitStack):
    """The machines of one test. Leaving the block ends their processes and removes them."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._folder = folder
        self._environment = environment
        self._count = 0

    def add(self, home: str) -> Machine:
        """A machine without any network but its own loopback; `home` is its directory's name."""
        namespace = f"quorate-{os.getpid()}-{self._count}"
        self._count += 1
        path = self._folder / home
        path.mkdir()
        _ip("netns", "add", namespace)
        self.callback(_ip, "netns", "delete", namespace)
        machine = Machine(namespace=namespace, home=path, environment=self._environment)
        self.callback(machine.stop)
        _ip("-n", namespace, "link", "set", "lo", "up")
        return machine

    @staticmethod
    def join(one: Machine, its_address: str, other: Machine, other_address: str) -> None:
        """Lay a cable between two machines; addresses come with the length of their prefix."""
        end, far_end = ("wire0", "netns", one.namespace), ("wire0", "netns", other.namespace)
        _ip("link", "add", *end, "type", "veth", "peer", "name", *far_end)
        for machine, address in ((one, its_address), (other, other_address)):
            _ip("-n", machine.namespace, "address", "add", address, "dev", "wire0")
            _ip("-n", machine.namespace, "link", "set", "wire0", "up")


def _ip(*arguments: str) -> str:
    ran = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {ran.stderr.strip()}")
    return ran.stdout


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
