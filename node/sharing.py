"""Ledgers of members compared by digest, and what is missing fetched (rule L1).

Two members compare the facts that both may hold: of committees that both sat in, and evidence.
A digest of them goes out on the link when they have changed and come to rest; who has another
one descends from prefix to prefix to what differs and fetches it. Whatever comes is proven anew
before it enters, a verdict by `verify` like any stranger's.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from consensus.envelope import TaskId
from consensus.verdict import Bundle, BundleError, VerdictError, until, verify
from reputation import ApprovalFact, Fact, FactKind, FeedbackFact, VerdictFact
from reputation.digests import DEPTH, Summary

from . import facts, proofs
from .archive import past_of
from .damage import UNREADABLE, Damaged
from .errands import Errands
from .facts import Decided
from .ledger import Ledger, Refused
from .log import get_logger
from .proofs import BadProof, Signed
from .store.contract import Store
from .store.records import FactRow, Role, TaskRow, TaskState
from .wire import codec
from .wire.client import PeerError
from .wire.frames import Frame
from .wire.ledger import FACT_IDS, ProvenFact

if TYPE_CHECKING:
    from .runner import Runner

log = get_logger("ledger")

REST_MS: Final = 1_000
"""How long a ledger rests before its digest goes out: members decide a task within moments of
each other, and what is on its way by itself need not be asked for."""
REST_MOST_MS: Final = 10_000
"""How long at most after a change, however busy the node is."""
TURNED_AWAY: Final = 4_096
"""Facts remembered as refused, so that they are not fetched again and again; past it the oldest
go, which costs a fetch."""
SUMMARIES: Final = 1 + 256 + 256**2
"""Most questions of one comparison (T3): enough for 16 million facts, evenly spread. A member that
answers with ever more parts is let go after as many; its next digest begins again."""

PASSING: Final = frozenset({"no_verdict", "not_asked"})
"""Reasons that say nothing against a fact: its verdict may still come, and whoever gave it out of
turn must not keep it from being fetched in its turn."""


class Sharing:
    """The runner's side of the comparison."""

    def __init__(self, runner: "Runner", ledger: Ledger, store: Store) -> None:
        self._runner = runner
        self._ledger = ledger
        self._store = store
        self._told: dict[bytes, bytes] = {}
        self._changed_ms: int | None = None
        self._due: asyncio.TimerHandle | None = None
        self._theirs: dict[bytes, bytes] = {}
        self._turned_away: OrderedDict[bytes, None] = OrderedDict()
        self.pulls = Errands("compare ledgers", at_once=1, waiting=1)

    # -- telling ----------------------------------------------------------------------

    def link_up(self, member: bytes) -> None:
        """A member is there: it is told what is held, in its turn."""
        self._told.pop(member, None)
        self.changed()

    def changed(self) -> None:
        """Facts were added: tell the others once it is quiet."""
        now = self._runner.now
        first = self._changed_ms if self._changed_ms is not None else now
        self._changed_ms = first
        if self._due is not None:
            self._due.cancel()
        wait = max(0, min(REST_MS, first + REST_MOST_MS - now))
        self._due = asyncio.get_running_loop().call_later(wait / 1_000, self._tell)

    def stop(self) -> None:
        """Tell and ask nothing more."""
        if self._due is not None:
            self._due.cancel()
        self.pulls.cancel()

    def _tell(self) -> None:
        self._due = self._changed_ms = None
        for member in self._runner.up:
            digest = self._ledger.book.shared(member).digest
            if self._told.get(member) != digest and self._runner.peers is not None:
                self._told[member] = digest
                self._runner.peers.send(member, Frame(ledger=digest))
            if self._theirs.get(member, digest) != digest:
                self._pull_from(member)

    def digested(self, member: bytes, digest: bytes) -> None:
        """A member said what it holds of what both may hold."""
        self._theirs[member] = digest
        if digest != self._ledger.book.shared(member).digest:
            if self._changed_ms is None:  # else it is compared once this ledger rests
                self._pull_from(member)

    # -- answering --------------------------------------------------------------------

    async def serve_summary(self, member: bytes, prefix: bytes) -> AsyncIterator[Summary]:
        """What is held below a prefix, of what `member` may hold too."""
        yield self._ledger.book.shared(member).summary(prefix)

    async def serve_facts(self, member: bytes, ids: tuple[bytes, ...]) -> AsyncIterator[ProvenFact]:
        """Facts with their proofs, of those that `member` may hold too."""
        for item in ids:
            fact = self._ledger.book.fact(item)
            if fact is None or item not in self._ledger.book.shared(member):
                continue
            try:
                proof = await self._proof(fact)
            except Damaged as error:  # the others are given all the same
                log.error(UNREADABLE, reason=str(error))
                continue
            if proof:
                yield ProvenFact(kind=int(fact.kind), proof=proof)

    async def _proof(self, fact: Fact) -> bytes:
        """What proves a fact that is held, empty where it was pruned. Raises `Damaged`."""
        if isinstance(fact, VerdictFact):
            verdict = await self._store.verdict(TaskId(fact.task))
            return b"" if verdict is None else verdict.bundle
        row = await self._store.fact(fact.id)
        return b"" if row is None else row.proof

    # -- asking -----------------------------------------------------------------------

    def _pull_from(self, member: bytes) -> None:
        self.pulls.run(member, partial(self._pull, member))

    async def _pull(self, member: bytes) -> None:
        """Find what `member` holds and this node lacks, and take it in."""
        peers = self._runner.peers
        if peers is None or member not in self._runner.up:
            return
        if brimming := self._runner.intake.full():
            log.debug("no facts are fetched", reason=brimming)
            return
        own, prefixes, asked = self._ledger.book.shared(member), [b""], 0
        try:
            while prefixes and asked < SUMMARIES:
                prefix, asked = prefixes.pop(), asked + 1
                theirs, ours = await peers.summarise(member, prefix), own.summary(prefix)
                if theirs.digest == ours.digest:
                    continue
                if theirs.parts:
                    if len(prefix) < DEPTH:
                        inside = ((bytes([at]), part) for at, part in enumerate(theirs.parts))
                        prefixes += [
                            prefix + byte
                            for byte, part in inside
                            if own.summary(prefix + byte).digest != part
                        ]
                else:
                    await self._fetch(member, theirs.ids)
        except PeerError as error:  # the next digest begins again
            self._runner.complain(member, "ledger_failed", str(error.reason))

    async def _fetch(self, member: bytes, ids: Iterable[bytes]) -> None:
        held = self._ledger.book
        lacking = [one for one in ids if one not in held and one not in self._turned_away]
        peers = self._runner.peers
        assert peers is not None
        later: list[ProvenFact] = []
        asked = frozenset(lacking[:FACT_IDS])
        if not asked:
            return
        async for fact in peers.facts(member, tuple(sorted(asked))):
            if fact.kind == FactKind.VERDICT:
                await self._take(member, fact, asked)
            elif len(later) < FACT_IDS:
                later.append(fact)  # what is said of a verdict comes after it
        for fact in sorted(later, key=lambda item: item.kind):
            await self._take(member, fact, asked)

    async def _take(self, member: bytes, fact: ProvenFact, asked: frozenset[bytes]) -> None:
        """Check one fact and have it stored, or refuse it with a reason."""
        kind = FactKind(fact.kind)
        try:
            if kind is FactKind.VERDICT:
                await self._take_verdict(fact.proof, asked)
                return
            proven = proofs.prove(kind, fact.proof, self._runner.federation.network)
            self._check_asked(proven.id, asked)
            self.append(self._ledger.enter(proven, fact.proof))
        except BadProof as error:
            self._refuse(member, "bad_proof", str(error))
        except Refused as error:
            self._refuse(member, error.code, str(error))
            if kind is not FactKind.VERDICT and error.code not in PASSING:
                self._turn_away(proven.id)

    def append(self, rows: list[FactRow]) -> None:
        """Have rows stored with the next turn's commit, and tell the others."""
        if rows:
            self._runner.tick.facts += rows
            self._runner.wake()
            self._runner.releases.news()
            self.changed()

    async def enter(self, fact: Signed, proof: bytes) -> list[FactRow]:
        """The rows of what a client hands in. Raises `BadProof`, `Refused`, `Damaged`.

        An answer that it names has the one spelling that the task gives it (O1): another one
        would be a word about no answer. What members give each other is not held to that, since
        those that pruned the verdict cannot tell: they would differ for good (L1).
        """
        if isinstance(fact, FeedbackFact) and fact.answer:
            past = await self._store.verdict(TaskId(fact.task))
            if past is not None and past.bundle:
                facts.check_answer(Decided.of(past_of(past).bundle), fact.answer)
        if isinstance(fact, ApprovalFact):
            await self._check_asked_for(fact)
        return self._ledger.enter(fact, proof)

    async def _check_asked_for(self, fact: ApprovalFact) -> None:
        """E4: an approval is handed in where a policy asks for it, and in time by this clock too.

        Members that fetch it from each other later are not held to the latter.
        """
        r = self._runner
        past = await r.archive.load(fact.task)
        if past is None:
            raise Refused("no_verdict", f"no verdict is held here of task {fact.task.hex()[:16]}")
        if not past.committee.policy.approvals:
            raise Refused("not_asked_for", "the task's policy asks for no approvals")
        if max(fact.at_ms, r.releases.now()) > until(past.spec):
            raise Refused("too_late", "the time to approve this outcome is over")

    def _check_asked(self, fact: bytes, asked: frozenset[bytes]) -> None:
        if fact not in asked:
            raise Refused("not_asked", "a fact came that was not asked for")

    async def _take_verdict(self, data: bytes, asked: frozenset[bytes]) -> None:
        """Verify a verdict as a stranger would (E2), and store it with its fact."""
        r = self._runner
        try:
            bundle = replace(Bundle.decode(data), release=())  # words on it are facts (E4)
            task = bundle.task
            if task in r.live or self._ledger.book.verdict(task) is not None:
                return  # it is being decided, or read up on: its fact comes by itself
            checked = await asyncio.to_thread(
                verify, bundle, codec.reader(), r.federation.floor_problem
            )
            if checked.spec.committee.position(r.me) is None:
                raise Refused("not_our_committee", "a verdict of a committee without this node")
            self._check_asked(facts.verdict_fact(Decided.of(bundle)).id, asked)
        except BundleError as error:
            raise BadProof(str(error)) from None
        except VerdictError as error:
            raise BadProof(f"the verdict is invalid: {error}") from None
        noted = r.archive.knows(task)
        known = await self._store.task(TaskId(task))
        gone = await self._store.find_pruned(task.hex()) if known is None else None
        # From here to the end nothing waits. A task that has come in by itself meanwhile is live,
        # or over, and has a row of its own with the secret of what this node signed (A13).
        if task in r.live or r.archive.knows(task) > noted:
            return
        if self._ledger.book.verdict(task) is not None:
            return
        if gone is not None:
            # Pruned before there was a ledger: the fact is learnt, the verdict stays pruned.
            self.append(self._ledger.decided(bundle, ()))
            return
        if known is None:
            row = TaskRow(
                opening=bundle.opened,
                secret=b"",  # nothing was signed for it here, and nothing ever will be
                role=Role.MEMBER,
                opened_at_ms=checked.spec.opened_at_ms,
                not_after_ms=checked.spec.not_after_ms,
                state=TaskState.DECIDED,
                verdict=bundle.id,
            )
            r.tick.tasks.append(row)
        r.verdicts.adopt(bundle, checked.spec, checked.outcomes[-1])

    def _refuse(self, member: bytes, code: str, text: str) -> None:
        self._runner.complain(member, code, f"a fact is refused: {text}")

    def _turn_away(self, fact: bytes) -> None:
        """Do not fetch a proven fact again that has no place here."""
        self._turned_away[fact] = None
        while len(self._turned_away) > TURNED_AWAY:
            self._turned_away.popitem(last=False)
