"""Candidates and ballots by committee position, short to write, and rounds drawn at random.

In ballots a candidate is named by its author's position: nobody has two.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from consensus.bodies import AnswerKind, AnswerSpec, Ballot, Mark, Pair, Preference, Proposal
from consensus.committee import FaultMode, Quorum
from consensus.envelope import MessageId
from consensus.policy import ONE, Policy
from consensus.tally import Candidate, CountedBallot, Tally, Weights, tally
from consensus.tally.count import Count, count

ALICE, BOB, CAROL, DAVE, MALLORY = range(5)
SEED = bytes(range(32))
CHOICE = AnswerSpec(kind=AnswerKind.CHOICE, options=("red", "green", "blue", "grey"))
NUMBER = AnswerSpec(kind=AnswerKind.NUMBER)
TEXT = AnswerSpec(kind=AnswerKind.TEXT)
FIRST, SECOND, TIE, SAME = Preference

Word = tuple[int, int, Preference, int]
"""One pair of a ballot: authors of the first and the second, preference, confidence."""


def id_of(author: int, salt: str = "") -> MessageId:
    """The id of the candidate of that author."""
    return MessageId(hashlib.sha256(f"candidate {author}{salt}".encode()).digest())


def candidate(author: int, answer: str, salt: str = "", **fields: Any) -> Candidate:
    """A candidate with that answer; `fields` are the proposal's others."""
    return Candidate(
        id=id_of(author, salt), author=author, proposal=Proposal(answer=answer, **fields)
    )


def ballot(
    voter: int,
    candidates: Iterable[Candidate],
    pairs: Iterable[Word] = (),
    marks: Mapping[int, int] | None = None,
    **fields: Any,
) -> CountedBallot:
    """A ballot over `candidates`; `marks` are endorsements by author."""
    ids = {item.author: item.id for item in candidates}
    held = sorted(ids.values())
    at = {author: held.index(id_) for author, id_ in ids.items()}
    return CountedBallot(
        voter=voter,
        ballot=Ballot(
            held=tuple(held),
            pairs=tuple(
                Pair(first=at[one], second=at[other], preference=word, confidence=confidence)
                for one, other, word, confidence in pairs
            ),
            marks=tuple(
                Mark(candidate=at[author], endorsement=given)
                for author, given in (marks or {}).items()
            ),
            **fields,
        ),
    )


def quorum(n: int, mode: FaultMode = FaultMode.BYZANTINE) -> Quorum:
    """The sizes of a committee of n."""
    return Quorum.of(n, mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Everything that a tally is a function of."""

    spec: AnswerSpec = CHOICE
    n: int
    candidates: tuple[Candidate, ...]
    ballots: tuple[CountedBallot, ...]
    weights: Weights | None = None
    policy: Policy = Policy()
    seed: bytes = SEED
    first_vote: str | None = None

    @property
    def heard(self) -> Weights:
        """The weights, equal ones by default."""
        return self.weights or Weights.neutral(self.n)

    def tally(self, **changes: Any) -> Tally:
        """The tally of this round, with some of its fields changed."""
        of = replace(self, **changes)
        return tally(
            spec=of.spec,
            policy=of.policy,
            quorum=quorum(of.n),
            candidates=of.candidates,
            ballots=of.ballots,
            weights=of.heard,
            seed=of.seed,
            first_vote=of.first_vote,
        )

    def count(self, **changes: Any) -> Count:
        """The bare count of this round, with some of its fields changed."""
        of = replace(self, **changes)
        return count(
            spec=of.spec,
            policy=of.policy,
            candidates=of.candidates,
            ballots=of.ballots,
            weights=of.heard.weights,
            seed=of.seed,
            t=quorum(of.n).t,
        )


confidences = st.integers(0, ONE)
words = st.sampled_from(Preference)


@st.composite
def beliefs(draw: st.DrawFn, options: int) -> tuple[int, ...]:
    """A belief over that many options, or none."""
    if draw(st.booleans()):
        return ()
    cuts = sorted(draw(st.lists(confidences, min_size=options - 1, max_size=options - 1)))
    return tuple(high - low for low, high in zip([0, *cuts], [*cuts, ONE], strict=True))


@st.composite
def proposals(draw: st.DrawFn, spec: AnswerSpec) -> Proposal:
    """A proposal that answers `spec`; one in a few answers nothing that is allowed."""
    if spec.options:
        answer = draw(st.sampled_from([*spec.options, *spec.options, "none of these"]))
        unseen = draw(st.lists(st.integers(0, len(spec.options) - 1), max_size=2, unique=True))
        return Proposal(
            answer=answer,
            belief=draw(beliefs(len(spec.options))),
            confidence=draw(confidences),
            unseen=tuple(sorted(unseen)),
        )
    if spec.kind is AnswerKind.TEXT:
        answers = ["It is 7.", " It  is 7.", "7", "8", "It is 8.", "9"]
        return Proposal(answer=draw(st.sampled_from(answers)), confidence=draw(confidences))
    return Proposal(answer=draw(st.sampled_from(["7", "7.0", "14/2", "8", "9", "x"])))


@st.composite
def ballots(
    draw: st.DrawFn,
    voter: int,
    candidates: Sequence[Candidate],
    *,
    diagonal: bool = False,
    limit: int = 100,
) -> CountedBallot:
    """A ballot over what the voter may judge; `diagonal` also over its own proposal."""
    judged = [item.author for item in candidates if diagonal or item.author != voter]
    pairs: list[Word] = [
        (one, other, draw(words), draw(confidences))
        for one in judged
        for other in judged
        if one != other and draw(st.integers(0, 2))
    ]
    marks = {author: draw(st.integers(-limit, limit)) for author in judged if draw(st.booleans())}
    return ballot(voter, candidates, pairs, marks)


@st.composite
def weights(draw: st.DrawFn, n: int) -> Weights:
    """Weights of n members, not capped: the tally takes what it is given."""
    found = draw(st.lists(st.integers(1, 2 * ONE), min_size=n, max_size=n))
    return Weights(scores=tuple(min(ONE, weight) for weight in found), weights=tuple(found))


@st.composite
def rounds(
    draw: st.DrawFn,
    *,
    least: int = 1,
    most: int = 5,
    policy: Policy | None = None,
    diagonal: bool = False,
    limit: int = 100,
    specs: Sequence[AnswerSpec] = (CHOICE, CHOICE, NUMBER, TEXT),
) -> Round:
    """A round of `least` to `most` members, of whom some drafted and some voted."""
    n = draw(st.integers(least, most))
    spec = draw(st.sampled_from(specs))
    authors = draw(st.lists(st.integers(0, n - 1), max_size=n, unique=True))
    candidates = tuple(
        Candidate(id=id_of(author), author=author, proposal=draw(proposals(spec)))
        for author in authors
    )
    voters = draw(st.lists(st.integers(0, n - 1), max_size=n, unique=True))
    return Round(
        spec=spec,
        n=n,
        candidates=candidates,
        ballots=tuple(
            draw(ballots(voter, candidates, diagonal=diagonal, limit=limit)) for voter in voters
        ),
        weights=draw(st.none() | weights(n)),
        policy=policy or Policy(),
        seed=draw(st.binary(min_size=32, max_size=32)),
    )
