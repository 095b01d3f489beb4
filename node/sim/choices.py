"""What a schedule lets go wrong, by name, and the fewest of it that still fail.

A run asks `Choices.take` before every fault: a lost message, a crash, a lie. What it took can be
played again in part, so a failing run is cut down by delta debugging (Zeller and Hildebrandt,
"Simplifying and isolating failure-inducing input", 2002, algorithm ddmin).
"""

from collections import Counter
from collections.abc import Callable, Sequence


class Choices:
    """The faults of one run: each has a name, which is its kind and its number of that kind.

    With `only`, no other fault happens. Chance is drawn all the same, so that a run with fewer
    faults stays as close to the whole one as it can.
    """

    def __init__(self, only: frozenset[str] | None = None) -> None:
        self.taken: list[str] = []
        self._only = only
        self._counts: Counter[str] = Counter()

    def take(self, what: str) -> bool:
        """Whether this fault is to happen; it is written down if so."""
        self._counts[what] += 1
        name = f"{what} {self._counts[what]}"
        if self._only is not None and name not in self._only:
            return False
        self.taken.append(name)
        return True


def fewest(
    faults: Sequence[str], fails: Callable[[frozenset[str]], bool], *, most: int = 400
) -> list[str]:
    """A part of `faults` with which a run still fails, and without any one of which it does not.

    `fails` plays a run with those faults alone. After `most` runs the least part so far is given.
    """
    left, parts, runs = list(faults), 2, 0
    if fails(frozenset()):
        return []
    while len(left) > 1 and runs < most:
        size = -(-len(left) // parts)
        chunks = [left[at : at + size] for at in range(0, len(left), size)]
        rests = [[one for one in left if one not in set(chunk)] for chunk in chunks]
        for candidate in [*chunks, *(rests if len(chunks) > 2 else [])]:
            runs += 1
            if fails(frozenset(candidate)):
                # A chunk alone starts over; a complement goes on with as fine a grain.
                parts = 2 if candidate in chunks else max(2, parts - 1)
                left = candidate
                break
            if runs >= most:
                break
        else:
            if parts >= len(left):
                break
            parts = min(len(left), 2 * parts)
    return left
