"""Mutual TLS 1.3 for grpcio: who may connect, and who it is that did (rule T1).

What grpcio does was found by trying 1.76 and 1.85; where it shapes the code, it says so here:

* It offers no Ed25519 in a handshake, so an Ed25519 leaf ends in NO_COMMON_SIGNATURE_ALGORITHMS;
  a P-256 leaf under an Ed25519 CA works.
* It has no option against TLS 1.2; `node.__init__` has what keeps it out. From 1.85
  on the `auth_context` names the version, and `identify` looks at it once more.
* A server tells Python nothing of a handshake that fails. The dialling side sees a plain
  "Socket closed" before anything is exchanged; `explain` says what that means.
* Two servers may share a port unless `so_reuseport` is off.
* `keepalive_timeout_ms` alone does nothing in 1.85: a connection gone silent stays "up" for the
  60 seconds of `http2.ping_timeout_ms`, so that one is set too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import grpc

from .. import certificates
from ..certificates import LEAF_LIFE, Leaf
from ..clock import Clock
from ..descriptors import connections_max
from ..federation import Federation, FederationMember
from ..identity import Identity
from .frames import LinkCode, LinkRefusal
from .limits import TRANSPORT_SLACK, Limits, waiting

TLS_VERSION: Final = b"TLSv1.3"

_Options = list[tuple[str, str | int]]


class Leaves:
    """The current leaf of an identity, made anew when half of its life is over."""

    def __init__(self, identity: Identity, clock: Clock) -> None:
        self._identity = identity
        self._clock = clock
        self._leaf = identity.leaf(wall(clock))

    def current(self) -> Leaf:
        """A leaf that is valid for another half of its life at least."""
        now = wall(self._clock)
        if not LEAF_LIFE / 2 <= self._leaf.not_after - now <= LEAF_LIFE:
            self._leaf = self._identity.leaf(now)
        return self._leaf


def wall(clock: Clock) -> datetime:
    """The wall clock as a date in UTC."""
    return datetime.fromtimestamp(clock.wall_ms() / 1000, UTC)


def server_credentials(
    leaves: Leaves, federation: Federation, shut: Callable[[], frozenset[bytes]] = frozenset
) -> grpc.ServerCredentials:
    """A server's side: a client must show a leaf that leads to a member's CA certificate.

    That much TLS checks by itself; `identify` then says which member it is. The leaf, and the
    members that are `shut` out, are asked for at each handshake, so that a node may run for longer
    than a leaf is valid. TLS must trust somebody: if all are shut out, they are all let in.
    """

    def roots() -> tuple[FederationMember, ...]:
        out = shut()
        left = tuple(member for member in federation.members if member.key not in out)
        return left or federation.members

    return _serving(leaves, roots)


def guest_credentials(leaves: Leaves) -> grpc.ServerCredentials:
    """A server's side for clients, which show no certificate: `passes` says who calls."""
    return _serving(leaves, None)


def _serving(
    leaves: Leaves, trusted: Callable[[], tuple[FederationMember, ...]] | None
) -> grpc.ServerCredentials:
    """Credentials of a server; a caller's certificate must lead to one of those `trusted`."""
    served: list[tuple[Leaf, tuple[FederationMember, ...] | None]] = []

    def configuration() -> grpc.ServerCertificateConfiguration | None:
        leaf, members = now = leaves.current(), None if trusted is None else trusted()
        if served == [now]:
            return None  # as before
        served[:] = [now]
        roots = members and b"".join(certificates.pem(member.certificate) for member in members)
        return grpc.ssl_server_certificate_configuration(
            [(leaf.key, leaf.certificate)], root_certificates=roots
        )

    return grpc.dynamic_ssl_server_credentials(
        configuration(), configuration, require_client_authentication=trusted is not None
    )


def channel_credentials(leaf: Leaf, member: FederationMember) -> grpc.ChannelCredentials:
    """A client's side of one channel: `member`'s CA certificate is all that it trusts."""
    return grpc.ssl_channel_credentials(
        root_certificates=certificates.pem(member.certificate),
        private_key=leaf.key,
        certificate_chain=leaf.certificate,
    )


def identify(
    auth: Mapping[str, Sequence[bytes]], members: Iterable[bytes], now: datetime
) -> bytes | LinkRefusal:
    """The public key of the member at the other end of a connection, or why it is nobody (T1).

    `auth` is the RPC's `auth_context`, `members` the keys to choose from.
    """
    version = b"".join(auth.get("ssl_tls_version", (TLS_VERSION,)))
    if version != TLS_VERSION:
        shown = version.decode("ascii", "replace")
        return LinkRefusal(code=LinkCode.OLD_TLS, text=f"{shown} is spoken; TLS 1.3 is needed")
    leaf = b"".join(auth.get("x509_pem_cert", ()))
    member = certificates.issued_by(leaf, members, now)
    if member is None:
        return LinkRefusal(
            code=LinkCode.NOT_A_MEMBER,
            text="no member of this node's federation file issued the certificate itself",
        )
    return member


