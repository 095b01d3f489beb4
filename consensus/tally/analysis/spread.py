"""How sure strengths are: covariance, standard errors, and the chance of being the best."""

from collections.abc import Sequence

import numpy as np

from ..count import Count
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
    groups: Sequence[Sequence[int]] | None = None,
) -> Floats:
    """The chance of each item to be the best, by draws from the normal distribution of mean
    `log_strengths` and covariance `spread` (Laplace's approximation of the posterior).

    `groups` are positions whose strengths are added, none empty; the chances are then theirs, in
    their order. The caller's generator is all that chance comes from. Sums to one; none for no
    items.
    """
    items = len(log_strengths)
    if not items:
        return np.zeros(0)
    summed = groups is not None and any(len(group) > 1 for group in groups)
    if groups is not None and not summed:  # each item by itself, in an order of its own
        order = [at for group in groups for at in group]
        log_strengths, spread = log_strengths[order], spread[np.ix_(order, order)]
        items = len(order)
    # spread = root root', also where the mean is known exactly and Cholesky's would stumble
    values, vectors = np.linalg.eigh(spread)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    found = np.zeros(len(groups) if groups is not None else items)
    at_once = max(1, AT_ONCE // items)
    for at in range(0, draws, at_once):
        drawn = generator.standard_normal((min(at_once, draws - at), items)) @ root.T
        drawn += log_strengths
        if groups is not None and summed:
            np.exp(drawn, out=drawn)
            drawn = np.stack([drawn[:, list(group)].sum(1) for group in groups], axis=1)
        found += np.bincount(drawn.argmax(1), minlength=len(found))
    return found / draws


def best_of(count: Count, seed: bytes, *, draws: int = DRAWS) -> tuple[float, ...] | None:
    """The chance of each class of a round to have the highest strength, by the round's own fit.

    In the order of `count.classes.items`, the same for the same `seed` and NumPy. A class that was
    never compared stands where the prior has it, and is as unsure as the prior: if none was,
    all have the same chance, but for the draws. None where the fit came to no rest, since there is
    no mode then to draw around; nothing for no classes. The policy's rule does not show here: it
    may name another winner than the strongest (O7).
    """
    if not count.fit.converged:
        return None
    if not count.classes.items:
        return ()
    found = best_probabilities(
        np.log(np.asarray(count.fit.strengths)),
        np.asarray(count.covariance),
        np.random.default_rng(int.from_bytes(seed, "big")),
        draws=draws,
        groups=count.groups,
    )
    return tuple(map(float, found))
