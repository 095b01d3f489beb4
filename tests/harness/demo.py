"""A small demonstration, for all tests that look at what came of it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
TRACED: Final = Path(__file__).with_name("traced")
CASES: Final = 8
WAIT_S: Final = 300
"""Seconds after which it is given up: many times what it takes."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a demonstration came to. `opened` are the files each node's process opened, by
    the node's name: a killed node has had two processes."""

    code: int
    out: str
    err: str
    folder: Path
    opened: Mapping[str, set[Path]]

    @property
    def report(self) -> Any:
        """Its JSON document."""
        return json.loads(self.out)


def command(*arguments: object) -> list[str]:
    """The command line of a demonstration."""
    return [sys.executable, "-m", "node.cli.main", "demo", *map(str, arguments)]


def play(base: Path) -> None:
    """A demonstration of few cases in `base`, its processes traced."""
    traces = base / "traces"
    traces.mkdir()
    done = subprocess.run(
        command("--json", "--cases", CASES, "--keep", base / "out"),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(TRACED), "TRACE_OPENED": str(traces)},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    (base / "outcome.json").write_text(json.dumps([done.returncode, done.stdout, done.stderr]))


def played(base: Path) -> Played:
    """What came of the one that was played in `base`."""
    code, out, err = json.loads((base / "outcome.json").read_text())
    return Played(code=code, out=out, err=err, folder=base / "out", opened=_opened(base / "traces"))


def _opened(traces: Path) -> dict[str, set[Path]]:
    found: dict[str, set[Path]] = {}
    for trace in traces.iterdir():
        argv, *paths = map(json.loads, trace.read_text("utf-8").splitlines())
        if "serve" in argv:
            node = Path(argv[-1]).name
            found.setdefault(node, set()).update((ROOT / path).resolve() for path in paths)
    return found
