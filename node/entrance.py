"""Tasks coming in and going: asked here, offered by others, resumed, expired, followed (S7)."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from consensus.bodies import Acceptance, Note, TaskOpen
from consensus.deliberation.scribe import Kept, Scribe
from consensus.deliberation.task import Task
from consensus.envelope import ZERO, Ctx, Kind, Stage, TaskId
from consensus.ports import Message, Reader, Writer

from .clock import Clock
from .damage import Damaged
from .entropy import Entropy
from .intake import FOLLOWED, Load
from .live import Live
from .log import get_logger
from .observe.contract import Ended, Opened
from .store.contract import Store
from .store.records import Closed, Pruned, Role, TaskRow, TaskState
from .watchers import opening
from .wire import toll
from .wire.admission import Code, Refusal
from .wire.watch import Event, WatchRequest

if TYPE_CHECKING:
    from .runner import Runner

log = get_logger("entrance")

ENDED = {TaskState.EXPIRED: "expired", TaskState.REFUSED: "abandoned"}
"""The last event of a task that ends without a verdict."""

NO_ROOM = "no further task can be remembered here until others expire"

GRACE_MS = 10_000
"""How long past its not-after an undecided task is still followed: a verdict may be near."""


class RefusedTask(Exception):  # noqa: N818  named for what happened
    """This node does not take the task; the text is the reason.

    `code` is the gate's, where the task itself is at fault; without one there is no room for it.
    """

    def __init__(self, text: str, code: Code | None = None) -> None:
        super().__init__(text)
        self.code = code


class Entrance:
    """Where the runner's tasks come from and where they end without a verdict."""

    def __init__(
        self,
        runner: "Runner",
        *,
        reader: Reader,
        writer: Writer,
        store: Store,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._runner = runner
        self._reader = reader
        self._writer = writer
        self._store = store
        self._clock = clock
        self._entropy = entropy

    def ask(self, spec: TaskOpen) -> Live:
        """Open a task of this node's own (S7). Raises `RefusedTask` with the reason."""
        r = self._runner
        ctx = Ctx(
            network=spec.committee.network,
            committee=spec.committee.hash,
            task=ZERO,
            round=0,
            stage=Stage.OPEN,
        )
        scribe = Scribe(writer=self._writer, base=ctx, secret=bytes(32))
        opened = scribe.sign(0, Stage.OPEN, Kind.TASK_OPEN, spec)
        admitted = r.gate.admit(opened.envelope)
        if isinstance(admitted, Refusal):
            raise RefusedTask(admitted.text, admitted.code)
        now = self._clock.wall_ms()
        problem = r.intake.problem(opened, self._load(), now)
        if not problem and not r.archive.room(r.me):
            problem = NO_ROOM
        if problem:
            raise RefusedTask(problem)
        r.intake.took(opened, now)
        live = self._enter(opened, role=Role.OPENER, refusal="")
        r.tick.acts.append(lambda: r.send_all(live, opened.envelope))
        return live

    def offered(self, opened: Message, source: bytes | None) -> None:
        """A TaskOpen came in: take part, refuse with a reason, or only follow (S7, A13)."""
        r = self._runner
        spec = opened.body
        assert isinstance(spec, TaskOpen)
        if r.knows(opened.id):
            return  # S7: a task seen before is not taken again
        account = source or r.me  # who brought it: an opener may be anybody
        if spec.committee.position(r.me) is None:
            r.complain(account, "not_our_task", "its committee lacks this node")
            return
        now, load = self._clock.wall_ms(), self._load()
        if now > spec.not_after_ms:
            r.sync.lookups.run(account, partial(self._follow_late, opened, source))
            return
        said = r.sync.missed.said(opened.id)
        over = [member for member in said if spec.committee.position(member) is not None]
        # Of t members one is honest: where so many hold the verdict, nobody needs this node's.
        follow = len(over) >= spec.committee.quorum.t or not r.intake.may_sign(spec)
        if not follow:
            r.twin.opened(opened)
        problem = "" if follow else r.intake.problem(opened, load, now)
        if problem and source == opened.signer:  # not of whoever else relays it
            r.useless[source] += toll.TASK
        ignored = r.intake.ignored(opened, load, now) if follow or problem else ""
        if not ignored and not r.archive.room(opened.signer):
            ignored = NO_ROOM
        if ignored:
            r.sync.decline(opened.id)
            r.gate.refusals[Code.OVER_QUOTA] += 1
            r.complain(account, Code.OVER_QUOTA, f"a task gets no answer: {ignored}")
            return
        if problem:
            r.complain(account, "task_refused", problem)
        r.intake.took(opened, now)
        live = self._enter(opened, role=Role.MEMBER, refusal=problem, active=not follow)
        self._read_up(live, over, source)

    async def _follow_late(self, opened: Message, source: bytes | None) -> None:
        """S7: nobody starts on an expired task, but a member may still learn its verdict."""
        r = self._runner
        account = source or r.me
        known = (
            await self._store.task(TaskId(opened.id)) is not None
            or await self._store.find_pruned(opened.id.hex()) is not None
            or r.archive.knows(opened.id)  # taken up in the meantime, or its verdict adopted
        )
        full = self._load().followed[account] >= FOLLOWED or not r.archive.room(account)
        if known:
            r.sync.missed.found(opened.id)
        if known or full or r.intake.quota.brimming(r.intake.used()):
            return
        live = self._enter(opened, role=Role.MEMBER, refusal="", active=False, account=account)
        said = r.sync.missed.said(opened.id)
        over = [member for member in said if live.task.committee.position(member) is not None]
        self._read_up(live, over, source)

    def _read_up(self, live: Live, over: list[bytes], source: bytes | None) -> None:
        """Where to learn what was missed of a task: from those that finished it, or its sender."""
        self._runner.sync.missed.found(live.task.id)
        live.over += over
        if over:
            live.reader = source
        elif source is not None:
            self._runner.tick.acts.append(lambda: self._runner.sync.digest_to(live, source))

    def _load(self) -> Load:
        """The undecided tasks here, by whose account they are on."""
        running: Counter[bytes] = Counter()
        followed: Counter[bytes] = Counter()
        for live in self._runner.live.values():
            (running if live.task.active else followed)[live.account] += 1
        return Load(running=running, followed=followed)

    def taking_part(self) -> int:
        """The undecided tasks that this node takes part in: what `limits.tasks` bounds."""
        return self._load().running.total()

    def resume(
        self, row: TaskRow, opened: Message, kept: tuple[Kept, ...], notes: tuple[Note, ...] = ()
    ) -> None:
        """Take up an undecided task after a restart (A13)."""
        r = self._runner
        spec = opened.body
        assert isinstance(spec, TaskOpen)
        active = r.intake.may_sign(spec)
        self._enter(
            opened,
            role=row.role,
            refusal=_refused_before(kept),
            active=active,
            row=row,
            kept=kept if active else (),  # these are not all: nothing is built on them
            notes=notes,
        )

    def _enter(
        self,
        opened: Message,
        *,
        role: Role,
        refusal: str,
        active: bool = True,
        row: TaskRow | None = None,
        kept: tuple[Kept, ...] = (),
        notes: tuple[Note, ...] = (),
        account: bytes = b"",
    ) -> Live:
        r = self._runner
        spec = opened.body
        assert isinstance(spec, TaskOpen)
        stored, resumed = True, row is not None
        if row is None:
            row = TaskRow(
                opening=opened.envelope,
                secret=self._entropy.draw(32),
                role=role,
                opened_at_ms=spec.opened_at_ms,
                not_after_ms=spec.not_after_ms,
            )
            stored = active  # a refusal is signed too
            if stored:
                r.tick.tasks.append(row)
        task = Task(
            opened=opened,
            reader=self._reader,
            writer=self._writer,
            secret=row.secret,
            refusal=refusal,
            active=active,
            kept=kept,
            views=r.ledger.views(spec),
            notes=notes,
        )
        account = account or opened.signer
        live = Live(
            task=task,
            row=row,
            stored=stored,
            account=account,
            began_ms=r.now,
            news_ms=r.now,
            notes={note.id(opened.id): note for note in notes},
        )
        r.live[opened.id] = live
        r.archive.note(opened.id, spec.not_after_ms, account)
        live.watchers.tell(opening(opened.envelope, spec))
        r.observers.opened(
            Opened(
                task=opened.id,
                members=spec.committee.quorum.n,
                opener=opened.signer == r.me,
                resumed=resumed,
            )
        )
        r.begin(opened.id)
        r.step(opened.id, r.links(task.committee))
        return live

    def expire(self, live: Live) -> None:
        """Give up an undecided task whose not-after has passed for good."""
        self.close(live, TaskState.EXPIRED, "its not-after has passed without a verdict")

    def close(self, live: Live, state: TaskState, reason: str) -> None:
        """End a task that will have no verdict."""
        r, word = self._runner, ENDED[state]
        r.tick.closed.append(Closed(task=TaskId(live.task.id), state=state))
        live.cancel()
        r.live.pop(live.task.id, None)
        round_ = live.task.round.number if live.task.rounds else 0
        detail = {"phase": live.task.phase.name.lower(), "reason": reason}
        r.observers.ended(Ended(task=live.task.id, reason=word, rounds=len(live.task.rounds)))
        r.tick.acts.append(
            lambda: live.watchers.tell(
                Event(task=live.task.id, round=round_, kind=word, detail=detail)
            )
        )
        log.warning(word, task=live.task.id.hex()[:8], **detail)
        r.wake()

    def drop(self, live: Live) -> None:
        """Stop a task that went wrong here; a restart takes it up again from its slots."""
        live.cancel()
        self._runner.live.pop(live.task.id, None)
        reason = "internal error; see this node's log"
        self._runner.observers.ended(
            Ended(task=live.task.id, reason="abandoned", rounds=len(live.task.rounds))
        )
        live.watchers.tell(
            Event(task=live.task.id, round=0, kind="abandoned", detail={"reason": reason})
        )

    def overdue(self, live: Live) -> bool:
        """Whether an undecided task is past its not-after, and past the time that a member
        which has just come back gets to learn what became of it."""
        r = self._runner
        late = self._clock.wall_ms() > live.task.spec.not_after_ms + GRACE_MS
        return late and r.now > live.began_ms + GRACE_MS

    def follow(self, live: Live) -> AsyncIterator[Event]:
        """Every event of a running task as those outside may have them (E4)."""
        return self._runner.releases.held(live.watchers.follow())

    async def watch(
        self, request: WatchRequest, source: bytes | None = None
    ) -> AsyncIterator[Event]:
        """Follow a task from its first event on; a TaskOpen that comes along is taken up.

        `source` is the member that asks, None for this node's own operator. A task that cannot
        be followed gets one last event that says why. Outcomes that wait for approvals are told
        once they are released (E4).
        """
        async for event in self._runner.releases.held(self._watch(request, source)):
            yield event

    async def _watch(self, request: WatchRequest, source: bytes | None) -> AsyncIterator[Event]:
        r = self._runner
        if request.open is not None and request.task not in r.live:
            admitted = r.gate.admit(request.open)
            if isinstance(admitted, Refusal):
                yield _nothing(request.task, admitted.text)
                return
            if admitted.id != request.task:
                yield _nothing(request.task, "the TaskOpen that came along is of another task")
                return
            try:
                known = await r.archive.load(request.task) is not None
            except Damaged as error:
                yield _nothing(request.task, str(error))
                return
            if not known:
                self.offered(admitted, source)
        live = r.live.get(request.task)
        if live is not None:
            async for event in live.watchers.follow():
                yield event
            return
        try:
            told = await r.archive.events(request.task) or [await self._end(request.task)]
        except Damaged as error:
            told = [_nothing(request.task, str(error))]
        for event in told:
            yield event

    async def _end(self, task: bytes) -> Event:
        """What is told of a task that is not running and has no verdict here."""
        row = await self._store.task(TaskId(task))
        if row is None and (gone := await self._store.find_pruned(task.hex())) is not None:
            return _nothing(task, pruned_text(gone))
        if row is None or row.state not in ENDED:
            return _nothing(task, "the task is not known here")
        detail = {"reason": f"it ended here without a verdict: {row.state.value}"}
        return Event(task=task, round=0, kind=ENDED[row.state], detail=detail)


def pruned_text(gone: Pruned) -> str:
    """What is said of a verdict that was pruned here."""
    day = datetime.fromtimestamp(gone.pruned_at_ms / 1_000, UTC).strftime("%Y-%m-%d")
    return (
        f"the verdict {gone.verdict.hex()[:16]} of task {gone.task.hex()[:16]} was pruned here on "
        f"{day}: another member may still hold it"
    )


def _nothing(task: bytes, reason: str) -> Event:
    """The only event of a task that cannot be followed here."""
    return Event(task=task, round=0, kind="unknown", detail={"reason": reason})


def _refused_before(kept: Iterable[Kept]) -> str:
    """The reason with which this node refused a task before a restart, or ""."""
    for item in kept:
        if isinstance(item.message.body, Acceptance):
            return item.message.body.refusal
    return ""
