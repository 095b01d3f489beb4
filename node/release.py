"""Outcomes that wait for a person: who said what of their release, and what clients hear (E4).

The words of approvers are facts of the ledger, so they reach every member, survive restarts and
are proven wherever they come from. What follows from them is computed anew each time. A task whose
policy asks for approvals is told like any other but for its outcomes, which are held back until
the release is open; a node's own operator, and approvers, can read the verdict meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from consensus.bodies import TaskOpen
from consensus.envelope import TaskId
from consensus.verdict import Approval, Bundle, Release, State, Statement, release, until
from reputation import ApprovalFact

from .archive import Archive, asked
from .clock import Clock
from .federation import Federation
from .ledger import Ledger
from .store.contract import Store
from .wire import codec
from .wire.watch import Event

AWAITING: Final = "awaiting"
"""Kind of the event that says that an outcome waits for approvals; it comes again when one of
them has come."""

WITHHELD: Final = "withheld"
"""Kind of the last event of a task whose outcome was not released."""


FREE: Final = 4_096
"""Tasks remembered as waiting for nobody: a list of facts asks about hundreds at a time."""


class Releases:
    """The releases of one node's tasks."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        archive: Archive,
        store: Store,
        federation: Federation,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._archive = archive
        self._store = store
        self._federation = federation
        self._clock = clock
        self._changed = asyncio.Event()
        self._free: set[bytes] = set()

    def news(self) -> None:
        """Facts came: whoever waits looks again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def now(self) -> int:
        """This node's wall clock, in milliseconds."""
        return self._clock.wall_ms()

    def stands(self, task: bytes, spec: TaskOpen) -> Release:
        """Where the release of a decided task stands now."""
        words = [_approval(fact) for fact in self._ledger.book.approvals(task)]
        return release(spec, words, self._clock.wall_ms())

    async def withheld(self, task: bytes) -> str:
        """Why clients may not have a task's verdict, `""` if they may, or if it is not here.

        Its question says, which is smaller than the verdict, and is there where that is damaged.
        Raises `Damaged` where nobody can tell: clients may not have it then.
        """
        if task in self._free:
            return ""
        row = await self._store.task(TaskId(task))
        if row is not None:
            spec = asked(task, row)
        elif (past := self._archive.past(task)) is not None:  # it was pruned a moment ago
            spec = past.spec
        else:
            return ""
        if not spec.committee.policy.approvals:
            if len(self._free) >= FREE:
                self._free.clear()
            self._free.add(task)
            return ""
        # Whatever state the row is in: it is signed by nobody, unlike the question.
        stands = self.stands(task, spec)
        return "" if stands.open else self.reason(stands)

    async def attached(self, bundle: Bundle) -> Bundle:
        """The verdict with the words on its release that count."""
        rows = [
            await self._store.fact(fact.id) for fact in self._ledger.book.approvals(bundle.task)
        ]
        return attach(bundle, [row.proof for row in rows if row is not None], self._federation)

    def reason(self, stands: Release) -> str:
        """A release that is not open, in words."""
        return reason(stands.plain(), self._federation)

    async def held(self, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        """A task's events as a client may have them: outcomes come when they are released."""
        spec: TaskOpen | None = None
        outcomes: list[Event] = []
        async for event in events:
            if event.open is not None:
                spec = codec.task_open(event.open)
            if spec is None or not spec.committee.policy.approvals:
                yield event
            elif event.kind == "outcome":
                outcomes.append(event)
            elif event.kind == "verdict":
                async for told in self._decided(event, spec, outcomes):
                    yield told
            else:
                yield event

    async def _decided(
        self, verdict: Event, spec: TaskOpen, outcomes: list[Event]
    ) -> AsyncIterator[Event]:
        """The wait for approvals, then what it came to."""
        said: dict[str, Any] | None = None
        while True:
            changed = self._changed  # before looking: what comes after is not missed
            stands = self.stands(verdict.task, spec)
            plain = stands.plain()
            if stands.state is not State.AWAITING:
                break
            if plain != said:
                said = plain
                detail = {
                    "verdict": verdict.detail["verdict"],
                    "yes": len(stands.approved),
                    "reason": self.reason(stands),
                    "release": plain,
                }
                yield replace(verdict, kind=AWAITING, detail=detail)
            left_ms = stands.until_ms - self._clock.wall_ms() + 1
            try:
                async with asyncio.timeout(max(left_ms, 1) / 1_000):
                    await changed.wait()
            except TimeoutError:
                continue
        if stands.open:
            for event in outcomes:
                yield event
            yield replace(verdict, detail={**verdict.detail, "release": plain})
            return
        detail = {
            "verdict": verdict.detail["verdict"],
            "state": str(stands.state),
            "reason": self.reason(stands),
            "release": plain,
        }
        yield replace(verdict, kind=WITHHELD, detail=detail)


def attach(bundle: Bundle, proofs: Iterable[bytes], federation: Federation) -> Bundle:
    """`bundle` with those of the stored words on its release that verify as a part of it (E4):
    of approvers, on this verdict, in time, and of each the one that stands."""
    spec = codec.task_open(bundle.opened)
    if not spec.committee.policy.approvals:
        return bundle
    last, found = until(spec), dict[bytes, Statement]()
    for said in map(Statement.decode, proofs):
        word = said.approval
        fits = (word.task, word.verdict) == (bundle.task, bundle.id) and word.at_ms <= last
        before = found.get(word.approver)
        if not fits or not federation.is_approver(word.approver):
            continue
        if before is None or _rank(word) < _rank(before.approval):
            found[word.approver] = said
    return replace(bundle, release=tuple(found[key] for key in sorted(found)))


def _rank(word: Approval) -> tuple[bool, int, bytes]:
    return word.approve, word.at_ms, word.body


def reason(plain: Mapping[str, Any], federation: Federation | None) -> str:
    """A release (`Release.plain`) in words, approvers by name where a federation file has them."""
    match plain["state"]:
        case State.REJECTED:
            said = "; ".join(
                _named(word["approver"], federation) + (f": {word['note']}" if word["note"] else "")
                for word in plain["refused"]
            )
            return f"rejected by {said}"
        case State.APPROVED:
            by = ", ".join(_named(word["approver"], federation) for word in plain["approved"])
            return f"approved by {by}"
        case State.UNAPPROVED:
            return (
                f"unapproved: {len(plain['approved'])} of {plain['needed']} approvals came before "
                "the time for them was over"
            )
        case State.AWAITING:
            return f"awaiting approval: {len(plain['approved'])} of {plain['needed']} so far"
        case _:
            return ""


def _named(key: str, federation: Federation | None) -> str:
    name = None if federation is None else federation.client_name(bytes.fromhex(key))
    return name or key[:16]


def _approval(fact: ApprovalFact) -> Approval:
    return Approval(
        task=fact.task,
        verdict=fact.verdict,
        approver=fact.approver,
        approve=fact.approve,
        note=fact.note,
        at_ms=fact.at_ms,
    )
