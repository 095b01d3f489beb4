"""The port on which members find a node: the peer service, health and reflection behind TLS."""

import errno
import socket
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ..federation import Federation
from . import tls
from .client import SERVICE
from .doorkeeper import Doorkeeper
from .limits import Limits
from .service import PeerService


class ListenError(OSError):
    """The port cannot be had. The text names it."""


class Server:
    """A listening server. `port` is the one it got; grpc's health says whether it serves."""

    def __init__(self, server: Any, healthy: health.aio.HealthServicer, port: int) -> None:
        self._server = server
        self._health = healthy
        self.port = port

    @classmethod
    async def open(
        cls,
        listen: str,
        service: PeerService,
        door: Doorkeeper,
        *,
        leaves: tls.Leaves,
        federation: Federation,
        limits: Limits,
    ) -> "Server":
        """Listen on `host:port` (port 0: any) and serve. Raises `ListenError`."""
        server = grpc.aio.server(interceptors=[door], options=tls.server_options(limits))
        healthy = health.aio.HealthServicer()
        service.register(server)
        health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
        reflection.enable_server_reflection(
            (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server
        )
        try:
            trusted = tls.server_credentials(leaves, federation, door.shut)
            port = server.add_secure_port(listen, trusted)
        except RuntimeError:
            await server.stop(None)
            raise listen_error(listen) from None
        await server.start()
        for name in ("", SERVICE):
            await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
        return cls(server, healthy, port)

    async def drain(self) -> None:
        """Tell whoever probes that this node takes no more work."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_s: float) -> None:
        """Stop listening; calls under way get `grace_s` seconds."""
        await self._server.stop(grace_s)


def listen_error(listen: str) -> ListenError:
    """Why `listen` cannot be had; grpc says only that it failed, so the system is asked."""
    host, _, port = listen.rpartition(":")
    reason, number = "not a usable host:port", errno.EINVAL
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        family, kind, proto, _, address = found[0]
        with socket.socket(family, kind, proto) as probe:
            probe.bind(address)
            probe.listen()
    except OSError as error:
        reason, number = error.strerror or str(error), error.errno or errno.EINVAL
    hint = "; another program or node has that port" if number == errno.EADDRINUSE else ""
    return ListenError(number, f"cannot listen on {listen}: {reason}{hint}")
