"""The models that the front lists: each is a policy, a way in which the committee decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from consensus.policy import policy_problem

DEFAULT: Final = "quorate"

BUILT_IN: Final[Mapping[str, Mapping[str, Any]]] = {
    DEFAULT: {},
    "quorate-fast": {"rounds": 1},
    # As many rounds as the beliefs still move in, and less of a move stops it.
    "quorate-deep": {
        "rounds": 8,
        "near_consensus": 200,
        "plateau_entropy": 200,
        "plateau_divergence": 200,
        "deadline_ms": 600_000,
    },
}
"""The policy itself, one that drafts and judges once, and one that goes on for longer."""


class CatalogueError(ValueError):
    """A policy in the configuration is none. The text names it and what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Policies by the name of their model, each the fields that it sets."""

    policies: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, configured: Mapping[str, Mapping[str, Any]]) -> "Catalogue":
        """The built-in ones and `configured`, checked. Raises `CatalogueError`."""
        for name, chosen in configured.items():
            if problem := policy_problem(chosen):
                raise CatalogueError(f"api.policies.{name}: {problem}")
        return cls(policies={**BUILT_IN, **configured})

    def find(self, model: str) -> Mapping[str, Any] | None:
        """The policy of a model; also as `quorate/NAME`, as routers write it."""
        return self.policies.get(model, self.policies.get(model.removeprefix("quorate/")))
