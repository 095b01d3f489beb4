"""Facts from what proves them: verdicts, signed ACCEPTs, pairs of envelopes, clients' words (L1).

Here the core's verdicts become the ledger's facts; neither of the two knows the other. All of
it is pure. What a peer sends is checked here and nowhere else: a fact that is refused says why.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from consensus.bodies import Acceptance, AnswerKind, Ballot, Opening, Proposal, TaskOpen
from consensus.deliberation.points import PointValue
from consensus.envelope import ZERO, Ctx, Envelope, Kind, MessageId, Stage, length_prefixed
from consensus.masking import strike
from consensus.policy import Policy
from consensus.tally import AnswerClass, Classes, CountedBallot, named, normalise
from consensus.tally.credits import full
from consensus.tally.readings import read
from consensus.verdict import (
    MAX_STATEMENT,
    Bundle,
    BundleError,
    ReleaseError,
    Statement,
    decode_evidence,
    evidence_problem,
)
from reputation.facts import MAX_TEXT as ANSWER_MAX
from reputation.facts import (
    ONE,
    AcceptanceFact,
    ApprovalFact,
    EvidenceFact,
    FactError,
    FactKind,
    FeedbackFact,
    Showing,
    Turn,
    VerdictFact,
    parse,
)

from . import keys
from .wire import codec
from .wire.bounds import payload_max

OWN_ANSWER: Final = ONE // 4
"""What a judge's preference for the answer that it drafted itself is worth as a comparison.
Recorded judges prefer their own answer in 84 % of cases, right or wrong: such a ballot mostly
says once more what the draft said. One that ranks another's answer higher counts in full."""

STATEMENT_MAX: Final = MAX_STATEMENT
"""Most bytes of a signed statement of any kind: a word's longest answer takes a fifth."""

EVIDENCE_MAX: Final = 4 * (payload_max(Kind.PROPOSE) + 1_024)
"""Most bytes of an evidence pair: two of the largest votes or proposed values, as base64. Pairs
of larger envelopes stay on the shelf of whoever has them."""

OWN_CONTENT: Final = (Kind.COMMIT, Kind.SEAL, Kind.OPENING)
"""What nobody signs in a task that it did not accept; votes and REPORTs come from all (S7)."""

_STATEMENT: Final = b"quorate/feedback"

FORGED: Final = "bad_signature"
"""The code of what was not signed by whom it names."""


Signed = AcceptanceFact | EvidenceFact | FeedbackFact | ApprovalFact
"""Facts that rest on signatures alone."""


