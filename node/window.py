"""The daemon as HTTP clients see it: the other side of `node.api.contract.Window`."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from consensus.verdict import Bundle, BundleError

from . import checking
from .api import seen
from .api.contract import Absent
from .damage import Damaged, reading
from .deliberations import Deliberations
from .roster import Roster
from .store.contract import Store
from .wire import codec
from .wire.control import ControlError

if TYPE_CHECKING:
    from .clock import Clock
    from .daemon import Daemon

CHECKS: Final = 1
"""Verdicts that are checked at a time: a check takes a core for up to seconds."""


class Window:
    """A `Window` on a running daemon."""

    def __init__(
        self,
        daemon: "Daemon",
        *,
        store: Store,
        clock: "Clock",
        since_ms: int,
        naming: Callable[[str], str],
        stopping: Callable[[], bool],
    ) -> None:
        self._daemon = daemon
        self._since_ms = since_ms
        self._stopping = stopping
        self._tasks = Deliberations(daemon.runner, store, naming)
        self._roster = Roster(
            daemon.federation,
            daemon.runner.ledger.book,
            me=daemon.runner.me,
            links=self._links,
            wall_ms=clock.wall_ms,
            scoring=daemon.config.reputation.scoring,
        )
        self._checks = asyncio.Semaphore(CHECKS)

    async def deliberations(self, limit: int, after: str) -> seen.Listed:
        """A page of tasks. Raises `Absent`."""
        return await self._tasks.listed(limit, after)

    async def deliberation(self, task: bytes) -> seen.Deliberation:
        """A task. Raises `Absent`."""
        return await self._tasks.one(task)

    async def verdict(self, reference: str) -> seen.Deliberation:
        """The task of a verdict. Raises `Absent`, `Damaged`."""
        data = await self._file(reference)
        with reading(_named(reference)):
            bundle = Bundle.decode(data)
        return self._tasks.past(bundle)

    async def check(self, reference: str) -> seen.Check:
        """Check a verdict, off the loop. Raises `Absent`, `Damaged`."""
        async with self._checks:  # a file is read when it is its turn: many may wait
            data = await self._file(reference)
            try:
                return await asyncio.to_thread(
                    checking.check, data, self._daemon.federation, codec.reader()
                )
            except BundleError as error:
                raise Damaged(_named(reference), error) from None

    def members(self) -> seen.Members:
        """The federation's members."""
        return self._roster.all()

    async def member(self, name: str, limit: int) -> seen.MemberFacts:
        """A member and its last facts, of answers those that are released (E4). Raises `Absent`.

        Where it cannot be told whether one is, as its question is damaged, it is not.
        """
        found = self._roster.one(name, limit)
        facts, warnings = [], []
        for fact in found.facts:
            try:
                hidden = bool(await self._daemon.runner.releases.withheld(bytes.fromhex(fact.task)))
            except Damaged as error:
                hidden = True
                warnings.append(self._tasks.degraded(str(error)))
            facts.append(_hushed(fact) if hidden else fact)
        return msgspec.structs.replace(found, facts=facts, warnings=warnings)

    def node(self) -> seen.NodeSeen:
        """How this node is doing: its `status`, less what is its operator's alone."""
        status = self._daemon.status()
        federation, model = status["federation"], status["model"]
        return seen.NodeSeen(
            name=status["name"],
            key=status["key"],
            federation=federation["name"],
            network=federation["network"],
            epoch=federation["epoch"],
            members=federation["members"],
            up=1 + sum(peer["up"] for peer in status["peers"]),
            model=seen.ModelSeen(
                backend=model["backend"], family=model["family"], name=model["name"]
            ),
            since_ms=self._since_ms,
            decided=status["decided"],
            running=len(status["undecided"]),
            refused=status["refused_messages"],
            whole=status["database_matches"],
            twin=status["signed_by_another"],
            disk=seen.Disk(used=status["disk"]["used"], limit=status["disk"]["limit"]),
            stopping=self._stopping(),
        )

    def _links(self) -> Mapping[bytes, seen.Link]:
        return {bytes.fromhex(peer["key"]): _link(peer) for peer in self._daemon.peers()}

    async def _file(self, reference: str) -> bytes:
        try:
            return await self._daemon.verdict(reference)
        except ControlError as error:
            raise Absent(str(error)) from None


def _named(reference: str) -> str:
    return f"verdict {reference[:16]}"


def _hushed(fact: seen.FactSeen) -> seen.FactSeen:
    """A fact without what it says of the outcome."""
    return msgspec.structs.replace(fact, answer=None, winner=None, author=[], judge=[], why=[])


def _link(peer: Mapping[str, Any]) -> seen.Link:
    return seen.Link(
        up=peer["up"],
        rtt_ms=peer["rtt_ms"],
        skew_ms=peer["skew_ms"],
        federation_differs=peer["federation_differs"],
        end=peer["last_end"],
        refused=peer["refused"],
    )
