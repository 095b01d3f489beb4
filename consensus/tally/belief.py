"""What proposals believe, and the blend of all that is known (rule O4).

An option that a model has never met is not an option it thinks impossible: such a voter has
no opinion there, and the mean over voters is taken over those who know the option.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from ..bodies import AnswerSpec
from ..exact import ONE_BP, apportion
from ..policy import Policy
from .answers import Classes
from .ballots import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One voter's own distribution, from its proposal: `shares` in bp sum to 10,000.

    Over the task's options where it has some, else over the round's classes. `known` says
    where the voter has an opinion at all.
    """

    voter: int
    shares: tuple[int, ...]
    known: tuple[bool, ...]


def opinions(
    spec: AnswerSpec, classes: Classes, candidates: Sequence[Candidate]
) -> tuple[Opinion, ...]:
    """The opinions behind all candidates that are in a class, by author.

    A proposal without a belief over the options gives its answer its confidence and spreads
    the rest evenly over what else it knows (with nothing else, its answer has it all).
    """
    found = []
    for candidate in sorted(candidates, key=lambda item: item.author):
        at = classes.of.get(candidate.id)
        if at is None:
            continue
        own = classes.items[at].option if spec.options else at
        assert own is not None
        found.append(_opinion(spec, candidate, own, len(spec.options) or len(classes.items)))
    return tuple(found)


def pool(
    held: Sequence[Opinion], count: int, weights: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Integers in proportion to the linear pool of `held` over `count` places (Stone 1961).

    At each place the weighted mean over the voters who know it; `weights` by member, None
    for equal ones. All zero if nobody has an opinion.
    """
    given, whole = [0] * count, [0] * count
    for opinion in held:
        weight = 1 if weights is None else weights[opinion.voter]
        for place in range(count):
            if opinion.known[place]:
                given[place] += weight * opinion.shares[place]
                whole[place] += weight
    common = lcm(*(weight for weight in whole if weight))
    return tuple(
        part * (common // weight) if weight else 0
        for part, weight in zip(given, whole, strict=True)
    )


def over_classes(classes: Classes, pooled: Sequence[int]) -> tuple[int, ...]:
    """A pool as bp over the classes that were proposed, summing to 10,000."""
    shares = [
        pooled[at if item.option is None else item.option] for at, item in enumerate(classes.items)
    ]
    return apportion(shares, ONE_BP, classes.order)


def blend(
    policy: Policy,
    classes: Classes,
    *,
    proposals: Sequence[int],
    strengths: Sequence[int] | None,
    support: Sequence[int] | None,
) -> tuple[int, ...]:
    """The blended belief over classes in bp, summing to 10,000 (O4).

    Each part is in bp over the classes, or None where no ballot says anything: its share of
    the blend then goes to the others in proportion.
    """
    mixed = [policy.blend_proposals * part for part in proposals]
    for share, parts in ((policy.blend_strengths, strengths), (policy.blend_support, support)):
        if parts is not None:
            mixed = [old + share * part for old, part in zip(mixed, parts, strict=True)]
    return apportion(mixed, ONE_BP, classes.order)


def _opinion(spec: AnswerSpec, candidate: Candidate, own: int, count: int) -> Opinion:
    proposal = candidate.proposal
    known = [place == own or place not in proposal.unseen for place in range(count)]
    if not spec.options:
        known = [True] * count
    if spec.options and len(proposal.belief) == count:
        shares = proposal.belief
    else:
        others = [place for place in range(count) if known[place] and place != own]
        rest = apportion([1] * len(others), ONE_BP - proposal.confidence, range(len(others)))
        spread = dict(zip(others, rest, strict=True))
        spread[own] = ONE_BP - sum(rest)
        shares = tuple(spread.get(place, 0) for place in range(count))
    return Opinion(voter=candidate.author, shares=shares, known=tuple(known))
