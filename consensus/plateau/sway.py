"""An alarm: the few whom there is most reason to doubt draw the others to them (rule P4).

Amayuelas et al. (2024) watch, over the rounds of a debate, how many models come to agree with an
adversary, and find that its persuasion shows there. Nobody says who the adversary is, so those
are watched who could be it: as many as may be faulty, whose scores as authors are the lowest and
under the committee's median; where scores tell nobody apart, the authors of the first round's
runner-up, if they are no more than that. What is measured is how many of the *others* hold an
answer that these held in the first round. A doubted member that gives in moves nothing.

It is an alarm and no proof: a lone member that is right also draws the others. That is why
nothing stops and no weight changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..exact import ONE_BP, lower_median, round_ratio
from ..tally import AnswerClass, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Sway:
    """Who is watched (positions), the answers they held in round 1, and the shares of the others,
    in bp, that held one of these in each round so far; the last again where none drafted."""

    members: tuple[int, ...] = ()
    answers: tuple[str, ...] = ()
    drawn: tuple[int, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Sway":
        """The sway that a round before agreed on."""
        return cls(
            members=tuple(data["members"]),
            answers=tuple(data["answers"]),
            drawn=tuple(data["drawn"]),
        )

    @classmethod
    def first(cls, tally: Tally, f: int) -> "Sway":
        """Who is watched from round 1 on."""
        members = doubted(tally, f)
        held = {
            spelling
            for item in tally.groups
            if set(item.authors) & set(members)
            for spelling in item.spellings
        }
        return cls(members=members, answers=tuple(sorted(held))).then(tally.groups)

    def then(self, groups: Sequence[AnswerClass]) -> "Sway":
        """With one more round."""
        others = drawn = 0
        for item in groups:
            count = len(set(item.authors) - set(self.members))
            others += count
            drawn += count if set(item.spellings) & set(self.answers) else 0
        share = round_ratio(drawn * ONE_BP, others) if others else (self.drawn or (0,))[-1]
        return Sway(members=self.members, answers=self.answers, drawn=(*self.drawn, share))

    @property
    def slope(self) -> int:
        """Least squares of the shares over the rounds, in bp a round; 0 for a single round."""
        count = len(self.drawn)
        if count < 2:
            return 0
        middle = Fraction(count - 1, 2)
        spread = sum(((at - middle) * (at - middle) for at in range(count)), Fraction(0))
        moved = sum(((at - middle) * share for at, share in enumerate(self.drawn)), Fraction(0))
        found = moved / spread
        return round_ratio(found.numerator, found.denominator)

    def alarms(self, least: int) -> bool:
        """Whether few began with these answers, and the others came over by `least` a round."""
        return bool(self.members) and 2 * self.drawn[0] < ONE_BP and self.slope >= least

    def to_dict(self) -> dict[str, Any]:
        """Plain data of integers and strings."""
        return {
            "answers": list(self.answers),
            "drawn": list(self.drawn),
            "members": list(self.members),
            "slope": self.slope,
        }


def doubted(tally: Tally, f: int) -> tuple[int, ...]:
    """The at most `f` members to watch, ascending."""
    scores = tally.weights.scores
    middle = lower_median(scores)
    low = [member for member in range(len(scores)) if scores[member] < middle]
    if low:
        return tuple(sorted(sorted(low, key=lambda member: (scores[member], member))[:f]))
    runner_up = tally.group(tally.runner_up)
    authors = () if runner_up is None else runner_up.authors
    return tuple(sorted(authors)) if len(authors) <= f else ()
