"""SelfOrg's vote: a member counts by how much it agrees with all (O7)."""

from collections.abc import Sequence
from math import fsum, sqrt

from ...exact import GRID, scaled
from ..answers import Classes
from ..belief import Opinion


def self_org(
    classes: Classes, opinions: Sequence[Opinion], weights: Sequence[int]
) -> tuple[int, ...]:
    """Beliefs pooled over the classes, each by its agreement with the mean belief; of `GRID`.

    Tastan, Horvath and Nandakumar (2025), "Stochastic Self-Organization in Multi-Agent
    Systems" (2510.00685), section 2.3: a member's contribution, which stands in for its
    Shapley value, is the cosine between its response and the mean of all; the answer is read
    off the mean weighted by it. Here the response is the belief over the options or classes,
    which no embedding model has to be agreed on for; the mean is weighted by the members'
    weights as authors. Beliefs that are whole votes give the order of the majority.
    """
    if not opinions:
        return (0,) * len(classes.items)
    places = range(len(opinions[0].shares))
    mean = [fsum(weights[one.voter] * one.shares[at] for one in opinions) for at in places]
    agreement = [weights[one.voter] * _cosine(one.shares, mean) for one in opinions]
    whole = fsum(agreement)
    pooled = [
        fsum(
            weight * one.shares[at if item.option is None else item.option]
            for weight, one in zip(agreement, opinions, strict=True)
        )
        for at, item in enumerate(classes.items)
    ]
    return tuple(scaled(part / (whole * 10_000), GRID) if whole else 0 for part in pooled)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    both = fsum(a * b for a, b in zip(one, other, strict=True))
    sizes = fsum(a * a for a in one), fsum(b * b for b in other)
    return both / (sqrt(sizes[0]) * sqrt(sizes[1])) if all(sizes) else 0.0
