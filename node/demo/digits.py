"""The digits: five organisations, each with its own handwriting and its own kind of classifier."""

from pathlib import Path
from typing import Any, Final

from consensus.bodies import AnswerKind, AnswerSpec, Content

from .deal import HELD_OUT, LABELS, DealtShard, deal
from .play import Actor, Case, Play, Way

QUESTION: Final = "Which digit is this? 8 x 8 pixels, row by row, 0 (white) to 16 (black)."
NAME: Final = "digits"
"""What the federation and the tasks' domain are called."""

POLICY: Final[dict[str, Any]] = {
    "rounds": 3,
    "accept_ms": 2_000,
    "draft_ms": 5_000,
    "exchange_ms": 2_000,
    "judge_ms": 5_000,
    "open_ms": 2_000,
    "deadline_ms": 30_000,
    "proposal_bytes": 2_048,
}
"""What a task asks for: three rounds, deadlines for one machine and small models, and room for ten
probabilities, since every proposal is padded to it (R3); the rest is the default policy. A stage
ends when all have spoken; its deadline is for the silent."""


def digits(folder: Path, *, seed: int, cases: int) -> Play:
    """Deal the shards into `folder`; the play with them.

    The same seed deals the same shards, however many of the cases held out are decided. Raises
    `DealError` if nothing can be trained on what the seed deals.
    """
    dealt = deal(folder, seed=seed, held_out=max(HELD_OUT, cases))
    return Play(
        name=NAME,
        domain=NAME,
        answer=AnswerSpec(kind=AnswerKind.LABEL, options=LABELS),
        actors=tuple(map(_actor, dealt.shards)),
        cases=tuple(
            Case(content=Content(text=QUESTION, vector=case.vector), truth=case.label)
            for case in dealt.cases[:cases]
        ),
        ways=(Way(name="swarm", title="the swarm", policy=POLICY),),
        drill=True,
    )


def _actor(shard: DealtShard) -> Actor:
    who = shard.organisation
    return Actor(
        name=who.name,
        kind=who.kind,
        backend="classifier",
        options={"kind": who.kind, "shard": shard.path.name},
        about=f"{who.name} trains {who.kind.replace('_', ' ')} on {shard.rows} images of "
        f"{' '.join(shard.labels)}",
    )
