"""Facts: what a ledger holds, each with one form of bytes and an id that follows from it (L1).

A fact is what its proof says and nothing else, so two nodes that hold one proof hold one fact,
whoever gave it to them:

* a `VerdictFact` says what each member of a committee did in a task that was decided. Its proof
  is the verdict, and it is a function of the decided values alone: not of which quorum's
  signatures a node happens to hold.
* an `AcceptanceFact` says that a member took the task on. Its proof is the member's signed
  ACCEPT. It is kept where a member is charged with having shown nothing at all.
* an `EvidenceFact` says that a member signed two things for one slot. One pair convicts, so
  there is one such fact a member, whichever pair proves it.
* a `FeedbackFact` is a client's signed word on a verdict.
* an `ApprovalFact` is an approver's signed word on the release of one. No score is made of it: it
  is here because it has to reach every member of a committee, as words on verdicts do.

Ids and keys are 32 bytes, times wall-clock milliseconds since 1970, shares in bp (10,000 = 1).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, ClassVar, Final

ONE: Final = 10_000
"""One, in bp: a whole observation, or a whole share."""

MAX_MEMBERS: Final = 64
"""Most members that a fact tells of: those of the largest committee."""
MAX_ANSWERS: Final = 65
"""Most answers in a fact: one a member, and one that nobody drafted in the first round."""
MAX_EXPERTS: Final = 64
"""Most rules of which a fact tells what they answered."""
MAX_TEXT: Final = 256
"""Most characters of an answer or a domain; a longer answer is cut by whoever makes the fact."""
MAX_NOTE: Final = 1_000
"""Most characters of an approver's note."""
MAX_ROUNDS: Final = 16
"""Most rounds of a task: those that the longest policy allows."""
ARMS: Final = 9
"""Moves of the dials that a bandit chooses among (P3)."""
MAX_TIME: Final = 2**53
"""Latest time, in milliseconds: what canonical numbers can hold."""

STRIKES: Final = ("alias", "mismatch", "no_show", "self_vote", "unopened", "void_answer")
"""What a member may be struck for in an outcome's figures (L2)."""

_TAG: Final = b"quorate/fact"


class FactError(ValueError):
    """Bytes are no fact, or a fact says what none can. The text says which."""


class FactKind(IntEnum):
    """The kinds. The numbers are on the wire and in stores, and never reused."""

    VERDICT = 1
    ACCEPTANCE = 2
    EVIDENCE = 3
    FEEDBACK = 4
    APPROVAL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What one member showed in one task.

    `answer` indexes the fact's answers: that of the member's own draft of the first round,
    made before it read another's; -1 without one. `accepted` says that the verdict itself
    holds a commit, a seal or an opening of the member, which nobody signs without accepting.
    `strikes` are distinct and ascending. `judged` has one entry an answer, or none at all:
    (share, mass) in bp, the share of its comparisons that this answer won with the member as
    judge, and how much of an observation they are.
    """

    member: bytes
    answer: int
    accepted: bool
    strikes: tuple[str, ...] = ()
    judged: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One round of a task: `winner` indexes the fact's answers, -1 for another or none. `arm` is
    the move of the dials before it, -1 without a bandit, `reward` what that earned, in bp, and
    `cost` the tokens of the round."""

    winner: int
    arm: int = -1
    reward: int = 0
    cost: int = 0


class _Fact:
    """A body of canonical bytes and its id."""

    kind: ClassVar[FactKind]

    def plain(self) -> dict[str, Any]:
        """The fact as plain data, without its kind."""
        raise AssertionError("each fact has its own")

    @cached_property
    def body(self) -> bytes:
        """The bytes that stand for the fact: canonical JSON."""
        return encode({"kind": int(self.kind), **self.plain()})

    @cached_property
    def id(self) -> bytes:
        """SHA-256 of tag and body."""
        return hashlib.sha256(_TAG + len(self.body).to_bytes(4, "big") + self.body).digest()


