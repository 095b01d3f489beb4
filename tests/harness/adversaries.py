"""Adversarial ballots, seeded, and how often they change a winner: for breakdown figures.

An adversary keeps its proposal and votes as its kind has it; of its own candidate it says
nothing, as the mask would strike it. `flips` counts over many rounds; figures drawn from it are
of simulated adversaries, and say so.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random

from consensus.bodies import Ballot, Mark, Pair, Preference
from consensus.policy import Policy
from consensus.tally import Candidate, CountedBallot
from consensus.tally.count import Count
from consensus.tally.turned import Stance, turn

from .tallies import Round

_OTHER = {Preference.FIRST: Preference.SECOND, Preference.SECOND: Preference.FIRST}

Maker = Callable[[Round, Count, Sequence[int], Random], dict[int, CountedBallot]]
"""What these members cast in a round, given its honest count."""


def random_ballots(
    of: Round, honest: Count, members: Sequence[int], random: Random
) -> dict[int, CountedBallot]:
    """Every pair a coin with any confidence, every endorsement anything."""
    return {member: _random(member, of.candidates, random) for member in members}


def inverted(
    of: Round, honest: Count, members: Sequence[int], random: Random
) -> dict[int, CountedBallot]:
    """The member's own honest ballot turned around. Who cast none still casts none."""
    return {
        item.voter: replace(
            item,
            ballot=replace(
                item.ballot,
                pairs=tuple(
                    replace(pair, preference=_OTHER.get(pair.preference, pair.preference))
                    for pair in item.ballot.pairs
                ),
                marks=tuple(
                    replace(mark, endorsement=-mark.endorsement) for mark in item.ballot.marks
                ),
            ),
        )
        for item in of.ballots
        if item.voter in members
    }


def colluding(
    of: Round, honest: Count, members: Sequence[int], random: Random
) -> dict[int, CountedBallot]:
    """All for the honest runner-up, over everything, and the honest winner opposed; nothing is
    said of other pairs. With one class there is nothing to be for."""
    return _turned(of, honest, members, Stance.FOR)


def turned(
    of: Round, honest: Count, members: Sequence[int], random: Random
) -> dict[int, CountedBallot]:
    """The same with the winner under everything too: the first of O5's turned ballots, which is the
    strongest where one is."""
    return _turned(of, honest, members, Stance.BOTH)


def _turned(
    of: Round, honest: Count, members: Sequence[int], stance: Stance
) -> dict[int, CountedBallot]:
    if len(honest.ranking) < 2:
        return {}
    first, second = (honest.classes.items[at].answer for at in honest.ranking[:2])
    return {
        member: turn(member, of.candidates, honest.classes, first, second, of.policy, stance=stance)
        for member in members
    }


KINDS: dict[str, Maker] = {
    "random": random_ballots,
    "inverted": inverted,
    "colluding": colluding,
}


def attacked(of: Round, kind: str, adversaries: int, seed: int) -> Round:
    """`of` with the ballots of that many members, drawn by `seed`, replaced or added."""
    random = Random(f"{kind} {adversaries} {seed}")
    members = sorted(random.sample(range(of.n), adversaries))
    made = KINDS[kind](of, of.count(), members, random)
    kept = {item.voter: item for item in of.ballots} | made
    return replace(of, ballots=tuple(kept[voter] for voter in sorted(kept)))


def flips(
    rounds: Iterable[Round], policy: Policy, kind: str, share: float, *, draws: int = 1
) -> tuple[int, int]:
    """Of how many rounds the winner changes, and how many were tried, by `share` (0 to 0.5) of
    adversaries in each committee, rounded down to whole members, over `draws` sets of them."""
    changed = tried = 0
    for number, plain in enumerate(rounds):
        of = replace(plain, policy=policy)
        before = _winner(of)
        for draw in range(draws):
            after = _winner(attacked(of, kind, int(share * of.n + 1e-9), number * draws + draw))
            changed += after != before
            tried += 1
    return changed, tried


def _winner(of: Round) -> str | None:
    count = of.count()
    return None if count.winner is None else count.classes.items[count.winner].answer


def _random(member: int, candidates: Sequence[Candidate], random: Random) -> CountedBallot:
    held = tuple(sorted(item.id for item in candidates))
    own = {item.id for item in candidates if item.author == member}
    others = [at for at, id_ in enumerate(held) if id_ not in own]
    return CountedBallot(
        voter=member,
        ballot=Ballot(
            held=held,
            pairs=tuple(
                Pair(
                    first=one,
                    second=other,
                    preference=random.choice((Preference.FIRST, Preference.SECOND)),
                    confidence=random.randint(0, 10_000),
                )
                for one in others
                for other in others
                if one < other
            ),
            marks=tuple(Mark(candidate=at, endorsement=random.randint(-100, 100)) for at in others),
        ),
    )
