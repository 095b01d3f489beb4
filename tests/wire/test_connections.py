"""A connection is ended by the name that grpc has for it, and no other one (T3)."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from node.wire.connections import cut


@contextmanager
def pair(family: socket.AddressFamily, host: str, dial: str) -> Iterator[tuple[socket.socket, ...]]:
    """A connection: the accepting end, and the dialling one."""
    with (
        socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::") as listener,
        socket.create_connection((dial, listener.getsockname()[1])) as calling,
        listener.accept()[0] as accepted,
    ):
        yield accepted, calling


def name(calling: socket.socket) -> str:
    """As grpc's `context.peer()` has it."""
    host, port = calling.getsockname()[:2]
    return f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"


@pytest.mark.parametrize(
    ("family", "host", "dial"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
    ],
    ids=["IPv4", "IPv6"],
)
def test_the_connection_with_that_peer_ends_and_no_other(
    family: socket.AddressFamily, host: str, dial: str
) -> None:
    with pair(family, host, dial) as (accepted, calling), pair(family, host, dial) as others:
        assert cut([name(calling)]) == 1
        assert (calling.recv(1), accepted.recv(1)) == (b"", b"")
        others[0].sendall(b"x")
        assert others[1].recv(1) == b"x"
        assert accepted.fileno() >= 0  # shut, not closed: whoever owns it closes it


def test_an_address_of_the_old_kind_is_the_same_on_a_port_for_both() -> None:
    with pair(socket.AF_INET6, "::", "127.0.0.1") as (accepted, calling):
        assert accepted.getpeername()[0] == "::ffff:127.0.0.1"
        assert cut([name(calling)]) == 1
        assert calling.recv(1) == b""


def test_many_connections_are_ended_in_one_go() -> None:
    with (
        pair(socket.AF_INET, "127.0.0.1", "127.0.0.1") as one,
        pair(socket.AF_INET6, "::1", "::1") as two,
        pair(socket.AF_INET, "127.0.0.1", "127.0.0.1") as other,
    ):
        assert cut([name(one[1]), name(two[1]), "unix:", "ipv4:127.0.0.9:1"]) == 2
        assert (one[1].recv(1), two[1].recv(1)) == (b"", b"")
        other[0].sendall(b"x")
        assert other[1].recv(1) == b"x"


@pytest.mark.parametrize(
    "peer",
    ["", "unix:", "ipv4:", "ipv4:127.0.0.1", "ipv4:127.0.0.1:x", "ipv6:%5B::1%5D:1", "ipv4:a:1"],
)
def test_a_peer_that_is_not_connected_is_none(peer: str) -> None:
    assert not cut([peer])
