"""Which pairs are worth asking: `python -m tests.bench.designs`, under a minute.

The judges are simulated, and so is every figure here. Each candidate has a true log-strength. A
judge sees it with an error that all judges share (real ones err together), with one of its own
that is the same in all its words (a real judge mostly repeats its own view), and with a liking
for what stands first; on top of that each word is drawn anew by the Bradley-Terry model. What the
judges say is pooled and fitted as the tally does, and its order is held against the true one.
Beside a real judge the draws are the generous part: two words of a language model on two pairs
are less independent than that.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import exp, sqrt
from random import Random
from statistics import mean, stdev

from consensus.tally.bradley_terry import fit
from consensus.tally.design import Design, Said, follow

from .tables import Table

JUDGES = 4
REPEATS = 200
SPREAD, SHARED, OWN, FIRST = 1.0, 0.5, 0.7, 0.4
"""Standard deviations, in nats, of the true log-strengths, of the error that judges share and of
each judge's own; and what standing first is worth to a judge."""
WON = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Candidates as they are, and as each judge sees them."""

    true: tuple[float, ...]
    seen: tuple[tuple[float, ...], ...]

    @classmethod
    def drawn(cls, count: int, judges: int, random: Random) -> "Field":
        """A field of that many candidates before that many judges."""
        true = [random.gauss(0, SPREAD) for _ in range(count)]
        common = [value + random.gauss(0, SHARED) for value in true]
        seen = (tuple(value + random.gauss(0, OWN) for value in common) for _ in range(judges))
        return cls(true=tuple(true), seen=tuple(seen))


def heard(field: Field, pairs: str, budget: int, seed: int) -> list[list[Said]]:
    """What each judge says of the candidates, shown under letters of its own and asked by that
    design in an order of its own."""
    count, found = len(field.true), []
    for number, seen in enumerate(field.seen):
        random = Random(f"{seed} {number}")
        shown = random.sample(range(count), count)
        design = Design(
            pairs=pairs,
            order=tuple(random.sample(range(count), count)),
            budget=budget if pairs in ("swiss", "information") else 0,
            most=budget if pairs == "all" else 0,
        )
        worth = [seen[at] for at in shown]

        def word(
            one: int, other: int, worth: Sequence[float] = worth, random: Random = random
        ) -> int:
            odds = exp(worth[one] - worth[other] + FIRST)
            return WON if random.random() < odds / (1 + odds) else 0

        found.append(
            [
                replace(item, first=shown[item.first], second=shown[item.second])
                for item in follow(design, count, word)
            ]
        )
    return found


def fitted(count: int, said: Iterable[Sequence[Said]]) -> tuple[float, ...]:
    """Strengths by what was said: one voice of a judge on a pair, whatever the order."""
    wins = [[0.0] * count for _ in range(count)]
    for words in said:
        by: dict[tuple[int, int], list[float]] = {}
        for item in words:
            assert item.won is not None
            share = item.won / WON
            if item.first < item.second:
                by.setdefault((item.first, item.second), []).append(share)
            else:
                by.setdefault((item.second, item.first), []).append(1 - share)
        for (one, other), shares in by.items():
            wins[one][other] += mean(shares)
            wins[other][one] += 1 - mean(shares)
    return fit(wins, 1.0).strengths


def kendall(one: Sequence[float], other: Sequence[float]) -> float:
    """Kendall's tau-a: concordant pairs less discordant ones, of all."""
    signs = [
        ((one[a] > one[b]) - (one[a] < one[b])) * ((other[a] > other[b]) - (other[a] < other[b]))
        for a, b in combinations(range(len(one)), 2)
    ]
    return sum(signs) / len(signs)


def measured(
    count: int, pairs: str, budget: int, repeats: int
) -> tuple[float, list[float], list[float]]:
    """Calls of a judge, and for each field tau and whether the best was found."""
    calls, taus, best = 0, [], []
    for seed in range(repeats):
        field = Field.drawn(count, JUDGES, Random(f"{count} {seed}"))
        said = heard(field, pairs, budget, seed)
        strengths = fitted(count, said)
        calls += sum(map(len, said))
        taus.append(kendall(field.true, strengths))
        chosen = max(range(count), key=strengths.__getitem__)
        best.append(float(field.true[chosen] == max(field.true)))
    return calls / repeats / JUDGES, taus, best


def interval(of: Sequence[float]) -> str:
    """The mean with its 95 % interval."""
    return f"{mean(of):.3f} +-{1.96 * stdev(of) / sqrt(len(of)):.3f}"


def table(repeats: int = REPEATS, sizes: Sequence[int] = (6, 10, 16)) -> Table:
    """Every design at its own number of calls, and at those of the others where it can."""
    rows = []
    for count in sizes:
        every = count * (count - 1) // 2
        halved = (count // 2) * (count - 1).bit_length()
        asked = [("all", 0), ("ring", 0)]
        for budget in sorted({halved, min(3 * count, every)}):
            asked += [("swiss", budget), ("information", budget)]
            asked += [("all", budget)] if budget < every else []
        whole: list[float] = []
        for pairs, budget in asked:
            calls, taus, best = measured(count, pairs, budget, repeats)
            whole = whole or taus
            beside = [tau - other for tau, other in zip(taus, whole, strict=True)]
            rows.append(
                (
                    f"{count} candidates, {pairs}",
                    f"{calls:.0f}",
                    interval(taus),
                    interval(beside) if taus is not whole else "",
                    f"{mean(best):.2f}",
                )
            )
    return Table(
        title="Designs of paired comparison, before SIMULATED judges",
        how=f"{JUDGES} simulated judges, {repeats} fields, the same for every design. Calls are "
        "comparisons of one judge. Tau is Kendall's between fitted and true strengths; gain is tau "
        "less that of `all` on the same field, in pairs; best is how often the truly best is "
        "fitted as best. Means with 95 % intervals. `all` with fewer calls than pairs asks the "
        "nearest on a circle; only `ring` asks in both orders.",
        columns=("design", "calls", "tau", "gain", "best"),
        rows=rows,
    )


if __name__ == "__main__":
    sys.stdout.write("\n".join(table().lines()) + "\n")
