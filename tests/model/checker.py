"""Runs spin: generate, compile, search within bounds of memory and time, read the result."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.model.mutants import Search

DEEP = 10_000
"""Longest path looked at where a search names no depth: far beyond any that exists."""
MEMORY_MB = 6_000
SECONDS = 1_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to. `exhaustive` is true if every reachable state was looked at."""

    errors: int
    states: int
    depth: int
    megabytes: float
    seconds: float
    exhaustive: bool
    violated: str
    trail: tuple[str, ...]


def search(what: Search, *, shortest: bool = False) -> Found:
    """Search one model. `shortest` goes on to shorter counterexamples once there is one.

    Raises `RuntimeError` if spin or the compiler refuses the model.
    """
    defines = [f"-D{one}" for one in what.defines]
    with tempfile.TemporaryDirectory() as name:
        where = Path(name)
        _run(["spin", "-a", *defines, str(what.model)], where)
        flags = ["-O2", "-w", "-DSAFETY", "-DNOCLAIM", f"-DMEMLIM={MEMORY_MB}"]
        flags += ["-DREACH"] if shortest else []
        _run(["gcc", *flags, "-o", "pan", "pan.c"], where)
        # -E: a member that waits for ever for a quorum is no error.
        bounds = [f"-m{what.depth or DEEP}", "-E", "-n", *(["-i"] if shortest else [])]
        out = _run(["./pan", *bounds], where, may_fail=True)
        trail: tuple[str, ...] = ()
        if list(where.glob("*.trail")):
            kept = next(iter(where.glob("*.trail")))
            told = _run(
                ["spin", "-t", "-k", str(kept), *defines, str(what.model)], where, may_fail=True
            )
            trail = tuple(re.findall(r"EVENT (.*)", told))
    return _read(out, trail)


def _run(command: list[str], where: Path, *, may_fail: bool = False) -> str:
    done = subprocess.run(
        command, cwd=where, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode and not may_fail:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def _read(out: str, trail: tuple[str, ...]) -> Found:
    def number(pattern: str) -> float:
        found = re.search(pattern, out)
        if found is None:
            raise RuntimeError(f"not a report of pan: {out}")
        return float(found.group(1))

    errors = int(number(r"errors: (\d+)"))
    cut = ("Search not completed", "max search depth too small", "MEMLIM", "out of memory")
    violated = re.search(r"assertion violated (.*) \(at depth", out)
    return Found(
        errors=errors,
        states=int(number(r"([\d.e+]+) states, stored")),
        depth=int(number(r"depth reached (\d+)")),
        megabytes=number(r"([\d.]+)\s+total actual memory usage"),
        seconds=number(r"elapsed time ([\d.e+-]+)"),
        exhaustive=not errors and not any(sign in out for sign in cut),
        violated=violated.group(1) if violated else "",
        trail=trail,
    )
