"""Twins: two live instances of one identity, each of which keeps to the protocol.

A machine was cloned, or a backup restored beside the running one. Each twin has a store of its
own, copied or fresh, and a model of its own; every other member has a link to one of them, now to
the one and now to the other, or to both.
"""

import random
from typing import TYPE_CHECKING

from consensus.deliberation.effects import Event, Links
from consensus.envelope import MessageId, tagged_hash
from consensus.ports import Message

from .member import Mind, SimNode

if TYPE_CHECKING:
    from .swarm import Swarm

SHIFT_MS = 900
"""How long a member's link stays with a twin, at least."""


class Twin(SimNode):
    """One of the two. It reaches only those whose link it holds."""

    honest = False

    def __init__(self, swarm: "Swarm", position: int, mind: Mind, *, place: int) -> None:
        super().__init__(swarm, position, mind)
        self.place = place
        self.links: dict[int, str] = {}

    def deliver(self, goal: SimNode, message: Message) -> None:
        """Send to those on this side."""
        if str(self.place) in self.links.get(goal.position, "01"):
            if message.signer == self.member:
                self.swarm.sent(self, goal, message)
            super().deliver(goal, message)


class Twins(Twin):
    """Both of them: the first, and the second behind it. To the others they are one member."""

    def __init__(
        self, swarm: "Swarm", position: int, minds: tuple[Mind, Mind], rng: random.Random
    ) -> None:
        super().__init__(swarm, position, minds[0], place=0)
        self._rng = rng
        self.second = Twin(swarm, position, minds[1], place=1)
        if rng.random() < 0.5:  # of a fresh store; a copied one draws the same secrets
            self.second.disk.secret = tagged_hash("sim-twin", self.disk.secret)
        self.second.links = self.links

    def boot(self) -> None:
        """Start both."""
        super().boot()
        self.second.boot()
        self._shift()

    def step(self, event: Event) -> None:
        """News of links reach both; all else was handed to one."""
        super().step(event)
        if isinstance(event, Links):
            self.second.step(event)

    def receive(self, message: Message, source: SimNode) -> None:
        """Whoever holds the link is handed the message."""
        for twin in self._holders(source):
            SimNode.receive(twin, message, source)

    def digested(self, origin: SimNode, round_: int, prefixes: frozenset[bytes]) -> None:
        """Whoever holds the link answers."""
        for twin in self._holders(origin):
            SimNode.digested(twin, origin, round_, prefixes)

    def asked(self, origin: SimNode, ids: tuple[MessageId, ...]) -> None:  # type: ignore[override]
        """Whoever holds the link answers."""
        for twin in self._holders(origin):
            SimNode.asked(twin, origin, ids)

    def _holders(self, source: SimNode) -> list[Twin]:
        side = self.links.get(source.position, "01")
        return [twin for twin in (self, self.second) if str(twin.place) in side]

    def _shift(self) -> None:
        """Links go over to the other twin, now and then."""
        for node in self.others():
            self.links[node.position] = self._rng.choice(("0", "1", "01"))
        if self.running is not None or self.second.running is not None:
            self._later(self._rng.randint(SHIFT_MS, 4 * SHIFT_MS), self._shift)
