"""Thousands of small Bradley-Terry problems at once: one Newton step of all in each sweep.

Problems lie along the last axis, so that every operation runs over as many numbers as there
are problems, the elimination included: calls into LAPACK one problem at a time, or a loop
over problems, would cost more than the arithmetic.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .graph import Floats
from .newman import FAR, QUADRATIC, STEPS

TOGETHER = 131_072
"""Cells (problems times items times items) that are worked on at a time: a megabyte, which
stays in a core's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Log-strengths in nats, shape (problems, items), and which problems came to rest.

    With a prior they are relative to the ghost's; without one the mean of each problem is zero,
    and a problem whose likelihood has no single finite maximum is not a number throughout and
    not converged.
    """

    log_strengths: Floats
    converged: npt.NDArray[np.bool_]


def solve_batch(wins: Floats, *, prior: float = 1.0) -> Batch:
    """The modes for `wins`, shape (problems, items, items): `wins[k, i, j]` of i over j.

    `prior` is as in `solve`. Accurate to about 1e-12 nats. Raises `ValueError` for another shape,
    for wins that are negative or not finite, or a diagonal that is not zero. Meant for up
    to some thirty items: work grows as the cube, with a call for each cell.
    """
    wins = np.asarray(wins, dtype=np.float64)
    if wins.ndim != 3 or wins.shape[1] != wins.shape[2]:
        raise ValueError("wins of a batch are of shape (problems, items, items)")
    if wins.size and not (wins.min() >= 0.0 and np.isfinite(wins.sum())):
        raise ValueError("a win is negative or not finite")
    if np.einsum("kii->k", wins).any():
        raise ValueError("an item is compared with itself")
    if not 0.0 <= prior < np.inf:
        raise ValueError(f"a prior of {prior} is not zero or above")
    problems, items = wins.shape[:2]
    logs = np.full((problems, items), np.nan)
    converged = np.zeros(problems, dtype=bool)
    if items < (1 if prior else 2):
        return Batch(log_strengths=np.zeros((problems, items)), converged=~converged)
    together = max(1, TOGETHER // (items * items))
    for at in range(0, problems, together):
        part = slice(at, at + together)
        # wins[i, j, k], so that the problems are next to each other
        turned = np.ascontiguousarray(wins[part].transpose(1, 2, 0))
        with np.errstate(all="ignore"):  # what runs out of digits is not converged
            logs[part], converged[part] = _solve(turned, prior)
    return Batch(log_strengths=logs, converged=converged)


def _solve(wins: Floats, prior: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    items, _, problems = wins.shape
    found = np.full((items, problems), np.nan)
    converged = np.zeros(problems, dtype=bool)
    left = np.arange(problems)
    if not prior:
        left = left[_strongly_connected(wins)]
        wins = wins[:, :, left]
    rounds = wins + wins.transpose(1, 0, 2)
    won, lost = wins.sum(1), wins.sum(0)
    # Newman's first sweep, from strengths that are all one
    logs = np.log((won + 0.5 * prior) / (lost + 0.5 * prior))
    for _ in range(STEPS):
        if not left.size:
            break
        step = _step(rounds, won, np.exp(logs), prior)
        largest = np.abs(step).max(0)
        logs += step / np.maximum(1.0, largest)
        np.clip(logs, -FAR, FAR, out=logs)
        rested = largest <= QUADRATIC
        if rested.any():
            found[:, left[rested]] = logs[:, rested]
            converged[left[rested]] = True
            open_ = np.isfinite(largest) & ~rested
            left, logs = left[open_], logs[:, open_]
            rounds, won = rounds[:, :, open_], won[:, open_]
    found[:, left] = logs
    if not prior:
        found -= found.mean(0)
    return found.T, converged


def _step(rounds: Floats, won: Floats, p: Floats, prior: float) -> Floats:
    """Newton's step in ln p of every problem: (items, problems)."""
    items = len(p)
    gradient = won.copy()
    above = np.empty_like(rounds)  # the information, its upper triangle alone
    diagonal = np.zeros_like(p)
    for i in range(items - 1):
        met, theirs = rounds[i, i + 1 :], p[i + 1 :]
        both = p[i] + theirs
        losses = theirs / both
        share = np.divide(p[i], both, out=both)  # how often i wins
        losses *= met  # how often it loses, in all
        gradient[i + 1 :] -= losses
        gradient[i] -= (share * met).sum(0)
        share *= losses
        diagonal[i] += share.sum(0)
        diagonal[i + 1 :] += share
        np.negative(share, out=above[i, i + 1 :])
    if prior:
        ghost = prior / (p + 1.0)
        gradient += 0.5 * ghost * (1.0 - p)
        diagonal += ghost * p / (p + 1.0)
        free = items
    else:
        free = items - 1  # the last stays where it is; strengths have no common scale
    for i in range(free):
        above[i, i] = diagonal[i]
    return _eliminate(above, gradient, free)


def _eliminate(above: Floats, right: Floats, free: int) -> Floats:
    """Gaussian elimination of the symmetric systems whose upper triangles are `above`."""
    step = np.zeros_like(right)
    for k in range(free):
        row = above[k]
        factors = row[k + 1 : free] / row[k]
        for i in range(k + 1, free):
            above[i, i:free] -= factors[i - k - 1] * row[i:free]
        right[k + 1 : free] -= factors * right[k]
    for k in range(free - 1, -1, -1):
        rest = (above[k, k + 1 : free] * step[k + 1 : free]).sum(0)
        step[k] = (right[k] - rest) / above[k, k]
    return step


def _strongly_connected(wins: Floats) -> npt.NDArray[np.bool_]:
    """In which problems every item has beaten every other through some chain."""
    beat = wins > 0.0
    found = np.ones(beat.shape[2], dtype=bool)
    for way in (beat, beat.transpose(1, 0, 2)):
        reached = way[0].copy()
        reached[0] = True
        known = -1
        while not reached.all() and (count := int(reached.sum())) > known:
            known = count
            reached |= (way & reached[:, None]).any(0)
        found &= reached.all(0)
    return found
