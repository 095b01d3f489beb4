"""The tally of a round: what the outcome signs (rules O1 to O6, R9a, R10)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from ..bodies import AnswerSpec
from ..committee import Quorum
from ..policy import MIXED, Policy
from .answers import AnswerClass, Void, classes, normalise
from .ballots import Candidate, CountedBallot
from .baselines import Baselines, baselines
from .belief import Opinion
from .count import Count, count
from .credits import Refused, refused
from .robust import Robustness, robustness
from .rules.adaptive import PRIOR, Picks
from .weights import Weights

EXCERPT = 160
"""Characters of a long answer that stand in the figures for each class: enough to tell them
apart in a table. In full they are in the proposals, and there are as many as members."""


class Status(StrEnum):
    """What became of a round. Only DECIDED and UNJUDGED have a winner."""

    DECIDED = "decided"
    UNJUDGED = "unjudged"
    UNDECIDED = "undecided"
    NO_QUORUM = "no_quorum"
    NO_CANDIDATES = "no_candidates"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """One class: its answer, its candidates' ids in hex, and its figures.

    `excerpt` is how a free text or JSON begins, whose `answer` is a hash; empty for the others.
    In bp: `belief` (blended), `proposals` (pool of the proposals' beliefs), `strength`
    (Bradley-Terry, of the sum), `support` (-10,000..10,000), `conviction` (the mean size of
    votes), `borda` (comparisons won), and `error` (standard error of the log-strength, 10,000
    to a nat). `votes` counts proposals. `score` is what the policy's rule gives, in the rule's
    own unit (O7): the highest wins.
    """

    answer: str
    candidates: tuple[str, ...]
    belief: int
    proposals: int
    strength: int
    error: int
    support: int
    conviction: int
    borda: int
    votes: int
    score: int
    excerpt: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data of integers and strings."""
        return {
            "answer": self.answer,
            "belief": self.belief,
            "borda": self.borda,
            "candidates": list(self.candidates),
            "conviction": self.conviction,
            "error": self.error,
            "excerpt": self.excerpt,
            "proposals": self.proposals,
            "score": self.score,
            "strength": self.strength,
            "support": self.support,
            "votes": self.votes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """What a mixture was made of (O7a): the experts' combined weights in bp, as `policy.EXPERTS`
    has them, and what each answered, by the classes' positions. The ledger learns from it."""

    weights: tuple[int, ...]
    picks: tuple[Picks, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data of integers."""
        return {
            "picks": [[list(share) for share in one] for one in self.picks],
            "weights": list(self.weights),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The figures of one round, a pure function of what counted.

    `winner` is the winning answer or None, `runner_up` the one that came second to it;
    `belief` the winner's blended belief in bp (0 without one). `tied` holds all answers that
    share first place if more than one does (H(seed, class) then chose), in the order of the
    classes. `ballots` counts those that did not abstain and were not refused; `refused` are
    those that spent more than they had (O3a).

    `groups` (the classes in full) and `opinions` are what the plateau reads on; `to_dict`
    leaves them out, as they follow from the proposals. `weights` are the members' as authors,
    `judging` as judges. `mixed` is there under the rules that mix others.
    """

    status: Status
    winner: str | None
    runner_up: str | None
    belief: int
    tied: tuple[str, ...]
    rule: str
    classes: tuple[ClassFigures, ...]
    void: tuple[Void, ...]
    refused: tuple[Refused, ...]
    ballots: int
    converged: bool
    robustness: Robustness
    baselines: Baselines
    weights: Weights
    judging: Weights
    groups: tuple[AnswerClass, ...]
    opinions: tuple[Opinion, ...]
    mixed: Mixed | None = None

    def group(self, answer: str | None) -> AnswerClass | None:
        """The class that figures call `answer`."""
        return next((item for item in self.groups if item.answer == answer), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data of integers and strings with a canonical encoding."""
        return {
            "ballots": self.ballots,
            "baselines": self.baselines.to_dict(),
            "belief": self.belief,
            "classes": [item.to_dict() for item in self.classes],
            "converged": self.converged,
            "judge_scores": list(self.judging.scores),
            "judge_weights": list(self.judging.weights),
            **({} if self.mixed is None else {"mixed": self.mixed.to_dict()}),
            "robust": {
                "fragile": self.robustness.fragile,
                "least": self.robustness.least,
                "tried": self.robustness.tried,
            },
            "refused": [{"reason": item.reason, "voter": item.voter} for item in self.refused],
            "rule": self.rule,
            "runner_up": self.runner_up,
            "scores": list(self.weights.scores),
            "status": str(self.status),
            "tied": list(self.tied),
            "void": [{"id": item.id.hex(), "reason": item.reason} for item in self.void],
            "weights": list(self.weights.weights),
            "winner": self.winner,
        }


def tally(
    *,
    spec: AnswerSpec,
    policy: Policy,
    quorum: Quorum,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    weights: Weights,
    seed: bytes,
    first_vote: str | None,
    judging: Weights | None = None,
    experts: tuple[int, ...] = PRIOR,
) -> Tally:
    """Count a round.

    `candidates` and `ballots` are those that count (V4, R8), at most one a member, the
    diagonal struck (R9), in any order. `seed` is agreed before any of them was opened (O6).
    `first_vote` is round 1's majority, None in round 1: `baselines.first_vote` of the round
    before, as it was agreed. `weights` are the members' as authors, `judging` as judges, the
    same if left out. `experts` are the weights of `policy.EXPERTS`, for a rule that mixes them.
    Raises `ValueError` if a member is out of range or speaks twice.
    """
    _check(quorum.n, [item.author for item in candidates], "candidate")
    _check(quorum.n, [item.voter for item in ballots], "ballot")
    judging = weights if judging is None else judging
    recount = _counting(spec, policy, quorum, weights, judging, experts, seed)
    cast, over = _cast(spec, policy, candidates, ballots, seed)
    first = recount(candidates, cast)
    status = _status(first, len(cast), quorum)
    winner = first.winner if status in (Status.DECIDED, Status.UNJUDGED) else None
    return Tally(
        status=status,
        winner=None if winner is None else first.classes.items[winner].answer,
        runner_up=None if winner is None else _second(first),
        belief=0 if winner is None else first.belief[winner],
        tied=_tied(first) if winner is not None else (),
        rule=policy.rule,
        classes=_figures(first),
        void=first.classes.void,
        refused=over,
        ballots=len(cast),
        converged=first.fit.converged,
        robustness=(
            robustness(first, recount, candidates, cast, quorum.f)
            if status is Status.DECIDED
            else Robustness(least=None, tried=0, fragile=False)
        ),
        baselines=baselines(first, weights, first_vote),
        weights=weights,
        judging=judging,
        groups=first.classes.items,
        opinions=first.opinions,
        mixed=Mixed(weights=experts, picks=first.picks) if policy.rule in MIXED else None,
    )


def first_count(
    *,
    spec: AnswerSpec,
    policy: Policy,
    quorum: Quorum,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    weights: Weights,
    seed: bytes,
    judging: Weights | None = None,
    experts: tuple[int, ...] = PRIOR,
) -> Count:
    """The count that the figures of a `tally` of the same are of."""
    judging = weights if judging is None else judging
    cast, _ = _cast(spec, policy, candidates, ballots, seed)
    return _counting(spec, policy, quorum, weights, judging, experts, seed)(candidates, cast)


def _cast(
    spec: AnswerSpec,
    policy: Policy,
    candidates: Sequence[Candidate],
    ballots: Sequence[CountedBallot],
    seed: bytes,
) -> tuple[list[CountedBallot], tuple[Refused, ...]]:
    """The ballots that are counted, and those that spent too much (O3a)."""
    cast = [item for item in ballots if not item.ballot.abstain]
    over = refused(cast, classes(spec, candidates, seed), policy)
    return [item for item in cast if item.voter not in {one.voter for one in over}], over


def _counting(
    spec: AnswerSpec,
    policy: Policy,
    quorum: Quorum,
    weights: Weights,
    judging: Weights,
    experts: tuple[int, ...],
    seed: bytes,
) -> Callable[[Sequence[Candidate], Sequence[CountedBallot]], Count]:
    """How this committee counts candidates and ballots. Raises `ValueError` if it is of another
    size than the weights."""
    for given in (weights, judging):
        if len(given.weights) != quorum.n:
            raise ValueError(f"{len(given.weights)} weights for a committee of {quorum.n}")
    return partial(
        count,
        spec=spec,
        policy=policy,
        weights=weights.weights,
        judging=judging.weights,
        seed=seed,
        t=quorum.t,
        standing=weights.scores,
        experts=experts,
        f=quorum.f,
    )


def _status(first: Count, cast: int, quorum: Quorum) -> Status:
    if not first.classes.items:
        return Status.NO_CANDIDATES
    if quorum.n == 1:
        return Status.UNJUDGED
    if cast < quorum.q:
        return Status.NO_QUORUM
    if quorum.n == 2 and len(first.classes.items) == 2:
        return Status.UNDECIDED
    return Status.DECIDED


def _second(first: Count) -> str | None:
    return first.classes.items[first.ranking[1]].answer if len(first.ranking) > 1 else None


def _tied(first: Count) -> tuple[str, ...]:
    best = max(first.scores)
    top = [
        item.answer
        for item, score in zip(first.classes.items, first.scores, strict=True)
        if score == best
    ]
    return tuple(top) if len(top) > 1 else ()


def _figures(first: Count) -> tuple[ClassFigures, ...]:
    return tuple(
        ClassFigures(
            answer=item.answer,
            candidates=tuple(id_.hex() for id_ in item.candidates),
            belief=first.belief[at],
            proposals=first.proposals[at],
            strength=first.strengths[at],
            error=first.errors[at],
            support=first.support[at],
            conviction=first.conviction[at],
            borda=first.borda[at],
            votes=first.votes[at],
            score=first.scores[at],
            excerpt=_excerpt(first.spec, item.text),
        )
        for at, item in enumerate(first.classes.items)
    )


def _excerpt(spec: AnswerSpec, text: str) -> str:
    if not spec.long:
        return ""
    return (normalise(spec, text)[0] or "")[:EXCERPT]


def _check(n: int, members: Sequence[int], name: str) -> None:
    if len(set(members)) != len(members):
        raise ValueError(f"a member has more than one {name}")
    if any(not 0 <= member < n for member in members):
        raise ValueError(f"a {name} is of no member of a committee of {n}")
