"""Who beat whom: wins as a matrix where there are many for each pair, as a list where not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

SMALL = 512
"""Items up to which wins are always kept as a matrix: 2 MB at most."""

CROWDED = 4
"""A matrix is kept if it has at most this many cells for each comparison: a cell costs about a
third of what a listed comparison does (no gathering, no scattering)."""

BLOCK = 32_768
"""Comparisons, or cells, that are worked on at a time, so that what stands between two steps
stays in a core's cache."""


PRECISE = 1e-8
"""Conjugate gradients end when what is left is this part of what was there."""

ROUNDS = 4
"""They are given up after this many rounds an item: in exact arithmetic one an item is enough."""


class NoMaximumError(ValueError):
    """Without a prior the likelihood has no single finite maximum on this graph."""


class Wins(Protocol):
    """The wins among `items` items, in either form. `p` below are strengths, one an item."""

    @property
    def items(self) -> int:
        """How many."""
        ...

    def sweep(self, p: Floats) -> tuple[Floats, Floats]:
        """Newman's (2023, eq. 9) two sums: of w_ij p_j / (p_i + p_j) and w_ji / (p_i + p_j)."""
        ...

    def information(self, p: Floats) -> Floats:
        """The negative Hessian in ln p, as a matrix."""
        ...

    def newton(self, p: Floats, pull: Floats | float, ridge: Floats | float) -> Floats:
        """Newton's step in ln p for the log-likelihood and a prior of gradient `pull` and
        information `ridge`, a diagonal.

        Without a prior (floats of zero) the information leaves a common factor of all strengths
        open: the step is the one whose mean is zero. Not a number where there is none.
        """
        ...

    def reached(self, forward: bool) -> npt.NDArray[np.bool_]:
        """Which items the first has beaten (or, not `forward`, has lost to) through any chain."""
        ...


def wins(
    winners: npt.ArrayLike,
    losers: npt.ArrayLike,
    items: int,
    weights: npt.ArrayLike | None = None,
) -> "Matrix | Listed":
    """Wins from comparisons: `winners[k]` beat `losers[k]`, by position, `weights[k]` times (once).

    A tie is two comparisons of weight 1/2. Raises `ValueError` if positions are out of range, an
    item beats itself, or a weight is negative or not finite.
    """
    won = np.ascontiguousarray(winners, dtype=np.intp)
    lost = np.ascontiguousarray(losers, dtype=np.intp)
    weight = None if weights is None else np.ascontiguousarray(weights, dtype=np.float64)
    if (
        won.ndim != 1
        or won.shape != lost.shape
        or (weight is not None and weight.shape != won.shape)
    ):
        raise ValueError("winners, losers and weights are vectors of one length")
    if won.size and (min(won.min(), lost.min()) < 0 or max(won.max(), lost.max()) >= items):
        raise ValueError(f"a position is outside 0..{items - 1}")
    if (won == lost).any():
        raise ValueError("an item is compared with itself")
    if weight is not None and not (np.isfinite(weight) & (weight >= 0.0)).all():
        raise ValueError("a weight is negative or not finite")
    if items <= SMALL or items * items <= CROWDED * won.size:
        cells = np.bincount(won * items + lost, weight, items * items)
        return Matrix(cells.reshape(items, items).astype(np.float64, copy=False))
    return Listed(won, lost, np.ones(won.size) if weight is None else weight, items)


