"""What a verdict becomes in a reply: OpenAI's object, or its chunks, with `quorate` beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from ..excerpts import shown_answers
from .asking import Asked
from .contract import Account, Step

ONE_BP: Final = 10_000
MICROS: Final = 1_000_000

VERDICTS: Final = "/v1/verdicts/"
"""Where a verdict's file is fetched, by its id."""


def extension(
    task: bytes, step: Step, account: Account, asked: Asked, warnings: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    """What is said of the verdict in `step` beside its answer. Shares are of one."""
    detail = step.detail
    figures = detail["figures"]
    decision, tally = figures["decision"], figures["tally"]
    shown = shown_answers(tally)
    majority = tally["baselines"]["majority"]
    return {
        "task": task.hex(),
        "verdict": detail["verdict"],
        "verdict_url": f"{VERDICTS}{detail['verdict']}",
        "status": decision["status"],
        "answer": decision["answer"],
        "probability": decision["probability"] / ONE_BP,
        "majority": None if majority is None else shown.get(majority, majority),
        "rounds": step.round,
        "stop_reason": decision["reason"],
        "warnings": [{"code": code, "text": text} for code, text in warnings],
        "faults": [asdict(item) for item in account.faults],
        "cost": _cost(account, detail),
        "ignored": list(asked.ignored),
        **({"release": detail["release"]} if "release" in detail else {}),
    }


def awaiting(task: bytes, step: Step) -> dict[str, Any]:
    """What is said of a decided task whose outcome waits for approvals (E4)."""
    return {
        "task": task.hex(),
        "verdict": step.detail["verdict"],
        "status": "awaiting approval",
        "release": step.detail["release"],
    }


def _cost(account: Account, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "usd": sum(cost.micros for cost in account.costs) / MICROS,
        "ms": detail.get("ms"),
        "unsplit_tokens": sum(cost.unsplit for cost in account.costs),
        "members": [
            {
                "member": cost.member,
                "tokens": cost.tokens_in + cost.tokens_out + cost.unsplit,
                "usd": cost.micros / MICROS,
            }
            for cost in account.costs
        ],
    }


def usage(account: Account) -> dict[str, int]:
    """The tokens of all members together.

    OpenAI's two figures must add up to the third, and of some tokens it is not known on which side
    they are (`Cost.unsplit`): they stand with the prompt's, where a draft has most of its tokens.
    """
    prompt = sum(cost.tokens_in + cost.unsplit for cost in account.costs)
    completion = sum(cost.tokens_out for cost in account.costs)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def completion(
    task: bytes, asked: Asked, created: int, content: str, more: dict[str, Any], account: Account
) -> dict[str, Any]:
    """A whole reply."""
    return {
        "id": f"chatcmpl-{task.hex()}",
        "object": "chat.completion",
        "created": created,
        "model": asked.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": usage(account),
        "quorate": more,
    }


def chunk(
    task: bytes,
    asked: Asked,
    created: int,
    delta: dict[str, Any] | None,
    *,
    finish: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """One piece of a streamed reply; without a `delta` it has no choice (the usage's chunk)."""
    choices = []
    if delta is not None:
        reason = "stop" if finish else None
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]
    made = {
        "id": f"chatcmpl-{task.hex()}",
        "object": "chat.completion.chunk",
        "created": created,
        "model": asked.model,
        "choices": choices,
        **more,
    }
    if asked.usage and "usage" not in made:
        made["usage"] = None
    return made
