"""`quorate` whose node kills itself at a durable write, where its test says so.

`python -m tests.harness.mortal serve DIR` is `quorate serve DIR`, the store untouched but for
this: while DIR holds a death (`arm`), commits to the store are counted, and at the one that it
names the process takes SIGKILL, which no handler sees. `Moment` says on which side of the
commit. The file is gone by then, so that the next life lives.
"""

import json
import os
import signal
import sys
import uuid
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from node.store.records import Batch
from node.store.sqlite import SqliteStore

DEATH: Final = "death.json"
"""The file in a node's directory that says when it dies."""


class Moment(StrEnum):
    """Which side of a commit."""

    TORN = "torn"
    """Its rows are written and the transaction is open: after a restart nothing of it is there."""
    UNSENT = "unsent"
    """It is on the disk, and nothing that it was to protect has been sent."""


def arm(home: Path, write: int, moment: Moment) -> None:
    """Have the node of `home` die at its `write`-th commit from now on."""
    written = home / f"{DEATH}.new"
    death = {"write": write, "moment": moment, "name": uuid.uuid4().hex}
    written.write_text(json.dumps(death))
    written.rename(home / DEATH)  # it is read at any time: whole, or not there


def disarm(home: Path) -> bool:
    """Call a death off; whether it was still to come."""
    try:
        (home / DEATH).unlink()
    except FileNotFoundError:
        return False
    return True


class Mortal:
    """Counts the commits of one store while a death lies beside it."""

    def __init__(self, home: Path) -> None:
        self._path = home / DEATH
        self._name = ""
        self._writes = 0

    def at_commit(self, moment: Moment) -> None:
        """A commit has come to `moment`: die, if this is the one."""
        try:
            death = json.loads(self._path.read_text())
        except FileNotFoundError:
            return
        if death["name"] != self._name:
            self._name, self._writes = death["name"], 0
        if moment is Moment.TORN:
            self._writes += 1
        if (self._writes, moment) == (death["write"], death["moment"]):
            self._path.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Serve with a store that may be the end of its process."""
    from node.cli.main import main as quorate

    mortal = Mortal(Path(sys.argv[2]))
    plain = SqliteStore._commit

    async def commit(store: SqliteStore, batch: Batch) -> None:
        connection = store._connection
        execute = connection.execute

        async def dying(sql: str, *rest: Any) -> Any:
            if sql == "COMMIT":
                mortal.at_commit(Moment.TORN)
            return await execute(sql, *rest)

        connection.execute = dying  # type: ignore[method-assign, assignment]
        try:
            await plain(store, batch)
        finally:
            connection.execute = execute  # type: ignore[method-assign]
        mortal.at_commit(Moment.UNSENT)

    SqliteStore._commit = commit  # type: ignore[method-assign]
    quorate()


if __name__ == "__main__":
    main()
