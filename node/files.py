"""Small files that must be whole or absent: bounded reads, exclusive and atomic writes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

PIECE: Final = 1 << 18
"""Bytes that are read at a time."""


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of `path`. Raises `OSError`, or `ValueError` if it holds more than `limit`."""
    with path.open("rb") as source:
        data = read_at_most(source.read, limit + 1)
    if len(data) > limit:
        raise ValueError(f"{path} is over {limit} bytes")
    return data


def read_at_most(read: Callable[[int], bytes], size: int) -> bytes:
    """The first `size` bytes of an open file, or all it has; `read` is the file's.

    Read in pieces: asked for all at once, Python takes that much memory first.
    """
    pieces = []
    while piece := read(min(PIECE, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def create_exclusive(path: Path, data: bytes, mode: int) -> None:
    """Write a new file, durably. Raises `FileExistsError` if anything stands there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as target:
        os.fchmod(descriptor, mode)  # whatever the umask
        _write(target.fileno(), data)
    sync_directory(path.parent)


def write_atomic(path: Path, data: bytes, mode: int) -> None:
    """Replace `path` in one step, durably: a reader sees the old bytes or the new ones."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)  # left behind by a killed process that had our number
    try:
        create_exclusive(draft, data, mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def sync_directory(directory: Path) -> None:
    """Have the disk take what was made, renamed or deleted in `directory`."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
