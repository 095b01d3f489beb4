"""The exam: recorded answers and ballots of real models, replayed by as many real nodes.

The questions are the contested ones of a recorded council on Humanity's Last Exam: those on
which two pools of four models each gave more than one letter. Question texts are not
republished; a case is its id. Every question is decided twice, each time in one round, since a
recording has no second: by the default blend, and by plain Bradley-Terry.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from consensus.bodies import AnswerKind, AnswerSpec, Content

from ..models.recorded import NAME as BACKEND
from ..models.recorded import family_of
from ..models.recordings import Recordings, load
from .play import Actor, Case, Play, Way

DATA: Final = "hle_council"
POOLS: Final = ("near_equals", "with_fable")
DOMAIN: Final = "hle"

POLICY: Final[Mapping[str, Any]] = {
    "rounds": 1,
    "accept_ms": 10_000,
    "draft_ms": 20_000,
    "exchange_ms": 20_000,
    "judge_ms": 20_000,
    "open_ms": 20_000,
    "deadline_ms": 60_000,
    "proposal_bytes": 1_024,
}
"""What both ways ask for: one round, room for a letter, since every proposal is padded to it (R3),
and time enough that nobody is late on a busy machine: a missing ballot would change the figures. A
stage ends when all have spoken."""

PLAIN: Final[Mapping[str, Any]] = {
    "rule": "bradley_terry",
    "strengths_over": "candidates",
    "weights": "equal",
}
"""Plain Bradley-Terry: fitted over the four answers, the strengths of equal ones added, every
ballot worth the same: a figure of the recording, whatever was decided before."""

WAYS: Final = (
    Way(name="blend", title="the swarm, default blend", policy=POLICY),
    Way(
        name="bradley_terry",
        title="the swarm, plain Bradley-Terry",
        policy={**POLICY, **PLAIN},
    ),
)


def hle(*, cases: int | None) -> tuple[Play, ...]:
    """A play for each pool, of its first `cases` questions in the data's order, or of all."""
    recordings = load(DATA, Path())
    return tuple(_play(recordings, pool, cases) for pool in POOLS)


def _play(recordings: Recordings, pool: str, cases: int | None) -> Play:
    return Play(
        name=pool,
        domain=DOMAIN,
        answer=AnswerSpec(kind=AnswerKind.CHOICE, options=recordings.letters),
        actors=tuple(_actor(pool, member) for member in recordings.pools[pool]),
        cases=tuple(
            Case(content=Content(text=question(item.id)), truth=item.gold)
            for item in recordings.judged_by(pool)[:cases]
            if item.gold is not None
        ),
        ways=WAYS,
        drill=False,
    )


def question(id_: str) -> str:
    """The text of a case: the question's id, and why there is no more."""
    return f"{id_}: which letter is right? Its text is the benchmark's, and not republished."


def _actor(pool: str, member: str) -> Actor:
    name = member.rpartition("/")[2]
    return Actor(
        name=name,
        kind=family_of(member),
        backend=BACKEND,
        options={"data": DATA, "pool": pool, "member": member},
        about=f"{name} replays {member} as recorded in {pool}",
    )
