"""The daemon: one identity, one store, one model, one port, wired together and shut down well."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consensus.bodies import BodyError, Speaker, TaskOpen
from consensus.committee import FaultMode
from consensus.deliberation.scribe import Kept
from consensus.envelope import Envelope
from consensus.policy import Policy, policy_problem
from reputation.digests import Summary

from . import federation_file, identity, memory, outside
from .archive import past_of
from .clock import Clock, SystemClock
from .config import Config, control_socket
from .damage import UNREADABLE, Damaged
from .doorway import Doorway
from .entrance import RefusedTask, pruned_text
from .entropy import Entropy, SystemEntropy
from .evidence import EvidenceShelf
from .federation import Federation, FederationError
from .house import House
from .identity import Identity
from .intake import Intake
from .log import get_logger
from .memory import Mark
from .models import registry
from .models.guard import Guarded
from .outside import SetupError as SetupError
from .runner import Runner
from .statements import Statements
from .store.contract import BadReference, StoreError
from .store.records import Slot
from .store.sqlite import SqliteStore
from .vitals import DaemonVitals
from .window import Window
from .wire import codec, toll
from .wire.admission import Refusal
from .wire.control import Ask, ControlError, ControlServer, NotFound
from .wire.frames import FetchRequest, Frame, Hello, LinkRefusal
from .wire.guests import GuestServer
from .wire.ledger import ProvenFact
from .wire.limits import ID_PREFIX, Limits
from .wire.mesh import Mesh
from .wire.mix import Sealer
from .wire.watch import Event, WatchRequest

if TYPE_CHECKING:
    from .hosting import HttpServer

log = get_logger("daemon")


class Daemon:
    """A node. `open` makes it ready, `serve` runs it until it is told to stop."""

    def __init__(
        self,
        *,
        config: Config,
        me: Identity,
        federation: Federation,
        store: SqliteStore,
        mark: Mark,
        model: Guarded,
        clock: Clock,
        entropy: Entropy,
        limits: Limits,
    ) -> None:
        self.config = config
        self.federation = federation
        self._me = me
        self._limits = limits
        self._store = store
        self._model = model
        self._clock = clock
        self._entropy = entropy
        self._began_ms = clock.wall_ms()
        self._mark = mark
        self.house = House(
            config=config, store=store, mark=mark, clock=clock, skew_ms=limits.skew_ms
        )
        self._shelf = EvidenceShelf(config.store.parent / "evidence")
        self.runner = Runner(
            reader=codec.reader(),
            writer=codec.writer(me.signing),
            sealer=Sealer(me.signing),
            intake=Intake(
                federation=federation,
                limits=config.limits,
                skew_ms=limits.skew_ms,
                signs_after_ms=store.since_ms + limits.skew_ms if store.since_ms else 0,
                quota=self.house.quota,
                used=self.house.used,
            ),
            store=store,
            model=model,
            model_calls=config.model.calls,
            clock=clock,
            entropy=entropy,
            shelf=self._shelf,
            scoring=config.reputation.scoring,
        )
        self.statements = Statements(self.runner, federation.network)
        self.house.forgot, self.house.gone = self.runner.archive.forget, self.runner.archive.pruned
        self.mesh = Mesh(
            identity=me,
            federation=federation,
            listen=config.listen,
            clock=clock,
            handler=self,
            limits=limits,
        )
        self.runner.peers = self.mesh
        self._skew_ms: dict[bytes, int] = {}
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self.vitals = DaemonVitals(self, since_ms=self._began_ms, stopping=self._stop.is_set)

    @classmethod
    async def open(
        cls,
        config: Config,
        *,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        limits: Limits | None = None,
    ) -> "Daemon":
        """Load everything that a node needs. Raises the error of whatever is not usable."""
        clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
        me = identity.load(config.identity)
        federation = federation_file.load(config.federation)
        mine = federation.member(me.public)
        if mine is None:
            raise SetupError(
                f"{config.name}'s key {me.public.hex()[:16]} is not in {config.federation}; give "
                "the federation's keeper this node's member card and get the new file"
            )
        mark = memory.Mark(config.identity)
        store = await SqliteStore.open(
            config.store, now_ms=clock.wall_ms(), fresh_id=entropy.draw(16)
        )
        try:
            me = await memory.settle(me, store, mark, now_ms=clock.wall_ms(), entropy=entropy)
            store.noted = mark.note
            model = await registry.load(
                config.model.backend, config.model.options, config.directory
            )
        except BaseException:
            mark.close()
            await store.close()
            raise
        family = model.describe().family
        if family != mine.family:
            log.warning(
                "the model's family is not the one in the federation file",
                model=family,
                federation=mine.family,
            )
        daemon = cls(
            config=config,
            me=me,
            federation=federation,
            store=store,
            mark=mark,
            model=model,
            clock=clock,
            entropy=entropy,
            limits=limits or Limits(),
        )
        await daemon._resume()
        return daemon

    async def serve(self, ready: asyncio.Event | None = None) -> None:
        """Run until `stop` or a signal. Raises `StoreError` if storing fails (A13)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        socket = control_socket(self.config)
        doors: list[ControlServer | GuestServer] = []
        fronts: list[tuple[HttpServer, asyncio.Task[None]]] = []
        traces = outside.traces(self, self._clock)
        work: list[asyncio.Task[Any]] = []
        try:
            await self.mesh.start()
            socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(socket.parent)
            doors.append(await ControlServer.open(socket, self))
            if self.config.clients.listen:
                doors.append(await self._open_to_clients())
            work = [
                loop.create_task(self.runner.run()),
                loop.create_task(self._stop.wait()),
                loop.create_task(self.house.run()),
            ]
            for front in self._fronts():
                fronts.append((front, loop.create_task(front.run())))
                work.append(fronts[-1][1])
            log.info(
                "ready",
                member=self.config.name,
                port=self.mesh.port,
                store=str(self.config.store.name),
                **{
                    name: listen
                    for name, listen in (
                        ("api", self.config.api.listen),
                        ("metrics", self.config.metrics.listen),
                    )
                    if listen
                },
            )
            if ready is not None:
                ready.set()
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            log.info("stopping", undecided=len(self.runner.live))
            grace = self.config.limits.stop_s if self.runner.failure is None else 0
            await self._drain(grace)
            if self._hurry.is_set():
                grace = 0
            for front, running in fronts:
                await front.stop(running, min(1, grace))
            for door in doors:
                await door.stop(min(1, grace))
            await self.mesh.stop(grace)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await self._model.close()
            if traces is not None:
                await asyncio.to_thread(traces.close)
            await self._store.close()
            self._mark.close()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            log.info("stopped")

    def stop(self) -> None:
        """Shut down: let what is under way finish within the configured time.

        A second call does not wait for it any longer.
        """
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _open_to_clients(self) -> GuestServer:
        clients = self.config.clients
        return await GuestServer.open(
            clients.listen,
            self,
            me=self._me,
            federation=self.federation,
            asks_per_minute=clients.asks_per_minute,
            clock=self._clock,
            limits=self._limits,
        )

    def _fronts(self) -> "Iterator[HttpServer]":
        return outside.fronts(
            self, clock=self._clock, since_ms=self._began_ms, stopping=self._stop.is_set
        )

    @property
    def model(self) -> Guarded:
        """This node's model."""
        return self._model

    def window(self, door: Doorway) -> Window:
        """What this node shows to its HTTP clients."""
        return Window(
            self,
            store=self._store,
            clock=self._clock,
            since_ms=self._began_ms,
            naming=door.naming,
            stopping=self._stop.is_set,
        )

    async def _drain(self, grace_s: float) -> None:
        """Wait for running tasks, so that a stopping member does not leave a vote unsaid."""
        running = list(self.runner.live.values())
        if not running or not grace_s:
            return
        ended = asyncio.gather(*(live.watchers.ended() for live in running))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait((ended, hurry), timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, hurry):
            task.cancel()
        await asyncio.gather(ended, hurry, return_exceptions=True)

    async def _resume(self) -> None:
        """Take up undecided tasks where the stored slots left them (A13)."""
        await self.runner.archive.open(self.house.forgotten_ms())
        await self.runner.ledger.open(self._store, self._shelf.files())
        for row in await self._store.tasks(undecided=True):
            opened = self.runner.gate.admit(row.opening)
            if isinstance(opened, Refusal):
                raise StoreError(f"a stored task cannot be read again: {opened.text}")
            slots = await self._store.slots(row.task)
            kept = tuple(_kept(slot) for slot in slots)
            notes = tuple(
                codec.decode_note(note.body) for note in await self._store.notes(row.task)
            )
            self.runner.entrance.resume(row, opened, kept, notes)
            log.info("resumed", task=row.task.hex()[:8], slots=len(kept))

    # -- what the mesh tells ----------------------------------------------------------

    def link_up(self, member: bytes, hello: Hello) -> None:
        """A link came up."""
        self._skew_ms[member] = hello.wall_ms - self._clock.wall_ms()
        self.runner.links_changed()
        self.runner.sync.link_up(member)
        self.runner.sharing.link_up(member)
        self.runner.notes.link_up(member)

    def link_down(self, member: bytes, reason: LinkRefusal) -> None:  # noqa: ARG002
        """A link ended."""
        self.runner.links_changed()

    def frame(self, member: bytes, frame: Frame) -> float:
        """Envelopes first, since a digest or a want may be about them. What was refused of it is
        paid for, and what makes this node look things up."""
        before = self.runner.vain(member)
        for envelope in frame.envelopes:
            self.runner.receive(envelope, member)
        for digest in frame.digests:
            self.runner.sync.digested(member, digest)
        for want in frame.wants:
            self.runner.sync.wanted(member, want)
        for offer in frame.offers:
            self.runner.sync.offered(member, offer)
        if frame.ledger:
            self.runner.sharing.digested(member, frame.ledger)
        for note in frame.notes:
            self.runner.notes.received(member, note)
        asked = len(frame.wants) + len(frame.offers) + len(frame.notes)
        return (
            self.runner.vain(member)
            - before
            + toll.DIGEST * len(frame.digests)
            + toll.HELD * sum(len(digest.held) // ID_PREFIX for digest in frame.digests)
            + toll.WANT * asked
            + toll.ID * sum(len(want.ids) for want in frame.wants)
        )

    def rtt(self, member: bytes, ms: int) -> None:
        """A round trip was measured."""
        self.runner.rtt(member, ms)

    def serve_fetch(self, member: bytes, request: FetchRequest) -> AsyncIterator[Envelope]:
        """Envelopes for a member."""
        return self.runner.sync.serve_fetch(member, request)

    def serve_summary(self, member: bytes, prefix: bytes) -> AsyncIterator[Summary]:
        """A summary of the ledger for a member."""
        return self.runner.sharing.serve_summary(member, prefix)

    def serve_facts(self, member: bytes, ids: tuple[bytes, ...]) -> AsyncIterator[ProvenFact]:
        """Facts for a member."""
        return self.runner.sharing.serve_facts(member, ids)

    def serve_watch(self, member: bytes, request: WatchRequest) -> AsyncIterator[Event]:
        """A member's command line follows a task here; every member may."""
        return self.runner.entrance.watch(request, member)

    def skew_ms(self, member: bytes) -> int | None:
        """By how much a member's wall clock was ahead as its link came up, if it ever did."""
        return self._skew_ms.get(member)

    def store_problem(self) -> str:
        """Why this node can store nothing more, or ""."""
        return str(self.runner.failure) if self.runner.failure else self._store.problem

    # -- what the operator asks -------------------------------------------------------

    async def ask(self, ask: Ask) -> AsyncIterator[Event]:
        """Open a task and follow it. Raises `ControlError`."""
        try:
            live = self.runner.entrance.ask(self.spec(ask))
        except RefusedTask as error:
            raise ControlError(f"this node does not take the task: {error}") from None
        async for event in self.runner.entrance.follow(live):
            yield event

    def spec(self, ask: Ask) -> TaskOpen:
        """The task that was asked for, opened now. Raises `ControlError`."""
        if problem := policy_problem(ask.policy):
            raise ControlError(problem)
        if ask.mode and ask.mode not in set(FaultMode):
            raise ControlError(f"unknown fault mode {ask.mode!r}: byzantine or crash")
        mode = FaultMode(ask.mode) if ask.mode else FaultMode.BYZANTINE
        now = self._clock.wall_ms()
        try:
            committee = self.federation.committee(ask.members or None, mode, Policy(**ask.policy))
            return TaskOpen(
                committee=committee,
                messages=ask.messages,
                answer=ask.answer,
                domain=ask.domain,
                opened_at_ms=now,
                not_after_ms=now + ask.not_after_s * 1_000,
                budget=ask.budget,
                nonce=self._entropy.draw(16),
                speakers=tuple(
                    Speaker(name=client.name, key=client.key)
                    for client in map(self.federation.client, ask.speakers)
                ),
            )
        except (FederationError, BodyError, ValueError, TypeError) as error:
            raise ControlError(str(error)) from None

    def watch(self, request: WatchRequest) -> AsyncIterator[Event]:
        """Follow a task."""
        return self.runner.entrance.watch(request)

    def status(self) -> dict[str, Any]:
        """How this node is doing."""
        size = len(self.federation.members)
        return {
            "name": self.config.name,
            "key": self._me.public.hex(),
            "federation": {
                "name": self.federation.name,
                "network": self.federation.network.hex(),
                "epoch": self.federation.epoch,
                "hash": self.federation.hash.hex(),
                "members": size,
            },
            "model": {
                "backend": self.config.model.backend,
                "family": self._model.describe().family,
                "name": self._model.describe().name,
                "detail": dict(self._model.describe().detail),
            },
            "port": self.mesh.port,
            "missing": [{"what": lack.what, "text": lack.text} for lack in self.vitals.lacks()],
            "uptime_ms": self._clock.wall_ms() - self._began_ms,
            "database_matches": self._remembers_all(),
            "signed_by_another": self.runner.twin.seen,
            "disk": {"used": self.house.used(), "limit": self.house.quota.limit},
            "decided": self.runner.verdicts.decided,
            "undecided": [
                {
                    "task": live.task.id.hex(),
                    "phase": live.task.phase.name.lower(),
                    "round": live.task.round.number if live.task.rounds else 0,
                    "ms": self.runner.now - live.began_ms,
                }
                for live in self.runner.live.values()
            ],
            "refused_messages": {str(code): n for code, n in self.runner.gate.refusals.items()},
            "peers": self.peers(),
        }

    def peers(self) -> list[dict[str, Any]]:
        """How the links with the other members stand."""
        return [
            {
                "name": peer.member.name,
                "key": peer.member.key.hex(),
                "address": peer.member.address,
                "family": peer.member.family,
                "up": peer.up,
                "rtt_ms": peer.rtt_ms,
                "skew_ms": self._skew_ms.get(peer.member.key),
                "federation_differs": peer.federation_differs,
                "last_end": None if peer.last_end is None else str(peer.last_end),
                "second_calls": peer.traffic.second_calls,
                "shut_out": peer.traffic.visits.shut_out,
                "refused": self.runner.refused(peer.member.key),
                "traffic": asdict(peer.traffic),
            }
            for peer in self.mesh.status()
        ]

    async def feedback(self, statement: bytes) -> dict[str, Any]:
        """Take a client's signed statement: a word on a verdict (L1) or on its release (E4), into
        the ledger, or a note for a task that runs (R1c). Raises `ControlError`."""
        return await self.statements.take(statement)

    def _remembers_all(self) -> bool:
        """Whether no task that could still come is older than this database's memory (A13)."""
        life_ms = self.config.limits.task_life_s * 1_000
        return self._clock.wall_ms() > self.runner.intake.signs_after_ms + life_ms

    async def verdicts(self, limit: int) -> list[dict[str, Any]]:
        """The newest verdicts."""
        return [entry.plain() for entry in await self._store.verdicts(limit)]

    async def verdict(self, prefix: str) -> bytes:
        """A verdict file. Raises `ControlError`, `NotFound`, `Damaged`."""
        try:
            row = await self._store.find_verdict(prefix)
            gone = None if row else await self._store.find_pruned(prefix)
        except BadReference as error:
            raise ControlError(str(error)) from None
        if gone is not None:
            raise NotFound(pruned_text(gone))
        if row is None:
            raise NotFound(f"no verdict or task here begins with {prefix}")
        if not self.runner.ledger.book.approvals(row.task):
            return row.bundle
        try:
            bundle = past_of(row).bundle
        except Damaged as error:
            log.error(UNREADABLE, reason=str(error))
            return row.bundle  # as it is stored: whoever checks it is told what is wrong with it
        return (await self.runner.releases.attached(bundle)).encode()

    async def withheld(self, prefix: str) -> str:
        """Why clients may not have a verdict, `""` if they may (E4)."""
        try:
            row = await self._store.find_verdict(prefix)
        except BadReference:
            return ""
        return "" if row is None else await self.runner.releases.withheld(row.task)

    async def prune(self, older_ms: int, keep: int, *, dry_run: bool) -> dict[str, Any]:
        """Prune verdicts as the operator says. Raises `ControlError`."""
        try:
            return (await self.house.sweep(older_ms, keep, dry_run=dry_run)).plain()
        except StoreError as error:
            raise ControlError(str(error)) from None


def _kept(slot: Slot) -> Kept:
    """A stored slot as the core takes it back: our own bytes, so no signature is checked."""
    return Kept(message=codec.reader().checked(slot.envelope), secret=slot.secret)


def _check_private(directory: Path) -> None:
    """A socket's directory is ours and nobody else's (the temporary one above all)."""
    found = directory.stat()
    if found.st_uid != os.getuid():
        raise SetupError(f"{directory} belongs to another user; remove it or move the node")
