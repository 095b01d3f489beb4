"""Recorded members without a network: their models, the real tally, and shares of ties."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from consensus.bodies import AnswerKind, AnswerSpec, Content
from consensus.deliberation.requests import Case
from consensus.policy import Policy
from consensus.tally import Tally
from node.models import registry
from node.models.recorded import family_of
from node.models.recordings import Recording, Recordings

from .offline import Cast, deliberate


async def cast(data: str, pool: str, members: Sequence[str]) -> Cast:
    """Members of a pool, opened as a node opens them."""
    models = [
        await registry.load("recorded", {"data": data, "pool": pool, "member": member}, Path())
        for member in members
    ]
    return Cast(models=tuple(models), families=tuple(map(family_of, members)))


async def decide(
    of: Cast, recordings: Recordings, questions: Sequence[Recording], policy: Policy
) -> list[Tally]:
    """What the committee's tally makes of each question."""
    spec = AnswerSpec(kind=AnswerKind.CHOICE, options=recordings.letters)
    found = []
    for item in questions:
        case = Case(messages=(Content(text=f"{item.id}: ?"),), answer=spec, domain="hle")
        seed = hashlib.sha256(item.id.encode()).digest()
        rounds = await deliberate(of, case, policy, seed)
        found.append(rounds[-1].tally)
    return found


def share(tallied: Tally, gold: str | None) -> Fraction:
    """1 if the winner is right; of a tie, the part that is."""
    first = tallied.tied or ((tallied.winner,) if tallied.winner is not None else ())
    return Fraction(int(gold in first), max(1, len(first)))


def majority(item: Recording, members: Sequence[str]) -> Fraction:
    """1 if the letter that most gave is right; of a tie, the part that is."""
    votes: Mapping[str | None, int] = Counter(item.answers[member] for member in members)
    first = [letter for letter, count in votes.items() if count == max(votes.values())]
    return Fraction(int(item.gold in first), len(first))
