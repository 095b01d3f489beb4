"""A deliberation's steps in words, for clients that show a model's reasoning as it comes."""

from collections.abc import Callable
from typing import Final

from ..endings import REASONS
from .contract import Step

WORD_MAX: Final = 400
"""Most characters of a line: a reason is bounded, an answer may be a page."""

_MEMBER: Final = {
    "accepted": "{} takes part",
    "committed": "{} has drafted",
    "proposed": "{} has shown what it holds",
    "judged": "{} has judged",
    "opened": "{} has opened its ballot",
}
_POINT: Final = {
    "slate": "agreed whose drafts count",
    "freeze": "agreed which ballots count",
    "outcome": "agreed on the outcome",
}


def line(step: Step, naming: Callable[[str], str]) -> str:
    """One line about a step, with its end of line; empty for one that is told elsewhere."""
    detail = step.detail
    match step.kind:
        case "open":
            text = f"{len(detail['members'])} members: {detail['tolerates']}"
        case "refused":
            text = f"{naming(detail['member'])} refuses: {detail['reason']}"
        case "waiting":
            text = f"waiting for {', '.join(sorted(map(naming, detail['members'])))}"
        case "model_failed":
            text = f"this node's model gave no {detail['stage']}: {detail['reason']}"
        case "view":
            text = f"the {detail['point']} was not agreed on; the next member proposes"
        case "decided":
            text = _POINT.get(detail["point"], "")
        case "noted":
            text = f"{detail['by']} says to all: {detail['text']}"
        case "awaiting":
            text = f"decided; {detail['reason']}"
        case "outcome":
            text = _outcome(step)
        case kind if kind in _MEMBER:
            text = _MEMBER[kind].format(naming(detail["member"]))
            if detail.get("abstain"):
                text = f"{naming(detail['member'])} drafted nothing: {detail['abstain']}"
        case _:
            return ""
    place = f"Round {step.round}: " if step.round else ""
    flat = " ".join(text.split())
    return f"{place}{flat[:WORD_MAX]}\n" if flat else ""


def _outcome(step: Step) -> str:
    decision = step.detail["figures"]["decision"]
    answer, reason = decision["answer"], decision["reason"]
    said = "no answer" if answer is None else f"{answer[:160]!r}"
    if answer is not None:
        said += f", believed {decision['probability'] / 100:.1f} %"
    return f"{said}; " + ("another round" if reason is None else REASONS.get(reason, reason))
