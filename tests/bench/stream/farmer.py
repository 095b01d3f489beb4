"""A member that earns a name and then turns: how many tasks until it is worth nothing special.

Played on facts alone, since what its score depends on is in them: a committee of seven of which
each honest member is right in 60 % of the tasks, and the farmer always until it turns, never after.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from random import Random
from typing import Final

from reputation import NEUTRAL, Book, FeedbackFact, Method, Scoring, Showing, VerdictFact
from reputation.facts import ONE

from .play import BEGIN_MS, CLIENT, EVERY_MS
from .recorded import Spread

HONEST: Final = 0.6
MEMBERS: Final = tuple(bytes([at + 1]) * 32 for at in range(7))
HISTORIES: Final = (20, 100, 400)
"""Tasks before it turns."""
TOLD: Final = (1.0, 0.25, 0.1, 0.0)
MOST: Final = 600
F: Final = 2
FRAGILE: Final = 2 * F
"""The widest lead, in votes, that F of seven close by answering with the runner-up (O5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """After how many tasks from its turn on the farmer is at neutral or lower, and after how many
    it is under the honest members' mean; `never` counts streams where it was not by `MOST`."""

    method: str
    history: int
    told: float
    neutral: Spread
    below: Spread
    never: int


def _fact(number: int, rng: Random, turned: bool, fragile: int) -> tuple[VerdictFact, bool]:
    """A task with the right answer `r`; who errs gives one of three wrong ones. The majority
    wins, and a lead of up to `fragile` votes is fragile."""
    drafts = ["w0" if turned else "r"] + [
        "r" if rng.random() < HONEST else f"w{rng.randrange(3)}" for _ in MEMBERS[1:]
    ]
    answers = tuple(sorted(set(drafts)))
    votes = [drafts.count(answer) for answer in answers]
    winner = max(range(len(answers)), key=votes.__getitem__)
    task = number.to_bytes(32, "big")
    fact = VerdictFact(
        task=task,
        verdict=task,
        opener=MEMBERS[number % len(MEMBERS)],
        opened_at_ms=BEGIN_MS + number * EVERY_MS,
        domain="farm",
        answers=answers,
        winner=winner,
        belief=votes[winner] * ONE // len(drafts),
        fragile=sorted(votes)[-1] - (sorted(votes)[-2] if len(votes) > 1 else 0) <= fragile,
        showings=tuple(
            Showing(member=member, answer=answers.index(draft), accepted=True)
            for member, draft in zip(MEMBERS, drafts, strict=True)
        ),
    )
    return fact, answers[winner] == "r"


def trace(
    scoring: Scoring, history: int, told: float, shuffle: int, fragile: int = FRAGILE
) -> Iterator[tuple[int, ...]]:
    """The members' scores as authors after each task, the farmer's first."""
    rng, book = Random(f"{history} {told} {shuffle}"), Book()
    for number in range(history + MOST):
        fact, right = _fact(number, rng, number >= history, fragile)
        book.add(fact)
        if rng.random() < told:
            book.add(
                FeedbackFact(
                    task=fact.task,
                    client=CLIENT,
                    right=right,
                    answer="" if right else "r",
                    at_ms=fact.opened_at_ms,
                )
            )
        yield tuple(
            book.score(member, "farm", fact.opened_at_ms, scoring).author for member in MEMBERS
        )


def _caught(
    scoring: Scoring, history: int, told: float, shuffle: int, fragile: int
) -> tuple[int, int]:
    """After how many tasks it is at neutral, and under the honest mean; 0 for never."""
    neutral = below = 0
    for number, (mine, *honest) in enumerate(trace(scoring, history, told, shuffle, fragile)):
        if number >= history:
            if not neutral and mine <= NEUTRAL:
                neutral = number - history + 1
            if not below and mine < sum(honest) / len(honest):
                below = number - history + 1
            if neutral and below:
                break
    return neutral, below


def _cell(method: Method, history: int, told: float, shuffles: int, fragile: int) -> Caught:
    played = [_caught(Scoring(method=method), history, told, at, fragile) for at in range(shuffles)]
    return Caught(
        method=str(method),
        history=history,
        told=told,
        neutral=Spread.of([one for one, _ in played if one] or [0]),
        below=Spread.of([one for _, one in played if one] or [0]),
        never=sum(not one for one, _ in played),
    )


def measure(
    executor: Executor, shuffles: int, *, told: Sequence[float] = TOLD, fragile: int = FRAGILE
) -> list[Caught]:
    """Every method, history and share of tasks with a word."""
    jobs = [
        executor.submit(_cell, method, history, share, shuffles, fragile)
        for method in Method
        for history in HISTORIES
        for share in told
    ]
    return [job.result() for job in jobs]