class BadProof(ValueError):  # noqa: N818  named for what it is
    """Bytes that are to prove a fact do not: `code` for programs, the text for people."""

    def __init__(self, text: str, code: str = "malformed") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decided task as the ledger reads it: what was asked, and each round's figures.

    `openings` are, for each round, the openings that its outcome names, by signer; `texts` the
    answers of all proposals, by id; `content` everybody of whom the verdict holds a commit, a
    seal or an opening.
    """

    task: bytes
    verdict: bytes
    opener: bytes
    spec: TaskOpen
    figures: tuple[Mapping[str, Any], ...]
    openings: tuple[Mapping[bytes, Opening], ...]
    texts: Mapping[bytes, str]
    content: frozenset[bytes]

    @classmethod
    def of(cls, bundle: Bundle) -> "Decided":
        """What a verdict says. It was verified before, or decided here; nothing is checked."""
        spec = codec.task_open(bundle.opened)
        figures, openings, content = [], [], set()
        texts: dict[bytes, str] = {}
        for number, part in enumerate(bundle.rounds, 1):
            value = PointValue.decode(part.points[-1].value, stage=Stage.OUTCOME, round_=number)
            assert value.figures is not None
            named, found = frozenset(value.ids), {}
            for envelope in part.named:
                if envelope.kind in OWN_CONTENT:
                    content.add(envelope.signer)
                if envelope.kind == Kind.PROPOSAL:
                    drafted = codec.decode(Kind.PROPOSAL, envelope.payload)
                    assert isinstance(drafted, Proposal)
                    texts[envelope.id] = drafted.answer
                if envelope.id in named and envelope.kind == Kind.OPENING:
                    body = codec.decode(Kind.OPENING, envelope.payload)
                    assert isinstance(body, Opening)
                    found[envelope.signer] = body
            figures.append(value.figures)
            openings.append(found)
        return cls(
            task=bundle.task,
            verdict=bundle.id,
            opener=bundle.opened.signer,
            spec=spec,
            figures=tuple(figures),
            openings=tuple(openings),
            texts=texts,
            content=frozenset(content),
        )


def verdict_fact(decided: Decided) -> VerdictFact:
    """What a decided task shows of its members (L2), from agreed values alone.

    Drafts and judgments are those of the first round: made before anybody had read another's,
    so that agreeing later on earns nothing. What was drawn by lot (O6) counts as fragile.
    """
    first, last = decided.figures[0], decided.figures[-1]
    members = decided.spec.committee.members
    classes = _classes(decided, first)
    answers = [item.answer[:ANSWER_MAX] for item in classes.items]
    final, winner = last["tally"], -1
    if final["status"] == "decided":
        winner = _winner(decided, classes, final)
        if winner == len(answers):
            answers.append(final["winner"][:ANSWER_MAX])
    own = {at: place for place, item in enumerate(classes.items) for at in item.authors}
    charged: dict[int, set[str]] = {}
    for figures in decided.figures:
        for at, reason in figures["strikes"]:
            charged.setdefault(at, set()).add(reason)
    return VerdictFact(
        task=decided.task,
        verdict=decided.verdict,
        opener=decided.opener,
        opened_at_ms=decided.spec.opened_at_ms,
        domain=decided.spec.domain,
        answers=tuple(answers),
        winner=winner,
        belief=final["belief"] if winner >= 0 else 0,
        fragile=final["robust"]["fragile"] or bool(final["tied"]),
        showings=tuple(
            Showing(
                member=member,
                answer=own.get(at, -1),
                accepted=member in decided.content,
                strikes=tuple(sorted(charged.get(at, ()))),
                judged=_judged(decided, at, classes, own.get(at, -1), len(answers)),
            )
            for at, member in enumerate(members)
        ),
        picks=_picks(first["tally"]),
        course=_course(decided, classes),
    )


def _course(decided: Decided, classes: Classes) -> tuple[Turn, ...]:
    """What won each round, and what the move of the dials before it earned (P3), where there was
    more than one."""
    if len(decided.figures) < 2:
        return ()
    final, turns = decided.figures[-1]["tally"], []
    for figures in decided.figures:
        tallied, played = figures["tally"], figures["plateau"]["bandit"]["played"] or (-1, 0, 0)
        winner = -1
        if tallied["status"] == "decided":
            winner = _winner(decided, classes, tallied)
            if winner == len(classes.items) and tallied["winner"] != final["winner"]:
                winner = -1  # nobody drafted it, and it was not the last word either
        arm, reward, cost = played
        turns.append(Turn(winner=winner, arm=arm, reward=reward, cost=cost))
    return tuple(turns)


def _picks(tallied: Mapping[str, Any]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """What the rules that a mixture is made of answered, as its figures have it (O7a)."""
    if "mixed" not in tallied or len(tallied["classes"]) < 2:  # all of them say the same
        return ()
    return tuple(tuple((at, share) for at, share in one) for one in tallied["mixed"]["picks"])


def _winner(decided: Decided, classes: Classes, final: Mapping[str, Any]) -> int:
    """Which of the first round's `classes` won in the end; their number for an answer that
    nobody drafted, -1 where that cannot be told.

    A free text that won in a later round may say in new words what a draft said, and no program
    can tell: then the drafts are neither right nor wrong.
    """
    won = next(item for item in final["classes"] if item["answer"] == final["winner"])
    spellings = _spellings(decided, won)
    fitting = [at for at, item in enumerate(classes.items) if spellings & {*item.spellings}]
    if len(fitting) == 1:
        return fitting[0]
    return -1 if decided.spec.answer.kind is AnswerKind.TEXT else len(classes.items)


def _spellings(decided: Decided, figures: Mapping[str, Any]) -> frozenset[str]:
    """The names of all answers in a class, given its figures."""
    spec, found = decided.spec.answer, {figures["answer"]}
    for one in figures["candidates"] if spec.kind is AnswerKind.TEXT else ():
        answer, _ = normalise(spec, decided.texts[bytes.fromhex(one)])
        assert answer is not None  # else it were void, and in no class
        found.add(named(spec, answer))
    return frozenset(found)


def _classes(decided: Decided, figures: Mapping[str, Any]) -> Classes:
    """The classes of a round, as its tally has them."""
    author = dict(zip(figures["proposals"], figures["authors"], strict=True))
    items = tuple(
        AnswerClass(
            answer=item["answer"],
            text=item["answer"],
            option=None,
            candidates=tuple(MessageId(bytes.fromhex(one)) for one in item["candidates"]),
            authors=tuple(sorted(author[one] for one in item["candidates"])),
            tie=ZERO,
            spellings=tuple(sorted(_spellings(decided, item))),
        )
        for item in figures["tally"]["classes"]
    )
    of = {one: at for at, item in enumerate(items) for one in item.candidates}
    return Classes(items=items, void=(), of=of, order=tuple(range(len(items))))


def _judged(
    decided: Decided, at: int, classes: Classes, own: int, answers: int
) -> tuple[tuple[int, int], ...]:
    """For each answer the share of comparisons that it won with this judge, and their mass."""
    if at not in decided.figures[0]["ballots"] or len(classes.items) < 2:
        return ()
    if at in {item["voter"] for item in decided.figures[0]["tally"]["refused"]}:  # O3a
        return ()
    opening = decided.openings[0].get(decided.spec.committee.members[at])
    if opening is None or opening.ballot is None or opening.ballot.abstain:
        return ()
    ballot, _ = strike(opening.ballot, MessageId(opening.proposal) or None)  # R9
    won, weight, met = [0] * answers, [0] * answers, [0] * answers
    for first, second, share in _preferences(at, ballot, classes, decided.spec.committee.policy):
        for one, part in ((first, share), (second, ONE - share)):
            counts = OWN_ANSWER if own in (first, second) and _favours(own, one, part) else ONE
            won[one] += counts * part
            weight[one] += counts
            met[one] += 1
    if not any(met):
        return ()
    return tuple(
        (won[place] // weight[place], weight[place] // met[place]) if met[place] else (0, 0)
        for place in range(answers)
    )


def _favours(own: int, one: int, share: int) -> bool:
    """Whether a comparison, seen from `one`, prefers the judge's own answer, or ties with it."""
    return share >= ONE // 2 if one == own else share <= ONE // 2


