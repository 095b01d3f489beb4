"""Linear equations in a fixed order, and standard errors from the information of a fit."""

from collections.abc import Sequence
from math import fsum, sqrt

Matrix = Sequence[Sequence[float]]


def solve(matrix: Matrix, right: Sequence[float]) -> list[float]:
    """x of `matrix` x = `right` by Gaussian elimination in row order.

    For an information of a concave likelihood with a proper prior, which is symmetric and
    positive definite, so that no pivot is looked for. Raises `ZeroDivisionError` at a pivot of
    zero.
    """
    solution, definite = solve_if_definite(matrix, right)
    if not definite and not solution:
        raise ZeroDivisionError("a pivot is zero")
    return solution


def solve_if_definite(matrix: Matrix, right: Sequence[float]) -> tuple[list[float], bool]:
    """The same, and whether `matrix` (symmetric) is positive definite: whether no pivot is
    zero or less. If one is, the solution has no meaning and is empty where it cannot be had.
    """
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    count = len(rows)
    definite = True
    for column in range(count):
        pivot = rows[column]
        if pivot[column] <= 0.0:
            definite = False
            if pivot[column] == 0.0:
                return [], False
        for row in rows[column + 1 :]:
            if row[column] != 0.0:
                factor = row[column] / pivot[column]
                for at in range(column, count + 1):
                    row[at] -= factor * pivot[at]
    solution = [0.0] * count
    for at in range(count - 1, -1, -1):
        rest = fsum(-rows[at][later] * solution[later] for later in range(at + 1, count))
        solution[at] = (rows[at][count] + rest) / rows[at][at]
    return solution, definite


def inverse(matrix: Matrix) -> list[list[float]]:
    """The inverse of a symmetric, positive definite `matrix`, by Gauss and Jordan in row order."""
    count = len(matrix)
    rows = [
        [*row, *(1.0 if at == to else 0.0 for to in range(count))] for at, row in enumerate(matrix)
    ]
    for column in range(count):
        pivot = rows[column][column]
        rows[column] = [value / pivot for value in rows[column]]
        for at in range(count):
            factor = rows[at][column]
            if at != column and factor != 0.0:
                rows[at] = [
                    value - factor * own for value, own in zip(rows[at], rows[column], strict=True)
                ]
    return [row[count:] for row in rows]


def errors(
    information: Matrix, strengths: Sequence[float], groups: Sequence[Sequence[int]]
) -> tuple[float, ...]:
    """Standard errors, in nats, of the logarithm of each group's strengths added, at the mode.

    `information` is the observed one (negative Hessian, prior included) in log-strengths first
    and whatever else was fitted after them; `groups` are positions in `strengths`. From its
    inverse C by the delta method: with w = s / (the group's sum of s), which is the gradient of
    the logarithm, the root of w C w. Of one position alone that is the root of C's diagonal.
    """
    found = []
    for group in groups:
        whole = fsum(strengths[at] for at in group)
        gradient = [0.0] * len(information)
        for at in group:
            gradient[at] = strengths[at] / whole
        spread = solve(information, gradient)
        # below zero only by rounding
        found.append(sqrt(max(0.0, fsum(gradient[at] * spread[at] for at in group))))
    return tuple(found)


def diagonal(matrix: Matrix) -> list[list[float]]:
    """The diagonal alone: an information as if all else were known, which can be inverted
    wherever a fit was left."""
    return [
        [cell if at == place else 0.0 for place, cell in enumerate(row)]
        for at, row in enumerate(matrix)
    ]
