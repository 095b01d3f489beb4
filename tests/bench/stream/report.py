"""The figures as tables for people and as plain data."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Final

from tests.bench.rules.sets import RecordedSet

from . import attacked, recorded
from .attacked import Attacked
from .farmer import Caught
from .recorded import WAYS, Played, Run

GOAL_BEST: Final = 2.0
GOAL_MAJORITY: Final = 1.0
MADE_UP: Final = "All judges endorse, as made up from each one's order."


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything measured: streams with endorsements and without, attacks, farmers."""

    sets: tuple[RecordedSet, ...]
    endorsed: Played
    bare: Played
    attacked: list[Attacked]
    caught: list[Caught]

    def lines(self) -> Iterator[str]:
        """Markdown."""
        for played, made in ((self.endorsed, MADE_UP), (self.bare, "Nobody endorses.")):
            yield made
            yield ""
            yield from self._streams(played)
            yield ""
            yield from self._taught(played)
            yield ""
            yield from self._goals(played)
            yield ""
        yield from self._attacks()
        yield ""
        yield from self._farmers()

    def _streams(self, played: Played) -> Iterator[str]:
        heads = [of.title for of in self.sets]
        yield f"| way of counting | words on | {' | '.join(heads)} | mean of sets |"
        yield "|---" * (3 + len(heads)) + "|"
        yield _row("best single member", "", [f"{of.percent(of.best):.1f}" for of in self.sets], "")
        for rule, found in played.alone.items():
            cells = [f"{one:.1f}" for one in found]
            yield _row(f"{rule}, equal weights", "", cells, f"{fmean(found):.1f}")
        for way in WAYS:
            for told in played.told:
                found_ = [played.cell(of, way, told) for of in self.sets]
                mean = played.mean(way, told)
                *cells, last = [f"{one.mean:.1f} ({one.spread:.1f})" for one in (*found_, mean)]
                yield _row(way, f"{told:.0%}", cells, last)

    def _taught(self, played: Played) -> Iterator[str]:
        for pool, of in recorded.pools().items():
            for told in played.told:
                runs = [run for run in played.runs if (run.pool, run.told) == (pool, told)]
                taught, right = _teaching(runs)
                yield (
                    f"{pool}, words on {told:.0%}: of {len(of.judged)} outcomes {taught:.1f} teach "
                    f"without a word, {right:.0f} % of them right"
                )

    def _goals(self, played: Played) -> Iterator[str]:
        best_alone, rule = max((fmean(found), rule) for rule, found in played.alone.items())
        mean = played.mean("adaptive", 1.0)
        yield (
            f"adaptive over all sets, words on all: {mean.mean:.2f} ({mean.spread:.2f}); "
            f"best single rule: {rule}, {best_alone:.2f}"
        )
        for at, of in enumerate(self.sets):
            told = played.cell(of, "adaptive", 1.0).mean
            yield (
                f"{of.title}: with words on all {told - of.percent(of.best):+.1f} from the best "
                f"member (goal: -{GOAL_BEST} where one stands out)"
            )
            majority = played.alone["majority"][at]
            found_ = {
                share: recorded.percents(of, played.runs, "adaptive", share)
                for share in played.told
            }
            each = ", ".join(
                f"{fmean(one) - majority:+.1f} ({min(one) - majority:+.1f}) on {share:.0%}"
                for share, one in found_.items()
            )
            yield (
                f"  from majority, in brackets in the worst shuffle, by the share of words: {each} "
                f"(goal: -{GOAL_MAJORITY} without any)"
            )
            lost = [
                max(run.right[way] for way in WAYS[:-3]) - run.right["the draw"]
                for run in played.runs
                if run.pool == of.pool and run.told == 1.0
            ]
            vote = [
                max(run.right[way] for way in WAYS[:-3]) - run.right["adaptive"]
                for run in played.runs
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
        yield f"| committee | attack | words on | {' | '.join(ways)} | teach | of them right |"
        yield "|---" * (5 + len(ways)) + "|"
        seen = dict.fromkeys((one.committee, one.attack, one.told) for one in self.attacked)
        for committee, attack, told in seen:
            cells = [attacked.percent(self.attacked, committee, attack, told, way) for way in ways]
            taught, right = _teaching(
                [
                    one
                    for one in self.attacked
                    if (one.committee, one.attack, one.told) == (committee, attack, told)
                ]
            )
            yield _row(
                f"{committee} | {attack}",
                f"{told:.0%}",
                [
                    *(f"{one.mean:.1f} ({one.spread:.1f})" for one in cells),
                    f"{taught:.0f}",
                    f"{right:.0f} %" if taught else "",
                ],
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
                    "endorsements": played is self.endorsed,
                    "set": of.name,
                    "way": way,
                    "told": told,
                    **asdict(played.cell(of, way, told)),
                }
                for played in (self.endorsed, self.bare)
                for of in self.sets
                for way in WAYS
                for told in played.told
            ],
            "alone": {"endorsed": self.endorsed.alone, "bare": self.bare.alone},
            "attacked": [asdict(one) for one in self.attacked],
            "caught": [asdict(one) for one in self.caught],
        }


def _teaching(found: Sequence[Run | Attacked]) -> tuple[float, float]:
    """How many outcomes of a stream teach without a word, and what percentage of those is right,
    0 without any."""
    taught = sum(one.taught for one in found)
    return taught / len(found), 100 * sum(one.true for one in found) / max(1, taught)


def _row(name: str, told: str, cells: Sequence[str], last: str | None = None) -> str:
    return "| " + " | ".join([name, told, *cells, *([] if last is None else [last])]) + " |"