def _preferences(
    at: int, ballot: Ballot, classes: Classes, policy: Policy
) -> Iterator[tuple[int, int, int]]:
    """Pairs of answers with the share of the first, in bp: compared, or else endorsed.

    Endorsements that are votes (O3a) are read in parts of what all credits buy.
    """
    reading = read(CountedBallot(voter=at, ballot=ballot), classes)
    told = {(item.first, item.second): item.won * ONE // item.of for item in reading.comparisons}
    given: dict[int, list[int]] = {}
    for mark in ballot.marks:
        place = classes.of.get(ballot.held[mark.candidate])
        if place is not None:
            given.setdefault(place, []).append(mark.endorsement)
    means = {place: sum(marks) * ONE // len(marks) for place, marks in given.items()}
    for first in means:
        for second in means:
            if first < second and (first, second) not in told:  # twice what is full apart
                gap = means[first] - means[second]
                told[first, second] = min(max(ONE // 2 + gap // (4 * full(policy)), 0), ONE)
    for (first, second), share in sorted(told.items()):
        yield first, second, share


def prove(kind: FactKind, proof: bytes, network: bytes) -> Signed:
    """The fact that signed bytes prove, of this network. Raises `BadProof`.

    Not for a verdict, which takes `verify`.
    """
    match kind:
        case FactKind.ACCEPTANCE:
            return _acceptance_fact(proof)
        case FactKind.EVIDENCE:
            return _evidence_fact(proof, network)
        case FactKind.FEEDBACK:
            return _feedback_fact(proof)
        case FactKind.APPROVAL:
            return _approval_fact(proof)
        case _:
            raise BadProof("a verdict is proven by verifying it")


# -- acceptances ------------------------------------------------------------------------------


def unshown(fact: VerdictFact) -> list[bytes]:
    """Members that are struck while the verdict shows nothing of theirs: their ACCEPT counts."""
    return [item.member for item in fact.showings if item.strikes and not item.accepted]


def encode_envelope(envelope: Envelope) -> bytes:
    """An envelope as a proof: length-prefixed kind, ctx, payload, signer, signature."""
    return length_prefixed(
        bytes([envelope.kind]),
        envelope.ctx,
        envelope.payload,
        envelope.signer,
        envelope.signature,
    )


def _acceptance_fact(proof: bytes) -> AcceptanceFact:
    """The fact that a signed ACCEPT proves. Raises `BadProof`."""
    kind, ctx, payload, signer, signature = _parts(proof, 5, payload_max(Kind.ACCEPTANCE) + 1_024)
    if kind != bytes([Kind.ACCEPTANCE]):
        raise BadProof("the envelope is no acceptance")
    envelope = Envelope(
        kind=Kind.ACCEPTANCE, ctx=ctx, payload=payload, signer=signer, signature=signature
    )
    if not keys.verify(signer, envelope.preimage, signature):
        raise BadProof("the acceptance's signature does not hold", FORGED)
    try:
        at, body = Ctx.unpack(ctx), codec.decode(Kind.ACCEPTANCE, payload)
    except ValueError as error:
        raise BadProof(f"the acceptance is malformed: {error}") from None
    assert isinstance(body, Acceptance)
    if body.refusal:
        raise BadProof("the envelope is a refusal, not an ACCEPT")
    return AcceptanceFact(task=at.task, member=signer)


# -- evidence ---------------------------------------------------------------------------------


def _evidence_fact(proof: bytes, network: bytes) -> EvidenceFact:
    """The fact that an evidence file proves (S4). Raises `BadProof`."""
    if len(proof) > EVIDENCE_MAX:
        raise BadProof(f"an evidence pair of {len(proof)} bytes, over {EVIDENCE_MAX}")
    try:
        first, second = decode_evidence(proof)
    except BundleError as error:
        raise BadProof(str(error)) from None
    problem = evidence_problem(first, second, codec.reader())
    if problem is not None:
        raise BadProof(problem)
    try:
        of = Ctx.unpack(first.ctx).network
    except ValueError as error:
        raise BadProof(f"the evidence is malformed: {error}") from None
    if of != network:
        raise BadProof("the evidence is of another network")
    return EvidenceFact(member=first.signer)


# -- feedback ---------------------------------------------------------------------------------


def sign_feedback(fact: FeedbackFact, key: keys.SigningKey) -> bytes:
    """The client's signed statement: the fact's body and a signature."""
    return length_prefixed(fact.body, key.sign(length_prefixed(_STATEMENT, fact.body)))


def _feedback_fact(proof: bytes) -> FeedbackFact:
    """The fact in a signed statement. Raises `BadProof`."""
    body, signature = _parts(proof, 2, STATEMENT_MAX)
    try:
        fact = parse(body)
    except FactError as error:
        raise BadProof(str(error)) from None
    if not isinstance(fact, FeedbackFact):
        raise BadProof("the statement is no feedback")
    if not keys.verify(fact.client, length_prefixed(_STATEMENT, body), signature):
        raise BadProof("the statement's signature does not hold", FORGED)
    return fact


# -- approvals --------------------------------------------------------------------------------


def is_approval(statement: bytes) -> bool:
    """Whether a client's statement is an approver's (E4), as its form shows, and no feedback."""
    try:
        Statement.decode(statement)
    except ReleaseError:
        return False
    return True


def _approval_fact(proof: bytes) -> ApprovalFact:
    """The fact in an approver's signed statement (E4). Raises `BadProof`."""
    try:
        said = Statement.decode(proof)
        word = said.approval
        fact = ApprovalFact(
            task=word.task,
            verdict=word.verdict,
            approver=word.approver,
            approve=word.approve,
            note=word.note,
            at_ms=word.at_ms,
        )
    except (ReleaseError, FactError) as error:
        raise BadProof(str(error)) from None
    if not keys.verify(word.approver, word.preimage, said.signature):
        raise BadProof("the approver's signature does not hold", FORGED)
    return fact


def _parts(data: bytes, count: int, limit: int) -> Sequence[bytes]:
    """Exactly `count` length-prefixed parts of at most `limit` bytes in all."""
    if len(data) > limit:
        raise BadProof(f"a proof of {len(data)} bytes, over {limit}", "too_long")
    found, at = [], 0
    for _ in range(count):
        size = int.from_bytes(data[at : at + 4], "big")
        part = data[at + 4 : at + 4 + size]
        if len(data) < at + 4 or len(part) != size:
            raise BadProof("a proof is cut short")
        found.append(part)
        at += 4 + size
    if at != len(data):
        raise BadProof("a proof has bytes to spare")
    return found


def check_answer(decided: Decided, answer: str) -> None:
    """Raises `BadProof` unless `answer` is spelled as the task's tally spells it (O1).

    A free text is named by what figures call a class of the first round (`answer_named`), JSON by
    its hash, drafted or not.
    """
    spec = decided.spec
    if spec.answer.kind is AnswerKind.JSON:
        if len(answer) != 64 or not set(answer) <= set("0123456789abcdef"):
            raise BadProof(f"{answer[:80]!r} is no hash of a JSON answer")
        return
    if spec.answer.kind is AnswerKind.TEXT:
        drafts = _classes(decided, decided.figures[0])
        if all(item.answer != answer for item in drafts.items):
            raise BadProof(f"{answer[:80]!r} is the hash of none of the texts that were drafted")
        return
    canonical, reason = normalise(spec.answer, answer)
    if canonical != answer:
        said = reason or f"it is spelled {canonical!r}"
        raise BadProof(f"{answer[:80]!r} is no answer to the task: {said}")


def answer_named(decided: Decided, answer: str) -> str:
    """What a statement calls the right answer that a client gives. Raises `BadProof`.

    Its canonical spelling, and of JSON the hash of that. Of a free text only one that was drafted
    can be told from all others, by its words or by its class's hash: whether another says the same
    takes a judge.
    """
    spec = decided.spec.answer
    canonical, reason = normalise(spec, answer)
    if canonical is None:
        raise BadProof(f"{answer[:80]!r} is no answer to this task: {reason}")
    if spec.kind is not AnswerKind.TEXT:
        return named(spec, canonical)
    for item in _classes(decided, decided.figures[0]).items:
        if canonical == item.answer or named(spec, canonical) in item.spellings:
            return item.answer
    raise BadProof(
        f"{answer[:80]!r} is none of the texts that were drafted: give one of those word by word, "
        "or say `wrong` alone"
    )
