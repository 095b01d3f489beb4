"""The ledger made anew from verdicts and signed words alone, and held against what is stored (L1).

Every row is gone through in order. A row that is not what it was when it was written is named,
with the field that gives it away; the scores and the set's digest are then those that follow
from the proofs, whatever the stored bodies say.
"""

from dataclasses import dataclass

from consensus.committee import Committee
from consensus.envelope import TaskId
from consensus.verdict import Bundle, BundleError, VerdictError, verify
from reputation import START, Book, Fact, FactError, FactKind, VerdictFact, link, parse

from . import facts, proofs
from .facts import Decided
from .federation import Federation
from .ledger import standing
from .proofs import BadProof, Signed
from .store.contract import Store
from .store.records import FactRow
from .wire import codec


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One thing that is wrong: the table's row, its field, and what was found."""

    row: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.row}, field {self.field}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """A fact of a verdict that is no longer in the store: it was checked by itself, its id
    against its body and both against the chain, and not against what it was made of.

    `pruned_at_ms` is None where the store does not say that the verdict was pruned: somebody
    took it out, or it was pruned so long ago that this is forgotten too.
    """

    row: str
    task: bytes
    verdict: bytes
    pruned_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came out: the book from proofs alone, the book as stored, and what is wrong.

    `alone` are the facts of verdicts that are no longer in the store.
    """

    proven: Book
    stored: Book
    rows: int
    alone: tuple[Alone, ...]
    damage: tuple[Damage, ...]

    @property
    def same(self) -> bool:
        """Whether both books hold the same facts, which give the same scores."""
        return self.proven.digest == self.stored.digest


async def rebuild(store: Store, federation: Federation, me: bytes) -> Rebuilt:
    """Go through the ledger of `me`. Reads only; the verdicts are verified one by one."""
    work = _Work(store, federation)
    for row in await store.facts():
        await work.row(row)
    for task in await store.unlearnt():
        await work.unlearnt(task, me)
    return work.result()


class _Work:
    """One pass over the rows. `_heads` are those that the next row may follow on: the one that
    is stored, and the one that the row before had if its head was changed since."""

    def __init__(self, store: Store, federation: Federation) -> None:
        self._store = store
        self._federation = federation
        self._heads = {START}
        self._seq = 0
        self._rows = 0
        self._alone: list[Alone] = []
        self._damage: list[Damage] = []
        self._stored = Book()
        self._proven = Book()

    def blame(self, row: str, field: str, text: str) -> None:
        """Note something that is wrong."""
        self._damage.append(Damage(row=row, field=field, text=text))

    def result(self) -> Rebuilt:
        """What all rows came to."""
        return Rebuilt(
            proven=self._proven,
            stored=self._stored,
            rows=self._rows,
            alone=tuple(self._alone),
            damage=tuple(self._damage),
        )

    async def row(self, row: FactRow) -> None:
        """One row: its number, its proof, its body, what repeats the body, and the chain."""
        self._rows += 1
        name, expected = f"facts row {row.seq}", self._seq + 1
        if row.seq != expected:
            text = f"number {expected} was to follow: a row is missing or renumbered"
            self.blame(name, "seq", text)
        self._seq = row.seq
        body, problem = _parsed(row.body)
        proof, sound = await self._proof(row, body, name)
        fact = proof or self._likelier(row, body, expected)
        if body is None:
            self.blame(name, "body", problem)
        elif fact is None or body.id != fact.id:
            self.blame(name, "body", "it does not say what its proof and the chain say")
        if fact is not None:
            if row.id != fact.id:
                self.blame(name, "id", f"the fact's own is {fact.id.hex()[:16]}")
            if row.kind != fact.kind:
                self.blame(name, "kind", f"it is {row.kind}; the fact is of kind {int(fact.kind)}")
            if row.task != getattr(fact, "task", b""):
                self.blame(name, "task", "it is not the task that the fact is about")
        own = fact.id if fact is not None else row.id
        follows = {link(head, expected, own, row.proof) for head in self._heads}
        if sound and row.seq == expected and row.head not in follows:
            self.blame(name, "head", "it does not follow from the row and the head before it")
        self._heads = {row.head, *(follows if row.head not in follows else ())}
        if body is not None and standing(body, self._stored, self._federation):
            self._stored.add(body)
        # L1: what was signed counts by its signature alone.
        if fact is not None and sound and standing(fact, self._proven, self._federation):
            self._proven.add(fact)

    async def unlearnt(self, task: bytes, me: bytes) -> None:
        """A verdict of which there is no fact."""
        found, name = await self._store.verdict(TaskId(task)), verdict_name(task)
        if found is None or not found.bundle or self._proven.verdict(task) is not None:
            return
        try:
            decided = Decided.of(Bundle.decode(found.bundle))
        except (BundleError, ValueError) as error:
            self.blame(name, "bundle", f"not readable: {error}")
            return
        if decided.task != task:
            self.blame(name, "task", f"the verdict is of task {decided.task.hex()[:16]}")
        elif decided.spec.committee.position(me) is not None:
            self.blame(name, "facts", "the ledger has no fact of it; the node's next start adds it")

    def _likelier(self, row: FactRow, body: Fact | None, expected: int) -> Fact | None:
        """The body's fact, where no proof tells and its id or the chain vouches for it."""
        if body is None:
            return None
        chained = {link(head, expected, body.id, row.proof) for head in self._heads}
        return body if row.head in chained or row.id == body.id else None

    async def _proof(self, row: FactRow, body: Fact | None, name: str) -> tuple[Fact | None, bool]:
        """The fact that is proven, None where nothing proves one, and whether the proof's bytes
        are sound."""
        if not row.proof and not isinstance(body, Signed):
            task = body.task if isinstance(body, VerdictFact) else row.task
            found = await self._verdict(task)
            if found is None and await self._store.verdict(TaskId(task)) is None:
                await self._by_itself(task, body, name)
            return found, True
        said = "it proves nothing"
        for kind in (
            FactKind.ACCEPTANCE,
            FactKind.EVIDENCE,
            FactKind.FEEDBACK,
            FactKind.APPROVAL,
        ):
            try:
                return proofs.prove(kind, row.proof, self._federation.network), True
            except BadProof as error:
                if kind is (body.kind if body is not None else row.kind):
                    said = str(error)
        self.blame(name, "proof", said)
        return None, False

    async def _verdict(self, task: bytes) -> Fact | None:
        """The fact of the verdict that is stored for `task`, verified as a stranger would."""
        found = await self._store.verdict(TaskId(task))
        if found is None:
            return None
        name = verdict_name(task)
        try:
            bundle = Bundle.decode(found.bundle)
            verify(bundle, codec.reader(), self._other_network)
        except (BundleError, VerdictError) as error:
            self.blame(name, "bundle", str(error))
            return None
        if found.verdict != bundle.id:
            self.blame(name, "id", f"the verdict's own is {bundle.id.hex()[:16]}")
        if task != bundle.task:
            self.blame(name, "task", f"the verdict is of task {bundle.task.hex()[:16]}")
        return facts.verdict_fact(Decided.of(bundle))

    async def _by_itself(self, task: bytes, body: Fact | None, name: str) -> None:
        """A fact whose verdict is gone: all that is left to hold it against is the tombstone."""
        gone = await self._store.find_pruned(task.hex()) if task else None
        if not isinstance(body, VerdictFact):
            return  # its body is damaged, or of another kind: that is blamed already
        if gone is not None and gone.verdict != body.verdict:
            self.blame(name, "body", f"the verdict that was pruned is {gone.verdict.hex()[:16]}")
        self._alone.append(
            Alone(
                row=name,
                task=task,
                verdict=body.verdict,
                pruned_at_ms=gone.pruned_at_ms if gone is not None else None,
            )
        )

    def _other_network(self, committee: Committee) -> str | None:
        """Members come and go, and their verdicts stay: only the network has to be ours."""
        return None if committee.network == self._federation.network else "it is of another network"


def verdict_name(task: bytes) -> str:
    """What a row of the table of verdicts is called."""
    return f"verdicts row of task {task.hex()[:16]}"


def _parsed(body: bytes) -> tuple[Fact | None, str]:
    try:
        return parse(body), ""
    except FactError as error:
        return None, str(error)
