"""Whose words are heard on a pair or a class, against f bad voters (rule O5a).

Both ways take a figure's values, one a voter, and say which voters' stand for all:

- `trimmed`: all but the f highest and the f lowest. With 2f + 1 values or more, what is left
  lies between honest ones, whatever f voters say (the coordinate-wise trimmed mean: Yin,
  Chen, Ramchandran and Bartlett 2018). With fewer, as many are trimmed as leave one or two.
- `median_of_means`: voters are drawn into 2f + 1 blocks, and the block whose mean is the
  median one is heard. f bad voters spoil f blocks at most, so honest blocks stand on both
  sides of it (Nemirovski and Yudin 1983; against liars: Lecue and Lerasle 2020). With fewer
  voters each is a block; of an even number of blocks the middle two are heard.

The values are a voter's share of wins on each pair of classes (on each pair of candidates
where those are fitted), and its votes on each class. Where the words left are added and not
averaged, they are scaled up to the weight of all who spoke.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ..envelope import tagged_hash
from ..exact import ONE_BP, round_ratio
from .readings import Comparison, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """How voters are heard: `ballots` as the policy has it, f, their weights in bp as judges,
    and the agreed seed that draws blocks."""

    ballots: str
    f: int
    judging: Sequence[int]
    seed: bytes

    def kept(self, said: Sequence[tuple[int, Fraction]]) -> frozenset[int]:
        """The voters, of those in `said` with their values, who are heard."""
        match self.ballots:
            case "trimmed":
                return self._trimmed(said)
            case "median_of_means":
                return self._median_block(said)
            case _:
                return frozenset(voter for voter, _ in said)

    def readings(self, readings: Sequence[Reading]) -> tuple[Reading, ...]:
        """The readings with the comparisons that are heard, scaled; votes are left as they are."""
        if self.ballots == "all":
            return tuple(readings)
        comparisons = self._scaled({item.voter: item.comparisons for item in readings})
        pairs = self._scaled({item.voter: item.pairs for item in readings})
        return tuple(
            replace(
                reading,
                comparisons=tuple(comparisons[reading.voter]),
                pairs=tuple(pairs[reading.voter]),
            )
            for reading in readings
        )

    def _scaled(self, given: dict[int, tuple[Comparison, ...]]) -> dict[int, list[Comparison]]:
        words: defaultdict[tuple[int, int], list[tuple[int, Comparison]]] = defaultdict(list)
        for voter, items in given.items():
            for item in items:
                words[item.first, item.second].append((voter, item))
        found: dict[int, list[Comparison]] = {voter: [] for voter in given}
        for said in words.values():
            kept = self.kept([(voter, Fraction(item.won, item.of)) for voter, item in said])
            whole = sum(self.judging[voter] for voter, _ in said)
            heard = sum(self.judging[voter] for voter in kept)
            scale = round_ratio(whole * ONE_BP, heard)
            for voter, item in said:
                if voter in kept:
                    found[voter].append(
                        replace(item, scale=round_ratio(item.scale * scale, ONE_BP))
                    )
        return found

    def _trimmed(self, said: Sequence[tuple[int, Fraction]]) -> frozenset[int]:
        """Of equal values the heaviest voter's goes first, at either end; of equally heavy ones
        that of the first seat, as two that give one share may differ in how they came to it."""
        cut = min(self.f, (len(said) - 1) // 2)
        low = sorted(said, key=lambda item: (item[1], -self.judging[item[0]], item[0]))[cut:]
        high = sorted(low, key=lambda item: (-item[1], -self.judging[item[0]], item[0]))[cut:]
        return frozenset(voter for voter, _ in high)

    def _median_block(self, said: Sequence[tuple[int, Fraction]]) -> frozenset[int]:
        drawn = sorted(
            said, key=lambda item: tagged_hash("block", self.seed, item[0].to_bytes(4, "big"))
        )
        count = min(2 * self.f + 1, len(drawn))
        blocks = [drawn[at::count] for at in range(count)]
        by_mean = sorted(blocks, key=self._mean)
        middle = by_mean[(count - 1) // 2 : count // 2 + 1]
        return frozenset(voter for block in middle for voter, _ in block)

    def _mean(self, block: Sequence[tuple[int, Fraction]]) -> Fraction:
        whole = sum(self.judging[voter] for voter, _ in block)
        return sum((self.judging[voter] * value for voter, value in block), Fraction()) / whole
