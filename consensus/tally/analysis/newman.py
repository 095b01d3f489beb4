"""Bradley-Terry strengths of one set of comparisons, small or large.

Newman (2023, J. Mach. Learn. Res. 24, 1-25, eq. 9 and, with a prior, eq. 30) iterates

    p_i <- sum_j w_ij p_j / (p_i + p_j)  /  sum_j w_ji / (p_i + p_j)

which near the maximum is Newton's step by the diagonal of the information. Here all items move at
once, and Anderson's (1965; Walker and Ni 2011) extrapolation over the last few sweeps, in
logarithms, takes out the slow directions and the oscillation that moving all at once has on
bipartite graphs. What that does not bring to rest, and what is so small that
calls cost more than arithmetic, is solved by Newton's method: by elimination on a matrix, by
conjugate gradients on a list.
"""

from dataclasses import dataclass

import numpy as np

from .graph import Floats, Wins, check_maximum

DEPTH = 5
"""Sweeps that are extrapolated over."""

SWEEPS = 60
"""Sweeps before Newton's method takes over; seven to twelve do on graphs without bottlenecks."""

FEW = 72
"""Items up to which Newton's method is faster from the start."""

STEPS = 100
"""Newton steps. Three to eight are needed as a rule."""

STILL = 1e-12
"""Default tolerance: largest step that is taken for rest, in nats, and still made."""

WARM = 4
"""Plain sweeps before Newton's steps, each of which costs two to four as much."""

QUADRATIC = 1e-6
"""A step of Newton's that is small enough to be the last at that tolerance: its square is."""

FAR = 300.0
"""Strengths are kept within e^300 of one another, far from overflow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """Log-strengths in nats, and whether the steps came to rest within the tolerance.

    With a prior they are relative to the ghost's; without one their mean is zero. `sweeps` and
    `steps` say how many of Newman's and Newton's were made.
    """

    log_strengths: Floats
    converged: bool
    sweeps: int
    steps: int


def solve(given: Wins, *, prior: float = 1.0, tolerance: float = STILL) -> Solution:
    """The mode for these wins, with `prior` pseudo-comparisons of each item with a ghost of
    strength 1, half of them won (as in `bradley_terry.fit`), or none if it is zero.

    With a prior every graph, empty, one-sided or disconnected, has one finite mode. Without one
    only a strongly connected graph has, and `NoMaximumError` is raised on others; no item and
    one item alone are at zero. Raises `ValueError` if `prior` is negative or not finite.
    """
    if not 0.0 <= prior < np.inf:
        raise ValueError(f"a prior of {prior} is not zero or above")
    if prior == 0.0:
        check_maximum(given)
    if given.items < (1 if prior else 2):
        return Solution(log_strengths=np.zeros(given.items), converged=True, sweeps=0, steps=0)
    sweeps, steps, logs, rested = 0, 0, np.zeros(given.items), False
    with np.errstate(all="ignore"):  # what runs out of digits is not converged
        if given.items > FEW:
            logs, sweeps, rested = _sweep(given, prior, tolerance)
        if not rested:
            logs, steps, rested = _newton(given, prior, tolerance, logs)
    if prior == 0.0:
        logs = logs - logs.mean()
    return Solution(log_strengths=logs, converged=rested, sweeps=sweeps, steps=steps)


def _moved(given: Wins, prior: float, logs: Floats) -> Floats:
    """How far one sweep moves the logarithms. Without a prior their mean stays at zero."""
    p = np.exp(logs)
    above, below = given.sweep(p)
    if prior:
        ghost = 0.5 * prior / (p + 1.0)
        above += ghost
        below += ghost
    step: Floats = np.log(above / below)
    step -= logs
    if prior:
        # What all strengths have in common only the ghost can tell. Sweeps would learn that at the
        # pace of the prior; it is where won and lost against the ghost are equal in sum.
        lean = np.tanh(0.5 * (logs + step))
        step -= np.clip(2.0 * lean.sum() / (1.0 - lean * lean).sum(), -1.0, 1.0)
    else:
        step -= step.sum() / step.size
    return step


def _sweep(given: Wins, prior: float, tolerance: float) -> tuple[Floats, int, bool]:
    """Newman's sweeps, extrapolated; logarithms, sweeps, whether they came to rest.

    A slow direction hides in a small sweep, so rest means that the extrapolated move, which is
    an estimate of what is still missing, is small as well.
    """
    logs, best, at_best = np.zeros(given.items), np.inf, np.zeros(given.items)
    past: list[tuple[Floats, Floats]] = []
    moves, changes = np.empty((2, DEPTH, given.items))
    kept, travelled = 0, 0.0
    for sweep in range(1, SWEEPS + 1):
        step = _moved(given, prior, logs)
        largest = _largest(step)
        if not largest <= 4.0 * best:  # led astray: back to the best, which is swept plainly
            logs, best, kept = at_best, np.inf, 0
            past.clear()
            continue
        if largest < best:
            best, at_best = largest, logs
        if past:
            place = kept % DEPTH
            change = np.subtract(step, past[-1][1], out=changes[place])
            np.subtract(logs, past[-1][0], out=moves[place])
            moves[place] += change
            kept += 1
        past[:] = [(logs, step)]
        move = _extrapolated(step, moves[: min(kept, DEPTH)], changes[: min(kept, DEPTH)])
        logs = logs + move
        moved = _largest(move)
        if kept and max(largest, moved) <= tolerance:
            return logs, sweep, True
        travelled += moved
        if not travelled <= FAR:  # rarely, so that most sweeps need not look
            logs, travelled = np.clip(logs, -FAR, FAR), 0.0
    return at_best, SWEEPS, False


def _extrapolated(step: Floats, moves: Floats, changes: Floats) -> Floats:
    """Anderson's move: the step, less what the last ones say that it leaves or overshoots.

    `changes` are those of the step between sweeps, `moves` those of where the step leads.
    """
    if not len(changes):
        return step
    gram = changes.dot(changes.T)
    gram.flat[:: len(gram) + 1] *= 1.0 + 1e-12  # what is nearly repeated counts once
    try:
        shares = np.linalg.solve(gram, changes.dot(step))
    except np.linalg.LinAlgError:
        return step
    found: Floats = step - shares.dot(moves)
    return found


def _newton(given: Wins, prior: float, tolerance: float, logs: Floats) -> tuple[Floats, int, bool]:
    """Newton's steps, of at most one nat; logarithms, steps, whether they came to rest."""
    if not logs.any():
        for _ in range(WARM):
            logs = np.clip(logs + _moved(given, prior, logs), -FAR, FAR)
    for steps in range(1, STEPS + 1):
        p = np.exp(logs)
        if prior:
            met = prior / (p + 1.0)
            step = given.newton(p, 0.5 * met * (1.0 - p), met * (p / (p + 1.0)))
        else:
            step = given.newton(p, 0.0, 0.0)
        largest = _largest(step)
        if not largest < np.inf:
            return logs, steps, False
        if largest > 1.0:
            step /= largest
        logs = logs + step
        if largest * largest <= tolerance:  # what it leaves is about its square
            return logs, steps, True
    return logs, STEPS, False


def _largest(step: Floats) -> float:
    return float(np.maximum.reduce(np.abs(step)))
