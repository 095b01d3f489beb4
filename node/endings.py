"""Why a deliberation ended, for people: one wording for whoever tells it (P2)."""

from typing import Final

REASONS: Final = {
    "unanimity": "all agreed",
    "near_consensus": "beliefs are near consensus and the winner stood",
    "plateau": "another round would have added nothing",
    "maci": "entropy and divergence had stopped falling",
    "efficiency": "members were as convinced as the policy asks for",
    "seat": "answers had never been closer together",
    "rounds": "the policy allows no more rounds",
    "budget": "the budget is spent",
    "deadline": "the time is spent",
}
"""Why no further round was held, by the reason that an outcome signs."""
