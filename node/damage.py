"""Stored rows that cannot be read: named, so that one of them takes nothing else with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

REMEDY: Final = "another member may hold it whole, and `quorate restore` puts a backup back"

UNREADABLE: Final = "a stored row cannot be read"
"""What the log says of it; its `reason` names the row."""


class Damaged(ValueError):  # noqa: N818  named for what it is
    """What is stored of a task is not what was stored once. The text names it and says what to
    do."""

    def __init__(self, what: str, error: Exception) -> None:
        super().__init__(f"the stored {what} cannot be read: {error}; {REMEDY}")


def of_task(what: str, task: bytes) -> str:
    """What is told of a row: the `what` of `task`."""
    return f"{what} of task {task.hex()[:16]}"


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Reads a row that is `what`. Raises `Damaged` where that cannot be done.

    A column that another program wrote may be no bytes at all, hence `TypeError`.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise Damaged(what, error) from None
