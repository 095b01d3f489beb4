"""The figures as tables for people and as plain data."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Final

from tests.bench.rules.sets import RecordedSet

from . import attacked, recorded
from .attacked import Attacked
from .farmer import Caught
from .recorded import TOLD, WAYS, Run, Spread

GOAL_BEST: Final = 2.0
GOAL_MAJORITY: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything measured; `alone` are single rules with equal weights, by set."""

    sets: tuple[RecordedSet, ...]
    runs: list[Run]
    alone: dict[str, list[float]]
    attacked: list[Attacked]
    caught: list[Caught]

    def lines(self) -> Iterator[str]:
        """Markdown."""
        yield from self._streams()
        yield ""
        yield from self._goals()
        yield ""
        yield from self._attacks()
        yield ""
        yield from self._farmers()

    def _cell(self, of: RecordedSet, way: str, told: float) -> Spread:
        return recorded.percent(of, self.runs, way, told)

    def mean(self, way: str, told: float) -> float:
        """Over all sets, each counting once."""
        return fmean(self._cell(of, way, told).mean for of in self.sets)

    def _streams(self) -> Iterator[str]:
        heads = [of.title for of in self.sets]
        yield f"| way of counting | words on | {' | '.join(heads)} | mean of sets |"
        yield "|---" * (3 + len(heads)) + "|"
        yield _row("best single member", "", [f"{of.percent(of.best):.1f}" for of in self.sets], "")
        for rule, found in self.alone.items():
            cells = [f"{one:.1f}" for one in found]
            yield _row(f"{rule}, equal weights", "", cells, f"{fmean(found):.1f}")
        for way in WAYS:
            for told in TOLD:
                found_ = [self._cell(of, way, told) for of in self.sets]
                cells = [f"{one.mean:.1f} ({one.spread:.1f})" for one in found_]
                yield _row(way, f"{told:.0%}", cells, f"{self.mean(way, told):.1f}")

    def _goals(self) -> Iterator[str]:
        best_alone, rule = max((fmean(found), rule) for rule, found in self.alone.items())
        mean = self.mean("adaptive", 1.0)
        yield (
            f"adaptive over all sets, words on all: {mean:.2f}; "
            f"best single rule: {rule}, {best_alone:.2f}"
        )
        for at, of in enumerate(self.sets):
            told, none = (self._cell(of, "adaptive", share).mean for share in (1.0, 0.0))
            majority = self.alone["majority"][at]
            yield (
                f"{of.title}: with words on all {told - of.percent(of.best):+.1f} from the best "
                f"member (goal: -{GOAL_BEST} where one stands out); without any "
                f"{none - majority:+.1f} from majority (goal: -{GOAL_MAJORITY})"
            )
            lost = [
                max(run.right[way] for way in WAYS[:-3]) - run.right["the draw"]
                for run in self.runs
                if run.pool == of.pool and run.told == 1.0
            ]
            vote = [
                max(run.right[way] for way in WAYS[:-3]) - run.right["adaptive"]
                for run in self.runs
                if run.pool == of.pool and run.told == 1.0
            ]
            bound = (len(of.judged) * 3.785) ** 0.5 + 2
            yield (
                f"  regret to the best expert in hindsight, in tasks of {len(of.judged)}: draw "
                f"{fmean(lost):.1f} (most {max(lost):.1f}), vote {fmean(vote):.1f} (most "
                f"{max(vote):.1f}); bound {bound:.1f}"
            )

    def _attacks(self) -> Iterator[str]:
        ways = list(self.attacked[0].right)
        yield f"| committee | attack | words on | {' | '.join(ways)} |"
        yield "|---" * (3 + len(ways)) + "|"
        seen = dict.fromkeys((one.committee, one.attack, one.told) for one in self.attacked)
        for committee, attack, told in seen:
            cells = [attacked.percent(self.attacked, committee, attack, told, way) for way in ways]
            yield _row(
                f"{committee} | {attack}",
                f"{told:.0%}",
                [f"{one.mean:.0f} ({one.spread:.0f})" for one in cells],
            )

    def _farmers(self) -> Iterator[str]:
        yield (
            "| method | tasks before it turns | words on | at neutral after "
            "| under the honest mean after | never |"
        )
        yield "|---|---|---|---|---|---|"
        for one in self.caught:
            yield _row(
                f"{one.method} | {one.history}",
                f"{one.told:.0%}",
                [f"{of.mean:.1f} ({of.spread:.1f})" for of in (one.neutral, one.below)],
                str(one.never),
            )

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "streams": [
                {
                    "set": of.name,
                    "way": way,
                    "told": told,
                    **asdict(self._cell(of, way, told)),
                }
                for of in self.sets
                for way in WAYS
                for told in TOLD
            ],
            "alone": self.alone,
            "attacked": [asdict(one) for one in self.attacked],
            "caught": [asdict(one) for one in self.caught],
        }


def _row(name: str, told: str, cells: Sequence[str], last: str | None = None) -> str:
    return "| " + " | ".join([name, told, *cells, *([] if last is None else [last])]) + " |"
