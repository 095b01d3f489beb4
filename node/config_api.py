"""The table `[api]` of a node's configuration: its HTTP front."""

from pathlib import Path
from typing import Annotated, Any

import msgspec

from .config_meta import meta


class ApiConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP front, for clients that speak OpenAI's API."""

    listen: Annotated[
        str,
        meta(
            "where HTTP clients connect, as host:port or [IPv6]:port, such as 127.0.0.1:7480; "
            "empty is off, and any but a loopback address needs an API key"
        ),
    ] = ""
    keys: Annotated[
        Path, meta("the API keys, hashed; `quorate key` writes them, and a running node reads them")
    ] = Path("api-keys.json")
    timeout_s: Annotated[
        int,
        meta(
            "how long a client's task may take until it is given up",
            unit="seconds",
            ge=1,
            le=86_400,
        ),
    ] = 300
    keep_alive_s: Annotated[
        int,
        meta(
            "silence on a stream after which a comment says that the connection lives",
            unit="seconds",
            ge=1,
            le=600,
        ),
    ] = 15
    requests_per_minute: Annotated[
        int,
        meta(
            "most requests of one client in a minute; a key may have its own figure; 0 is no limit",
            unit="requests",
            ge=0,
            le=1_000_000,
        ),
    ] = 600
    tasks_per_day: Annotated[
        int,
        meta(
            "most tasks of one client in 24 hours, counted since the node started; a key may have "
            "its own figure; 0 is no limit",
            unit="tasks",
            ge=0,
            le=100_000_000,
        ),
    ] = 0
    policies: Annotated[
        dict[str, dict[str, Any]],  # last: a table of its own in the file
        meta("policies by name, each a table of policy fields; each is a model of that name"),
    ] = {}
