"""The dialling end of a link: a `Stream` over a call of our own."""

import asyncio
from typing import Any

import grpc

from ..federation import FederationMember
from . import tls
from .client import SERVICE
from .link import By, LinkEnd, LinkEndedError


class DialledStream:
    """A Link call to `member` on a channel of its own, which `drop` closes."""

    def __init__(self, channel: Any, member: FederationMember) -> None:
        self._channel = channel
        self._member = member
        self._call = channel.stream_stream(f"/{SERVICE}/Link")()

    async def read(self) -> bytes | None:
        """The next message; None if the peer ended the call in good order."""
        try:
            data = await self._call.read()
        except grpc.RpcError as error:
            raise self._broken(error) from None
        except (asyncio.InvalidStateError, grpc.aio.BaseError):
            raise LinkEndedError.lost("the call is over") from None
        return None if data is grpc.aio.EOF else data

    async def write(self, data: bytes) -> None:
        """Send a message, waiting for the connection and for room."""
        try:
            await self._call.write(data)
        except grpc.RpcError as error:
            raise self._broken(error) from None
        except (asyncio.InvalidStateError, grpc.aio.BaseError):  # grpc says: the call is over
            raise LinkEndedError.lost("the peer ended the call") from None

    async def finish(self) -> None:
        """Say that nothing more comes; the serving side then ends the call."""
        try:
            await self._call.done_writing()
        except grpc.RpcError as error:
            raise self._broken(error) from None
        except (asyncio.InvalidStateError, grpc.aio.BaseError):
            return  # it ended before

    async def drop(self) -> None:
        """Close the connection. Nobody may be reading: grpc would cancel that task."""
        self._call.cancel()
        await self._channel.close()

    def _broken(self, error: grpc.RpcError) -> LinkEndedError:
        return LinkEndedError(LinkEnd(by=By.WIRE, reason=tls.explain(error, self._member)))
