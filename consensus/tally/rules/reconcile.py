"""ReConcile's vote: each answer counts by how sure its author says it is (O7)."""

from collections.abc import Sequence

from ...exact import ONE_BP
from ..answers import Classes
from ..belief import Opinion

STEPS = ((ONE_BP, 10), (9_000, 8), (8_000, 5), (6_001, 3), (0, 1))
"""The least confidence, in bp, of each step, and its weight in tenths: 1.0 for certainty, 0.8
from 0.9 on, 0.5 from 0.8 on, 0.3 above 0.6, 0.1 else (Chen, Saha and Bansal 2024; bounds as in
`trans_confidence` of the authors' code. Models say that they are surer than they are)."""


def reconcile(
    classes: Classes, opinions: Sequence[Opinion], weights: Sequence[int]
) -> tuple[int, ...]:
    """The sum of the rescaled confidences of each class's authors, in tenths of a bp.

    Chen, Saha and Bansal (2024), "ReConcile: Round-Table Conference Improves Reasoning via
    Consensus among Diverse LLMs", the weighted vote with f(p). p is the author's belief in
    its own answer. A member's term is weighed by its weight as an author, as all its words
    are (L3); the paper has no such weights.
    """
    own = {author: at for at, item in enumerate(classes.items) for author in item.authors}
    found = [0] * len(classes.items)
    for opinion in opinions:
        at = own[opinion.voter]
        option = classes.items[at].option
        found[at] += weights[opinion.voter] * rescaled(
            opinion.shares[at if option is None else option]
        )
    return tuple(found)


def rescaled(confidence: int) -> int:
    """What a confidence in bp counts for, in tenths."""
    return next(weight for least, weight in STEPS if confidence >= least)
