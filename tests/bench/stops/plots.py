"""Pictures of what a plateau sees, with where each rule stops. Needs matplotlib."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np

from consensus.exact import ONE_BP
from consensus.policy import STOPS, Policy

from .bandits import SHOWN, Regret
from .traces import CAP, Trace

mpl.use("Agg")
from matplotlib import pyplot as plt

COLOURS: Final = dict(
    zip(
        STOPS,
        ("tab:grey", "tab:green", "tab:blue", "tab:red", "tab:purple", "tab:orange"),
        strict=True,
    )
)


def one_trace(trace: Trace, title: str, path: Path) -> None:
    """Beliefs of one task's classes, its entropies and divergence, and the stops, by round."""
    plateaus = trace.plateaus(Policy(rounds=CAP, stops=""))
    rounds = range(1, len(plateaus) + 1)
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(8, 7), sharex=True, layout="constrained")
    answers = sorted({item.answer for one in trace.rounds for item in one.tally.classes})
    for answer in answers:
        held = [
            next((item.belief for item in one.tally.classes if item.answer == answer), 0) / ONE_BP
            for one in trace.rounds
        ]
        right = answer == trace.gold
        upper.plot(
            rounds,
            held,
            marker="o",
            linewidth=2.5 if right else 1,
            label=f"{answer} (right)" if right else answer,
        )
    upper.set_ylabel("belief of the class")
    upper.set_ylim(0, 1)
    upper.legend(fontsize=8)
    for name, values in (
        ("entropy H", [one.entropy for one in plateaus]),
        ("semantic entropy", [one.semantic for one in plateaus]),
        ("divergence D", [one.divergence for one in plateaus]),
    ):
        lower.plot(rounds, [value / ONE_BP for value in values], marker="o", label=name)
    lower.set_ylabel("share of the most it can be")
    lower.set_xlabel("round")
    lower.set_ylim(0, 1)
    for place, name in enumerate(STOPS):
        ended = trace.plateaus(Policy(rounds=CAP, stops=name))
        if ended[-1].reason == name:
            at = len(ended) + (place - 2.5) * 0.06
            for axis in (upper, lower):
                axis.axvline(at, color=COLOURS[name], linestyle="--", linewidth=1.2)
            lower.plot([], [], color=COLOURS[name], linestyle="--", label=f"stop: {name}")
    lower.legend(fontsize=8, ncols=2)
    upper.set_title(title)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def many(traces: Mapping[str, Sequence[Trace]], path: Path) -> None:
    """Means over each set's tasks by round: signals above, share of right answers below, with the
    mean round at which each rule stops."""
    figure, axes = plt.subplots(
        2,
        len(traces),
        figsize=(5 * len(traces), 7),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    rounds = np.arange(1, CAP + 1)
    for column, (title, of) in enumerate(traces.items()):
        seen = [trace.plateaus(Policy(rounds=CAP, stops="")) for trace in of]
        upper, lower = axes[0][column], axes[1][column]
        for name in ("entropy", "semantic", "divergence"):
            values = np.array([[getattr(one, name) for one in held] for held in seen]) / ONE_BP
            upper.plot(rounds, values.mean(axis=0), marker="o", label=name)
        upper.set_title(f"{title}, {len(of)} tasks")
        upper.set_ylim(0, 1)
        upper.legend(fontsize=8)
        right = np.array([[100 * trace.right(at) for at in rounds] for trace in of])
        error = right.std(axis=0, ddof=1) / np.sqrt(len(of))
        lower.errorbar(
            rounds, right.mean(axis=0), yerr=1.96 * error, marker="o", color="black", capsize=3
        )
        for name in STOPS:
            ends = [len(trace.plateaus(Policy(rounds=CAP, stops=name))) for trace in of]
            share = [trace.right(end) for trace, end in zip(of, ends, strict=True)]
            lower.plot(
                np.mean(ends),
                100 * np.mean(share),
                "D",
                color=COLOURS[name],
                markersize=9,
                label=name,
            )
        lower.legend(fontsize=8)
        lower.set_xlabel("round (diamonds: mean round of the stop)")
        lower.set_ylabel("right, %")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def regrets(found: Sequence[Regret], path: Path) -> None:
    """Mean regret by round, beside the bound."""
    figure, axis = plt.subplots(figsize=(8, 5), layout="constrained")
    for colour, one in zip(("tab:blue", "tab:orange", "tab:green"), found, strict=False):
        axis.plot(SHOWN + 1, one.course, color=colour, label=f"{one.name}: regret")
        axis.plot(
            one.horizons,
            one.bound,
            color=colour,
            linestyle=":",
            marker="x",
            label=f"{one.name}: bound",
        )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(bottom=1)
    axis.set_xlabel("rounds")
    axis.set_ylabel("regret")
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
