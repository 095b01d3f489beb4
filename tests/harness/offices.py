"""A federation with approvers, and people who listen to its nodes (E4)."""

import asyncio
from pathlib import Path
from typing import Any

from consensus.envelope import Envelope
from consensus.verdict import Approval, Bundle, State, Statement, release, verify
from node import federation_file
from node.federation import Client
from node.identity import Identity
from node.wire import codec
from node.wire.watch import Event, WatchRequest

from .daemons import Grove
from .federations import person
from .meshes import PATIENCE_S

OFFICERS = ("alice", "bob")
"""The committee."""


class Office:
    """A grove whose federation names the approvers ann and ben, and the client eve."""

    def __init__(self, grove: Grove, home: Path) -> None:
        self.grove = grove
        self.keys: dict[str, Identity] = {}
        for name in ("ann", "ben", "eve"):
            self.keys[name] = person(home, name)
            one = Client(name=name, key=self.keys[name].public, approver=name != "eve")
            grove.federation = grove.federation.with_client(one)
        federation_file.save(grove.federation_path, grove.federation)

    def word(self, name: str, task: bytes, verdict: str, yes: bool = True, **said: Any) -> bytes:
        """A signed word of somebody."""
        at_ms = self.grove.nodes["alice"].runner.releases.now()
        word = Approval(
            task=task,
            verdict=bytes.fromhex(verdict),
            approver=self.keys[name].public,
            approve=yes,
            **{"note": "", "at_ms": at_ms, **said},
        )
        signature = self.keys[name].signing.sign(word.preimage)
        return Statement(approval=word, signature=signature).encode()

    async def decide(self, **policy: Any) -> tuple["Listener", "Listener"]:
        """A task that waits for its release, and what alice and bob tell of it."""
        opened = self.grove.open("alice", self.grove.ask(*OFFICERS, **{"approvals": 1, **policy}))
        told = [Listener(self.grove, name, opened.id, opened) for name in OFFICERS]
        for one in told:
            await one.until("awaiting")
        return told[0], told[1]


class Listener:
    """One who follows a task at one node."""

    def __init__(
        self, grove: Grove, name: str, task: bytes, opened: Envelope | None = None
    ) -> None:
        self.task = task
        self.heard: list[Event] = []
        self._events = grove.nodes[name].watch(WatchRequest(task=task, open=opened))

    async def until(self, *kinds: str) -> Event:
        """Listen until an event of one of these kinds."""
        async with asyncio.timeout(PATIENCE_S):
            async for event in self._events:
                self.heard.append(event)
                if event.kind in kinds:
                    return event
        raise AssertionError([event.kind for event in self.heard])

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.heard]


def checked(office: Office, data: bytes) -> State:
    """Where the release of a verdict file stands, verified with the federation file."""
    federation = office.grove.federation
    found = verify(
        Bundle.decode(data),
        codec.reader(),
        federation.floor_problem,
        approver=federation.is_approver,
    )
    return release(
        found.spec, found.release, office.grove.nodes["alice"].runner.releases.now()
    ).state
