"""Ending a connection that grpc would keep: its Python has no call for that."""

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_OPEN: Final = Path("/dev/fd")
"""What this process has open, on Linux and the BSDs."""

_Address = IPv4Address | IPv6Address


def cut(peers: Iterable[str]) -> int:
    """Shut the TCP connections with `peers`, as grpc names them; how many there were.

    grpc then finds each ended, as if the other side had gone. Nothing is closed under its feet: a
    duplicate of the descriptor is asked who is there, and shut. All that is open is looked at, some
    ten microseconds each, so many are better cut at once.
    """
    wanted = {found for peer in peers if (found := _parsed(peer)) is not None}
    ports, count = {port for _, port in wanted}, 0
    if not wanted:
        return 0
    for name in os.listdir(_OPEN):  # noqa: PTH208  names alone, of what may be gone again
        with suppress(OSError), _duplicate(int(name)) as open_:
            host, port = open_.getpeername()[:2]
            if port in ports and _of(host, port) in wanted:
                open_.shutdown(socket.SHUT_RDWR)
                count += 1
    return count


@contextmanager
def _duplicate(descriptor: int) -> Iterator[socket.socket]:
    """The internet socket behind a descriptor, by a descriptor of its own. Raises `OSError`."""
    own = os.dup(descriptor)
    try:
        found = socket.socket(fileno=own)
    except OSError:
        os.close(own)
        raise
    with found:
        if found.family not in (socket.AF_INET, socket.AF_INET6):
            raise OSError(errno.EAFNOSUPPORT, "no internet socket")
        yield found


def _parsed(peer: str) -> tuple[_Address, int] | None:
    """`ipv4:127.0.0.1:5`, `ipv6:%5B::1%5D:5`."""
    kind, _, rest = unquote(peer).partition(":")
    host, _, port = rest.rpartition(":")
    if kind not in ("ipv4", "ipv6") or not port.isdecimal():
        return None
    try:
        return _of(host.strip("[]"), int(port))
    except ValueError:
        return None


def _of(host: str, port: int) -> tuple[_Address, int]:
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address, port
