"""Mallory over real TLS: a member's identity, its links, and no daemon behind them."""

import os
import ssl
import time
from asyncio import StreamReader, StreamWriter, open_connection
from collections.abc import Callable, Iterable
from dataclasses import replace
from tempfile import NamedTemporaryFile
from typing import Any, Final

from consensus.bodies import AnswerKind, AnswerSpec, Body, Budget, Content, TaskOpen, Vote
from consensus.committee import Committee, FaultMode
from consensus.envelope import Ctx, Envelope, Kind, Member, Stage
from consensus.policy import Policy
from node.certificates import Leaf
from node.clock import Clock, SystemClock
from node.federation import Federation, split_address
from node.identity import Identity
from node.wire.client import PeerClient, open_client
from node.wire.frames import FetchRequest, Frame, LinkRefusal, Want
from node.wire.mesh import Mesh
from node.wire.tls import wall

from .cast import ctx, signed
from .meshes import QUICK, Listener

FLOOD: Final = 500
"""Envelopes that a flood puts into one frame."""


def wall_ms() -> int:
    """The wall clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Rogue:
    """A member gone bad: whatever a test gives it to say, it says."""

    def __init__(
        self, me: Identity, federation: Federation, clock: Clock, *, name: str = ""
    ) -> None:
        """`name` is what the federation calls it, by default what its directory is called."""
        self.public = me.public
        self.heard = Listener()
        self._me = me
        self._clock = clock
        self._federation = federation
        self._mesh = Mesh(
            identity=me,
            federation=federation,
            listen=federation.find(name or me.directory.name).address,
            clock=clock,
            handler=self.heard,
            limits=QUICK,
        )

    async def start(self) -> None:
        """Listen, and begin to dial."""
        await self._mesh.start()

    async def stop(self) -> None:
        """Hang up."""
        await self._mesh.stop(1.0)

    async def linked(self, *members: bytes) -> None:
        """Wait for links with these members."""
        await self.heard.until(lambda: set(members) <= self._mesh.up)

    def ended(self, member: bytes) -> Callable[[], LinkRefusal | None]:
        """Asks why the last link with a member, or the last attempt at one, ended."""
        return lambda: next(
            peer.last_end for peer in self._mesh.status() if peer.member.key == member
        )

    # -- what it says -----------------------------------------------------------------

    def send(self, member: bytes, frame: Frame) -> None:
        """Send one frame."""
        assert member in self._mesh.up
        self._mesh.send(member, frame)

    def say(self, member: bytes, *envelopes: Envelope) -> None:
        """Send envelopes in one frame."""
        self.send(member, Frame(envelopes=envelopes))

    async def flood(self, member: bytes, envelopes: Iterable[Envelope]) -> None:
        """Send many envelopes, and wait until the member has looked at each."""
        waiting = list(envelopes)
        for at in range(0, len(waiting), FLOOD):
            self.say(member, *waiting[at : at + FLOOD])
            await self.through(member)

    async def through(self, member: bytes) -> None:
        """Wait until `member` has handled all that was sent: it asks what a last vote is about."""
        task = os.urandom(32)
        committee = self.committee(member)
        self.say(member, self.sign(Kind.PREVOTE, self.at(committee, task), nil()))
        want = (member, Frame(wants=(Want(task=task),)))
        await self.heard.until(lambda: _asked(self.heard, want))

    async def fetch(self, member: bytes, request: FetchRequest) -> list[Envelope]:
        """What a member serves."""
        return [envelope async for envelope in self._mesh.fetch(member, request)]

    async def bare(self, member: bytes) -> tuple[StreamReader, StreamWriter]:
        """A bare connection to a member's port, for HTTP/2 by hand."""
        found = self._federation.member(member)
        assert found is not None
        return await bare(found.address, self._me)

    def client(self, member: bytes) -> PeerClient:
        """Calls to a member beside the link, over a connection of their own."""
        return open_client(self._me, self._federation, member, self._clock, QUICK)

    # -- what it signs ----------------------------------------------------------------

    def committee(self, *others: bytes, policy: Policy | None = None, **changes: Any) -> Committee:
        """A committee of mallory and others, as the federation file has them."""
        keys = sorted({self.public, *others})
        found = [self._federation.member(key) for key in keys]
        made = Committee(
            network=self._federation.network,
            members=tuple(map(Member, keys)),
            families=tuple("unknown" if one is None else one.family for one in found),
            mode=FaultMode.BYZANTINE,
            policy=policy or Policy(),
        )
        return replace(made, **changes) if changes else made

    def at(
        self, committee: Committee, task: bytes, round: int = 1, stage: Stage = Stage.SLATE
    ) -> Ctx:
        """An instance of a task."""
        return ctx(committee, task=task, round=round, stage=stage)

    def sign(self, kind: Kind, at: Ctx | bytes, body: Body | bytes) -> Envelope:
        """An envelope under mallory's own signature."""
        return signed(self._me.signing, kind, at, body)

    def opening(self, committee: Committee, *, by: Any = None, **changes: Any) -> Envelope:
        """A TaskOpen of that committee, opened now for a minute unless changed."""
        now = wall_ms()
        spec = TaskOpen(
            committee=committee,
            messages=(Content(text="?"),),
            answer=AnswerSpec(kind=AnswerKind.CHOICE, options=("a", "b", "c")),
            domain="",
            opened_at_ms=now,
            not_after_ms=now + 60_000,
            budget=Budget(),
            nonce=os.urandom(16),
        )
        spec = replace(spec, **changes)
        return signed(by or self._me.signing, Kind.TASK_OPEN, ctx(committee), spec)


def nil() -> Vote:
    """A vote for nothing."""
    return Vote(view=0, value=bytes(32))


def _asked(heard: Listener, want: tuple[bytes, Frame]) -> bool:
    member, frame = want
    return any(
        sender == member and frame.wants[0] in got.wants for sender, got in reversed(heard.frames)
    )


async def bare(
    address: str, me: Identity | None = None, leaf: Leaf | None = None
) -> tuple[StreamReader, StreamWriter]:
    """A bare connection over TLS that believes anybody, for HTTP/2 by hand; `me` shows its leaf,
    or that one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if me is not None and leaf is None:
        leaf = me.leaf(wall(SystemClock()))
    if leaf is not None:
        with NamedTemporaryFile() as shown:  # ssl reads files only
            shown.write(leaf.certificate + leaf.key)
            shown.flush()
            context.load_cert_chain(shown.name)
    return await open_connection(*split_address(address), ssl=context)
