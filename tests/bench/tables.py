"""Figures as plain tables, each with what was measured and how."""

import textwrap
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import ceil

WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`how` says how the figures were taken; the first column of `rows` says of what."""

    title: str
    how: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def lines(self) -> list[str]:
        """The table as text: what is measured to the left, figures to the right."""
        every = [self.columns, *self.rows]
        first, *widths = (max(map(len, column)) for column in zip(*every, strict=True))
        return [
            self.title,
            *textwrap.wrap(self.how, WIDTH - 2, initial_indent="  ", subsequent_indent="  "),
            "",
            *(
                (
                    f"  {name:<{first}}"
                    + "".join(f"{cell:>{w + 4}}" for cell, w in zip(cells, widths, strict=True))
                ).rstrip()
                for name, *cells in every
            ),
        ]


Section = Callable[[], Awaitable[Table]]
"""One table of the report, measured when called."""


def percentile(ascending: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile: a figure that was measured, none between two."""
    return ascending[max(1, ceil(len(ascending) * percent / 100)) - 1]
