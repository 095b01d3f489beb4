"""Asking a member whether it would have a link with us, without having one (rule T2a)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ..clock import Clock
from ..federation import Federation, FederationMember
from ..identity import Identity
from . import tls
from .client import open_channel
from .dial import DialledStream
from .frames import FrameError, Hello, LinkCode, LinkRefusal, Packet, decode, encode
from .limits import Limits
from .link import LinkEndedError, part
from .mesh import make_hello

PROBE_MS: Final = 5_000
"""Milliseconds that a member has to answer; a link's own greeting has as long."""

TAKEN: Final = frozenset({LinkCode.WRONG_DIALLER, LinkCode.DUPLICATE_LINK})
"""Refusals by a member with which a link is possible: it dials us, or there is one already."""

GOODBYE: Final = LinkRefusal(code=LinkCode.STOPPING, text="this was only a check")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a member answered. `refusal` is None if there can be a link.

    `skew_ms` is how far its wall clock is ahead of ours, None if it told no time.
    """

    hello: Hello | None = None
    refusal: LinkRefusal | None = None
    skew_ms: int | None = None
    linked: bool = False
    """It has a link with a process that has our key."""


async def probe(
    identity: Identity,
    federation: Federation,
    member: FederationMember,
    clock: Clock,
    limits: Limits,
) -> Probed:
    """Greet `member` as a dialling node would, and hang up."""
    leaf = identity.leaf(tls.wall(clock))
    channel = open_channel(leaf, member, limits, receive=2 * limits.frame_bytes)
    stream = DialledStream(channel, member)
    try:
        async with asyncio.timeout(PROBE_MS / 1_000):
            return await _greet(stream, make_hello(federation, clock, limits), clock, limits)
    except TimeoutError:
        text = f"{member.name} at {member.address} did not answer in {PROBE_MS // 1_000} s"
        return Probed(refusal=LinkRefusal(code=LinkCode.UNREACHABLE, text=text))
    except LinkEndedError as error:
        return Probed(refusal=error.end.reason)
    except FrameError as error:
        return Probed(refusal=error.refusal)
    finally:
        await stream.drop()


async def _greet(stream: DialledStream, mine: Hello, clock: Clock, limits: Limits) -> Probed:
    with suppress(LinkEndedError):  # a peer that refused us before we spoke: reading says why
        await stream.write(encode(Packet(hello=mine)))
    data = await stream.read()
    if data is None:
        raise LinkEndedError.lost("the member ended the call without a word")
    packet = decode(data, limits)
    if packet.refusal is None:
        await part(stream, LinkEndedError.refusing(GOODBYE), limits)
    refusal = packet.refusal
    return Probed(
        hello=packet.hello,
        refusal=None if refusal is not None and refusal.code in TAKEN else refusal,
        skew_ms=None if packet.hello is None else packet.hello.wall_ms - clock.wall_ms(),
        linked=refusal is not None and refusal.code == LinkCode.DUPLICATE_LINK,
    )
