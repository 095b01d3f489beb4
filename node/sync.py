"""Catching up: digests, pushes, wants and offers between pairs of members (rules T2, A14, S2).

Nothing here decides anything. It makes sure that whatever one honest member holds of an
undecided task, third parties' and conflicting votes included, every honest member comes to hold.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import TYPE_CHECKING

from consensus.envelope import Envelope, MessageId

from .errands import Errands
from .live import Live
from .missed import Missed
from .wire.client import PeerError
from .wire.frames import Digest, FetchRequest, Frame, Offer, Want, envelope_size, is_inline
from .wire.limits import ID_PREFIX, Limits

if TYPE_CHECKING:
    from .runner import Runner

SYNC_MS = 500
"""Quiet time after which an undecided task sends digests (T2)."""
SYNC_MOST_MS = 2_000
"""Longest time between two digests of an undecided task, however much comes in: a flood of
messages must not keep members from telling each other what they hold."""
SEEK_MS = 30
"""How long a named id may still be on its way by itself before it is asked for. Each further
time it takes twice as long, up to `SYNC_MS`: what a liar named exists nowhere."""
ANSWER_MS = 100
"""Least time between two digests to one member about one task."""
HELD_MAX = Limits().held_ids
"""Most ids in a digest; what is left out is pushed here again and known by its id."""
FETCHES = Limits().fetches
"""Fetches under way with one member: what it allows us at a time."""
WAITING = 256
"""Fetches and looks into the store that wait for their turn, for each member: more than a
member asks for that comes back to a full house, and past it whoever still lacks it asks again."""
READING_UP = 8
"""Tasks finished without this node that it reads up on at a time, shared by the members it
learns them from, but one of each at least: what is undecided comes first."""
RATES = 4_096
"""Entries of the rate table; past it the oldest half goes, which costs a repeated digest."""
DECLINED_MS = 10_000
"""Milliseconds for which nobody is asked for a task that got no answer here (S7). Those that take
part in it name it twice a second each; what kept it out, its opener's other tasks, lasts longer."""
DECLINED = 4_096
"""Such tasks that are remembered: more than members have of one opener that they take part in.
Past it the oldest goes, and may be asked for again."""


