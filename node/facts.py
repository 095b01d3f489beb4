"""What a verdict shows of its members, as the ledger's facts (L1, L2), and what its answers are
called.

Here the core's verdicts become the ledger's facts; neither of the two knows the other. All of
it is pure. Facts that rest on signatures alone are made in `proofs`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from consensus.bodies import AnswerKind, Ballot, Opening, TaskOpen
from consensus.envelope import ZERO, Kind, MessageId
from consensus.masking import strike
from consensus.policy import Policy
from consensus.tally import AnswerClass, Classes, CountedBallot, named, normalise
from consensus.tally.credits import full
from consensus.tally.readings import read
from consensus.verdict import Bundle
from reputation.facts import MAX_TEXT as ANSWER_MAX
from reputation.facts import ONE, Showing, Turn, VerdictFact

from .opened import OpenedRound
from .proofs import BadProof
from .wire import codec

OWN_ANSWER: Final = ONE // 4
"""What a judge's preference for the answer that it drafted itself is worth as a comparison.
Recorded judges prefer their own answer in 84 % of cases, right or wrong: such a ballot mostly
says once more what the draft said. One that ranks another's answer higher counts in full."""

OWN_CONTENT: Final = (Kind.COMMIT, Kind.SEAL, Kind.OPENING)
"""What nobody signs in a task that it did not accept; votes and REPORTs come from all (S7)."""


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
        rounds = [OpenedRound.signed(number, part) for number, part in enumerate(bundle.rounds, 1)]
        return cls(
            task=bundle.task,
            verdict=bundle.id,
            opener=bundle.opened.signer,
            spec=codec.task_open(bundle.opened),
            figures=tuple(one.figures for one in rounds),
            openings=tuple(one.openings for one in rounds),
            texts={id_: drafted.answer for one in rounds for id_, drafted in one.proposals.items()},
            content=frozenset(
                envelope.signer
                for part in bundle.rounds
                for envelope in part.named
                if envelope.kind in OWN_CONTENT
            ),
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


def unshown(fact: VerdictFact) -> list[bytes]:
    """Members that are struck while the verdict shows nothing of theirs: their ACCEPT counts."""
    return [item.member for item in fact.showings if item.strikes and not item.accepted]


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
