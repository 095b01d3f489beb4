"""The book: a set of facts, and the scores that are a pure function of it (L1, L2).

Facts may be added in any order and more than once. All sums are of integers, and whatever
depends on order (which tasks of an opener count, what a member did lately, which word of a client
is its last) goes by (opened-at, id) or by a statement's own rank, never by arrival: same facts,
same scores.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from .decay import DAY_MS, UNIT, factor, step
from .digests import IdSet
from .facts import (
    ONE,
    AcceptanceFact,
    ApprovalFact,
    EvidenceFact,
    Fact,
    FeedbackFact,
    Showing,
    VerdictFact,
)
from .lessons import Lesson, losses
from .observations import Observation, observe
from .scoring import DEFAULT, Place, Record, Scoring

PER_OPENER: Final = 64
"""Tasks of one opener that count, of those opened on one day (UTC): the first ones. An opener
that floods its own committee earns its friends no more than a busy honest one."""

WINDOW_MS: Final = DAY_MS
"""The time over which an opener's tasks are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A member's scores in bp; both are 0 for one that is excluded."""

    author: int
    judge: int
    excluded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One task in what makes a member's score.

    `left` is what decay has left of it, in bp. `counted` is False past the opener's cap.
    `accepted` says whether the member's own acceptance is shown, without which no strike counts.
    """

    fact: VerdictFact
    observation: Observation
    left: int
    counted: bool
    accepted: bool
    statements: tuple[FeedbackFact, ...]


@dataclass(slots=True)
class _Task:
    fact: VerdictFact
    accepted: set[bytes] = field(default_factory=set)
    statements: dict[bytes, FeedbackFact] = field(default_factory=dict)
    lost: tuple[int, ...] | None = None
    approvals: dict[tuple[bytes, bool], ApprovalFact] = field(default_factory=dict)
    applied: dict[bytes, Observation] = field(default_factory=dict)

    @property
    def words(self) -> tuple[FeedbackFact, ...]:
        """Each client's last word, by client."""
        return tuple(self.statements[client] for client in sorted(self.statements))

    @property
    def place(self) -> Place:
        return self.fact.opened_at_ms, self.fact.task


