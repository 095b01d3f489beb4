"""What a member can do at worst for one answer and against the winner (rule O5).

The member is for `rival` (r) and against `winner` (w), and says nothing of its own candidate
(R9). A ballot is the *strongest* if no other, whatever the others said, brings r further above w.
With every word heard and as many pairs as a ballot likes (`ballots = all`, `pairs = all`):

- Quadratic votes: w lost and r won as many votes as one ballot has. Their difference a + b under
  a^2 + b^2 <= 1 is at most the root of two, at a = b (Cauchy-Schwarz). Credits buy the like in
  steps of one vote, or of a part of one in a class of several candidates (`_bought`).
- Borda, Copeland: r's figure rises with every pair that r wins, w's falls with every pair that
  w loses, and no other pair is in either. So the strongest ballot has r beat all and all beat w.
- Kemeny: a class's score is that of the best ranking which it leads. One point more for r over
  x raises the best ranking led by r by one and that led by w by at most one; one more for x over w
  lowers the one led by w by one and that led by r by at most one. So the same holds, but pairs of
  two others are in both scores.
- Plain Bradley-Terry over classes: at the mode a gradient g moves the log-strengths by G g, where G
  is the inverse of the information, a weighted graph's Laplacian with the ghost as ground. For a
  win of r over x, g = e_r - e_x up to a factor, and G g is a potential whose highest place is r and
  whose lowest is x (maximum principle, Doyle and Snell 1984); for a win of
  x over w the lowest is w. So either raises r over w or leaves it, from silence or from any other
  word, whatever else stands. The ballot in which r beats all and all beat w is the strongest of all
  that say the same of two others.

So with at most three classes those ballots are the strongest. With more, what is said of two others
matters to Kemeny and Bradley-Terry, and `stances` are a few such words: a search. It is a search
also where words are capped by a design (O2a: each one more makes the others weigh less), where
`ballots` are trimmed or in blocks, for strengths over candidates, Davidson's ties, a position
term, judges' discriminations, the latent truth (each pair more makes a ballot's others weigh less)
and the blend.
Figures are rounded, so "strongest" is up to one unit of theirs.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from math import isqrt

from ..bodies import Ballot, Mark, Pair, Preference, Proposal
from ..envelope import MessageId, tagged_hash
from ..exact import ONE_BP
from ..policy import Policy
from .answers import AnswerClass, Classes
from .ballots import Candidate, CountedBallot
from .credits import MOST_VOTES

BY_ANSWERS = frozenset({"majority", "log_odds", "reconcile", "model_switch", "self_org"})
"""Rules that no ballot moves, unless ballots make the classes."""

BY_ENDS = frozenset({"borda", "copeland", "quadratic"})
"""Rules for which no pair of two answers beside the rival and the winner says anything of them."""


class Stance(Enum):
    """What a turned ballot says, always with certainty."""

    BOTH = "the rival beats all, all beat the winner, nothing of two others"
    KEPT = "that, and the others in the order in which they came out"
    REVERSED = "that, and the others in the reverse order"
    FOR = "the rival beats all"
    UNDER = "all beat the winner"
    DUEL = "the rival beats the winner"
    SECOND = "what KEPT says, the rival always shown second and what else wins first"
    FIRST = "what KEPT says, the rival always shown first and what else wins second"


def stances(policy: Policy, classes: int) -> tuple[Stance, ...]:
    """The stances that are tried under a policy in a round of so many classes, best guess first."""
    if policy.rule in BY_ANSWERS:
        return ()
    found = [Stance.BOTH]
    if policy.rule in BY_ENDS:
        return tuple(found)
    if classes > 3:
        found += [Stance.KEPT, Stance.REVERSED]
    dilutes = policy.pairs != "all" or policy.rule == "latent_truth"
    if classes > 2 and (dilutes or policy.ballots != "all"):
        # A word more can make the others weigh less, or have another voter's heard in its place.
        found += [Stance.DUEL, Stance.FOR, Stance.UNDER]
    if policy.position == "fitted":
        # The place seems to be worth something, and the rival's wins without it more.
        found += [Stance.SECOND, Stance.FIRST]
    return tuple(found)


def turn(
    voter: int,
    candidates: Sequence[Candidate],
    classes: Classes,
    winner: str,
    rival: str,
    policy: Policy | None = None,
    *,
    stance: Stance = Stance.BOTH,
    order: Sequence[str] = (),
    brief: bool = False,
) -> CountedBallot:
    """The ballot that does what `voter` can do for `rival` and against `winner`, by `stance`.

    It endorses the rival's candidates and opposes the winner's, as far as the policy's credits go
    (O3a); of its own candidate it says nothing (R9), nor of its own class where the policy's `mask`
    passes that over (R9b). `order` are all answers, best first, for stances that read it. A `brief`
    ballot has one pair between any two classes, which reads the same where classes are what is
    compared.
    """
    policy = policy or Policy()
    held = tuple(sorted(candidate.id for candidate in candidates))
    index = {id_: at for at, id_ in enumerate(held)}
    answers = {
        id_: classes.items[classes.of[id_]].answer if id_ in classes.of else None for id_ in held
    }
    own = {candidate.id for candidate in candidates if candidate.author == voter}
    if policy.mask == "class":
        mine = {answers[id_] for id_ in own} - {None}
        own |= {id_ for id_, answer in answers.items() if answer in mine}
    groups: dict[str, list[MessageId]] = {}
    for id_ in held:
        answer = answers[id_]
        if answer is not None and id_ not in own:
            groups.setdefault(answer, []).append(id_)
    pairs = []
    for good, bad, second in _words(sorted(groups), winner, rival, stance, order):
        for one in groups[good][: 1 if brief else None]:
            for other in groups[bad][: 1 if brief else None]:
                first, last = (index[other], index[one]) if second else (index[one], index[other])
                word = Preference.SECOND if second else Preference.FIRST
                pairs.append(Pair(first=first, second=last, preference=word))
    given = _endorsed(groups.get(rival, []), groups.get(winner, []), policy)
    return CountedBallot(
        voter=voter,
        ballot=Ballot(
            held=held,
            pairs=tuple(pairs),
            marks=tuple(Mark(candidate=index[id_], endorsement=e) for id_, e in given.items()),
        ),
    )


def _words(
    answers: Sequence[str], winner: str, rival: str, stance: Stance, order: Sequence[str]
) -> Iterator[tuple[str, str, bool]]:
    """Of every two answers that the stance compares: the better, the worse, whether it is shown
    second."""
    middle = [answer for answer in order if answer not in (winner, rival)]
    if stance is Stance.REVERSED:
        middle.reverse()
    ranked = stance in (Stance.KEPT, Stance.REVERSED, Stance.SECOND, Stance.FIRST)
    place = {answer: at for at, answer in enumerate([rival, *middle, winner])}
    level = {rival: 0, winner: 2}
    for pair in combinations(answers, 2):
        if stance is Stance.DUEL and set(pair) != {rival, winner}:
            continue
        if stance is Stance.FOR and rival not in pair:
            continue
        if stance is Stance.UNDER and winner not in pair:
            continue
        if not ranked and not level.keys() & set(pair):
            continue
        good, bad = sorted(pair, key=place.__getitem__ if ranked else lambda a: level.get(a, 1))
        second = {Stance.SECOND: good == rival, Stance.FIRST: good != rival}
        yield good, bad, second.get(stance, False)


def _endorsed(
    good: Sequence[MessageId], bad: Sequence[MessageId], policy: Policy
) -> dict[MessageId, int]:
    """Endorsements for `good` and against `bad` that move their classes' votes apart most."""
    if policy.endorsements != "credits":
        return dict.fromkeys(good, 100) | dict.fromkeys(bad, -100)
    won, lost = _bought(policy.credits, len(good), len(bad))
    return dict(zip(good, _dealt(won, len(good)), strict=True)) | {
        id_: -votes for id_, votes in zip(bad, _dealt(lost, len(bad)), strict=True)
    }


