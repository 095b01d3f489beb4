"""Pictures of the figures, for people to look at."""

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, quantiles
from typing import Final

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt  # after the backend is chosen

from reputation import Method, Scoring

from . import farmer, recorded
from .recorded import TOLD
from .report import MADE_UP, Report

SHOWN: Final = ("adaptive", "adaptive_capped", "best_member", "blend", "kemeny", "majority")
TURN: Final = 100


def draw(of: Report, folder: Path) -> Iterator[Path]:
    """Write all of them, and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, plot in (
        ("reputation", _reputation),
        ("feedback", _feedback),
        ("farmer", _farmer),
    ):
        figure = plot(of)
        figure.tight_layout()
        figure.savefig(folder / f"{name}.png", dpi=110)
        plt.close(figure)
        yield folder / f"{name}.png"


def _reputation(of: Report) -> plt.Figure:
    """Combined scores as authors over tasks: the mean over shuffles, and nine in ten of them."""
    pools = list(recorded.pools().items())
    figure, rows = plt.subplots(2, len(pools), figsize=(14, 7), sharey=True)
    for row, told in zip(rows, (0.0, 1.0), strict=True):
        for axes, (pool, found) in zip(row, pools, strict=True):
            runs = [run.scores for run in of.endorsed.runs if (run.pool, run.told) == (pool, told)]
            tasks = range(len(runs[0]))
            for at, member in enumerate(found.judged[0].members):
                series = [[run[task][at] / 100 for run in runs] for task in tasks]
                (line,) = axes.plot(tasks, list(map(fmean, series)), label=member.split("/")[-1])
                if len(runs) > 2:
                    cuts = [quantiles(one, n=20) for one in series]
                    low, high = [cut[0] for cut in cuts], [cut[-1] for cut in cuts]
                    axes.fill_between(tasks, low, high, alpha=0.15, color=line.get_color())
            axes.axhline(50, color="grey", lw=0.7)
            axes.set_ylim(10, 75)
            axes.set_title(f"{pool[:24]}, words on {told:.0%}", fontsize=10)
            axes.set_xlabel("tasks")
            axes.legend(fontsize=6, loc="lower left", ncols=2)
        row[0].set_ylabel("score as an author, %")
    figure.suptitle(MADE_UP, fontsize=10)
    return figure


def _feedback(of: Report) -> plt.Figure:
    """Accuracy against the share of tasks with a word."""
    pools = list(recorded.pools().values())
    figure, row = plt.subplots(1, len(pools), figsize=(14, 5))
    for axes, found in zip(row, pools, strict=True):
        at = [*of.sets].index(next(one for one in of.sets if one.name == found.name))
        for way in SHOWN:
            cells = [of.endorsed.cell(found, way, told) for told in TOLD]
            axes.errorbar(
                range(len(TOLD)),
                [cell.mean for cell in cells],
                yerr=[cell.spread for cell in cells],
                label=way,
                lw=2.5 if way == "adaptive" else 1,
                capsize=2,
            )
        axes.axhline(found.percent(found.best), color="k", ls=":", label="best single member")
        axes.axhline(
            of.endorsed.alone["majority"][at], color="grey", ls="--", label="majority, equal"
        )
        axes.set_xticks(range(len(TOLD)), [f"{told:.0%}" for told in TOLD])
        axes.set_xlabel("tasks with a client's word")
        axes.set_title(found.title, fontsize=9)
    row[0].set_ylabel("right, %")
    row[-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.suptitle(MADE_UP, fontsize=10)
    return figure


def _farmer(of: Report) -> plt.Figure:
    """One farmer's score, by method and share of tasks with a word; it turns at the line."""
    figure, row = plt.subplots(1, len(Method), figsize=(12, 4.5), sharey=True)
    for axes, method in zip(row, Method, strict=True):
        for told in farmer.TOLD:
            scores = [
                mine / 100
                for (mine, *_), _ in zip(
                    farmer.trace(Scoring(method=method), TURN, told, 0),
                    range(3 * TURN),
                    strict=False,
                )
            ]
            axes.plot(scores, label=f"words on {told:.0%}")
        axes.axvline(TURN, color="k", lw=0.7)
        axes.axhline(50, color="grey", lw=0.7)
        axes.set_title(f"a farmer, by {method}")
        axes.set_xlabel("tasks")
        axes.legend(fontsize=8)
    row[0].set_ylabel("score as an author, %")
    return figure