class Book:
    """A set of facts. Verdicts come before what is said of them; `add` says what is taken."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self._tasks: dict[bytes, _Task] = {}
        self._excluded: dict[bytes, EvidenceFact] = {}
        self._windows: dict[tuple[bytes, int], list[tuple[int, bytes]]] = {}
        self._records: dict[tuple[str, bytes], tuple[Record, Record]] = {}
        self._facts: dict[bytes, Fact] = {}
        self._all = IdSet()
        self._shared: dict[bytes, IdSet] = {}
        for fact in sorted(facts, key=lambda item: item.kind):
            self.add(fact)

    def __len__(self) -> int:
        return len(self._facts)

    def __contains__(self, fact: bytes) -> bool:
        return fact in self._facts

    def __iter__(self) -> Iterator[Fact]:
        return iter(self._facts.values())

    @property
    def digest(self) -> bytes:
        """The digest of the set of facts, whatever the order in which they came."""
        return self._all.digest

    def ids(self) -> IdSet:
        """The ids of all facts."""
        return self._all

    def shared(self, member: bytes) -> IdSet:
        """The ids of the facts that `member` may hold too: of its committees, and evidence."""
        found = self._shared.get(member)
        if found is None:
            found = self._shared[member] = IdSet()
            for evidence in self._excluded.values():
                found.add(evidence.id)
        return found

    def fact(self, fact: bytes) -> Fact | None:
        """The fact with this id, None where it is not in the set (any more)."""
        return self._facts.get(fact)

    def verdict(self, task: bytes) -> VerdictFact | None:
        """The verdict fact of a task."""
        found = self._tasks.get(task)
        return found.fact if found is not None else None

    def excluded(self, member: bytes) -> bool:
        """Whether there is evidence against `member`."""
        return member in self._excluded

    def evidence(self, member: bytes) -> EvidenceFact | None:
        """The fact that excludes `member`, None while it is not excluded."""
        return self._excluded.get(member)

    def members(self) -> list[bytes]:
        """Everybody that a fact is about, ascending."""
        found = {item.member for task in self._tasks.values() for item in task.fact.showings}
        return sorted(found | self._excluded.keys())

    def domains(self) -> list[str]:
        """The domains of the tasks, ascending."""
        return sorted({task.fact.domain for task in self._tasks.values()})

    def latest_ms(self) -> int:
        """When the last of its tasks was opened, 0 without any."""
        return max((task.fact.opened_at_ms for task in self._tasks.values()), default=0)

    # -- growing ----------------------------------------------------------------------

    def add(self, fact: Fact) -> bool:
        """Take a fact in; False if the set stays as it is.

        It stays for a fact that is held, for a second verdict on a task, for an older word of
        the same client on a task, for an approver's word under one that stands, and for what is
        said of a task without a verdict here.
        """
        if fact.id in self._facts:
            return False
        match fact:
            case VerdictFact():
                return self._add_verdict(fact)
            case AcceptanceFact():
                return self._add_acceptance(fact)
            case FeedbackFact():
                return self._add_feedback(fact)
            case ApprovalFact():
                return self._add_approval(fact)
            case EvidenceFact():
                self._excluded[fact.member] = fact
                self._facts[fact.id] = fact
                for ids in (self._all, *self._shared.values()):
                    ids.add(fact.id)
                return True

    def _add_verdict(self, fact: VerdictFact) -> bool:
        if fact.task in self._tasks:
            return False
        task = self._tasks[fact.task] = _Task(fact)
        self._hold(fact, task)
        window = self._windows.setdefault((fact.opener, fact.opened_at_ms // WINDOW_MS), [])
        insort(window, task.place)
        if task.place in window[:PER_OPENER]:
            self._apply(task)
            for _, other in window[PER_OPENER : PER_OPENER + 1]:  # the one it pushed out
                self._take_back(self._tasks[other])
        return True

    def _add_acceptance(self, fact: AcceptanceFact) -> bool:
        task = self._tasks.get(fact.task)
        if task is None or task.fact.of(fact.member) is None:
            return False
        task.accepted.add(fact.member)
        self._hold(fact, task)
        self._again(task)
        return True

    def _add_feedback(self, fact: FeedbackFact) -> bool:
        task = self._tasks.get(fact.task)
        if task is None:
            return False
        before = task.statements.get(fact.client)
        if before is not None:
            if before.rank >= fact.rank:
                return False
            self._let_go(before, task)
        task.statements[fact.client] = fact
        task.lost = losses(task.fact, task.words)
        self._hold(fact, task)
        self._again(task)
        return True

    def _add_approval(self, fact: ApprovalFact) -> bool:
        task = self._tasks.get(fact.task)
        if task is None or task.fact.verdict != fact.verdict:
            return False
        # E4: a no that comes too late to count may not take an approval in time out of the set.
        before = task.approvals.get((fact.approver, fact.approve))
        if before is not None:
            if before.rank <= fact.rank:
                return False
            self._let_go(before, task)
        task.approvals[fact.approver, fact.approve] = fact
        self._hold(fact, task)
        return True

    def approvals(self, task: bytes) -> tuple[ApprovalFact, ...]:
        """The words on the release of a task's verdict: by approver, of each a no before a yes."""
        found = self._tasks.get(task)
        held = found.approvals if found is not None else {}
        return tuple(held[key] for key in sorted(held))

    def _hold(self, fact: Fact, task: _Task) -> None:
        self._facts[fact.id] = fact
        self._all.add(fact.id)
        for showing in task.fact.showings:
            self.shared(showing.member).add(fact.id)

    def _let_go(self, fact: Fact, task: _Task) -> None:
        del self._facts[fact.id]
        self._all.discard(fact.id)
        for showing in task.fact.showings:
            self.shared(showing.member).discard(fact.id)

    # -- what counts -------------------------------------------------------------------------

    def _again(self, task: _Task) -> None:
        if task.applied:
            self._take_back(task)
            self._apply(task)

    def _apply(self, task: _Task) -> None:
        task.applied = {
            showing.member: self._observed(task, showing.member) for showing in task.fact.showings
        }
        for member, seen in task.applied.items():
            for record, told in zip(self._of(task, member), (seen.author, seen.judge), strict=True):
                if any(told):
                    record.add(task.place, *told)

    def _take_back(self, task: _Task) -> None:
        for member, seen in task.applied.items():
            for record, told in zip(self._of(task, member), (seen.author, seen.judge), strict=True):
                if any(told):
                    record.discard(task.place)
        task.applied = {}

    def _of(self, task: _Task, member: bytes) -> tuple[Record, Record]:
        """What the tasks that count taught of a member in that domain, as author and as judge."""
        return self._records.setdefault((task.fact.domain, member), (Record(), Record()))

    def _observed(self, task: _Task, member: bytes) -> Observation:
        return observe(task.fact, member, statements=task.words, accepted=task.accepted)

    def outcomes(self, domain: str) -> Iterator[tuple[VerdictFact, tuple[FeedbackFact, ...]]]:
        """The tasks of a domain with each client's last word, by (opened-at, id)."""
        for task in self._in_order(domain):
            yield task.fact, task.words

    def _in_order(self, domain: str | None = None) -> list[_Task]:
        """The tasks, of one domain if one is named, by (opened-at, id)."""
        found = (task for task in self._tasks.values() if domain in (None, task.fact.domain))
        return sorted(found, key=lambda task: task.place)

    # -- rules --------------------------------------------------------------------------

    def lessons(self, domain: str, at_ms: int, experts: int) -> list[Lesson]:
        """What is known at `at_ms` about that many rules in `domain`, by (opened-at, id).

        Tasks past their opener's cap teach nothing here either, nor do tasks that are dated
        ahead of `at_ms`, or whose rules were others in number.
        """
        found, now, before = [], step(at_ms), 0
        for task in self._in_order(domain):
            fact, when = task.fact, step(task.fact.opened_at_ms)
            if len(fact.picks) != experts or when > now + 1:
                continue
            if task.applied and task.lost is not None:
                found.append(Lesson(kept=factor(when - before) / UNIT, losses=task.lost))
                before = when
        return found

    # -- scores -----------------------------------------------------------------------

    def score(self, member: bytes, domain: str, at_ms: int, scoring: Scoring = DEFAULT) -> Score:
        """What `member` is worth in `domain` to a task that is opened at `at_ms` (`scoring.py`)."""
        if member in self._excluded:
            return Score(author=0, judge=0, excluded=True)
        author, judge = self._records.get((domain, member), (_EMPTY, _EMPTY))
        now = step(at_ms)
        return Score(author=author.score(now, scoring), judge=judge.score(now, scoring))

    def explain(self, member: bytes, domain: str, at_ms: int) -> list[Entry]:
        """The tasks behind a score, by (opened-at, id), those included that weigh nothing."""
        found = []
        for task in self._in_order(domain):
            showing = task.fact.of(member)
            if showing is not None:
                found.append(self._entry(task, showing, at_ms))
        return found

    def counted(self) -> Iterator[tuple[VerdictFact, tuple[FeedbackFact, ...]]]:
        """The tasks that count (within their opener's cap), by (opened-at, id), each with every
        client's last word on it."""
        for task in self._in_order():
            if task.applied:
                yield task.fact, task.words

    def latest(self, member: bytes, at_ms: int, most: int) -> tuple[list[Entry], int]:
        """The last `most` tasks behind a member's scores in all domains, the newest first, and
        how many there are in all."""
        shown = [
            (task, showing)
            for task in self._tasks.values()
            if (showing := task.fact.of(member)) is not None
        ]
        shown.sort(key=lambda item: item[0].place, reverse=True)
        return [self._entry(*item, at_ms) for item in shown[:most]], len(shown)

    def counts(self) -> dict[tuple[str, bytes], tuple[int, Counter[str]]]:
        """By (domain, member): its tasks, and its strikes where its acceptance is shown."""
        found: dict[tuple[str, bytes], tuple[int, Counter[str]]] = {}
        for task in self._tasks.values():
            for showing in task.fact.showings:
                place = (task.fact.domain, showing.member)
                tasks, strikes = found.get(place, (0, Counter()))
                if showing.accepted or showing.member in task.accepted:
                    strikes.update(showing.strikes)
                found[place] = (tasks + 1, strikes)
        return found

    def _entry(self, task: _Task, showing: Showing, at_ms: int) -> Entry:
        left = factor(step(at_ms) - step(task.fact.opened_at_ms))
        return Entry(
            fact=task.fact,
            observation=self._observed(task, showing.member),
            left=left * ONE // UNIT,
            counted=bool(task.applied),
            accepted=showing.accepted or showing.member in task.accepted,
            statements=task.words,
        )


_EMPTY: Final = Record()
