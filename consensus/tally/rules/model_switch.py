"""ModelSwitch's vote: a member counts by how consistent it is with itself (O7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...exact import GRID, entropy, ln, round_ratio
from ..answers import Classes
from ..belief import Opinion


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEnd:
    """Where members that are asked one after the other would have stopped.

    `asked` members were drawn on; `settled` says whether the last of them was wholly
    consistent, and `at` the class it answers then (None if nobody was).
    """

    asked: int
    settled: bool
    at: int | None


def model_switch(
    classes: Classes, opinions: Sequence[Opinion], weights: Sequence[int]
) -> tuple[int, ...]:
    """Beliefs pooled over the classes, each member's by its weight and its consistency.

    Chen et al. (2025), "Do We Truly Need So Many Samples? Multi-LLM Repeated Sampling
    Efficiently Scales Test-Time Compute" (2504.00762), section 3: K samples of a model are
    one vote each, worth 1/K + (1 - 1/K) (1 - H / ln K) with H the entropy of the K answers,
    times a weight of the model. Here a proposal's belief over k places stands for the
    samples it is the limit of, with k for K; the model's weight is the member's as an author.
    """
    found = [0] * len(classes.items)
    for opinion in opinions:
        weight = weights[opinion.voter] * consistency(opinion)
        for at, item in enumerate(classes.items):
            found[at] += weight * opinion.shares[at if item.option is None else item.option]
    # In parts of a bp of a bp: a figure of 64 members stays under 2**53.
    return tuple(round_ratio(score, GRID) for score in found)


def consistency(opinion: Opinion) -> int:
    """1/k + (1 - 1/k) (1 - H / ln k) in parts of `GRID`: 1/k for an even belief, one for a
    certain one. A belief over one place is certain."""
    places = len(opinion.shares)
    if places < 2:
        return GRID
    spread, whole = entropy(opinion.shares)
    most = whole * ln(places)
    spread = min(spread, most)
    return round_ratio(GRID * (most + (places - 1) * (most - spread)), places * most)


def early_end(classes: Classes, opinions: Sequence[Opinion], order: Sequence[int]) -> EarlyEnd:
    """The paper's early end: members are asked in `order` until one is wholly consistent.

    The last of them is never taken alone: there is no other to switch to. A committee's
    members draft at the same time and judge each other anyway, so a tally cannot save their
    calls; this says what asking in turn would have saved, and what it would have answered
    (`make bench-tally` measures both on recorded samples).
    """
    said = {opinion.voter: opinion for opinion in opinions}
    own = {author: at for at, item in enumerate(classes.items) for author in item.authors}
    asked = [member for member in order if member in said]
    for number, member in enumerate(asked[:-1], start=1):
        if consistency(said[member]) == GRID:
            return EarlyEnd(asked=number, settled=True, at=own[member])
    return EarlyEnd(asked=len(asked), settled=False, at=None)
