"""The daemon as its HTTP front sees it: the other side of `node.api.contract.Door`."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from consensus.bodies import BodyError, Commit, Opening, Proposal, Report, Usage
from consensus.envelope import Kind
from consensus.verdict import Bundle

from .api.contract import Absent, Account, Cause, Cost, Fault, Peer, Question, Refused
from .entrance import RefusedTask
from .models.base import Failure
from .wire import codec
from .wire.admission import Code
from .wire.control import Ask, ControlError
from .wire.watch import Event, WatchRequest

if TYPE_CHECKING:
    from .daemon import Daemon

_KEYS: Final = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{8})\b")


_OVERDUE: Final = (
    "the model gave no draft in time",
    "the model gave no judgment in time",
)
"""A timeout as the core words it, whose own deadline may come before the model call's (R0)."""


class Doorway:
    """A `Door` to a running daemon."""

    def __init__(self, daemon: "Daemon", *, since_ms: int, stopping: Callable[[], bool]) -> None:
        self._daemon = daemon
        self._since_ms = since_ms
        self._stopping = stopping

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
        names = {
            digits: member.name
            for member in self._daemon.federation.members
            for digits in (member.key.hex(), member.key.hex()[:8])
        }
        return _KEYS.sub(lambda found: names.get(found[0], found[0]), text)

    async def account(self, task: bytes) -> Account:
        """What the verdict of a finished task says of costs and faults. Raises `Absent`."""
        past = await self._daemon.runner.archive.load(task)
        if past is None:
            raise Absent(f"no verdict of task {task.hex()[:16]} is here")
        return account(past.bundle, self._daemon.federation.label)

    async def verdict(self, reference: str) -> bytes:
        """A verdict file. Raises `Absent`."""
        try:
            return await self._daemon.verdict(reference)
        except ControlError as error:
            raise Absent(str(error)) from None


# -- what a verdict says of costs and faults ----------------------------------------------


@dataclass(slots=True)
class _Spent:
    tokens_in: int = 0
    tokens_out: int = 0
    micros: int = 0
    reported: int = 0
    reported_micros: int = 0

    def add(self, usage: Usage) -> None:
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out
        self.micros += usage.micros


@dataclass(slots=True)
class _Books:
    spent: dict[bytes, _Spent] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def of(self, member: bytes) -> _Spent:
        return self.spent.setdefault(member, _Spent())


def account(bundle: Bundle, label: Callable[[bytes], str]) -> Account:
    """The costs and faults that a verdict holds, as its members signed them.

    Ballots carry their usage, drafts only where they were not mixed (R3); a REPORT before an
    outcome carries what its member spent in all (P2a), and an outcome names q REPORTs at least, so
    of a member whose REPORT it leaves out the mixed drafts are not known. Claims, all of them:
    nobody can check a bill of another's provider.
    """
    books = _Books()
    for part in bundle.rounds:
        named = [
            (envelope, codec.decode(Kind(envelope.kind), envelope.payload))
            for envelope in part.named
            if envelope.kind in (Kind.COMMIT, Kind.PROPOSAL, Kind.OPENING, Kind.REPORT)
        ]
        authors = {
            body.alias: envelope.signer for envelope, body in named if isinstance(body, Opening)
        }
        for envelope, body in named:
            match body:
                case Report():
                    spent = books.of(envelope.signer)
                    spent.reported = max(spent.reported, body.tokens)
                    spent.reported_micros = max(spent.reported_micros, body.micros)
                case Proposal() if envelope.signer in authors:
                    books.of(authors[envelope.signer]).add(body.usage)
                case Opening() if body.ballot is not None:
                    books.of(envelope.signer).add(body.ballot.usage)
                    books.faults += _faults(label(envelope.signer), "judge", body.ballot.abstain)
                case Commit():
                    books.faults += _faults(label(envelope.signer), "draft", body.abstain)
                case _:
                    pass
    costs = [
        Cost(
            member=label(member),
            tokens_in=spent.tokens_in,
            tokens_out=spent.tokens_out,
            unsplit=max(0, spent.reported - spent.tokens_in - spent.tokens_out),
            micros=max(spent.micros, spent.reported_micros),
        )
        for member, spent in books.spent.items()
    ]
    return Account(
        costs=tuple(sorted(costs, key=lambda cost: cost.member)),
        faults=tuple(
            sorted(
                dict.fromkeys(books.faults),  # what others follow from first
                key=lambda fault: (not fault.code, fault.member, fault.doing),
            )
        ),
    )


def _faults(member: str, doing: str, reason: str) -> Iterator[Fault]:
    if not reason:
        return
    served, _, what = reason.rpartition(": ")
    provider, _, model = served.partition(" ")
    code = next((kind.name.lower() for kind in Failure if what.startswith(kind)), "")
    if reason in _OVERDUE:
        code = Failure.TIMEOUT.name.lower()
    yield Fault(
        member=member,
        doing=doing,
        provider=provider if code else "",
        model=model if code else "",
        reason=reason,
        code=code,
    )
