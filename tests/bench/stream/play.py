"""A stream of questions played test-then-train, with a ledger as an honest node keeps it.

Nothing is scored here that a node does not score: views come from `node.ledger`, weights from
`consensus.tally.weights`, the verdict from `consensus.tally`, the fact from `node.facts`. What is
recorded is what members answered and how they judged; each question is one round. A word on a
verdict comes before the next question, with the right answer named, as an honest client gives it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from random import Random
from typing import Any, Final

from consensus.bodies import AnswerSpec, Budget, Content, Opening, TaskOpen
from consensus.committee import Committee, FaultMode, Member
from consensus.exact import ONE_BP
from consensus.policy import EXPERTS, Policy
from consensus.tally import Tally, tally, weigh
from consensus.tally.count import Count
from consensus.tally.result import first_count
from consensus.tally.rules.adaptive import combined, say
from node import federation
from node.facts import Decided, verdict_fact
from node.ledger import Ledger
from reputation import FeedbackFact, Scoring
from reputation.decay import DAY_MS
from reputation.scoring import DEFAULT
from tests.harness.tallies import Round

BEGIN_MS: Final = 20_000 * DAY_MS
EVERY_MS: Final = DAY_MS // 24
"""A question an hour, so that no opener comes near its cap (PER_OPENER)."""
CLIENT: Final = b"c" * 32
NETWORK: Final = bytes(32)
POLICY: Final = Policy(rule="adaptive", rounds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question's recorded round, and what was right."""

    id: str
    round: Round
    gold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of one question: for each way of counting, the share of it that was right (ties
    split), the members' combined scores as authors in bp before it, and whether a ledger learns of
    the outcome without a client's word (L2)."""

    right: dict[str, float]
    scores: tuple[int, ...]
    said: tuple[int, ...]
    teaches: bool


Attack = Callable[[Case, Random], Round]

Without = Callable[[Iterable[int]], Count]
"""The count of a round without those members, with all else as it was."""

Lesson = Callable[[Tally, Without], bool]
"""Whether an outcome teaches without a client's word; O5's `fragile` decides if none is given."""


def play(
    cases: Sequence[Case],
    *,
    told: float,
    rng: Random,
    scoring: Scoring = DEFAULT,
    views: Callable[[Sequence[int]], Sequence[Sequence[int]]] | None = None,
    attack: Attack | None = None,
    lesson: Lesson | None = None,
) -> Iterator[Step]:
    """Play `cases` in their order, a client speaking on that share of them.

    All honest members hold the same facts. `views` makes of a ledger's view those of all members,
    where some lie; `attack` changes a round before it is counted; `lesson` says of which outcomes
    a ledger learns.
    """
    n = cases[0].round.n
    members = tuple(Member(bytes([at + 1]) * 32) for at in range(n))
    committee = Committee(
        network=NETWORK,
        members=members,
        families=("any",) * n,
        mode=FaultMode.BYZANTINE,
        policy=POLICY,
    )
    ledger = Ledger(
        me=members[0],
        federation=federation.Federation(
            name="bench", network=NETWORK, epoch=1, floors=federation.Floors(), members=()
        ),
        scoring=scoring,
    )
    for number, case in enumerate(cases):
        spec = _task(committee, case.round.spec, number)
        own = ledger.views(spec)
        authors, judges = (
            weigh(views(view) if views else [view] * n, committee.quorum)
            for view in (own.authors, own.judges)
        )
        round_ = attack(case, rng) if attack else case.round
        given: dict[str, Any] = {
            "spec": round_.spec,
            "policy": POLICY,
            "quorum": committee.quorum,
            "weights": authors,
            "judging": judges,
            "seed": round_.seed,
            "experts": combined([own.rules] * n),
        }
        found = tally(
            candidates=round_.candidates, ballots=round_.ballots, first_vote=None, **given
        )
        if lesson is not None:
            teaches = lesson(found, partial(_without, round_, given))
            robust = replace(found.robustness, fragile=not teaches)
            found = replace(found, robustness=robust)
        fact = verdict_fact(_decided(spec, number, found, round_))
        yield Step(
            right={name: float(part) for name, part in _right(found, case.gold)},
            scores=authors.scores,
            said=own.rules,
            teaches=fact.winner >= 0 and not fact.fragile and len(fact.answers) > 1,
        )
        ledger.book.add(fact)
        if rng.random() < told:
            right = found.winner == case.gold
            ledger.book.add(
                FeedbackFact(
                    task=fact.task,
                    client=CLIENT,
                    right=right,
                    answer="" if right else case.gold,
                    at_ms=spec.opened_at_ms,
                )
            )


def _without(of: Round, given: dict[str, Any], members: Iterable[int]) -> Count:
    gone = set(members)
    return first_count(
        candidates=[item for item in of.candidates if item.author not in gone],
        ballots=[item for item in of.ballots if item.voter not in gone],
        **given,
    )


def _task(committee: Committee, answer: AnswerSpec, number: int) -> TaskOpen:
    opened = BEGIN_MS + number * EVERY_MS
    return TaskOpen(
        committee=committee,
        messages=(Content(text="?"),),
        answer=answer,
        domain="recorded",
        opened_at_ms=opened,
        not_after_ms=opened + EVERY_MS,
        budget=Budget(),
        nonce=number.to_bytes(16, "big"),
    )


def _right(found: Tally, gold: str) -> Iterator[tuple[str, Fraction]]:
    """What each expert, and each mixture of them, has right."""
    assert found.mixed is not None
    answers = [item.answer for item in found.classes]
    truth = answers.index(gold) if gold in answers else -1
    for name, picked in zip(EXPERTS, found.mixed.picks, strict=True):
        shares = [share for at, share in picked if at == truth]
        yield name, Fraction(sum(shares), sum(share for _, share in picked) or 1)
    for name, capped in (("adaptive", False), ("adaptive_capped", True)):
        scores = [0] * len(answers)
        heard = say(found.mixed.weights, capped=capped)
        for weight, picked in zip(heard, found.mixed.picks, strict=True):
            for at, share in picked:
                scores[at] += weight * share
        first = [at for at, score in enumerate(scores) if score == max(scores)]
        yield name, Fraction(int(truth in first), len(first))
    drawn = [
        weight * sum(share for at, share in picked if at == truth)
        for weight, picked in zip(found.mixed.weights, found.mixed.picks, strict=True)
    ]
    yield "the draw", Fraction(sum(drawn), sum(found.mixed.weights) * ONE_BP)


def _decided(spec: TaskOpen, number: int, found: Tally, round_: Round) -> Decided:
    """The decided task as the ledger reads one: every member drafted, and opened what it cast."""
    task = b"task" + number.to_bytes(28, "big")
    ids = {item.author: item.id for item in round_.candidates}
    figures: dict[str, Any] = {
        "authors": [item.author for item in round_.candidates],
        "ballots": sorted(item.voter for item in round_.ballots),
        "proposals": [item.id.hex() for item in round_.candidates],
        "strikes": [],
        "tally": found.to_dict(),
    }
    members = spec.committee.members
    return Decided(
        task=task,
        verdict=task,
        opener=members[number % len(members)],
        spec=spec,
        figures=(figures,),
        openings=(
            {
                members[item.voter]: Opening(
                    alias=b"a" * 32,
                    alias_signature=b"a" * 64,
                    proposal=ids[item.voter],
                    nonce=b"n" * 32,
                    ballot_bytes=b"b",
                    ballot=item.ballot,
                    salt=b"s" * 32,
                )
                for item in round_.ballots
            },
        ),
        texts={item.id: item.proposal.answer for item in round_.candidates},
        content=frozenset(members),
    )
