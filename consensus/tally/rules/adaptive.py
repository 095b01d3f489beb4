"""A mixture of all other rules and of the best member, by what has proved right (O7a).

Each of `policy.EXPERTS` names an answer; a class scores the weight of those that name it. What they
weigh is learnt by each member from its own ledger (`consensus.tally.mixture`), carried in the
commits of round 1 and combined figure by figure (R2b), so that the vote is a pure function of
what was agreed and anybody recomputes it.

How much worse than its best expert it can be. Let n be the tasks on which a client named the
truth before the next task was opened (older ones counting for what decay has left of them), and
pi an expert's weight at the start. The expected loss of an expert that is drawn by its
weight exceeds that of any one expert by at most

    (1 + ln(1/pi) / L) (sqrt(n L) / 2 + 1) <= sqrt(n L) + 2,    L = ln(1 / least pi) = 3.8,

for any sequence of answers, the worst one included (`mixture` has the proof's outline). The vote
takes the heaviest answer instead of drawing one: it is wrong only where half of the weight or more
is on other answers, so over any sequence it errs at most twice as often as the draw does. No rule
without a draw can promise the sum alone (Cover 1965: an adversary that knows the rule makes it
wrong every time). On recorded streams it is within the sum (`reputation/README.md`).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ...exact import ONE_BP, lower_medians
from ...policy import EXPERTS

if TYPE_CHECKING:
    from ..count import Count

Picks = tuple[tuple[int, int], ...]
"""What one expert answers: (class, share of its say in bp), by class. More than one entry where
classes share its first place, which then get equal parts."""

BEST: Final = ONE_BP // 4
SHARED: Final = BEST // (len(EXPERTS) - 2)
PRIOR: Final = tuple(
    ONE_BP - BEST - SHARED * (len(EXPERTS) - 2)
    if name == "blend"
    else BEST
    if name == EXPERTS[-1]
    else SHARED
    for name in EXPERTS
)
"""What experts weigh before anybody has said what was right, in bp: half, and what rounding leaves,
for the default rule, which then decides; a quarter for the best member; a quarter for all other
rules together, which are a few opinions under many names."""


def adaptive(of: "Count", *, capped: bool) -> tuple[int, ...]:
    """Each class's part of the experts' weight, in 10,000ths of a bp.

    `capped`: the best member alone has less than all other experts together, so that no
    member's word makes an answer that no other rule gives (L3). Its mistakes are then no longer
    bounded by the best member's.
    """
    scores = [0] * len(of.classes.items)
    for weight, answered in zip(say(of.experts, capped=capped), of.picks, strict=True):
        for at, share in answered:
            scores[at] += weight * share
    return tuple(scores)


def leading(of: "Count") -> int | None:
    """The class that wins whatever is still to be heard, the heaviest experts heard first.

    None where that takes all of them, or classes tie. It is the winner by `adaptive`; the search
    for how robust a result is (O5) asks for it many times over.
    """
    weights = say(of.experts, capped=of.policy.rule == "adaptive_capped")
    scores = [0] * len(of.classes.items)
    left = ONE_BP * sum(weights)
    for expert in sorted(range(len(weights)), key=lambda at: -weights[at]):
        for at, share in of.pick(expert):
            scores[at] += weights[expert] * share
        left -= ONE_BP * weights[expert]
        best, *second = sorted(scores, reverse=True)[:2] or [0]
        if best - sum(second) > left:
            return scores.index(best)
    return None


def say(weights: Sequence[int], *, capped: bool) -> tuple[int, ...]:
    """The weights as they count: those of the start where all are zero; `capped` as above."""
    heard = list(weights) if any(weights[:-1] if capped else weights) else list(PRIOR)
    if capped:
        heard[-1] = min(heard[-1], sum(heard[:-1]) - 1)
    return tuple(heard)


def combined(views: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The weights that a committee works with, from those of its members (R2b).

    Figure by figure the unweighted lower median of all views, one of a wrong length counting as
    `PRIOR`: no f members move a figure beyond what honest ones say.
    """
    return lower_medians(views, PRIOR)


def picks(of: "Count") -> tuple[Picks, ...]:
    """What every expert answers, in their order."""
    return tuple(of.pick(expert) for expert in range(len(EXPERTS)))


def pick(of: "Count", expert: int) -> Picks:
    """What one expert answers."""
    if not of.classes.items:
        return ()
    name = EXPERTS[expert]
    if name == EXPERTS[-1]:
        return tuple(_best_member(of))
    from . import RULES  # each of them but this one, which is in the same table

    scores = RULES[name](of)
    best = max(scores)
    first = [at for at, score in enumerate(scores) if score == best]
    return tuple((at, ONE_BP // len(first)) for at in first)


def _best_member(of: "Count") -> Iterator[tuple[int, int]]:
    """The answer of the author with the highest score; of several such authors, their parts."""
    best = max(of.standing[author] for item in of.classes.items for author in item.authors)
    found = [
        sum(of.standing[author] == best for author in item.authors) for item in of.classes.items
    ]
    for at, authors in enumerate(found):
        if authors:
            yield at, ONE_BP * authors // sum(found)