class Matrix:
    """Wins as a square matrix `w[i, j]`, of i over j, with a zero diagonal. For many comparisons.

    Raises `ValueError` for another shape, or entries that are negative or not finite.
    """

    def __init__(self, w: Floats) -> None:
        if w.ndim != 2 or w.shape[0] != w.shape[1]:
            raise ValueError("wins are a square matrix")
        if w.size and not (w.min() >= 0.0 and np.isfinite(w.sum())):
            raise ValueError("a win is negative or not finite")
        if w.diagonal().any():
            raise ValueError("an item is compared with itself")
        self.w = w
        self.items = len(w)
        self._rows = max(1, BLOCK // max(1, self.items))
        self._buffer = np.empty((min(self._rows, self.items), self.items))
        self._ones = np.ones(self.items)
        self._rounds: Floats | None = None
        self._lost = self._ones

    def sweep(self, p: Floats) -> tuple[Floats, Floats]:
        """See `Wins`."""
        if self.items <= self._rows:
            over = np.divide(self.w, np.add(p[:, None], p, out=self._buffer), out=self._buffer)
            return over.dot(p), self._ones.dot(over)
        above, below = np.empty(self.items), np.zeros(self.items)
        for at in range(0, self.items, self._rows):
            rows = slice(at, at + self._rows)
            mine = p[rows]
            over = np.add(mine[:, None], p, out=self._buffer[: len(mine)])
            np.divide(self.w[rows], over, out=over)
            np.dot(over, p, out=above[rows])
            below += self._ones[: len(mine)].dot(over)
        return above, below

    def information(self, p: Floats) -> Floats:
        """See `Wins`."""
        return self._derivatives(p)[1]

    def newton(self, p: Floats, pull: Floats | float, ridge: Floats | float) -> Floats:
        """See `Wins`."""
        gradient, information = self._derivatives(p)
        gradient += pull
        if isinstance(ridge, float):
            information += float(information.trace()) / (self.items * self.items)
        else:
            information.flat[:: self.items + 1] += ridge
        try:
            return np.asarray(np.linalg.solve(information, gradient), dtype=np.float64)
        except np.linalg.LinAlgError:
            return np.full(self.items, np.nan)

    def _derivatives(self, p: Floats) -> tuple[Floats, Floats]:
        """Gradient and negative Hessian in ln p."""
        if self._rounds is None:
            self._rounds = self.w + self.w.T
            self._lost = self._ones.dot(self.w)
        share = np.add(p[:, None], p)
        np.divide(p, share, out=share)  # how often the row's item loses to the column's
        losses = self._rounds * share
        gradient = losses.dot(self._ones) - self._lost
        share = share.T
        losses *= share
        np.negative(losses, out=losses)
        losses.flat[:: self.items + 1] -= losses.dot(self._ones)
        return gradient, losses

    def reached(self, forward: bool) -> npt.NDArray[np.bool_]:
        """See `Wins`."""
        beat = (self.w if forward else self.w.T) > 0.0
        new: npt.NDArray[np.bool_] = beat[0].copy()
        new[0] = True
        if new.all():
            return new
        found = np.zeros(self.items, dtype=bool)
        while new.any():
            found |= new
            new = np.asarray(beat[new].any(0) & ~found)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """Wins as a list of comparisons (COO, repeats allowed), for many items and few comparisons."""

    won: Ints
    lost: Ints
    weight: Floats
    items: int

    def sweep(self, p: Floats) -> tuple[Floats, Floats]:
        """See `Wins`."""
        above, below = np.zeros(self.items), np.zeros(self.items)
        for at in range(0, self.won.size, BLOCK):
            block = slice(at, at + BLOCK)
            won, lost = self.won[block], self.lost[block]
            theirs = p[lost]
            over = p[won]
            over += theirs
            np.divide(self.weight[block], over, out=over)
            below += np.bincount(lost, over, self.items)
            over *= theirs
            above += np.bincount(won, over, self.items)
        return above, below

    def information(self, p: Floats) -> Floats:
        """See `Wins`."""
        cells = np.zeros(self.items * self.items)
        for won, lost, bend in self._blocks(p):
            np.subtract.at(cells, won * self.items + lost, bend)
        found = cells.reshape(self.items, self.items)
        found = found + found.T
        found.flat[:: self.items + 1] = -found.sum(1)
        return found

    def newton(self, p: Floats, pull: Floats | float, ridge: Floats | float) -> Floats:
        """See `Wins`. By conjugate gradients (Hestenes and Stiefel 1952) on the list, with the
        diagonal as preconditioner."""
        above, below = self.sweep(p)
        gradient = above - p * below + pull
        bends = np.concatenate([bend for _, _, bend in self._blocks(p)] or [np.empty(0)])
        diagonal = np.full(self.items, 0.0) + ridge
        diagonal += np.bincount(self.won, bends, self.items)
        diagonal += np.bincount(self.lost, bends, self.items)
        free = isinstance(ridge, float)
        step, left = np.zeros(self.items), gradient
        scaled = left / diagonal
        along, size = scaled, float(left @ scaled)
        enough = size * PRECISE * PRECISE
        for _ in range(ROUNDS * self.items):
            if not size > enough:
                break
            curved = ridge * along
            for at in range(0, self.won.size, BLOCK):
                block = slice(at, at + BLOCK)
                won, lost = self.won[block], self.lost[block]
                pull = along[won]
                pull -= along[lost]
                pull *= bends[block]
                curved += np.bincount(won, pull, self.items)
                curved -= np.bincount(lost, pull, self.items)
            far = size / float(along @ curved)
            step += far * along
            left -= far * curved
            if free:
                left -= left.mean()
            scaled = left / diagonal
            size, before = float(left @ scaled), size
            along = scaled + (size / before) * along
        return step - step.mean() if free else step

    def _blocks(self, p: Floats) -> Iterator[tuple[Ints, Ints, Floats]]:
        for at in range(0, self.won.size, BLOCK):
            block = slice(at, at + BLOCK)
            won, lost = self.won[block], self.lost[block]
            mine, theirs = p[won], p[lost]
            both = mine + theirs
            yield won, lost, self.weight[block] * (mine / both) * (theirs / both)

    def reached(self, forward: bool) -> npt.NDArray[np.bool_]:
        """See `Wins`."""
        counted = self.weight > 0.0
        above, below = self.won[counted], self.lost[counted]
        if not forward:
            above, below = below, above
        found = np.zeros(self.items, dtype=bool)
        found[:1] = True
        known = 0
        while (reached := int(found.sum())) > known:
            known = reached
            found[below[found[above]]] = True
        return found


def check_maximum(given: Wins) -> None:
    """Raises `NoMaximumError` unless every item has beaten every other through some chain.

    That is when the likelihood without a prior has one finite maximum (Ford 1957; Zermelo 1929).
    """
    if given.items < 2:
        return
    ahead, behind = given.reached(forward=True), given.reached(forward=False)
    missing = int((~(ahead & behind)).sum())
    if missing:
        raise NoMaximumError(
            f"{missing} of {given.items} items are not both above and below the first through "
            "any chain of wins, so without a prior their strengths have no finite maximum: give a "
            "prior above zero, or solve each strongly connected part by itself"
        )
