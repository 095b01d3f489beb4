"""One process a store: an flock held for as long as the process has the store open."""

import errno
import fcntl
import os
from pathlib import Path

from .contract import StoreError, StoreInUse


class StoreLock:
    """An exclusive lock on `path`, with the holder's process id written into it.

    The kernel drops the lock when the process ends, however it ends, so a lock file left
    behind locks nothing. It is never deleted: a second process could lock the deleted file
    and a third the new one.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises `StoreInUse` naming the holder, or `StoreError`."""
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot write the lock file {path}: {error.strerror}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 32).decode("ascii", "replace").strip()
            os.close(handle)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                who = f"process {holder}" if holder else "another process"
                raise StoreInUse(
                    f"the store {path.parent} is in use by {who}: stop that one first, or give "
                    "this node a store of its own"
                ) from None
            raise StoreError(
                f"cannot lock {path}: {error.strerror}; keep the store on a local disk"
            ) from None
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        except OSError as error:
            os.close(handle)
            raise StoreError(f"cannot write the lock file {path}: {error.strerror}") from None
        self._handle: int | None = handle

    def release(self) -> None:
        """Give the lock back. A second call does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def holder(path: Path) -> str | None:
    """The process id written by whoever holds the lock on `path`; None if nobody does."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(handle)
    return None