def server_options(limits: Limits) -> _Options:
    """What the server needs: keepalives permitted, a port of its own, bounds.

    Without the ping options grpc answers a client's keepalives with GOAWAY `too_many_pings`
    after 8 seconds of silence.
    """
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", 2 * limits.frame_bytes + TRANSPORT_SLACK),
        ("grpc.max_send_message_length", limits.envelope_bytes + TRANSPORT_SLACK),
        ("grpc.max_concurrent_streams", limits.calls),
        ("grpc.max_allowed_incoming_connections", connections_max()),
        *waiting(),
        ("grpc.server_handshake_timeout_ms", limits.hello_ms),
        ("grpc.max_connection_idle_ms", limits.idle_ms),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", limits.keepalive_ms // 2),
        *_keepalive(limits),
    ]


def channel_options(member: FederationMember, limits: Limits, *, receive: int) -> _Options:
    """What a channel to `member` needs; `receive` is the most bytes of one message it takes."""
    return [
        ("grpc.ssl_target_name_override", certificates.server_name(member.key)),
        ("grpc.use_local_subchannel_pool", 1),  # no back-off is shared with another channel
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0),  # a member is where the federation file says
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", limits.hello_ms),  # also how long connecting may take
        ("grpc.max_reconnect_backoff_ms", limits.backoff_ms),
        ("grpc.max_receive_message_length", receive + TRANSPORT_SLACK),
        ("grpc.max_send_message_length", -1),
        *_keepalive(limits),
    ]


def explain(error: grpc.RpcError, member: FederationMember) -> LinkRefusal:
    """Why a call to `member` failed, in words that say what to look at.

    grpc gives no codes for what happens below HTTP/2, so its texts are searched; one that
    is not known is passed on whole.
    """
    status, details = error.code(), str(error.details() or "")
    name, address = member.name, member.address
    if refusal := LinkRefusal.parse(details):
        return refusal
    for signs, code, text in _SIGNS:
        if any(sign in details for sign in signs):
            return LinkRefusal(code=code, text=text.format(name=name, address=address))
    return LinkRefusal(code=LinkCode.LOST, text=f"{name} at {address}: {details or status.name}")


_CLOCKS = "check the wall clocks of both nodes"
_SIGNS: tuple[tuple[tuple[str, ...], LinkCode, str], ...] = (
    (
        ("certificate has expired",),
        LinkCode.CERTIFICATE,
        "the certificate of {name} at {address} has expired; " + _CLOCKS,
    ),
    (
        ("certificate is not yet valid",),
        LinkCode.CERTIFICATE,
        "the certificate of {name} at {address} is not yet valid; " + _CLOCKS,
    ),
    (
        (
            "CERTIFICATE_VERIFY_FAILED",
            "Hostname Verification Check failed",
            "is not in peer certificate",
        ),
        LinkCode.CERTIFICATE,
        "the node at {address} is not {name}: its certificate comes from another identity",
    ),
    (
        ("Tls handshake failed", "Ssl handshake failed"),
        LinkCode.CERTIFICATE,
        "what listens at {address} does not speak TLS 1.3 as {name} would",
    ),
    (
        # Under TLS 1.3 the client is done before the server has judged its certificate.
        ("failed to connect to all addresses; last error: UNAVAILABLE",),
        LinkCode.CERTIFICATE,
        "{name} at {address} closed the connection before a word was said: its federation file "
        "may lack this node's key, the clocks may differ by over a day, it may shut this node out "
        "for a minute because it called too often, or it is no quorate node",
    ),
    (
        ("Received message larger than max",),
        LinkCode.FRAME_TOO_LARGE,
        "a message between us and {name} was over the transport's bound",
    ),
    (("Connection refused",), LinkCode.UNREACHABLE, "nothing listens at {address} ({name})"),
    (
        ("errors resolving", "DNS resolution failed"),
        LinkCode.UNREACHABLE,
        "the address {address} of {name} cannot be resolved",
    ),
    (
        ("failed to connect to all addresses",),
        LinkCode.UNREACHABLE,
        "{name} cannot be reached at {address}",
    ),
)


def _keepalive(limits: Limits) -> list[tuple[str, Any]]:
    return [
        ("grpc.keepalive_time_ms", limits.keepalive_ms),
        ("grpc.keepalive_timeout_ms", limits.keepalive_ms),
        ("grpc.http2.ping_timeout_ms", limits.keepalive_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
