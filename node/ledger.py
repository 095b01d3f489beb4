"""This node's ledger: facts appended as verdicts are decided, and the views that follow (rules L).

The book in memory is a function of the rows in the store. Rows are made here and stored by
whoever commits the verdict, in the same durable commit; what a kill came between is made up for
when the node starts (`open`).
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from consensus.bodies import TaskOpen, Views
from consensus.envelope import Envelope, pack
from consensus.policy import EXPERTS, MIXED
from consensus.tally.mixture import Lesson as Learnt
from consensus.tally.mixture import Mixture
from consensus.tally.rules.adaptive import PRIOR
from consensus.verdict import Bundle, encode_evidence
from reputation import (
    START,
    AcceptanceFact,
    ApprovalFact,
    Book,
    EvidenceFact,
    Fact,
    FactError,
    FactKind,
    FeedbackFact,
    Lesson,
    Scoring,
    VerdictFact,
    link,
    moves,
    parse,
)
from reputation.scoring import DEFAULT

from . import facts, proofs
from .archive import past_of
from .damage import UNREADABLE, Damaged
from .facts import Decided
from .federation import Federation
from .log import get_logger
from .proofs import BadProof, Signed
from .store.contract import Store, StoreError
from .store.records import Batch, FactRow

log = get_logger("ledger")

STATEMENTS: Final = 16
"""Most statements of one client on one task: a client may change its mind, and not fill disks. Of
an approver as many for a release, and as many against it."""

AT_ONCE: Final = 32
"""Verdicts that are read from the store at a time when their facts are missing."""

WAY_OUT: Final = (
    "`quorate reputation rebuild` says which row and field; put back a backup of the store, or "
    "move it away: the node then starts with an empty one and gets the facts from the others"
)


def standing(fact: Fact, book: Book, federation: Federation) -> bool:
    """Whether `fact` counts under this federation file (L1).

    Who is taken off the file takes its words, or the evidence against it, out of all ledgers: else
    those that had them before would differ for good from those that can no longer take them. The
    row stays in the chain.
    """
    match fact:
        case EvidenceFact():
            return federation.member(fact.member) is not None
        case FeedbackFact():
            verdict = book.verdict(fact.task)
            own = verdict is not None and verdict.opener == fact.client
            return own or federation.is_client(fact.client)
        case ApprovalFact():
            return federation.is_approver(fact.approver)
        case _:
            return True


class Refused(Exception):  # noqa: N818  named for what happened
    """A fact does not enter this ledger: `code` for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Ledger:
    """The facts of one node, in memory and in its store's order."""

    def __init__(self, *, me: bytes, federation: Federation, scoring: Scoring = DEFAULT) -> None:
        self.book = Book()
        self.head = START
        self.size = 0
        self._me = me
        self._federation = federation
        self._scoring = scoring
        self._statements: Counter[tuple[bytes, bytes, bool | None]] = Counter()
        self._learnt: dict[str, tuple[list[Lesson], Mixture]] = {}

    async def open(self, store: Store, evidence: Iterable[bytes] = ()) -> None:
        """Read the ledger, and append what a stop came between: facts of verdicts that have
        none, and `evidence` files that no row holds. Raises `StoreError`."""
        for row in await store.facts():
            self._replay(row)
        tasks = await store.unlearnt()
        for at in range(0, len(tasks), AT_ONCE):
            rows: list[FactRow] = []
            for task in tasks[at : at + AT_ONCE]:
                try:
                    found = await store.verdict(task)
                    if found is not None:
                        rows += self.decided(past_of(found).bundle, ())
                except Damaged as error:  # the others' facts, and the node's start, are whole
                    log.error(UNREADABLE, reason=str(error))
            await store.commit(Batch(facts=tuple(rows)))
        found_rows: list[FactRow] = []
        for proof in evidence:
            found_rows += self._signed(FactKind.EVIDENCE, proof)
        await store.commit(Batch(facts=tuple(found_rows)))

    def _replay(self, row: FactRow) -> None:
        try:
            fact = parse(row.body)
        except FactError as error:
            raise StoreError(
                f"row {row.seq} of the ledger is damaged: {error}; {WAY_OUT}"
            ) from None
        head = link(self.head, row.seq, row.id, row.proof)
        if (row.seq, row.id, row.head) != (self.size + 1, fact.id, head):
            raise StoreError(f"the ledger's chain breaks at row {row.seq}; {WAY_OUT}")
        if standing(fact, self.book, self._federation):
            self.book.add(fact)
        self._count(fact)
        self.size, self.head = row.seq, row.head

    # -- appending --------------------------------------------------------------------

    def decided(self, bundle: Bundle, acceptances: Iterable[Envelope]) -> list[FactRow]:
        """The rows of a verdict, verified or decided here, and of the ACCEPTs that it needs.

        None for a committee that this node was not in (L1).
        """
        try:
            decided = Decided.of(bundle)
            if decided.spec.committee.position(self._me) is None:
                return []
            fact = facts.verdict_fact(decided)
        except (FactError, KeyError, ValueError):
            # A fault of ours: the verdict stands all the same, and is tried again at a start.
            log.exception("a verdict gives no fact", task=bundle.task.hex()[:8])
            return []
        rows = self._append(fact, b"")
        charged = facts.unshown(fact)
        for envelope in acceptances:
            if envelope.signer in charged:
                rows += self._signed(FactKind.ACCEPTANCE, pack(envelope))
        return rows

    def enter(self, fact: Signed, proof: bytes) -> list[FactRow]:
        """The row of a fact that `proofs.prove` made of `proof`; none if it is held, or is a
        client's older word. Raises `Refused` where it has no place here."""
        match fact:
            case AcceptanceFact():
                if fact.member not in facts.unshown(self._verdict(fact.task)):
                    raise Refused("not_needed", "nobody is charged with what that ACCEPT answers")
            case EvidenceFact():
                if self._federation.member(fact.member) is None:
                    raise Refused("not_a_member", "it convicts no member of the federation")
            case FeedbackFact():
                self._check_word(fact)
            case ApprovalFact():
                self._check_approval(fact)
        return self._append(fact, proof)

    def _check_approval(self, fact: ApprovalFact) -> None:
        """Approvers are those that the federation file names so, and speak of one verdict (E4)."""
        if fact.verdict != self._verdict(fact.task).verdict:
            raise Refused("other_verdict", "the task has another verdict than that which it names")
        if not self._federation.is_approver(fact.approver):
            text = f"the key {fact.approver.hex()[:16]} is no approver in the federation file"
            raise Refused("not_an_approver", text)
        # Counted apart: a no finds a place however many approvals there were (E4).
        if self._statements[fact.task, fact.approver, fact.approve] >= STATEMENTS:
            text = f"{STATEMENTS} statements of this approver on this task are held already"
            raise Refused("too_many", text)

    def _check_word(self, fact: FeedbackFact) -> None:
        """Clients are those that the federation file lists, and a task's own opener (L1)."""
        if fact.client != self._verdict(fact.task).opener:
            if not self._federation.is_client(fact.client):
                raise Refused(
                    "not_a_client",
                    f"the key {fact.client.hex()[:16]} is no client in the federation file, and "
                    "it did not open the task",
                )
        if self._statements[fact.task, fact.client, None] >= STATEMENTS:
            text = f"{STATEMENTS} statements of this client on this task are held already"
            raise Refused("too_many", text)

    def convict(self, first: Envelope, second: Envelope) -> list[FactRow]:
        """The row of a pair that this node has seen itself; none if one is held already."""
        return (
            []
            if self.book.excluded(first.signer)
            else self._signed(FactKind.EVIDENCE, encode_evidence(first, second))
        )

    def _signed(self, kind: FactKind, proof: bytes) -> list[FactRow]:
        """The row of what was signed and came to this node by itself, where it has a place."""
        try:
            return self.enter(proofs.prove(kind, proof, self._federation.network), proof)
        except (BadProof, Refused) as error:
            log.debug("no fact", kind=kind.name.lower(), reason=str(error))
            return []

    def _verdict(self, task: bytes) -> VerdictFact:
        verdict = self.book.verdict(task)
        if verdict is None:
            raise Refused("no_verdict", f"no verdict is held here of task {task.hex()[:16]}")
        return verdict

    def _append(self, fact: Fact, proof: bytes) -> list[FactRow]:
        """The next row; none where the set stays as it is (a replay, an older word)."""
        if not self.book.add(fact):
            return []
        self._count(fact)
        self.size += 1
        self.head = link(self.head, self.size, fact.id, proof)
        return [
            FactRow(
                seq=self.size,
                id=fact.id,
                kind=int(fact.kind),
                task=getattr(fact, "task", b""),
                body=fact.body,
                proof=proof,
                head=self.head,
            )
        ]

    def _count(self, fact: Fact) -> None:
        if isinstance(fact, FeedbackFact):
            self._statements[fact.task, fact.client, None] += 1
        elif isinstance(fact, ApprovalFact):
            self._statements[fact.task, fact.approver, fact.approve] += 1

    # -- what follows -----------------------------------------------------------------

    def views(self, spec: TaskOpen) -> Views:
        """What this ledger says of the members of a task, in its domain, as of its opened-at."""
        scores = [
            self.book.score(member, spec.domain, spec.opened_at_ms, self._scoring)
            for member in spec.committee.members
        ]
        policy = spec.committee.policy
        return Views(
            authors=tuple(score.author for score in scores),
            judges=tuple(score.judge for score in scores),
            rules=self.rules(spec.domain, spec.opened_at_ms) if policy.rule in MIXED else (),
            arms=moves(self.book.counted()) if policy.dials == "ucb" else (),
        )

    def rules(self, domain: str, at_ms: int) -> tuple[int, ...]:
        """What each of `policy.EXPERTS` should weigh, by what clients said was right (O7a)."""
        lessons = self.book.lessons(domain, at_ms, len(EXPERTS))
        known, mixture = self._learnt.get(domain, ([], Mixture.fresh(PRIOR)))
        if lessons[: len(known)] != known:  # a word on an older task: all from the start again
            known, mixture = [], Mixture.fresh(PRIOR)
        for lesson in lessons[len(known) :]:
            mixture = mixture.after(Learnt(kept=lesson.kept, losses=lesson.losses))
        self._learnt[domain] = lessons, mixture
        return mixture.weights
