"""Why a deliberation ended, and what a strike is for: one wording for whoever tells it."""

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

STRIKES: Final = {
    "alias": "claimed an alias that another claims too",
    "mismatch": "opened something else than it had committed to",
    "no_show": "committed to nothing",
    "self_vote": "voted for its own proposal, which was not counted",
    "unopened": "opened nothing",
    "void_answer": "gave an answer outside of the task's",
}
"""What a strike is for, in words (R8, R9)."""
