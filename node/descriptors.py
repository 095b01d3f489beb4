"""Files that this process may open, shared out among its ports: a stranger who opens connections
takes none of those that links, the store and the control socket need.
"""

import resource
from typing import Final

CONNECTIONS_MAX: Final = 1_024
"""Most connections of a port, where the process may open many times as many files."""

FILES: Final = 16_384
"""Files that a node asks to be allowed to open."""

SHARES: Final = 8
"""Of how many shares of the files a port gets one: four ports listen at most, some of them with
connections besides that wait to be taken."""


def connections_max() -> int:
    """Most connections of a port: an eighth of the files that this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS_MAX if soft < 0 else max(1, min(CONNECTIONS_MAX, soft // SHARES))


def raise_limit() -> None:
    """Let this process open as many files as its user may, up to `FILES`.

    A shell's 1,024 are for programs that wait by `select`; a member of 64 alone has 126 connections
    with the others.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard < 0 else min(FILES, hard)
    if 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