@dataclass(frozen=True, kw_only=True)
class VerdictFact(_Fact):
    """What a verdict shows of the members.

    `answers` are distinct. `winner` indexes them, -1 where no vote was decided by judges;
    `belief` is the winner's, in bp. `fragile` says that as few members as may be faulty could
    have changed the winner (O5). `showings` are one a member, ascending by key. `picks` say what
    each rule that was mixed answered in the first round (O7a), as (answer, share in bp)
    ascending; none under a rule that mixes no others. `course` is one turn a round where there
    was more than one round, else empty.
    """

    kind = FactKind.VERDICT

    task: bytes
    verdict: bytes
    opener: bytes
    opened_at_ms: int
    domain: str
    answers: tuple[str, ...]
    winner: int
    belief: int
    fragile: bool
    showings: tuple[Showing, ...]
    picks: tuple[tuple[tuple[int, int], ...], ...] = ()
    course: tuple[Turn, ...] = ()

    def __post_init__(self) -> None:
        _ids(task=self.task, verdict=self.verdict, opener=self.opener)
        _range("opened_at_ms", self.opened_at_ms, 0, MAX_TIME)
        _text("domain", self.domain)
        _need(len(self.answers) <= MAX_ANSWERS, f"more than {MAX_ANSWERS} answers")
        _need(len(set(self.answers)) == len(self.answers), "an answer stands twice")
        for answer in self.answers:
            _text("answer", answer)
        _range("winner", self.winner, -1, len(self.answers) - 1)
        _range("belief", self.belief, 0, ONE)
        _need(1 <= len(self.showings) <= MAX_MEMBERS, f"showings: 1 to {MAX_MEMBERS}")
        members = [showing.member for showing in self.showings]
        _need(members == sorted(set(members)), "showings are not ascending by member")
        for showing in self.showings:
            self._check(showing)
        _need(len(self.picks) <= MAX_EXPERTS, f"picks of more than {MAX_EXPERTS} rules")
        for picked in self.picks:
            named = [at for at, _ in picked]
            _need(named == sorted(set(named)), "picks are not ascending by answer")
            for at, share in picked:
                _range("pick.answer", at, 0, len(self.answers) - 1)
                _range("pick.share", share, 1, ONE)
        _need(len(self.course) in (0, *range(2, MAX_ROUNDS + 1)), "course: one turn a round")
        for turn in self.course:
            _range("turn.winner", turn.winner, -1, len(self.answers) - 1)
            _range("turn.arm", turn.arm, -1, ARMS - 1)
            _range("turn.reward", turn.reward, 0, ONE)
            _range("turn.cost", turn.cost, 0, MAX_TIME)

    def _check(self, showing: Showing) -> None:
        _ids(member=showing.member)
        _range("showing.answer", showing.answer, -1, len(self.answers) - 1)
        strikes = list(showing.strikes)
        _need(strikes == sorted(set(strikes)), "strikes are not ascending")
        _need(set(strikes) <= set(STRIKES), "a strike of no known name")
        _need(len(showing.judged) in (0, len(self.answers)), "judged: one entry an answer")
        for share, mass in showing.judged:
            _range("judged share", share, 0, ONE)
            _range("judged mass", mass, 0, ONE)

    def of(self, member: bytes) -> Showing | None:
        """What `member` showed, None for one outside of the committee."""
        return next((item for item in self.showings if item.member == member), None)

    def plain(self) -> dict[str, Any]:
        """Plain data of integers, strings and lists; no `picks` and no `course` where there are
        none, as in facts from before there were any."""
        picked = [[list(share) for share in one] for one in self.picks]
        turns = [[turn.winner, turn.arm, turn.reward, turn.cost] for turn in self.course]
        return {
            **({"course": turns} if turns else {}),
            **({"picks": picked} if picked else {}),
            "answers": list(self.answers),
            "belief": self.belief,
            "domain": self.domain,
            "fragile": int(self.fragile),
            "opened_at_ms": self.opened_at_ms,
            "opener": self.opener.hex(),
            "showings": [
                [
                    item.member.hex(),
                    item.answer,
                    int(item.accepted),
                    list(item.strikes),
                    [list(pair) for pair in item.judged],
                ]
                for item in self.showings
            ],
            "task": self.task.hex(),
            "verdict": self.verdict.hex(),
            "winner": self.winner,
        }


@dataclass(frozen=True, kw_only=True)
class AcceptanceFact(_Fact):
    """`member` signed an ACCEPT of `task`: being struck for showing nothing is its own doing."""

    kind = FactKind.ACCEPTANCE

    task: bytes
    member: bytes

    def __post_init__(self) -> None:
        _ids(task=self.task, member=self.member)

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return {"member": self.member.hex(), "task": self.task.hex()}


@dataclass(frozen=True, kw_only=True)
class EvidenceFact(_Fact):
    """`member` equivocated: it is excluded for as long as its key is used (L2)."""

    kind = FactKind.EVIDENCE

    member: bytes

    def __post_init__(self) -> None:
        _ids(member=self.member)

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return {"member": self.member.hex()}


@dataclass(frozen=True, kw_only=True)
class FeedbackFact(_Fact):
    """A client's word: the verdict of `task` was right, or wrong, said at `at_ms`.

    `answer` is the right answer where the client names it, in the task's canonical spelling;
    empty where it does not know. Of one client's statements on one task the latest counts,
    of equally late ones that with the greater id.
    """

    kind = FactKind.FEEDBACK

    task: bytes
    client: bytes
    right: bool
    answer: str
    at_ms: int

    def __post_init__(self) -> None:
        _ids(task=self.task, client=self.client)
        _text("answer", self.answer)
        _range("at_ms", self.at_ms, 0, MAX_TIME)

    @property
    def rank(self) -> tuple[int, bytes]:
        """What orders one client's statements on one task."""
        return self.at_ms, self.id

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "answer": self.answer,
            "at_ms": self.at_ms,
            "client": self.client.hex(),
            "right": int(self.right),
            "task": self.task.hex(),
        }


