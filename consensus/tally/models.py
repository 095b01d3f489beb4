"""Which of the models of strength a policy names (O2)."""

from collections.abc import Sequence

from ..policy import Policy
from .contests import Contest, merged
from .davidson import DavidsonFit, fit_davidson
from .discerning import DiscerningFit, fit_discerning


def is_plain(policy: Policy) -> bool:
    """Whether the policy has plain Bradley-Terry: a matrix of wins says all that it reads."""
    return (policy.ties, policy.position, policy.judges) == ("half", "none", "alike")


def fit_contests(
    given: Sequence[Contest], count: int, policy: Policy
) -> DavidsonFit | DiscerningFit:
    """Strengths of `count` classes or candidates by the model that the policy names."""
    prior = policy.prior / 1_000
    ties, position = policy.ties == "davidson", policy.position == "fitted"
    if policy.judges == "discerning":
        return fit_discerning(given, count, prior, ties=ties, position=position)
    return fit_davidson(merged(given), count, prior, ties=ties, position=position)
