"""Which pairs a judge compares: designs of paired comparison (rule R5).

A judge of n candidates that compares all n(n-1)/2 pairs asks its model more than the tally
needs. Four designs, by the policy's `pairs`:

- `all`: the round robin, every pair once.
- `ring`: the candidates stand on a ring in an order of the judge's own; each is compared with
  its two neighbours and with the one opposite, itself named first: 3n comparisons, in which every
  candidate stands first three times and second three times, neighbours meet in both orders, and
  all hangs together. After the client of Fortytwo (Larin et al., "Fortytwo: Swarm Inference
  with Peer-Ranked Consensus", 2025), which has a chain in place of the ring.
- `swiss`: rounds in which every answer meets one of about its own strength that it has not met,
  as in a Swiss tournament; strengths are this judge's own so far.
- `information`: the pair whose comparison is expected to tell most: the variance of its
  outcome, p(1-p), times the variance of the difference of the two log-strengths. By the matrix
  determinant lemma det(C^-1 + w x x') = (1 + w x' C x) det(C^-1), so the largest product is the
  largest gain of Fisher information: greedy D-optimality. It stands in for the expected
  Kullback-Leibler divergence of posterior from prior, by which Glickman and Jensen ("Adaptive
  paired comparison design", 2005) choose all pairs of a round at once. About half as many pairs as
  answers are chosen at a time, each with the covariance that the ones before it will leave: that
  does not depend on how they end.

The last two compare answers, not candidates: two candidates with the same answer are never
compared, since the tally hears nothing in it (O1), and an answer's candidates stand for it in
turn. Both fit the exact Bradley-Terry model (O2) to what the judge has said. `ring` leaves such
pairs out, which leaves the answers in one piece. Nothing here is drawn: equal cases go by
`Design.order`, which the round's agreed seed gives.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from ..bodies import Preference
from ..exact import GRID, scaled
from .asked import most_pairs
from .bradley_terry import covariance, fit
from .readings import HALF, fraction_won

SEARCH: Final = 5_000
"""Most steps of the search for a round of a Swiss design in which nobody meets again; past it the
round takes what is found from the top down. Far more than rounds of up to 64 answers took."""

Asked = tuple[int, int]
"""Two candidates by position, the one that stands first in front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A judge's word on a pair that it was asked: `first` won `won` of 2 x `readings.HALF`.

    None if the judge gave no word: the pair is not asked again and tells nothing.
    """

    first: int
    second: int
    won: int | None

    @classmethod
    def of(cls, first: int, second: int, preference: Preference, confidence: int) -> "Said":
        """The word `preference` with `confidence` in bp, a fractional win as the tally has it."""
        return cls(first=first, second=second, won=fraction_won(preference, confidence))


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A design, as one judge follows it in one round.

    `pairs` names it as the policy does. `budget` is the policy's most pairs of the designs
    `swiss` and `information`, 0 for floor(m/2) a round of m answers in ceil(log2 m) rounds; `most`
    is the judge's own limit on pairs, 0 for none. A pair asked in both orders is one pair.
    `prior` is the policy's. `order` ranks the candidates' positions, first served first; `alike`
    gives each candidate's answer by a number. Left out: as they stand, and all different.
    """

    pairs: str = "all"
    budget: int = 0
    most: int = 0
    prior: int = 1_000
    order: tuple[int, ...] = ()
    alike: tuple[int, ...] = ()

    def ask(self, count: int, said: Sequence[Said]) -> tuple[Asked, ...]:
        """The next pairs of `count` candidates to compare, given all that was said before.

        Empty when the design is through. All of what it gives is asked before it is asked again.
        """
        match self.pairs:
            case "all":
                return () if said else _nearest(count, self.most)
            case "ring":
                return () if said else self._ring(count)
            case "swiss" | "information":
                return self._next(count, said)
        raise ValueError(f"there is no design of pairs {self.pairs!r}")

    def _ring(self, count: int) -> tuple[Asked, ...]:
        ring, alike = self._order(count), self._alike(count)
        found: dict[Asked, None] = {}  # a set that keeps its order
        pairs: set[frozenset[int]] = set()
        for step in (1, count - 1, count // 2):
            for at in range(count):
                one, other = ring[at], ring[(at + step) % count]
                if alike[one] == alike[other] or (one, other) in found:
                    continue
                pair = frozenset((one, other))
                if self.most and pair not in pairs and len(pairs) == self.most:
                    continue
                pairs.add(pair)
                found[one, other] = None
        return tuple(found)

    def _next(self, count: int, said: Sequence[Said]) -> tuple[Asked, ...]:
        alike = self._alike(count)
        place = {position: at for at, position in enumerate(self._order(count))}
        candidates: dict[int, list[int]] = {}
        for position in self._order(count):
            candidates.setdefault(alike[position], []).append(position)
        answers = list(candidates)  # by the place of the first candidate of each
        number = {answer: at for at, answer in enumerate(answers)}
        size = len(answers)
        met = {_pair(number[alike[item.first]], number[alike[item.second]]) for item in said}
        budget = most_pairs(self.pairs, self.budget, count, size)
        left = min(budget, self.most or budget) - len(met)
        if left <= 0 or size < 2:
            return ()
        wins = _wins(said, [number[answer] for answer in alike], size)
        chosen = _swiss if self.pairs == "swiss" else _informative
        shown = [0] * count
        first = [0] * count
        for item in said:
            for position, turn in ((item.first, 1), (item.second, -1)):
                shown[position] += 1
                first[position] += turn
        asked = []
        for pair in chosen(wins, self.prior / 1_000, met)[:left]:
            two = [
                min(candidates[answers[at]], key=lambda one: (shown[one], place[one]))
                for at in pair
            ]
            # Colours, as chess has it: who stood first less often stands first.
            two.sort(key=lambda one: (first[one], place[one]))
            asked.append((two[0], two[1]))
        return tuple(asked)

    def _order(self, count: int) -> tuple[int, ...]:
        return self.order or tuple(range(count))

    def _alike(self, count: int) -> tuple[int, ...]:
        return self.alike or tuple(range(count))


def follow(design: Design, count: int, judge: Callable[[int, int], int | None]) -> list[Said]:
    """All that is said by a judge who has an answer at once: `judge` gives `Said.won`."""
    said: list[Said] = []
    while asked := design.ask(count, said):
        said += [Said(first=one, second=two, won=judge(one, two)) for one, two in asked]
    return said


def _nearest(count: int, most: int) -> tuple[Asked, ...]:
    """All pairs, or the `most` nearest on a circle of the candidates.

    Neighbours come first, so that what is compared hangs together and every candidate is
    compared about as often as any other.
    """

    def apart(pair: Asked) -> tuple[int, Asked]:
        return min(pair[1] - pair[0], count - pair[1] + pair[0]), pair

    every = sorted(combinations(range(count), 2), key=apart)
    return tuple(sorted(every[:most] if most else every))


def _pair(one: int, other: int) -> Asked:
    return (one, other) if one < other else (other, one)


def _wins(said: Sequence[Said], answer: Sequence[int], size: int) -> list[list[float]]:
    """Fractional wins over the answers: one voice a pair, as in the tally (O2)."""
    words: dict[Asked, list[int]] = {}
    for item in said:
        if item.won is not None:
            one, other = answer[item.first], answer[item.second]
            won = item.won if one < other else 2 * HALF - item.won
            words.setdefault(_pair(one, other), []).append(won)
    wins = [[0.0] * size for _ in range(size)]
    for (one, other), heard in words.items():
        whole = 2 * HALF * len(heard)
        wins[one][other] = sum(heard) / whole
        wins[other][one] = (whole - sum(heard)) / whole
    return wins


def _swiss(wins: Sequence[Sequence[float]], prior: float, met: set[Asked]) -> list[Asked]:
    """One round: each answer with the strongest below it that it has not met."""
    size = len(wins)
    strengths = [scaled(value, GRID) for value in fit(wins, prior).strengths]
    meetings = [sum(at in pair for pair in met) for at in range(size)]
    ranking = sorted(range(size), key=lambda at: (-strengths[at], at))
    if size % 2 and size > 1:  # who met most sits out, the weakest of those
        ranking.remove(max(reversed(ranking), key=lambda at: meetings[at]))
    return _matched(ranking, met)


def _matched(ranking: Sequence[int], met: set[Asked]) -> list[Asked]:
    """Pairs of neighbours in `ranking` that have not met: all of it if the search finds a way."""
    steps = 0

    def search(rest: Sequence[int]) -> list[Asked] | None:
        nonlocal steps
        steps += 1
        if not rest:
            return []
        if steps > SEARCH:
            return None
        for at in range(1, len(rest)):
            pair = _pair(rest[0], rest[at])
            if pair not in met:
                found = search([*rest[1:at], *rest[at + 1 :]])
                if found is not None:
                    return [pair, *found]
        return None

    whole = search(ranking)
    if whole is not None:
        return whole
    found, free = [], list(ranking)
    while free:
        one = free.pop(0)
        other = next((at for at in free if _pair(one, at) not in met), None)
        if other is not None:
            free.remove(other)
            found.append(_pair(one, other))
    return found


def _informative(wins: Sequence[Sequence[float]], prior: float, met: set[Asked]) -> list[Asked]:
    """Up to half as many pairs as answers, each the most informative after those before it."""
    size = len(wins)
    strengths = fit(wins, prior).strengths
    spread = covariance(wins, prior, strengths)
    left = [pair for pair in combinations(range(size), 2) if pair not in met]
    found: list[Asked] = []
    while left and len(found) < max(1, size // 2):
        best, gain = left[0], -1
        for one, other in left:
            # The grid holds equal gains equal, whatever their last bits: the first pair has it.
            now = scaled(_variance(strengths, one, other) * _difference(spread, one, other), GRID)
            if now > gain:
                best, gain = (one, other), now
        left.remove(best)
        found.append(best)
        _compared(spread, best, _variance(strengths, *best))
    return found


def _variance(strengths: Sequence[float], one: int, other: int) -> float:
    """p(1-p) of the outcome."""
    both = strengths[one] + strengths[other]
    return (strengths[one] * strengths[other]) / (both * both)


def _difference(spread: Sequence[Sequence[float]], one: int, other: int) -> float:
    """The variance of the difference of two log-strengths."""
    return spread[one][one] + spread[other][other] - 2.0 * spread[one][other]


def _compared(spread: list[list[float]], pair: Asked, weight: float) -> None:
    """The covariance after one comparison more (Sherman and Morrison 1950)."""
    one, other = pair
    column = [row[one] - row[other] for row in spread]
    whole = 1.0 / weight + _difference(spread, one, other)
    for at, row in enumerate(spread):
        for to in range(len(row)):
            row[to] -= column[at] * column[to] / whole
