"""Files that this process may open, shared out among its ports: a stranger who opens connections
takes none of those that links, the store and the control socket need.
"""

import resource
from typing import Final

CONNECTIONS_MAX: Final = 1_024
"""Most connections of a port, where the process may open many times as many files."""

SHARES: Final = 8
"""Of how many shares of the files a port gets one: four ports listen at most, some of them with
connections besides that wait to be taken."""


def connections_max() -> int:
    """Most connections of a port: an eighth of the files that this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS_MAX if soft < 0 else max(1, min(CONNECTIONS_MAX, soft // SHARES))
