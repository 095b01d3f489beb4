"""Ballots of free texts by which a member does what it can against a winner (rule O5).

There the ballots make the classes too, so a member also chooses which texts it calls the same.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import combinations

from ..bodies import Ballot, Mark, Pair, Preference
from ..envelope import MessageId
from ..policy import Policy
from .answers import normalise
from .ballots import Candidate, CountedBallot
from .count import Count
from .credits import afford


class Turn(Enum):
    """What a turned ballot of free texts is for, and which texts it calls the same."""

    RUNNER_UP = "the runner-up, whose texts are the same"
    ALONE = "the runner-up's own answer, which is the same as no other text"
    RIVALS = "the runner-up, and all but the winner's are the same"
    ALL = "the runner-up, and all are the same"
    WITHIN = "the winner's other texts, which are the same, but not as its answer"


def turn_texts(
    voter: int, candidates: Sequence[Candidate], first: Count, way: Turn
) -> CountedBallot:
    """A ballot of free texts by which `voter` does what it can against the winner of `first`.

    It is for some texts, as `way` says, and calls them the same. Of all that `way` does not join
    it denies that it is the same: what it is for beats everything, everything beats the winner's
    texts, and of those the others beat the answer, with certainty. The winner's are opposed fully
    and what it is for endorsed. Without a runner-up (one class) all ways are for what is not the
    answer.
    """
    classes = first.classes
    winner = classes.items[first.ranking[0]]
    rival = first.ranking[1] if len(first.ranking) > 1 else None
    within = way is Turn.WITHIN or rival is None
    said = {item.id: normalise(first.spec, item.proposal.answer)[0] for item in candidates}
    answer = normalise(first.spec, winner.text)[0]
    alone = None
    if way is Turn.ALONE and rival is not None:
        alone = normalise(first.spec, classes.items[rival].text)[0]
    own = {candidate.id for candidate in candidates if candidate.author == voter}
    held = tuple(sorted(said))
    # 4: what it is for, 2: other answers, 1: the winner's other texts, 0: the very answer
    rank = {}
    for at, id_ in enumerate(held):
        if id_ in own or id_ not in classes.of:
            continue
        if classes.items[classes.of[id_]] == winner:
            rank[at] = 0 if said[id_] == answer else 4 if within else 1
        else:
            besides = within or classes.of[id_] != rival or alone not in (None, said[id_])
            rank[at] = 2 if besides else 4
    least = {Turn.RIVALS: 2, Turn.ALL: 0}.get(way, 4)
    pairs = []
    for one, other in combinations(rank, 2):
        good, bad = (one, other) if rank[one] >= rank[other] else (other, one)
        if rank[bad] >= least:
            word = Preference.SAME
        else:
            word = Preference.FIRST if rank[good] > rank[bad] else Preference.TIE
        pairs.append(Pair(first=good, second=bad, preference=word))
    endorsed = {held[at]: 100 if place == 4 else -100 for at, place in rank.items() if place != 2}
    index = {id_: at for at, id_ in enumerate(held)}
    given = _marks(endorsed, index, said, first.policy)
    return CountedBallot(voter=voter, ballot=Ballot(held=held, pairs=tuple(pairs), marks=given))


def _marks(
    endorsed: Mapping[MessageId, int],
    index: Mapping[MessageId, int],
    answers: Mapping[MessageId, str | None],
    policy: Policy,
) -> tuple[Mark, ...]:
    """Endorsements as marks, within the policy's credits if it has some (O3a)."""
    if policy.endorsements == "credits":
        endorsed = afford(endorsed, answers, policy.credits)
    return tuple(Mark(candidate=index[id_], endorsement=given) for id_, given in endorsed.items())
