"""Opinions as numbers: beliefs in basis points, pooling between rounds, judging by belief.

Pure arithmetic on plain floats and integers, shared by every backend whose model is a
distribution over options.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from consensus.bodies import AnswerSpec, Preference, Proposal
from consensus.deliberation.requests import (
    Dials,
    JudgeRequest,
    Judgment,
    LetteredMark,
    LetteredPair,
    RecordEntry,
)
from consensus.policy import ONE
from consensus.tally.answers import normalise
from consensus.tally.design import follow
from consensus.tally.readings import fraction_won


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """Shares over a task's options that sum to 1, and which options they speak about.

    `known[k]` is False where whoever holds the opinion has never met option k; the share
    there is 0 and means nothing (R1a).
    """

    shares: tuple[float, ...]
    known: tuple[bool, ...]

    @property
    def belief(self) -> tuple[int, ...]:
        """The shares in bp, summing to exactly 10,000."""
        return basis_points(self.shares)

    @property
    def unseen(self) -> tuple[int, ...]:
        """Indices of the options it does not speak about, ascending."""
        return tuple(index for index, known in enumerate(self.known) if not known)


def basis_points(shares: Sequence[float]) -> tuple[int, ...]:
    """Non-negative `shares` scaled to integers that sum to 10,000, by largest remainder.

    Of equal remainders the earlier entry is rounded up. Raises `ValueError` if the shares
    are not finite, negative, or sum to nothing.
    """
    total = sum(shares)
    if not 0 < total < float("inf") or any(not share >= 0 for share in shares):
        raise ValueError("shares must be finite, not negative, and not all zero")
    exact = [share / total * ONE for share in shares]
    floors = [int(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda index: (floors[index] - exact[index], index))
    for index in order[: ONE - sum(floors)]:
        floors[index] += 1
    return tuple(floors)


def of_proposal(proposal: Proposal, spec: AnswerSpec) -> Opinion | None:
    """The opinion that a proposal states over the options; None if it states none.

    Without a belief it is the confidence on the answer, and the rest spread evenly over the
    other options it has met. What is said of an option never met means nothing and does not
    weigh.
    """
    options = range(len(spec.options))
    known = [option not in proposal.unseen for option in options]
    if proposal.belief:
        if len(proposal.belief) != len(options):
            return None
        said: Sequence[float] = [proposal.belief[k] if known[k] else 0 for k in options]
    else:
        answer = option_of(spec, proposal.answer)
        if answer is None:
            return None
        known[answer] = True
        others = sum(known) - 1
        rest = (ONE - proposal.confidence) / others if others else 0.0
        said = [rest if known[k] else 0.0 for k in options]
        said = [*said[:answer], proposal.confidence if others else ONE, *said[answer + 1 :]]
    total = sum(said)
    if not total:
        return None
    return Opinion(shares=tuple(share / total for share in said), known=tuple(known))


def option_of(spec: AnswerSpec, answer: str) -> int | None:
    """Index of the option that `answer` spells (O1), None if it spells none."""
    spelled, _ = normalise(spec, answer)
    return spec.options.index(spelled) if spelled in spec.options else None


def pool(own: Opinion, record: Sequence[RecordEntry], dials: Dials, spec: AnswerSpec) -> Opinion:
    """The belief to go into the next round with: MACI's gated averaging.

    After E. Y. Chang and E. Y. Chang, "Multi-Agent Collaborative Intelligence: Dual-Dial
    Control for Reliable LLM Reasoning" (2025), Lemma 1: every agent moves a step towards the
    average of the peers that pass the gate. With `a = 1 - contentiousness` (the behaviour
    dial: a stubborn round moves little), over the n entries j of the record's last round,

        next(k) = (1 - a) own(k) + a * sum_j b_j(k) / n,   normalised.

    `own` is what this member believed in that round (`stated`), or a fresh opinion. The gate
    (the information dial) leaves an entry out if the lower median of its critiques' argument
    points is under it and another entry with the same answer argues better: the best argument
    of each answer always passes, and so does what nobody scored (P3).

    Departures from the lemma. Only peers that have met option k are averaged there, and where
    `own` has never met k it takes their average whole: an option never seen is declared, not
    believed to be impossible (R1a). What the result speaks about is what any pooled opinion
    speaks about. Where all know all options, this is the lemma's update and the dispersion of
    beliefs cannot grow. Entries that pass weigh alike: weights by argument points were tried
    and gave a classifier nothing, as its points are its belief over again.
    """
    peers = [
        opinion
        for entry in _latest(record)
        if not entry.own
        and _passes(entry, record, dials, spec)
        and (opinion := of_proposal(entry.proposal, spec)) is not None
    ]
    step = 1 - dials.contentiousness / ONE
    shares, known = list(own.shares), list(own.known)
    for k in range(len(spec.options)):
        heard = [peer.shares[k] for peer in peers if peer.known[k]]
        if heard:
            average = sum(heard) / len(heard)
            shares[k] = (1 - step) * own.shares[k] + step * average if own.known[k] else average
            known[k] = True
    total = sum(shares)
    return Opinion(shares=tuple(share / total for share in shares), known=tuple(known))


def stated(record: Sequence[RecordEntry], spec: AnswerSpec) -> Opinion | None:
    """The opinion that this member's own proposal of the record's last round states, if any."""
    own = [entry for entry in _latest(record) if entry.own]
    return of_proposal(own[0].proposal, spec) if own else None


def _latest(record: Sequence[RecordEntry]) -> list[RecordEntry]:
    last = max((entry.round for entry in record), default=0)
    return [entry for entry in record if entry.round == last]


def _argument(entry: RecordEntry) -> int | None:
    points = sorted(critique.argument for critique in entry.critiques)
    return points[(len(points) - 1) // 2] if points else None


def _passes(
    entry: RecordEntry, record: Sequence[RecordEntry], dials: Dials, spec: AnswerSpec
) -> bool:
    points, answer = _argument(entry), option_of(spec, entry.proposal.answer)
    if points is None or points * ONE >= dials.gate * 100:
        return True
    alike = [e for e in _latest(record) if option_of(spec, e.proposal.answer) == answer]
    return points == max(_argument(e) or 0 for e in alike)


def candidate_options(request: JudgeRequest, own: Opinion) -> dict[str, int]:
    """The option of each candidate that `own` can judge, by letter, in the request's order.

    Left out are candidates whose answer `own` has never met, or that is no option (R1a).
    """
    spec, found = request.case.answer, {}
    for candidate in request.candidates:
        option = option_of(spec, candidate.proposal.answer)
        if option is not None and own.known[option]:
            found[candidate.letter] = option
    return found


def compared(
    request: JudgeRequest, word: Callable[[str, str], LetteredPair | None]
) -> tuple[LetteredPair, ...]:
    """The comparisons that the request's design asks for, of a judge who has its words at once.

    `word` compares two letters, None if it cannot; the design goes on without.
    """
    letters = [candidate.letter for candidate in request.candidates]
    found: list[LetteredPair] = []

    def judge(one: int, other: int) -> int | None:
        pair = word(letters[one], letters[other])
        if pair is None:
            return None
        found.append(pair)
        return fraction_won(pair.preference, pair.confidence)

    follow(request.design, len(letters), judge)
    return tuple(found)


def judge_by_belief(
    belief: Sequence[int], candidates: Mapping[str, int], request: JudgeRequest
) -> Judgment:
    """Compare candidates by the shares in `belief` (bp) that their answers have, pair by pair.

    `candidates` maps letters to places in `belief`; others of the request are left out, and so
    are pairs that its design does not ask. A pair of two answers goes to the likelier with the
    difference of the shares as confidence; two equal answers are SAME. Endorsements run linearly
    from -100 (share 0) to 100 (share 1). A distribution reads no arguments, so the argument
    points are how plausible it finds the answer, 0 to 100; evidence has none.
    """

    def word(first: str, second: str) -> LetteredPair | None:
        if first not in candidates or second not in candidates:
            return None
        share, rival = belief[candidates[first]], belief[candidates[second]]
        confidence = abs(share - rival)
        if candidates[first] == candidates[second]:
            preference, confidence = Preference.SAME, ONE
        elif share == rival:
            preference, confidence = Preference.TIE, ONE
        else:
            preference = Preference.FIRST if share > rival else Preference.SECOND
        return LetteredPair(
            first=first, second=second, preference=preference, confidence=confidence
        )

    marks = tuple(
        LetteredMark(
            letter=letter,
            endorsement=(belief[option] * 200 + ONE // 2) // ONE - 100,
            argument=(belief[option] * 100 + ONE // 2) // ONE,
        )
        for letter, option in candidates.items()
    )
    return Judgment(pairs=compared(request, word), marks=marks)
