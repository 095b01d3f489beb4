"""What tells whether another round would help (rule P1). All figures are integers.

Distributions come in as integers in bp, so entropies are ratios of exact integer sums over
correctly rounded logarithms (`consensus.exact`), rounded to bp once, half to even.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from ..bodies import AnswerSpec
from ..envelope import MessageId
from ..exact import ONE_BP, entropy, ln, round_ratio
from ..tally import Candidate, CountedBallot, Opinion


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Points 0..100: medians over all marks, and each candidate's own argument score.

    Medians are lower ones; no marks give 0. `arguments` is the lower median of the argument
    scores a candidate was given; nobody's candidate is missing there.
    """

    evidence: int
    argument: int
    arguments: Mapping[MessageId, int]


def normal_entropy(spec: AnswerSpec, n: int, belief: Sequence[int]) -> int:
    """Entropy H of the belief over classes, in bp of the most it could be.

    That is ln of the number of options; for a number or a free text, which have none, ln of the
    committee's size `n` (at least 2), the most classes there can be. One unit for all rounds of
    a task, so that rounds compare. An empty belief knows nothing: 10,000.
    """
    if not belief:
        return ONE_BP
    numerator, denominator = entropy(belief)
    most = ln(len(spec.options) or max(n, 2))
    return min(ONE_BP, round_ratio(numerator * ONE_BP, denominator * most))


def divergence(opinions: Sequence[Opinion], weights: Sequence[int]) -> int:
    """Weighted Jensen-Shannon divergence D of the voters' own beliefs, in bp (Lin 1991, 5.1).

    H(sum of w p) - sum of w H(p), over its bound H(w), so 0 is one belief held by all and
    10,000 is no overlap at all. A lone voter, or none, diverges from nobody: 0.
    """
    held = [(weights[opinion.voter], opinion.shares) for opinion in opinions]
    spread, whole = entropy([weight for weight, _ in held])
    if spread == 0:
        return 0
    places = len(held[0][1])
    mixture = [sum(weight * shares[at] for weight, shares in held) for at in range(places)]
    # All over one denominator, the sum of the mixture: whole x 10,000.
    mixed, _ = entropy(mixture)
    apart = sum(weight * entropy(shares)[0] for weight, shares in held)
    distance = max(0, mixed - apart)
    return min(ONE_BP, round_ratio(distance * ONE_BP, spread * (sum(mixture) // whole)))


def overlap(candidates: Sequence[Candidate]) -> int:
    """Mean Jaccard overlap of the evidence cited, over pairs that cite any, in bp.

    0 if no pair cites any.
    """
    cited = [frozenset(candidate.proposal.evidence) for candidate in candidates]
    shares = [
        Fraction(len(one & other), len(one | other))
        for one, other in combinations(cited, 2)
        if one | other
    ]
    if not shares:
        return 0
    mean = sum(shares, Fraction(0)) / len(shares)
    return round_ratio(mean.numerator * ONE_BP, mean.denominator)


def quality(candidates: Sequence[Candidate], ballots: Sequence[CountedBallot]) -> Quality:
    """Medians of what the marks of `ballots` say of `candidates`."""
    known = {candidate.id for candidate in candidates}
    evidence: list[int] = []
    argument: list[int] = []
    each: dict[MessageId, list[int]] = {}
    for counted in ballots:
        for mark in counted.ballot.marks:
            id_ = counted.ballot.held[mark.candidate]
            if id_ in known:
                evidence.append(mark.evidence)
                argument.append(mark.argument)
                each.setdefault(id_, []).append(mark.argument)
    return Quality(
        evidence=_lower_median(evidence),
        argument=_lower_median(argument),
        arguments={id_: _lower_median(scores) for id_, scores in each.items()},
    )


def _lower_median(values: Sequence[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2] if values else 0
