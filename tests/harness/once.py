"""What is costly to make, made once for all workers that run tests side by side."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest


def once(
    factory: pytest.TempPathFactory, worker_id: str, name: str, make: Callable[[Path], None]
) -> Path:
    """The folder `name` that all workers share, as `make` left it.

    The first who asks has it made; the others wait for that. Nobody changes it afterwards: a test
    that would takes a copy.
    """
    mine = factory.getbasetemp()
    base = (mine if worker_id == "master" else mine.parent) / name
    base.mkdir(exist_ok=True)
    made, done = base / "made", base / "done"
    with (base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            made.mkdir()
            make(made)
            done.touch()
    return made