@dataclass(frozen=True, kw_only=True)
class ApprovalFact(_Fact):
    """An approver's word on the release of `verdict`, said at `at_ms` (E4).

    Of one approver's refusals the earliest stands, and so does the earliest of its approvals; of
    equally early ones that with the smaller id. Both are held: only the task says which of them
    came in time, and so whether the refusal stands over the approval.
    """

    kind = FactKind.APPROVAL

    task: bytes
    verdict: bytes
    approver: bytes
    approve: bool
    note: str
    at_ms: int

    def __post_init__(self) -> None:
        _ids(task=self.task, verdict=self.verdict, approver=self.approver)
        _text("note", self.note, MAX_NOTE)
        _range("at_ms", self.at_ms, 0, MAX_TIME)

    @property
    def rank(self) -> tuple[int, bytes]:
        """What orders one approver's refusals, or approvals, of one verdict: the lowest stands."""
        return self.at_ms, self.id

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "approve": int(self.approve),
            "approver": self.approver.hex(),
            "at_ms": self.at_ms,
            "note": self.note,
            "task": self.task.hex(),
            "verdict": self.verdict.hex(),
        }


Fact = VerdictFact | AcceptanceFact | EvidenceFact | FeedbackFact | ApprovalFact


def encode(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no white space, UTF-8. `FactError` on a lone surrogate."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise FactError("text holds a lone surrogate") from None


def parse(body: bytes) -> Fact:
    """The fact behind its bytes. Raises `FactError` unless they are its one form."""
    try:
        plain = json.loads(body.decode("utf-8"))
        fact = _BUILD[FactKind(plain["kind"])](plain)
    except FactError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise FactError(f"not readable as a fact: {error}") from None
    if fact.body != body:
        raise FactError("readable as a fact, but not in its one form")
    return fact


def _verdict(plain: dict[str, Any]) -> VerdictFact:
    return VerdictFact(
        task=bytes.fromhex(plain["task"]),
        verdict=bytes.fromhex(plain["verdict"]),
        opener=bytes.fromhex(plain["opener"]),
        opened_at_ms=plain["opened_at_ms"],
        domain=plain["domain"],
        answers=tuple(plain["answers"]),
        winner=plain["winner"],
        belief=plain["belief"],
        fragile=bool(plain["fragile"]),
        showings=tuple(
            Showing(
                member=bytes.fromhex(member),
                answer=answer,
                accepted=bool(accepted),
                strikes=tuple(strikes),
                judged=tuple((share, mass) for share, mass in judged),
            )
            for member, answer, accepted, strikes, judged in plain["showings"]
        ),
        picks=tuple(
            tuple((answer, share) for answer, share in one) for one in plain.get("picks", ())
        ),
        course=tuple(
            Turn(winner=winner, arm=arm, reward=reward, cost=cost)
            for winner, arm, reward, cost in plain.get("course", ())
        ),
    )


def _acceptance(plain: dict[str, Any]) -> AcceptanceFact:
    return AcceptanceFact(task=bytes.fromhex(plain["task"]), member=bytes.fromhex(plain["member"]))


def _evidence(plain: dict[str, Any]) -> EvidenceFact:
    return EvidenceFact(member=bytes.fromhex(plain["member"]))


def _feedback(plain: dict[str, Any]) -> FeedbackFact:
    return FeedbackFact(
        task=bytes.fromhex(plain["task"]),
        client=bytes.fromhex(plain["client"]),
        right=bool(plain["right"]),
        answer=plain["answer"],
        at_ms=plain["at_ms"],
    )


def _approval(plain: dict[str, Any]) -> ApprovalFact:
    return ApprovalFact(
        task=bytes.fromhex(plain["task"]),
        verdict=bytes.fromhex(plain["verdict"]),
        approver=bytes.fromhex(plain["approver"]),
        approve=bool(plain["approve"]),
        note=plain["note"],
        at_ms=plain["at_ms"],
    )


_BUILD: Final[dict[FactKind, Callable[[dict[str, Any]], Fact]]] = {
    FactKind.VERDICT: _verdict,
    FactKind.ACCEPTANCE: _acceptance,
    FactKind.EVIDENCE: _evidence,
    FactKind.FEEDBACK: _feedback,
    FactKind.APPROVAL: _approval,
}


def _need(condition: bool, text: str) -> None:
    if not condition:
        raise FactError(text)


def _ids(**values: bytes) -> None:
    for name, value in values.items():
        _need(len(value) == 32, f"{name} is {len(value)} bytes, not 32")


def _range(name: str, value: int, low: int, high: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    _need(whole and low <= value <= high, f"{name} is {value!r}, outside {low}..{high}")


def _text(name: str, value: str, most: int = MAX_TEXT) -> None:
    _need(isinstance(value, str) and len(value) <= most, f"{name} is over {most} characters")
