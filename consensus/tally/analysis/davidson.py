"""Davidson's (1970) ties and a position term by NumPy: `tally.davidson` for many items.

The same likelihood, the same prior and the same method as there; see there for the sources.
"""

from dataclasses import dataclass

import numpy as np

from .graph import Floats
from .newman import FAR, QUADRATIC, STEPS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ties:
    """Log-strengths in nats, relative to the ghost's, and whether the steps came to rest.

    `log_tie` is ln nu, minus infinity if ties are no outcome; `log_place` is ln gamma, zero
    without a position term. `information` is the observed one in the log-strengths, then
    ln nu, then ln gamma, as far as they were fitted: its inverse is their covariance.
    """

    log_strengths: Floats
    log_tie: float
    log_place: float
    information: Floats
    converged: bool


def solve_ties(
    won: Floats,
    lost: Floats,
    tied: Floats | None = None,
    *,
    prior: float = 1.0,
    position: bool = False,
) -> Ties:
    """The mode for square matrices of what became of i, shown first, against j: `won[i, j]`,
    `lost[i, j]` and, if ties are an outcome, `tied[i, j]`.

    Raises `ValueError` if shapes differ, an entry is negative or not finite, a diagonal is not
    zero, or `prior` is not above zero: without it there is a maximum on some graphs only.
    """
    given = [np.asarray(of, dtype=np.float64) for of in (won, lost, tied) if of is not None]
    items = len(given[0])
    for of in given:
        if of.shape != (items, items):
            raise ValueError("won, lost and tied are square matrices of one shape")
        if of.size and not (of.min() >= 0.0 and np.isfinite(of.sum())):
            raise ValueError("an outcome is negative or not finite")
        if of.diagonal().any():
            raise ValueError("an item is compared with itself")
    if not 0.0 < prior < np.inf:
        raise ValueError(f"a prior of {prior} is not above zero")
    ties = tied is not None
    # the ghost, last, meets itself: what is known of nu and gamma before
    won, lost, tied = (np.pad(of, (0, 1)) for of in (*given, np.zeros_like(given[0]))[:3])
    if ties or position:
        part = prior / 3.0 if ties else 0.5 * prior
        won[-1, -1] = lost[-1, -1] = part
        tied[-1, -1] = part if ties else 0.0
    logs = np.zeros(items + ties + position)
    largest, steps = np.inf, 0
    while True:
        gradient, information = _derivatives(won, lost, tied, prior, logs, ties, position)
        if largest <= QUADRATIC or steps == STEPS:
            break
        move = np.linalg.solve(information, gradient)
        largest = float(np.abs(move).max(initial=0.0))
        logs = np.clip(logs + move / max(1.0, largest), -FAR, FAR)
        steps += 1
    return Ties(
        log_strengths=logs[:items],
        log_tie=float(logs[items]) if ties else -np.inf,
        log_place=float(logs[-1]) if position else 0.0,
        information=information,
        converged=largest <= QUADRATIC,
    )


def _derivatives(
    won: Floats,
    lost: Floats,
    tied: Floats,
    prior: float,
    logs: Floats,
    ties: bool,
    position: bool,
) -> tuple[Floats, Floats]:
    """Gradient and negative Hessian in all the logarithms; `tally.likelihood.bends` by matrices."""
    items = len(won) - 1
    strengths = np.append(logs[:items], 0.0)
    odds = strengths[:, None] - strengths + (logs[-1] if position else 0.0)
    root = np.exp(-0.5 * np.abs(odds))
    first = np.where(odds >= 0.0, 1.0, root * root)
    second = np.where(odds >= 0.0, root * root, 1.0)
    tie = np.exp(logs[items]) * root if ties else np.zeros_like(root)
    either, lean, rounds = first + second, first - second, won + lost + tied
    whole = either + tie
    slope = (won * (tie + 2.0 * second) - lost * (tie + 2.0 * first) - tied * lean) / (2.0 * whole)
    bend = rounds * (4.0 * first * second + tie * either) / (4.0 * whole * whole)
    gradient, information = np.zeros(len(logs)), np.zeros((len(logs), len(logs)))
    gradient[:items] = (slope.sum(1) - slope.sum(0))[:items]
    information[:items, :items] = -(bend + bend.T)[:items, :items]
    p = np.exp(strengths[:items])
    gradient[:items] += 0.5 * prior * (1.0 - p) / (1.0 + p)
    own = (bend.sum(1) + bend.sum(0))[:items] + prior * p / ((1.0 + p) * (1.0 + p))
    information[np.arange(items), np.arange(items)] = own
    if ties:
        mixed = -0.5 * rounds * tie * lean / (whole * whole)
        gradient[items] = ((tied * either - (won + lost) * tie) / whole).sum()
        information[items, items] = (rounds * tie * either / (whole * whole)).sum()
        across = (mixed.sum(1) - mixed.sum(0))[:items]
        information[items, :items] = information[:items, items] = across
    if position:
        gradient[-1] = slope.sum()
        across = (bend.sum(1) - bend.sum(0))[:items]
        information[-1, :items] = information[:items, -1] = across
        information[-1, -1] = bend.sum()
        if ties:
            information[-1, items] = information[items, -1] = mixed.sum()
    return gradient, information
