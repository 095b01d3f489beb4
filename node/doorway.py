"""The daemon as its HTTP front sees it: the other side of `node.api.contract.Door`."""

import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final

from consensus.bodies import BodyError

from .accounts import account
from .api import seen
from .api.contract import Absent, Account, Cause, Peer, Question, Refused, Unheard
from .entrance import RefusedTask
from .statements import StatementRefused
from .wire.admission import Code
from .wire.control import Ask, ControlError
from .wire.watch import Event, WatchRequest

if TYPE_CHECKING:
    from .daemon import Daemon

_KEYS: Final = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{8})\b")


class Doorway:
    """A `Door` to a running daemon."""

    def __init__(self, daemon: "Daemon", *, since_ms: int, stopping: Callable[[], bool]) -> None:
        self._daemon = daemon
        self._since_ms = since_ms
        self._stopping = stopping
        self._names = {
            digits: member.name
            for member in daemon.federation.members
            for digits in (member.key.hex(), member.key.hex()[:8])
        }

    @property
    def name(self) -> str:
        """What this node is called."""
        return self._daemon.config.name

    @property
    def since_ms(self) -> int:
        """When it began."""
        return self._since_ms

    def open(self, question: Question) -> bytes:
        """Open a task. Raises `Refused`."""
        if self._stopping():
            raise Refused(Cause.STOPPING, f"{self.name} is stopping")
        try:
            spec = self._daemon.spec(
                Ask(
                    messages=question.messages,
                    answer=question.answer,
                    domain=question.domain,
                    members=tuple(self._daemon.federation.find(n).key for n in question.members),
                    policy=dict(question.policy),
                    mode="",
                    not_after_s=question.life_s,
                    budget=question.budget,
                )
            )
        except (ControlError, ValueError) as error:
            raise Refused(Cause.INVALID, str(error)) from None
        up = {*self._daemon.runner.up, self._daemon.runner.me}
        quorum = spec.committee.quorum
        away = [key for key in spec.committee.members if key not in up]
        if quorum.n - len(away) < quorum.q:
            names = tuple(peer.name for peer in map(self._peer, away))
            listed = ", ".join(f"{peer.name} ({peer.address})" for peer in map(self._peer, away))
            raise Refused(
                Cause.TOO_FEW,
                f"{quorum.q} of the {quorum.n} members are needed, and {self.name} does not reach "
                f"{listed}",
                names,
            )
        try:
            return self._daemon.runner.entrance.ask(spec).task.id
        except RefusedTask as error:
            cause = {None: Cause.BUSY, Code.OVERSIZE: Cause.TOO_LONG}.get(error.code, Cause.INVALID)
            raise Refused(cause, f"{self.name} does not take the task: {error}") from None
        except BodyError as error:  # larger in all than a TaskOpen may be
            raise Refused(Cause.TOO_LONG, str(error)) from None

    def follow(self, task: bytes) -> AsyncIterator[Event]:
        """The steps of a task."""
        return self._daemon.runner.entrance.watch(WatchRequest(task=task))

    def withdraw(self, task: bytes) -> None:
        """Ask this node's own model nothing more about a task."""
        live = self._daemon.runner.live.get(task)
        if live is not None:
            self._daemon.runner.consultant.withdraw(live)

    def committee(self, task: bytes) -> tuple[Peer, ...]:
        """The members of a task that is under way here, or all of the federation's."""
        live = self._daemon.runner.live.get(task)
        if live is None:
            keys = tuple(bytes(member.key) for member in self._daemon.federation.members)
        else:
            keys = tuple(map(bytes, live.task.committee.members))
        return tuple(map(self._peer, keys))

    def _peer(self, key: bytes) -> Peer:
        member = self._daemon.federation.member(key)
        return Peer(
            name=self._daemon.federation.label(key),
            address="" if member is None else member.address,
            up=key == self._daemon.runner.me or key in self._daemon.runner.up,
        )

    def naming(self, text: str) -> str:
        """`text` with members' names for the first digits of their keys, or for whole keys."""
        return _KEYS.sub(lambda found: self._names.get(found[0], found[0]), text)

    async def account(self, task: bytes) -> Account:
        """What the verdict of a finished task says of costs and faults. Raises `Absent`."""
        if why := await self._daemon.runner.releases.withheld(task):
            raise Absent(f"the verdict is not released: {why}")
        past = await self._daemon.runner.archive.load(task)
        if past is None:
            raise Absent(f"no verdict of task {task.hex()[:16]} is here")
        return account(past.bundle, self._daemon.federation.label)

    async def hear(self, task: bytes, statement: bytes) -> seen.Heard:
        """Take a client's signed statement on `task`. Raises `Unheard`."""
        try:
            told = await self._daemon.statements.take(statement, task)
        except StatementRefused as error:
            raise Unheard(error.code, str(error)) from None
        if free := told.get("free"):
            raise Unheard(
                "number_taken", f"another note of yours has that number: {free} is free", free
            )
        if "free" in told:
            raise Unheard("too_many", "you have all the notes in this task that one may")
        return seen.Heard(
            kind=told["kind"],
            task=told["task"],
            id=told["note" if told["kind"] == "note" else "fact"],
            new=told["new"],
            state=told.get("state"),
            reason=told.get("reason"),
            number=told.get("number"),
        )

    def history(self, task: bytes) -> str:
        """What tells the events that `follow` gives now from those of another time."""
        live = self._daemon.runner.live.get(task)
        return "" if live is None else f"{self._since_ms:x}-{live.began_ms:x}"

    async def verdict(self, reference: str) -> bytes:
        """A verdict file. Raises `Absent`."""
        if why := await self._daemon.withheld(reference):
            raise Absent(f"the verdict is not released: {why}")
        try:
            return await self._daemon.verdict(reference)
        except ControlError as error:
            raise Absent(str(error)) from None