class Sync:
    """The runner's side of T2."""

    def __init__(self, runner: "Runner") -> None:
        self._runner = runner
        self.missed = Missed()
        self._last: dict[tuple[bytes, bytes, str], int] = {}
        self._seen_up: dict[bytes, int] = {}
        self._reading = False
        self._declined: dict[bytes, int] = {}
        self.lookups = Errands("lookup", at_once=1, waiting=WAITING)
        self.fetches = Errands("fetch", at_once=FETCHES, waiting=WAITING)

    async def run(self) -> None:
        """Until cancelled: digests for tasks that have gone quiet, expiry for dead ones."""
        while True:
            await asyncio.sleep(SYNC_MS / 1_000)
            for member in self._runner.up:
                self._seen_up[member] = self._runner.archive.finished
            self.read_up()
            for live in list(self._runner.live.values()):
                if self._runner.entrance.overdue(live):
                    self._runner.entrance.expire(live)
                    continue
                now = self._runner.now
                quiet = now - live.news_ms >= SYNC_MS
                if quiet or now - live.synced_ms >= SYNC_MOST_MS:
                    live.synced_ms = now
                    if self._surely_over(live):
                        self._pull(live)
                    else:
                        for member in self._others(live):
                            self.digest_to(live, member)
                    self._ask(live)

    # -- saying what is held ----------------------------------------------------------

    def digest_to(self, live: Live, member: bytes) -> None:
        """Tell `member` what is held of the round this node is in."""
        round_, held = live.task.held(member)
        held = held[: ID_PREFIX * HELD_MAX]
        self._send(member, Frame(digests=(Digest(task=live.task.id, round=round_, held=held),)))

    def link_up(self, member: bytes) -> None:
        """A member is back: tell it of running and of recently finished tasks."""
        for live in self._runner.live.values():
            if live.task.committee.position(member) is not None:
                self.digest_to(live, member)
        past = self._runner.archive.recent(self._seen_up.get(member, 0), member)
        if past:
            self._send(member, Frame(digests=tuple(past)))

    def digested(self, source: bytes, digest: Digest) -> None:
        """A member said what it holds: push what it lacks, or learn that one is behind."""
        live = self._runner.live.get(digest.task)
        if live is not None and live.task.committee.position(source) is None:
            return  # what is undecided concerns its committee alone
        if live is not None and digest.verdict:
            if source not in live.over:
                live.over.append(source)
            if self._may(digest.task, b"", "pull"):
                self._pull(live)
        elif live is not None:
            here, _ = live.task.held(source)
            if digest.round > here and self._may(digest.task, source, "ahead"):
                self.digest_to(live, source)
            if self._may(digest.task, source, f"push {digest.round}"):
                for message in live.task.lacking(digest.round, _prefixes(digest.held), source):
                    self._runner.send(source, message.envelope, live)
        elif not digest.verdict:
            if not self.declined(digest.task, source):
                self.lookups.run(source, partial(self._push_past, source, digest))
        elif not self._runner.archive.knows(digest.task):
            self.missed.heard(digest.task, source)
            self.read_up()

    async def _push_past(self, source: bytes, digest: Digest) -> None:
        past = await self._runner.archive.load(digest.task)
        if past is None:
            self.stranger(digest.task, source)
            return
        if past.committee.position(source) is None:
            return
        for envelope in past.lacking(digest.round, _prefixes(digest.held)):
            self._runner.send(source, envelope)

    # -- reading up -------------------------------------------------------------------

    def read_up(self) -> None:
        """Ask for the TaskOpens of a few missed tasks; what is heard of in one go, in one go."""
        if not self._reading:
            self._reading = True
            asyncio.get_running_loop().call_soon(self._read_up)

    def _read_up(self) -> None:
        self._reading = False
        readers = (live.reader for live in self._runner.live.values())
        busy = Counter(reader for reader in readers if reader is not None)
        for task, member in self.missed.due(READING_UP, busy, self._runner.up, self._runner.now):
            self._send(member, Frame(wants=(Want(task=task),)))

    def stepped(self, live: Live) -> None:
        """A task went on: one that is being read up on needs its next round."""
        if live.over:
            here = live.task.round.number if live.task.rounds else 0
            if here != live.pulled:
                live.pulled = here
                self._pull(live)

    def _pull(self, live: Live) -> None:
        """Have the next of those that hold the verdict push what is lacking of this round."""
        up = self._runner.up
        there = [member for member in live.over if member in up]
        if there:
            self.digest_to(live, there[live.pulls % len(there)])
            live.pulls += 1

    def _surely_over(self, live: Live) -> bool:
        """Whether an honest member holds the verdict: one of t that say so (S6)."""
        return len(live.over) >= live.task.quorum.t

    # -- asking -----------------------------------------------------------------------

    def seek(self, live: Live, ids: Iterable[MessageId]) -> None:
        """Something held names `ids`: ask for those that do not come by themselves (A11)."""
        if tuple(ids):
            self._ask_in(live, SEEK_MS)

    def _ask_in(self, live: Live, delay_ms: int) -> None:
        def ask() -> None:
            live.seeking = None
            if live.task.id in self._runner.live and self._ask(live):
                self._ask_in(live, min(2 * delay_ms, SYNC_MS))

        loop = asyncio.get_running_loop()
        due = loop.time() + delay_ms / 1_000
        if live.seeking is None or due < live.seeking.when():
            if live.seeking is not None:
                live.seeking.cancel()
            live.seeking = loop.call_at(due, ask)

    def _ask(self, live: Live) -> bool:
        """Ask the next member in turn for what is still missing; whether anything is."""
        ids = live.task.wanted()
        others = self._others(live)
        if ids and others:
            member = others[live.asked % len(others)]
            live.asked += 1
            self._send(member, Frame(wants=(Want(task=live.task.id, ids=ids),)))
        return bool(ids)

    def stranger(self, task: bytes, source: bytes) -> None:
        """A message of a task that is not running here: ask what it is, or say it is over."""
        past = self._runner.archive.verdict(task)
        if past:
            if self._may(task, source, "past"):
                self._send(source, Frame(digests=(Digest(task=task, round=0, verdict=past),)))
        elif self._runner.archive.knows(task) or self.declined(task, source):
            return
        elif self._may(task, source, "open"):
            self._send(source, Frame(wants=(Want(task=task),)))

    def decline(self, task: bytes) -> None:
        """A task gets no answer: for a while nobody is asked for it."""
        self._declined.pop(task, None)
        self._declined[task] = self._runner.now
        if len(self._declined) > DECLINED:
            del self._declined[next(iter(self._declined))]

    def declined(self, task: bytes, source: bytes) -> bool:
        """Whether a task got no answer here a while ago, and is none here still; but for what
        `source` says of it that claims to hold its verdict."""
        at = self._declined.get(task)
        if at is None or self._runner.now - at >= DECLINED_MS:
            return False
        return not self._runner.knows(task) and source not in self.missed.said(task)

    # -- answering --------------------------------------------------------------------

    def wanted(self, source: bytes, want: Want) -> None:
        """Answer a Want from a running task, or from the archive."""
        live = self._runner.live.get(want.task)
        if live is None:
            self.lookups.run(source, partial(self._answer_past, source, want))
        elif live.task.committee.position(source) is None:
            return  # a case concerns its committee alone
        elif not want.ids:
            self._runner.send(source, live.row.opening, live)
        else:
            for item in dict.fromkeys(want.ids):
                message = live.task.find(MessageId(item), source)
                if message is not None:
                    self._runner.send(source, message.envelope, live)

    async def _answer_past(self, source: bytes, want: Want) -> None:
        past = await self._runner.archive.load(want.task)
        if past is None or past.committee.position(source) is None:
            return
        for envelope in past.find(want.ids or (want.task,)):
            self._runner.send(source, envelope)

    def offered(self, source: bytes, offer: Offer) -> None:
        """Fetch an envelope that is too large for the link, unless it is held."""
        live = self._runner.live.get(offer.task)
        known = live is not None and live.task.holds(MessageId(offer.id))
        stranger = live is None and (
            offer.id != offer.task or self._runner.archive.knows(offer.task)
        )
        if not known and not stranger and self._may(offer.id, source, "fetch"):
            request = FetchRequest(task=offer.task, round=0, ids=(offer.id,))
            self.fetches.run(source, partial(self._fetch, source, request))

    async def _fetch(self, source: bytes, request: FetchRequest) -> None:
        peers = self._runner.peers
        assert peers is not None
        try:
            async for envelope in peers.fetch(source, request):
                self._runner.receive(envelope, source)
        except PeerError as error:  # what is still missing is asked for again
            self._runner.complain(source, "fetch_failed", str(error.reason))

    async def serve_fetch(self, member: bytes, request: FetchRequest) -> AsyncIterator[Envelope]:
        """Envelopes of a task by id, for a member of its committee."""
        live = self._runner.live.get(request.task)
        if live is not None:
            if live.task.committee.position(member) is None:
                return
            for item in dict.fromkeys(request.ids):
                if item == request.task:
                    yield live.row.opening
                else:
                    message = live.task.find(MessageId(item), member)
                    if message is not None:
                        yield message.envelope
            return
        past = await self._runner.archive.load(request.task)
        if past is not None and past.committee.position(member) is not None:
            for envelope in past.find(request.ids):
                yield envelope

    # -- small things -----------------------------------------------------------------

    def framed(self, envelopes: Iterable[Envelope]) -> Frame:
        """Envelopes as a frame carries them: small ones whole, large ones as offers (T2)."""
        small, offers = [], []
        for envelope in envelopes:
            if is_inline(envelope):
                small.append(envelope)
            else:
                task = envelope.ctx[64:96]
                offers.append(
                    Offer(
                        task=task if any(task) else envelope.id,
                        id=envelope.id,
                        size=envelope_size(envelope),
                    )
                )
        return Frame(envelopes=tuple(small), offers=tuple(offers))

    def _others(self, live: Live) -> list[bytes]:
        up = self._runner.up
        return [member for member in live.task.committee.members if member in up]

    def _send(self, member: bytes, frame: Frame) -> None:
        if self._runner.peers is not None:
            self._runner.peers.send(member, frame)

    def _may(self, task: bytes, member: bytes, what: str) -> bool:
        """Whether the last such answer is long enough ago."""
        key, now = (task, member, what), self._runner.now
        if now - self._last.get(key, now - ANSWER_MS) < ANSWER_MS:
            return False
        self._last[key] = now
        if len(self._last) > RATES:
            for old in sorted(self._last, key=self._last.__getitem__)[: RATES // 2]:
                del self._last[old]
        return True


def _prefixes(held: bytes) -> frozenset[bytes]:
    return frozenset(held[at : at + ID_PREFIX] for at in range(0, len(held), ID_PREFIX))
