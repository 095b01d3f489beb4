"""What of a daemon others may look at: its HTTP fronts, its metrics and health, its spans.

All of it is optional, and what it takes is loaded by nodes that want it.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .clock import Clock
from .doorway import Doorway
from .federation import split_address
from .log import get_logger
from .observe import telemetry
from .program import program_version

if TYPE_CHECKING:
    from .daemon import Daemon
    from .hosting import HttpServer
    from .observe.traces import Traces

log = get_logger("daemon")


class SetupError(Exception):
    """The node cannot serve as it is set up. The text says what to do."""


def fronts(
    daemon: "Daemon", *, clock: Clock, since_ms: int, stopping: Callable[[], bool]
) -> Iterator["HttpServer"]:
    """What serves HTTP, each bound as it comes. Raises `SetupError`, `OSError`."""
    api, metrics = daemon.config.api, daemon.config.metrics
    if not api.listen and not metrics.listen:
        return
    try:
        from .api.app import Beside
        from .api.server import FrontError, FrontServer
        from .hosting import HttpServer, is_loopback, only_for
        from .observe.collector import Exposition
        from .observe.probes import LIVENESS, METRICS, READINESS, Probes
        from .observe.requests import Requests
    except ModuleNotFoundError as error:
        which = "api.listen" if api.listen else "metrics.listen"
        raise SetupError(
            f"{which} is set, and {error.name} is missing: pip install 'quorate[api]'"
        ) from None
    requests = Requests(clock) if api.listen else None
    exposition = Exposition(daemon.vitals, daemon.runner.figures, requests)
    probes = Probes(daemon.vitals, exposition)
    if requests is not None:
        door = Doorway(daemon, since_ms=since_ms, stopping=stopping)
        beside = Beside(
            open={LIVENESS: probes.liveness, READINESS: probes.readiness},
            metrics={METRICS: probes.metrics},
            around=requests.around,
        )
        try:
            yield FrontServer.open(door, daemon.window(door), api, clock, beside)
        except (FrontError, ValueError) as error:
            raise SetupError(str(error)) from None
    if metrics.listen:
        host, port = split_address(metrics.listen)
        bare, app = host.strip("[]"), probes.app()
        local = is_loopback(bare)
        if not metrics.exposed and not local:
            raise SetupError(
                f"metrics.listen {metrics.listen} can be reached from other machines, and asks for "
                "no key: set metrics.exposed = true if that is meant, or listen on "
                f"127.0.0.1:{port}"
            )
        yield HttpServer.bind(only_for(app, bare) if local else app, metrics.listen)


def traces(daemon: "Daemon", clock: Clock) -> "Traces | None":
    """Spans of the daemon's tasks from now on, if the variables OTEL_* want them.

    Where they cannot be had the log says why, and the node serves all the same.
    """
    wanted, fault = telemetry.wanted()
    if not wanted:
        if fault:
            log.warning("no spans are exported", reason=fault)
        return None
    try:
        from .observe.traces import Host, Traces
    except ModuleNotFoundError as error:
        reason = f"{error.name} is missing: pip install 'quorate[otel]'"
        log.warning("no spans are exported", reason=reason)
        return None
    described = daemon.model.describe()
    host = Host(
        member=daemon.config.name,
        version=program_version(),
        model=described.name,
        served=described.served,
    )
    made = Traces.exporting(host, clock)
    daemon.runner.observers.add(made)
    return made
