"""The table `[metrics]` of a node's configuration: metrics and health on a port of their own."""

from typing import Annotated

import msgspec

from .config_meta import meta


class MetricsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where monitors ask. On the API's port they may too, for metrics with a key that may."""

    listen: Annotated[
        str,
        meta(
            "where /metrics and /health are served over HTTP without a key, as host:port or "
            "[IPv6]:port, such as 127.0.0.1:7490; empty is off"
        ),
    ] = ""
    exposed: Annotated[
        bool,
        meta("whether that may be an address that other machines reach"),
    ] = False
