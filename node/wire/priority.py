"""What the network sends is read at a lower priority than what was read is worked on (rule T3).

TLS and HTTP/2 are grpc's, on threads of its own, long before anything here knows who is there.
Frames that mean nothing come in by the million a second, and no bound of ours sees them. So those
threads yield to this node's own where a core is wanted by both, and a flood costs what is idle.
"""

import os
import sys
import threading
from typing import Any, Final

import grpc

from ..log import get_logger

NICE: Final = 15
"""Steps by which grpc's threads are nicer: a busy one of ours gets 28 times what a busy one of
theirs gets (Linux, kernel/sched/core.c, `sched_prio_to_weight`: 1024 and 36)."""

log = get_logger("wire")

_kept: list[Any] = []


def lower() -> None:
    """Have grpc start its threads at a lower priority; call it before anything else of grpc's.

    Only Linux has priorities by thread; elsewhere nothing happens. grpc's threads inherit theirs
    from who made them, at the first channel or server of the process. Where the system forbids it,
    that is a line in the log, and floods cost more.
    """
    if sys.platform == "linux" and not _kept:
        first = threading.Thread(target=_begin, name="first of grpc")
        first.start()
        first.join()


def _begin() -> None:
    here = threading.get_native_id()
    try:
        os.setpriority(os.PRIO_PROCESS, here, os.getpriority(os.PRIO_PROCESS, here) + NICE)
    except OSError as error:  # a filter of system calls
        log.warning("priorities stay as they are", reason=str(error))
        return
    _kept.append(grpc.insecure_channel("unix:nowhere"))  # never connects: nobody asks it to
