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
from ..exact import ONE_BP, entropy, ln, lower_median, round_ratio
from ..tally import AnswerClass, Candidate, CountedBallot, Opinion


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Points 0..100: medians over all marks that count, and each candidate's own.

    Medians are lower ones; no marks give 0. `arguments` and `evidences` are the lower medians of
    what a candidate was given, and lack a candidate whom nobody's mark counts for. `marks` is
    how many marks there are. `kin` says that the committee is of one model family, so that its
    own kind had to judge.
    """

    evidence: int
    argument: int
    arguments: Mapping[MessageId, int]
    evidences: Mapping[MessageId, int]
    marks: int
    kin: bool


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


def cited(candidates: Sequence[Candidate]) -> bool:
    """Whether overlap says anything: two candidates, and some evidence."""
    return len(candidates) > 1 and any(item.proposal.evidence for item in candidates)


def semantic_entropy(n: int, q: int, classes: Sequence[AnswerClass]) -> int:
    """Entropy of the answers over their classes, one vote a candidate, in bp of ln n.

    The discrete form of Kuhn, Gal and Farquhar (2023), with the tally's classes as meanings.
    The answers of fewer than `q` members are no agreement: 10,000. A committee of one: 0.
    """
    shares = [len(item.candidates) for item in classes]
    if sum(shares) < q:
        return ONE_BP
    numerator, denominator = entropy(shares)
    return min(ONE_BP, round_ratio(numerator * ONE_BP, denominator * ln(max(n, 2))))


def overlap(candidates: Sequence[Candidate]) -> int:
    """Mean Jaccard overlap of the evidence cited, over pairs that cite any, in bp.

    0 if no pair cites any.
    """
    each = [frozenset(candidate.proposal.evidence) for candidate in candidates]
    shares = [
        Fraction(len(one & other), len(one | other))
        for one, other in combinations(each, 2)
        if one | other
    ]
    if not shares:
        return 0
    mean = sum(shares, Fraction(0)) / len(shares)
    return round_ratio(mean.numerator * ONE_BP, mean.denominator)


def quality(
    candidates: Sequence[Candidate], ballots: Sequence[CountedBallot], families: Sequence[str]
) -> Quality:
    """Medians of what the marks of `ballots` say of `candidates` (CRIT: Chang 2023; MACI, E).

    A mark counts only from a judge of another model family than the author's, by the federation
    file: models favour their own kind. `families` are the members' by position; where all are of
    one family every mark counts, and a verdict says so. Only medians are taken, so neither the
    order of ballots and candidates nor which judge of a family gave which mark matters.
    """
    author = {candidate.id: candidate.author for candidate in candidates}
    kin = len(set(families)) == 1
    evidence: dict[MessageId, list[int]] = {}
    argument: dict[MessageId, list[int]] = {}
    for counted in ballots:
        for mark in counted.ballot.marks:
            id_ = counted.ballot.held[mark.candidate]
            if id_ in author and (kin or families[counted.voter] != families[author[id_]]):
                evidence.setdefault(id_, []).append(mark.evidence)
                argument.setdefault(id_, []).append(mark.argument)
    given = [mark for marks in argument.values() for mark in marks]
    return Quality(
        evidence=_lower_median([mark for marks in evidence.values() for mark in marks]),
        argument=_lower_median(given),
        arguments={id_: _lower_median(scores) for id_, scores in argument.items()},
        evidences={id_: _lower_median(scores) for id_, scores in evidence.items()},
        marks=len(given),
        kin=kin,
    )


def _lower_median(values: Sequence[int]) -> int:
    return lower_median(values) if values else 0