@lru_cache(maxsize=1_024)
def _bought(budget: int, good: int, bad: int) -> tuple[int, int]:
    """The sums of votes on `good` candidates of one class and `bad` of another whose means have
    the greatest sum that `budget` credits buy (O3a): of every sum on the one, all that can then be
    had on the other. Of equal ones the first."""
    best, found = Fraction(-1), (0, 0)
    for won in range(MOST_VOTES * good + 1):
        # left / good^2 credits buy a mean m <= root of it; in parts of 1 / bad that is the root
        # of left * bad^2 / good^2, rounded down
        left = budget * good * good - won * won if good else budget
        if left < 0:
            break
        lost = min(isqrt(left * bad * bad // max(1, good * good)), MOST_VOTES * bad)
        both = Fraction(won, max(1, good)) + Fraction(lost, max(1, bad))
        if both > best:
            best, found = both, (won, lost)
    return found


def _dealt(votes: int, among: int) -> list[int]:
    """So many votes in `among` parts as even as can be."""
    return [(votes + at) // among for at in range(among)]


def answer_otherwise(
    candidates: Sequence[Candidate],
    members: frozenset[int],
    rival: AnswerClass,
    options: int,
) -> list[Candidate]:
    """The candidates as they are if `members` propose the rival's answer, with full belief.

    Who proposed it already changes its belief alone. What the others propose now has an id that no
    ballot names, since nobody judged it: what was said of the classes stays, less what was said
    of proposals that are gone. A member that judged and proposed nothing proposes now. `options`
    is how many the task has.
    """
    belief: tuple[int, ...] = ()
    if rival.option is not None:
        belief = tuple(ONE_BP if at == rival.option else 0 for at in range(options))
    proposed = {
        item.author: (item.id, item.proposal.answer)
        for item in candidates
        if item.id in rival.candidates
    }
    changed = [item for item in candidates if item.author not in members]
    for member in sorted(members):
        unjudged = MessageId(tagged_hash("otherwise", member.to_bytes(4, "big")))
        id_, answer = proposed.get(member, (unjudged, rival.text))
        proposal = Proposal(answer=answer, belief=belief, confidence=ONE_BP)
        changed.append(Candidate(id=id_, author=member, proposal=proposal))
    return changed
