"""What a node costs before its first task: the time until it is ready, and its memory."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from node.demo.deal import ORGANISATIONS, deal
from tests.harness.federations import free_address

from .tables import Table

RUNS = 5
QUORATE = (sys.executable, "-m", "node.cli.main")
BARE = (
    sys.executable,
    "-c",
    "import sys; print('up', flush=True); sys.stdin.read()",
)
"""Python without any of ours, for comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a process took until its first line on standard output, all its threads together."""

    ms: float
    cpu_ms: float
    mib: float


async def table() -> Table:
    """Nodes that are alone in their federation, with either kind of model."""
    forest = next(one for one in ORGANISATIONS if one.kind == "random_forest")
    with TemporaryDirectory() as name:
        home = Path(name)
        (shard,) = (shard for shard in deal(home).shards if shard.organisation.name == forest.name)
        scripted, trained = home / "scripted", shard.path.parent
        await node(scripted, model="scripted")
        await node(trained, model="classifier", kind=forest.kind, shard=shard.path.name)
        rows = [
            await starts("python alone", BARE),
            await starts("serve, scripted model", (*QUORATE, "serve", str(scripted))),
            await starts(
                f"serve, random forest on {shard.rows} digits", (*QUORATE, "serve", str(trained))
            ),
        ]
    return Table(
        title="What starting a node costs",
        how="From starting the process to its line on standard output that it is ready; "
        f"{RUNS} starts after one that fills the caches: median, fastest, slowest. The processor "
        "time and the resident memory (VmRSS) that it has taken by then, median. A classifier "
        "reads its shard and trains in that time.",
        columns=("", "median ms", "fastest", "slowest", "CPU ms", "MiB"),
        rows=rows,
    )


async def node(home: Path, *, model: str, **options: str) -> None:
    """Make a node, and a federation of it alone, as an operator does."""
    file = home / "federation.toml"
    settings = [f"--option={name}={value}" for name, value in options.items()]
    await quorate(
        "init",
        str(home),
        f"--listen={free_address()}",
        f"--family={model}",
        f"--model={model}",
        *settings,
    )
    await quorate("federation", "create", str(file), "--name=bench")
    await quorate("federation", "add", str(file), str(home / f"{home.name}.card"))


async def quorate(*arguments: str) -> None:
    """Run a command to its end. Raises `RuntimeError` with what it said if it failed."""
    process = await asyncio.create_subprocess_exec(
        *QUORATE,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"quorate {arguments[0]} failed: {said.decode()}")


async def starts(name: str, command: Sequence[str]) -> tuple[str, ...]:
    """A row of the table."""
    await started(command)
    found = [await started(command) for _ in range(RUNS)]
    times = sorted(one.ms for one in found)
    return (
        name,
        f"{median(times):.0f}",
        f"{times[0]:.0f}",
        f"{times[-1]:.0f}",
        f"{median(one.cpu_ms for one in found):.0f}",
        f"{median(one.mib for one in found):.0f}",
    )


async def started(command: Sequence[str]) -> Start:
    """Start a process, wait for its first line, see what it has taken, and end it."""
    begin = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
        ms = (time.perf_counter() - begin) * 1e3
        if not line:
            _, said = await process.communicate()
            raise RuntimeError(f"{' '.join(command)} ended by itself: {said.decode()}")
        cpu_ms, mib = taken(process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
    return Start(ms=ms, cpu_ms=cpu_ms, mib=mib)


def taken(pid: int) -> tuple[float, float]:
    """Milliseconds of processor time, and MiB of resident memory, of a running process."""
    about = Path(f"/proc/{pid}")
    # The name, in parentheses, may hold spaces; proc(5) counts utime as field 14.
    fields = (about / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    (kib,) = re.findall(r"^VmRSS:\s+(\d+) kB$", (about / "status").read_text(), re.MULTILINE)
    return ticks * 1e3 / os.sysconf("SC_CLK_TCK"), int(kib) / 1024
