"""Every rule by which a policy can have the winner named (rule O7).

A rule gives each class a score, an integer, from one count; the highest wins and equal ones
go by O6. A rule is a pure function in a file of its own; here each has its name and is
handed what it reads. `consensus.policy.RULES` are the same names: a policy knows no tally.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .adaptive import adaptive
from .copeland import copeland
from .kemeny import kemeny
from .latent_truth import latent_truth
from .log_odds import log_odds
from .model_switch import model_switch
from .reconcile import reconcile
from .self_org import self_org

if TYPE_CHECKING:
    from ..count import Count

Rule = Callable[["Count"], tuple[int, ...]]
"""Scores of the classes of a count, in their order."""

RULES: Mapping[str, Rule] = {
    "blend": lambda of: of.belief,
    "bradley_terry": lambda of: of.parts,  # in bp to a sum of one, equal ones can differ by one
    "quadratic": lambda of: of.support,
    "majority": lambda of: of.votes,
    "borda": lambda of: of.borda,
    "log_odds": lambda of: log_odds(of.classes, of.standing, of.places, of.f),
    "reconcile": lambda of: reconcile(of.classes, of.opinions, of.weights),
    "copeland": lambda of: copeland(of.margins),
    "kemeny": lambda of: kemeny(of.margins),
    "model_switch": lambda of: model_switch(of.classes, of.opinions, of.weights),
    "self_org": lambda of: self_org(of.classes, of.opinions, of.weights),
    "latent_truth": lambda of: latent_truth(of.classes, of.readings, of.weights, of.judging),
    "adaptive": lambda of: adaptive(of, capped=False),
    "adaptive_capped": lambda of: adaptive(of, capped=True),
}

__all__ = ["RULES", "Rule"]
