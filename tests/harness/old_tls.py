"""Run as a program: which versions of TLS do a node's server and client speak?

It has a process of its own because grpcio reads what forbids TLS 1.2 when it is first imported,
and a test session may have imported it earlier than the package under test.
"""

import asyncio
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from node import certificates
from node.clock import SystemClock
from node.wire.client import PeerError, connect
from node.wire.frames import FetchRequest
from node.wire.guests import GuestServer
from node.wire.limits import Limits

from .meshes import Orchard


class Nobody:
    """A console that is never asked: no handshake gets that far."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"{name} was asked")


async def main(home: Path) -> None:
    """Print a line for each of six handshakes."""
    async with Orchard(home, "alice", "bob") as orchard:
        alice = orchard.federation.find("alice")
        leaf = orchard.people["bob"].leaf(datetime.now(UTC))
        (home / "bob.pem").write_bytes(leaf.key + leaf.certificate)
        theirs = orchard.people["alice"].leaf(datetime.now(UTC))
        (home / "alice.pem").write_bytes(theirs.key + theirs.certificate)
        host, _, port = alice.address.partition(":")

        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(home / "alice.pem")
        server.set_alpn_protocols(["h2"])
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            server.minimum_version = server.maximum_version = version
            shaken: list[str] = []

            def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                shaken.append(writer.get_extra_info("ssl_object").version())  # noqa: B023
                writer.close()

            listening = await asyncio.start_server(accept, host, int(port), ssl=server)
            reason = ""
            try:
                async with listening, connect(leaf, alice, Limits()) as client:
                    async for _ in client.fetch(FetchRequest(task=bytes(32), round=1)):
                        pass
            except PeerError as error:
                reason = error.reason.text
            print(f"a server of {version.name}: {sorted(set(shaken)) or reason}")  # noqa: T201

        await orchard.start("alice")
        context = ssl.create_default_context(cadata=certificates.pem(alice.certificate).decode())
        context.load_cert_chain(home / "bob.pem")
        context.set_alpn_protocols(["h2"])
        guests = await GuestServer.open(
            f"{host}:0",
            Nobody(),
            me=orchard.people["alice"],
            federation=orchard.federation,
            asks_per_minute=1,
            clock=SystemClock(),
            limits=Limits(),
        )
        for who, at in (("client", int(port)), ("guest", guests.port)):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context.minimum_version = context.maximum_version = version
                try:
                    reader, writer = await asyncio.open_connection(
                        host,
                        at,
                        ssl=context,
                        server_hostname=certificates.server_name(alice.key),
                    )
                    said = len(await reader.read(9))  # the server's settings
                    writer.close()
                except (ssl.SSLError, ConnectionError):
                    said = 0
                served = "served" if said else "refused"
                print(f"a {who} of {version.name}: {served}")  # noqa: T201
        await guests.stop(0)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
