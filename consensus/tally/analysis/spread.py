"""How sure strengths are: covariance, standard errors, and the chance of being the best."""

import numpy as np

from .graph import Floats, Wins

DRAWS = 100_000
"""Default number of draws: a chance of one half is then known to 0.0016 (one standard error)."""

AT_ONCE = 1 << 20
"""Numbers that are drawn at a time, eight megabytes."""


def covariance(given: Wins, log_strengths: Floats, *, prior: float = 1.0) -> Floats:
    """Covariance of the log-strengths at the mode, in square nats: the inverse information.

    Without a prior it is that of the deviations from the mean (the generalised inverse, whose rows
    sum to zero). Takes time as the cube of the items and memory as their square.
    """
    p = np.exp(log_strengths)
    information = given.information(p)
    if prior:
        information.flat[:: given.items + 1] += prior * p / ((p + 1.0) * (p + 1.0))
        return np.asarray(np.linalg.inv(information), dtype=np.float64)
    size = max(1, given.items)
    level = float(information.trace()) / size or 1.0  # of the size of the rest, whatever it is
    found = np.linalg.inv(information + level / size) - 1.0 / (level * size)
    return np.asarray(found, dtype=np.float64)


def standard_errors(given: Wins, log_strengths: Floats, *, prior: float = 1.0) -> Floats:
    """Standard errors of the log-strengths at the mode, in nats, as in `covariance`."""
    found: Floats = np.sqrt(covariance(given, log_strengths, prior=prior).diagonal())
    return found


def best_probabilities(
    log_strengths: Floats,
    spread: Floats,
    generator: np.random.Generator,
    *,
    draws: int = DRAWS,
) -> Floats:
    """The chance of each item to be the best, by draws from the normal distribution of mean
    `log_strengths` and covariance `spread` (Laplace's approximation of the posterior).

    The caller's generator is all that chance comes from. Sums to one; none for no items.
    """
    items = len(log_strengths)
    if not items:
        return np.zeros(0)
    # spread = root root', also where the mean is known exactly and Cholesky's would stumble
    values, vectors = np.linalg.eigh(spread)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    found = np.zeros(items)
    at_once = max(1, AT_ONCE // items)
    for at in range(0, draws, at_once):
        drawn = generator.standard_normal((min(at_once, draws - at), items)) @ root.T
        drawn += log_strengths
        found += np.bincount(drawn.argmax(1), minlength=items)
    return found / draws
