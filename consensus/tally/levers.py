"""The ways in which a set of members can act on a count (rule O5): each a count by who acts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ..bodies import AnswerKind
from .answers import AnswerClass, Classes, classes
from .ballots import Candidate, CountedBallot
from .count import Count
from .readings import Reading, read
from .turned import BY_ANSWERS, BY_ENDS, Stance, answer_otherwise, stances, turn
from .turned_texts import Turn, turn_texts

MOST_RIVALS = 3
"""Most answers that members turn to where pairs of two others matter too, which makes a count
dear: every one in rounds of up to four answers."""

Recount = Callable[[Sequence[Candidate], Sequence[CountedBallot]], Count]

Way = Callable[[Iterable[int]], Count]
"""The count as it is once these members have done their worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levers:
    """What `voters`, who proposed or judged, can do to the count `first` of these candidates and
    ballots."""

    first: Count
    recount: Recount
    candidates: Sequence[Candidate]
    ballots: Sequence[CountedBallot]
    voters: Sequence[int]

    def ways(self, *, each: bool) -> list[Way]:
        """Withdrawal, turned ballots and other answers: `each` that is tried, or of each kind
        the one that is likely the strongest."""
        return [self.withdrawn, *self.turns(each=each), *self.answers(each=each)]

    def turns(self, *, each: bool) -> Iterator[Way]:
        """The ways in which all proposals stand; none where no ballot moves the rule."""
        if self._free:
            for way in self._turns_of_texts():
                yield partial(self._cast, self.candidates, self._texts(way))
            return
        first = self.first
        found = stances(first.policy, len(first.classes.items))
        for number, rival in enumerate(self._rivals(each=each)):
            # For the nearest rival every stance, for the others the first; but all where places
            # count, whose ballots differ most.
            every = each and (number == 0 or first.policy.position == "fitted")
            for stance in found[: None if every else 1]:
                bought = {
                    voter: read(
                        self._ballot(voter, self.candidates, first.classes, rival, stance),
                        first.classes,
                        first.policy,
                    )
                    for voter in self.voters
                }
                yield partial(self._heard, bought)

    def answers(self, *, each: bool) -> Iterator[Way]:
        """The ways in which members propose another answer, and turn too."""
        for rival in self._rivals(each=each and not self._free):
            yield partial(self._otherwise, rival)

    @property
    def _free(self) -> bool:
        return self.first.spec.kind is AnswerKind.TEXT

    def _rivals(self, *, each: bool) -> Sequence[AnswerClass]:
        """The answers that members can be for, the nearest to the winner first."""
        cheap = self.first.policy.rule in BY_ANSWERS | BY_ENDS
        most = (None if cheap else 1 + MOST_RIVALS) if each else 2
        return [self.first.classes.items[at] for at in self.first.ranking[1:most]]

    def withdrawn(self, members: Iterable[int]) -> Count:
        """What is counted without these members."""
        gone = set(members)
        return self.recount(
            [item for item in self.candidates if item.author not in gone],
            [item for item in self.ballots if item.voter not in gone],
        )

    def _heard(self, bought: Mapping[int, Reading], members: Iterable[int]) -> Count:
        now = {reading.voter: reading for reading in self.first.raw}
        return self.first.hear(
            tuple((now | {member: bought[member] for member in members}).values())
        )

    def _cast(
        self,
        candidates: Sequence[Candidate],
        bought: Mapping[int, CountedBallot],
        members: Iterable[int],
    ) -> Count:
        now = {item.voter: item for item in self.ballots}
        return self.recount(
            candidates, list((now | {member: bought[member] for member in members}).values())
        )

    def _otherwise(self, rival: AnswerClass, members: Iterable[int]) -> Count:
        chosen = frozenset(members)
        first = self.first
        candidates = answer_otherwise(self.candidates, chosen, rival, len(first.spec.options))
        if self._free:
            told = {
                member: turn_texts(member, self.candidates, first, Turn.RUNNER_UP)
                for member in chosen
            }
            return self._cast(candidates, told, chosen)
        if first.policy.rule in BY_ANSWERS:
            return self.recount(candidates, ())
        grouped = classes(first.spec, candidates, first.seed)
        bought = {
            member: self._ballot(member, candidates, grouped, rival, Stance.BOTH)
            for member in chosen
        }
        return self._cast(candidates, bought, chosen)

    def _ballot(
        self,
        voter: int,
        candidates: Sequence[Candidate],
        grouped: Classes,
        rival: AnswerClass,
        stance: Stance,
    ) -> CountedBallot:
        first = self.first
        names = [first.classes.items[at].answer for at in first.ranking]
        return turn(
            voter,
            candidates,
            grouped,
            names[0],
            rival.answer,
            first.policy,
            stance=stance,
            order=names,
            brief=first.policy.strengths_over == "classes",
        )

    def _texts(self, way: Turn) -> dict[int, CountedBallot]:
        return {voter: turn_texts(voter, self.candidates, self.first, way) for voter in self.voters}

    def _turns_of_texts(self) -> Iterator[Turn]:
        items, ranking = self.first.classes.items, self.first.ranking
        # These ways set texts of one class against each other.
        several = {Turn.WITHIN: items[ranking[0]], Turn.ALONE: items[ranking[:2][-1]]}
        for way in Turn:
            if way not in several or len(several[way].spellings) > 1:
                yield way
